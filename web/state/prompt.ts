// The prompt, and what the engine says of it: findings, tokens, outline. No rule about prompts is in the page.
import { api, ApiError, Unreachable } from "../api/client";
import type { LintReport, OutlineBlock } from "../api/types";
import { effect, signal } from "../core/signal";
import { stored } from "../core/stored";
import { debounce } from "../core/wait";
import { unitsOf } from "../prompt/offsets";
import { firstExample } from "../prompt/examples";

export const prompt = stored<string>("prompt", firstExample);
export const negative = stored<string>("negative", "");
export const promptView = stored<"text" | "form">("view", "text");

export const lint = signal<LintReport | null>(null);
// Of the text `outlined`, in units of UTF-16.
export const outline = signal<{ text: string; blocks: OutlineBlock[] } | null>(null);

let asking: AbortController | null = null;

async function ask(): Promise<void> {
  asking?.abort();
  const mine = (asking = new AbortController());
  const text = prompt.peek();
  try {
    const [report, blocks] = await Promise.all([api.lint(text, mine.signal), api.outline(text, mine.signal)]);
    if (mine.signal.aborted) return;
    lint.value = report;
    outline.value = { text, blocks: inUnits(text, blocks.blocks) };
  } catch (e) {
    if (!(e instanceof ApiError) && !(e instanceof Unreachable) && !mine.signal.aborted) throw e;
  }
}

function inUnits(text: string, blocks: OutlineBlock[]): OutlineBlock[] {
  const all = blocks.flatMap((b) => [b, ...b.fields]);
  const places = unitsOf(text, all.flatMap((e) => [e.begin, e.content_begin, e.content_end, e.end]));
  let at = 0;
  const moved = <T extends OutlineBlock | OutlineBlock["fields"][number]>(e: T): T => ({
    ...e,
    begin: places[at++]!,
    content_begin: places[at++]!,
    content_end: places[at++]!,
    end: places[at++]!,
  });
  return blocks.map((b) => {
    const block = moved(b);
    return { ...block, fields: b.fields.map(moved) };
  });
}

const later = debounce(250, () => void ask());
export function watchPrompt(): void {
  effect(() => {
    prompt.value;
    later();
  });
}
