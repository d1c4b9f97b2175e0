// Running a module in headless Chromium, whose WebGPU computes on the CPU there (SwiftShader).
import { existsSync } from "node:fs";
import process from "node:process";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const FLAGS = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--no-sandbox", // root, as in a container, has none
];

/** The path of Chromium: `$CHROMIUM`, else where systems put it; null where there is none. */
export function findChromium(): string | null {
  const { CHROMIUM } = process.env;
  return [...CHROMIUM ? [CHROMIUM] : [], ...PLACES].find((path) => existsSync(path)) ?? null;
}

/**
 * Bundles a module, loads it in a page and calls the function it put at `globalThis.main` with `argument`.
 * @returns what the function resolves to; it passes through JSON, as does the argument
 * @throws where there is no Chromium, the bundle cannot be made, or the function rejects
 */
export async function runInChromium(module: string, argument: unknown): Promise<unknown> {
  const executablePath = findChromium();
  if (!executablePath) {
    throw new Error("there is no Chromium; install it, or give its path as $CHROMIUM");
  }
  const { outputs: [bundle] } = await Bun.build({ entrypoints: [module], target: "browser" });
  const script = await bundle.text();
  // navigator.gpu exists in secure contexts alone: loopback is one, a file is not.
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) =>
      new URL(url).pathname === "/main.js"
        ? new Response(script, { headers: { "content-type": "text/javascript" } })
        : new Response(PAGE, { headers: { "content-type": "text/html" } }),
  });
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}`);
    await page.waitForFunction("globalThis.main !== undefined");
    return await page.evaluate(`globalThis.main(${JSON.stringify(argument)})`);
  } finally {
    await browser.close();
    await server.stop(true);
  }
}

const PAGE = `<!doctype html><script type="module" src="/main.js"></script>`;
