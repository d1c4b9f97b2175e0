import type { Engine } from "../gpu/engine.ts";
import { drawBits, purposes, standardNormal, uniform } from "../ops/threefry.ts";
import { Parameters } from "../tensor/parameters.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { decoderEntries } from "./entries.ts";
import { architectureOf } from "./families/index.ts";
import type { Model } from "./model.ts";

const DEVIATION = 0.02;

/**
 * A model to train from scratch: weights from N(0, 0.02²), those that write into the residual stream scaled
 * by 1/√(2·layers), so that its variance does not grow with depth (Radford et al. 2019); norms 1, biases 0.
 */
export function newModel(engine: Engine, config: ModelConfig, seed: number): Model {
  const entries = decoderEntries(config);
  const parameters = new Parameters(engine, entries);
  const { attention, mlp } = architectureOf(config);
  const intoResidual = [attention.output, mlp.down].map((name) => `.${name}.weight`);
  for (const [number, { name, shape }] of entries.entries()) {
    const values = new Float32Array(sizeOf(shape));
    if (shape.length === 1) {
      values.fill(name.endsWith(".bias") ? 0 : 1);
    } else {
      const deviation = intoResidual.some((ending) => name.endsWith(ending))
        ? DEVIATION / Math.sqrt(2 * config.layers)
        : DEVIATION;
      for (let i = 0; i < values.length; i++) values[i] = deviation * normal(seed, number, i);
    }
    engine.write(parameters.get(name), values);
  }
  engine.flush();
  return { config, parameters };
}

/** Weight `place` of a parameter before scaling: a standard normal number. */
function normal(seed: number, parameter: number, place: number): number {
  const position = { seed, purpose: purposes.weight, episode: parameter, token: place };
  const [radius, angle] = drawBits(position).map(uniform);
  return standardNormal(radius, angle);
}
