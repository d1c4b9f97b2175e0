import type { Bindings } from "../gpu/bindings.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectCount } from "./per-token.ts";

export interface BradleyTerryOptions {
  /** By how much the chosen reward should be larger, [n]; gets no gradient. */
  margin?: Tensor;
  /** Weight of (chosen + rejected)², which keeps rewards near 0 (arXiv 2312.09244). */
  centering?: number;
  /** Pairs of the whole batch, so that the losses of micro-batches add up; n where absent. */
  count?: number;
}

/**
 * The Bradley–Terry loss of a reward model, [1]: the mean of −log σ(chosen − rejected − margin) over n
 * pairs, plus the centering term. Differentiable in `chosen` and `rejected`, both [n].
 */
export function bradleyTerry(
  chosen: Tensor,
  rejected: Tensor,
  options: BradleyTerryOptions = {},
): Tensor {
  const { margin, centering = 0, count = chosen.size } = options;
  const op = "bradleyTerry";
  expectShape(op, "chosen", chosen, [null]);
  expectShape(op, "rejected", rejected, chosen.shape);
  if (margin) expectShape(op, "margin", margin, chosen.shape);
  expectCount(op, count);
  const buffers = { chosen, rejected, margin: margin ?? chosen };
  const parameters = {
    size: chosen.size,
    count,
    centering,
    has_margin: Number(margin !== undefined),
  };
  return pairLoss("bradley_terry", buffers, parameters);
}

/** Log-probabilities of whole responses, each [n]. The references get no gradient. */
export interface PreferenceLogProbs {
  policyChosen: Tensor;
  policyRejected: Tensor;
  referenceChosen: Tensor;
  referenceRejected: Tensor;
}

export interface DirectPreferenceOptions {
  /** Strength of the tie to the reference. */
  beta: number;
  /** `sigmoid` is DPO (arXiv 2305.18290), `ipo` the squared loss of arXiv 2310.12036. */
  kind?: "sigmoid" | "ipo";
  /** Share of pairs taken to be labelled the wrong way round; for `sigmoid` only. */
  labelSmoothing?: number;
  /** Pairs of the whole batch, so that the losses of micro-batches add up; n where absent. */
  count?: number;
}

/**
 * Direct preference optimisation on n pairs, [1]: the mean loss of the difference of log-ratios.
 * Differentiable in `policyChosen` and `policyRejected`.
 */
export function dpoLoss(logProbs: PreferenceLogProbs, options: DirectPreferenceOptions): Tensor {
  const { policyChosen, policyRejected, referenceChosen, referenceRejected } = logProbs;
  const { beta, kind = "sigmoid", labelSmoothing = 0, count = policyChosen.size } = options;
  const op = "dpoLoss";
  expectShape(op, "policyChosen", policyChosen, [null]);
  expectShape(op, "policyRejected", policyRejected, policyChosen.shape);
  expectShape(op, "referenceChosen", referenceChosen, policyChosen.shape);
  expectShape(op, "referenceRejected", referenceRejected, policyChosen.shape);
  expectCount(op, count);
  if (!(beta > 0)) throw new RangeError(`${op}: beta is ${beta}, expected a positive number`);
  if (kind === "ipo" && labelSmoothing !== 0) {
    throw new RangeError(
      `${op}: labelSmoothing is ${labelSmoothing}, but ipo has none; leave it out`,
    );
  }
  const buffers = {
    chosen: policyChosen,
    rejected: policyRejected,
    reference_chosen: referenceChosen,
    reference_rejected: referenceRejected,
  };
  return pairLoss("direct_preference", buffers, {
    size: policyChosen.size,
    count,
    beta,
    label_smoothing: labelSmoothing,
    squared: Number(kind === "ipo"),
  });
}

function pairLoss(
  entry: "bradley_terry" | "direct_preference",
  buffers: Bindings & { chosen: Tensor; rejected: Tensor },
  parameters: Record<string, number>,
): Tensor {
  const { chosen, rejected } = buffers;
  const { engine, size } = chosen;
  const loss = engine.empty([1]);
  engine.launch("preference", entry, { ...buffers, loss }, parameters, [1, 1, 1]);
  engine.tape?.record(entry, [chosen, rejected], loss, (upstream, sink) => {
    const gradients = { d_chosen: engine.empty([size]), d_rejected: engine.empty([size]) };
    const all = { ...buffers, upstream, ...gradients };
    engine.launch("preference", `${entry}_gradient`, all, parameters, engine.grid(size));
    sink.give(chosen, gradients.d_chosen);
    sink.give(rejected, gradients.d_rejected);
  });
  return loss;
}
