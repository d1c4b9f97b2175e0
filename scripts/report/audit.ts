import type { DataAudit } from "../../data/audit/data-audit.ts";
import type { ModelAudit } from "../../data/audit/model-audit.ts";
import { thresholds } from "../../data/audit/thresholds.ts";
import type { Verdict } from "../../data/audit/verdict.ts";
import { type AuditSection, auditSections } from "./audit-sections.ts";
import { type Markup, markup, nothing } from "./markup.ts";
import { renderPage } from "./page.ts";
import { align } from "./table.ts";

/** All that `scripts/audit.ts` finds out: what `--json` prints. */
export interface AuditReport {
  name: string;
  form: string;
  /** The first example and the counts, as text. */
  description: string;
  verdict: Verdict;
  data: DataAudit;
  /** Null without --model. */
  model: ModelAudit | null;
}

/** The audit as plain text: all numbers, then the verdict with its reasons. */
export function renderAudit(report: AuditReport): string {
  const sections = auditSections(report).map(({ title, rows }) =>
    `${title}\n${align(rows.map(([name, value]) => [`  ${name}`, value]))}`
  );
  return [report.description, ...sections, verdictText(report)].join("\n\n");
}

function verdictText({ verdict: { fitness, findings } }: AuditReport): string {
  const reasons = findings.map(({ fitness, text, why }) =>
    `  ${fitness === "not fit" ? "✗" : "!"} ${text}.\n    ${why}`
  );
  return [`Verdict: ${fitness} for DR-PO`, ...reasons].join("\n");
}

/** The audit as one HTML file; all text of the data is escaped. */
export function renderAuditPage(report: AuditReport): string {
  const { name, form, description, verdict } = report;
  return renderPage(
    `Homeport audit: ${name}`,
    markup`<header>
<p class="kicker">Homeport data audit · ${name} · ${form}</p>
<h1>This data is ${verdict.fitness} for DR-PO.</h1>
${findings(verdict)}
</header>
${auditSections(report).map(section)}
${judgements()}
<section><details><summary>What was read</summary><pre>${description}</pre></details></section>`,
  );
}

function findings({ findings }: Verdict): Markup {
  if (findings.length === 0) return nothing;
  const items = findings.map(({ fitness, text, why }) => {
    const grave = fitness === "not fit";
    return markup`<li class="${grave ? "bad" : "neutral"}"><span class="sign">${
      grave ? "✗" : "!"
    }</span>${text}. ${why}</li>`;
  });
  return markup`<ul class="facts">${items}</ul>`;
}

function section({ title, caption, rows }: AuditSection): Markup {
  const lines = rows.map(([name, value]) =>
    markup`<tr><th scope="row">${name}</th><td>${value}</td></tr>`
  );
  return markup`<section>
<h2>${title}</h2>
<p class="caption">${caption}</p>
<div class="scroll"><table><tbody>${lines}</tbody></table></div>
</section>`;
}

function judgements(): Markup {
  const rows = Object.entries(thresholds).map(([name, threshold]) => {
    const unfit = "unfit" in threshold ? String(threshold.unfit) : "–";
    return markup`<tr><th scope="row">${name}</th><td>${threshold.care}</td><td>${unfit}</td>
<td class="meaning">${threshold.why}</td></tr>`;
  });
  return markup`<section><details><summary>What the verdict goes by</summary>
<div class="scroll"><table>
<thead><tr><th></th><th scope="col">care</th><th scope="col">not fit</th><th scope="col" class="meaning">Why</th></tr></thead>
<tbody>${rows}</tbody></table></div></details></section>`;
}
