import type { Engine } from "../../engine/gpu/engine.ts";
import { originOf, withIncludes } from "../../engine/gpu/shaders.ts";

/** Throws where a shader's text does not compile, by the lines of the file that it is from. */
export async function expectCompiles(engine: Engine, text: string, path: string): Promise<void> {
  for (const subgroups of engine.features.subgroups ? [false, true] : [false]) {
    const errors = await compileErrors(engine, withIncludes(text, subgroups));
    if (errors.length === 0) continue;
    const lines = errors.map(({ lineNum, linePos, message }) => {
      const { include, line } = originOf(text, subgroups, lineNum);
      const file = include === null ? path : `shaders/${include}.wgsl`;
      return `${file}:${line}:${linePos}: ${message}`;
    });
    throw new Error([`${path} does not compile:`, ...lines].join("\n"));
  }
}

async function compileErrors({ device }: Engine, code: string): Promise<GPUCompilationMessage[]> {
  device.pushErrorScope("validation"); // else it would be the engine's failure
  const module = device.createShaderModule({ code });
  const [{ messages }] = await Promise.all([module.getCompilationInfo(), device.popErrorScope()]);
  return messages.filter(({ type }) => type === "error");
}
