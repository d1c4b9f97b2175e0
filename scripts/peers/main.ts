// npx bun scripts/bench.ts --peers: the works of ./works.ts in Homeport and in the libraries nearest to it, on the
// same adapter, in turns.
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ArgumentError } from "../host/arguments.ts";
import { openEngine } from "../host/engine.ts";
import { measureCeilings } from "../lib/ceilings.ts";
import { gpt, gptWeights, type Weight } from "./gpt.ts";
import { Homeport } from "./homeport.ts";
import { installPeers } from "./install.ts";
import { Local } from "./local.ts";
import { encodeWeight, type Request } from "./protocol.ts";
import { type Command, Remote } from "./remote.ts";
import { compare } from "./rounds.ts";
import {
  heading,
  leftOutLine,
  type LeftOutRow,
  PLAIN,
  quotedRows,
  ratioLines,
  ratiosOf,
  type Row,
  rowOf,
  tableLines,
} from "./table.ts";
import { torchCommand } from "./torch.ts";
import { type NamedWork, type Work, works } from "./works.ts";

export interface PeerOptions {
  /** Names of works; all of them where absent. */
  only?: readonly string[];
  /** Prints an object a line. */
  json: boolean;
}

/** The works of these names. @throws {ArgumentError} naming one that there is not */
export function selectWorks(only: readonly string[] | undefined): readonly NamedWork[] {
  const known = [...new Set(works.map(({ name }) => name))];
  const unknown = only?.find((name) => !known.includes(name));
  if (unknown) {
    throw new ArgumentError(`There is no work "${unknown}"; there are ${known.join(", ")}.`);
  }
  return works.filter(({ name }) => !only || only.includes(name));
}

/** Measures and prints; ends with the ratios of Homeport to the best peer. */
export async function benchPeers({ only, json }: PeerOptions): Promise<void> {
  const selected = selectWorks(only);
  const { engine, adapter } = await openEngine();
  const say = (line: string) => json ? console.error(line) : console.log(line);
  installPeers(say);
  const homeport = new Homeport(engine), ours = new Local(homeport);
  const peers = startPeers(await gptWeights(engine), say);
  const ceilings = await measureCeilings(engine);
  if (!json) heading(adapter.name, ceilings).forEach(say);
  const rows: Row[] = [];
  for (const named of selected) {
    const { work, beside = [] } = named;
    const turns = beside.map(({ work }) => ({ competitor: new Local(homeport), work }));
    const { measurements, leftOut } = await compare([ours, ...peers], work, turns);
    const nameOf = (work: Work) => beside.find((other) => other.work === work) ?? named;
    const made = [
      ...measurements.map((measurement) => rowOf(nameOf(measurement.work), measurement)),
      ...quotedRows(named),
    ];
    const missing = leftOut.map(({ work, engine, reason }): LeftOutRow => {
      const { name, shape } = nameOf(work);
      return { work: name, shape, engine, reason };
    });
    rows.push(...made);
    if (json) [...made, ...missing].forEach((row) => console.log(JSON.stringify(row)));
    else [...tableLines(made, ceilings), ...missing.map(leftOutLine)].forEach(say);
  }
  const ratios = ratiosOf(rows);
  if (json) console.log(JSON.stringify({ ratios }));
  else ratioLines(ratios).forEach(say);
  peers.forEach((peer) => peer.close());
  engine.destroy();
}

/** Each in a process of its own, so that one that gets stuck can be ended; PyTorch where it is installed. */
function startPeers(weights: readonly Weight[], say: (line: string) => void): Remote[] {
  const start: Request = { call: "start", gpt, weights: weights.map(encodeWeight) };
  const script = fileURLToPath(new URL("./child.ts", import.meta.url));
  const commands: [string, Command][] = ["jax-js", "tfjs"].map((name) => [
    name,
    { file: process.execPath, args: [script, name] },
  ]);
  const torch = torchCommand();
  if (torch) commands.push([PLAIN, torch]);
  else say(`${PLAIN}: python3 has no PyTorch here, so it is not among the rows.`);
  return commands.map(([name, command]) => new Remote(name, command, start));
}
