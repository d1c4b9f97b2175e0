// Subgroup matrices: an experiment of Dawn's, so neither in WebGPU's standard nor in its types.

export const SUBGROUP_MATRICES = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

/** The f32 matrices that subgroups of a device multiply: [rows, inner] · [inner, columns]. */
export interface SubgroupMatrices {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** Threads of a workgroup: the size of the largest subgroup, as Dawn asks. */
  readonly workgroup: number;
}

interface MatrixConfig {
  componentType: string;
  resultComponentType: string;
  M: number;
  N: number;
  K: number;
}

/** The adapter's f32 matrices. Throws, naming it and what it lacks, where there are none. */
export function adapterMatrices({ features, info }: GPUAdapter): SubgroupMatrices {
  const instead = "Leave experimental.subgroupMatrices (--experimental-subgroup-matrices) out.";
  if (!features.has(SUBGROUP_MATRICES)) {
    throw new Error(
      `The adapter "${adapterName(info)}" has no subgroup matrices: the feature ` +
        `${SUBGROUP_MATRICES} is missing. ${instead}`,
    );
  }
  const { subgroupMatrixConfigs } = info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  const configs = [...subgroupMatrixConfigs ?? []];
  const found = configs.find(({ componentType, resultComponentType }) =>
    componentType === "f32" && resultComponentType === "f32"
  );
  if (!found) {
    const known = configs.map(({ componentType, M, N, K }) => `${componentType} ${M}×${N}×${K}`);
    throw new Error(
      `The adapter "${adapterName(info)}" multiplies no subgroup matrices of f32, but of: ` +
        `${known.join(", ") || "nothing"}. ${instead}`,
    );
  }
  const { M: rows, N: columns, K: inner } = found;
  return { rows, columns, inner, workgroup: info.subgroupMaxSize ?? 32 };
}

/** How messages call an adapter. */
export function adapterName({ description, device, vendor }: GPUAdapterInfo): string {
  return description || device || vendor;
}
