// The top: which model, which language, light or dark; a key where one is asked for; notices.
import { apiKey, keyNeeded, reachable } from "../api/client";
import { fill, h } from "../core/h";
import { effect } from "../core/signal";
import { stored } from "../core/stored";
import { capabilities } from "../state/capabilities";
import { notice } from "../state/notices";
import { type Language, language, languages, strings } from "../strings";

type Theme = "system" | "light" | "dark";
const theme = stored<Theme>("theme", "system");

export function header(showShortcuts: () => void): HTMLElement {
  const model = h("span", { class: "quiet" });
  const pick = h("select", { onchange: () => (language.value = pick.value as Language) },
    ...Object.entries(languages).map(([code, s]) => h("option", { value: code }, s.language)));
  const look = h("button", { type: "button", class: "plain", onclick: () => {
    const dark = theme.value === "dark" || (theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
    theme.value = dark ? "light" : "dark";
  } }, "◐");
  const keys = h("button", { type: "button", class: "plain", onclick: showShortcuts }, "?");
  effect(() => {
    const c = capabilities.value;
    model.textContent = c ? `${c.model} · ${c.precision.name} · ${c.version}` : "";
  });
  effect(() => {
    const s = strings.value;
    document.documentElement.lang = language.value;
    pick.value = language.value;
    pick.setAttribute("aria-label", s.languageLabel);
    look.setAttribute("aria-label", s.theme);
    keys.setAttribute("aria-label", s.shortcuts);
  });
  effect(() => {
    if (theme.value === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme.value;
  });
  return h("header", {}, h("h1", {}, "newbie"), model, h("div", { class: "row end" }, pick, look, keys));
}

export function notices(): HTMLElement {
  const out = h("div", { class: "notices", "aria-live": "polite" });
  effect(() => {
    const s = strings.value;
    const n = notice.value;
    const rows: HTMLElement[] = [];
    if (!reachable.value) rows.push(h("div", { class: "notice error" }, s.unreachable));
    if (keyNeeded.value) rows.push(keyForm());
    if (n) {
      const row = h("div", { class: n.isError ? "notice error" : "notice" }, n.text);
      if (n.action) row.append(h("button", { type: "button", class: "small", onclick: () => { n.action!.run(); notice.value = null; } }, n.action.label));
      rows.push(row);
    }
    fill(out, rows);
  });
  return out;
}

function keyForm(): HTMLElement {
  const s = strings.value;
  const input = h("input", { type: "password", autocomplete: "current-password", "aria-label": s.key });
  return h("form", { class: "notice", onsubmit: (e: Event) => {
    e.preventDefault();
    keyNeeded.value = false;
    apiKey.value = input.value.trim();
  } }, s.needKey, input, h("button", { class: "small" }, s.useKey));
}
