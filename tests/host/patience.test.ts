import { expect, test } from "bun:test";
import { waitPatiently } from "../../scripts/host/patience.ts";

const LONGEST = 2; // milliseconds of a pause

/** Settles when the event loop has turned so many times, and counts them: Dawn asks once a turn. */
function settlesAfter(turns: number): { pending: Promise<void>; turned: () => number } {
  let count = 0;
  const pending = new Promise<void>((resolve) => {
    const turn = () => ++count === turns ? resolve() : void setImmediate(turn);
    setImmediate(turn);
  });
  return { pending, turned: () => count };
}

test("waiting ends when the promise is kept", async () => {
  const { pending, turned } = settlesAfter(5);
  await waitPatiently(pending);
  expect(turned()).toBe(5);
});

test("waiting ends when the promise is broken, and does not throw", async () => {
  await waitPatiently(Promise.reject(new Error("lost")));
});

test("a short wait beside a long one is not held up by it", async () => {
  const original = Atomics.wait;
  const pauses: number[] = [];
  const long = settlesAfter(60);
  let meanwhile: number[] = [];
  Atomics.wait = ((...given: Parameters<typeof original>) => {
    pauses.push(given[3]!);
    return original(...given);
  }) as typeof original;
  try {
    const first = waitPatiently(long.pending);
    while (pauses.at(-1)! < 1) await new Promise((resume) => setImmediate(resume));
    const short = settlesAfter(1), before = pauses.length;
    await waitPatiently(short.pending);
    meanwhile = pauses.slice(before);
    await first;
  } finally {
    Atomics.wait = original;
  }
  expect(meanwhile.length).toBeLessThanOrEqual(2);
  expect(new Set(meanwhile)).toEqual(new Set([0.5])); // as if it were alone
});

test("a pause that fails is not waited for again", async () => {
  const original = Atomics.wait;
  Atomics.wait = () => {
    throw new Error("no pause");
  };
  try {
    await expect(waitPatiently(settlesAfter(3).pending)).rejects.toThrow("no pause");
  } finally {
    Atomics.wait = original;
  }
  await waitPatiently(settlesAfter(3).pending);
});

test("those that wait at once pause together, not one after the other", async () => {
  const original = Atomics.wait;
  let pauses = 0;
  Atomics.wait = ((...given: Parameters<typeof original>) => {
    pauses++;
    expect(given[3]).toBeLessThanOrEqual(LONGEST);
    return "timed-out";
  }) as typeof original;
  try {
    const waits = [settlesAfter(20), settlesAfter(20), settlesAfter(20)];
    await Promise.all(waits.map(({ pending }) => waitPatiently(pending)));
  } finally {
    Atomics.wait = original;
  }
  expect(pauses).toBeGreaterThan(10);
  expect(pauses).toBeLessThan(30); // alone each would pause 20 times
});
