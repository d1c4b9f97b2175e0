import { curve, forest, frontier, summary } from "./figures.ts";
import { type Markup, markup, nothing } from "./markup.ts";
import { formatEstimate, mainScore, type Measure, measures, presentMethods } from "./measures.ts";
import { renderPage } from "./page.ts";
import { answers, resets } from "./samples.ts";
import { comparisonTitle } from "./table.ts";
import { methodTitles, type Metric, type Results, type Run } from "./types.ts";
import { duration } from "../host/progress.ts";
import { type Fact, verdict } from "./verdict.ts";

/** The report of a run as one HTML file. All text of the run, data and models included, is escaped. */
export function renderReport(run: Run): string {
  const { results, metrics, samples, config } = run;
  return renderPage(
    `Homeport: ${results.task}`,
    markup`${header(results)}
${warnings(results)}
${figures("Result", summaryCaption(results), summary(results))}
${table(results)}
${comparisons(results)}
${curves(metrics)}
${frontierSection(run)}
${results.rewardModel ? rewardModel(results.rewardModel) : nothing}
${answers(samples)}
${resets(samples)}
${data(results)}
${configuration(config)}`,
  );
}

function header(results: Results): Markup {
  const { headline, facts } = verdict(results);
  const { adapter, seed, seconds, prompts } = results;
  return markup`<header>
<p class="kicker">Homeport run report · ${results.task}</p>
<h1>${headline}</h1>
<ul class="facts">${facts.map(factItem)}</ul>
<dl class="about">
<div><dt>Held-out prompts</dt><dd>${prompts}</dd></div>
<div><dt>Seed</dt><dd>${seed}</dd></div>
<div><dt>Total time</dt><dd>${duration(seconds)}</dd></div>
<div><dt>Adapter</dt><dd>${adapter.name}${adapter.software ? " (software, slow)" : ""}</dd></div>
</dl>
</header>`;
}

const factSigns: Record<Fact["status"], string> = { good: "✓", bad: "✗", neutral: "=" };

function factItem({ status, text }: Fact) {
  return markup`<li class="${status}"><span class="sign">${factSigns[status]}</span>${text}</li>`;
}

function warnings({ warnings = [] }: Results) {
  return warnings.map((text) =>
    markup`<p class="warning" role="note"><strong>Warning.</strong> ${text}</p>`
  );
}

function summaryCaption(results: Results) {
  const score = mainScore(results).key === "gold"
    ? `The gold score is ${results.goldName ?? "the task's true score"}; training never saw it.`
    : "This task has no gold score, so the reward model that training maximised is the only " +
      "judge here: read the answers below before you believe it.";
  return `Measured on ${results.prompts} prompts that no training step saw. A dot is the mean, ` +
    `a bar its interval. ${score}`;
}

function figures(title: string, caption: string, panels: Markup[], legend = nothing) {
  if (panels.length === 0) return nothing;
  return markup`<section>
<h2>${title}</h2>
<p class="caption">${caption}</p>
${legend}
<div class="panels">${panels}</div>
</section>`;
}

function table(results: Results) {
  const methods = presentMethods(results);
  const heads = methods.map(({ name }) =>
    markup`<th scope="col"><span class="method ${name}">${methodTitles[name]}</span></th>`
  );
  const rows = measures(results).map((measure) =>
    markup`<tr><th scope="row">${rowHead(measure)}</th>${
      methods.map(({ result }) => markup`<td>${measure.cell(result) ?? "–"}</td>`)
    }<td class="meaning">${measure.meaning}</td></tr>`
  );
  return markup`<section>
<h2>All numbers</h2>
<p class="caption">Mean and interval in brackets. ▲ higher is better, ▼ lower is better.</p>
<div class="scroll"><table>
<thead><tr><th></th>${heads}<th scope="col" class="meaning">What it says</th></tr></thead>
<tbody>${rows}</tbody>
</table></div>
</section>`;
}

function rowHead({ title, unit, better }: Measure) {
  const direction = better === null
    ? nothing
    : better === "higher"
    ? markup` <span class="direction" title="higher is better">▲</span>`
    : markup` <span class="direction" title="lower is better">▼</span>`;
  return markup`${title}${direction}<small>${unit}</small>`;
}

function comparisons({ comparisons }: Results) {
  if (comparisons.length === 0) return nothing;
  const rows = comparisons.map((comparison) =>
    markup`<tr><th scope="row">${comparisonTitle(comparison).replaceAll(" - ", " − ")}</th>
<td>${formatEstimate(comparison.difference, 3)}</td></tr>`
  );
  return markup`<section>
<h2>Method against method</h2>
<p class="caption">Differences on the same prompts. An interval that holds 0 means that this run
cannot tell the two apart.</p>
<div class="scroll"><table><tbody>${rows}</tbody></table></div>
</section>`;
}

function curves(metrics: Metric[]) {
  const panels = (["reward", "gold", "kl"] as const).flatMap((y) =>
    (["episodes", "generatedTokens"] as const).flatMap((x) => curve(metrics, y, x) ?? [])
  );
  const caption = "Means over validation prompts, answered without resets now and then during " +
    "training: on the left by episodes, on the right by the tokens that the policy itself had to " +
    "generate.";
  const legend = markup`<p class="legend">${
    (["ppo", "drpo"] as const).map((name) =>
      markup`<span class="method ${name}"><span class="line"></span>${methodTitles[name]}</span>`
    )
  }</p>`;
  return figures("Training", caption, panels, legend);
}

function frontierSection(run: Run) {
  const figure = frontier(run);
  const caption = "Score bought for distance from the SFT model: up and to the left is better. " +
    "Large dots are the evaluation with its intervals, small ones the looks at validation prompts.";
  return figures("Score against KL", caption, figure ? [figure] : []);
}

function rewardModel({ accuracy, longerWins, pairs }: NonNullable<Results["rewardModel"]>) {
  const rows = [
    { title: "model", colour: "var(--drpo)", estimate: accuracy },
    { title: "longer", colour: "var(--sft)", estimate: longerWins },
  ];
  const caption = `How often the reward model prefers the chosen response of ${pairs} held-out ` +
    "pairs, beside the share in which the longer response is the chosen one. Tossing a coin " +
    "gives 50 %; with wrong labels in the data no model reaches 100 %.";
  return figures("Reward model", caption, [forest("held-out pairs right, %", rows, 1, 100)]);
}

const dataTitles: Record<string, string> = {
  rows: "Rows read",
  promptsCut: "Prompts cut to fit",
  dropped: "Rows dropped as too long",
  skippedBadRows: "Bad rows skipped",
};

function data({ data }: Results) {
  const items = Object.entries(data).map(([key, count]) =>
    markup`<div><dt>${dataTitles[key] ?? words(key)}</dt><dd>${
      count.toLocaleString("en")
    }</dd></div>`
  );
  return markup`<section><h2>Data</h2><dl class="about">${items}</dl></section>`;
}

/** `testPrompts` becomes `Test prompts`. */
function words(key: string) {
  const spaced = key.replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function configuration(config: Run["config"]) {
  return markup`<section><details>
<summary>Configuration</summary>
<pre>${JSON.stringify(config, null, 2)}</pre>
</details></section>`;
}
