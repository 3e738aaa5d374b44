// Signals that outlive a reload, in localStorage as far as the browser allows it: private windows and full disks do not.
import { effect, signal, type Signal } from "./signal";

const kPrefix = "newbie.";

export function stored<T>(name: string, first: T): Signal<T> {
  const out = signal<T>(read(name) ?? first);
  effect(() => write(name, out.value));
  return out;
}

function read<T>(name: string): T | null {
  try {
    const text = localStorage.getItem(kPrefix + name);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

function write(name: string, value: unknown): void {
  try {
    localStorage.setItem(kPrefix + name, JSON.stringify(value));
  } catch {
    // The page goes on without remembering.
  }
}
