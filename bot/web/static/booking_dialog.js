// Dialogs, their fields, and the line that says what came of it.

import { mark } from "./marks.js";
import { fromLocal, offset } from "./time.js";
import { t } from "./words.js";

/** An element with properties and children; a child may be text or nothing. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(words, onClick, className = "") {
  const made = element("button", { type: "button", className }, words);
  made.addEventListener("click", onClick);
  return made;
}

/** An open dialog with a form; `onSubmit` runs when it is sent. It is gone once it is closed. */
export function openDialog(title, children, onSubmit) {
  const heading = element("h2", { id: "sheet-title" }, title);
  const close = button(mark("close"), () => dialog.close(), "quiet");
  close.setAttribute("aria-label", t("Close"));
  const form = element("form", { className: "sheet-form", noValidate: true }, children);
  const dialog = element("dialog", { className: "sheet" }, element("header", {}, heading, close), form);
  dialog.setAttribute("aria-labelledby", "sheet-title");
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onSubmit();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

let fields = 0;

/** A labelled control with room for what is wrong with it. `name` is the API's for the field. */
export function field(name, words, control, more = null) {
  fields += 1;
  control.id ||= `field-${fields}`;
  const error = element("p", { className: "wrong", id: `${control.id}-wrong`, hidden: true });
  error.setAttribute("role", "alert");
  const label = element("label", { htmlFor: control.id }, words);
  const box = element("div", { className: "field" }, label, control, more, error);
  box.dataset.field = name;
  return box;
}

/** Take every complaint back. */
export function clearErrors(dialog) {
  for (const error of dialog.querySelectorAll(".wrong")) {
    error.hidden = true;
    error.textContent = "";
  }
  for (const control of dialog.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}

/** Say what is wrong at its field, else under the form; the field gets the focus when `focus`. */
export function showError(dialog, refusal, { focus = true } = {}) {
  const box = dialog.querySelector(`[data-field="${refusal.problem?.field || ""}"]:not([hidden])`);
  const error = box?.querySelector(".wrong") || dialog.querySelector(".wrong.all");
  error.textContent = refusal.message;
  error.hidden = false;
  const control = box?.querySelector("input, select, textarea");
  if (!control) return;
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", error.id);
  if (focus) control.focus();
}

/** Where complaints go that belong to no field. */
export function generalError() {
  const error = element("p", { className: "wrong all", hidden: true });
  error.setAttribute("role", "alert");
  return error;
}

/** The buttons at the end of a form: the one that does it, and a way out. */
export function buttons(words, dialogOf, className = "strong") {
  const send = element("button", { type: "submit", className }, words);
  const row = element("div", { className: "sheet-buttons" }, button(t("Close"), () => dialogOf().close()), send);
  return { row, send };
}

/** An instant to choose, in the reader's zone, and *Now*. */
export function startInput(at, isNow) {
  const input = element("input", { type: "datetime-local", value: toInput(at), required: true });
  const now = element("input", { type: "checkbox", checked: isNow });
  const follow = () => {
    input.disabled = now.checked;
  };
  now.addEventListener("change", follow);
  follow();
  const label = element("label", { className: "check" }, now, t("Now"));
  return { input, label, value: () => (now.checked ? "now" : fromInput(input.value)) };
}

const toInput = (at) => new Date((at + offset(at)) * 1000).toISOString().slice(0, 16);

/** As the API reads it; empty where nothing was chosen. */
function fromInput(value) {
  const local = Date.parse(`${value}Z`) / 1000;
  return Number.isFinite(local) ? new Date(fromLocal(local) * 1000).toISOString() : "";
}

/** A length to type or choose, in words that the API reads: 20h, 1d12h. */
export function lengthInput(value, slot) {
  const list = element("datalist", { id: "lengths" });
  for (const slots of [1, 2, 4, 6, 12, 24, 36, 84]) {
    list.append(element("option", { value: lengthWords(slots * slot) }));
  }
  const input = element("input", { type: "text", value, autocomplete: "off", spellcheck: false, required: true });
  input.setAttribute("list", "lengths");
  return { input, list };
}

export function lengthWords(seconds) {
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor((seconds % 86400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const words = [days && `${days}d`, hours && `${hours}h`, minutes && `${minutes}m`];
  return words.filter(Boolean).join("") || "0m";
}

/** What came of it, where everybody sees and hears it; stays until the next one or *Close*. */
export function announce(sentence, notes = []) {
  const line = document.querySelector("#outcome") || document.body.appendChild(outcomeLine());
  const close = button(mark("close"), () => line.replaceChildren(), "quiet");
  close.setAttribute("aria-label", t("Close"));
  const said = element("div", {}, element("strong", {}, sentence));
  said.append(...notes.map((note) => element("p", {}, note)));
  line.replaceChildren(said, close);
}

function outcomeLine() {
  const line = element("div", { id: "outcome", className: "outcome" });
  line.setAttribute("role", "status");
  return line;
}
