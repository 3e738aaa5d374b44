// Signals: values that tell who reads them when they change. All of the page's state is made of these.

type Effect = { run: () => void; sources: Set<Set<Effect>> };

let current: Effect | null = null;
let waiting: Set<Effect> | null = null;

export interface Readable<T> {
  readonly value: T;
  peek(): T; // without being told of changes
}

export interface Signal<T> extends Readable<T> {
  value: T;
}

export function signal<T>(first: T): Signal<T> {
  let now = first;
  const readers = new Set<Effect>();
  return {
    get value() {
      if (current) {
        readers.add(current);
        current.sources.add(readers);
      }
      return now;
    },
    set value(next: T) {
      if (Object.is(now, next)) return;
      now = next;
      notify(readers);
    },
    peek: () => now,
  };
}

function notify(readers: Set<Effect>): void {
  if (waiting) {
    for (const reader of readers) waiting.add(reader);
    return;
  }
  for (const reader of [...readers]) reader.run();
}

// Several changes, told once.
export function batch(change: () => void): void {
  if (waiting) return change();
  const mine = (waiting = new Set());
  try {
    change();
  } finally {
    waiting = null;
    for (const effect of mine) effect.run();
  }
}

// Runs now, and again whenever a signal that it read has changed. Gives what ends it.
export function effect(work: () => void): () => void {
  const self: Effect = {
    sources: new Set(),
    run() {
      for (const readers of self.sources) readers.delete(self);
      self.sources.clear();
      const outer = current;
      current = self;
      try {
        work();
      } finally {
        current = outer;
      }
    },
  };
  self.run();
  return () => {
    for (const readers of self.sources) readers.delete(self);
    self.sources.clear();
  };
}

export function computed<T>(make: () => T): Readable<T> {
  const out = signal<T>(undefined as T);
  effect(() => (out.value = make()));
  return out;
}
