// Keys. None acts on its own inside a field, and none while an input method composes.
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { undoDelete } from "../state/gallery";
import { draw } from "../state/jobs";
import { planned } from "../state/plan";
import { strings } from "../strings";

export function shortcutSheet(): HTMLDialogElement {
  const title = h("h2");
  const list = h("dl");
  const close = h("button", { type: "button", onclick: () => dialog.close() });
  const dialog = h("dialog", { class: "sheet" }, title, list, close);
  effect(() => {
    const s = strings.value;
    dialog.setAttribute("aria-label", s.shortcuts);
    title.textContent = s.shortcuts;
    close.textContent = s.close;
    fill(list, Object.entries(s.shortcutList).flatMap(([keys, does]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, does)]));
  });
  addEventListener("keydown", (e) => {
    if (e.isComposing || e.keyCode === 229) return;
    if ((e.ctrlKey || e.metaKey) && e.key === "Enter") {
      e.preventDefault();
      if (planned.peek().kind !== "refused") void draw();
      return;
    }
    const inField = (e.target as HTMLElement).closest?.("input, textarea, select, canvas");
    if (inField) return;
    if (e.key === "?") dialog.showModal();
    if ((e.ctrlKey || e.metaKey) && e.key === "z" && undoDelete.peek()) {
      e.preventDefault();
      undoDelete.peek()!();
      undoDelete.value = null;
    }
  });
  return dialog;
}
