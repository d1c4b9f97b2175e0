import type { Check } from "./self-test.ts";

/** Of shaders/lanes.wgsl. */
export function lanesCheck(lanes: number, rounds = 5): Check {
  return {
    name: "what lanes exchange",
    shader: "lanes",
    entry: "exchange",
    constants: { WORKGROUP: lanes },
    bindings: (engine) => ({ numbers: engine.empty([7, lanes], "u32") }),
    output: "numbers",
    parameters: { rounds },
    grid: [1, 1, 1],
    expected: exchanged(lanes, rounds),
    tolerance: 0,
  };
}

/** What shaders/lanes.wgsl makes: [7, lanes]. */
export function exchanged(lanes: number, rounds: number): number[] {
  const places = [...Array(lanes).keys()];
  const own = places.map((at) => Math.imul(at + 1, 0x9e3779b1) >>> 0);
  let sums = own;
  for (let round = 0; round < rounds; round++) {
    const before = sums;
    sums = places.map((at) => {
      const added = (round + at) % 3 === 0 ? 0 : before[(at + 1) % lanes];
      return (before[at] + added) >>> 0;
    });
  }
  return [
    places,
    ...[1, 2, 4].map((apart) => places.map((at) => own[at ^ apart])),
    places.map(() => Math.max(...own)),
    own.toReversed(),
    sums,
  ].flat();
}
