import { layerFaults } from "./layer-faults.ts";
import { learningFaults } from "./learning-faults.ts";
import { productFaults } from "./product-faults.ts";
import type { Sizes } from "../../engine/check/op.ts";
import type { ShaderName } from "../../engine/gpu/shaders.ts";

/** A kernel made slightly wrong: the first `right` in the text of the shader becomes `wrong`. */
export interface Fault {
  shader: ShaderName;
  /** The op whose check must fail. */
  op: string;
  what: string;
  right: string;
  wrong: string;
  /** The kernel that it is in, of an op that has several. */
  variant?: string;
  /** Where it must be caught, for ops whose every shape compiles kernels anew; any shape of the grid elsewhere. */
  sizes?: Sizes;
}

/** What goes wrong when kernels are written: masks forgotten, strides swapped, last tiles and terms dropped. */
export const faults: readonly Fault[] = [...layerFaults, ...learningFaults, ...productFaults];
