import { AdamWState, adamwState, adamwUpdate, gradientNorm } from "../ops/adamw.ts";
import type { Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface AdamWSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Gradients are scaled down to this global norm; Infinity leaves them. */
  maxNorm: number;
  /** Where epsilon stands: PyTorch's or TensorFlow's form (they differ most in the first steps). */
  epsilonPlacement: "torch" | "tensorflow";
}

export const defaultAdamW: AdamWSettings = {
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0,
  maxNorm: 1,
  epsilonPlacement: "torch",
};

/** What an optimizer reports after a step, read back when asked. */
export interface OptimizerReport {
  /** Global norm of the gradients before clipping. */
  norm: number;
  /** Whether the last step was skipped because that norm was not finite. */
  skipped: boolean;
  steps: number;
}

/** AdamW (Loshchilov and Hutter 2019) over flat parameter storage, with clipping to a global norm. */
export class AdamW {
  /** f32 [8]; belongs in a checkpoint with the moments. */
  readonly state: Tensor;

  constructor(readonly parameters: Parameters, readonly settings: AdamWSettings = defaultAdamW) {
    this.state = adamwState(parameters.engine);
  }

  /** Applies the gathered gradients at this learning rate. Nothing is read back; the gradients stay. */
  step(learningRate: number): void {
    const { maxNorm, ...options } = this.settings;
    gradientNorm(this.parameters.shards.map(({ gradients }) => gradients), this.state, { maxNorm });
    for (const shard of this.parameters.shards) {
      adamwUpdate({ ...shard, state: this.state }, { learningRate, ...options });
    }
  }

  async report(): Promise<OptimizerReport> {
    const state = await this.state.read();
    return {
      norm: state[AdamWState.NORM],
      skipped: state[AdamWState.SKIPPED] === 1,
      steps: state[AdamWState.STEP],
    };
  }

  release(): void {
    this.parameters.engine.release(this.state);
  }
}
