// Text fields: plain_text_input, number_input, email_text_input, url_text_input, rich_text_input.

import { debounce, h } from "./dom.js";
import { plainText } from "./mrkdwn.js";

const TYPES = { email_text_input: "email", url_text_input: "url" };
const MODES = { number_input: "decimal", email_text_input: "email", url_text_input: "url" };
const PAUSE_MS = 400; // after the last key, before on_character_entered leaves

/** A one-line or multi-line field with its counter. */
export function textInput(spot) {
  const { element } = spot;
  const field = makeField(spot);
  spot.node = field;
  const counter = element.max_length && h("span.field-counter", { "aria-hidden": "true" });
  const count = () => counter && showCount(counter, field, element.max_length);
  const { waiting } = spot.surface;
  const typed = debounce(() => {
    waiting.delete(typed);
    sendTyped(spot, "on_character_entered");
  }, PAUSE_MS);
  field.addEventListener("input", () => {
    spot.store(field.value === "" ? null : field.value);
    grow(field);
    count();
    waiting.add(typed);
    typed();
  });
  field.addEventListener("keydown", (event) => pressed(event, spot));
  count();
  return h("div.field", {}, field, counter);
}

function makeField(spot) {
  const { element } = spot;
  const common = {
    value: spot.value ?? "",
    ...spot.hooks,
    placeholder: element.placeholder && plainText(element.placeholder),
    "aria-label": spot.block.label && plainText(spot.block.label),
    "data-focus": element.focus_on_load ? "yes" : undefined,
    inputmode: MODES[element.type],
    maxlength: element.max_length,
  };
  if (element.multiline) return h("textarea.text-field.text-field--long", { ...common, rows: 4 });
  return h("input.text-field", {
    ...common,
    type: TYPES[element.type] ?? "text",
    autocomplete: "off",
  });
}

function showCount(counter, field, most) {
  const left = most - field.value.length;
  counter.textContent = String(left);
  counter.hidden = left > Math.max(20, most * 0.2);
}

function grow(field) {
  if (field.tagName !== "TEXTAREA") return;
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 320)}px`;
}

function pressed(event, spot) {
  if (event.key !== "Enter" || event.isComposing || spot.element.multiline) return;
  if (!triggers(spot, "on_enter_pressed")) return;
  event.preventDefault();
  event.stopPropagation();
  spot.send(spot.surface.form.fields(spot.blockId, spot.actionId));
}

function sendTyped(spot, trigger) {
  if (triggers(spot, trigger)) spot.send(spot.surface.form.fields(spot.blockId, spot.actionId));
}

/** Does this field report on that occasion? Slack's default occasion is Enter. */
function triggers(spot, occasion) {
  if (!spot.dispatches) return false;
  const wanted = spot.element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  return wanted.includes(occasion);
}

/** rich_text_input, reduced to plain paragraphs. */
export function richTextInput(spot) {
  const field = h("textarea.text-field.text-field--long", {
    rows: 4,
    ...spot.hooks,
    value: richToText(spot.value),
    placeholder: spot.element.placeholder && plainText(spot.element.placeholder),
    "aria-label": spot.block.label && plainText(spot.block.label),
  });
  spot.node = field;
  field.addEventListener("input", () =>
    spot.store(field.value === "" ? null : textToRich(field.value)),
  );
  return h("div.field", {}, field);
}

function richToText(value) {
  const sections = value?.elements ?? [];
  return sections
    .map((section) => (section.elements ?? []).map(({ text }) => text ?? "").join(""))
    .join("\n");
}

function textToRich(text) {
  return {
    type: "rich_text",
    elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }],
  };
}
