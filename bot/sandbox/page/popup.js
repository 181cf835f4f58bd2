// Floating menus: one layer above everything, placed next to the control that opened them.

import { h } from "./dom.js";

const GAP = 4;
const MARGIN = 8;
let open = null;

/**
 * Shows a node next to an anchor. width: "anchor" makes it as wide as the anchor.
 * onClose is called once, however the popup goes. Returns the close function.
 */
export function showPopup(anchor, node, { width = "auto", align = "start", onClose, label } = {}) {
  closePopup();
  const layer = h("div.popup", { role: "presentation", "aria-label": label }, node);
  document.body.append(layer);
  const current = { layer, anchor, onClose, width, align };
  open = current;
  place(current);
  return () => open === current && closePopup();
}

/** Closes whatever popup is open. */
export function closePopup() {
  if (!open) return;
  const { layer, onClose } = open;
  open = null;
  layer.remove();
  onClose?.();
}

/** Is a popup open (Escape then closes it and nothing else)? */
export function popupOpen() {
  return open !== null;
}

/** Measures again, after the content of the popup changed. */
export function replacePopup() {
  if (open) place(open);
}

function place({ layer, anchor, width, align }) {
  const box = anchor.getBoundingClientRect();
  if (width === "anchor") layer.style.minWidth = `${box.width}px`;
  layer.style.maxHeight = "";
  const size = layer.getBoundingClientRect();
  const below = innerHeight - box.bottom - GAP - MARGIN;
  const above = box.top - GAP - MARGIN;
  const up = size.height > below && above > below;
  layer.style.maxHeight = `${Math.max(120, up ? above : below)}px`;
  const height = Math.min(size.height, up ? above : below);
  layer.style.top = `${up ? box.top - GAP - height : box.bottom + GAP}px`;
  const left = align === "end" ? box.right - size.width : box.left;
  layer.style.left = `${Math.max(MARGIN, Math.min(left, innerWidth - size.width - MARGIN))}px`;
}

document.addEventListener(
  "pointerdown",
  ({ target }) => {
    if (open && !open.layer.contains(target) && !open.anchor.contains(target)) closePopup();
  },
  true,
);

document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    event.preventDefault();
    const { anchor } = open;
    closePopup();
    if (!anchor.contains(document.activeElement)) anchor.focus?.();
  },
  true,
);

addEventListener("resize", closePopup);
document.addEventListener(
  "scroll",
  ({ target }) => {
    if (!open || open.layer.contains(target) || !target.contains?.(open.anchor)) return;
    if (inSight(open.anchor, target)) place(open);
    else closePopup();
  },
  true,
);

function inSight(anchor, scroller) {
  const box = anchor.getBoundingClientRect();
  const frame = scroller.getBoundingClientRect?.() ?? { top: 0, bottom: innerHeight };
  return box.bottom > frame.top && box.top < frame.bottom;
}

/**
 * A menu of {label, onselect, checked, danger, separator} items with arrow-key movement.
 */
export function showMenu(anchor, items, options = {}) {
  const buttons = items.map((item) => (item.separator ? h("hr.menu-separator") : menuItem(item)));
  const menu = h(
    "div.menu",
    { role: "menu", "aria-label": options.label, onkeydown: moveInMenu },
    options.header,
    buttons,
  );
  const close = showPopup(anchor, menu, options);
  menu.querySelector("[role^=menuitem]")?.focus();
  return close;
}

function menuItem({ label, detail, onselect, checked, danger, testid, dataset, leading }) {
  const choose = () => {
    closePopup();
    onselect();
  };
  return h(
    `button.menu-item${danger ? ".menu-item--danger" : ""}`,
    {
      type: "button",
      role: checked === undefined ? "menuitem" : "menuitemradio",
      "aria-checked": checked === undefined ? undefined : String(checked),
      dataset: { testid, ...dataset },
      onclick: choose,
    },
    leading,
    h("span.menu-text", {}, label, detail && h("span.menu-detail", {}, detail)),
    checked && h("span.menu-check", {}, "✓"),
  );
}

function moveInMenu(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll("[role^=menuitem]")];
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length) % items.length]?.focus();
}
