import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArgumentError } from "../../scripts/host/arguments.ts";
import { readConfigFile } from "../../scripts/host/config-file.ts";

const folder = mkdtempSync(join(tmpdir(), "homeport-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

const flags = {
  model: { type: "strings", help: "", least: 2 },
  loss: { type: "string", help: "", choices: ["sigmoid", "ipo"] },
  steps: { type: "integer", help: "", min: 1 },
  beta: { type: "number", help: "", max: 1 },
  skipBadRows: { type: "boolean", help: "" },
} as const;

function read(content: unknown) {
  const path = join(folder, "run.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return readConfigFile(path, "dpo", flags);
}

test("a file sets what the flags set, by hand or as a run wrote it", () => {
  const options = { model: ["a", "b"], loss: "ipo", steps: 3, beta: 0.5, skipBadRows: true };
  expect(read(options)).toEqual(options);
  expect(read({ steps: 3 })).toEqual({ steps: 3 });
  expect(read({ command: "dpo", options: { steps: 3 }, settings: {}, versions: {} }))
    .toEqual({ steps: 3 });
});

test.each([
  ["{steps: 1}", "is not JSON"],
  [[], "expected an object with flags"],
  [{ step: 1 }, 'there is no "step". Did you mean "steps"?'],
  [{ "skip-bad-rows": true }, 'there is no "skip-bad-rows". Did you mean "skipBadRows"?'],
  [{ elephant: 1 }, 'there is no "elephant".'],
  [{ steps: "3" }, '"steps": Invalid input: expected number'],
  [{ steps: 1.5 }, '"steps": Invalid input: expected int'],
  [{ steps: 0 }, '"steps": Too small'],
  [{ beta: 2 }, '"beta": Too big'],
  [{ loss: "hinge" }, '"loss": Invalid option'],
  [{ model: ["a"] }, '"model": Too small'],
  [{ command: "sft", options: {} }, "is of the command sft, and this is dpo"],
  [{ command: "dpo", options: { step: 1 } }, 'there is no "step"'],
])("%p is refused", (content, message) => {
  expect(() => read(content)).toThrow(message);
  expect(() => read(content)).toThrow(ArgumentError);
  expect(() => read(content)).toThrow("run.json");
});

test("a missing file is named", () => {
  expect(() => readConfigFile(join(folder, "none.json"), "dpo", flags)).toThrow("none.json");
});
