// What the server is: asked until it answers.
import { api, ApiError, apiKey, Unreachable } from "../api/client";
import type { Capabilities, Field } from "../api/types";
import { effect, signal } from "../core/signal";
import { sleep } from "../core/wait";

export const capabilities = signal<Capabilities | null>(null);
export const words = signal<string[]>([]); // tags that prompts are made of
export const fieldOrder = signal<{ character: string[]; general: string[] }>({ character: [], general: [] });

let turn = 0;

async function ask(mine: number): Promise<void> {
  while (mine === turn) {
    try {
      const [all, known, schema] = await Promise.all([api.capabilities(), api.words(), api.schema()]);
      capabilities.value = { ...all, fields: [...all.fields, precisionField(all)] };
      words.value = known.words;
      fieldOrder.value = orderOf(schema);
      return;
    } catch (e) {
      if (e instanceof ApiError && e.status === 401) return; // asked again with a key
      if (!(e instanceof ApiError) && !(e instanceof Unreachable)) throw e;
      await sleep(1000);
    }
  }
}

// Not a field of a request, but of a job; people set it beside the others.
function precisionField(all: Capabilities): Field {
  const words = all.precisions.map((p) => p.name);
  const help = all.precisions.map((p) => `${p.name}: ${p.summary}`).join("\n");
  return { name: "precision", kind: "choice", group: "Sampling", flag: "precision", help, words, default: "", default_means: all.precision.name };
}

type Members = { properties?: { [name: string]: Members }; patternProperties?: { [pattern: string]: Members } };

function orderOf(schema: unknown): { character: string[]; general: string[] } {
  const s = schema as Members & { $defs?: { [name: string]: Members } };
  const names = (m: Members | undefined): string[] => Object.keys(m?.properties ?? {});
  const character = Object.values(s.patternProperties ?? {})[0] ?? s.$defs?.["character"];
  return { character: names(character), general: names(s.properties?.["general_tags"]) };
}

export function watchServer(): void {
  effect(() => {
    apiKey.value;
    void ask(++turn);
  });
}
