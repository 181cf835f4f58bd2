// What the page knows: the part of the calendar that was loaded, and how it is kept up to date.

import { iso } from "./time.js";
import { page } from "./words.js";

/** So many pages of 200 bookings are searched at most. */
const MOST_PAGES = 20;

export const store = {
  from: 0,
  to: 0,
  /** The bot's clock at the last answer, and ours then: clocks of browsers are wrong at times. */
  now: 0,
  heard: 0,
  seq: 0,
  cluster: {},
  teams: [],
  people: {},
  nodes: [],
  bookings: {},
  offers: {},
  holds: {},
};

/** The bot's clock, in seconds. */
export function now() {
  return store.now + (performance.now() - store.heard) / 1000;
}

/** What the page itself had the browser ask for: {url, from, to}; null once something was loaded. */
let first = page.first;

/** Load [from, to) anew. Rejects with {status, detail}. */
export async function load(from, to, signal) {
  const given = first;
  first = null;
  if (given && given.from <= from && to <= given.to) {
    take(given.from, given.to, await answer(given.url, signal));
    return;
  }
  const found = await askLatest(from, to, "", signal);
  take(from, to, found);
}

function take(from, to, found) {
  Object.assign(store, {
    from,
    to,
    cluster: found.cluster,
    teams: found.teams,
    people: { ...store.people, ...found.people },
    nodes: found.nodes,
    bookings: found.bookings,
    offers: found.offers,
    holds: found.holds,
  });
  hear(found);
}

/** Load only these nodes anew, within what is loaded. */
export async function reloadNodes(names, signal) {
  const { from, to } = store;
  const found = await askLatest(from, to, names.join(","), signal);
  // Another time was loaded meanwhile.
  if (store.from !== from || store.to !== to) return reloadNodes(names, signal);
  const fresh = new Map(found.nodes.map((node) => [node.name, node]));
  store.nodes = store.nodes.map((node) => fresh.get(node.name) || node);
  // Those that were there and are no more were cancelled, or went elsewhere.
  for (const [id, { nodes }] of Object.entries(store.bookings)) {
    if (nodes.some((name) => fresh.has(name))) delete store.bookings[id];
  }
  Object.assign(store.bookings, found.bookings);
  Object.assign(store.offers, found.offers);
  Object.assign(store.holds, found.holds);
  Object.assign(store.people, found.people);
  return hear(found);
}

/** One booking that lies outside of what is loaded; null when there is none. */
export async function findBooking(id) {
  const response = await fetch(`/api/v1/bookings/B${id}`, { headers: { Accept: "application/json" } });
  return response.ok ? response.json() : null;
}

/** The first open booking, wherever it lies, that `matches(booking)`; null without one. */
export async function searchOpen(matches) {
  let cursor = "";
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const query = new URLSearchParams({ state: "open", limit: "200" });
    if (cursor) query.set("cursor", cursor);
    const response = await fetch(`/api/v1/bookings?${query}`);
    if (!response.ok) return null;
    const { items, next } = await response.json();
    const found = items.find(matches);
    if (found || !next) return found || null;
    cursor = next;
  }
  return null;
}

function hear(found) {
  store.seq = Math.max(store.seq, found.seq);
  store.now = found.now;
  store.heard = performance.now();
}

async function askLatest(from, to, nodes, signal) {
  const found = await ask(from, to, nodes, signal);
  // A change came by since it was answered, and is drawn already.
  return found.seq < store.seq ? ask(from, to, nodes, signal) : found;
}

async function ask(from, to, nodes, signal) {
  const query = new URLSearchParams({ from: iso(from), to: iso(to) });
  if (nodes) query.set("nodes", nodes);
  return answer(`/api/v1/calendar?${query}`, signal);
}

async function answer(url, signal) {
  const response = await fetch(url, { signal });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw Object.assign(new Error(problem.detail || response.statusText), { status: response.status });
  }
  return response.json();
}
