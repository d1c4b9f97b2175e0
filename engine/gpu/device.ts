import { adapterMatrices, SUBGROUP_MATRICES, type SubgroupMatrices } from "./subgroup-matrices.ts";

/** What the adapter offers beyond the core, after asking and testing. */
export interface Features {
  readonly subgroups: boolean;
  readonly timestamps: boolean;
  /** Kernels can read f16. */
  readonly half: boolean;
  /** An adapter that computes on the CPU: kernels without workgroup memory are faster there. */
  readonly software: boolean;
  /** Lanes of one subgroup, the least there are: the width of a CPU's vectors on a software adapter. */
  readonly lanes: number;
  /** The matrices that subgroups multiply; null where they were not asked for. */
  readonly subgroupMatrices: SubgroupMatrices | null;
}

/** What is not yet standard, asked for by name. */
export interface Experimental {
  /** Subgroup matrices of Dawn. */
  subgroupMatrices?: boolean;
}

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxStorageBuffersPerShaderStage",
] as const;

const SUBGROUP_LANES = 8; // what the *_subgroup.wgsl shaders hand elements round in

/**
 * A device with the adapter's full limits and the features that the kernels can use.
 * @throws where the adapter has not what is asked for as `experimental`
 */
export async function requestDevice(
  adapter: GPUAdapter,
  software: boolean,
  experimental: Experimental = {},
): Promise<{ device: GPUDevice; features: Features }> {
  const requiredLimits: Record<string, number> = {};
  for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  const wanted = ["subgroups" as GPUFeatureName, "timestamp-query", "shader-f16"] as const;
  const requiredFeatures = wanted.filter((name) => adapter.features.has(name));
  const subgroupMatrices = experimental.subgroupMatrices ? adapterMatrices(adapter) : null;
  if (subgroupMatrices) requiredFeatures.push(SUBGROUP_MATRICES);
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  // Where the smallest size is not told, the self-test finds out whether it is enough.
  const { subgroupMinSize: lanes = SUBGROUP_LANES } = adapter.info;
  const features = {
    subgroups: requiredFeatures.includes("subgroups" as GPUFeatureName) && lanes >= SUBGROUP_LANES,
    timestamps: requiredFeatures.includes("timestamp-query"),
    half: requiredFeatures.includes("shader-f16"),
    software,
    lanes,
    subgroupMatrices,
  };
  return { device, features };
}
