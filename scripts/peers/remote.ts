import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Competitor, Sample } from "./competitor.ts";
import { type Answer, decodeFloats, type Request } from "./protocol.ts";
import type { Work } from "./works.ts";

/** How to start a process that answers by ./protocol.ts. */
export interface Command {
  file: string;
  args: readonly string[];
}

const LIMIT_MS = 150_000; // to compile and run once; a hundred times what any work takes when warm
const REMEMBERED = 2000; // characters of what the process complained of last

/** A library in a process of its own, which is ended when it takes too long, and started again for the next work. */
export class Remote implements Competitor {
  #child: ChildProcess | undefined;
  #complaints = "";
  #answered: (answer: Answer) => void = () => {};

  constructor(
    readonly name: string,
    readonly command: Command,
    /** The process's first request. */
    readonly start: Request,
    readonly limitMs: number = LIMIT_MS,
  ) {}

  async prepare(work: Work): Promise<boolean> {
    if (!this.#child) {
      this.#child = this.#spawn();
      await this.#ask(this.start);
    }
    return await this.#ask({ call: "prepare", work }) as boolean;
  }

  async results(): Promise<Float32Array[]> {
    return (await this.#ask({ call: "results" }) as string[]).map(decodeFloats);
  }

  async sample(runs: number): Promise<Sample> {
    return await this.#ask({ call: "sample", runs }) as Sample;
  }

  async release(): Promise<void> {
    if (this.#child) await this.#ask({ call: "release" });
  }

  /** Ends the process. */
  close(): void {
    this.#child?.kill("SIGKILL"); // it may be deep in a computation
    this.#child = undefined;
  }

  #spawn(): ChildProcess {
    this.#complaints = "";
    const child = spawn(this.command.file, this.command.args, { stdio: "pipe" });
    createInterface({ input: child.stdout }).on("line", (line) => this.#answered(JSON.parse(line)));
    child.stderr.on("data", (text) => {
      this.#complaints = (this.#complaints + text).slice(-REMEMBERED);
    });
    child.stdin.on("error", () => {}); // a process that has ended is told of below
    const ended = (how: string) => {
      if (this.#child !== child) return; // it was ended from here, and the next may have begun
      this.#child = undefined;
      this.#answered({ error: `its process ended (${how}): ${this.#complaints.trim()}` });
    };
    child.on("error", ({ message }) => ended(message));
    child.on("close", (code, signal) => ended(signal ?? `status ${code}`));
    return child;
  }

  /** @throws {Error} what the process answers with, or that it ended or took too long */
  async #ask(request: Request): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answer = await new Promise<Answer>((resolve) => {
      this.#answered = resolve;
      timer = setTimeout(() => {
        resolve({ error: `not finished in ${this.limitMs / 1000} s` });
        this.close();
      }, this.limitMs);
      this.#child?.stdin?.write(JSON.stringify(request) + "\n");
    });
    clearTimeout(timer);
    if ("error" in answer) throw new Error(answer.error);
    return answer.value;
  }
}
