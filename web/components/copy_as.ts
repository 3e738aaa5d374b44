// The request as other programs say it: the page teaches the interfaces.
import type { Adapter, Json, RequestFields } from "../api/types";
import { h } from "../core/h";
import { capabilities } from "../state/capabilities";
import { tell } from "../state/notices";
import { strings } from "../strings";

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

// Fields that the server knows and that differ from its defaults.
function said(request: RequestFields): [string, Json][] {
  const fields = capabilities.peek()?.fields ?? [];
  return fields.flatMap((f): [string, Json][] => {
    const value = request[f.name];
    const isSaid = value !== undefined && value !== null && JSON.stringify(value) !== JSON.stringify(f.default);
    return isSaid && f.kind !== "picture" ? [[f.name, value]] : [];
  });
}

function commandLine(request: RequestFields): string {
  const fields = capabilities.peek()?.fields ?? [];
  const words = said(request).flatMap(([name, value]) => {
    const flag = `--${fields.find((f) => f.name === name)!.flag}`;
    if (value === true) return [flag];
    if (name === "loras") return (value as unknown as Adapter[]).map((a) => `${flag} ${quoted(`${a.name}:${a.strength}`)}`);
    const text = Array.isArray(value) ? value.join(",") : String(value);
    return [`${flag} ${/^[\w.,-]+$/.test(text) ? text : quoted(text)}`];
  });
  return `newbie generate ${words.join(" ")} -o picture.png`;
}

const json = (request: RequestFields): string => JSON.stringify(Object.fromEntries(said(request)), null, 2);
const here = (path: string): string => new URL(path, document.baseURI).href;

const kForms: { [name: string]: (request: RequestFields) => string } = {
  "newbie generate": commandLine,
  curl: (r) => `curl ${here("v1/jobs")} -H 'Content-Type: application/json' -d ${quoted(json(r))}`,
  "Python (openai)": (r) => {
    const { prompt, width, height, ...rest } = Object.fromEntries(said(r));
    const size = width && height ? `, size="${String(width)}x${String(height)}"` : "";
    return `from openai import OpenAI\nimport base64\n\nclient = OpenAI(base_url="${here("v1")}", api_key="none")\nout = client.images.generate(model="newbie", prompt=${JSON.stringify(prompt ?? "")}${size},\n                             extra_body=${python(rest)})\nopen("picture.png", "wb").write(base64.b64decode(out.data[0].b64_json))\n`;
  },
  "A1111 JSON": (r) => {
    const names: { [ours: string]: string } = { cfg: "cfg_scale", sampler: "sampler_name", schedule: "scheduler", batch: "n_iter", hires_scale: "hr_scale", hires_steps: "hr_second_pass_steps", hires_strength: "denoising_strength" };
    const { loras, prompt, ...rest } = Object.fromEntries(said(r));
    const tags = ((loras ?? []) as unknown as Adapter[]).map((a) => ` <lora:${a.name}:${a.strength}>`).join("");
    const theirs = Object.entries(rest).map(([name, value]) => [names[name] ?? name, value]);
    return JSON.stringify({ prompt: `${String(prompt ?? "")}${tags}`, ...(rest["hires_scale"] ? { enable_hr: true } : {}), ...Object.fromEntries(theirs) }, null, 2);
  },
  JSON: json,
};

const python = (value: Json): string =>
  JSON.stringify(value).replace(/\b(true|false|null)\b(?=[,}\]])/g, (w) => ({ true: "True", false: "False", null: "None" })[w]!);

export function copyMenu(request: RequestFields): HTMLElement {
  const s = strings.value;
  const menu = h("select", {
    "aria-label": s.copyAs,
    onchange: () => {
      const form = kForms[menu.value];
      menu.value = "";
      if (form) void navigator.clipboard.writeText(form(request)).then(() => tell(s.copied));
    },
  }, h("option", { value: "" }, `${s.copyAs}…`), ...Object.keys(kForms).map((name) => h("option", { value: name }, name)));
  return menu;
}
