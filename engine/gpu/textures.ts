// Textures as memory for numbers. An adapter that computes on the CPU reads numbers of a storage texture, one or four at a
// time, at half the cost of those of a storage buffer, or less.

/** Texels in a row of each texture; shaders that read one go by the same number. */
export const TEXELS_PER_ROW = 4096;

/** Numbers by fours, which a kernel reads or writes, or one by one, which it may read and write. */
export type TextureFormat = "rgba32float" | "r32float";

const texelBytes = { rgba32float: 16, r32float: 4 };
const USAGE = 0x01 | 0x02 | 0x08; // COPY_SRC | COPY_DST | STORAGE_BINDING

const rowBytes = (format: TextureFormat) => TEXELS_PER_ROW * texelBytes[format];

/** The bytes of the whole rows that so many bytes fill. */
export function textureBytes(bytes: number, format: TextureFormat = "rgba32float"): number {
  const row = rowBytes(format);
  return Math.max(1, Math.ceil(bytes / row)) * row;
}

/** The most bytes that a texture of this device holds. */
export function mostTextureBytes(
  { limits }: GPUDevice,
  format: TextureFormat = "rgba32float",
): number {
  return limits.maxTextureDimension2D * rowBytes(format);
}

/** A texture of `size` bytes, a result of `textureBytes`. Throws where it would be too high for the device. */
export function createTexture(
  device: GPUDevice,
  size: number,
  format: TextureFormat,
  label: string,
): GPUTexture {
  const height = size / rowBytes(format), most = mostTextureBytes(device, format);
  if (size > most) {
    throw new RangeError(
      `a texture of ${size} bytes was asked for, but this adapter's hold at most ` +
        `${most}; use fewer or shorter sequences at a time`,
    );
  }
  return device.createTexture({ size: [TEXELS_PER_ROW, height], format, usage: USAGE, label });
}

/** `bytes` of a texture, and the place in a buffer that they are copied to or from. */
export interface TexelCopy {
  texture: GPUTexture;
  format: TextureFormat;
  /** Where they begin, in bytes: a multiple of those in a row. */
  first: number;
  buffer: GPUBuffer;
  offset: number;
  bytes: number;
}

export function copyTexels(
  encoder: GPUCommandEncoder,
  { texture, format, first, buffer, offset, bytes }: TexelCopy,
  into: "texture" | "buffer",
): void {
  const texels = Math.ceil(bytes / texelBytes[format]), bytesPerRow = rowBytes(format);
  const rows = Math.floor(texels / TEXELS_PER_ROW);
  const copy = (row: number, size: [width: number, height: number]) => {
    const place = { buffer, offset: offset + row * bytesPerRow, bytesPerRow };
    const image = { texture, origin: [0, first / bytesPerRow + row] };
    if (into === "texture") encoder.copyBufferToTexture(place, image, size);
    else encoder.copyTextureToBuffer(image, place, size);
  };
  if (rows > 0) copy(0, [TEXELS_PER_ROW, rows]);
  const rest = texels % TEXELS_PER_ROW;
  if (rest > 0) copy(rows, [rest, 1]);
}
