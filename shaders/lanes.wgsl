// What kernels without workgroup memory take for granted on an adapter that computes on the CPU. The self-test asks it of
// each that has subgroups; where it is not so, they are not used.
//
//   exchange   for each lane `at` of a workgroup that is one subgroup, with a number x of its own:
//              0      its place in the subgroup, which is `at`
//              1 … 3  x of lanes at xor 1, 2 and 4
//              4      the largest x
//              5      x of the lane as far from the end
//              6      x after so many rounds, in each of which it is written, and of some the next lane's is added:
//                     lanes go in step, so what others wrote before can be read without a barrier
enable subgroups;
diagnostic(off, subgroup_uniformity);

struct Params {
  rounds: u32,
}

override WORKGROUP: u32 = 8;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> numbers: array<u32>; // [7, WORKGROUP]

@compute @workgroup_size(WORKGROUP)
fn exchange(
  @builtin(local_invocation_index) at: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let own = (at + 1u) * 0x9e3779b1u;
  put(0u, at, lane);
  put(1u, at, subgroupShuffleXor(own, 1u));
  put(2u, at, subgroupShuffleXor(own, 2u));
  put(3u, at, subgroupShuffleXor(own, 4u));
  put(4u, at, subgroupMax(own));
  put(5u, at, subgroupShuffle(own, WORKGROUP - 1u - at));
  var sum = own;
  for (var round = 0u; round < params.rounds; round++) {
    put(6u, at, sum);
    if ((round + at) % 3u != 0u) {
      sum += numbers[6u * WORKGROUP + (at + 1u) % WORKGROUP];
    }
  }
  put(6u, at, sum);
}

fn put(row: u32, at: u32, value: u32) {
  numbers[row * WORKGROUP + at] = value;
}
