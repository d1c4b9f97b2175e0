import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { registry } from "../../engine/check/registry.ts";
import { pagePath } from "../../scripts/kernel/docs.ts";
import { indexPage, kernelPage, withSections } from "../../scripts/kernel/pages.ts";

const text = (name: string) => readFileSync(pagePath(name), "utf8");

for (const family of registry) {
  test(`docs/kernels/${family.name}.md is what the registry and the WGSL say`, () => {
    const page = text(family.name);
    expect(kernelPage(family, page)).toBe(page); // else: npx bun scripts/kernel.ts docs
  });
}

test("docs/kernels/README.md lists every op", () => {
  expect(indexPage(registry, text("README"))).toBe(text("README"));
});

test("a section is replaced where it stands, and added where it is missing", () => {
  const page = withSections("# title\n\nby hand\n", { one: "1", two: "2" });
  const after = withSections(`${page}\nmore by hand\n`, { one: "uno" });
  expect(after).toBe(
    `${page.replace("\n1\n", "\nuno\n")}\nmore by hand\n`,
  );
  expect(after).toContain("by hand\n\n<!-- one: written by kernel.ts docs -->\n\nuno\n");
  expect(() => withSections("<!-- one: written by kernel.ts docs -->", { one: "1" }))
    .toThrow("does not end with <!-- end of one -->");
});
