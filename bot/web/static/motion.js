// Which time is shown, and how it moves: wheel, pinch, drag, keys and buttons. Built on d3-zoom.

import "./vendor/d3.js";

import { DAY, HOUR } from "./time.js";
import { page } from "./words.js";

const { select, zoom, zoomIdentity, interpolate } = globalThis.d3;

/** Pixels a second at zoom 1, and the instant at x = 0 there. */
const BASE = 60 / HOUR;
const ORIGIN = page.now || 0;
/** The least and the most time that may be in view. */
const LEAST = 3 * HOUR;
const MOST = 35 * DAY;
const PAST = 400 * DAY;
const AHEAD = 130 * DAY;
const DRAG_STARTS_PX = 4;

/** What is in view: from the instant at the left edge, in pixels a second, in pixels. */
export const view = { from: 0, pps: BASE, width: 0, left: 0 };

export const viewEnd = () => view.from + view.width / view.pps;
export const timeAt = (x) => view.from + (x - view.left) / view.pps;

let board;
let behavior;
let moved = () => {};
let settled = () => {};

/** `onMove` is called in every frame that moves, `onSettle` when it rests. `mayDrag(event)` says
 * whether a drag that begins so moves the time. */
export function startMotion(element, { onMove, onSettle, mayDrag }) {
  board = select(element);
  moved = onMove;
  settled = onSettle;
  behavior = zoom()
    .filter((event) => filter(event, mayDrag))
    .wheelDelta(wheelDelta)
    .clickDistance(DRAG_STARTS_PX)
    .extent(() => [[view.left, 0], [view.left + view.width, 1]])
    .interpolate(interpolate)
    .on("zoom", ({ transform }) => follow(transform))
    .on("end", () => settled());
  board.call(behavior).on("dblclick.zoom", null);
  element.addEventListener("wheel", panByWheel, { passive: false });
  slideByTouch(element);
}

function filter(event, mayDrag) {
  if (event.type === "wheel") return event.ctrlKey || event.metaKey;
  if (event.type === "touchstart") return event.touches.length > 1;
  return !event.ctrlKey && event.button <= 1 && mayDrag(event);
}

/** Powers of two that a turn of the wheel zooms. A pinch on a touchpad comes as many small turns,
 * a mouse's wheel as few large ones. */
function wheelDelta({ deltaY, deltaMode }) {
  if (deltaMode === 1) return -deltaY * 0.1;
  return -deltaY * (Math.abs(deltaY) < 40 ? 0.015 : 0.005);
}

function follow(transform) {
  view.pps = transform.k * BASE;
  view.from = ORIGIN + (view.left - transform.x) / view.pps;
  moved();
}

/** Take note of the board's size; what is at the left edge stays there. */
export function resize(left, width) {
  const { from, pps } = view;
  Object.assign(view, { left, width });
  behavior
    .scaleExtent([width / MOST / BASE, width / LEAST / BASE])
    .translateExtent([[-PAST * BASE, -Infinity], [AHEAD * BASE, Infinity]]);
  if (from) show(from, width / pps);
}

/** Show `seconds` from `from` on. */
export function show(from, seconds, animated = false) {
  const k = view.width / seconds / BASE;
  const x = view.left - (from - ORIGIN) * BASE * k;
  const to = zoomIdentity.translate(x, 0).scale(k);
  const still = !animated || matchMedia("(prefers-reduced-motion: reduce)").matches;
  board.interrupt();
  (still ? board : board.transition().duration(260)).call(behavior.transform, to);
}

/** Show more (factor below 1) or less time around the middle, or around `x`. */
export function zoomBy(factor, x = view.left + view.width / 2) {
  const seconds = Math.min(Math.max(view.width / view.pps / factor, LEAST), MOST);
  const share = (x - view.left) / view.width;
  show(timeAt(x) - share * seconds, seconds, true);
}

/** Go on by a share of what is in view. */
export function panBy(share) {
  const seconds = view.width / view.pps;
  show(view.from + share * seconds, seconds, true);
}

function panPixels(pixels) {
  board.call(behavior.translateBy, -pixels / (view.pps / BASE), 0);
}

function panByWheel(event) {
  if (event.ctrlKey || event.metaKey) return;
  const across = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
  const onAxis = event.target.closest("#axis");
  const by = onAxis && !across ? event.deltaY : across;
  if (!by || (!onAxis && Math.abs(by) < Math.abs(event.deltaY) && !event.shiftKey)) return;
  event.preventDefault();
  panPixels(event.deltaMode === 1 ? by * 16 : by);
}

/** One finger across moves the time; up and down is the browser's, by `touch-action: pan-y`. */
function slideByTouch(element) {
  let last = null;
  let speed = 0;
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" || !event.isPrimary) return;
    last = { x: event.clientX, at: event.timeStamp, id: event.pointerId };
    speed = 0;
  });
  element.addEventListener("pointermove", (event) => {
    if (!last || event.pointerId !== last.id || element.dataset.selecting) return;
    const by = last.x - event.clientX;
    const time = Math.max(event.timeStamp - last.at, 1);
    speed = 0.6 * speed + 0.4 * (by / time);
    last = { ...last, x: event.clientX, at: event.timeStamp };
    panPixels(by);
  });
  const end = (event) => {
    if (!last || event.pointerId !== last.id) return;
    last = null;
    if (event.type === "pointerup" && Math.abs(speed) > 0.2) glide(speed, event.timeStamp);
  };
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);

  function glide(velocity, before) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    requestAnimationFrame((at) => {
      if (last || Math.abs(velocity) < 0.02) return;
      panPixels(velocity * Math.min(Math.max(at - before, 0), 40));
      glide(velocity * 0.94, at);
    });
  }
}
