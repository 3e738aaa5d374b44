// The request's fields, made from the server's own table: names, ranges, words and defaults are not repeated here.
import type { Adapter, Field, Json } from "../api/types";
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { capabilities } from "../state/capabilities";
import { changed, keepSeed, setField, shownFields } from "../state/settings";
import { strings } from "../strings";

const kFirst = ["width", "height", "steps", "cfg", "batch", "seed"]; // what people change most

export function settingsPanel(): HTMLElement {
  const title = h("h2");
  const first = h("div", { class: "fields" });
  const more = h("div", { class: "groups" });
  const moreName = h("summary");
  effect(() => {
    const s = strings.value;
    title.textContent = s.settings;
    moreName.textContent = s.moreSettings;
    const fields = shownFields.value;
    fill(first, kFirst.flatMap((name) => fields.filter((f) => f.name === name)).map(row));
    const rest = fields.filter((f) => !kFirst.includes(f.name) && f.kind !== "adapters");
    const groups = [...new Set(rest.map((f) => f.group))];
    fill(more, [
      ...groups.map((g) =>
        h("fieldset", {}, h("legend", {}, s.groupNames[g] ?? g), h("div", { class: "fields" }, ...rest.filter((f) => f.group === g).map(row))),
      ),
      ...fields.filter((f) => f.kind === "adapters" && capabilities.value?.loras.length).map(adapters),
    ]);
  });
  return h("section", { class: "panel settings" }, title, first, h("details", {}, moreName, more));
}

const nameOf = (f: Field): string => strings.value.fieldNames[f.name] ?? f.name.replaceAll("_", " ");

function row(f: Field): HTMLElement {
  const control = controlOf(f);
  const reset = h("button", { type: "button", class: "plain reset", onclick: () => setField(f.name, undefined) }, "↺");
  effect(() => {
    const s = strings.value;
    reset.setAttribute("aria-label", `${nameOf(f)}: ${s.reset}`);
    reset.title = s.reset;
    reset.hidden = changed.value[f.name] === undefined;
  });
  const label = h("label", { title: f.help }, h("span", {}, nameOf(f)), control);
  const out = h("div", { class: `field ${f.kind}`, "data-field": f.name }, label, reset);
  if (f.name === "seed") out.append(seedSwitch());
  return out;
}

function seedSwitch(): HTMLElement {
  const box = h("input", { type: "checkbox", onchange: () => (keepSeed.value = box.checked) });
  const words = h("span");
  effect(() => {
    box.checked = keepSeed.value;
    words.textContent = strings.value.seedKeep;
  });
  return h("label", { class: "check" }, box, words);
}

function controlOf(f: Field): HTMLElement {
  switch (f.kind) {
    case "truth":
      return checkbox(f);
    case "choice":
      return f.default_means === undefined ? choice(f) : wordy(f);
    case "integer":
    case "real":
      return number(f);
    default:
      return f.words?.length ? wordy(f) : text(f);
  }
}

const shownValue = (f: Field): Json => changed.value[f.name] ?? f.default;

function checkbox(f: Field): HTMLElement {
  const input = h("input", { type: "checkbox", onchange: () => setField(f.name, input.checked) });
  effect(() => (input.checked = shownValue(f) === true));
  return input;
}

function choice(f: Field): HTMLElement {
  const input = h("select", { onchange: () => setField(f.name, input.value) }, ...(f.words ?? []).map((w) => h("option", { value: w }, w)));
  effect(() => (input.value = String(shownValue(f))));
  return input;
}

// Names of a list, where the default may be none of them.
function wordy(f: Field): HTMLElement {
  const none = h("option", { value: "" });
  const input = h(
    "select",
    { onchange: () => setField(f.name, input.value || undefined) },
    ...(f.default ? [] : [none]),
    ...(f.words ?? []).map((w) => h("option", { value: w }, w)),
  );
  effect(() => {
    none.textContent = f.default_means ?? strings.value.modelsOwn;
    const value = String(shownValue(f) ?? "");
    if (![...input.options].some((o) => o.value === value)) input.append(h("option", { value }, value)); // a picture's own text
    input.value = value;
  });
  return input;
}

function number(f: Field): HTMLElement {
  const whole = f.kind === "integer";
  const input = h("input", {
    type: "number",
    inputmode: whole ? "numeric" : "decimal",
    step: whole ? String(f.multiple ?? (isSide(f) ? 16 : 1)) : "any",
    min: f.least,
    max: f.most,
    oninput: () => {
      if (input.value === "") setField(f.name, undefined);
      else if (Number.isFinite(input.valueAsNumber)) setField(f.name, input.valueAsNumber);
    },
  });
  effect(() => {
    const value = shownValue(f);
    const is = f.default_means !== undefined && value === f.default ? "" : String(value);
    if (document.activeElement !== input && input.value !== is) input.value = is;
    input.placeholder = isSide(f) ? String(capabilities.value?.[f.name as "width" | "height"] ?? "") : (f.default_means ?? "");
  });
  return input;
}

const isSide = (f: Field): boolean => f.name === "width" || f.name === "height";

// Seeds are larger than a number here can be: they stay texts beyond 2^53, as the server writes them.
function text(f: Field): HTMLElement {
  const read = (words: string): Json => {
    if (f.kind === "seed") return Number.isSafeInteger(Number(words)) ? Number(words) : words;
    if (f.kind === "reals") return words.split(/[\s,]+/).filter(Boolean).map(Number);
    return words;
  };
  const input = h("input", {
    type: "text",
    inputmode: f.kind === "seed" ? "numeric" : "text",
    oninput: () => setField(f.name, input.value.trim() === "" ? undefined : read(input.value.trim())),
  });
  effect(() => {
    const value = changed.value[f.name];
    const is = value === undefined ? "" : Array.isArray(value) ? value.join(", ") : String(value);
    if (document.activeElement !== input && input.value !== is) input.value = is;
    input.placeholder = f.kind === "seed" ? strings.value.seedRandom : (f.default_means ?? "");
  });
  return input;
}

function adapters(f: Field): HTMLElement {
  const rows = h("div");
  const add = h("button", { type: "button", onclick: () => write([...read(), { name: capabilities.peek()!.loras[0]!, strength: 1 }]) });
  const legend = h("legend");
  const read = (): Adapter[] => ((changed.peek()[f.name] ?? []) as unknown as Adapter[]).map((a) => ({ ...a }));
  const write = (list: Adapter[]): void => setField(f.name, list.length ? (list as unknown as Json) : undefined);
  let shown = -1;
  effect(() => {
    const s = strings.value;
    legend.textContent = s.loras;
    add.textContent = s.addLora;
    const list = (changed.value[f.name] ?? []) as unknown as Adapter[];
    if (list.length === shown) return;
    shown = list.length;
    fill(rows, list.map((a, i) => {
      const change = (what: Partial<Adapter>): void => write(read().map((b, k) => (k === i ? { ...b, ...what } : b)));
      const names = [...new Set([...capabilities.peek()!.loras, a.name])];
      const file = h("select", { "aria-label": s.loraFile, onchange: () => change({ name: file.value }) }, ...names.map((n) => h("option", { value: n }, n)));
      file.value = a.name;
      const strength = h("input", { type: "number", step: "0.05", value: a.strength, "aria-label": s.loraStrength, oninput: () => change({ strength: strength.valueAsNumber || 0 }) });
      return h("div", { class: "row" }, file, strength,
        h("button", { type: "button", class: "small", "aria-label": `${s.remove}: ${s.loras} ${i + 1}`, onclick: () => write(read().filter((_, k) => k !== i)) }, "×"));
    }));
  });
  return h("fieldset", {}, legend, rows, add);
}
