import type { Tensor } from "../tensor/tensor.ts";
import { expectCount, expectPerToken } from "./per-token.ts";

/**
 * Count, mean and population variance of x [B, T] over the generated tokens, as f32 [3]; zeros where
 * there is none. Not differentiable.
 */
export function maskedMoments(x: Tensor, roles: Tensor): Tensor {
  expectPerToken("maskedMoments", roles, { x });
  const { engine, size } = x;
  const moments = engine.empty([3]);
  const parameters = { size, count: 1, keep_mean: 0 };
  engine.launch("whiten", "moments", { x, roles, moments_out: moments }, parameters, [1, 1, 1]);
  return moments;
}

/**
 * (x − mean) / √(variance + 1e−8) over the generated tokens, [B, T], 0 elsewhere; `keepMean` adds the
 * mean back. Not differentiable: rewards and advantages are data.
 */
export function whiten(
  x: Tensor,
  roles: Tensor,
  { keepMean = false }: { keepMean?: boolean } = {},
): Tensor {
  expectPerToken("whiten", roles, { x });
  const { engine, size } = x;
  return engine.scope(() => {
    const moments = maskedMoments(x, roles);
    const out = engine.empty(x.shape);
    const buffers = { x, roles, moments_in: moments, out };
    const parameters = { size, count: 1, keep_mean: Number(keepMean) };
    engine.launch("whiten", "whiten", buffers, parameters, engine.grid(size));
    return out;
  });
}

/**
 * Σ x / count over the generated tokens of x [B, T], as [1]. `count` is the number of generated tokens
 * of the whole batch, so that the means of micro-batches add up to the mean of the batch.
 */
export function maskedMean(x: Tensor, roles: Tensor, { count }: { count: number }): Tensor {
  expectPerToken("maskedMean", roles, { x });
  expectCount("maskedMean", count);
  const { engine, size } = x;
  const mean = engine.empty([1]);
  const parameters = { size, count, keep_mean: 0 };
  engine.launch("whiten", "mean", { x, roles, mean_out: mean }, parameters, [1, 1, 1]);
  engine.tape?.record("maskedMean", [x], mean, (upstream, sink) => {
    const out = engine.empty(x.shape);
    engine.launch(
      "whiten",
      "mean_gradient",
      { roles, upstream, out },
      parameters,
      engine.grid(size),
    );
    sink.give(x, out);
  });
  return mean;
}
