import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Engine } from "../../engine/gpu/engine.ts";
import { generalizedAdvantage } from "../../engine/ops/gae.ts";
import { policyLoss, valueLoss } from "../../engine/ops/ppo.ts";
import { shapeRewards } from "../../engine/ops/rewards.ts";
import { maskedMean, maskedMoments, whiten } from "../../engine/ops/whiten.ts";
import { Role } from "../../engine/ops/roles.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { countGenerated, fillElsewhere } from "../support/roles.ts";

/** A batch's roles: any code in any place, not only layouts that episodes have. */
const layouts = fc.integer({ min: 1, max: 20 }).chain((columns) =>
  fc.array(
    fc.array(fc.constantFrom(...Object.values(Role)), { minLength: columns, maxLength: columns }),
    {
      minLength: 1,
      maxLength: 9,
    },
  )
);

const PER_TOKEN = new Set([
  "rewards",
  "advantages",
  "returns",
  "white",
  "whiteWithMean",
  "policyGradient",
  "valueGradient",
  "meanGradient",
]);

interface Batch {
  codes: Uint32Array;
  shape: [rows: number, columns: number];
  seed: number;
}

/** The bits of what every op of the per-token chain gives, gradients included, with `filler` elsewhere. */
async function everything(engine: Engine, { codes, shape, seed }: Batch, filler: number) {
  const roles = engine.integers(codes, shape);
  const fresh = (n: number) =>
    engine.tensor(fillElsewhere(randomNumbers(codes.length, seed + n), codes, filler), shape);
  const logProbs = fresh(1), oldLogProbs = fresh(2), referenceLogProbs = fresh(3);
  const values = fresh(4), oldValues = fresh(5), rewards = fresh(6);
  const scores = engine.tensor(randomNumbers(shape[0], seed));
  const options = { clip: 0.2, count: Math.max(countGenerated(codes), 1) };

  const estimate = generalizedAdvantage({ rewards, values: oldValues, roles }, {
    gamma: 0.99,
    lambda: 0.9,
  });
  const advantages = fresh(7), returns = fresh(8);
  const policyTape = new Tape(), valueTape = new Tape(), meanTape = new Tape();
  policyTape.watch(logProbs);
  valueTape.watch(values);
  meanTape.watch(values);
  const policy = engine.record(
    policyTape,
    () => policyLoss({ logProbs, oldLogProbs, advantages, roles }, options),
  );
  const value = engine.record(
    valueTape,
    () => valueLoss({ values, oldValues, returns, roles }, options),
  );
  const mean = engine.record(meanTape, () => maskedMean(values, roles, options));
  const outputs = {
    rewards: shapeRewards({ scores, logProbs, referenceLogProbs, roles }, { klCoefficient: 0.1 }),
    ...estimate,
    moments: maskedMoments(rewards, roles),
    white: whiten(rewards, roles),
    whiteWithMean: whiten(rewards, roles, { keepMean: true }),
    policyLoss: policy.loss,
    policyStatistics: policy.statistics,
    valueLoss: value.loss,
    valueStatistics: value.statistics,
    mean,
  };
  const bits: Record<string, Uint32Array> = {};
  for (const [name, tensor] of Object.entries(outputs)) bits[name] = await tensor.readIntegers();
  policyTape.backward(policy.loss);
  valueTape.backward(value.loss);
  meanTape.backward(mean);
  bits.policyGradient = await policyTape.gradient(logProbs)!.readIntegers();
  bits.valueGradient = await valueTape.gradient(values)!.readIntegers();
  bits.meanGradient = await meanTape.gradient(values)!.readIntegers();
  return bits;
}

test("what stands outside generated tokens changes no bit of any output or gradient", async () => {
  const engine = await testEngine();
  const property = fc.asyncProperty(layouts, fc.nat(1000), async (rows, seed) => {
    const codes = Uint32Array.from(rows.flat());
    const batch: Batch = { codes, shape: [rows.length, rows[0].length], seed };
    const scope = engine.openScope();
    const [plain, poisoned] = await Promise.all(
      [0.5, NaN].map((filler) =>
        engine.within(scope, () => ({ run: everything(engine, batch, filler) })).run
      ),
    );
    engine.close(scope);
    expect(poisoned).toEqual(plain);
    for (const [name, bits] of Object.entries(plain)) {
      if (!PER_TOKEN.has(name)) continue;
      const elsewhere = bits.filter((_, i) => codes[i] !== Role.GENERATED);
      expect(elsewhere).toEqual(new Uint32Array(elsewhere.length));
    }
  });
  await fc.assert(property, { seed: 2404, numRuns: 30 });
});
