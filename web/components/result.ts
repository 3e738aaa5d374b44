// The picture that is being drawn, or was: preview, stage, steps, time left; and the queue with what can be done about it.
import { isOver, type Job } from "../api/types";
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { kept } from "../state/gallery";
import { cancel, type Followed, jobs, shown, toFront } from "../state/jobs";
import { bytesInWords, secondsInWords, strings } from "../strings";
import { memoryBars } from "./memory_bars";
import { openViewer } from "./viewer";

export function resultPanel(): HTMLElement {
  const title = h("h2");
  const picture = h("img", { class: "result-picture", alt: "", hidden: true });
  const open = h("button", { type: "button", class: "plain picture-button", hidden: true, onclick: () => openShown() }, picture);
  const empty = h("p", { class: "place quiet" });
  const bar = h("progress", { max: "1" });
  const words = h("p", { role: "status", "aria-live": "polite", class: "state" });
  const guard = h("ul", { class: "guard" });
  const warnings = h("ul", { class: "guard" });
  const memoryName = h("summary");
  const memory = h("details", { class: "why", hidden: true }, memoryName);
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const stop = h("button", { type: "button", class: "small" });
  let url = "";

  const openShown = (): void => {
    const first = kept.peek().find((k) => k.key.startsWith(`${shown.peek()}/`));
    if (first) openViewer(first.key);
  };
  effect(() => {
    const s = strings.value;
    title.textContent = s.result;
    empty.textContent = s.noPicture;
    bar.setAttribute("aria-label", s.states.running);
    const f = jobs.value.find((j) => j.job.id === shown.value);
    const finished = f && kept.value.filter((k) => k.key.startsWith(`${f.job.id}/`)).at(0);
    const source = finished ? finished.key : (f?.preview ?? "");
    if (finished) {
      if (url !== finished.key) {
        if (picture.src.startsWith("blob:")) URL.revokeObjectURL(picture.src);
        picture.src = URL.createObjectURL(finished.file);
        url = finished.key;
      }
      picture.alt = s.picture(finished.seed);
    } else if (f?.preview) {
      picture.src = f.preview;
      picture.alt = s.preview;
      url = "";
    }
    picture.hidden = open.hidden = !source;
    open.disabled = !finished;
    empty.hidden = Boolean(source) || Boolean(f && !isOver(f.job.state));
    bar.hidden = stop.hidden = !f || isOver(f.job.state);
    if (f) bar.value = f.job.progress;
    words.textContent = f ? stateInWords(f) : "";
    problem.hidden = !f?.job.error;
    if (f?.job.error) problem.textContent = `${s.failed}: ${f.job.error.message}${f.job.error.hint ? ` (${f.job.error.hint})` : ""}`;
    fill(guard, (f?.job.guard ?? []).map((g) => h("li", {}, s.guard(g.where, g.action, g.evaluation))));
    fill(warnings, (f?.job.warnings ?? []).filter((w) => !(f?.job.guard?.length && w.startsWith("guard: "))).map((w) => h("li", {}, w)));
    const plan = f && !isOver(f.job.state) ? f.job.plan : undefined;
    memory.hidden = !plan;
    memoryName.textContent = s.memoryByStage(plan ? bytesInWords(plan.peak_bytes) : "", "");
    if (plan) fill(memory, [memoryName, memoryBars(plan, f!.job.stage)]);
    stop.textContent = f?.job.state === "cancelling" ? s.stopping : s.cancel;
    stop.disabled = f?.job.state === "cancelling";
    stop.onclick = () => void (f && cancel(f.job.id));
  });
  return h("section", { class: "panel result" }, title, open, empty, h("div", { class: "row" }, bar, stop), words, problem, guard, warnings, memory);
}

function stateInWords(f: Followed): string {
  const s = strings.value;
  const { job } = f;
  if (job.state === "queued") return `${s.states.queued} · ${s.position(job.position || 1)}`;
  if (job.state === "done") return doneInWords(job);
  if (job.state !== "running") return s.states[job.state];
  const stage = s.stageNames[job.stage] ?? job.stage;
  const parts = [stage || s.states.running];
  if (job.steps && (job.stage === "denoise" || job.stage === "hires")) parts.push(s.step(job.step, job.steps));
  if (job.seconds_left !== null && job.seconds_left > 0.5) parts.push(s.left(secondsInWords(job.seconds_left)));
  return parts.join(" · ");
}

function doneInWords(job: Job): string {
  const s = strings.value;
  const parts = [s.states.done];
  const seeds = job.pictures.map((p) => p.seed);
  if (seeds.length === 1) parts.push(s.seedOf(String(seeds[0])));
  if (job.started !== null && job.ended !== null) parts.push(secondsInWords(job.ended - job.started));
  return parts.join(" · ");
}

export function queuePanel(): HTMLElement {
  const title = h("h2");
  const list = h("ol", { class: "queue" });
  const out = h("section", { class: "panel queue-panel" }, title, list);
  effect(() => {
    const s = strings.value;
    const waiting = jobs.value.filter((f) => !isOver(f.job.state));
    title.textContent = s.queue;
    out.hidden = waiting.length < 2;
    fill(list, waiting.map((f) => {
      const { id, state, position } = f.job;
      const words = f.words || id.slice(-8);
      return h("li", {},
        h("button", { type: "button", class: "plain", onclick: () => (shown.value = id) }, `${words} — ${state === "queued" ? s.position(position || 1) : s.states[state]}`),
        state === "queued" ? h("button", { type: "button", class: "small", "aria-label": `${s.front}: ${words}`, onclick: () => void toFront(id) }, "↑") : null,
        h("button", { type: "button", class: "small", "aria-label": `${s.cancel}: ${words}`, onclick: () => void cancel(id) }, "×"));
    }));
  });
  return out;
}
