// Draw, or why not: what it will take stands beside it before anything is drawn; a panel says where it goes, and why.
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { draw, submit } from "../state/jobs";
import { planned } from "../state/plan";
import { changed, keepSeed, randomSeed, request, setField } from "../state/settings";
import { bytesInWords, secondsInWords, strings } from "../strings";
import { memoryBars } from "./memory_bars";

export function drawBar(): HTMLElement {
  const button = h("button", { type: "button", class: "primary", onclick: () => void draw() });
  const four = h("button", { type: "button", onclick: () => void drawNextSeeds(4) });
  const note = h("p", { role: "status", class: "cost" });
  effect(() => {
    const s = strings.value;
    const p = planned.value;
    button.textContent = s.draw;
    button.title = s.drawHint;
    four.textContent = s.nextSeeds;
    button.disabled = four.disabled = p.kind === "refused";
    fill(note, noteOf());
  });
  return h("section", { class: "draw" }, h("div", { class: "row" }, button, four), note);
}

export function planPanel(): HTMLElement {
  const name = h("summary");
  const out = h("details", { class: "panel plan" }, name);
  effect(() => {
    const s = strings.value;
    const p = planned.value;
    name.textContent = s.details;
    if (p.kind !== "fits") return;
    fill(out, [
      name,
      h("h3", {}, s.memoryByStage(bytesInWords(p.plan.peak_bytes), bytesInWords(p.plan.budget_bytes))),
      memoryBars(p.plan),
      h("h3", {}, `${s.why}: ${p.plan.precision.name}`),
      h("ul", {}, ...p.plan.precision.reasons.map((r) => h("li", {}, r))),
    ]);
  });
  return out;
}

function noteOf(): Node[] {
  const s = strings.value;
  const p = planned.value;
  if (p.kind === "asking") return [document.createTextNode(s.planning)];
  if (p.kind === "refused") {
    const out: Node[] = [h("strong", {}, p.error.kind === "over budget" ? `${s.tooLarge}: ` : ""), document.createTextNode(p.error.message)];
    const fits = p.error.would_fit;
    if (fits)
      out.push(
        h("button", { type: "button", class: "small", onclick: () => {
          for (const [name, value] of Object.entries(fits.request)) if (changed.peek()[name] !== value) setField(name, value);
        } }, s.wouldFit(fits.what)),
      );
    else if (p.error.hint) out.push(document.createTextNode(` (${p.error.hint})`));
    return out;
  }
  const { plan } = p;
  const stage = s.stageNames[plan.decided_by] ?? plan.decided_by;
  const unused = plan.unused.length ? ` · ${s.unused}: ${plan.unused.join("; ")}` : "";
  const cost = s.cost(bytesInWords(plan.peak_bytes), plan.seconds ? secondsInWords(plan.seconds) : "");
  return [document.createTextNode(`${plan.width} × ${plan.height} · ${cost} · ${s.decidedBy(stage)}${unused}`)];
}

async function drawNextSeeds(count: number): Promise<void> {
  const seed = keepSeed.peek() ? changed.peek()["seed"] : undefined;
  const first = BigInt(seed === undefined ? randomSeed() : String(seed));
  for (let k = 1; k <= count; ++k) {
    const next = first + BigInt(k);
    const safe = next <= BigInt(Number.MAX_SAFE_INTEGER);
    await submit({ ...request.value, seed: safe ? Number(next) : String(next) });
  }
}
