// npx bun scripts/bench.ts --peers: the works of ./works.ts in Homeport and in the libraries nearest to it, on the
// same adapter, in turns.
import { openEngine } from "../host/engine.ts";
import { measureCeilings } from "../lib/ceilings.ts";
import { gptWeights } from "./gpt.ts";
import { Homeport } from "./homeport.ts";
import { installPeers } from "./install.ts";
import { jaxContender } from "./jax.ts";
import { compare } from "./rounds.ts";
import { heading, quotedRows, ratioLines, ratiosOf, type Row, rowOf, tableLines } from "./table.ts";
import { tfjsContender } from "./tfjs.ts";
import { type NamedWork, works } from "./works.ts";

export interface PeerOptions {
  /** Names of works; all of them where absent. */
  only?: readonly string[];
  /** Prints an object a line. */
  json: boolean;
}

/** The works of these names. @throws {Error} naming one that there is not */
export function selectWorks(only: readonly string[] | undefined): readonly NamedWork[] {
  const known = [...new Set(works.map(({ name }) => name))];
  const unknown = only?.find((name) => !known.includes(name));
  if (unknown) throw new Error(`There is no work "${unknown}"; there are ${known.join(", ")}`);
  return works.filter(({ name }) => !only || only.includes(name));
}

/** Measures and prints; ends with the ratios of Homeport to the best peer. */
export async function benchPeers({ only, json }: PeerOptions): Promise<void> {
  const selected = selectWorks(only);
  const { engine, adapter } = await openEngine();
  const say = (line: string) => json ? console.error(line) : console.log(line);
  installPeers(say);
  // The peers look for WebGPU where a browser has it.
  Object.defineProperty(navigator, "gpu", { value: globalThis.homeportDawn, configurable: true });
  const weights = await gptWeights(engine);
  const contenders = [
    new Homeport(engine),
    await jaxContender(weights),
    await tfjsContender(weights),
  ];
  const ceilings = await measureCeilings(engine);
  if (!json) heading(adapter.name, ceilings).forEach(say);
  const rows: Row[] = [];
  for (const named of selected) {
    const { measurements, remarks } = await compare(
      named.alone ? contenders.slice(0, 1) : contenders,
      named.work,
    );
    remarks.forEach((remark) => say(`${named.name} ${named.shape}: ${remark}`));
    const made = [
      ...measurements.map((measurement) => rowOf(named, measurement)),
      ...quotedRows(named),
    ];
    rows.push(...made);
    if (json) made.forEach((row) => console.log(JSON.stringify(row)));
    else tableLines(made, ceilings).forEach(say);
  }
  const ratios = ratiosOf(rows);
  if (json) console.log(JSON.stringify({ ratios }));
  else ratioLines(ratios).forEach(say);
  engine.destroy();
}
