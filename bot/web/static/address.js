// What is shown stands in the page's address, so that it can be linked to, and back goes back.

import { DAY, HOUR, addDays, iso, parse, startOfDay } from "./time.js";
import { page } from "./words.js";

export const VIEWS = { day: 1, week: 7, month: 30 };
const NAMES = ["team", "model", "person", "q", "show"];

/** What an address asks for; what it leaves out has its usual value. */
export function read() {
  const query = new URLSearchParams(location.search);
  const given = query.get("view");
  const view = given in VIEWS ? given : innerWidth < 700 ? "day" : "week";
  const hours = Number(query.get("hours"));
  const booking = /^[#b]*(\d{1,9})$/i.exec(query.get("booking") || "");
  const state = {
    at: parse(query.get("at")),
    view: hours > 0 ? "" : view,
    seconds: hours > 0 ? hours * HOUR : VIEWS[view] * DAY,
    booking: booking ? Number(booking[1]) : null,
  };
  for (const name of NAMES) state[name] = query.get(name) || "";
  return state;
}

/** Where a view begins when nothing is said: the present day, an hour or so in on small ones. */
export function usualStart(now) {
  return startOfDay(now);
}

export function endOf(from, state) {
  return state.view ? addDays(from, VIEWS[state.view]) : from + state.seconds;
}

/** Write `state` into the address; `isStep`: a step that *back* undoes. */
export function write(state, isStep) {
  const query = new URLSearchParams();
  if (state.at !== null) query.set("at", iso(Math.round(state.at / 60) * 60));
  if (state.view) query.set("view", state.view);
  else query.set("hours", String(Math.round((state.seconds / HOUR) * 10) / 10));
  for (const name of NAMES) if (state[name]) query.set(name, state[name]);
  if (state.booking) query.set("booking", `B${state.booking}`);
  const url = `${location.pathname}?${query.toString().replaceAll("%3A", ":")}`;
  if (url === location.pathname + location.search) return;
  history[isStep ? "pushState" : "replaceState"](null, "", url);
}

/** The address of one booking, to send to somebody. */
export const linkTo = (id) => `${location.origin}/?booking=B${id}`;

export const isSignedIn = Boolean(page.signedIn);
