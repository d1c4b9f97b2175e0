// Milliseconds. Each pause is a part of what was waited so far: a long wait is asked after less often, and its end is
// still found within some hundredths of it.
const SHORTEST = 0.5, LONGEST = 2, PART = 1 / 32;
const never = new Int32Array(new SharedArrayBuffer(4));

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
  const begin = performance.now();
  while (!settled) {
    // Those that wait at once rest together: Dawn asks for all of them, and it would not before the last had rested.
    resting ??= rest(PART * (performance.now() - begin));
    await resting;
  }
}

async function rest(part: number): Promise<void> {
  Atomics.wait(never, 0, 0, Math.min(Math.max(part, SHORTEST), LONGEST));
  await new Promise((resume) => setImmediate(resume)); // Dawn asks once
  resting = null;
}
