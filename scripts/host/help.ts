import type { Command, Flag } from "./arguments.ts";

/** What `--help` prints. */
export function helpText(command: Command<Record<string, Flag>>): string {
  const rows = Object.entries(command.flags).map(([key, flag]) => {
    return [`--${kebab(key)} ${placeholder(flag)}`.trimEnd(), flag.help + remark(flag)] as const;
  });
  rows.push(["--help", "prints this text"]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const bare = command.bare ? [placeholder(command.flags[command.bare]!)] : [];
  const positionals = [...bare, ...command.positionals ?? []]
    .map((name) => ` ${name.toUpperCase()}`).join("");
  const lines = rows.map(([name, help]) => `  ${name.padEnd(width)}  ${help}`);
  return [command.summary, "", `Usage: ${command.usage}${positionals} [options]`, "", ...lines]
    .join("\n");
}

function remark(flag: Flag) {
  if ("default" in flag && flag.default !== undefined) return ` (default ${flag.default})`;
  if ("required" in flag) return " (required)";
  if (flag.type !== "strings") return "";
  const { least = 0 } = flag;
  if (least === 0) return " (any number of times)";
  return least === 1 ? " (once or more)" : ` (${least} times or more)`;
}

/** What stands for a flag's value. */
export function placeholder(flag: Flag) {
  if (flag.type === "boolean") return "";
  if (flag.type === "strings") return flag.placeholder ?? "TEXT";
  return flag.type === "string" ? flag.placeholder ?? flag.choices?.join("|") ?? "TEXT" : "N";
}

/** A camelCase key as it is spelled on the command line. */
export const kebab = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
