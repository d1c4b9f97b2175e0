import { expect, test } from "bun:test";
import { duration, progress } from "../../scripts/host/progress.ts";

/** An output without a terminal whose clock the test sets. */
function recorder() {
  const lines: string[] = [];
  const clock = { time: 0 };
  const stream = { write: (text: string) => lines.push(text) };
  return { lines, clock, output: { stream, now: () => clock.time } };
}

test("without a terminal there is a line at every tenth, with rate and time left", () => {
  const { lines, clock, output } = recorder();
  const bar = progress("PPO", 200, "updates", output);
  for (let step = 0; step < 200; step++) {
    clock.time += 100;
    bar.advance(1, `reward ${step}`);
  }
  bar.done();
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe("PPO: 20/200 updates, 10 updates/s, 18 s left  reward 19\n");
  expect(lines[9]).toBe("PPO: 200/200 updates, 10 updates/s, took 20 s  reward 199\n");
});

test("slow work says something every five seconds", () => {
  const { lines, clock, output } = recorder();
  const bar = progress("SFT", 1000, "steps", output);
  for (let step = 0; step < 12; step++) {
    clock.time += 1000;
    bar.advance(1);
  }
  expect(lines.map((line) => line.split(" ")[1])).toEqual(["5/1000", "10/1000"]);
});

test("work that stops early says how far it came", () => {
  const { lines, output } = recorder();
  const bar = progress("SFT", 100, "steps", output);
  bar.advance(5);
  bar.done();
  expect(lines.at(-1)).toStartWith("SFT: 5/100 steps");
});

test("resumed work shows the rate of this process, not of what was done before", () => {
  const { lines, clock, output } = recorder();
  const bar = progress("SFT", 100, "steps", output);
  bar.resume(50);
  clock.time += 1000;
  bar.advance(10);
  bar.done();
  expect(lines[0]).toBe("SFT: 60/100 steps, 10 steps/s, 4 s left\n");
});

test("durations are read in the largest fitting units", () => {
  expect([4.4, 59.6, 185, 3600, 7805].map(duration))
    .toEqual(["4 s", "1 min 0 s", "3 min 5 s", "1 h 0 min", "2 h 10 min"]);
});
