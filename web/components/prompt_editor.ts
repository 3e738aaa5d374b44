// The prompt as text: a textarea over its highlighted copy, with findings, tokens and completion below.
import { api } from "../api/client";
import type { Finding } from "../api/types";
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { unitsOf } from "../prompt/offsets";
import { words } from "../state/capabilities";
import { lint, prompt } from "../state/prompt";
import { strings } from "../strings";

// Tags, weights and what a limit cuts off, as spans; the text itself is the same, character by character.
function highlighted(text: string, cutAt: number | null): Node[] {
  const out: Node[] = [];
  const add = (piece: string, kind: string, at: number): void => {
    if (!piece) return;
    if (cutAt !== null && at < cutAt && at + piece.length > cutAt) {
      add(piece.slice(0, cutAt - at), kind, at);
      add(piece.slice(cutAt - at), kind, cutAt);
      return;
    }
    const cut = cutAt !== null && at >= cutAt ? " cut" : "";
    out.push(kind || cut ? h("span", { class: (kind + cut).trim() }, piece) : document.createTextNode(piece));
  };
  const pattern = /<\/?[\p{L}_][\p{L}\p{N}_. -]*\/?>|[,，]/gu;
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    add(text.slice(at, match.index), "", at);
    const piece = match[0] ?? "";
    add(piece, piece.length > 1 ? "tag" : "comma", match.index!);
    at = match.index! + piece.length;
  }
  add(text.slice(at), "", at);
  out.push(document.createTextNode("\n")); // a last line break has a line of its own in a textarea
  return out;
}

export function promptEditor(): HTMLElement {
  const copy = h("pre", { class: "copy", "aria-hidden": "true" });
  const area = h("textarea", {
    spellcheck: "false",
    rows: "12",
    oninput: () => (prompt.value = area.value),
    onscroll: () => {
      copy.scrollTop = area.scrollTop;
      copy.scrollLeft = area.scrollLeft;
    },
  });
  effect(() => area.setAttribute("aria-label", strings.value.promptLabel));
  effect(() => {
    if (area.value !== prompt.value) area.value = prompt.value;
  });
  effect(() => {
    const text = prompt.value;
    const lost = lint.value?.tokens?.encoders.map((e) => e.lost_at?.offset).filter((o): o is number => o !== undefined) ?? [];
    fill(copy, highlighted(text, lost.length ? unitsOf(text, [Math.min(...lost)])[0]! : null));
  });
  const completion = completer(area);
  const findings = h("ul", { class: "findings", "aria-live": "polite" });
  effect(() => fill(findings, (lint.value?.findings ?? []).map((f) => findingRow(f, area))));
  return h("div", { class: "editor" }, h("div", { class: "layers" }, copy, area), completion, findings, tokenMeters());
}

function findingRow(f: Finding, area: HTMLTextAreaElement): HTMLElement {
  const s = strings.value;
  const row = h(
    "li",
    { class: f.severity },
    h(
      "button",
      {
        type: "button",
        class: "plain",
        onclick: () => {
          const at = unitsOf(area.value, [f.offset])[0]!;
          area.focus();
          area.setSelectionRange(at, at);
        },
      },
      s.lineColumn(f.line, f.column),
    ),
    ` ${f.message}${f.hint ? ` — ${f.hint}` : ""} `,
  );
  if (f.fix) row.append(h("button", { type: "button", class: "small", onclick: () => applyFixes([f]) }, s.fix));
  return row;
}

export function applyFixes(findings: readonly Finding[]): void {
  const fixes = findings.flatMap((f) => (f.fix ? [f.fix] : [])).sort((a, b) => b.begin - a.begin);
  let text = prompt.peek();
  let before = Infinity; // those that overlap are told again, and fixed then
  for (const fix of fixes) {
    if (fix.end > before) continue;
    before = fix.begin;
    const [begin, end] = unitsOf(text, [fix.begin, fix.end]) as [number, number];
    text = text.slice(0, begin) + fix.text + text.slice(end);
  }
  prompt.value = text;
}

function tokenMeters(): HTMLElement {
  const out = h("div", { class: "tokens" });
  effect(() => {
    const s = strings.value;
    fill(
      out,
      (lint.value?.tokens?.encoders ?? []).map((e) =>
        h(
          "div",
          { class: e.lost ? "over" : "" },
          h("meter", { min: "0", max: String(e.limit), high: String(e.limit * 0.95), value: e.tokens, "aria-label": s.tokens(e.encoder, e.tokens, e.limit) }),
          h("span", { title: e.blocks.map((b) => s.tokensOf(b.name, b.tokens)).join("\n") }, s.tokens(e.encoder, e.tokens, e.limit)),
          e.blocks.length ? h("small", {}, e.blocks.map((b) => s.tokensOf(b.name, b.tokens)).join(" · ")) : null,
          e.lost ? h("strong", {}, s.tokensLost(e.lost)) : null,
        ),
      ),
    );
  });
  return out;
}

// Known tags that begin like the word before the cursor: Tab or a click takes one.
function completer(area: HTMLTextAreaElement): HTMLElement {
  const list = h("div", { class: "completion", role: "listbox", hidden: true, "aria-label": "tags" });
  let found: string[] = [];
  const wordAt = (): { begin: number; end: number; word: string } => {
    const end = area.selectionStart;
    const begin = Math.max(...[",", ">", "\n", "，"].map((c) => area.value.lastIndexOf(c, end - 1))) + 1;
    const raw = area.value.slice(begin, end);
    return { begin: begin + raw.length - raw.trimStart().length, end, word: raw.trimStart() };
  };
  const hide = (): void => {
    found = [];
    list.hidden = true;
  };
  const take = (word: string): void => {
    const { begin, end } = wordAt();
    area.setRangeText(word, begin, end, "end");
    prompt.value = area.value;
    hide();
    area.focus();
  };
  area.addEventListener("input", (e) => {
    if ((e as InputEvent).isComposing) return hide();
    const { word } = wordAt();
    const sought = word.toLowerCase().replaceAll(" ", "_");
    found = sought.length < 2 ? [] : words.peek().filter((w) => w.startsWith(sought) && w !== sought).slice(0, 8);
    fill(
      list,
      found.map((w) => h("button", { type: "button", role: "option", tabindex: "-1", onmousedown: (e: Event) => { e.preventDefault(); take(w); } }, w)),
    );
    list.hidden = !found.length;
  });
  area.addEventListener("blur", hide);
  area.addEventListener("keydown", (e) => {
    if (list.hidden || e.isComposing) return;
    if (e.key === "Tab" && found[0]) {
      e.preventDefault();
      take(found[0]);
    } else if (e.key === "Escape") {
      e.stopPropagation();
      hide();
    }
  });
  return list;
}

export async function tidyUp(): Promise<void> {
  prompt.value = (await api.format(prompt.peek())).prompt;
}
export async function tagsToXml(): Promise<void> {
  prompt.value = (await api.fromTags(prompt.peek())).prompt;
}
