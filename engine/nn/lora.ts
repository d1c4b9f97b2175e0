import { scale } from "../ops/elementwise.ts";
import { linear } from "../ops/matmul.ts";
import { type Entry, Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ModulePattern, patternValue } from "./module-pattern.ts";

// Low-rank adaptation (Hu et al. 2021, arXiv:2106.09685): a layer with the frozen weight W [N, K] computes
// x·Wᵀ + s·(x·Aᵀ)·Bᵀ with A [r, K] and B [N, r]. Names are PEFT's: `<layer>.lora_A.weight`.

export interface LoraConfig {
  /** r: columns of B and rows of A. */
  rank: number;
  /** s = alpha / rank. */
  alpha: number;
  /** s = alpha / √rank instead (rsLoRA: Kalajdzievski 2023, arXiv:2312.03732). */
  rankStabilized: boolean;
  /** Which linear layers are adapted; "all-linear" for all but the output head, as in PEFT. */
  targets: ModulePattern;
  /** Layers left out of `targets`. */
  exclude: ModulePattern;
  /** Other ranks and alphas, by regular expressions that the end of a layer's name matches. */
  rankPattern: Readonly<Record<string, number>>;
  alphaPattern: Readonly<Record<string, number>>;
  /** What the adapter was trained with. It acts in training only, where it must be 0. */
  dropout: number;
}

/** The low-rank update of one layer. */
export interface Adapter {
  /** [r, K] */
  a: Tensor;
  /** [N, r] */
  b: Tensor;
  scale: number;
}

const A = ".lora_A.weight", B = ".lora_B.weight";
const FACTOR = /\.lora_[AB]\.weight$/;

/** A layer that can be adapted. */
export interface LinearLayer {
  name: string;
  /** N */
  outputs: number;
  /** K */
  inputs: number;
  /** It goes through kernels block by block of its outputs: the output head, whose B may be as long as it. */
  table?: boolean;
}

/** Names and shapes of a layer's two factors. */
export function factorEntries(
  { name, outputs, inputs, table }: LinearLayer,
  { rank, rankPattern }: LoraConfig,
): Entry[] {
  const r = patternValue(rankPattern, name, rank);
  return [{ name: name + A, shape: [r, inputs] }, { name: name + B, shape: [outputs, r], table }];
}

/** The adapters of some layers, and weights that replace the base's, over a base that stays as it is. */
export class LoraParameters extends Parameters {
  /** By the name of the layer. */
  readonly adapters: ReadonlyMap<string, Adapter>;

  constructor(
    override readonly base: Parameters,
    readonly lora: LoraConfig,
    entries: readonly Entry[],
    trainable = true,
  ) {
    if (trainable && lora.dropout > 0) {
      throw new Error(
        `an adapter with dropout ${lora.dropout} can be used but not trained here: training with dropout is ` +
          "not supported; to go on training it, set lora_dropout to 0 in its adapter_config.json",
      );
    }
    super(base.engine, entries, trainable, base);
    const layers = this.names.filter((name) => name.endsWith(A)).map((name) =>
      name.slice(0, -A.length)
    );
    this.adapters = new Map(layers.map((layer) => [layer, this.#adapter(layer)]));
  }

  /** Names and shapes of the weights that replace the base's or join them: not adapters, a scalar head above all. */
  get saved(): Entry[] {
    return this.entries.filter(({ name }) => !FACTOR.test(name));
  }

  override another(entries: readonly Entry[], trainable: boolean): LoraParameters {
    return new LoraParameters(this.base, this.lora, entries, trainable);
  }

  #adapter(layer: string): Adapter {
    const a = this.get(layer + A), b = this.get(layer + B);
    const alpha = patternValue(this.lora.alphaPattern, layer, this.lora.alpha);
    const rank = a.shape[0];
    return { a, b, scale: alpha / (this.lora.rankStabilized ? Math.sqrt(rank) : rank) };
  }
}

/** The adapter of this layer, where there is one. */
export function adapterOfLayer(parameters: Parameters, layer: string): Adapter | undefined {
  return parameters instanceof LoraParameters ? parameters.adapters.get(layer) : undefined;
}

/** s·x·Aᵀ [N, r] for x [N, K]. The scale falls on these r columns, where it costs least. */
export function lowRankStates({ a, scale: s }: Adapter, x: Tensor): Tensor {
  return scale(linear(x, a), s);
}

/** s·(x·Aᵀ)·Bᵀ (+ residual) for x [N, K]. */
export function adapterProduct(adapter: Adapter, x: Tensor, residual?: Tensor): Tensor {
  return linear(lowRankStates(adapter, x), adapter.b, { residual });
}
