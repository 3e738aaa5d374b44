// What each stage of a drawing takes of its peak; the one that runs is marked.
import type { Plan } from "../api/types";
import { h } from "../core/h";
import { bytesInWords, strings } from "../strings";

export function memoryBars(plan: Pick<Plan, "stages" | "peak_bytes">, now = ""): HTMLElement {
  const s = strings.value;
  const beside = plan.peak_bytes - Math.max(...plan.stages.map((g) => g.peak_bytes)); // the program itself
  return h("ul", { class: "memory" }, ...plan.stages.map((stage) => {
    const bytes = stage.peak_bytes + beside;
    const bar = h("span", { class: "bar" });
    bar.style.width = `${Math.max(0.5, (bytes / plan.peak_bytes) * 100)}%`;
    return h("li", stage.name === now ? { "aria-current": "step" } : {},
      h("span", { class: "name" }, s.stageNames[stage.name] ?? stage.name),
      h("span", { class: "track" }, bar),
      h("span", { class: "amount" }, bytesInWords(bytes)));
  }));
}
