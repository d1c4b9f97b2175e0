import { expect, test } from "bun:test";
import { failures } from "../../engine/check/check.ts";
import { checkGrid } from "../../engine/check/grid.ts";
import { findFamily } from "../../engine/check/registry.ts";
import { newEngine } from "../support/engine.ts";

test(
  "rows as long as a vocabulary have 256 lanes on a real GPU, and the right numbers",
  async () => {
    const engine = await newEngine({ software: false });
    const lanes = new Map<string, number | undefined>();
    const { launch } = engine;
    engine.launch = (...all) => {
      const [shader, entry, , , , constants] = all;
      lanes.set(`${shader}.${entry}`, constants?.WORKGROUP);
      launch.apply(engine, all);
    };
    const families = ["kl", "logprob", "truncation"].map(findFamily);
    for await (const { deviations } of checkGrid(engine, families, { shapes: "few" })) {
      expect(failures(deviations)).toEqual([]);
    }
    for (const entry of ["kl.kl_rows", "logprob.forward", "truncation.truncation"]) {
      expect([entry, lanes.get(entry)]).toEqual([entry, 256]);
    }
    engine.destroy();
  },
  60_000,
);
