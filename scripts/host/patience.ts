const PAUSE = 0.5; // milliseconds
const never = new Int32Array(new SharedArrayBuffer(4));

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
  while (!settled) {
    Atomics.wait(never, 0, 0, PAUSE);
    await new Promise((resume) => setImmediate(resume)); // Dawn asks once
  }
}
