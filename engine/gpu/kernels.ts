import {
  type EntryReflection,
  type KernelBinding,
  type KernelField,
  reflect,
} from "./reflection.ts";
import { type ShaderName, shaderText, withHalf, withIncludes } from "./shaders.ts";

/**
 * Values for `override` declarations and for module-level `const NAME: u32 = …;` lines of a shader. `SUBGROUPS: 1`
 * gives what a shader includes the form that uses subgroups, `HALF: 1` reads weights that are stored as f16.
 */
export type KernelConstants = Readonly<Record<string, number>>;

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

/** Compiles entry points once per device, shader, entry and constants. */
export class KernelCache {
  pipelinesCreated = 0;
  #kernels = new Map<string, Kernel>();
  #reflections = new Map<string, Map<string, EntryReflection>>();
  #modules = new Map<string, GPUShaderModule>();
  #replacements = new Map<ShaderName, string>();

  constructor(readonly device: GPUDevice) {}

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

  /** Whether something of this shader was compiled, since its text was last replaced. */
  has(shader: ShaderName): boolean {
    return [...this.#kernels.keys()].some((key) => key.startsWith(`${shader}.`));
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
      const known = [...reflections.keys()].join(", ") || "none";
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
      entries: layoutEntries(reflection),
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

function layoutEntries({ bindings, uniform }: EntryReflection): GPUBindGroupLayoutEntry[] {
  const visibility = 4; // GPUShaderStage.COMPUTE
  const entries = bindings.map(({ binding, readable, writable, format }): GPUBindGroupLayoutEntry =>
    format
      ? {
        binding,
        visibility,
        storageTexture: {
          access: !writable ? "read-only" : readable ? "read-write" : "write-only",
          format,
        },
      }
      : { binding, visibility, buffer: { type: writable ? "storage" : "read-only-storage" } }
  );
  if (uniform) {
    const buffer = { type: "uniform" as const, minBindingSize: uniform.size };
    entries.push({ binding: uniform.binding, visibility, buffer });
  }
  return entries;
}
