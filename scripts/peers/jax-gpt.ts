// The language model in jax-js.
import type { Runner } from "./contender.ts";
import { CHECKED_STEPS, gpt, gptTexts, type Weight } from "./gpt.ts";
import type { Jax, JaxArray } from "./jax.ts";
import type { Training } from "./works.ts";

type Weights = Record<string, JaxArray>;

/** Weights, moments, and the number of steps taken. */
interface State {
  weights: Weights;
  moment1: Weights;
  moment2: Weights;
  steps: number;
}

export function prepareForward(jax: Jax, weights: readonly Weight[], work: Training): Runner {
  const parameters = upload(jax, weights), texts = uploadTexts(jax, work);
  const loss = jax.jit((weights: Weights, inputs: JaxArray, targets: JaxArray) =>
    lossOf(jax, weights, inputs, targets)
  );
  const launch = () => loss(refs(parameters), texts.inputs.ref, texts.targets.ref);
  let made: JaxArray[] = [];
  return {
    run: () => void made.push(launch()),
    async finish() {
      await jax.blockUntilReady(made);
      made.forEach((array) => array.dispose());
      made = [];
    },
    results: async () => [await launch().data()],
    release: () => dispose(parameters, texts),
  };
}

export function prepareTraining(jax: Jax, weights: readonly Weight[], work: Training): Runner {
  const texts = uploadTexts(jax, work);
  const zeros = weights.map((weight) => ({
    ...weight,
    data: new Float32Array(weight.data.length),
  }));
  const state: State = {
    weights: upload(jax, weights),
    moment1: upload(jax, zeros),
    moment2: upload(jax, zeros),
    steps: 0,
  };
  const step = jax.jit(stepOf(jax));
  /** The docs' way: a step's results are waited for, so that work does not queue up. */
  const advance = async () => {
    const time = ++state.steps;
    const corrections = [1 - gpt.beta1 ** time, 1 - gpt.beta2 ** time].map((correction) =>
      jax.numpy.array(Float32Array.of(correction), { shape: [1] })
    );
    const { weights, moment1, moment2 } = state;
    const { inputs, targets } = texts;
    const [loss, ...next] = step(weights, moment1, moment2, corrections, inputs.ref, targets.ref);
    [state.weights, state.moment1, state.moment2] = next;
    await jax.blockUntilReady([loss, state.weights]);
    return loss;
  };
  return {
    run: async () => (await advance()).dispose(),
    finish: () => Promise.resolve(),
    async results() {
      const losses = [];
      for (let i = 0; i < CHECKED_STEPS; i++) losses.push(await (await advance()).data());
      return losses;
    },
    release: () => dispose(state.weights, state.moment1, state.moment2, texts),
  };
}

function stepOf(jax: Jax) {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = gpt;
  const gradient = jax.valueAndGrad((weights: Weights, inputs: JaxArray, targets: JaxArray) =>
    lossOf(jax, weights, inputs, targets)
  );
  return (
    weights: Weights,
    moment1: Weights,
    moment2: Weights,
    [correction1, correction2]: JaxArray[],
    inputs: JaxArray,
    targets: JaxArray,
  ): [JaxArray, Weights, Weights, Weights] => {
    const [loss, gradients] = gradient(refs(weights), inputs, targets);
    const next: Weights[] = [{}, {}, {}];
    for (const name in weights) {
      const g = gradients[name];
      const m = moment1[name].mul(beta1).add(g.ref.mul(1 - beta1));
      const v = moment2[name].mul(beta2).add(jax.numpy.square(g).mul(1 - beta2));
      const scale = jax.numpy.sqrt(v.ref.div(correction2.ref)).add(epsilon);
      const update = m.ref.div(correction1.ref).div(scale).mul(learningRate);
      next[0][name] = weights[name].mul(1 - learningRate * weightDecay).sub(update);
      next[1][name] = m;
      next[2][name] = v;
    }
    correction1.dispose();
    correction2.dispose();
    return [loss, next[0], next[1], next[2]];
  };
}

/** Mean negative log-likelihood of `targets` [B, T] after `inputs` [B, T]. Uses up its arguments. */
function lossOf(jax: Jax, weights: Weights, inputs: JaxArray, targets: JaxArray): JaxArray {
  const { matmul, take, split } = jax.numpy;
  const { nn } = jax;
  const [sequences, length] = inputs.shape, { width, heads, vocabulary } = gpt;
  const weight = (name: string) => weights[`transformer.${name}`];
  const linear = (name: string, x: JaxArray) =>
    matmul(x, weight(`${name}.weight`)).add(weight(`${name}.bias`));
  const norm = (name: string, x: JaxArray) =>
    nn.standardize(x, -1, { epsilon: gpt.normEpsilon })
      .mul(weight(`${name}.weight`)).add(weight(`${name}.bias`));
  const toHeads = (x: JaxArray) => x.reshape([sequences, length, heads, width / heads]);

  let hidden = take(weight("wte.weight").ref, inputs, 0).add(weight("wpe.weight"));
  for (let layer = 0; layer < gpt.layers; layer++) {
    const name = `h.${layer}`;
    const x = norm(`${name}.ln_1`, hidden.ref);
    const [q, k, v] = split(linear(`${name}.attn.c_attn`, x), 3, -1).map(toHeads);
    const mixed = nn.dotProductAttention(q, k, v, { isCausal: true })
      .reshape([sequences, length, width]);
    hidden = hidden.add(linear(`${name}.attn.c_proj`, mixed));
    const y = norm(`${name}.ln_2`, hidden.ref);
    const active = nn.gelu(linear(`${name}.mlp.c_fc`, y), { approximate: true });
    hidden = hidden.add(linear(`${name}.mlp.c_proj`, active));
  }
  const logits = matmul(norm("ln_f", hidden), weight("wte.weight").transpose());
  return nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, vocabulary)).sum()
    .mul(-1 / (sequences * length));
}

function upload(jax: Jax, weights: readonly Weight[]): Weights {
  return Object.fromEntries(
    weights.map(({ name, shape, data }) => [name, jax.numpy.array(data, { shape: [...shape] })]),
  );
}

function uploadTexts(jax: Jax, work: Training) {
  const shape = [work.sequences, work.length], { inputs, targets } = gptTexts(work);
  return {
    inputs: jax.numpy.array(inputs, { shape }),
    targets: jax.numpy.array(targets, { shape }),
  };
}

function refs(weights: Weights): Weights {
  return Object.fromEntries(Object.entries(weights).map(([name, array]) => [name, array.ref]));
}

function dispose(...trees: Record<string, JaxArray>[]): void {
  for (const tree of trees) for (const name in tree) tree[name].dispose();
}
