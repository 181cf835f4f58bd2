// The keyboard: one stop for the whole board, arrows within it.

import { madeRow, rows } from "./board.js";
import { piecesOf } from "./bars.js";
import { now } from "./store.js";
import { view, viewEnd } from "./motion.js";

const space = () => document.getElementById("space");
let current = null;

/** `act`: what keys do beyond moving: reveal(node), open(bar), book(row, bar), move names. */
export function startKeys(act) {
  space().addEventListener("focusin", (event) => rest(event.target));
  space().addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (handle(event, act)) event.preventDefault();
  });
}

/** Keep exactly one element of the board in the order of Tab. */
export function settleTab() {
  if (current?.isConnected) return;
  const first = space().querySelector(".label");
  if (first) rest(first, false);
}

function rest(element, isFocused = true) {
  if (!element.matches(".bar, .label")) return;
  if (current && current !== element) current.tabIndex = -1;
  current = element;
  element.tabIndex = 0;
  if (isFocused) document.getElementById("board").dataset.keyboard = "";
}

function handle(event, act) {
  const element = event.target.closest(".bar, .label");
  if (!element) return false;
  const { row } = element.closest(".row");
  const steps = {
    ArrowRight: () => along(element, row, 1, act),
    ArrowLeft: () => along(element, row, -1, act),
    ArrowDown: () => across(element, row, 1, act),
    ArrowUp: () => across(element, row, -1, act),
    Home: () => focusLabel(row, act),
    n: () => act.book(row.node, element.piece),
  };
  const step = steps[event.key];
  if (!step) return false;
  step();
  return true;
}

/** The next bar of the node, or the one before; before the first lies the node's label. */
function along(element, row, by, act) {
  const pieces = piecesOf(row.node).filter((piece) => !piece.again && !piece.drain);
  const at = element.piece
    ? pieces.findIndex((piece) => piece.key === element.piece.key) + by
    : pieces.findIndex((piece) => piece.bar.e > Math.max(view.from, Math.min(now(), viewEnd())));
  if (at < 0 || (!element.piece && by < 0)) focusLabel(row, act);
  else if (pieces[at]) focusPiece(row, pieces[at], act);
}

function focusLabel(row, act) {
  act.reveal(row.node.name)?.label.focus({ preventScroll: true });
}

function focusPiece(row, piece, act) {
  act.bring(piece.bar);
  act.reveal(row.node.name);
  madeRow(row.key)?.bars.get(piece.key)?.focus({ preventScroll: true });
}

/** In the next track with something at this time; from a label, the next node. */
function across(element, row, by, act) {
  const list = rows();
  if (element.piece) {
    const inside = beside(element.piece, piecesOf(row.node), by);
    if (inside) return focusPiece(row, inside, act);
  }
  for (let n = row.index + by; list[n]; n += by) {
    if (list[n].heading) continue;
    if (!element.piece) return focusLabel(list[n], act);
    const found = nearest(element.piece, piecesOf(list[n].node), by);
    return found ? focusPiece(list[n], found, act) : focusLabel(list[n], act);
  }
  return undefined;
}

function middle(piece) {
  return (Math.max(piece.bar.s, view.from) + Math.min(piece.bar.e, viewEnd())) / 2;
}

function beside(piece, pieces, by) {
  const at = middle(piece);
  const found = pieces.filter(
    (one) =>
      !one.drain &&
      !one.again &&
      one.bar.s <= at &&
      at < one.bar.e &&
      (by > 0 ? one.lane > piece.lane : one.lane < piece.lane),
  );
  return found.sort((a, b) => by * (a.lane - b.lane))[0];
}

function nearest(piece, pieces, by) {
  const at = middle(piece);
  const visible = pieces.filter(
    (one) => !one.drain && !one.again && one.bar.e > view.from && one.bar.s < viewEnd(),
  );
  const away = (one) => Math.max(one.bar.s - at, at - one.bar.e, 0);
  return visible.sort((a, b) => away(a) - away(b) || by * (a.lane - b.lane))[0];
}
