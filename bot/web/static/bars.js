// The bars of the board: real buttons, made only for what is in view.

import { drainText, label, shortName, signs, spoken } from "./facts.js";
import { mark } from "./marks.js";
import { store } from "./store.js";
import { t } from "./words.js";

/** Narrower than this, in pixels, a bar shows no words. */
const WORDY = 30;
/** From this height on there is room for two lines. */
const TALL = 36;
/** Room beside the words, that of a sign, and between words; in pixels. */
const PADDING = 15;
const SIGN = 15;
const SPACE = 5;
const ELLIPSIS = 11;
/** What the look of the bar itself tells. */
const UNMARKED = new Set(["ended"]);
const known = new WeakMap();

/** The pieces of a node to draw: neighbouring tracks of a bar are one, by their start. */
export function piecesOf(node) {
  if (!known.has(node)) {
    const found = node.bars.flatMap(split);
    if (node.drain) {
      const { s, e, id } = node.drain;
      const bar = { k: "drain", id, s, e: e ?? Infinity, g: [] };
      found.push({ bar, lane: 0, span: node.gpus, key: `drain:${id}`, drain: node.drain });
    }
    known.set(node, found.sort((a, b) => a.bar.s - b.bar.s || a.lane - b.lane));
  }
  return known.get(node);
}

function split(bar) {
  const found = [];
  const gpus = [...bar.g].sort((a, b) => a - b);
  for (let n = 0; n < gpus.length; ) {
    let next = n + 1;
    while (next < gpus.length && gpus[next] === gpus[next - 1] + 1) next += 1;
    const key = `${bar.k}:${bar.id}:${bar.s}:${gpus[n]}`;
    found.push({ bar, lane: gpus[n], span: next - n, key, again: n > 0 });
    n = next;
  }
  return found;
}

const colors = new Map();

function teamOf(bar) {
  const holder = bar.k === "booking" ? store.bookings[bar.id] : store.offers[bar.id];
  return holder?.team || "";
}

function colorOf(team) {
  if (!colors.has(team)) {
    colors.set(team, store.teams.find((one) => one.name === team)?.color || "#64748b");
  }
  return colors.get(team);
}

/** Have the colours looked up again. */
export function forgetColors() {
  colors.clear();
}

/** The element of a piece, not yet placed in time. `track`: the height of a track in pixels. */
export function makeBar(piece, track, matches) {
  const bar = document.createElement(piece.drain ? "div" : "button");
  const height = piece.span * track;
  bar.className = classesOf(piece, height >= TALL, matches);
  // Zooming changes only this box: the bar's own many colours are not worked out again.
  bar.box = document.createElement("div");
  bar.box.className = "slot";
  bar.box.setAttribute("role", "presentation");
  bar.box.style.top = `${piece.lane * track}px`;
  bar.box.style.height = `${piece.drain ? height : height - 2}px`;
  bar.box.append(bar);
  bar.piece = piece;
  bar.isTall = height >= TALL;
  if (piece.drain) {
    bar.setAttribute("role", "gridcell");
    bar.append(mark("drain"), words("why", drainText(piece.drain)));
    return bar;
  }
  bar.type = "button";
  bar.tabIndex = -1;
  bar.style.setProperty("--team", colorOf(teamOf(piece.bar)));
  bar.setAttribute("role", "gridcell");
  bar.setAttribute("aria-label", spoken(piece.bar));
  return bar;
}

function classesOf(piece, isTall, matches) {
  const { k, id } = piece.bar;
  const booking = k === "booking" ? store.bookings[id] : null;
  const found = ["bar", `is-${k}`, ...signs(piece.bar).map((sign) => `is-${sign}`)];
  if (booking?.state === "reserved") found.push("is-ahead");
  if (isTall) found.push("is-tall");
  if (!matches(piece.bar)) found.push("is-dim");
  return found.join(" ");
}

/** Put a bar between two instants: `left` and `width` in pixels. */
export function placeBar(bar, left, width) {
  const shown = Math.max(width - 1, 2);
  if (bar.x !== left) {
    bar.box.style.left = `${left}px`;
    bar.x = left;
  }
  if (bar.w === shown) return;
  bar.box.style.width = `${shown}px`;
  bar.w = shown;
  if (bar.piece.drain) return;
  const wordy = shown >= WORDY;
  if (bar.wordy !== wordy) {
    bar.wordy = wordy;
    bar.classList.toggle("is-narrow", !wordy);
  }
  if (!wordy) return;
  if (!bar.inside) fill(bar);
  fitWords(bar, bar.cut || 0);
}

function fill(bar) {
  const { piece } = bar;
  const inside = document.createElement("span");
  inside.className = "in";
  const shown = signs(piece.bar).filter((sign) => !UNMARKED.has(sign));
  bar.signs = shown.map((sign) => (sign === "running" ? playing() : mark(sign)));
  bar.texts = texts(piece.bar);
  bar.words = [words("who-text"), words("what-text")];
  inside.append(...bar.signs, ...bar.words);
  bar.append(inside);
  bar.inside = inside;
  const booking = piece.bar.k === "booking" && store.bookings[piece.bar.id];
  if (booking?.overrun_from > piece.bar.s && booking.overrun_from < piece.bar.e) {
    bar.prepend(overrun(piece.bar, booking.overrun_from));
  }
}

/** Words are cut to fit here rather than by the browser: a clip for each bar would make scrolling
 * several times as dear. */
function fitWords(bar, cut) {
  const [who, what] = bar.words;
  const [name, text] = bar.texts;
  const room = bar.w - cut - PADDING;
  const count = Math.min(Math.max(Math.floor(room / SIGN), 1), bar.signs.length);
  bar.signs.forEach((sign, n) => sign.classList.toggle("is-left-out", n >= count));
  const first = fit(name, room - count * SIGN, true);
  const left = room - count * SIGN - textWidth(first, true) - SPACE;
  write(who, first);
  write(what, fit(text, bar.isTall ? room : left, false));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const pen = document.createElement("canvas").getContext("2d");
const widths = { normal: new Map(), bold: new Map() };

/** By its letters: they are few, texts are many. */
function textWidth(text, isBold) {
  const known = isBold ? widths.bold : widths.normal;
  let sum = 0;
  for (const letter of text) {
    if (!known.has(letter)) known.set(letter, letterWidth(letter, isBold));
    sum += known.get(letter);
  }
  return sum;
}

function letterWidth(letter, isBold) {
  pen.font = `${isBold ? 700 : 400} 12px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(letter).width;
}

function fit(text, room, isBold) {
  const whole = textWidth(text, isBold);
  if (whole <= room) return text;
  const count = Math.floor((text.length * (room - ELLIPSIS)) / whole);
  return count > 0 ? `${text.slice(0, count).trimEnd()}…` : "";
}

/** What stands in a bar: whose it is, and what for. */
function texts(bar) {
  if (bar.k === "offer") {
    const offer = store.offers[bar.id];
    return [t("offered"), offer?.owner ? shortName(offer.owner) : offer?.team || ""];
  }
  if (bar.k === "hold") return [t("kept"), ""];
  const booking = store.bookings[bar.id];
  if (!booking) return [label(bar.id), ""];
  const who = booking.owner ? shortName(booking.owner) : booking.team;
  return [who, booking.purpose || label(bar.id)];
}

function words(className, text = "") {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}

function playing() {
  return words("playing");
}

/** The part after the promised end, as a share of the bar. */
function overrun(bar, from) {
  const made = document.createElement("span");
  made.className = "tail";
  made.style.left = `${(100 * (from - bar.s)) / (bar.e - bar.s)}%`;
  return made;
}

/** Keep the words of a bar that began before the left edge in view. */
export function slideWords(bar, edge) {
  const cut = bar.x < edge && bar.x + bar.w > edge ? Math.min(edge - bar.x, bar.w - WORDY) : 0;
  const by = Math.max(Math.round(cut), 0);
  if (bar.cut === by || (!bar.cut && !by)) return;
  bar.cut = by;
  if (bar.wordy) fitWords(bar, by);
  const inside = bar.inside || bar.lastElementChild;
  // Not a transform: each would be a layer's worth of work for the browser.
  if (inside) inside.style.marginLeft = by ? `${by}px` : "";
}
