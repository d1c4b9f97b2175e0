import { WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";

/** One binding of an entry point, as its WGSL declares it. */
export interface KernelBinding {
  readonly name: string;
  readonly binding: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** A storage texture of this format, and not a buffer. */
  readonly format: GPUTextureFormat | null;
  /** Its numbers are of the alias `stored`: f16 in the kernel's form for weights that are stored so. */
  readonly stored: boolean;
}

/** One field of the uniform struct of an entry point; `offset` in bytes. */
export interface KernelField {
  readonly offset: number;
  readonly type: "f32" | "u32" | "i32";
}

/** What the WGSL of an entry point says about it. */
export interface EntryReflection {
  bindings: KernelBinding[];
  fields: Map<string, KernelField>;
  uniform: { binding: number; size: number } | null;
  overrides: Set<string>;
}

const UNIFORM = 0, STORAGE_TEXTURE = 5; // resource types of wgsl_reflect

/** The entry points of a shader by name. Throws, naming its file, where the text cannot be parsed. */
export function reflect(shader: string, text: string): Map<string, EntryReflection> {
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
        const { name, binding } = resource;
        const [readable, writable] = ["read", "write"].map((use) => resource.access.includes(use));
        const format = resource.resourceType === STORAGE_TEXTURE
          ? (resource.type as unknown as { format: { name: GPUTextureFormat } }).format.name
          : null;
        const stored = new RegExp(`> ${name}: [^;]*\\bstored\\b`).test(text);
        reflection.bindings.push({ name, binding, readable, writable, format, stored });
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
