import { expect, test } from "bun:test";
import { copyModel, type Model } from "../../engine/nn/model.ts";
import { defaultAdamW } from "../../engine/nn/optimizer.ts";
import { directPreferenceGradients, DirectPreferenceTrainer } from "../../engine/rl/dpo.ts";
import {
  preferenceMargins,
  type ReferencedPair,
  withReference,
} from "../../engine/rl/preference-margins.ts";
import type { Pair } from "../../engine/rl/reward-model.ts";
import { expectClose } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { storyteller, tinySources } from "../support/tiny.ts";

/** Chosen responses hold the token 500, rejected ones the token 600. */
const pairs: Pair[] = tinySources(12).map(({ promptIds, referenceIds }) => ({
  promptIds,
  chosenIds: [500, ...referenceIds],
  rejectedIds: [600, 600, ...referenceIds.slice(1)],
}));
const dpo = { beta: 0.3, kind: "sigmoid", labelSmoothing: 0.1 } as const;
const settings = {
  ...dpo,
  steps: 6,
  batchSize: 4,
  schedule: { peak: 1e-3, kind: "constant", warmup: 0 },
  optimizer: defaultAdamW,
  microTokens: 60,
  seed: 1,
} as const;

/** The mean loss in float64, from the margins. */
async function loss(policy: Model, data: readonly ReferencedPair[], kind: "sigmoid" | "ipo") {
  const margins = await preferenceMargins(policy, data, 1000);
  const { beta, labelSmoothing: smoothing } = dpo;
  const one = (x: number) =>
    kind === "ipo" ? (x - 1 / (2 * beta)) ** 2 : (1 - smoothing) * Math.log1p(Math.exp(-beta * x)) +
      smoothing * Math.log1p(Math.exp(beta * x));
  return margins.reduce((sum, x) => sum + one(x), 0) / margins.length;
}

test.each(["sigmoid", "ipo"] as const)(
  "%s: loss and margins are those of float64, the gradient that of finite differences",
  async (kind) => {
    const reference = await storyteller(await testEngine());
    const policy = copyModel(reference);
    const { parameters } = policy;
    const { engine } = parameters;
    // Away from the reference, where the margins are not all 0.
    const weight = parameters.get("model.norm.weight");
    engine.write(weight, (await weight.read()).map((x, i) => x * (1 + 0.2 * Math.sin(i))));
    const data = await withReference(reference, pairs.slice(0, 5), 60);

    const kinds = { ...dpo, kind, labelSmoothing: kind === "ipo" ? 0 : dpo.labelSmoothing };
    parameters.clearGradients();
    const found = await directPreferenceGradients(policy, data, { ...kinds, microTokens: 60 });
    expectClose([found.loss], [await loss(policy, data, kind)], 1e-4);
    expectClose(found.margins, await preferenceMargins(policy, data, 1000), 1e-3);

    // Along its own direction the slope of the loss is the gradient's length.
    for (const name of ["model.norm.weight", "model.layers.0.mlp.up_proj.weight"]) {
      const tensor = parameters.get(name);
      const [start, gradient] = [await tensor.read(), await parameters.gradient(name).read()];
      const length = Math.hypot(...gradient);
      const step = 0.02;
      const at = async (sign: number) => {
        engine.write(tensor, start.map((x, i) => x + sign * step * gradient[i] / length));
        return await loss(policy, data, kind);
      };
      const slope = (await at(1) - await at(-1)) / (2 * step);
      engine.write(tensor, start);
      expectClose([slope], [length], 0.02);
    }
  },
  30_000,
);

test(
  "DPO learns to prefer the chosen side, held-out pairs included, and resumes to the same bits",
  async () => {
    const reference = await storyteller(await testEngine());
    const shown = pairs.slice(0, 9);
    const held = await withReference(reference, pairs.slice(9), 100);
    expectClose(await preferenceMargins(reference, held, 1000), [0, 0, 0], 1e-3);

    const policy = copyModel(reference);
    const trainer = new DirectPreferenceTrainer(policy, reference, shown, settings);
    const first = await trainer.advance();
    expectClose([first["loss"] as number], [Math.LN2], 1e-4);
    for (let step = 1; step < 3; step++) await trainer.advance();
    const state = await trainer.save();
    let last = first;
    while (trainer.step < trainer.steps) last = await trainer.advance();
    expect(last["accuracy"]).toBe(1);
    expect(last["loss"]).toBeLessThan(0.6);
    for (const margin of await preferenceMargins(policy, held, 1000)) {
      expect(margin).toBeGreaterThan(1);
    }

    const again = copyModel(reference);
    const resumed = new DirectPreferenceTrainer(again, reference, shown, settings);
    await resumed.load(state);
    expect(resumed.step).toBe(3);
    while (resumed.step < resumed.steps) await resumed.advance();
    const norm = "model.norm.weight";
    expect(await again.parameters.get(norm).read()).toEqual(
      await policy.parameters.get(norm).read(),
    );
  },
  30_000,
);
