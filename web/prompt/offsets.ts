// The server counts bytes of UTF-8, the browser units of UTF-16.

// Units in front of each byte offset, for offsets that rise.
export function unitsOf(text: string, byteOffsets: readonly number[]): number[] {
  const sorted = byteOffsets.map((bytes, index) => ({ bytes, index })).sort((a, b) => a.bytes - b.bytes);
  const out = new Array<number>(byteOffsets.length).fill(text.length);
  let bytes = 0;
  let unit = 0;
  for (const { bytes: wanted, index } of sorted) {
    while (bytes < wanted && unit < text.length) {
      const point = text.codePointAt(unit)!;
      bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      unit += point < 0x10000 ? 1 : 2;
    }
    out[index] = unit;
  }
  return out;
}
