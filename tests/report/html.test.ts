import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseHTML } from "linkedom";
import { renderReport } from "../../scripts/report/html.ts";
import type { Run } from "../../scripts/report/types.ts";
import { exampleRun } from "./run.ts";

const hostile = [
  "</script><img src=x onerror=alert(1)>",
  '"><svg/onload=alert(1)>',
  "' onmouseover='alert(1)",
  "<!--",
  "]]></style><style>*{display:none}",
  "&lt;b&gt;&amp;amp;",
  "</textarea></title><iframe src=//evil>",
  "\u202egnp.exe\u0000\ud800",
  "${alert(1)}",
];

/** A run that has `text` in every place that data, models or a user can fill. */
function runWith(text: string): Run {
  const run = exampleRun();
  const { results, samples } = run;
  results.task = results.adapter.name = results.goldName = text;
  results.warnings = [text];
  results.data[`${text}.`] = 1;
  run.config = { [text]: [text] };
  for (const [index, sample] of samples.entries()) {
    sample.prompt = sample.split === "test" ? `${Math.floor(index / 3)} ${text}` : text;
    sample.response = text;
    if (sample.reference !== undefined) sample.reference = text;
    if (sample.reset) sample.reset.prefix = text;
  }
  return run;
}

const elements = (html: string) =>
  [...parseHTML(html).document.querySelectorAll("*")]
    .map((element) => [element.tagName, ...element.getAttributeNames()].join(" "));

test("no text of data or models becomes an element or an attribute", () => {
  const expected = elements(renderReport(runWith("text")));
  const texts = fc.oneof(
    fc.constantFrom(...hostile),
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom("<", ">", "&", '"', "'", "/", "b", " ", "=", "!", "-"))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(texts, (text) => expect(elements(renderReport(runWith(text)))).toEqual(expected)),
    { numRuns: 30, seed: 7, examples: hostile.map((text) => [text]) },
  );
}, 60_000);

test("text arrives as it was", () => {
  const text = "a < b && c > 'd' \"e\" &amp; <i>f</i>";
  const { document } = parseHTML(renderReport(runWith(text)));
  expect(document.querySelector(".forced[title]")!.textContent).toBe(text);
  expect(document.querySelector(".answer .text")!.textContent).toBe(text);
});

test("the page loads nothing and runs nothing", () => {
  const html = renderReport(exampleRun());
  const { document } = parseHTML(html);
  const loading = ["src", "srcset", "href", "xlink:href", "data", "poster", "action", "background"];
  for (const element of document.querySelectorAll("*")) {
    for (const name of element.getAttributeNames()) {
      expect(loading).not.toContain(name);
      expect(name).not.toStartWith("on");
    }
  }
  expect(document.querySelectorAll("script, link, iframe, img, object, embed, base")).toHaveLength(
    0,
  );
  expect(html).not.toMatch(/url\(|@import/);
  expect(html).toContain("default-src 'none'");
});

test("the place of a reset stands between the forced prefix and the generated text", () => {
  const { document } = parseHTML(renderReport(exampleRun()));
  const episode = document.querySelector(".forced[title]")!.parentElement!;
  expect([...episode.children].map((part) => part.textContent)).toEqual([
    "Lily liked to walk in the park with her mom. One day, she found",
    " a small bird that",
    "⟲",
    " sang a lovely song. Lily smiled.",
  ]);
});

test("a dozen prompts have their answers side by side", () => {
  const { document } = parseHTML(renderReport(exampleRun()));
  const groups = [...document.querySelectorAll(".answers")];
  expect(groups).toHaveLength(12);
  for (const group of groups) {
    expect([...group.querySelectorAll(".method")].map((title) => title.textContent))
      .toEqual(["SFT", "PPO", "DR-PO", "Reference of the data"]);
  }
});

test("a run without gold is judged by the reward model, and says so", () => {
  const run = exampleRun();
  run.results.goldName = null;
  run.results.winRateBy = "reward";
  for (const method of Object.values(run.results.methods)) method.gold = null;
  for (const metric of run.metrics) delete metric.gold;
  for (const sample of run.samples) delete sample.gold;
  const { document } = parseHTML(renderReport(run));
  expect(document.querySelector("h1")!.textContent).toContain("reward-model score");
  expect(document.body.textContent).toContain("This task has no gold score");
  const titles = [...document.querySelectorAll("figcaption")].map((title) => title.textContent);
  expect(titles).toContain("reward-model score against KL");
  expect(titles).not.toContain("gold score");
});

test("a run with only some methods and nothing logged has a report", () => {
  const run = exampleRun();
  delete run.results.methods.ppo;
  delete run.results.methods.drpo;
  run.results.comparisons = [];
  const bare = renderReport({ ...run, metrics: [], samples: [], config: {} });
  const { document } = parseHTML(bare);
  expect([...document.querySelectorAll("thead .method")].map((head) => head.textContent))
    .toEqual(["SFT"]);
  expect(bare).not.toMatch(/undefined|NaN|\[object/);
});

test("a run that was given its reward model says nothing of its accuracy", () => {
  const run = exampleRun();
  run.results.rewardModel = null;
  const { document } = parseHTML(renderReport(run));
  const titles = [...document.querySelectorAll("h2")].map((title) => title.textContent);
  expect(titles).not.toContain("Reward model");
  expect(document.querySelector(".facts")!.textContent).not.toContain("held-out pairs");
});

test("warnings are shown", () => {
  const run = exampleRun();
  run.results.warnings = ["Real posts contain offensive text."];
  expect(parseHTML(renderReport(run)).document.querySelector(".warning")!.textContent)
    .toContain("Real posts contain offensive text.");
});
