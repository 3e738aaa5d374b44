// Everything about the prompt: text or form, negative prompt, examples and templates.
import { ApiError, Unreachable } from "../api/client";
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { stored } from "../core/stored";
import { examples } from "../prompt/examples";
import { tellError } from "../state/notices";
import { lint, negative, prompt, promptView } from "../state/prompt";
import { strings } from "../strings";
import { applyFixes, promptEditor, tagsToXml, tidyUp } from "./prompt_editor";
import { promptForm } from "./prompt_form";

const templates = stored<{ [name: string]: string }>("templates", {});

async function orTell(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (e) {
    if (e instanceof ApiError || e instanceof Unreachable) tellError(e);
    else throw e;
  }
}

export function promptPanel(): HTMLElement {
  const text = promptEditor();
  const form = promptForm();
  const tab = (view: "text" | "form"): HTMLButtonElement =>
    h("button", { type: "button", role: "tab", onclick: () => (promptView.value = view) });
  const asText = tab("text");
  const asForm = tab("form");
  const tools = h("div", { class: "row" });
  const pick = h("select", { onchange: () => choose(pick) });
  const name = h("input", { type: "text", class: "template-name" });
  const keep = h("button", {
    type: "button",
    onclick: () => {
      if (!name.value.trim()) return name.focus();
      templates.value = { ...templates.peek(), [name.value.trim()]: prompt.peek() };
      name.value = "";
    },
  });
  const negativeArea = h("textarea", { rows: "2", spellcheck: "false", oninput: () => (negative.value = negativeArea.value) });
  const negativeName = h("span");
  const title = h("h2");
  const templatesName = h("summary");
  const kept = h("ul", { class: "templates" });

  effect(() => {
    const view = promptView.value;
    text.hidden = view !== "text";
    form.hidden = view !== "form";
    asText.setAttribute("aria-selected", String(view === "text"));
    asForm.setAttribute("aria-selected", String(view === "form"));
  });
  effect(() => {
    const s = strings.value;
    title.textContent = s.prompt;
    asText.textContent = s.asText;
    asForm.textContent = s.asForm;
    negativeName.textContent = s.negative;
    name.placeholder = s.templateName;
    name.setAttribute("aria-label", s.templateName);
    keep.textContent = s.saveTemplate;
    templatesName.textContent = s.templates;
    fill(kept, Object.entries(templates.value).map(([name, text]) => {
      const gone = (): void => {
        const { [name]: _, ...rest } = templates.peek();
        templates.value = rest;
      };
      return h("li", { class: "row" },
        h("button", { type: "button", class: "plain", onclick: () => (prompt.value = text) }, name),
        h("button", { type: "button", class: "small", "aria-label": s.deleteTemplate(name), onclick: gone }, "×"));
    }));
    pick.setAttribute("aria-label", `${s.examples}, ${s.templates}`);
    const option = (value: string, words: string): HTMLElement => h("option", { value }, words);
    const group = (label: string, prefix: string, names: string[]): HTMLElement =>
      h("optgroup", { label }, ...names.map((n) => option(prefix + n, n)));
    fill(pick, [
      option("", `${s.examples}…`),
      group(s.examples, "example:", Object.keys(examples)),
      ...(Object.keys(templates.value).length ? [group(s.templates, "template:", Object.keys(templates.value))] : []),
    ]);
  });
  effect(() => {
    const s = strings.value;
    const fixable = lint.value?.findings.filter((f) => f.fix) ?? [];
    fill(tools, [
      h("button", { type: "button", onclick: () => void orTell(tidyUp) }, s.format),
      h("button", { type: "button", onclick: () => void orTell(tagsToXml) }, s.fromTags),
      ...(fixable.length > 1 ? [h("button", { type: "button", onclick: () => applyFixes(fixable) }, s.fixAll(fixable.length))] : []),
    ]);
  });
  effect(() => {
    if (negativeArea.value !== negative.value) negativeArea.value = negative.value;
  });
  return h(
    "section",
    { class: "panel prompt" },
    h("div", { class: "row spread" }, h("div", { class: "row" }, title, h("div", { class: "tabs", role: "tablist" }, asText, asForm)), pick),
    text,
    form,
    tools,
    h("label", { class: "negative" }, negativeName, negativeArea),
    h("details", {}, templatesName, h("div", { class: "row" }, name, keep), kept),
  );
}

function choose(pick: HTMLSelectElement): void {
  const [kind, ...rest] = pick.value.split(":");
  const named = (kind === "example" ? examples : templates.peek())[rest.join(":")];
  if (named !== undefined) prompt.value = named;
  pick.value = "";
}
