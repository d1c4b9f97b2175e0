// How PEFT names modules of a model in adapter_config.json.

/**
 * Names of modules: a list of names or their last parts ("q_proj", "self_attn.q_proj"), or one regular expression
 * that the whole name matches.
 */
export type ModulePattern = string | readonly string[];

export function matchesModule(pattern: ModulePattern, module: string): boolean {
  if (typeof pattern === "string") return expression(`^(?:${pattern})$`, pattern).test(module);
  return pattern.some((name) => module === name || module.endsWith(`.${name}`));
}

/** The value of the first key that the end of the module's name matches, whole parts of it. */
export function patternValue(
  patterns: Readonly<Record<string, number>>,
  module: string,
  otherwise: number,
): number {
  for (const [key, value] of Object.entries(patterns)) {
    if (expression(`^(?:.*\\.)?(?:${key})$`, key).test(module)) return value;
  }
  return otherwise;
}

/** With the flag u, what Python's expressions have and JavaScript's lack is an error, not another meaning. */
function expression(source: string, shown: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch (error) {
    throw new Error(
      `the module pattern "${shown}" is no regular expression here (${
        (error as Error).message
      }); ` +
        "list the modules' names instead",
    );
  }
}
