// One picture, large: what it was made from, and everything that can be done with it. Two of them side by side.
import { fill, h } from "../core/h";
import { computed, effect, signal } from "../core/signal";
import { capabilities } from "../state/capabilities";
import { isOver, type JobState, type RequestFields } from "../api/types";
import { type Kept, kept, removeWithUndo } from "../state/gallery";
import { jobs, submit } from "../state/jobs";
import { notice, tell } from "../state/notices";
import { asJobSays, initPicture, takeOver } from "../state/settings";
import { strings } from "../strings";
import { comparison } from "./comparison";
import { copyMenu } from "./copy_as";
import { base64Of } from "./init_picture";
import { differenceOf } from "./pixels";
import { urlOf } from "./object_urls";

const open = signal<string | null>(null);
const other = signal<string | null>(null);
export const picking = signal(false); // the next tile that is pressed is the other picture

export function openViewer(key: string): void {
  other.value = null;
  open.value = key;
}
export function pickOther(key: string): void {
  picking.value = false;
  notice.value = null; // which asked to pick
  if (open.peek()) other.value = key;
}
export function closeViewer(): void {
  open.value = other.value = null;
  picking.value = false;
}

const find = (key: string | null): Kept | undefined => kept.value.find((k) => k.key === key);

export function viewer(): HTMLDialogElement {
  const body = h("div", { class: "viewer-body" });
  const dialog = h("dialog", {
    class: "viewer",
    onclose: () => {
      if (!picking.peek()) closeViewer();
    },
    onkeydown: (e: Event) => {
      const key = (e as KeyboardEvent).key;
      if ((e.target as HTMLElement).closest("input, textarea, select")) return;
      if (key === "ArrowLeft") step(-1);
      if (key === "ArrowRight") step(1);
    },
  }, body);
  effect(() => {
    const k = find(open.value);
    const pair = find(other.value);
    if (!k || picking.value) {
      if (dialog.open) dialog.close();
      return;
    }
    dialog.setAttribute("aria-label", strings.value.picture(k.seed));
    fill(body, pair ? [head(strings.value.compare), comparison(k, pair)] : [head(`${k.width} × ${k.height} · ${strings.value.seed} ${k.seed}`, true), large(k), facts(k)]);
    if (!dialog.open) dialog.showModal();
  });
  return dialog;
}

function step(by: number): void {
  const at = kept.peek().findIndex((k) => k.key === open.peek());
  const next = kept.peek()[at + by];
  if (next) openViewer(next.key);
}

function head(words: string, steps = false): HTMLElement {
  const s = strings.value;
  const button = (name: string, sign: string, work: () => void): HTMLElement => h("button", { type: "button", class: "icon", "aria-label": name, title: name, onclick: work }, sign);
  return h("div", { class: "viewer-head" }, h("span", { class: "numbers" }, words),
    ...(steps ? [button(s.previous, "←", () => step(-1)), button(s.next, "→", () => step(1))] : []),
    h("button", { type: "button", class: "icon close", "aria-label": s.close, title: s.close, onclick: closeViewer }, "×"));
}

const large = (k: Kept): HTMLElement => h("img", { class: "large", src: urlOf(k.file), alt: strings.value.picture(k.seed), width: k.width, height: k.height });

// What drawing again showed. One line as long as one picture is open: a new picture in the gallery fills the viewer
// anew, and what is still being found out must not go with what was there before.
let line: { key: string; element: HTMLElement } | null = null;
function verdictLine(k: Kept): HTMLElement {
  if (line?.key !== k.key) line = { key: k.key, element: h("p", { role: "status", "aria-live": "polite" }) };
  return line.element;
}

function facts(k: Kept): HTMLElement {
  const s = strings.value;
  const verdict = verdictLine(k);
  const button = (words: string, work: () => void): HTMLElement => h("button", { type: "button", onclick: work }, words);
  return h(
    "div",
    { class: "facts" },
    h("pre", { class: "prompt-text" }, k.prompt),
    k.guard.length ? h("ul", { class: "guard" }, ...k.guard.map((g) => h("li", {}, g))) : null,
    h("div", { class: "row wrap" },
      h("a", { class: "button primary", href: urlOf(k.file), download: k.fileName }, s.download),
      button(s.useAll, () => { takeOver(k.request); closeViewer(); }),
      button(s.again, () => void drawAgain(k, verdict)),
      button(s.startFrom, () => void base64Of(k.file).then((data) => { initPicture.value = data; closeViewer(); })),
      precisionMenu(k),
      button(s.compareWith, () => { picking.value = true; tell(s.comparePick); }),
      copyMenu(k.request),
      h("button", { type: "button", class: "danger", onclick: () => { void removeWithUndo(k); closeViewer(); } }, s.remove)),
    verdict,
    h("details", {}, h("summary", {}, s.parameters), h("pre", { class: "prompt-text" }, k.parameters)),
  );
}

// The first picture of a job once it is in the gallery; else how the job ended.
function drawnBy(id: string): Promise<Kept | JobState> {
  return new Promise((resolve) => {
    const ended = effect(() => {
      const picture = find(`${id}/0`);
      const state = jobs.value.find((f) => f.job.id === id)?.job.state;
      const result = picture ?? (state && isOver(state) && state !== "done" ? state : null);
      if (result === null) return;
      queueMicrotask(() => ended());
      resolve(result);
    });
  });
}

// The same request in other numbers, and the two side by side when it is drawn.
function precisionMenu(k: Kept): HTMLElement {
  const s = strings.value;
  const own = k.request["precision_preset"] ?? capabilities.peek()?.precision.preset;
  const names = (capabilities.peek()?.precisions ?? []).map((p) => p.name).filter((name) => name !== own);
  const draw = async (precision: string): Promise<void> => {
    const verdict = verdictLine(k);
    const followed = await submit({ ...requestOf(k), precision });
    if (!followed) return;
    verdict.textContent = s.drawingIn(precision);
    const drawn = await drawnBy(followed.job.id);
    verdict.textContent = typeof drawn === "string" ? s.states[drawn] : "";
    if (typeof drawn !== "string" && open.peek() === k.key) pickOther(drawn.key);
  };
  const menu = h("select", { "aria-label": s.inPrecision, onchange: () => {
    const precision = menu.value;
    menu.value = "";
    if (precision) void draw(precision);
  } }, h("option", { value: "" }, `${s.inPrecision}…`), ...names.map((name) => h("option", { value: name }, name)));
  return menu;
}

// The same request once more; then the files, byte by byte, and where they differ the pixels.
async function drawAgain(k: Kept, verdict: HTMLElement): Promise<void> {
  const s = strings.value;
  const followed = await submit(requestOf(k));
  if (!followed) return;
  verdict.textContent = s.drawingAgain;
  const drawn = await drawnBy(followed.job.id);
  if (typeof drawn === "string") {
    verdict.textContent = s.states[drawn];
    return;
  }
  const [x, y] = (await Promise.all([k.file.arrayBuffer(), drawn.file.arrayBuffer()])).map((a) => new Uint8Array(a)) as [Uint8Array, Uint8Array];
  const same = x.length === y.length && x.every((byte, i) => byte === y[i]);
  verdict.textContent = same ? s.same : s.different(`${((await differenceOf(k.file, drawn.file)).share * 100).toFixed(2)} %`);
}

// A picture's own request says its facts, too: the server takes fields alone.
export function requestOf(k: Kept): RequestFields {
  return Object.fromEntries(Object.entries(asJobSays(k.request)).filter(([name]) => kSendable.value.has(name)));
}

const kSendable = computed(() => new Set((capabilities.value?.fields ?? []).map((f) => f.name).filter((n) => n !== "batch")));
