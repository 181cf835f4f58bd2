// Never only "no": who has the GPUs, and what is free instead, as buttons.

import { button, element } from "./booking_dialog.js";
import { moment, span } from "./time.js";
import { t, tn } from "./words.js";

const seconds = (text) => Date.parse(text) / 1000;
const count = (n) => tn("{n} GPU", "{n} GPUs", n);

/** "4 GPUs on gpu-03, 2 GPUs on gpu-04" */
export function sharesText(shares) {
  return shares.map(([node, gpus]) => t("{gpus} on {nodes}", { gpus: count(gpus), nodes: node })).join(", ");
}

export const windowText = (part) => span(seconds(part.start), seconds(part.end));

/** Who is in the way, one line each. */
export function blockerList(blockers) {
  return element("ul", { className: "blockers" }, blockers.map((held) => element("li", {}, blockerText(held))));
}

function blockerText(held) {
  const places = {
    node: held.node,
    gpus: count(held.gpus),
    who: held.owner_name || held.team || "",
    team: held.team || "",
    booking: held.booking || "",
    priority: held.priority || "",
    reason: held.reason || "",
  };
  if (held.held_until) {
    places.until = moment(seconds(held.held_until));
    return t("{node}: {gpus} are held for {who} (team {team}) until {until}", places);
  }
  if (!held.booking) return drainText(held, places);
  places.end = moment(seconds(held.end));
  return t("{node}: {booking} of {who} (team {team}) has {gpus} until {end}, {priority}", places);
}

function drainText(held, places) {
  if (!held.end) return t("{node} is out of service: {reason}", places);
  places.end = moment(seconds(held.end));
  return t("{node} is out of service until {end}: {reason}", places);
}

const KINDS = {
  later: () => t("Later"),
  earlier: () => t("Earlier"),
  node: () => t("Another node"),
  fewer: () => t("Fewer GPUs"),
  model: () => t("Another model"),
  split: () => t("In two parts"),
};

/** A button for each alternative; pressing one calls `choose` with it. */
export function alternativeList(alternatives, choose) {
  if (!alternatives.length) {
    return element("p", {}, t("Nothing near it fits. Fewer GPUs or a shorter time may."));
  }
  const made = alternatives.map((found) => {
    const parts = found.parts.map((part) => element("span", {}, `${sharesText(part.nodes)}, ${windowText(part)}`));
    const kind = element("strong", {}, KINDS[found.kind] ? KINDS[found.kind]() : found.kind);
    return element("li", {}, button([kind, ...parts], () => choose(found), "alternative"));
  });
  return element("ul", { className: "alternatives" }, made);
}
