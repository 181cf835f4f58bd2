// The calendar page, put together: what is shown, what is loaded, and what the controls do.

import { endOf, read, usualStart, write } from "./address.js";
import { drawAll, drawSoon, extend, measure, redraw, reveal, scrolled } from "./board.js";
import { announced, close, open, openId, peek, refreshCard, unpeek } from "./card.js";
import * as filters from "./filters.js";
import { settleTab, startKeys } from "./keys.js";
import { writeLegend } from "./legend.js";
import { startLive } from "./live.js";
import { panBy, show, startMotion, view, viewEnd, zoomBy } from "./motion.js";
import { askFrom, clearSelection, startSelecting } from "./select.js";
import { nodeNamed } from "./rows.js";
import { findBooking, load, now, reloadNodes, searchOpen, store } from "./store.js";
import { isOver, label, shownText, stateName, zoneText } from "./facts.js";
import { drawTable } from "./table.js";
import { slideAxis } from "./axis.js";
import { parse, zone } from "./time.js";
import { page, t } from "./words.js";

const $ = (id) => document.getElementById(id);
/** What is loaded reaches this far beyond both edges, in widths of the view. */
const AROUND = 0.6;
/** Wheels and fingers pause for a moment between two movements. */
const SETTLED_AFTER_MS = 160;
const state = read();
store.now = page.now;
/** What is being loaded, or was last: from, to, how to stop it, and what resolves when it is there. */
let coming = null;

function start() {
  startMotion($("board"), { onMove: drawSoon, onSettle: settle, mayDrag });
  writeZone();
  filters.put(state);
  measure();
  goTo(state.at ?? usualStart(now()), false);
  new ResizeObserver(measure).observe($("board"));
  $("scroll").addEventListener("scroll", scrolled, { passive: true });
  controls();
  pointing();
  startKeys({ reveal, bring, book: (node, piece) => askFrom(node, piece ? piece.bar.e : viewStart()) });
  if (page.books) startSelecting();
  writeLegend($("legend"), page.books);
  setInterval(slideAxis, 15000);
  return refresh(view.from, viewEnd()).then(() => {
    startLive((names) => (names ? change(names) : reload()));
    return state.booking ? openBooking(state.booking, false) : null;
  });
}

/** Which zone the times are in, where the axis of time begins; in full for those who ask. */
function writeZone() {
  const said = document.createElement("span");
  said.textContent = zone.replaceAll("_", " ").replace("/", "/\u200b");
  $("zone").title = zoneText(zone);
  $("zone").append(said);
}

const viewStart = () => Math.max(view.from, now());

/** Free space is dragged over to book; without that right, and anywhere else, drags move time. */
function mayDrag(event) {
  if (event.type !== "mousedown") return true;
  if (event.target.closest("button, a") && !event.target.closest(".bar, .label")) return false;
  return !page.books || event.button === 1 || event.altKey || !event.target.closest(".window") ||
    Boolean(event.target.closest(".bar"));
}

function goTo(from, animated) {
  show(from, endOf(from, state) - from, animated);
}

/** Movement has come to rest: remember where, load what is missing. */
let stepWanted = false;
let resting = 0;
function settle() {
  clearTimeout(resting);
  resting = setTimeout(rest, SETTLED_AFTER_MS);
}

function rest() {
  const length = endOf(view.from, state) - view.from;
  const seconds = view.width / view.pps;
  if (Math.abs(seconds - length) > 60) Object.assign(state, { view: "", seconds });
  state.at = view.from;
  remember(stepWanted);
  stepWanted = false;
  tell();
  // What is on its way takes the place of what is there.
  const known = coming && !coming.isThere ? coming : store;
  if (store.to && !covers(known)) refresh(view.from, viewEnd());
}

const covers = ({ from, to }) => from <= view.from && viewEnd() <= to;

function remember(isStep) {
  write(state, isStep);
}

function tell() {
  $("shown").textContent = shownText(view.from, viewEnd());
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === state.view));
  }
  filters.tellMatches(view.from, viewEnd());
  if (state.show === "list") list();
}

/** Load what is in view, and resolve when it is there: to true, unless it could not be loaded. What
 * lies around follows when there is time, unless it is `whole` already. */
function refresh(from, to, whole = false) {
  coming?.stop.abort();
  coming = { from, to, whole, isThere: false, stop: new AbortController() };
  coming.done = loadView(coming);
  return coming.done;
}

async function loadView(mine) {
  try {
    await load(mine.from, mine.to, mine.stop.signal);
  } catch (error) {
    // What took its place also shows what is in view by now.
    if (error.name === "AbortError") return coming?.done;
    coming = null;
    failed(error);
    return false;
  }
  mine.isThere = true;
  drawLoaded();
  if (!mine.whole) loadAround(mine);
  return true;
}

async function loadAround({ from, to, stop: { signal } }) {
  await new Promise((done) => (globalThis.requestIdleCallback || setTimeout)(done));
  if (signal.aborted) return;
  const around = AROUND * (to - from);
  const { seq } = store;
  try {
    await load(from - around, to + around, signal);
  } catch (error) {
    if (error.name !== "AbortError") failed(error);
    return;
  }
  if (store.seq === seq) drawExtended();
  else drawLoaded();
}

function failed(error) {
  if (error.status === 401) location.reload();
  else $("state").textContent = t("The calendar could not be loaded: {why}", { why: error.message });
}

function drawLoaded() {
  filters.refreshChoices();
  drawAll(filters.chosen().model, filters.matcher());
  settleTab();
  tell();
  refreshCard();
  document.body.dataset.loaded = store.seq;
}

function drawExtended() {
  filters.refreshChoices();
  extend();
  settleTab();
  tell();
}

/** Everything anew, where we are. */
async function reload() {
  const whole = covers(store);
  const [from, to] = whole ? [store.from, store.to] : [view.from, viewEnd()];
  if (await refresh(from, to, whole)) $("state").textContent = "";
}

/** Those nodes changed: only they are loaded and drawn, unless there are new ones among them. */
async function change(names) {
  if (!names.every(nodeNamed)) return reload();
  try {
    await reloadNodes(names);
  } catch (error) {
    return failed(error);
  }
  filters.refreshChoices();
  redraw(names);
  settleTab();
  tell();
  refreshCard();
  document.body.dataset.loaded = store.seq;
  $("said").textContent = t("The calendar changed on {nodes}.", { nodes: names.join(", ") });
  return null;
}

function controls() {
  const step = (action) => () => {
    stepWanted = true;
    action();
  };
  const today = step(() => goTo(usualStart(now()), true));
  $("today").addEventListener("click", today);
  $("earlier").addEventListener("click", step(() => panBy(-1)));
  $("later").addEventListener("click", step(() => panBy(1)));
  $("in").addEventListener("click", () => zoomBy(1.5));
  $("out").addEventListener("click", () => zoomBy(1 / 1.5));
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", step(() => choose(button.dataset.view)));
  }
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => showAs(button.dataset.show, true));
  }
  showAs(state.show || "tracks", false);
  $("book")?.addEventListener("click", () => askFrom(null, now()));
  filters.startFilters(filtered, nextMatch);
  addEventListener("popstate", wentBack);
  document.addEventListener("keydown", (event) => shortcut(event, today));
  document.addEventListener("gpubot:close", closeCard);
}

function choose(name) {
  const middle = (view.from + viewEnd()) / 2;
  state.view = name;
  const isNow = view.from <= now() && now() < viewEnd();
  goTo(usualStart(isNow ? now() : middle), true);
}

function showAs(how, isStep) {
  state.show = how === "list" ? "list" : "";
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String((button.dataset.show === "list") === (how === "list")));
  }
  $("board").hidden = how === "list";
  $("table").hidden = how !== "list";
  if (isStep) remember(true);
  if (how === "list") list();
  else measure();
}

function list() {
  drawTable({
    from: view.from,
    to: viewEnd(),
    model: filters.chosen().model,
    isWanted: filters.matcher(),
    open: (id, element) => openBooking(id, true, element),
  });
}

function filtered(isStep) {
  Object.assign(state, filters.chosen());
  remember(isStep);
  drawAll(state.model, filters.matcher());
  settleTab();
  tell();
}

/** Enter in the search: the first match ahead, then the next. */
let lastMatch = null;
async function nextMatch() {
  const found = filters.matching();
  const number = filters.numberSearched();
  if (!found.length && number !== null) return openBooking(number, true);
  if (!found.length) return searchFurther();
  const at = found.findIndex((one) => one.id === lastMatch);
  const ahead = Math.max(found.findIndex((one) => one.e > now()), 0);
  const next = found[at < 0 ? ahead : (at + 1) % found.length];
  lastMatch = next.id;
  return openBooking(next.id, true);
}

/** What is searched is not among the bookings loaded: those ahead are asked for. */
async function searchFurther() {
  const { team, person, q } = filters.chosen();
  if (!team && !person && !q) return null;
  const found = await searchOpen((one) => filters.fits(one, { team, person, q }));
  if (found) return openBooking(found.number, true);
  $("found").textContent = filters.nothingFound();
  return null;
}

function wentBack() {
  const { booking } = state;
  Object.assign(state, read());
  filters.put(state);
  showAs(state.show || "tracks", false);
  drawAll(state.model, filters.matcher());
  goTo(state.at ?? usualStart(now()), false);
  if (state.booking && state.booking !== booking) openBooking(state.booking, false);
  else if (!state.booking) close();
}

function shortcut(event, today) {
  if (event.key === "Escape" && openId() !== null && !document.querySelector("dialog[open]")) {
    closeCard();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, dialog, [role=dialog]")) return;
  const keys = {
    "+": () => zoomBy(1.5),
    "=": () => zoomBy(1.5),
    "-": () => zoomBy(1 / 1.5),
    PageUp: () => panBy(-1),
    PageDown: () => panBy(1),
    t: today,
    "/": () => $("q").focus(),
  };
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

/** Look at a bar that is pointed at or focused; open it on a click. */
function pointing() {
  const space = $("space");
  const bar = (event) => event.target.closest(".bar");
  space.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    if (bar(event)) peek(bar(event));
    else unpeek();
  });
  space.addEventListener("pointerleave", unpeek);
  space.addEventListener("focusin", (event) => {
    if (bar(event)?.matches(":focus-visible")) peek(bar(event));
  });
  space.addEventListener("focusout", unpeek);
  space.addEventListener("click", (event) => {
    const found = bar(event);
    if (found?.piece.bar.k === "booking") openBooking(found.piece.bar.id, true, found);
    else if (!found) closeCard();
  });
}

/** Bring the time of a bar into view, no further than needed. */
function bring(bar) {
  const seconds = view.width / view.pps;
  const end = Math.min(bar.e, bar.s + seconds * 0.8);
  if (bar.s >= view.from && end <= viewEnd()) return;
  if (bar.s < view.from && bar.e > view.from + seconds * 0.05 && bar.e < viewEnd()) return;
  show(bar.s - seconds * 0.1, seconds);
}

/** Open a booking wherever it lies; what is not loaded is looked for first. */
async function openBooking(id, isStep, element = null) {
  if (!store.bookings[id]) {
    const found = await findBooking(id);
    if (!found) {
      // Without signing in only what is loaded is shown, so it may well be there.
      $("state").textContent = page.user
        ? t("There is no booking {booking}.", { booking: `B${id}` })
        : t("Sign in to follow this link.");
      return;
    }
    const [s, e] = [parse(found.start), parse(found.end)];
    bring({ s, e });
    const isLoaded = await refresh(view.from, viewEnd());
    // What was cancelled has no bar, and so no card. What is not over has one, but where somebody
    // went on to look meanwhile.
    if (isLoaded && !store.bookings[id] && isOver(found)) {
      $("state").textContent = `${label(id)}: ${stateName(found)}`;
    }
  }
  const booking = store.bookings[id];
  if (!booking) return;
  state.booking = id;
  remember(isStep);
  if (element && !element.piece) open(id, null, element);
  else open(id, element || findBar(id, booking));
  $("said").textContent = announced(id);
}

function findBar(id, booking) {
  bring(booking);
  const made = reveal(booking.nodes[0]);
  const bars = made ? [...made.bars.values()] : [];
  return bars.find((bar) => bar.piece.bar.k === "booking" && bar.piece.bar.id === id);
}

function closeCard() {
  if (!close()) return;
  state.booking = null;
  remember(false);
}

// What booking.js and tests may use: a change was made, show it.
globalThis.gpubot = { reload, clearSelection };
start();
