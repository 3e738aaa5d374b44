// The same prompt as a form: a fieldset for each character and the general tags. Every input edits one stretch of the
// text; what the form does not know stays as it is.
import type { OutlineBlock } from "../api/types";
import { fill, h } from "../core/h";
import { batch, effect } from "../core/signal";
import { addCharacter, addGeneral, apply, type Edit, moved, remove, setField } from "../prompt/form_edits";
import { fieldOrder } from "../state/capabilities";
import { outline, prompt } from "../state/prompt";
import { strings } from "../strings";

const kShown = { character: ["n", "gender", "appearance", "clothing", "expression", "action", "position"], general: ["count", "style", "background"] };

export function promptForm(): HTMLElement {
  const blocks = h("div", { class: "blocks" });
  const buttons = h("div", { class: "row" });
  const sets: Fieldset[] = []; // by place: two blocks may have one name
  effect(() => {
    const now = outline.value;
    if (!now || now.text !== prompt.value) return; // typing: the engine reads it in a moment
    while (sets.length < now.blocks.length) sets.push(fieldset(sets.length));
    now.blocks.forEach((block, i) => sets[i]!.update(now.text, block));
    const wanted = sets.slice(0, now.blocks.length).map((set) => set.element);
    fill(blocks, wanted.length ? wanted : [h("p", { class: "quiet" }, strings.value.formEmpty)]);
  });
  effect(() => {
    const s = strings.value;
    const has = outline.value?.blocks.some((b) => b.kind === "general");
    fill(buttons, [
      h("button", { type: "button", onclick: () => edit((text, all) => addCharacter(text, all)) }, s.addCharacter),
      ...(has ? [] : [h("button", { type: "button", onclick: () => edit((text) => addGeneral(text)) }, s.addGeneral)]),
    ]);
  });
  const form = h("div", { class: "form" }, blocks, buttons);
  effect(() => form.setAttribute("aria-busy", String(outline.value?.text !== prompt.value)));
  return form;
}

function edit(make: (text: string, blocks: OutlineBlock[]) => Edit): void {
  const now = outline.peek();
  if (!now || now.text !== prompt.peek()) return;
  prompt.value = apply(now.text, make(now.text, now.blocks));
}

interface Fieldset {
  element: HTMLElement;
  update(text: string, block: OutlineBlock): void;
}

// Of the block at that place.
function fieldset(place: number): Fieldset {
  const inputs = new Map<string, HTMLTextAreaElement>();
  const waiting = new Map<string, string>(); // what was typed before the engine had read the text
  const rows = h("div", { class: "fields" });
  const legend = h("legend");
  const gone = h("button", { type: "button", class: "small", onclick: () => edit((text, all) => remove(text, all[place]!)) });
  const element = h("fieldset", {}, legend, rows, gone);

  const row = (field: string): HTMLElement => {
    const input = h("textarea", { rows: "1", spellcheck: "false", autocomplete: "off", oninput: () => write(field, input.value) });
    inputs.set(field, input);
    const words = h("span");
    effect(() => (words.textContent = strings.value.promptFields[field] ?? field));
    return h("label", {}, words, input);
  };

  // The outline is moved along at once, so that typing on does not wait for the engine.
  const write = (field: string, value: string): void => {
    const now = outline.peek();
    const block = now?.blocks[place];
    if (!now || !block || now.text !== prompt.peek()) return void waiting.set(field, value);
    const change = setField(block, field, value, fieldOrder.peek()[block.kind]);
    const text = apply(now.text, change);
    waiting.delete(field);
    batch(() => {
      outline.value = { text, blocks: moved(now.blocks, place, change) };
      prompt.value = text;
    });
  };

  return {
    element,
    update(text, block) {
      const s = strings.value;
      const title = block.kind === "general" ? s.generalTags : s.character(/\d+$/.exec(block.name)?.[0] ?? "");
      legend.textContent = title;
      gone.textContent = s.removeBlock(title);
      const names = [...new Set([...kShown[block.kind], ...block.fields.map((f) => f.name)])];
      if (names.length !== inputs.size || names.some((n) => !inputs.has(n))) {
        inputs.clear();
        fill(rows, names.map(row));
      }
      if (waiting.size) queueMicrotask(() => waiting.forEach((value, field) => write(field, value)));
      for (const [field, input] of inputs) {
        const there = block.fields.find((f) => f.name === field);
        const value = there ? text.slice(there.content_begin, there.content_end) : "";
        if (input.value !== value && document.activeElement !== input) input.value = value;
      }
    },
  };
}
