import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { parseHTML } from "linkedom";
import type { Coverage, QuickReward } from "../../data/audit/model-audit.ts";
import { preferenceTask } from "../../scripts/lib/preference-task.ts";
import type { AuditReport } from "../../scripts/report/audit.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "homeport-audit-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function audit(...words: string[]) {
  const child = Bun.spawn([process.execPath, path("scripts/audit.ts"), ...words], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, out, errors] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, out, errors };
}

test("a CSV of foul texts: the table, and a page that shows them as text", async () => {
  const foul = "<script>alert(1)</script> donâ€™t";
  const rows = Array.from({ length: 60 }, (_, i) => `Say ${i}:,${foul} ${i}, No ${i}`);
  writeFileSync(join(folder, "rated.csv"), ["question,good,bad", ...rows, "x"].join("\n"));
  const { code, out } = await audit(
    "rated.csv",
    "--columns",
    "prompt=question,chosen=good,rejected=bad",
  );
  expect(code).toBe(0);
  expect(out).toContain("preference pairs (prompt, chosen, rejected)");
  expect(out).toContain("Bad rows skipped: 1; rated.csv:62");
  expect(out).toContain("Verdict: not fit for DR-PO");
  const html = readFileSync(join(folder, "audit.html"), "utf8");
  const { document } = parseHTML(html);
  expect(document.querySelectorAll("script").length).toBe(0);
  expect(document.querySelector("h1")!.textContent).toContain("not fit for DR-PO");
  expect(document.querySelector("pre")!.textContent).toContain("<script>alert(1)</script>");
});

test("with the bundled model: its opinion, and a selection of references", async () => {
  const model = path("data/storyteller");
  const stories = gunzipSync(readFileSync(path("data/stories/test.jsonl.gz"))).toString();
  writeFileSync(join(folder, "stories.jsonl"), stories.split("\n").slice(0, 300).join("\n"));
  const { code, out, errors } = await audit(
    ...[
      "stories.jsonl",
      "--model",
      model,
      "--steps",
      "2",
      "--sample",
      "4",
      "--response-tokens",
      "40",
    ],
    ...["--select", "margin:0.1", "--out", "selected.jsonl", "--json"],
  );
  expect(errors).not.toContain("rror:");
  expect(code).toBe(0);
  const { model: opinion, verdict, data: found }: AuditReport = JSON.parse(out);
  expect(["fit", "fit with care", "not fit"]).toContain(verdict.fitness);
  expect(found.lengths.unit).toBe("tokens");
  // The model wrote these stories itself, at a temperature below 1.
  expect((opinion!.coverage as Coverage).covered.mean).toBeGreaterThan(0.8);
  expect((opinion!.reward as QuickReward).testPairs).toBeGreaterThan(10);
  const selected = readFileSync(join(folder, "selected.jsonl"), "utf8").trim().split("\n");
  const rows = selected.map((line) => JSON.parse(line));
  expect(rows.length).toBeGreaterThan(10);
  expect(Object.keys(rows[0])).toEqual(["prompt", "response", "margin", "id"]);
  // What a run makes of it: every selected response is there.
  const task = await preferenceTask(join(folder, "stories.jsonl"), {
    resets: join(folder, "selected.jsonl"),
  });
  expect(task.resets!.map(({ response }) => response)).toEqual(rows.map((row) => row.response));
}, 120_000);

test("selected chat messages stay messages", async () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({
    prompt: [{ role: "user", content: `What is ${i}?` }],
    chosen: [{ role: "assistant", content: `A number ${i}.` }],
    rejected: [{ role: "assistant", content: "No." }],
  }));
  const chat = join(folder, "chat.jsonl");
  writeFileSync(chat, rows.map((row) => JSON.stringify(row)).join("\n"));
  const { code } = await audit(chat, "--select", "novelty:0.5", "--out", "chosen.jsonl");
  expect(code).toBe(0);
  const { references, resets } = await preferenceTask(chat, {
    resets: join(folder, "chosen.jsonl"),
    chatTemplate: true,
  });
  expect(resets!.length).toBeGreaterThan(20);
  for (const { prompt, response, messages } of resets!) {
    const row = expect.objectContaining({ prompt, response, messages });
    expect(references.train).toContainEqual(row);
  }
});

const row = (i: number) => ({ prompt: `Day ${i},`, chosen: ` It rained ${i}.`, rejected: " No." });
const unmeasured: [name: string, rows: object[], reasons: string[]][] = [
  ["one row", [row(1)], ["Of 1 rows the", "of 1 references 1 can be used"]],
  [
    "one prompt",
    Array.from({ length: 30 }, (_, i) => ({ ...row(i), prompt: "Today," })),
    ["Of 30 rows the", "What a reward model learns from the labels was not measured: Of 30"],
  ],
  [
    "ties alone",
    Array.from({ length: 30 }, (_, i) => ({ ...row(i), chosen: " No." })),
    ["No row prefers one answer", "there are no references"],
  ],
];
for (const [name, rows, reasons] of unmeasured) {
  test(`${name}: a verdict that says what the model could not be asked`, async () => {
    writeFileSync(join(folder, "few.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const args = ["--steps", "1", "--sample", "2", "--response-tokens", "40"];
    const { code, out } = await audit("few.jsonl", "--model", path("data/storyteller"), ...args);
    expect(code).toBe(0);
    const verdict = out.slice(out.indexOf("Verdict: not fit for DR-PO"));
    for (const reason of reasons) expect(verdict).toContain(reason);
    const page = parseHTML(readFileSync(join(folder, "audit.html"), "utf8")).document;
    for (const reason of reasons) expect(page.querySelector("ul")!.textContent).toContain(reason);
  }, 60_000);
}

test("data without any preference is not fit, and says why", async () => {
  const rows = Array.from(
    { length: 60 },
    (_, i) => ({ prompt: `${i}?`, response: "a", rating: 3 }),
  );
  writeFileSync(join(folder, "flat.json"), JSON.stringify(rows));
  const config = { data: "flat.json", html: "flat.html", quiet: true };
  writeFileSync(join(folder, "audit.json"), JSON.stringify(config));
  const { code, out, errors } = await audit("--config", "audit.json");
  expect([code, errors]).toEqual([0, ""]);
  expect(out).toContain("✗ No row prefers one answer to another.");
  expect(out).not.toContain("The page is");
  expect(readFileSync(join(folder, "flat.html"), "utf8")).toContain("not fit for DR-PO");
});

test("mistakes are one message, those of the command line before anything is read", async () => {
  const cases = [
    { args: ["none.jsonl"], status: 1, says: "No file none.jsonl" },
    { args: ["rated.csv"], status: 1, says: "Columns found: question, good, bad" },
    { args: ["none.csv", "--select", "novelty:0.5"], says: "--out FILE belong together" },
    { args: ["none.csv", "--select", "luck:0.5", "--out", "x"], says: "one of reward, margin" },
    { args: ["none.csv", "--select", "reward:0.5", "--out", "x"], says: "give --model" },
    { args: ["none.csv", "--columns", "promt=question"], says: '"promt" is none of' },
  ];
  for (const { args, status = 2, says } of cases) {
    const { code, errors } = await audit(...args);
    expect(code).toBe(status);
    expect(errors).toContain(says);
    expect(errors).not.toContain("    at ");
  }
});
