import { processOutput, type ProgressOutput, silenceProgress } from "./progress.ts";

/** Where a command says what: for a person, or with `--quiet` and `--json` for a program. */
export interface Output {
  /** What a person may want to know on the way. */
  note(text: string): void;
  progress: ProgressOutput;
  /** What came out: the text for a person, the object for a program. */
  result(text: string, results: object): void;
}

export interface OutputOptions {
  /** No notes and no progress. */
  quiet: boolean;
  /** One JSON object on stdout, everything else on stderr. */
  json: boolean;
}

export function openOutput({ quiet, json }: OutputOptions): Output {
  const note = json ? console.error : console.log;
  if (quiet) silenceProgress();
  return {
    note: quiet ? () => {} : note,
    progress: processOutput,
    // console.log writes all of it before the process ends, also into a slow pipe.
    result: (text, results) => console.log(json ? JSON.stringify(results) : text),
  };
}
