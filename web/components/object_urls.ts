// Addresses of files in memory, one a file, given back when the file is gone.
const urls = new WeakMap<Blob, string>();

export function urlOf(file: Blob): string {
  let url = urls.get(file);
  if (!url) urls.set(file, (url = URL.createObjectURL(file)));
  return url;
}

export function letGo(file: Blob): void {
  const url = urls.get(file);
  if (url) URL.revokeObjectURL(url);
  urls.delete(file);
}
