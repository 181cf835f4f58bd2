// The elements of a row of the board: a model's heading, or a node's label and its lane of bars.

import { emptyLane } from "./lanes.js";
import { PAD, freeNow } from "./rows.js";
import { t, tn } from "./words.js";

/** What is drawn for `row`; `track`: the height of a track in pixels. Its lane has no bars yet. */
export function makeParts(row, track) {
  return row.heading ? makeHeading(row) : makeRow(row, track);
}

/** Readers of the page meet the rows in their order, whichever was drawn first. */
export function insertInOrder(space, element) {
  let after = space.lastElementChild;
  while (after && after.row.index > element.row.index) after = after.previousElementSibling;
  if (after) after.after(element);
  else space.prepend(element);
}

function makeElement(row, className) {
  const element = document.createElement("div");
  element.className = className;
  element.setAttribute("role", "row");
  element.setAttribute("aria-rowindex", row.index + 1);
  element.style.top = `${row.top}px`;
  element.style.height = `${row.height}px`;
  element.row = row;
  return element;
}

function makeHeading(row) {
  const element = makeElement(row, "row heading");
  const gpus = row.nodes.reduce((sum, node) => sum + node.gpus, 0);
  const free = row.nodes.reduce((sum, node) => sum + freeNow(node), 0);
  const cell = document.createElement("div");
  cell.setAttribute("role", "rowheader");
  const name = document.createElement("b");
  name.textContent = row.model;
  const rest = document.createElement("span");
  const nodes = tn("{n} node", "{n} nodes", row.nodes.length);
  rest.textContent = [nodes, t("{free} of {gpus} GPUs free now", { free, gpus })].join(" · ");
  cell.append(name, " ", rest);
  element.append(cell);
  return { element, bars: new Map() };
}

function makeRow(row, track) {
  const element = makeElement(row, "row");
  const label = makeLabel(row.node);
  const window = document.createElement("div");
  window.className = "window";
  window.setAttribute("role", "presentation");
  window.style.setProperty("--gpus", row.node.gpus);
  const lane = document.createElement("div");
  lane.className = "lane";
  lane.setAttribute("role", "presentation");
  lane.style.top = `${PAD}px`;
  lane.style.height = `${row.node.gpus * track}px`;
  window.append(lane);
  element.append(label, window);
  return { element, label, lane, node: row.node, bars: new Map(), ...emptyLane() };
}

function makeLabel(node) {
  const free = freeNow(node);
  const label = document.createElement("button");
  label.type = "button";
  label.className = "label";
  label.tabIndex = -1;
  label.setAttribute("role", "rowheader");
  label.title = t("{node}: {model}, {free} of {gpus} GPUs free now", {
    node: node.name,
    model: node.model,
    free,
    gpus: node.gpus,
  });
  label.setAttribute("aria-label", label.title);
  const name = document.createElement("b");
  name.textContent = node.name;
  const note = document.createElement("span");
  note.className = free ? "room is-some" : "room";
  note.textContent = free ? t("{n} free", { n: free }) : t("full");
  label.append(name, note);
  return label;
}
