// Edits that the form makes to the text: each replaces one stretch, so that what the form does not know stays as it is.
import type { OutlineBlock, OutlineElement } from "../api/types";

export interface Edit {
  begin: number;
  end: number;
  text: string;
}

export const apply = (text: string, edit: Edit): string => text.slice(0, edit.begin) + edit.text + text.slice(edit.end);

// The field whose content it replaces, or the new one as it stands after the edit.
export interface FieldEdit extends Edit {
  within?: OutlineElement;
  added?: OutlineElement;
}

export function setField(block: OutlineBlock, field: string, value: string, order: readonly string[]): FieldEdit {
  const there = block.fields.find((f) => f.name === field);
  if (there) return { begin: there.content_begin, end: there.content_end, text: value, within: there };
  const rank = order.indexOf(field);
  const before = block.fields.filter((f) => order.indexOf(f.name) < rank).pop();
  const at = before ? before.end : block.content_begin;
  const content = at + `\n<${field}>`.length;
  const end = content + value.length;
  return {
    begin: at,
    end: at,
    text: `\n<${field}>${value}</${field}>${before || block.fields.length ? "" : "\n"}`,
    added: { name: field, begin: at + 1, content_begin: content, content_end: end, end: end + `</${field}>`.length },
  };
}

// With the line break in front of it.
export function remove(text: string, element: OutlineElement): Edit {
  const begin = text[element.begin - 1] === "\n" ? element.begin - 1 : element.begin;
  return { begin, end: element.end, text: "" };
}

export function addCharacter(text: string, blocks: readonly OutlineBlock[]): Edit {
  const numbers = blocks.filter((b) => b.kind === "character").map((b) => Number(/\d+$/.exec(b.name)?.[0] ?? 0));
  const name = `character_${Math.max(0, ...numbers) + 1}`;
  const last = blocks.filter((b) => b.kind === "character").pop();
  const written = `<${name}>\n<gender></gender>\n</${name}>`;
  if (last) return { begin: last.end, end: last.end, text: `\n${written}` };
  return { begin: 0, end: 0, text: text.trim() ? `${written}\n` : written };
}

export function addGeneral(text: string): Edit {
  const written = "<general_tags>\n<count></count>\n</general_tags>";
  return { begin: text.length, end: text.length, text: text.trim() && !text.endsWith("\n") ? `\n${written}` : written };
}

// The outline as it is after an edit of the block at `place`, until the engine has read the new text.
export function moved(blocks: readonly OutlineBlock[], place: number, edit: FieldEdit): OutlineBlock[] {
  const by = edit.text.length - (edit.end - edit.begin);
  const element = <T extends OutlineElement>(e: T): T => {
    if (e === (blocks[place] as OutlineElement) || e === edit.within) return { ...e, content_end: e.content_end + by, end: e.end + by };
    if (e.begin < edit.end) return e; // all of it is before: elements do not overlap
    return { ...e, begin: e.begin + by, content_begin: e.content_begin + by, content_end: e.content_end + by, end: e.end + by };
  };
  return blocks.map((b, i) => {
    const fields = b.fields.map(element);
    if (edit.added && i === place) fields.push(edit.added);
    return { ...element(b), fields: fields.sort((x, y) => x.begin - y.begin) };
  });
}
