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

/** A device with the adapter's full limits and the features that the kernels can use. */
export async function requestDevice(
  adapter: GPUAdapter,
  software: boolean,
): Promise<{ device: GPUDevice; features: Features }> {
  const requiredLimits: Record<string, number> = {};
  for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  const wanted = ["subgroups" as GPUFeatureName, "timestamp-query", "shader-f16"] as const;
  const requiredFeatures = wanted.filter((name) => adapter.features.has(name));
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  // Where the smallest size is not told, the self-test finds out whether it is enough.
  const { subgroupMinSize: lanes = SUBGROUP_LANES } = adapter.info;
  const features = {
    subgroups: requiredFeatures.includes("subgroups" as GPUFeatureName) && lanes >= SUBGROUP_LANES,
    timestamps: requiredFeatures.includes("timestamp-query"),
    half: requiredFeatures.includes("shader-f16"),
    software,
    lanes,
  };
  return { device, features };
}
