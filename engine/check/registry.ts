import { adamwFamily } from "./families/adamw.ts";
import { attentionFamily } from "./families/attention.ts";
import { ceilingsFamily } from "./families/ceilings.ts";
import { elementwiseFamily } from "./families/elementwise.ts";
import { embeddingFamily } from "./families/embedding.ts";
import { gaeFamily } from "./families/gae.ts";
import { gatherFamily } from "./families/gather.ts";
import { geluFamily } from "./families/gelu.ts";
import { headsFamily } from "./families/heads.ts";
import { klFamily } from "./families/kl.ts";
import { lanesFamily } from "./families/lanes.ts";
import { layernormFamily } from "./families/layernorm.ts";
import { logprobFamily } from "./families/logprob.ts";
import { matmulFamily } from "./families/matmul.ts";
import { ppoFamily } from "./families/ppo.ts";
import { preferenceFamily } from "./families/preference.ts";
import { randomFamily } from "./families/random.ts";
import { reduceFamily } from "./families/reduce.ts";
import { rewardsFamily } from "./families/rewards.ts";
import { rmsnormFamily } from "./families/rmsnorm.ts";
import { rotaryFamily } from "./families/rotary.ts";
import { rowProgramFamily } from "./families/row_program.ts";
import { samplingFamily } from "./families/sampling.ts";
import { softmaxFamily } from "./families/softmax.ts";
import { swigluFamily } from "./families/swiglu.ts";
import { truncationFamily } from "./families/truncation.ts";
import { whitenFamily } from "./families/whiten.ts";
import type { Family } from "./op.ts";

/** Every kernel of the engine: what drives checks, timing and docs. */
export const registry: readonly Family[] = [
  adamwFamily,
  attentionFamily,
  ceilingsFamily,
  elementwiseFamily,
  embeddingFamily,
  gaeFamily,
  gatherFamily,
  geluFamily,
  headsFamily,
  klFamily,
  lanesFamily,
  layernormFamily,
  logprobFamily,
  matmulFamily,
  ppoFamily,
  preferenceFamily,
  randomFamily,
  reduceFamily,
  rewardsFamily,
  rmsnormFamily,
  rotaryFamily,
  rowProgramFamily,
  samplingFamily,
  softmaxFamily,
  swigluFamily,
  truncationFamily,
  whitenFamily,
];

/** The family of this name. Throws, listing the names, where there is none. */
export function findFamily(name: string): Family {
  const family = registry.find((family) => family.name === name);
  if (family) return family;
  const names = registry.map(({ name }) => name);
  throw new Error(`there is no kernel family "${name}"; there are ${names.join(", ")}`);
}
