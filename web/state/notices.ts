// What the page has to say: one notice at a time, read out by screen readers, with something to do about it.
import { ApiError, Unreachable } from "../api/client";
import { signal } from "../core/signal";

export interface Notice {
  text: string;
  isError: boolean;
  action?: { label: string; run: () => void };
}
export const notice = signal<Notice | null>(null);

let timer: ReturnType<typeof setTimeout> | undefined;

export function tell(text: string, action?: Notice["action"]): void {
  show({ text, isError: false, ...(action ? { action } : {}) }, 8000);
}

export function tellError(e: ApiError | Unreachable): void {
  if (e instanceof Unreachable) return; // told for as long as it lasts
  show({ text: e.error.hint ? `${e.error.message} (${e.error.hint})` : e.error.message, isError: true }, 15000);
}

function show(what: Notice, ms: number): void {
  notice.value = what;
  clearTimeout(timer);
  timer = setTimeout(() => (notice.value = null), ms);
}
