// The instructions of row_program.wgsl, brought into shaders by their line `// include row_instruction`.

const NONE: u32 = 0xffffffffu;

struct Instruction {
  kind: u32,
  source: u32,
  second: u32, // NONE where nothing is added
  into: u32,
  columns: u32, // of `into`, a multiple of 4; of what is normalised, of 8. STORE: of the keys
  // PRODUCT: columns of the source, a multiple of 4; ROTARY, COPY, STORE: of a head; EMBEDDING: rows of the table
  inner: u32,
  weight: u32, // COPY, STORE, ATTEND: from row to row of the source, in vec4s
  bias: u32, // NONE where there is none. COPY, STORE, ATTEND: from head to head of the source, in vec4s
  // PRODUCT: 1 for the erf form of x · Φ(x), 2 for its tanh form; ROTARY: pairs that turn; EMBEDDING: 1 where positions
  // are the ids; STORE, ATTEND: rows of the cache per sequence
  form: u32,
  epsilon: f32, // ATTEND: what queries are multiplied by
  cached: u32, // STORE, ATTEND: where the layer begins in the cache, in vec4s
  together: u32, // key heads that lie side by side there, for which STORE and ATTEND are compiled
  // ATTEND alone:
  values: u32,
  key_row: u32, // from row to row, and from head to head, of `second` and `values`, in vec4s
  key_head: u32,
  key_heads: u32,
}

// Where vec4 `column` of a row of heads lies, from where the first does.
fn in_heads(now: Instruction, row: u32, column: u32) -> u32 {
  let of_head = now.inner / 4u;
  return row * now.weight + column / of_head * now.bias + column % of_head;
}
