// The living parts of a text: mentions, links, and dates that follow the reader's zone and clock.

import { h } from "./dom.js";
import { formatDate } from "./dates.js";
import { channel, displayName, emit, reader, state } from "./state.js";

const PROTOCOLS = new Set(["http:", "https:", "mailto:", "tel:", "slack:"]);

/** A link that opens elsewhere; an address with any other protocol is shown as text. */
export function linkNode(address, label) {
  if (!isLink(address)) return h("span", {}, label);
  return h("a.link", { href: address, target: "_blank", rel: "noopener noreferrer" }, label);
}

/** Is this a whole address of a kind that may be opened? */
export function isLink(address) {
  try {
    return PROTOCOLS.has(new URL(address).protocol);
  } catch {
    return false;
  }
}

/** @Name of a user; yellow when it is the reader. */
export function mentionUser(id) {
  const mine = id === state.me ? ".mention--me" : "";
  return h(`span.mention${mine}`, { dataset: { user: id } }, `@${displayName(id)}`);
}

/** #name of a channel; opens it when the reader is a member. */
export function mentionChannel(id, label) {
  const found = channel(id);
  const name = `#${found?.name ?? label ?? "private channel"}`;
  if (!found) return h("span.mention", {}, name);
  return h(
    "button.mention.mention--channel",
    { type: "button", onclick: () => emit("open-channel", { id }) },
    name,
  );
}

/** @here, @channel or a user group. */
export function mentionGroup(label) {
  const name = label.startsWith("@") ? label : `@${label}`;
  return h("span.mention.mention--me", {}, name);
}

/** An instant in a Slack date format, kept up to date by refreshDates(). */
export function dateNode(epoch, format, fallback, address) {
  const node = h("time.date", { dataset: { epoch, format, fallback } });
  fillDate(node);
  return address ? linkNode(address, node) : node;
}

function fillDate(node) {
  const { epoch, format, fallback } = node.dataset;
  const at = Number(epoch);
  const text = Number.isFinite(at) && format ? formatDate(at, format, reader()) : null;
  const shown = text ?? fallback;
  if (node.textContent !== shown) node.textContent = shown;
  node.title = Number.isFinite(at) ? formatDate(at, "{date_long} at {time_secs}", reader()) : "";
}

/** Rewrites every date on screen, after the clock, the reader or their preferences changed. */
export function refreshDates(root = document) {
  for (const node of root.querySelectorAll("time.date")) fillDate(node);
}
