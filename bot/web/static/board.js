// Draws the rows and bars that are in view, and no others; moves them by transforms.

import { drawAxis, slideAxis } from "./axis.js";
import { forgetColors, makeBar, piecesOf, placeBar, slideWords } from "./bars.js";
import { resize, view } from "./motion.js";
import { PAD, freeNow, layOut, rowAt } from "./rows.js";
import { store } from "./store.js";
import { t, tn } from "./words.js";

/** Rows this far above and below are drawn too, in pixels; time, in widths of the view. */
const OVER_Y = 240;
const OVER_X = 0.3;

const $ = (id) => document.getElementById(id);
/** What is drawn: rows by key, and the span of time whose bars exist. */
const drawn = { rows: new Map(), from: 0, to: 0, base: 0, pps: 0, by: 0 };
let layout = { rows: [], height: 0, track: 20 };
let matches = () => true;
const RESTED_AFTER_MS = 90;
let resting = 0;
let waiting = false;
let metrics = { top: 0, height: 0 };

export const rows = () => layout.rows;
export const track = () => layout.track;

/** Draw anew what was loaded; `model` narrows the nodes, `isWanted(bar)` dims the others. */
export function drawAll(model, isWanted) {
  matches = isWanted;
  forgetColors();
  layout = layOut(store.nodes, model);
  $("space").style.height = `${layout.height}px`;
  $("space").setAttribute("aria-rowcount", layout.rows.length);
  $("board").style.setProperty("--track", `${layout.track}px`);
  keepFocus(() => {
    forget();
    draw();
  });
}

/** More time was loaded, and nothing has changed: bars stay, and those beyond are added. */
export function extend() {
  layout = layOut(store.nodes, $("filters").elements.model.value);
  const fresh = new Map(layout.rows.map((row) => [row.key, row]));
  for (const [key, made] of drawn.rows) {
    made.element.row = fresh.get(key);
    made.node = fresh.get(key).node;
  }
  drawn.pps = 0;
  draw();
}

/** Draw only these nodes anew. */
export function redraw(names) {
  const wanted = new Set(names.map((name) => `node:${name}`));
  layout = layOut(store.nodes, $("filters").elements.model.value);
  keepFocus(() => {
    for (const [key, made] of drawn.rows) {
      if (!wanted.has(key) && !key.startsWith("model:")) continue;
      made.element.remove();
      drawn.rows.delete(key);
    }
    draw();
  });
}

/** What has the focus is drawn anew: its successor gets it. */
function keepFocus(redrawn) {
  const { activeElement } = document;
  const row = activeElement?.closest(".row")?.row.key;
  const key = activeElement?.piece?.key;
  redrawn();
  if (!row || activeElement.isConnected) return;
  const made = drawn.rows.get(row);
  (made?.bars.get(key) || made?.label)?.focus({ preventScroll: true });
}

function forget() {
  for (const made of drawn.rows.values()) made.element.remove();
  drawn.rows.clear();
  drawn.pps = 0;
}

export function measure() {
  const board = $("board");
  const left = parseFloat(getComputedStyle(board).getPropertyValue("--label"));
  resize(left, board.clientWidth - left);
  metrics = { top: $("scroll").scrollTop, height: $("scroll").clientHeight };
  drawSoon();
}

/** Draw in the next frame. */
export function drawSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

export function scrolled() {
  metrics.top = $("scroll").scrollTop;
  drawSoon();
}

export function draw() {
  if (!view.width) return;
  const isZoomed = drawn.pps !== view.pps;
  const width = view.width / view.pps;
  const isBeyond = view.from < drawn.from || view.from + width > drawn.to;
  if (isZoomed || isBeyond) {
    Object.assign(drawn, {
      from: view.from - OVER_X * width,
      to: view.from + (1 + OVER_X) * width,
      base: view.from,
      pps: view.pps,
    });
    drawAxis(drawn.from, drawn.to, placeOf);
  }
  drawRows(isZoomed || isBeyond);
  slide();
}

const placeOf = (at) => (at - drawn.base) * drawn.pps;

function slide() {
  const by = (drawn.base - view.from) * drawn.pps;
  const moved = `translateX(${by}px)`;
  for (const level of document.querySelectorAll("#axis .moving")) level.style.transform = moved;
  $("lines").style.transform = moved;
  for (const made of drawn.rows.values()) {
    if (!made.lane) continue;
    made.lane.style.transform = moved;
  }
  slideAxis();
  if (by !== drawn.by) $("board").classList.add("is-panning");
  drawn.by = by;
  clearTimeout(resting);
  resting = setTimeout(rest, RESTED_AFTER_MS);
}

/** What would cost more than all the rest, were it done in each frame. */
function rest() {
  $("board").classList.remove("is-panning");
  const edge = (view.from - drawn.base) * drawn.pps;
  for (const made of drawn.rows.values()) {
    for (const bar of made.bars.values()) slideWords(bar, edge);
  }
}

function drawRows(isNewSpan) {
  const top = metrics.top - OVER_Y;
  const bottom = metrics.top + metrics.height + OVER_Y;
  const wanted = new Set();
  if (layout.rows.length) {
    for (let n = rowAt(layout.rows, top); n < layout.rows.length; n += 1) {
      if (layout.rows[n].top > bottom) break;
      wanted.add(layout.rows[n].key);
      drawRow(layout.rows[n], isNewSpan);
    }
  }
  for (const [key, made] of drawn.rows) {
    if (wanted.has(key) || made.element.contains(document.activeElement)) continue;
    made.element.remove();
    drawn.rows.delete(key);
  }
}

function drawRow(row, isNewSpan) {
  const made = drawn.rows.get(row.key);
  if (made) {
    if (isNewSpan && made.lane) drawBars(made);
    return;
  }
  const fresh = row.heading ? makeHeading(row) : makeRow(row);
  drawn.rows.set(row.key, fresh);
  if (fresh.lane) drawBars(fresh);
  insertInOrder(fresh.element, row.index);
}

/** Readers of the page meet the rows in their order, whichever was drawn first. */
function insertInOrder(element, index) {
  const space = $("space");
  let after = space.lastElementChild;
  while (after && after.row.index > index) after = after.previousElementSibling;
  if (after) after.after(element);
  else space.prepend(element);
}

function makeElement(row, className) {
  const element = document.createElement("div");
  element.className = className;
  element.setAttribute("role", "row");
  element.setAttribute("aria-rowindex", row.index + 1);
  element.style.top = `${row.top}px`;
  element.style.height = `${row.height}px`;
  element.row = row;
  return element;
}

function makeHeading(row) {
  const element = makeElement(row, "row heading");
  const gpus = row.nodes.reduce((sum, node) => sum + node.gpus, 0);
  const free = row.nodes.reduce((sum, node) => sum + freeNow(node), 0);
  const cell = document.createElement("div");
  cell.setAttribute("role", "rowheader");
  const name = document.createElement("b");
  name.textContent = row.model;
  const rest = document.createElement("span");
  const nodes = tn("{n} node", "{n} nodes", row.nodes.length);
  rest.textContent = [nodes, t("{free} of {gpus} GPUs free now", { free, gpus })].join(" · ");
  cell.append(name, " ", rest);
  element.append(cell);
  return { element, bars: new Map() };
}

function makeRow(row) {
  const element = makeElement(row, "row");
  const free = freeNow(row.node);
  const label = document.createElement("button");
  label.type = "button";
  label.className = "label";
  label.tabIndex = -1;
  label.setAttribute("role", "rowheader");
  label.title = t("{node}: {model}, {free} of {gpus} GPUs free now", {
    node: row.node.name,
    model: row.node.model,
    free,
    gpus: row.node.gpus,
  });
  label.setAttribute("aria-label", label.title);
  const name = document.createElement("b");
  name.textContent = row.node.name;
  const note = document.createElement("span");
  note.className = free ? "room is-some" : "room";
  note.textContent = free ? t("{n} free", { n: free }) : t("full");
  label.append(name, note);
  const window = document.createElement("div");
  window.className = "window";
  window.setAttribute("role", "presentation");
  window.style.setProperty("--gpus", row.node.gpus);
  const lane = document.createElement("div");
  lane.className = "lane";
  lane.setAttribute("role", "presentation");
  lane.style.top = `${PAD}px`;
  window.append(lane);
  element.append(label, window);
  return { element, label, lane, node: row.node, bars: new Map() };
}

/** Bars that reach into the span that is drawn: new ones are made, others placed or removed. */
function drawBars(made) {
  const wanted = new Set();
  const fresh = [];
  for (const piece of piecesOf(made.node)) {
    const { s, e } = piece.bar;
    if (s >= drawn.to) break;
    if (e <= drawn.from) continue;
    wanted.add(piece.key);
    let bar = made.bars.get(piece.key);
    if (!bar) {
      bar = makeBar(piece, layout.track, matches);
      made.bars.set(piece.key, bar);
      fresh.push(bar.box);
    }
    // A bar ends where the span does: a week at three hours a view would be enormous.
    const left = placeOf(Math.max(s, drawn.from));
    placeBar(bar, left, placeOf(Math.min(e, drawn.to)) - left);
  }
  made.lane.append(...fresh);
  for (const [key, bar] of made.bars) {
    if (wanted.has(key) || bar === document.activeElement) continue;
    bar.box.remove();
    made.bars.delete(key);
  }
}

/** Have the row of that node drawn and in view; its parts. */
export function reveal(nodeName) {
  const row = layout.rows.find((one) => !one.heading && one.node.name === nodeName);
  if (!row) return null;
  const scroll = $("scroll");
  if (row.top < metrics.top) scroll.scrollTop = row.top - 8;
  else if (row.top + row.height > metrics.top + metrics.height) {
    scroll.scrollTop = row.top + row.height - metrics.height + 8;
  }
  metrics.top = scroll.scrollTop;
  draw();
  return drawn.rows.get(row.key);
}

export const madeRow = (key) => drawn.rows.get(key);
