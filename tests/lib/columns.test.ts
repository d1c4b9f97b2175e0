import { expect, test } from "bun:test";
import { columns } from "../../scripts/lib/columns.ts";

test("texts stand beside each other under their titles, wrapped between words", () => {
  const left = { title: "base", text: "one two three four five six\nseven" };
  const right = { title: "runs/tuned", text: "été" };
  expect(columns([left, right], 43)).toBe(
    [
      "base                   runs/tuned",
      "----                   ----------",
      "one two three four     été",
      "five six",
      "seven",
    ].join("\n"),
  );
});

test("a word that is too long is cut, and a narrow terminal still gets readable columns", () => {
  const text = "x".repeat(45);
  expect(columns([{ title: "t".repeat(30), text }], 4).split("\n")).toEqual(
    ["t".repeat(20), "-".repeat(20), "x".repeat(20), "x".repeat(20), "x".repeat(5)],
  );
});
