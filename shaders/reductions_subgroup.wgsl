// reductions.wgsl where subgroups are used: a subgroup reduces its lanes without memory, and what the
// subgroups found meets in workgroup memory behind one barrier instead of two.
//
// Nothing is assumed of a subgroup's size or of which lanes are in it: its first lane speaks for it, and the
// others leave zeros. Then the lanes of each subgroup share out all places among themselves. Calls take turns
// with two rows of places: who still reads the one has not yet reached the barrier of the other.

var<workgroup> places: array<array<Value, WORKGROUP>, 2>;
var<private> turn: u32;

fn max_of_lanes(value: Value, lane: u32) -> Value {
  turn = 1u - turn;
  places[turn][lane] = subgroupMax(value);
  workgroupBarrier();
  let rank = subgroupExclusiveAdd(1u);
  let size = subgroupAdd(1u);
  var largest = places[turn][rank];
  for (var i = rank + size; i < WORKGROUP; i += size) {
    largest = max(largest, places[turn][i]);
  }
  return subgroupMax(largest);
}

fn sum_of_lanes(value: Value, lane: u32) -> Value {
  turn = 1u - turn;
  let total = subgroupAdd(value);
  places[turn][lane] = select(Value(), total, subgroupExclusiveAdd(1u) == 0u);
  workgroupBarrier();
  // Counted anew: lanes that left a loop at different times may have met only at the barrier.
  let rank = subgroupExclusiveAdd(1u);
  let size = subgroupAdd(1u);
  var sum = Value();
  for (var i = rank; i < WORKGROUP; i += size) {
    sum += places[turn][i];
  }
  return subgroupAdd(sum);
}
