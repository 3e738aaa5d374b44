// Edits that the form makes to the text: each replaces one stretch, so that what the form does not know stays as it is.
import type { OutlineBlock, OutlineElement } from "../api/types";

export interface Edit {
  begin: number;
  end: number;
  text: string;
}

export const apply = (text: string, edit: Edit): string => text.slice(0, edit.begin) + edit.text + text.slice(edit.end);

export function setField(block: OutlineBlock, field: string, value: string, order: readonly string[]): Edit {
  const there = block.fields.find((f) => f.name === field);
  if (there) return { begin: there.content_begin, end: there.content_end, text: value };
  const rank = order.indexOf(field);
  const before = block.fields.filter((f) => order.indexOf(f.name) < rank).pop();
  const at = before ? before.end : block.content_begin;
  const written = `<${field}>${value}</${field}>`;
  return { begin: at, end: at, text: `\n${written}${before || block.fields.length ? "" : "\n"}` };
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

// The outline as it is after an edit of a field's content, until the engine has read the new text.
export function moved(blocks: readonly OutlineBlock[], edit: Edit): OutlineBlock[] {
  const by = edit.text.length - (edit.end - edit.begin);
  const place = (at: number, isEnd: boolean): number => (at > edit.begin || (isEnd && at === edit.begin) ? at + by : at);
  const element = <T extends OutlineElement>(e: T): T => {
    const inside = e.content_begin <= edit.begin && edit.end <= e.content_end;
    return {
      ...e,
      begin: place(e.begin, false),
      content_begin: place(e.content_begin, false),
      content_end: inside ? e.content_end + by : place(e.content_end, false),
      end: e.end >= edit.end && inside ? e.end + by : place(e.end, false),
    };
  };
  return blocks.map((b) => ({ ...element(b), fields: b.fields.map(element) }));
}
