// Date, time and date-time pickers. All can be typed into; dates also have a month to click,
// times a list. A datetimepicker reads in the acting person's own zone.

import {
  clockTime,
  epochOf,
  isoDate,
  isoTime,
  longDate,
  monthTitle,
  readDate,
  readTime,
} from "./dates.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { plainText } from "./mrkdwn.js";
import { closePopup, showPopup } from "./popup.js";
import { now, reader } from "./state.js";

const WEEKDAYS = ["Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"];
const STEP_MINUTES = 30;

/** datepicker: value "YYYY-MM-DD". */
export function datePicker(spot) {
  const control = dateField(
    spot,
    { ...spot.hooks },
    () => spot.value,
    (date) => spot.commit(date),
  );
  spot.node = control.input;
  return control.frame;
}

/** timepicker: value "HH:MM". */
export function timePicker(spot) {
  const control = timeField(
    spot,
    { ...spot.hooks },
    () => spot.value,
    (time) => spot.commit(time),
  );
  spot.node = control.input;
  const zone = spot.element.timezone;
  return zone
    ? h("div.picker-pair", {}, control.frame, h("span.picker-zone", {}, zone))
    : control.frame;
}

/** datetimepicker: value in UNIX seconds. */
export function dateTimePicker(spot) {
  const { tz } = reader();
  const draft = readEpoch(spot.value, tz);
  const put = (change) => {
    Object.assign(draft, change);
    if (!draft.date || !draft.time) return Promise.resolve();
    return spot.commit(epochOf(draft.date, draft.time, tz));
  };
  const date = dateField(
    spot,
    { "data-part": "date" },
    () => draft.date,
    (value) => put({ date: value }),
  );
  const time = timeField(
    spot,
    { "data-part": "time" },
    () => draft.time,
    (value) => put({ time: value }),
  );
  spot.node = h(
    "div.picker-pair",
    { role: "group", ...spot.hooks, "aria-label": labelOf(spot) },
    date.frame,
    time.frame,
  );
  return spot.node;
}

function readEpoch(value, tz) {
  if (value === null) return { date: null, time: null };
  return { date: isoDate(Number(value), tz), time: isoTime(Number(value), tz) };
}

function labelOf(spot) {
  return spot.block.label && plainText(spot.block.label);
}

/** A typed field with an icon and a popup: what date and time fields share. */
function pickerField(spot, { hooks, name, placeholder, show, read, store, popup }) {
  const input = h("input.select-input", {
    type: "text",
    autocomplete: "off",
    placeholder,
    ...hooks,
    "aria-haspopup": "dialog",
    "aria-label": labelOf(spot) ? `${labelOf(spot)} (${name})` : placeholder,
  });
  let edited = false;
  const refresh = () => {
    edited = false;
    input.value = show();
  };
  const settle = async (value) => {
    await store(value);
    refresh();
  };
  const open = () =>
    showPopup(
      frame,
      popup((value) => settle(value)),
      { onClose: () => {} },
    );
  const typed = () => {
    if (!edited) return;
    edited = false;
    const value = read(input.value);
    if (value || input.value === "") settle(value || null);
    else refresh();
  };
  input.addEventListener("click", open);
  input.addEventListener("input", () => {
    edited = true;
  });
  input.addEventListener("change", typed);
  input.addEventListener("keydown", (event) => pickerKey(event, open, typed));
  const frame = h(
    `div.select.select--${name}`,
    {},
    icon(name === "date" ? "calendar" : "time", "icon select-lead"),
    input,
    icon("chevron", "icon select-chevron"),
  );
  refresh();
  return { frame, input };
}

function pickerKey(event, open, typed) {
  if (event.key === "ArrowDown") {
    event.preventDefault();
    open();
    document
      .querySelector(".popup [tabindex='0'], .popup .is-chosen, .popup .time-option")
      ?.focus();
  } else if (event.key === "Enter") {
    event.preventDefault();
    event.stopPropagation();
    closePopup();
    typed();
  } else if (event.key === "Tab") closePopup();
}

function dateField(spot, hooks, current, store) {
  const element = spot.element;
  return pickerField(spot, {
    hooks,
    name: "date",
    store,
    read: readDate,
    placeholder: element.placeholder ? plainText(element.placeholder) : "Select a date",
    show: () => (current() ? longDate(current()) : ""),
    popup: (settle) => monthPopup(current(), settle),
  });
}

function timeField(spot, hooks, current, store) {
  const element = spot.element;
  return pickerField(spot, {
    hooks,
    name: "time",
    store,
    read: readTime,
    placeholder:
      element.placeholder && element.type === "timepicker"
        ? plainText(element.placeholder)
        : "Select a time",
    show: () => shownTime(current()),
    popup: (settle) => timeList(current(), settle),
  });
}

function shownTime(time) {
  if (!time) return "";
  const [hour, minute] = time.split(":").map(Number);
  return clockTime(hour, minute, reader().hour12);
}

function timeList(chosen, settle) {
  const times = Array.from({ length: (24 * 60) / STEP_MINUTES }, (_, index) => {
    const minutes = index * STEP_MINUTES;
    return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  });
  const pick = (time) => () => {
    closePopup();
    settle(time);
  };
  const list = h(
    "div.select-list.time-list",
    { role: "listbox", "aria-label": "Times", onkeydown: moveInList },
    times.map((time) =>
      h(
        `button.select-option.time-option${time === chosen ? ".is-chosen" : ""}`,
        {
          type: "button",
          role: "option",
          "aria-selected": String(time === chosen),
          dataset: { value: time },
          onclick: pick(time),
        },
        shownTime(time),
      ),
    ),
  );
  requestAnimationFrame(() => scrollToTime(list, chosen));
  return list;
}

function scrollToTime(list, chosen) {
  const target = list.querySelector(`[data-value="${chosen ?? "08:00"}"]`);
  if (target) list.parentElement.scrollTop = target.offsetTop - 60;
}

function moveInList(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!step) return;
  event.preventDefault();
  document.activeElement[step]?.focus();
}

/** The month grid; it redraws itself when the person turns the page. */
function monthPopup(chosen, settle) {
  const today = isoDate(now(), reader().tz);
  const [year, month] = (chosen ?? today).split("-").map(Number);
  const box = h("div.month", { role: "dialog", "aria-label": "Choose a date" });
  const draw = (shownYear, shownMonth, focus) => {
    const turn = (step) => draw(...shiftMonth(shownYear, shownMonth, step));
    const pick = (date) => {
      closePopup();
      settle(date);
    };
    box.replaceChildren(
      monthHeader(shownYear, shownMonth, turn),
      monthGrid({ year: shownYear, month: shownMonth, chosen, today, pick, draw }),
    );
    if (focus) box.querySelector(`[data-date="${focus}"]`)?.focus();
  };
  draw(year, month);
  return box;
}

function shiftMonth(year, month, step) {
  const index = year * 12 + month - 1 + step;
  return [Math.floor(index / 12), (index % 12) + 1];
}

function monthHeader(year, month, turn) {
  const arrow = (name, label, step) =>
    h(
      "button.icon-btn",
      { type: "button", "aria-label": label, onclick: () => turn(step) },
      icon(name),
    );
  return h(
    "div.month-header",
    {},
    arrow("back", "Previous month", -1),
    h("strong", { "aria-live": "polite" }, monthTitle(year, month)),
    arrow("next", "Next month", 1),
  );
}

function monthGrid({ year, month, chosen, today, pick, draw }) {
  const first = new Date(Date.UTC(year, month - 1, 1)).getUTCDay();
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const blanks = Array.from({ length: first }, () => h("span"));
  const cells = Array.from({ length: days }, (_, index) => {
    const date = `${year}-${String(month).padStart(2, "0")}-${String(index + 1).padStart(2, "0")}`;
    const css = `${date === chosen ? ".is-chosen" : ""}${date === today ? ".is-today" : ""}`;
    return h(
      `button.month-day${css}`,
      {
        type: "button",
        "aria-label": longDate(date),
        dataset: { date },
        tabIndex: date === (chosen ?? today) ? 0 : -1,
        onclick: () => pick(date),
      },
      String(index + 1),
    );
  });
  return h(
    "div.month-grid",
    { onkeydown: (event) => moveInMonth(event, draw) },
    WEEKDAYS.map((day) => h("span.month-weekday", { "aria-hidden": "true" }, day)),
    blanks,
    cells,
  );
}

function moveInMonth(event, draw) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
  const from = event.target.dataset.date;
  if (!step || !from) return;
  event.preventDefault();
  const date = new Date(Date.parse(from) + step * 86400000).toISOString().slice(0, 10);
  draw(Number(date.slice(0, 4)), Number(date.slice(5, 7)), date);
}
