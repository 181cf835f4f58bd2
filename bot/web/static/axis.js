// The time axis in two levels, the lines of the slot grid, and the line of now.

import { now, store } from "./store.js";
import { DAY, HOUR, addDays, date, isWeekend, months, startOfDay, ticks, time } from "./time.js";
import { view } from "./motion.js";

/** The least room of a label, in pixels, by what it says. */
const ROOM = { hour: 42, weekday: 50, day: 22 };
const LINES_APART = 9;
const HOURS = [1, 2, 3, 4, 6, 12];

const pools = new Map();
let upper = [];
let isByDay = true;
/** The day that is marked as the present one. */
let today = 0;
const firstWidths = new Map();

/** Draw both levels and the lines for the time between `from` and `to`, which is more than is in
 * view; `x` gives the place of an instant on the layers that move. */
export function drawAxis(from, to, x) {
  const perDay = view.pps * DAY;
  const byHours = HOURS.find((hours) => (perDay * hours) / 24 >= ROOM.hour);
  const days = daysOf(from, to);
  isByDay = Boolean(byHours);
  upper = segments(isByDay ? days : months(from, to), from, to);
  spans(x);
  labels("#axis .lower", byHours ? hourLabels(from, to, byHours) : dayLabels(days, perDay), x);
  lines(days, from, to, perDay, x);
  document.getElementById("lines").style.width = `${x(to)}px`;
}

/** The days or months above, each with its date. */
function spans(x) {
  today = startOfDay(now());
  draw("#axis .upper", upper, (element, one) => {
    const width = x(one.end) - x(one.start);
    write(element, dateFor(one.start, width));
    element.className = classOf(one);
    element.style.transform = `translateX(${x(one.start)}px)`;
    element.style.width = `${width}px`;
  });
}

function classOf({ start }) {
  return isByDay && start === today ? "tick is-today" : "tick";
}

/** A page that stays open meets midnight. */
function markToday() {
  if (today === startOfDay(now())) return;
  today = startOfDay(now());
  upper.forEach((one, n) => {
    pools.get("#axis .upper").made[n].className = classOf(one);
  });
}

/** In each frame: the date of the left edge stays there until the next one pushes it out. */
export function slideAxis() {
  markToday();
  const one = upper.find(({ start, end }) => start <= view.from && view.from < end);
  const first = document.querySelector("#axis .first");
  first.hidden = !one;
  if (one) {
    const room = (one.end - view.from) * view.pps;
    const text = dateFor(one.start, (one.end - one.start) * view.pps);
    if (first.textContent !== text) first.textContent = text;
    if (first.className !== `first ${classOf(one)}`) first.className = `first ${classOf(one)}`;
    // Asked only once for each text: an answer makes the browser lay out the whole board.
    if (!firstWidths.has(text)) firstWidths.set(text, first.offsetWidth);
    const x = Math.min(room - firstWidths.get(text), 0);
    first.style.transform = `translateX(${x}px)`;
  }
  drawNow();
}

function dateFor(at, room) {
  if (!isByDay) return date(at, "month");
  return room > 64 ? date(at, "day") : date(at, "weekday");
}

function drawNow() {
  const line = document.getElementById("nowline");
  const x = (now() - view.from) * view.pps;
  line.hidden = x < 0 || x > view.width;
  line.style.transform = `translateX(${view.left + x}px)`;
  const text = time(now());
  if (line.dataset.time !== text) line.dataset.time = text;
}

function daysOf(from, to) {
  const found = [];
  // A day whose midnight is skipped begins later, and those after it do not.
  for (let at = startOfDay(from); at < to; at = startOfDay(addDays(at, 1))) found.push(at);
  return found;
}

function segments(starts, from, to) {
  return starts.map((start, n) => ({ start, end: starts[n + 1] ?? Math.max(to, from) }));
}

function hourLabels(from, to, hours) {
  return ticks(from, to, hours * HOUR).map((at) => ({ at, text: time(at), wide: false }));
}

function dayLabels(days, perDay) {
  const style = perDay >= ROOM.weekday ? "weekday" : "short";
  const every = perDay >= ROOM.day ? 1 : 2;
  return days
    .filter((_, n) => n % every === 0)
    .map((at) => ({ at, text: date(at, style), wide: true, weekend: isWeekend(at) }));
}

function labels(where, wanted, x) {
  draw(where, wanted, (element, one) => {
    write(element, one.text);
    element.className = one.weekend ? "tick is-weekend" : "tick";
    element.style.transform = `translateX(${x(one.at)}px)`;
  });
}

function lines(days, from, to, perDay, x) {
  const found = days.map((at) => ({ at, kind: "day" }));
  const slot = store.cluster.slot_s || 2 * HOUR;
  if ((perDay * slot) / DAY >= LINES_APART) {
    for (const at of ticks(from, to, slot, store.cluster.zone)) found.push({ at, kind: "slot" });
  }
  for (const at of days.filter(isWeekend)) {
    found.push({ at, kind: "weekend", end: addDays(at, 1) });
  }
  draw("#lines", found, (element, one) => {
    element.className = `line is-${one.kind}`;
    element.style.transform = `translateX(${x(one.at)}px)`;
    element.style.width = one.end ? `${x(one.end) - x(one.at)}px` : "";
  });
}

/** Elements are used again rather than made anew: zooming draws in every frame. */
function draw(where, wanted, put) {
  if (!pools.has(where)) {
    pools.set(where, { home: document.querySelector(where), made: [] });
  }
  const { home, made } = pools.get(where);
  while (made.length < wanted.length) {
    const element = document.createElement("div");
    made.push(element);
    home.append(element);
  }
  made.forEach((element, n) => {
    const unused = n >= wanted.length;
    if (element.hidden !== unused) element.hidden = unused;
    if (!unused) put(element, wanted[n]);
  });
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
