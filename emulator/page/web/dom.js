// Helpers that build the document. Every text of the gateway becomes a text node, never markup.

// element returns an element. A property "on…" is a listener, "class", "data-…" and the like are
// attributes; null, undefined and false leave the attribute or the child out.
export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (isGiven(value)) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter(isGiven));
  return node;
}

const isGiven = (value) => value !== null && value !== undefined && value !== false;

// icon returns a picture of the symbols of index.html. It only repeats a text beside it.
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", "#" + name);
  svg.append(use);
  return svg;
}

// breakable returns a name whose line may break behind its underscores.
export function breakable(name) {
  const node = document.createElement("span");
  name.split(/(?<=_)/).forEach((part, i) => node.append(...(i > 0 ? [document.createElement("wbr")] : []), part));
  return node;
}

// button returns a button. key identifies it when its part of the page is drawn again.
export function button(text, key, act, properties = {}) {
  return element("button", { type: "button", "data-key": key, onclick: act, ...properties }, text);
}

const drawn = new WeakMap(); // the markup of the parts, as they were drawn last

// replace draws a part of the page again, if it has changed. It keeps the focus, the text of inputs and the
// folds, each by its key.
export function replace(part, ...children) {
  const content = element("div", {}, ...children);
  if (drawn.get(part) === content.innerHTML) return;
  drawn.set(part, content.innerHTML);
  const focused = part.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const keyed = (query) => [...part.querySelectorAll(query)].filter((node) => node.dataset.key);
  const folds = new Map(keyed("details").map((node) => [node.dataset.key, node.open]));
  const typed = new Map(keyed("input").map((node) => [node.dataset.key, node.value]));
  part.replaceChildren(...content.childNodes);
  for (const node of keyed("details")) node.open = folds.get(node.dataset.key) ?? node.open;
  for (const node of keyed("input")) node.value = typed.get(node.dataset.key) ?? node.value;
  if (focused) part.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}
