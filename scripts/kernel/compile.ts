import type { Engine } from "../../engine/gpu/engine.ts";
import { originOf, withHalf, withIncludes } from "../../engine/gpu/shaders.ts";

/** Throws where a shader's text does not compile, by the lines of the file that it is from. */
export async function expectCompiles(engine: Engine, text: string, path: string): Promise<void> {
  const { subgroups, half } = engine.features;
  const forms = [[false, false], [true, false], [false, true]] as const; // by subgroups, and stored as f16
  for (const [reduces, halves] of forms.filter(([a, b]) => (!a || subgroups) && (!b || half))) {
    const whole = withIncludes(text, reduces), code = halves ? withHalf(whole) : whole;
    const errors = await compileErrors(engine, code);
    if (errors.length === 0) continue;
    const before = code.split("\n").length - whole.split("\n").length;
    const lines = errors.map(({ lineNum, linePos, message }) => {
      const { include, line } = originOf(text, reduces, lineNum - before);
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
