// The bars of one row in its lane: laid out for a span of time, then moved and stretched by a
// transform until the row's turn comes to be laid out again.

import { makeBar, piecesOf, placeBar, slideWords } from "./bars.js";
import { view, viewEnd } from "./motion.js";

/** A lane reaches this far beyond both edges of the view, in widths of it. */
const OVER = 0.3;
/** This near to the end of what is laid out, in widths of the view, more is laid out. */
const NEAR = 0.12;
/** A bar that is made is as much work as placing so many, for us and for the browser. */
const MAKING = 4;

/** What a lane knows: [base, end) is the time that its box spans, [from, to) that whose bars it
 * has, `pps` the pixels a second in it; `isWhole`: none of those bars is still to be made. */
export const emptyLane = () => ({ base: 0, end: 0, from: 0, to: 0, pps: 0, isWhole: false });

/** How badly a row needs to be laid out: 0 not at all, from 1 on it can be seen. */
export function need(made) {
  if (!made.lane) return 0;
  if (made.pps === 0) return 1000;
  if (view.from < made.from || viewEnd() > made.to) return 100;
  if (!made.isWhole) return 50;
  if (made.pps !== view.pps) return 1 + Math.abs(Math.log2(view.pps / made.pps));
  const near = (NEAR * view.width) / view.pps;
  return view.from - made.from < near || made.to - viewEnd() < near ? 0.5 : 0;
}

/** Lay out the bars in view, and where `isAhead` those around it, making no more than `budget`
 * allows; how much work it was. What is left over is made when the row has its next turn. */
export function layBars(made, { isAhead, budget, track, matches }) {
  const isFull = made.isWhole && made.from === made.base && made.to === made.end;
  const holdsView = view.from >= made.base && viewEnd() <= made.end;
  if (made.pps !== view.pps || !holdsView || isFull) span(made);
  made.from = isAhead ? made.base : Math.min(view.from, made.from);
  made.to = isAhead ? made.end : Math.max(viewEnd(), made.to);
  const { wanted, spent } = placeBars(made, { budget, track, matches });
  for (const [key, bar] of made.bars) {
    if (wanted.has(key) || bar === document.activeElement) continue;
    bar.box.remove();
    made.bars.delete(key);
  }
  return spent;
}

/** The view and what is drawn around it; by whole pixels, else all edges would be blurred. */
export function around() {
  const over = Math.round(OVER * view.width) / view.pps;
  return [view.from - over, viewEnd() + over];
}

function span(made) {
  const [base, end] = around();
  Object.assign(made, { base, end, from: view.from, to: viewEnd(), pps: view.pps });
  made.lane.style.width = `${(end - base) * view.pps}px`;
}

function placeBars(made, { budget, track, matches }) {
  const wanted = new Set();
  const fresh = [];
  made.isWhole = true;
  for (const piece of piecesOf(made.node)) {
    const { s, e } = piece.bar;
    if (s >= made.to) break;
    if (e <= made.from) continue;
    wanted.add(piece.key);
    let bar = made.bars.get(piece.key);
    if (!bar) {
      made.isWhole = fresh.length * MAKING < budget;
      if (!made.isWhole) continue;
      bar = makeBar(piece, track, matches);
      made.bars.set(piece.key, bar);
      fresh.push(bar.box);
    }
    // A bar ends where the lane does: a week at three hours a view would be enormous.
    const left = (Math.max(s, made.base) - made.base) * made.pps;
    placeBar(bar, left, (Math.min(e, made.end) - made.base) * made.pps - left);
  }
  made.lane.append(...fresh);
  return { wanted, spent: wanted.size + fresh.length * MAKING };
}

/** Move what is laid out to where the view is; whether it was elsewhere before. */
export function slideBars(made) {
  if (!made.lane) return false;
  const by = (made.base - view.from) * view.pps;
  const stretch = made.pps === view.pps ? "" : ` scaleX(${view.pps / made.pps})`;
  const moved = `translateX(${by}px)${stretch}`;
  const before = made.moved;
  if (before === moved) return false;
  made.moved = moved;
  made.lane.style.transform = moved;
  return before !== undefined;
}

/** Keep the words of bars that began before the view in it. */
export function slideAllWords(made) {
  const edge = (view.from - made.base) * made.pps;
  for (const bar of made.bars.values()) slideWords(bar, edge);
}
