// Team, model, person and search: what does not match is dimmed, so that free stays free.

import { label, nameOf } from "./facts.js";
import { store } from "./store.js";
import { t, tn } from "./words.js";

const form = () => document.getElementById("filters");

/** `onChange(isStep)`: something was chosen; `onNext()`: Enter in the search field. */
export function startFilters(onChange, onNext) {
  const { q } = form().elements;
  form().addEventListener("change", (event) => event.target !== q && onChange(true));
  q.addEventListener("input", () => onChange(false));
  form().addEventListener("submit", (event) => {
    event.preventDefault();
    onNext();
  });
  document.getElementById("clear").addEventListener("click", () => {
    put({});
    onChange(true);
    q.focus();
  });
}

/** What is chosen: `team`, `model`, `person`, `q`. */
export function chosen() {
  const found = {};
  for (const name of ["team", "model", "person", "q"]) {
    found[name] = form().elements[name]?.value.trim() || "";
  }
  return found;
}

/** Choose these; what is left out is not narrowed. */
export function put(wanted) {
  for (const name of ["team", "model", "person", "q"]) {
    const field = form().elements[name];
    if (!field) continue;
    const value = wanted[name] || "";
    if (field.tagName === "SELECT" && ![...field.options].some((one) => one.value === value)) {
      field.add(new Option(value, value));
    }
    field.value = value;
  }
}

/** Offer the teams, models and people that there are. */
export function refreshChoices() {
  const { team, model, person } = form().elements;
  offer(team, store.teams.map(({ name }) => [name, name]));
  offer(model, [...new Set(store.nodes.map((node) => node.model))].map((name) => [name, name]));
  if (!person) return;
  const owners = new Set(Object.values(store.bookings).map((booking) => booking.owner));
  owners.delete("");
  const named = [...owners].map((user) => [user, nameOf(user)]);
  offer(person, named.sort((a, b) => a[1].localeCompare(b[1])));
}

function offer(select, choices) {
  const { value } = select;
  const known = choices.some(([one]) => one === value);
  if (value && !known) choices.push([value, nameOf(value)]);
  const wanted = choices.map(([one]) => one).join("\n");
  if (select.dataset.choices === wanted) return;
  select.dataset.choices = wanted;
  select.replaceChildren(select.options[0], ...choices.map(([one, text]) => new Option(text, one)));
  select.value = value;
}

/** Whether a bar is of what is chosen. */
export function matcher() {
  const { team, person, q } = chosen();
  const words = q.toLocaleLowerCase();
  if (!team && !person && !words) return () => true;
  const nodes = new Set(
    words ? store.nodes.filter((node) => node.name.toLocaleLowerCase().includes(words)).map((node) => node.name) : [],
  );
  return (bar) => {
    const booking = bar.k === "booking" ? store.bookings[bar.id] : store.offers[bar.id];
    if (!booking) return false;
    if (team && booking.team !== team) return false;
    if (person && booking.owner !== person) return false;
    return !words || says(bar, booking, words, nodes);
  };
}

function says(bar, booking, words, nodes) {
  const texts = [booking.owner && nameOf(booking.owner), booking.team, booking.purpose];
  if (bar.k === "booking") texts.push(label(bar.id), `#${bar.id}`, String(bar.id));
  if (texts.some((text) => text && text.toLocaleLowerCase().includes(words))) return true;
  return (booking.nodes || []).some((node) => nodes.has(node));
}

/** Whether a booking as the API gives it is of what is chosen. */
export function fits(booking, { team, person, q }) {
  if ((team && booking.team !== team) || (person && booking.owner !== person)) return false;
  const words = q.toLocaleLowerCase();
  const nodes = booking.shares.map(([node]) => node);
  const texts = [booking.id, booking.owner_name, booking.team, booking.purpose, ...nodes];
  return texts.some((text) => text && text.toLocaleLowerCase().includes(words));
}

/** The bookings that match and are drawn, by start; empty while nothing is chosen. */
export function matching() {
  const { team, person, q } = chosen();
  if (!team && !person && !q) return [];
  const matches = matcher();
  return Object.entries(store.bookings)
    .filter(([id]) => matches({ k: "booking", id: Number(id) }))
    .map(([id, booking]) => ({ id: Number(id), ...booking }))
    .sort((a, b) => a.s - b.s || a.id - b.id);
}

/** Say how much matches, in [from, to). */
export function tellMatches(from, to) {
  const { team, model, person, q } = chosen();
  document.getElementById("clear").hidden = !(team || model || person || q);
  const found = matching().filter((booking) => booking.s < to && booking.e > from);
  const text = team || person || q ? tn("{n} booking", "{n} bookings", found.length) : "";
  const output = document.getElementById("found");
  if (output.textContent !== text) output.textContent = text;
}

/** The booking that was searched by its number, when it is not among those loaded; else null. */
export function numberSearched() {
  const found = /^[#b]*(\d{1,9})$/i.exec(chosen().q);
  return found ? Number(found[1]) : null;
}

export const nothingFound = () => t("Nothing here matches.");
