// What the colours, patterns and signs mean.

import { mark } from "./marks.js";
import { t } from "./words.js";

/** Write it into `home`; `books`: how to book by dragging is said too. */
export function writeLegend(home, books) {
  const list = document.createElement("ul");
  list.append(...entries().map(([className, sign, text]) => entry(className, sign, text)));
  home.replaceChildren(list, ...notes(books).map(paragraph));
}

function entries() {
  return [
    ["is-ahead", "", t("reserved; the colour is the team's")],
    ["is-running", "running", t("running")],
    ["is-mine", "mine", t("yours")],
    ["is-urgent", "urgent", t("urgent (P0)")],
    ["is-warned", "warned", t("warned: will be preempted")],
    ["is-overrun", "overrun", t("in overrun: past its end, may finish")],
    ["is-queued", "queued", t("queued short run")],
    ["is-offer", "offer", t("held for an offer from the waitlist")],
    ["is-hold", "hold", t("kept for a preempted booking")],
    ["is-ended", "ended", t("ended")],
    ["is-preempted", "preempted", t("preempted")],
    ["is-no_show", "no_show", t("not used, released")],
    ["is-drain", "drain", t("node out of service")],
  ];
}

function notes(books) {
  const said = [
    t("Ctrl or ⌘ with the wheel, or two fingers, change how much time is shown. Drag the time axis, or turn the wheel with Shift, to move."),
  ];
  if (books) said.unshift(t("Drag over free space to book; on a touch screen press long first. With the keyboard, N books."));
  return said;
}

function entry(className, sign, text) {
  const made = document.createElement("li");
  const sample = document.createElement("span");
  sample.className = `bar sample ${className}`;
  if (sign) sample.append(mark(sign));
  made.append(sample, text);
  return made;
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}
