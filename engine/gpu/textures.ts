// Textures as memory for numbers. An adapter that computes on the CPU reads four numbers of a storage texture at
// half the cost of four numbers of a storage buffer.

/** Texels in a row of each texture; shaders that read one go by the same number. */
export const TEXELS_PER_ROW = 4096;

const TEXEL_BYTES = 16; // four numbers
const ROW_BYTES = TEXELS_PER_ROW * TEXEL_BYTES;
const USAGE = 0x01 | 0x02 | 0x08; // COPY_SRC | COPY_DST | STORAGE_BINDING

/** The bytes of the whole rows that so many bytes fill. */
export function textureBytes(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ROW_BYTES)) * ROW_BYTES;
}

/** The most bytes that a texture of this device holds. */
export function mostTextureBytes({ limits }: GPUDevice): number {
  return limits.maxTextureDimension2D * ROW_BYTES;
}

/** A texture of `size` bytes, a result of `textureBytes`. Throws where it would be too high for the device. */
export function createTexture(device: GPUDevice, size: number, label: string): GPUTexture {
  const height = size / ROW_BYTES, most = mostTextureBytes(device);
  if (size > most) {
    throw new RangeError(
      `a texture of ${size} bytes was asked for, but this adapter's hold at most ` +
        `${most}; use fewer or shorter sequences at a time`,
    );
  }
  const format = "rgba32float";
  return device.createTexture({ size: [TEXELS_PER_ROW, height], format, usage: USAGE, label });
}

/** `bytes` of a texture, and the place in a buffer that they are copied to or from. */
export interface TexelCopy {
  texture: GPUTexture;
  /** Where they begin, in bytes: a multiple of those in a row. */
  first: number;
  buffer: GPUBuffer;
  offset: number;
  bytes: number;
}

export function copyTexels(
  encoder: GPUCommandEncoder,
  { texture, first, buffer, offset, bytes }: TexelCopy,
  into: "texture" | "buffer",
): void {
  const texels = Math.ceil(bytes / TEXEL_BYTES), rows = Math.floor(texels / TEXELS_PER_ROW);
  const copy = (row: number, size: [width: number, height: number]) => {
    const place = { buffer, offset: offset + row * ROW_BYTES, bytesPerRow: ROW_BYTES };
    const image = { texture, origin: [0, first / ROW_BYTES + row] };
    if (into === "texture") encoder.copyBufferToTexture(place, image, size);
    else encoder.copyTextureToBuffer(image, place, size);
  };
  if (rows > 0) copy(0, [TEXELS_PER_ROW, rows]);
  const rest = texels % TEXELS_PER_ROW;
  if (rest > 0) copy(rows, [rest, 1]);
}
