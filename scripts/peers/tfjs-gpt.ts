// The language model in TensorFlow.js, which has no AdamW: its Adam, after the weights have decayed.
import type { Runner } from "./contender.ts";
import { CHECKED_STEPS, gpt, gptTexts, type Weight } from "./gpt.ts";
import {
  attend,
  causalMask,
  runner,
  type Tensorflow,
  type TfTensor,
  type TfVariable,
} from "./tfjs.ts";
import type { Training } from "./works.ts";

interface Setting {
  weights: Record<string, TfVariable>;
  /** [B, T] */
  inputs: TfTensor;
  targets: TfTensor;
  mask: TfTensor;
}

export function prepareForward(
  tf: Tensorflow,
  weights: readonly Weight[],
  work: Training,
): Runner {
  const setting = upload(tf, weights, work);
  return runner(tf, tensorsOf(setting), () => [lossOf(tf, setting)]);
}

export function prepareTraining(
  tf: Tensorflow,
  weights: readonly Weight[],
  work: Training,
): Runner {
  const setting = upload(tf, weights, work);
  const { learningRate, beta1, beta2, epsilon, weightDecay } = gpt;
  const adam = tf.train.adam(learningRate, beta1, beta2, epsilon);
  const step = () => {
    const { value, grads } = tf.variableGrads(() => lossOf(tf, setting));
    for (const weight of Object.values(setting.weights)) {
      weight.assign(weight.mul(1 - learningRate * weightDecay));
    }
    adam.applyGradients(grads);
    return [value];
  };
  const prepared = runner(tf, tensorsOf(setting), step);
  return {
    ...prepared,
    async results() {
      const losses = [];
      for (let i = 0; i < CHECKED_STEPS; i++) losses.push(...await prepared.results());
      return losses;
    },
    release() {
      adam.dispose();
      prepared.release();
    },
  };
}

/** Mean negative log-likelihood. */
function lossOf(tf: Tensorflow, { weights, inputs, targets, mask }: Setting): TfTensor {
  const [sequences, length] = inputs.shape, { width, heads, vocabulary } = gpt;
  const rows = sequences * length;
  const weight = (name: string) => weights[`transformer.${name}`];
  const linear = (name: string, x: TfTensor) =>
    tf.matMul(x, weight(`${name}.weight`)).add(weight(`${name}.bias`));
  const norm = (name: string, x: TfTensor) => {
    const centred = x.sub(x.mean(1, true));
    const scale = centred.square().mean(1, true).add(gpt.normEpsilon).rsqrt();
    return centred.mul(scale).mul(weight(`${name}.weight`)).add(weight(`${name}.bias`));
  };
  const toHeads = (x: TfTensor) =>
    x.reshape([sequences, length, heads, width / heads]).transpose([0, 2, 1, 3]);

  let hidden = tf.gather(weight("wte.weight"), inputs).add(weight("wpe.weight"))
    .reshape([rows, width]);
  for (let layer = 0; layer < gpt.layers; layer++) {
    const name = `h.${layer}`;
    const input = linear(`${name}.attn.c_attn`, norm(`${name}.ln_1`, hidden));
    const [q, k, v] = tf.split(input, 3, 1).map(toHeads);
    const mixed = attend(tf, q, k, v, mask).transpose([0, 2, 1, 3]).reshape([rows, width]);
    hidden = hidden.add(linear(`${name}.attn.c_proj`, mixed));
    const active = gelu(linear(`${name}.mlp.c_fc`, norm(`${name}.ln_2`, hidden)));
    hidden = hidden.add(linear(`${name}.mlp.c_proj`, active));
  }
  const logits = tf.matMul(norm("ln_f", hidden), weight("wte.weight"), false, true);
  const chosen = tf.oneHot(targets.reshape([rows]), vocabulary);
  return tf.logSoftmax(logits).mul(chosen).sum().mul(-1 / rows);
}

/** GELU in its tanh form. */
function gelu(x: TfTensor): TfTensor {
  const inner = x.add(x.square().mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
  return x.mul(inner.tanh().add(1)).mul(0.5);
}

function upload(tf: Tensorflow, weights: readonly Weight[], work: Training): Setting {
  const { sequences, length } = work, { inputs, targets } = gptTexts(work);
  const variables = weights.map(({ name, shape, data }) => {
    const initial = tf.tensor(data, [...shape]);
    return [name, tf.variable(initial, true, `${name} ${++variablesMade}`)] as const;
  });
  return {
    weights: Object.fromEntries(variables),
    inputs: tf.tensor(inputs, [sequences, length], "int32"),
    targets: tf.tensor(targets, [sequences, length], "int32"),
    mask: causalMask(tf, length),
  };
}

/** tfjs wants every variable's name once, also after it is gone. */
let variablesMade = 0;

function tensorsOf({ weights, inputs, targets, mask }: Setting): TfTensor[] {
  return [...Object.values(weights), inputs, targets, mask];
}
