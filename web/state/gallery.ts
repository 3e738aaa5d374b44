// Pictures that were drawn, in this browser: IndexedDB, bounded; the server's own bytes.
import { api } from "../api/client";
import type { Job, Picture, RequestFields } from "../api/types";
import { signal } from "../core/signal";
import { strings } from "../strings";
import { tell } from "./notices";

export interface Kept {
  key: string; // job and index
  time: number;
  seed: string;
  width: number;
  height: number;
  fileName: string;
  prompt: string;
  request: RequestFields;
  parameters: string;
  guard: string[];
  file: Blob;
}

const kMost = 500;
export const kept = signal<Kept[]>([]); // the newest first

let opening: Promise<IDBDatabase | null> | null = null;

function database(): Promise<IDBDatabase | null> {
  return (opening ??= new Promise((resolve) => {
    try {
      const asked = indexedDB.open("newbie", 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore("pictures", { keyPath: "key" });
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  }));
}

const done = <T>(asked: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore | null> {
  return (await database())?.transaction("pictures", mode).objectStore("pictures") ?? null;
}

export async function loadGallery(): Promise<void> {
  const there = await store("readonly");
  if (!there) return;
  const all = (await done(there.getAll())) as Kept[];
  kept.value = all.sort((a, b) => b.time - a.time);
}

export async function keep(job: Job, picture: Picture): Promise<void> {
  const key = `${job.id}/${picture.index}`;
  if (kept.peek().some((k) => k.key === key)) return;
  const file = await api.picture(picture.url);
  const request = picture.request ?? {};
  await add({
    key,
    time: Date.now(),
    seed: String(picture.seed),
    width: picture.width,
    height: picture.height,
    fileName: picture.file_name,
    prompt: String(request["prompt"] ?? ""),
    request,
    parameters: picture.parameters ?? "",
    guard: (job.guard ?? []).map((g) => strings.value.guard(g.where, g.action, g.evaluation)),
    file,
  });
}

// Without room the oldest go; without a database the picture is there until the page is closed.
export async function add(picture: Kept): Promise<void> {
  kept.value = [picture, ...kept.peek().filter((k) => k.key !== picture.key)];
  while (kept.peek().length > kMost) await remove(kept.peek().at(-1)!.key);
  for (let attempt = 0; attempt < 8; ++attempt) {
    try {
      const there = await store("readwrite");
      if (there) await done(there.put(picture));
      return;
    } catch {
      const oldest = kept.peek().at(-1);
      if (!oldest || oldest.key === picture.key) return;
      tell(strings.value.galleryFull);
      await remove(oldest.key);
    }
  }
}

export async function remove(key: string): Promise<void> {
  kept.value = kept.peek().filter((k) => k.key !== key);
  try {
    const there = await store("readwrite");
    if (there) await done(there.delete(key));
  } catch {
    // It is gone from the page.
  }
}

export async function removeWithUndo(picture: Kept): Promise<void> {
  await remove(picture.key);
  const put = (): void => {
    void add(picture).then(() => (kept.value = [...kept.peek()].sort((a, b) => b.time - a.time)));
  };
  undoDelete.value = put;
  tell(strings.value.removed, { label: strings.value.undo, run: put });
}
export const undoDelete = signal<(() => void) | null>(null);
