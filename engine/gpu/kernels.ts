import { WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";
import { type ShaderName, shaderText, withHalf, withIncludes } from "./shaders.ts";

/**
 * Values for `override` declarations and for module-level `const NAME: u32 = …;` lines of a shader. `SUBGROUPS: 1`
 * gives what a shader includes the form that uses subgroups, `HALF: 1` reads weights that are stored as f16.
 */
export type KernelConstants = Readonly<Record<string, number>>;

/** One binding of an entry point, as its WGSL declares it. */
export interface KernelBinding {
  readonly name: string;
  readonly binding: number;
  readonly writable: boolean;
  /** A storage texture of this format, and not a buffer. */
  readonly format: GPUTextureFormat | null;
}

/** One field of the uniform struct of an entry point; `offset` in bytes. */
export interface KernelField {
  readonly offset: number;
  readonly type: "f32" | "u32" | "i32";
}

/** A compiled entry point with the names its WGSL gives to buffers and parameters. */
export interface Kernel {
  readonly id: number;
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly bindings: readonly KernelBinding[];
  readonly fields: ReadonlyMap<string, KernelField>;
  readonly uniform: { binding: number; size: number } | null;
  /** It reads weights that are stored as f16. */
  readonly half: boolean;
}

interface EntryReflection {
  bindings: KernelBinding[];
  fields: Map<string, KernelField>;
  uniform: { binding: number; size: number } | null;
  overrides: Set<string>;
}

const UNIFORM = 0, STORAGE_TEXTURE = 5; // resource types of wgsl_reflect

/** Compiles entry points once per device, shader, entry and constants. */
export class KernelCache {
  pipelinesCreated = 0;
  #kernels = new Map<string, Kernel>();
  #reflections = new Map<string, Map<string, EntryReflection>>();
  #modules = new Map<string, GPUShaderModule>();
  #replacements = new Map<ShaderName, string>();

  /** @param fixedParameters no dynamic offsets, see `Parameters` */
  constructor(readonly device: GPUDevice, readonly fixedParameters = false) {}

  /** Puts another text in a shader's place: for a user's own kernel, or a fault injected by a test. */
  replace(shader: ShaderName, text: string): void {
    this.#replacements.set(shader, text);
    this.forget(shader);
  }

  /** Drops what was compiled of a shader, so that it is compiled anew: its text is another, or it was refused. */
  forget(shader: ShaderName): void {
    this.#reflections.delete(shader);
    for (const key of this.#kernels.keys()) {
      if (key.startsWith(`${shader}.`)) this.#kernels.delete(key);
    }
  }

  get(shader: ShaderName, entry: string, constants: KernelConstants = {}): Kernel {
    let key = `${shader}.${entry}`;
    for (const name in constants) key += ` ${name}=${constants[name]}`;
    let kernel = this.#kernels.get(key);
    if (!kernel) this.#kernels.set(key, kernel = this.#compile(key, shader, entry, constants));
    return kernel;
  }

  #compile(key: string, shader: ShaderName, entry: string, constants: KernelConstants): Kernel {
    const { SUBGROUPS = 0, HALF = 0, ...values } = constants;
    const half = HALF === 1;
    const whole = withIncludes(
      this.#replacements.get(shader) ?? shaderText(shader),
      SUBGROUPS === 1,
    );
    const text = half ? withHalf(whole) : whole;
    const reflections = this.#reflect(shader, whole);
    const reflection = reflections.get(entry);
    if (!reflection) {
      const known = [...reflections.keys()].join(", ");
      throw new Error(`shaders/${shader}.wgsl has no entry point "${entry}"; it has ${known}`);
    }
    const overrides: Record<string, number> = {};
    let specialised = text;
    for (const [name, value] of Object.entries(values)) {
      if (reflection.overrides.has(name)) overrides[name] = value;
      else specialised = replaceConstant(specialised, shader, name, value);
    }
    const layout = this.device.createBindGroupLayout({
      label: key,
      entries: layoutEntries(reflection, this.fixedParameters),
    });
    const pipeline = this.device.createComputePipeline({
      label: key,
      layout: this.device.createPipelineLayout({ label: key, bindGroupLayouts: [layout] }),
      compute: {
        module: this.#module(shader, specialised),
        entryPoint: entry,
        constants: overrides,
      },
    });
    this.pipelinesCreated++;
    const { bindings, fields, uniform } = reflection;
    const id = this.pipelinesCreated;
    return { id, name: key, pipeline, layout, bindings, fields, uniform, half };
  }

  #module(shader: ShaderName, text: string): GPUShaderModule {
    let module = this.#modules.get(text);
    if (!module) {
      module = this.device.createShaderModule({ label: `shaders/${shader}.wgsl`, code: text });
      this.#modules.set(text, module);
    }
    return module;
  }

  #reflect(shader: ShaderName, text: string): Map<string, EntryReflection> {
    let entries = this.#reflections.get(shader);
    if (!entries) this.#reflections.set(shader, entries = reflect(shader, text));
    return entries;
  }
}

/** A private array cannot take its length from an `override`, so such lengths are `const` lines. */
function replaceConstant(text: string, shader: string, name: string, value: number): string {
  const line = new RegExp(`^(const ${name}: u32 = )\\d+u;`, "m");
  if (!line.test(text)) {
    throw new Error(
      `shaders/${shader}.wgsl declares no "override ${name}" and no "const ${name}: u32"`,
    );
  }
  return text.replace(line, `$1${value}u;`);
}

function reflect(shader: string, text: string): Map<string, EntryReflection> {
  const entries = new Map<string, EntryReflection>();
  const module = parse(shader, text);
  const overrides = new Set(module.overrides.map(({ name }) => name));
  for (const entry of module.entry.compute) {
    const reflection: EntryReflection = {
      bindings: [],
      fields: new Map(),
      uniform: null,
      overrides,
    };
    for (const resource of entry.resources) {
      if (resource.resourceType === UNIFORM) {
        const struct = resource.type as unknown as {
          members: { name: string; offset: number; type: { name: string } }[];
          size: number;
        };
        reflection.uniform = { binding: resource.binding, size: Math.ceil(struct.size / 16) * 16 };
        for (const { name, offset, type } of struct.members) {
          reflection.fields.set(name, { offset, type: type.name as KernelField["type"] });
        }
      } else {
        const { name, binding } = resource, writable = resource.access.includes("write");
        const format = resource.resourceType === STORAGE_TEXTURE
          ? (resource.type as unknown as { format: { name: GPUTextureFormat } }).format.name
          : null;
        reflection.bindings.push({ name, binding, writable, format });
      }
    }
    reflection.bindings.sort((a, b) => a.binding - b.binding);
    entries.set(entry.name, reflection);
  }
  return entries;
}

function parse(shader: string, text: string): WgslReflect {
  // wgsl_reflect cannot read subgroup matrices; no binding is one.
  const plain = text.replace(/\bsubgroup_matrix_\w+<[^>]*>/g, "f32")
    .replace(/\b(subgroupMatrix\w+)<[^>]*>/g, "$1");
  try {
    return new WgslReflect(plain);
  } catch (error) {
    throw new Error(
      `shaders/${shader}.wgsl cannot be parsed: ${(error as Error).message ?? error}`,
    );
  }
}

function layoutEntries(
  { bindings, uniform }: EntryReflection,
  fixedParameters: boolean,
): GPUBindGroupLayoutEntry[] {
  const visibility = 4; // GPUShaderStage.COMPUTE
  const entries = bindings.map(({ binding, writable, format }): GPUBindGroupLayoutEntry =>
    format
      ? {
        binding,
        visibility,
        storageTexture: { access: writable ? "write-only" : "read-only", format },
      }
      : { binding, visibility, buffer: { type: writable ? "storage" : "read-only-storage" } }
  );
  if (uniform) {
    const buffer = {
      type: "uniform" as const,
      hasDynamicOffset: !fixedParameters,
      minBindingSize: uniform.size,
    };
    entries.push({ binding: uniform.binding, visibility, buffer });
  }
  return entries;
}
