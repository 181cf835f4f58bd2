// Dragging over free space: which node, how many GPUs, from when to when. Others act on it.

import { madeRow, rows, track } from "./board.js";
import { timeAt, view } from "./motion.js";
import { PAD, freeWithin } from "./rows.js";
import { now, store } from "./store.js";
import { length, slotAfter, slotBefore, span } from "./time.js";
import { t, tn } from "./words.js";

const PRESS_MS = 450;
const STARTS_PX = 5;
const board = () => document.getElementById("board");
let drag = null;
let box = null;

/** Dragging by mouse, or after a long press. */
export function startSelecting() {
  const scroll = document.getElementById("scroll");
  scroll.addEventListener("pointerdown", begin);
  addEventListener("pointermove", (event) => drag && follow(event));
  addEventListener("pointerup", (event) => drag && finish(event));
  addEventListener("pointercancel", () => drag && abandon());
  addEventListener("keydown", (event) => event.key === "Escape" && abandon());
  scroll.addEventListener("touchmove", (event) => drag?.isOn && event.preventDefault(), { passive: false });
  scroll.addEventListener("contextmenu", (event) => drag && event.preventDefault());
  document.addEventListener("close", () => clearSelection(), true);
}

export function clearSelection() {
  box?.remove();
  box = null;
}

/** Tell that somebody wants to book: `node` null where it is left open. */
export function ask(detail) {
  document.dispatchEvent(new CustomEvent("gpubot:range", { detail }));
}

/** A slot from the first line at or after `at`, on a node or wherever there is room. */
export function askFrom(node, at) {
  const { slot_s: slot, zone } = store.cluster;
  const start = at <= now() ? slotBefore(now(), slot, zone) : slotAfter(at, slot, zone);
  const end = slotAfter(start + 1, slot, zone);
  ask({ node: node?.name ?? null, model: node?.model ?? null, gpus: 1, start, end });
}

function begin(event) {
  if (event.button !== 0 || !event.isPrimary || event.target.closest(".bar, .label")) return;
  const element = event.target.closest(".row");
  if (!element || element.row.heading) return;
  clearSelection();
  drag = { row: element.row, x: event.clientX, y: event.clientY, isOn: false, to: event };
  drag.from = placeOf(event);
  if (event.pointerType !== "touch") return;
  drag.timer = setTimeout(() => {
    if (!drag) return;
    drag.isOn = true;
    board().dataset.selecting = "";
    show();
  }, PRESS_MS);
}

function follow(event) {
  const away = Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
  if (!drag.isOn && event.pointerType === "touch") {
    if (away > STARTS_PX * 2) abandon();
    return;
  }
  if (!drag.isOn && away < STARTS_PX) return;
  drag.isOn = true;
  board().dataset.selecting = "";
  drag.to = event;
  show();
}

function finish() {
  const { isOn } = drag;
  const chosen = isOn ? range() : null;
  stop();
  if (!chosen) return;
  if (chosen.end <= now()) {
    clearSelection();
    document.getElementById("said").textContent = t("That time has passed.");
    return;
  }
  const { node, gpus, start, end } = chosen;
  ask({ node: node.name, model: node.model, gpus, start, end });
}

function abandon() {
  if (drag) stop();
  clearSelection();
}

function stop() {
  clearTimeout(drag?.timer);
  drag = null;
  delete board().dataset.selecting;
}

/** Under the pointer: the instant, and the track of the row where the drag began. */
function placeOf(event) {
  const { top, left } = board().getBoundingClientRect();
  const scroll = document.getElementById("scroll");
  const y = event.clientY - top - scroll.offsetTop + scroll.scrollTop - drag.row.top - PAD;
  const lane = Math.min(Math.max(Math.floor(y / track()), 0), drag.row.node.gpus - 1);
  return { at: timeAt(event.clientX - left), lane };
}

/** What is selected, snapped outward to the slot grid; never before the present slot. */
function range() {
  const { slot_s: slot, zone } = store.cluster;
  const { from } = drag;
  const to = placeOf(drag.to);
  const [first, last] = [Math.min(from.at, to.at), Math.max(from.at, to.at)];
  const start = Math.max(slotBefore(first, slot, zone), slotBefore(now(), slot, zone));
  const end = slotAfter(Math.max(last, start + 1), slot, zone);
  const lane = Math.min(from.lane, to.lane);
  const gpus = Math.abs(from.lane - to.lane) + 1;
  const free = freeWithin(drag.row.node, start, end).length;
  return { node: drag.row.node, lane, gpus, start, end, isFree: free >= gpus };
}

function show() {
  const chosen = range();
  const home = madeRow(drag.row.key)?.element.querySelector(".window");
  if (!home) return;
  if (!box) {
    box = document.createElement("div");
    box.className = "chosen";
    box.append(document.createElement("span"));
  }
  if (box.parentNode !== home) home.append(box);
  const left = (chosen.start - view.from) * view.pps;
  box.style.left = `${left}px`;
  box.style.width = `${(chosen.end - chosen.start) * view.pps}px`;
  box.style.top = `${PAD + chosen.lane * track()}px`;
  box.style.height = `${chosen.gpus * track() - 2}px`;
  box.classList.toggle("is-taken", !chosen.isFree);
  const gpus = tn("{n} GPU", "{n} GPUs", chosen.gpus);
  const text = `${gpus} · ${length(chosen.end - chosen.start)} · ${span(chosen.start, chosen.end)}`;
  box.firstChild.textContent = chosen.isFree ? text : [text, t("not all free")].join(" · ");
}

export const rowNamed = (name) => rows().find((row) => !row.heading && row.node.name === name);
