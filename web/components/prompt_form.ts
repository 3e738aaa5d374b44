// The same prompt as a form: a fieldset for each character and the general tags. Every input edits one stretch of the
// text; what the form does not know stays as it is.
import type { OutlineBlock } from "../api/types";
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { addCharacter, addGeneral, apply, type Edit, moved, remove, setField } from "../prompt/form_edits";
import { fieldOrder } from "../state/capabilities";
import { outline, prompt } from "../state/prompt";
import { strings } from "../strings";

const kShown = { character: ["n", "gender", "appearance", "clothing", "expression", "action", "position"], general: ["count", "style", "background"] };

export function promptForm(): HTMLElement {
  const blocks = h("div", { class: "blocks" });
  const buttons = h("div", { class: "row" });
  const sets = new Map<string, Fieldset>();
  effect(() => {
    const now = outline.value;
    if (!now || now.text !== prompt.value) return; // typing: the engine reads it in a moment
    const wanted = now.blocks.map((b) => {
      const set = sets.get(b.name) ?? fieldset(b);
      sets.set(b.name, set);
      set.update(now.text, b);
      return set.element;
    });
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
  return h("div", { class: "form" }, blocks, buttons);
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

function fieldset(first: OutlineBlock): Fieldset {
  const s = strings.value;
  const name = first.name;
  const title = first.kind === "general" ? s.generalTags : s.character(/\d+$/.exec(name)?.[0] ?? "");
  const inputs = new Map<string, HTMLInputElement>();
  const rows = h("div", { class: "fields" });
  const element = h(
    "fieldset",
    {},
    h("legend", {}, title),
    rows,
    h("button", { type: "button", class: "small", onclick: () => edit((text, all) => remove(text, all.find((b) => b.name === name)!)) }, s.removeBlock(title)),
  );

  const row = (field: string): HTMLElement => {
    const input = h("input", { type: "text", autocomplete: "off", oninput: () => write(field, input.value) });
    inputs.set(field, input);
    return h("label", {}, h("span", {}, field), input);
  };

  // The outline is moved along at once, so that typing on does not wait for the engine.
  const write = (field: string, value: string): void => {
    const now = outline.peek();
    const block = now?.blocks.find((b) => b.name === name);
    if (!now || !block || now.text !== prompt.peek()) return;
    const change = setField(block, field, value, fieldOrder.peek()[block.kind]);
    const text = apply(now.text, change);
    const isNew = !block.fields.some((f) => f.name === field);
    if (!isNew) outline.value = { text, blocks: moved(now.blocks, change) };
    prompt.value = text;
  };

  return {
    element,
    update(text, block) {
      const names = [...new Set([...kShown[block.kind], ...block.fields.map((f) => f.name)])];
      if (names.some((n) => !inputs.has(n))) {
        inputs.clear();
        fill(rows, names.map(row));
      }
      for (const [field, input] of inputs) {
        const there = block.fields.find((f) => f.name === field);
        const value = there ? text.slice(there.content_begin, there.content_end) : "";
        if (input.value !== value && document.activeElement !== input) input.value = value;
      }
    },
  };
}
