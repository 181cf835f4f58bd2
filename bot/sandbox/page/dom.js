// Building DOM nodes. Nothing in this page turns data into markup: text enters
// only as text nodes, so what people or the app write can never become HTML.

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "readOnly", "tabIndex"]);
const FOCUSABLE =
  "a[href], button:not([disabled]), input:not([disabled]), textarea:not([disabled]), [tabindex='0']";

/**
 * Builds an element from "tag.class.class", its properties and its children.
 * Strings become text nodes; null, undefined and false are left out.
 */
export function h(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) assign(node, name, value);
  append(node, children);
  return node;
}

function assign(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name === "style" || name === "innerHTML") throw new Error(`${name} is not allowed`);
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "dataset") assignData(node, value);
  else if (PROPERTIES.has(name)) node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

function assignData(node, entries) {
  for (const [key, value] of Object.entries(entries)) {
    if (value !== undefined && value !== null) node.dataset[key] = String(value);
  }
}

/** Appends children (nodes, strings, nested arrays) to a node and returns it. */
export function append(node, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** A fragment of the given children. */
export function fragment(...children) {
  return append(document.createDocumentFragment(), children);
}

/** A line icon from path data on a 20 x 20 grid; decorative, so hidden from screen readers. */
export function svg(paths, className = "icon") {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", "0 0 20 20");
  node.setAttribute("class", className);
  node.setAttribute("aria-hidden", "true");
  for (const d of [paths].flat()) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    node.append(path);
  }
  return node;
}

/** The elements inside root that the Tab key reaches, in order. */
export function focusables(root) {
  return [...root.querySelectorAll(FOCUSABLE)].filter((node) => node.offsetParent !== null);
}

/** Keeps the Tab key inside a dialog. */
export function trapTab(event, root) {
  if (event.key !== "Tab") return;
  const nodes = focusables(root);
  if (!nodes.length) return;
  const first = nodes[0];
  const last = nodes[nodes.length - 1];
  const leaving = event.shiftKey
    ? document.activeElement === first
    : document.activeElement === last;
  if (!leaving && root.contains(document.activeElement)) return;
  event.preventDefault();
  (event.shiftKey ? last : first).focus();
}

/**
 * Makes the children of a node match rows of {key, signature, build}, keeping the nodes
 * whose key and signature did not change (so focus, typed text and scrolling survive).
 */
export function reconcile(parent, rows) {
  const old = new Map([...parent.children].map((node) => [node.reconcileKey, node]));
  const wanted = rows.map((row) => keepOrBuild(old.get(row.key), row));
  const keep = new Set(wanted);
  for (const node of [...parent.children]) if (!keep.has(node)) node.remove();
  wanted.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

function keepOrBuild(node, row) {
  if (node && node.reconcileSignature === row.signature) return node;
  const built = row.build();
  built.reconcileKey = row.key;
  built.reconcileSignature = row.signature;
  return built;
}

/** Calls fn once, ms milliseconds after the last call; `cancel` forgets a call that still waits. */
export function debounce(fn, ms) {
  let timer = 0;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
