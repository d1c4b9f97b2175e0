// Milliseconds. Each pause is a part of what was waited so far: a long wait is asked after less often, and its end is
// still found within some hundredths of it.
const SHORTEST = 0.5, LONGEST = 2, PART = 1 / 32;
const never = new Int32Array(new SharedArrayBuffer(4));

const waiting = new Set<{ since: number }>();
let ended = 0; // waits so far
let resting: Promise<void> | null = null; // until Dawn has asked once more

/**
 * Waits for the GPU with pauses. Dawn under Bun, Node and Deno asks again and again whether the work is done,
 * without a rest, and on an adapter that computes on the CPU that takes a core from the kernels.
 */
export async function waitPatiently(pending: Promise<unknown>): Promise<void> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  pending.then(settle, settle);
  const wait = { since: performance.now() };
  waiting.add(wait);
  try {
    while (!settled) {
      // Those that wait at once rest together: Dawn asks for all of them, and it would not before the last had rested.
      resting ??= rest();
      const before = ended;
      await resting;
      if (settled) return;
      await null; // the others look before one of them rests again
      if (ended !== before) await turn(); // whoever waited for one goes on
    }
  } finally {
    waiting.delete(wait);
    ended++;
  }
}

/** As long as the one that waits shortest would. */
async function rest(): Promise<void> {
  try {
    const waited = performance.now() - Math.max(...[...waiting].map(({ since }) => since));
    Atomics.wait(never, 0, 0, Math.min(Math.max(PART * waited, SHORTEST), LONGEST));
    await turn();
  } finally {
    await null; // `resting` is this one by now
    resting = null;
  }
}

/** Of the event loop, in which Dawn asks once. */
function turn(): Promise<void> {
  return new Promise((resume) => setImmediate(resume));
}
