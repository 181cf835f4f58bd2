// The card of a booking: a look while one points at a bar, and open with its actions on a click.

import { linkTo } from "./address.js";
import { details, drainText, isOver, label, nameOf, remarks, signs, stateName } from "./facts.js";
import { mark } from "./marks.js";
import { findBooking, store } from "./store.js";
import { length, moment, span, time } from "./time.js";
import { t } from "./words.js";

const card = () => document.getElementById("card");
const GAP = 8;
const SHOWN_AFTER_MS = 90;
let opened = null;
/** The booking as its card tells it. */
let told = null;
let back = null;
let timer = 0;

/** The id of the booking whose card is open; null while none is. */
export const openId = () => opened;

/** Show the card beside `bar` while it is pointed at or has the focus. */
export function peek(bar) {
  if (opened !== null) return;
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (!bar.isConnected) return;
    card().replaceChildren(...content(bar.piece, false));
    card().className = "card is-peek";
    card().removeAttribute("role");
    card().hidden = false;
    place(bar);
  }, SHOWN_AFTER_MS);
}

export function unpeek() {
  clearTimeout(timer);
  if (opened === null) card().hidden = true;
}

/** Open the card of booking `id`; `bar` is its bar, where one is drawn. */
export function open(id, bar, focusBack = bar) {
  clearTimeout(timer);
  opened = id;
  told = store.bookings[id];
  back = focusBack;
  const piece = bar?.piece || { bar: { k: "booking", id } };
  const made = card();
  made.replaceChildren(...content(piece, true));
  made.className = "card is-open";
  made.setAttribute("role", "dialog");
  made.setAttribute("aria-label", label(id));
  made.hidden = false;
  if (back) place(back);
  made.querySelector("h2").focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("gpubot:open", { detail: { id } }));
}

/** Close it; the focus goes back to where it came from. */
export function close() {
  if (opened === null) return false;
  opened = null;
  card().hidden = true;
  if (back?.isConnected) back.focus({ preventScroll: true });
  // A bar that gets the focus back was looked at just now.
  clearTimeout(timer);
  return true;
}

/** Write the open card anew after a change; its actions stay as they are. */
export function refreshCard() {
  if (opened === null) return;
  const booking = store.bookings[opened];
  if (!booking) {
    if (told && told.s < store.to && told.e > store.from) closeIfOver(opened);
    return;
  }
  told = booking;
  const fresh = content({ bar: { k: "booking", id: opened } }, true);
  const made = card();
  const actions = made.querySelector("[data-actions]");
  const had = actions?.contains(document.activeElement);
  if (had) return;
  made.replaceChildren(...fresh);
  document.dispatchEvent(new CustomEvent("gpubot:open", { detail: { id: opened } }));
}

/** A booking has no bar any more: it was cancelled, or it moved and its other node is still to come. */
async function closeIfOver(id) {
  const found = await findBooking(id);
  if (!found || id !== opened || !isOver(found)) return;
  document.dispatchEvent(new CustomEvent("gpubot:close"));
}

/** Beside the bar, above it or below, wherever it fits; on a phone CSS puts it at the bottom. */
function place(bar) {
  const made = card();
  const at = bar.getBoundingClientRect();
  const board = document.getElementById("board").getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = made;
  const shownLeft = Math.max(at.left, board.left + 80);
  const left = Math.min(Math.max(shownLeft, GAP), innerWidth - width - GAP);
  const below = at.bottom + GAP;
  const above = at.top - height - GAP;
  const top = below + height < innerHeight ? below : Math.max(above, GAP);
  made.style.left = `${left}px`;
  made.style.top = `${top}px`;
}

function content(piece, isOpen) {
  const { k, id } = piece.bar;
  if (piece.drain) return [heading(t("Out of service"), "", ["drain"]), line(drainText(piece.drain))];
  if (k === "offer") return offerContent(piece.bar);
  if (k === "hold") return holdContent(piece.bar);
  const booking = store.bookings[id];
  if (!booking) return [heading(label(id), "", [])];
  const made = [heading(label(id), booking.purpose, signs(piece.bar)), table(booking)];
  const said = document.createElement("ul");
  said.className = "remarks";
  said.append(...remarks(booking).map((text) => line(text, "li")));
  made.push(said);
  if (isOpen) made.push(actions(id), closeButton());
  return made;
}

function heading(name, text, names) {
  const made = document.createElement("h2");
  made.tabIndex = -1;
  const bold = document.createElement("span");
  bold.textContent = name;
  made.append(bold);
  if (text) made.append(" ", text);
  made.append(...names.map(mark));
  return made;
}

function line(text, tag = "p") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function table(booking) {
  const made = document.createElement("dl");
  for (const [name, value] of details(booking)) made.append(line(name, "dt"), line(value, "dd"));
  made.style.setProperty(
    "--team",
    store.teams.find((one) => one.name === booking.team)?.color || "#64748b",
  );
  return made;
}

function actions(id) {
  const made = document.createElement("div");
  made.dataset.actions = "";
  made.dataset.booking = id;
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "quiet";
  copy.append(mark("link"), line(t("Copy link"), "span"));
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(linkTo(id));
      copy.lastChild.textContent = t("Copied");
    } catch {
      copy.lastChild.textContent = linkTo(id);
    }
  });
  const wrapped = document.createElement("div");
  wrapped.className = "actions";
  wrapped.append(made, copy);
  return wrapped;
}

function closeButton() {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet close";
  made.setAttribute("aria-label", t("Close"));
  made.append(mark("close"));
  made.addEventListener("click", () => document.dispatchEvent(new CustomEvent("gpubot:close")));
  return made;
}

function offerContent(bar) {
  const offer = store.offers[bar.id] || {};
  const who = offer.owner ? nameOf(offer.owner) : offer.team || "";
  return [
    heading(t("Offered"), who, ["offer"]),
    line(t("Held from the waitlist until {at}, to be accepted or declined.", { at: time(offer.expires || bar.e) })),
    line(`${span(bar.s, bar.e)} (${length(bar.e - bar.s)})`),
  ];
}

function holdContent(bar) {
  const hold = store.holds[bar.id] || {};
  return [
    heading(t("Kept"), "", ["hold"]),
    line(t("Kept for {booking}, which was preempted, until its owner has chosen.", {
      booking: hold.preemptee ? label(hold.preemptee) : t("a booking"),
    })),
    line(`${span(bar.s, bar.e)} (${length(bar.e - bar.s)})`),
  ];
}

/** What an open booking is called in the line for screen readers. */
export const announced = (id) => {
  const booking = store.bookings[id];
  return booking ? `${label(id)}, ${stateName(booking)}, ${moment(booking.s)}` : label(id);
};
