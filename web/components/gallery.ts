// Pictures that were drawn, newest first, found by their prompts. A picture's element is made once; those out of sight
// cost nothing (content-visibility).
import { fill, h } from "../core/h";
import { effect, signal } from "../core/signal";
import { type Kept, kept } from "../state/gallery";
import { strings } from "../strings";
import { letGo, urlOf } from "./object_urls";
import { openViewer, picking, pickOther } from "./viewer";

const sought = signal("");

export function galleryPanel(): HTMLElement {
  const title = h("h2");
  const search = h("input", { type: "search", oninput: () => (sought.value = search.value.toLowerCase()) });
  const empty = h("p", { class: "quiet" });
  const grid = h("div", { class: "gallery" });
  const tiles = new Map<string, { picture: Kept; tile: HTMLElement }>();
  effect(() => {
    const s = strings.value;
    title.textContent = s.gallery;
    search.placeholder = s.searchGallery;
    search.setAttribute("aria-label", s.searchGallery);
    empty.textContent = picking.value ? s.comparePick : s.galleryEmpty;
    empty.hidden = kept.value.length > 0 && !picking.value;
    search.hidden = kept.value.length < 2;
  });
  effect(() => {
    const all = kept.value;
    const there = new Set(all.map((k) => k.key));
    for (const [key, { picture }] of tiles)
      if (!there.has(key)) {
        letGo(picture.file);
        tiles.delete(key);
      }
    fill(grid, all.filter((k) => k.prompt.toLowerCase().includes(sought.value)).map((k) => {
      const made = tiles.get(k.key) ?? { picture: k, tile: tileOf(k) };
      tiles.set(k.key, made);
      return made.tile;
    }));
  });
  return h("section", { class: "panel gallery-panel" }, h("div", { class: "row" }, title, search), empty, grid);
}

function tileOf(k: Kept): HTMLElement {
  const image = h("img", { src: urlOf(k.file), loading: "lazy", decoding: "async", alt: "", width: k.width, height: k.height });
  const button = h("button", { type: "button", class: "plain tile", onclick: () => (picking.peek() ? pickOther(k.key) : openViewer(k.key)) }, image);
  effect(() => button.setAttribute("aria-label", strings.value.picture(k.seed)));
  if (k.guard.length) button.append(h("span", { class: "badge", title: k.guard.join("\n") }, "⚠"));
  return button;
}
