import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { longRowConstants } from "./row-reduction.ts";

/**
 * KL(softmax(logits) ‖ softmax(referenceLogits)) of each row, in nats: two `[R, V]` → `[R]`. Gradients
 * flow to both.
 */
export function klDivergence(logits: Tensor, referenceLogits: Tensor): Tensor {
  expectShape("klDivergence", "logits", logits, [null, null]);
  expectShape("klDivergence", "referenceLogits", referenceLogits, logits.shape);
  const { engine } = logits;
  const [rows, vocabulary] = logits.shape;
  const sizes = { rows, vocabulary };
  const inputs = { logits, reference: referenceLogits };
  const kl = engine.empty([rows]);
  const log_sum_exp = engine.empty([rows, 2]);
  const bindings = { ...inputs, kl, log_sum_exp };
  engine.launch("kl", "kl_rows", bindings, sizes, engine.grid(rows, 1), longRowConstants(engine));
  engine.tape?.record("klDivergence", [logits, referenceLogits], kl, (upstream, sink) => {
    const grid = engine.grid(rows * vocabulary);
    if (sink.needs(logits)) {
      const gradient = engine.empty(logits.shape);
      const bindings = { ...inputs, kl, log_sum_exp, upstream, gradient };
      engine.launch("kl", "kl_gradient", bindings, sizes, grid);
      sink.give(logits, gradient);
    }
    if (sink.needs(referenceLogits)) {
      const gradient = engine.empty(logits.shape);
      const bindings = { ...inputs, log_sum_exp, upstream, gradient };
      engine.launch("kl", "kl_reference_gradient", bindings, sizes, grid);
      sink.give(referenceLogits, gradient);
    }
  });
  return kl;
}

/**
 * Estimators of KL(π ‖ π_ref) from the log-probabilities of tokens sampled from π, elementwise over
 * equal shapes, in nats; with d = logProb − referenceLogProb: k1 = d, k2 = d²/2, k3 = exp(−d) − 1 + d
 * (J. Schulman, "Approximating KL divergence", 2020). Gradients flow to `logProb`; the reference is a
 * constant.
 */
export function klEstimates(
  logProb: Tensor,
  referenceLogProb: Tensor,
): { k1: Tensor; k2: Tensor; k3: Tensor } {
  expectShape("klEstimates", "referenceLogProb", referenceLogProb, logProb.shape);
  const { engine, shape, size: count } = logProb;
  const inputs = { log_prob: logProb, reference_log_prob: referenceLogProb };
  const [k1, k2, k3] = [0, 1, 2].map(() => engine.empty(shape));
  engine.launch("kl", "estimates", { ...inputs, k1, k2, k3 }, { count }, engine.grid(count));
  engine.tape?.recordMany("klEstimates", [logProb], [k1, k2, k3], (upstreams, sink) => {
    const gradient = engine.scope(() => {
      const [d_k1, d_k2, d_k3] = upstreams.map((upstream) => upstream ?? engine.zeros(shape));
      const gradient = engine.empty(shape);
      const bindings = { ...inputs, d_k1, d_k2, d_k3, gradient };
      engine.launch("kl", "estimates_gradient", bindings, { count }, engine.grid(count));
      return gradient;
    });
    sink.give(logProb, gradient);
  });
  return { k1, k2, k3 };
}
