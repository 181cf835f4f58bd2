// The same bookings as a plain table.

import { gpusOn, label, nameOf, priorityName, remarks, stateName } from "./facts.js";
import { store } from "./store.js";
import { length, moment } from "./time.js";
import { t, tn } from "./words.js";

const AT_ONCE = 200;

/** Write the bookings in [from, to) that `isWanted(bar)`, of nodes of `model`; `open(id, element)`
 * opens one. */
export function drawTable({ from, to, model, isWanted, open }) {
  const home = document.getElementById("table");
  const models = new Map(store.nodes.map((node) => [node.name, node.model]));
  const found = Object.entries(store.bookings)
    .map(([id, booking]) => ({ id: Number(id), ...booking }))
    .filter((one) => one.s < to && one.e > from && isWanted({ k: "booking", id: one.id }))
    .filter((one) => !model || one.nodes.some((node) => models.get(node) === model))
    .sort((a, b) => a.s - b.s || a.id - b.id);
  const shown = JSON.stringify(found);
  if (home.shown === shown) return;
  // Written again only when it differs: somebody may be in the middle of it.
  home.shown = shown;
  const table = document.createElement("table");
  const caption = table.createCaption();
  caption.textContent = tn("{n} booking", "{n} bookings", found.length);
  const head = table.createTHead().insertRow();
  for (const name of columns()) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = table.createTBody();
  fill(body, found, 0, open);
  home.replaceChildren(table);
  if (found.length > AT_ONCE) home.append(more(body, found, open));
}

function columns() {
  return [
    t("Booking"), t("Start"), t("End"), t("Length"), t("GPUs"), t("Owner"), t("Team"),
    t("Priority"), t("State"), t("Purpose"),
  ];
}

function fill(body, found, from, open) {
  for (const booking of found.slice(from, from + AT_ONCE)) {
    const row = body.insertRow();
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = label(booking.id);
    button.addEventListener("click", () => open(booking.id, button));
    row.insertCell().append(button);
    const state = booking.warned ? `${stateName(booking)} · ${remarks(booking)[0]}` : stateName(booking);
    const texts = [
      moment(booking.s), moment(booking.e), length(booking.e - booking.s), gpusOn(booking),
      booking.owner ? nameOf(booking.owner) : "–", booking.team, priorityName(booking.priority),
      state, booking.purpose || "",
    ];
    for (const text of texts) row.insertCell().textContent = text;
  }
}

function more(body, found, open) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = t("Show more");
  button.addEventListener("click", () => {
    fill(body, found, body.rows.length, open);
    button.hidden = body.rows.length >= found.length;
  });
  return button;
}
