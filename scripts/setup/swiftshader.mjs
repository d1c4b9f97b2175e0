// SwiftShader, a software Vulkan driver, with a Vulkan loader, out of an npm package that carries
// them for headless browsers. Slower than lavapipe, but needs neither Debian nor apt.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { npm, output } from "./command.mjs";
import { cacheFolder, driverFolder } from "./paths.mjs";
import { driverEnvironment } from "./vulkan.mjs";

const source = "@sparticuz/chromium@147.0.0";
const integrity =
  "sha512-4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ==";
const member = "package/bin/swiftshader.tar.br";

/**
 * Downloads and unpacks SwiftShader with its Vulkan loader.
 * @returns {Record<string, string>} the environment that makes the Vulkan loader find it
 * @throws {Error} on other processors than x64, or when the download fails or is not the pinned one
 */
export function installSwiftshader() {
  if (process.arch !== "x64") throw new Error(`it is built for x64 only, not for ${process.arch}`);
  const download = emptied(join(cacheFolder, "swiftshader"));
  const [program, args, options] = npm(["pack", source, "--pack-destination", download]);
  output(program, args, { cwd: download, ...options });
  const archive = join(download, readdirSync(download)[0]);
  const actual = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (actual !== integrity) throw new Error(`${source} has ${actual} instead of ${integrity}`);

  output("tar", ["-xzf", archive, "-C", download, member]);
  const tar = join(download, "swiftshader.tar");
  writeFileSync(tar, brotliDecompressSync(readFileSync(join(download, member))));
  const folder = emptied(join(driverFolder, "swiftshader"));
  output("tar", ["-xf", tar, "--no-same-owner", "-C", folder]);
  return driverEnvironment(folder, /^vk_swiftshader_icd\.json$/);
}

/** @param {string} folder @returns {string} the folder, made or made empty */
function emptied(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}
