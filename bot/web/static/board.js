// Draws the rows and bars that are in view, and no others; moves them by transforms.

import { drawAxis, slideAxis } from "./axis.js";
import { forgetColors } from "./bars.js";
import { around, layBars, need, slideAllWords, slideBars } from "./lanes.js";
import { resize, view, viewEnd } from "./motion.js";
import { insertInOrder, makeParts } from "./row_elements.js";
import { layOut, rowAt } from "./rows.js";
import { store } from "./store.js";

/** Rows this far above and below are drawn too, in pixels. */
const OVER_Y = 240;
/** So many bars are placed in one frame of a movement; rows take turns. */
const FRAME = 160;

const $ = (id) => document.getElementById(id);
/** What is drawn: rows by key, and the span of time whose axis exists. */
const drawn = { rows: new Map(), from: 0, to: 0, pps: 0, by: 0 };
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
    made.tellFree(fresh.get(key));
    made.isWhole = false;
  }
  drawSoon();
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
  // While the list stands in its place, time goes on as it was.
  if (board.hidden) return;
  const left = parseFloat(getComputedStyle(board).getPropertyValue("--label"));
  resize(left, board.clientWidth - left);
  metrics = { top: $("scroll").scrollTop, height: $("scroll").clientHeight };
  drawSoon();
}

/** Draw in the next frame, and in those after it what does not fit into one. */
export function drawSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw(FRAME);
  });
}

export function scrolled() {
  metrics.top = $("scroll").scrollTop;
  drawSoon();
}

/** Draw what is in view: within `budget`, or at once, and only what lies around it later. */
export function draw(budget = 0) {
  if (!view.width) return;
  if (drawn.pps !== view.pps || view.from < drawn.from || viewEnd() > drawn.to) drawTime();
  const left = drawRows(budget);
  slide();
  if (left) drawSoon();
}

function drawTime() {
  const [from, to] = around();
  Object.assign(drawn, { from, to, pps: view.pps });
  drawAxis(from, to, (at) => (at - from) * view.pps);
}

function slide() {
  const by = (drawn.from - view.from) * drawn.pps;
  let hasMoved = by !== drawn.by;
  if (hasMoved) {
    const moved = `translateX(${by}px)`;
    for (const level of document.querySelectorAll("#axis .moving")) level.style.transform = moved;
    $("lines").style.transform = moved;
    drawn.by = by;
  }
  for (const made of drawn.rows.values()) hasMoved = slideBars(made) || hasMoved;
  if (hasMoved) $("board").classList.add("is-panning");
  slideAxis();
  clearTimeout(resting);
  resting = setTimeout(rest, RESTED_AFTER_MS);
}

/** What would cost more than all the rest, were it done in each frame. */
function rest() {
  $("board").classList.remove("is-panning");
  for (const made of drawn.rows.values()) slideAllWords(made);
}

/** Make the rows in view, remove others, and lay out those that need it most; whether some still
 * wait for their turn. A budget of 0: all that can be seen, now. */
function drawRows(budget) {
  const found = inReach();
  removeOthers(new Set(found.map((row) => row.key)));
  const needy = found.map(partsOf).filter(need);
  needy.sort((a, b) => urgency(b) - urgency(a));
  let left = budget;
  for (const made of needy) {
    if (!budget && urgency(made) >= 1) lay(made, Infinity, false);
    else if (left <= 0) break;
    else left -= lay(made, left, made.pps > 0);
  }
  return needy.some(need);
}

/** A row that is new has its bars in view first. */
function lay(made, budget, isAhead) {
  return layBars(made, { isAhead, budget, track: layout.track, matches });
}

function urgency(made) {
  return need(made) * (isVisible(made.element.row) ? 1 : 0.001);
}

const isVisible = (row) =>
  row.top < metrics.top + metrics.height && row.top + row.height > metrics.top;

function inReach() {
  const bottom = metrics.top + metrics.height + OVER_Y;
  const found = [];
  for (let n = rowAt(layout.rows, metrics.top - OVER_Y); n < layout.rows.length; n += 1) {
    if (layout.rows[n].top > bottom) break;
    found.push(layout.rows[n]);
  }
  return found;
}

function removeOthers(wanted) {
  for (const [key, made] of drawn.rows) {
    if (wanted.has(key) || made.element.contains(document.activeElement)) continue;
    made.element.remove();
    drawn.rows.delete(key);
  }
}

function partsOf(row) {
  if (!drawn.rows.has(row.key)) {
    const made = makeParts(row, layout.track);
    drawn.rows.set(row.key, made);
    insertInOrder($("space"), made.element);
  }
  return drawn.rows.get(row.key);
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
  const made = drawn.rows.get(row.key);
  if (need(made)) lay(made, Infinity, true);
  slideBars(made);
  return made;
}

export const madeRow = (key) => drawn.rows.get(key);
