// Where each node lies on the board: its model's heading above, one track a GPU below.

import { now, store } from "./store.js";

export const HEADING = 26;
/** Free space above and below the tracks of a node. */
export const PAD = 3;
/** A label needs room for the node's name, however few GPUs it has. */
const LEAST = 26;

/** The height of one track, by how many there are to see at once. */
export function trackHeight(gpus) {
  if (gpus <= 48) return 22;
  return gpus <= 256 ? 18 : 15;
}

/** Rows from top to bottom, and the height of all. `model` empty: every model. */
export function layOut(nodes, model) {
  const track = trackHeight(nodes.reduce((sum, node) => sum + node.gpus, 0));
  const groups = new Map();
  for (const node of nodes) {
    if (model && node.model !== model) continue;
    if (!groups.has(node.model)) groups.set(node.model, []);
    groups.get(node.model).push(node);
  }
  const rows = [];
  let top = 0;
  const add = (row) => {
    rows.push({ ...row, top, index: rows.length });
    top += row.height;
  };
  for (const [name, members] of groups) {
    add({ key: `model:${name}`, heading: true, model: name, nodes: members, height: HEADING });
    for (const node of members) {
      const height = Math.max(node.gpus * track, LEAST) + 2 * PAD;
      add({ key: `node:${node.name}`, heading: false, node, height });
    }
  }
  return { rows, height: top, track };
}

/** GPUs of a node that nothing holds now; none while it is out of service. Null: what is now was not
 * loaded. */
export function freeNow(node) {
  const at = now();
  if (at < store.from || at >= store.to) return null;
  if (node.drain && node.drain.s <= at && (!node.drain.e || node.drain.e > at)) return 0;
  const held = new Set();
  for (const bar of node.bars) {
    if (bar.s <= at && at < bar.e) bar.g.forEach((gpu) => held.add(gpu));
  }
  return node.gpus - held.size;
}

/** The first row that reaches below `y`. */
export function rowAt(rows, y) {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height > y) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** GPUs of a node that nothing holds within [start, end): their indices. */
export function freeWithin(node, start, end) {
  const held = new Set();
  for (const bar of node.bars) {
    if (bar.s < end && start < bar.e) bar.g.forEach((gpu) => held.add(gpu));
  }
  return Array.from({ length: node.gpus }, (_, gpu) => gpu).filter((gpu) => !held.has(gpu));
}

export function nodeNamed(name) {
  return store.nodes.find((node) => node.name === name);
}
