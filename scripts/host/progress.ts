import { SingleBar } from "cli-progress";

export interface Progress {
  /** Counts `n` more units as done; `note` (a loss, a score) stands at the end of the line. */
  advance(n: number, note?: string): void;
  /** Counts `n` units as done before, which the rate leaves out. */
  resume(n: number): void;
  /** Ends the bar and leaves its last line. Call it on failure too, or a terminal bar ticks on. */
  done(): void;
}

/** Where progress is written and how time is told; tests put their own here. */
export interface ProgressOutput {
  stream: { isTTY?: boolean; write(text: string): unknown };
  /** Milliseconds. */
  now(): number;
}

export const processOutput: ProgressOutput = {
  stream: process.stderr,
  now: () => performance.now(),
};

/** For the whole process: a download deep inside knows no flags. */
export function silenceProgress(): void {
  processOutput.stream = { write: () => {} };
}

/**
 * Shows how far a long piece of work is, with its rate and the time left: a moving bar in a
 * terminal, else a plain line at every tenth of the way and after every 5 seconds of silence.
 * `total` is in units of `unit` ("updates", "tokens"); "bytes" are shown as kB, MB or GB.
 */
export function progress(
  label: string,
  total: number,
  unit: string,
  output = processOutput,
): Progress {
  const show = output.stream.isTTY ? terminalBar(label, total) : plainLines(label, total, output);
  const start = output.now();
  const [shown, scale] = unit === "bytes" ? sizeUnit(total) : [unit, 1];
  let value = 0;
  let before = 0;
  let note = "";
  const status = () => {
    const seconds = (output.now() - start) / 1000;
    const rate = (value - before) / Math.max(seconds, 1e-3);
    const left = rate > 0 && value < total ? `, ${duration((total - value) / rate)} left` : "";
    const ended = value >= total ? `, took ${duration(seconds)}` : "";
    const speed = rate > 0 ? `, ${shortNumber(rate / scale)} ${shown}/s` : "";
    const [done, all] = unit === "bytes"
      ? [value, total].map((bytes) => (bytes / scale).toFixed(1))
      : [value, total];
    return `${done}/${all} ${shown}${speed}${left}${ended}${note && `  ${note}`}`;
  };
  return {
    advance(n, newNote = note) {
      value += n;
      note = newNote;
      show.update(value, status());
    },
    resume(n) {
      before += n;
      value += n;
    },
    done() {
      show.stop(value, status());
    },
  };
}

/** Does `work` under a bar, which ends with it; `work` counts its units done, with a note if it likes. */
export async function withProgress<T>(
  label: string,
  total: number,
  unit: string,
  work: (advance: Progress["advance"]) => Promise<T>,
  output = processOutput,
): Promise<T> {
  const bar = progress(label, total, unit, output);
  try {
    return await work(bar.advance);
  } finally {
    bar.done();
  }
}

interface Display {
  update(value: number, status: string): void;
  stop(value: number, status: string): void;
}

function terminalBar(label: string, total: number): Display {
  const bar = new SingleBar({
    format: "{label} [{bar}] {status}",
    barsize: 24,
    // Its alternative switches wrapping off in the terminal, which a killed process never undoes.
    linewrap: true,
  });
  bar.start(total, 0, { label, status: "" });
  return {
    update: (value, status) => bar.update(value, { status }),
    stop(value, status) {
      bar.update(value, { status });
      bar.stop();
    },
  };
}

function plainLines(label: string, total: number, { stream, now }: ProgressOutput): Display {
  let lastTime = now();
  let lastTenth = 0;
  let printed: string | undefined;
  const print = (status: string) => {
    lastTime = now();
    printed = status;
    stream.write(`${label}: ${status}\n`);
  };
  return {
    update(value, status) {
      const tenth = Math.floor((10 * value) / total);
      if (tenth > lastTenth || now() - lastTime >= 5000) print(status);
      lastTenth = Math.max(lastTenth, tenth);
    },
    stop(value, status) {
      // The update that reached the end has said so already.
      if (value < total || printed === undefined) print(status);
    },
  };
}

function sizeUnit(bytes: number): [name: string, bytes: number] {
  if (bytes < 1e6) return ["kB", 1e3];
  return bytes < 1e9 ? ["MB", 1e6] : ["GB", 1e9];
}

/** 42 s, 3 min 5 s, 2 h 10 min. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const shortNumber = (value: number) =>
  value >= 100 ? value.toFixed(0) : Number(value.toPrecision(2)).toString();
