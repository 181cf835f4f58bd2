// What a bar means, in words: for its label, its card, the list and the legend.

import { days, length, moment, span, time } from "./time.js";
import { store } from "./store.js";
import { page, t, tn } from "./words.js";

export const label = (id) => `B${id}`;

export function nameOf(user) {
  return store.people[user] || user;
}

/** First names do in a bar: "Alice". */
export function shortName(user) {
  return nameOf(user).split(" ")[0];
}

export function priorityName(priority) {
  return `P${priority}`;
}

const STATES = {
  reserved: () => t("reserved"),
  active: () => t("running"),
  ended: () => t("ended"),
  preempted: () => t("preempted"),
  no_show: () => t("not used, released"),
  cancelled: () => t("cancelled"),
};

export function stateName(booking) {
  if (booking.queued && booking.state === "reserved") return t("queued short run");
  return (STATES[booking.state] || (() => booking.state))();
}

const LIVE = new Set(["reserved", "active"]);
export const isOver = (booking) => !LIVE.has(booking.state);

export function gpusOn(booking) {
  const count = tn("{n} GPU", "{n} GPUs", booking.gpus);
  return t("{gpus} on {nodes}", { gpus: count, nodes: booking.nodes.join(", ") });
}

/** The signs of a bar, the most urgent first. */
export function signs(bar) {
  if (bar.k === "offer" || bar.k === "hold") return [bar.k];
  const booking = store.bookings[bar.id];
  if (!booking) return [];
  const found = [];
  if (booking.priority === 0) found.push("urgent");
  if (booking.warned) found.push("warned");
  if (booking.overrun_from) found.push("overrun");
  if (booking.queued) found.push("queued");
  if (booking.state === "preempted" || booking.state === "no_show") found.push(booking.state);
  if (booking.state === "active" && !booking.warned && !booking.overrun_from) found.push("running");
  if (booking.state === "ended") found.push("ended");
  if (booking.mine) found.push("mine");
  return found;
}

/** What is special about a booking, in sentences; the nearest first. */
export function remarks(booking) {
  const said = [];
  const { warned } = booking;
  if (warned) {
    const at = moment(warned.at);
    said.push(
      warned.reason
        ? t("Will be preempted at {at} by {booking}: {reason}", {
            at,
            booking: label(warned.by),
            reason: warned.reason,
          })
        : t("Will be preempted at {at} by {booking}.", { at, booking: label(warned.by) }),
    );
  }
  if (booking.overrun_from) {
    said.push(t("In overrun since {at}: it may finish while nobody needs the GPUs.", {
      at: time(booking.overrun_from),
    }));
  }
  if (booking.priority === 0) said.push(t("Urgent: nobody may preempt it."));
  else if (booking.preemptible) said.push(t("Preemptible: urgent work may take its GPUs, with a warning."));
  else said.push(t("Firm: nobody may preempt it."));
  return said;
}

/** The line that a screen reader says for a bar. */
export function spoken(bar) {
  const when = span(bar.s, bar.e);
  if (bar.k === "offer") {
    const offer = store.offers[bar.id] || {};
    return t("Held for an offer to {who} until {until}, {when}", {
      who: offer.owner ? nameOf(offer.owner) : offer.team || "",
      until: time(offer.expires || bar.e),
      when,
    });
  }
  if (bar.k === "hold") return t("Held for a preempted booking, {when}", { when });
  const booking = store.bookings[bar.id];
  if (!booking) return label(bar.id);
  const parts = [
    label(bar.id),
    booking.owner ? nameOf(booking.owner) : "",
    booking.team,
    priorityName(booking.priority),
    gpusOn(booking),
    span(booking.s, booking.e),
    stateName(booking),
    booking.mine ? t("yours") : "",
    booking.warned ? t("warned: preempted at {at}", { at: moment(booking.warned.at) }) : "",
    booking.overrun_from ? t("in overrun") : "",
    booking.purpose,
  ];
  return parts.filter(Boolean).join(", ");
}

/** What the card shows: pairs of a name and a value. */
export function details(booking) {
  const rows = [
    [t("When"), span(booking.s, booking.e)],
    [t("Length"), length(booking.e - booking.s)],
    [t("GPUs"), gpusOn(booking)],
  ];
  if (booking.owner) rows.push([t("Owner"), nameOf(booking.owner)]);
  rows.push([t("Team"), booking.team], [t("Priority"), priorityName(booking.priority)]);
  rows.push([t("State"), stateName(booking)]);
  return rows;
}

export function drainText(drain) {
  const until = drain.e ? t("Out of service until {at}", { at: moment(drain.e) }) : t("Out of service");
  return drain.reason ? `${until}: ${drain.reason}` : until;
}

/** The heading over the board: which days are shown. */
export const shownText = (from, to) => days(from, to - 1);

export const zoneText = (zone) =>
  page.viewerZone ? t("Times in your Slack time zone, {zone}", { zone }) : t("Times in {zone}", { zone });
