// Two pictures under one divider, their difference, and its numbers.
import { h } from "../core/h";
import type { Kept } from "../state/gallery";
import { strings } from "../strings";
import { differenceOf } from "./pixels";
import { urlOf } from "./object_urls";

export function comparison(a: Kept, b: Kept): HTMLElement {
  const s = strings.value;
  const over = h("img", { src: urlOf(b.file), alt: s.picture(b.seed) });
  const map = h("canvas", { hidden: true, "aria-hidden": "true" });
  const slider = h("input", { type: "range", min: "0", max: "100", value: "50", "aria-label": s.slider, oninput: () => place() });
  const place = (): void => {
    over.style.clipPath = `inset(0 0 0 ${slider.value}%)`;
    stage.style.setProperty("--at", `${slider.value}%`);
  };
  const numbers = h("p", { class: "numbers" }, "…");
  const box = h("input", { type: "checkbox", onchange: () => (map.hidden = !box.checked) });
  const stage = h("div", { class: "compare-stage" }, h("img", { src: urlOf(a.file), alt: s.picture(a.seed) }), over, map);
  place();
  void differenceOf(a.file, b.file).then(
    (d) => {
      map.width = d.width;
      map.height = d.height;
      map.getContext("2d")!.putImageData(d.map, 0, 0);
      numbers.textContent = d.share === 0 ? s.identical : `${s.psnr(`${d.psnr.toFixed(1)} dB`)} · ${s.pixelsDiffer(`${(d.share * 100).toFixed(1)} %`)}`;
    },
    (e: unknown) => (numbers.textContent = String(e instanceof Error ? e.message : e)),
  );
  const said = (k: Kept): string => {
    const steps = k.request["steps"];
    return [s.seedOf(k.seed), String((k.request["precision"] as string | undefined) ?? ""), typeof steps === "number" ? s.stepsOf(steps) : ""]
      .filter(Boolean).join(" · ");
  };
  return h("div", { class: "compare" }, stage, slider,
    h("div", { class: "row spread" }, h("span", {}, said(a)), h("label", { class: "check" }, box, s.showDifference), h("span", {}, said(b))),
    numbers);
}
