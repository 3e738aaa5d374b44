// What the request would take, asked again as settings change.
import { api, ApiError, Unreachable } from "../api/client";
import type { Plan, ServerError } from "../api/types";
import { effect, signal } from "../core/signal";
import { debounce } from "../core/wait";
import { request } from "./settings";

export type Planned = { kind: "asking" } | { kind: "fits"; plan: Plan } | { kind: "refused"; error: ServerError };
export const planned = signal<Planned>({ kind: "asking" });

let asking: AbortController | null = null;

async function ask(): Promise<void> {
  asking?.abort();
  const mine = (asking = new AbortController());
  try {
    const plan = await api.plan(request.value, mine.signal);
    if (!mine.signal.aborted) planned.value = { kind: "fits", plan };
  } catch (e) {
    if (mine.signal.aborted || e instanceof Unreachable) return;
    if (!(e instanceof ApiError)) throw e;
    planned.value = { kind: "refused", error: e.error };
  }
}

const later = debounce(350, () => void ask());
export function watchPlan(): void {
  effect(() => {
    request.value;
    later();
  });
}
