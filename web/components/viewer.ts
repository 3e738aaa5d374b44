// One picture, large: what it was made from, and everything that can be done with it. Two of them side by side.
import { fill, h } from "../core/h";
import { computed, effect, signal } from "../core/signal";
import { capabilities } from "../state/capabilities";
import { isOver, type RequestFields } from "../api/types";
import { type Kept, kept, removeWithUndo } from "../state/gallery";
import { jobs, submit } from "../state/jobs";
import { tell } from "../state/notices";
import { initPicture, takeOver } from "../state/settings";
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
    fill(body, pair ? [closeButton(), comparison(k, pair)] : [closeButton(), large(k), facts(k)]);
    if (!dialog.open) dialog.showModal();
  });
  return dialog;
}

function step(by: number): void {
  const at = kept.peek().findIndex((k) => k.key === open.peek());
  const next = kept.peek()[at + by];
  if (next) openViewer(next.key);
}

function closeButton(): HTMLElement {
  return h("button", { type: "button", class: "close", "aria-label": strings.value.close, onclick: closeViewer }, "×");
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
    h("p", { class: "numbers" }, `${k.width} × ${k.height} · ${k.seed}`),
    h("pre", { class: "prompt-text" }, k.prompt),
    k.guard.length ? h("ul", { class: "guard" }, ...k.guard.map((g) => h("li", {}, g))) : null,
    h("div", { class: "row wrap" },
      h("a", { class: "button", href: urlOf(k.file), download: k.fileName }, s.download),
      button(s.useAll, () => { takeOver(k.request); closeViewer(); }),
      button(s.again, () => void drawAgain(k, verdict)),
      button(s.startFrom, () => void base64Of(k.file).then((data) => { initPicture.value = data; closeViewer(); })),
      button(s.compareWith, () => { picking.value = true; tell(s.comparePick); }),
      copyMenu(k.request),
      button(s.remove, () => { void removeWithUndo(k); closeViewer(); })),
    verdict,
    h("details", {}, h("summary", {}, "parameters"), h("pre", { class: "prompt-text" }, k.parameters)),
  );
}

// The same request once more; then the files, byte by byte, and where they differ the pixels.
async function drawAgain(k: Kept, verdict: HTMLElement): Promise<void> {
  const s = strings.value;
  const followed = await submit(requestOf(k));
  if (!followed) return;
  const id = followed.job.id;
  verdict.textContent = "…";
  const ended = effect(() => {
    const job = jobs.value.find((f) => f.job.id === id)?.job;
    const drawn = kept.value.find((other) => other.key === `${id}/0`);
    if (drawn) void said(drawn);
    else if (job && isOver(job.state) && job.state !== "done") verdict.textContent = s.states[job.state];
  });
  const said = async (drawn: Kept): Promise<void> => {
    queueMicrotask(() => ended());
    const [a, b] = await Promise.all([k.file.arrayBuffer(), drawn.file.arrayBuffer()]);
    const x = new Uint8Array(a);
    const y = new Uint8Array(b);
    const same = x.length === y.length && x.every((byte, i) => byte === y[i]);
    verdict.textContent = same ? s.same : s.different(`${((await differenceOf(k.file, drawn.file)).share * 100).toFixed(2)} %`);
    openViewer(k.key);
  };
}

// A picture's own request says its facts, too: the server takes fields alone.
export function requestOf(k: Kept): RequestFields {
  return Object.fromEntries(Object.entries(k.request).filter(([name]) => kSendable.value.has(name)));
}

const kSendable = computed(() => new Set((capabilities.value?.fields ?? []).map((f) => f.name).filter((n) => n !== "batch")));
