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
  const cell = document.createElement("div");
  cell.setAttribute("role", "rowheader");
  const name = document.createElement("b");
  name.textContent = row.model;
  const rest = document.createElement("span");
  cell.append(name, " ", rest);
  element.append(cell);
  const tellFree = ({ nodes }) => {
    rest.textContent = headingText(nodes);
  };
  tellFree(row);
  return { element, tellFree, bars: new Map() };
}

function headingText(nodes) {
  const said = tn("{n} node", "{n} nodes", nodes.length);
  const counts = nodes.map(freeNow);
  if (counts.includes(null)) return said;
  const free = counts.reduce((sum, n) => sum + n, 0);
  const gpus = nodes.reduce((sum, node) => sum + node.gpus, 0);
  return [said, t("{free} of {gpus} GPUs free now", { free, gpus })].join(" · ");
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
  const tellFree = ({ node }) => writeLabel(label, node);
  return { element, label, lane, tellFree, node: row.node, bars: new Map(), ...emptyLane() };
}

function makeLabel(node) {
  const label = document.createElement("button");
  label.type = "button";
  label.className = "label";
  label.tabIndex = -1;
  label.setAttribute("role", "rowheader");
  writeLabel(label, node);
  return label;
}

function writeLabel(label, node) {
  const free = freeNow(node);
  label.title = labelText(node, free);
  label.setAttribute("aria-label", label.title);
  const name = document.createElement("b");
  name.textContent = node.name;
  const note = document.createElement("span");
  note.className = free ? "room is-some" : "room";
  if (free !== null) note.textContent = free ? t("{n} free", { n: free }) : t("full");
  label.replaceChildren(name, note);
}

function labelText(node, free) {
  const { name, model, gpus } = node;
  const count = tn("{n} GPU", "{n} GPUs", gpus);
  if (free === null) return `${name}: ${model}, ${count}`;
  return t("{node}: {model}, {free} of {gpus} GPUs free now", { node: name, model, free, gpus });
}
