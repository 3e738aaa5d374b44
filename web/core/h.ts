// h(): an element with its attributes and children. What follows a signal is set by an effect of whoever made it.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  for (const child of children) if (child || child === "") element.append(child);
  return element;
}

function set(element: Element, name: string, value: unknown): void {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on") && typeof value === "function")
    element.addEventListener(name.slice(2), value as EventListener);
  else if (name === "value" || name === "checked" || name === "disabled")
    (element as unknown as Attributes)[name] = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

// Replaces what is in `parent`; nodes that stay are not touched.
export function fill(parent: Element, children: readonly Node[]): void {
  let at: ChildNode | null = parent.firstChild;
  for (const child of children) {
    if (child === at) at = at.nextSibling;
    else parent.insertBefore(child, at);
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}
