// Reductions over the lanes of a workgroup, brought into the shaders of rows by their line `// include
// reductions`. Every lane gets the result; call them in uniform control flow. The shader declares
//
//   const WORKGROUP: u32 = …;   lanes of the workgroup, a multiple of 8 (for sums, fewer do too)
//   alias Value = …;            what is reduced: f32 or a vector, each component by itself
//
// reductions_subgroup.wgsl stands in its place where subgroups are used.

var<workgroup> lane_values: array<Value, WORKGROUP>;
var<workgroup> eighths: array<Value, 8>;

// Two levels of eight cost two barriers, a tree of 64 lanes six. The next call needs no barrier before it:
// who still reads `eighths` has not yet reached that call's first barrier.
fn max_of_lanes(value: Value, lane: u32) -> Value {
  lane_values[lane] = value;
  workgroupBarrier();
  if (lane < 8u) {
    var largest = lane_values[lane];
    for (var i = lane + 8u; i < WORKGROUP; i += 8u) {
      largest = max(largest, lane_values[i]);
    }
    eighths[lane] = largest;
  }
  workgroupBarrier();
  var largest = eighths[0];
  for (var i = 1u; i < 8u; i++) {
    largest = max(largest, eighths[i]);
  }
  return largest;
}

fn sum_of_lanes(value: Value, lane: u32) -> Value {
  lane_values[lane] = value;
  workgroupBarrier();
  if (lane < 8u) {
    var sum = Value();
    for (var i = lane; i < WORKGROUP; i += 8u) {
      sum += lane_values[i];
    }
    eighths[lane] = sum;
  }
  workgroupBarrier();
  var sum = Value();
  for (var i = 0u; i < 8u; i++) {
    sum += eighths[i];
  }
  return sum;
}
