// Pixels of picture files: how far two of them are apart, and where.
import { h } from "../core/h";

export interface Difference {
  width: number;
  height: number;
  share: number; // of pixels of which a channel differs
  psnr: number; // dB; Infinity when they are equal
  map: ImageData; // |a − b|, eight times as bright
}

async function pixelsOf(file: Blob): Promise<ImageData> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = h("canvas", { width: bitmap.width, height: bitmap.height });
  const context = canvas.getContext("2d")!;
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

export async function differenceOf(a: Blob, b: Blob): Promise<Difference> {
  const [x, y] = await Promise.all([pixelsOf(a), pixelsOf(b)]);
  if (x.width !== y.width || x.height !== y.height) throw new Error(`${x.width} × ${x.height}, ${y.width} × ${y.height}`);
  const map = new ImageData(x.width, x.height);
  let differ = 0;
  let squares = 0;
  for (let i = 0; i < x.data.length; i += 4) {
    let any = 0;
    for (let c = 0; c < 3; ++c) {
      const d = Math.abs(x.data[i + c]! - y.data[i + c]!);
      squares += d * d;
      any |= d;
      map.data[i + c] = Math.min(255, d * 8);
    }
    map.data[i + 3] = 255;
    if (any) ++differ;
  }
  const pixels = x.data.length / 4;
  return { width: x.width, height: x.height, share: differ / pixels, psnr: 10 * Math.log10(255 ** 2 / (squares / (3 * pixels))), map };
}
