import type { Tensor } from "../tensor/tensor.ts";
import { unknownName } from "./commands.ts";
import type { Engine } from "./engine.ts";
import type { Kernel } from "./kernels.ts";

/** Names of the bindings of a kernel's entry point to the tensors they get. */
export type Bindings = Readonly<Record<string, Tensor>>;

/** Throws where a launch has more workgroups along an axis than the device takes. */
export function expectGrid({ device }: Engine, kernel: Kernel, grid: readonly number[]): void {
  const most = device.limits.maxComputeWorkgroupsPerDimension;
  if (Math.max(...grid) <= most) return;
  throw new RangeError(
    `kernel ${kernel.name}: a grid of [${
      grid.join(", ")
    }] workgroups, but this device takes at most ${most} along ` +
      "an axis; use a smaller batch, or another variant of the kernel",
  );
}

/**
 * The tensors of a launch in the order of `kernel.bindings`. Throws where one is missing, unknown to the kernel, of
 * another engine, f16 where f32 is read or the other way round, or larger than the adapter binds.
 */
export function boundTensors(engine: Engine, kernel: Kernel, bindings: Bindings): Tensor[] {
  const tensors = kernel.bindings.map(({ name, format, stored }) => {
    const tensor = bindings[name];
    if (!tensor) throw new Error(`kernel ${kernel.name}: buffer "${name}" is missing`);
    if (tensor.engine !== engine) {
      throw new Error(`kernel ${kernel.name}: buffer "${name}" belongs to another engine`);
    }
    const half = kernel.half && stored;
    if ((tensor.dtype === "f16") !== half) {
      throw new TypeError(
        `kernel ${kernel.name}: buffer "${name}" of shape [${tensor.shape}] is stored as ${tensor.dtype}, and this ` +
          `kernel reads ${half ? "f16" : "f32"}`,
      );
    }
    const { storage } = tensor, { kind } = storage;
    const found = kind === "texture" ? storage.format : null;
    if (found !== format) {
      const kindOf = (format: string | null) => format ? `texture of ${format}` : "buffer";
      throw new Error(
        `kernel ${kernel.name}: "${name}" is a ${
          kindOf(format)
        } there, but was given a tensor of shape ` +
          `[${tensor.shape}] in a ${kindOf(found)}; see Engine.texels`,
      );
    }
    if (kind === "buffer" && tensor.bytes > engine.bindingLimit) {
      throw new RangeError(
        `kernel ${kernel.name}: buffer "${name}" of shape [${tensor.shape}] has ${tensor.bytes} ` +
          `bytes, but this adapter binds at most ${engine.bindingLimit}`,
      );
    }
    return tensor;
  });
  for (const name in bindings) {
    if (kernel.bindings.some((binding) => binding.name === name)) continue;
    throw unknownName(kernel, "buffer", name, kernel.bindings.map((binding) => binding.name));
  }
  return tensors;
}
