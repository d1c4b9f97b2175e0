import type { KernelConstants } from "../gpu/kernels.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What makes a kernel read a weight the way it is stored: as f16, or f32. */
export function storedAs({ dtype }: Tensor): KernelConstants {
  return dtype === "f16" ? { HALF: 1 } : {};
}
