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
}

const kinds = {
  load: 0,
  embedding: 1,
  layerNorm: 2,
  rmsNorm: 3,
  product: 4,
  swiglu: 5,
  rotary: 6,
  copy: 7,
  store: 8,
} as const;

export type InstructionKind = keyof typeof kinds;

const WORDS = 10; // of an instruction
const NONE = 0xffffffff;

/** Instructions as the shader reads them. */
export function encode(instructions: readonly Instruction[]): Uint32Array {
  const words = new Uint32Array(instructions.length * WORDS);
  const numbers = new Float32Array(words.buffer);
  for (const [i, instruction] of instructions.entries()) {
    const { kind, source = 0, second = NONE, into = 0, columns, inner = 0 } = instruction;
    const { weight = 0, bias = NONE, form = 0, epsilon = 0 } = instruction;
    const all = [kinds[kind], source, second, into, columns, inner, weight, bias, form];
    words.set(all, i * WORDS);
    numbers[i * WORDS + all.length] = epsilon;
  }
  return words;
}
