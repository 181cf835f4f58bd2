// Instants are seconds since the epoch; they are written in the reader's zone.

import { page, t } from "./words.js";

export const HOUR = 3600;
export const DAY = 86400;

/** The reader's zone: Slack's where they signed in, else the browser's. */
export const zone = page.viewerZone || Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const QUARTER = 900;
const clocks = new Map();
const offsets = new Map();

function clockOf(name) {
  if (!clocks.has(name)) {
    clocks.set(
      name,
      new Intl.DateTimeFormat("en-US", {
        timeZone: name,
        hourCycle: "h23",
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
      }),
    );
  }
  return clocks.get(name);
}

/** Seconds that the wall clock of `name` is ahead of UTC. */
export function offset(at, name = zone) {
  // Zones change at quarters of an hour, so one look does for each.
  const quarter = Math.floor(at / QUARTER);
  const key = `${name} ${quarter}`;
  if (!offsets.has(key)) {
    const parts = {};
    for (const { type, value } of clockOf(name).formatToParts(quarter * QUARTER * 1000)) {
      parts[type] = Number(value);
    }
    const { year, month, day, hour, minute, second } = parts;
    offsets.set(key, Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - quarter * QUARTER);
  }
  return offsets.get(key);
}

/** The instant at which the wall clock of `name` shows `local` (seconds, as if it were UTC). As for
 * gpubot: of two it is the first, and what the clock skips lies as far behind the gap. */
export function fromLocal(local, name = zone) {
  const before = offset(local - DAY, name);
  const early = local - before;
  const after = offset(early, name);
  if (after === before) return early;
  const late = local - after;
  return late + offset(late, name) === local ? late : early;
}

export function startOfDay(at, name = zone) {
  return fromLocal(Math.floor((at + offset(at, name)) / DAY) * DAY, name);
}

/** The same time of day `days` later, whatever the clocks do in between. */
export function addDays(at, days) {
  return fromLocal(at + offset(at) + days * DAY);
}

/** The grid line of `slot` seconds at or before `at`, on the cluster's wall clock. */
export function slotBefore(at, slot, name) {
  const local = at + offset(at, name);
  return fromLocal(Math.floor(local / slot) * slot, name);
}

/** The grid line at or after `at`. */
export function slotAfter(at, slot, name) {
  let local = Math.floor((at + offset(at, name)) / slot) * slot;
  while (fromLocal(local, name) < at) local += slot;
  return fromLocal(local, name);
}

/** Instants in [from, to) at which the wall clock shows a multiple of `step` seconds a day. */
export function ticks(from, to, step, name = zone) {
  const found = [];
  let local = Math.floor((from + offset(from, name)) / step) * step;
  for (let guard = 0; guard < 3000; guard += 1, local += step) {
    const at = fromLocal(local, name);
    if (at >= to) break;
    if (at >= from && at !== found.at(-1)) found.push(at);
  }
  return found;
}

/** The first instants of the months that reach into [from, to). */
export function months(from, to) {
  const found = [];
  const date = new Date((from + offset(from)) * 1000);
  for (let n = 0; n < 40; n += 1) {
    const at = fromLocal(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + n, 1) / 1000);
    if (at >= to) break;
    found.push(at);
  }
  return found;
}

export function isWeekend(at) {
  const day = new Date((at + offset(at)) * 1000).getUTCDay();
  return day === 0 || day === 6;
}

const styles = {
  day: { weekday: "short", day: "numeric", month: "short" },
  short: { day: "numeric" },
  weekday: { weekday: "short", day: "numeric" },
  month: { month: "long", year: "numeric" },
  year: { day: "numeric", month: "short", year: "numeric" },
  yearless: { day: "numeric", month: "short" },
  whole: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
};
const writers = new Map();
const dates = new Map();

/** A date in one of the styles above, as the reader's language writes it. */
export function date(at, style = "day") {
  // Thousands of bars are told with few dates.
  const key = `${style} ${Math.floor((at + offset(at)) / DAY)}`;
  if (!dates.has(key)) dates.set(key, write(at, style));
  return dates.get(key);
}

function write(at, style) {
  return writer(style).format(at * 1000).replace(",", "");
}

function writer(style) {
  if (!writers.has(style)) {
    const tag = page.lang === "en" || !page.lang ? "en-GB" : page.lang;
    writers.set(style, new Intl.DateTimeFormat(tag, { timeZone: zone, ...styles[style] }));
  }
  return writers.get(style);
}

/** From which day to which, the last one included; the year is said once, where the language
 * has it: before the first day or behind the last. */
export function days(first, last) {
  if (date(first, "year") === date(last, "year")) return date(first);
  const isYearAhead = writer("year").formatToParts(first * 1000)[0].type === "year";
  if (!isYearAhead) return `${date(first)} – ${date(last, "year")}`;
  const yearOf = (at) => new Date((at + offset(at)) * 1000).getUTCFullYear();
  const isOneYear = yearOf(first) === yearOf(last);
  return `${date(first, "whole")} – ${date(last, isOneYear ? "yearless" : "year")}`;
}

/** The time of day: 22:00. */
export function time(at) {
  const local = at + offset(at);
  const two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor((((local % DAY) + DAY) % DAY) / 60);
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export function moment(at) {
  return `${date(at)} ${time(at)}`;
}

/** From when to when; the day is not said twice. */
export function span(start, end) {
  const sameDay = startOfDay(start) === startOfDay(end);
  return `${moment(start)} – ${sameDay ? time(end) : moment(end)}`;
}

/** A length of time: 1 d 12 h. Minutes that have begun count. */
export function length(seconds) {
  const minutes = Math.max(Math.ceil(seconds / 60), 0);
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  const rest = minutes % 60;
  const said = [];
  if (days) said.push(t("{n} d", { n: days }));
  if (hours) said.push(t("{n} h", { n: hours }));
  if (rest || !said.length) said.push(t("{n} min", { n: rest }));
  return said.join(" ");
}

/** An instant as addresses write it. */
export function iso(at) {
  return new Date(at * 1000).toISOString().replace(/(:\d\d)\.000Z$/, "$1Z").replace(/:00Z$/, "Z");
}

/** What an address means; without a zone it is the reader's; null when it means nothing. */
export function parse(text) {
  if (!text) return null;
  const cleaned = text.trim().replace(/ (?=\d\d:?\d\d$)/, "+");
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/i.test(cleaned);
  const dateOnly = /^\d{4}-\d\d-\d\d$/.test(cleaned);
  const at = Date.parse(hasZone ? cleaned : dateOnly ? `${cleaned}T00:00Z` : `${cleaned}Z`) / 1000;
  if (!Number.isFinite(at)) return null;
  return hasZone ? at : fromLocal(at);
}
