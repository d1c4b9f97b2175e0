/** The numbers of an instruction of shaders/row_program.wgsl, which tells what they are; places are in vec4s. */
export interface Instruction {
  kind: InstructionKind;
  source?: number;
  second?: number;
  into?: number;
  columns: number;
  inner?: number;
  weight?: number;
  bias?: number;
  form?: number;
  epsilon?: number;
  cached?: number;
  together?: number;
  values?: number;
  keyRow?: number;
  keyHead?: number;
  keyHeads?: number;
}

const kinds = {
  load: 0,
  embedding: 1,
  layerNorm: 2,
  rmsNorm: 3,
  product: 4,
  swiglu: 5,
  rotary: 6,
  attend: 7,
  copy: 8,
  store: 9,
} as const;

export type InstructionKind = keyof typeof kinds;

const WORDS = 16; // of an instruction
const NONE = 0xffffffff;

/** Instructions as the shader reads them. */
export function encode(instructions: readonly Instruction[]): Uint32Array {
  const words = new Uint32Array(instructions.length * WORDS);
  const numbers = new Float32Array(words.buffer);
  for (const [i, instruction] of instructions.entries()) {
    const { kind, source = 0, second = NONE, into = 0, columns, inner = 0 } = instruction;
    const { weight = 0, bias = NONE, form = 0, epsilon = 0 } = instruction;
    const { cached = 0, together = 1, values = 0 } = instruction;
    const { keyRow = 0, keyHead = 0, keyHeads = 0 } = instruction;
    const before = [kinds[kind], source, second, into, columns, inner, weight, bias, form];
    words.set([...before, 0, cached, together, values, keyRow, keyHead, keyHeads], i * WORDS);
    numbers[i * WORDS + before.length] = epsilon;
  }
  return words;
}
