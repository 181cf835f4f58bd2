// What a person has entered on one surface: the "state.values" of a message or a view.

import { isoDate } from "./dates.js";

const EMPTY_LISTS = new Set([
  "selected_options",
  "selected_users",
  "selected_conversations",
  "selected_channels",
]);

/** For each stateful element type: the field of its value, and of its initial value. */
export const VALUE_FIELDS = {
  plain_text_input: ["value", "initial_value"],
  email_text_input: ["value", "initial_value"],
  url_text_input: ["value", "initial_value"],
  number_input: ["value", "initial_value"],
  rich_text_input: ["rich_text_value", "initial_value"],
  datepicker: ["selected_date", "initial_date"],
  timepicker: ["selected_time", "initial_time"],
  datetimepicker: ["selected_date_time", "initial_date_time"],
  checkboxes: ["selected_options", "initial_options"],
  radio_buttons: ["selected_option", "initial_option"],
  static_select: ["selected_option", "initial_option"],
  external_select: ["selected_option", "initial_option"],
  users_select: ["selected_user", "initial_user"],
  conversations_select: ["selected_conversation", "initial_conversation"],
  channels_select: ["selected_channel", "initial_channel"],
  multi_static_select: ["selected_options", "initial_options"],
  multi_external_select: ["selected_options", "initial_options"],
  multi_users_select: ["selected_users", "initial_users"],
  multi_conversations_select: ["selected_conversations", "initial_conversations"],
  multi_channels_select: ["selected_channels", "initial_channels"],
};

export class Form {
  constructor() {
    this.entries = new Map();
  }

  /**
   * Registers the elements of these blocks. Elements seen before keep what was entered
   * (Slack keeps it too when a view is updated and block_id and action_id stay the same);
   * new ones start from the server's state, else from their initial value.
   */
  seed(blocks, known = {}) {
    const before = this.entries;
    this.entries = new Map();
    for (const { block_id: block, element } of statefulElements(blocks)) {
      const key = keyOf(block, element.action_id);
      const [field, initial] = VALUE_FIELDS[element.type];
      const kept = before.get(key);
      const reported = known[block]?.[element.action_id];
      const value =
        kept?.type === element.type
          ? kept.value
          : (reported?.[field] ?? element[initial] ?? emptyValue(field));
      this.entries.set(key, { block, action: element.action_id, type: element.type, value });
    }
  }

  get(block, action) {
    return this.entries.get(keyOf(block, action))?.value ?? null;
  }

  set(block, action, type, value) {
    this.entries.set(keyOf(block, action), { block, action, type, value });
  }

  /** The value field(s) of one element, as in an action payload. */
  fields(block, action) {
    const entry = this.entries.get(keyOf(block, action));
    return entry ? { [VALUE_FIELDS[entry.type][0]]: entry.value } : {};
  }

  /** {block_id: {action_id: {type, …value}}} */
  values() {
    const values = {};
    for (const { block, action, type, value } of this.entries.values()) {
      values[block] ??= {};
      values[block][action] = { type, [VALUE_FIELDS[type][0]]: value };
    }
    return values;
  }
}

function keyOf(block, action) {
  return `${block}\n${action}`;
}

function emptyValue(field) {
  return EMPTY_LISTS.has(field) ? [] : null;
}

/** Every element of the blocks that has a value, with its block id. */
export function statefulElements(blocks) {
  return (blocks ?? []).flatMap((block) => {
    const elements = [
      block.element,
      block.accessory,
      ...(block.type === "actions" ? (block.elements ?? []) : []),
    ];
    return elements
      .filter((element) => element && VALUE_FIELDS[element.type])
      .map((element) => ({ block, block_id: block.block_id ?? "", element }));
  });
}

/** Is there nothing in this value? */
export function isEmpty(value) {
  return (
    value === null ||
    value === undefined ||
    value === "" ||
    (Array.isArray(value) && value.length === 0)
  );
}

/**
 * What Slack's client refuses before the app ever sees it: {block_id: text}.
 * Only input blocks are checked; the server checks the same again.
 */
export function problems(blocks, form) {
  const found = {};
  for (const { block, block_id: id, element } of statefulElements(blocks)) {
    if (block.type !== "input") continue;
    const value = form.get(id, element.action_id);
    const text = isEmpty(value) ? missing(block) : CHECKS[element.type]?.(value, element);
    if (text) found[id] = text;
  }
  return found;
}

function missing(block) {
  return block.optional ? null : "Please complete this required field.";
}

const CHECKS = {
  plain_text_input: checkLength,
  number_input: checkNumber,
  email_text_input: (value) =>
    /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? null : "Enter an email address",
  url_text_input: (value) => (/^https?:\/\/[^\s]+$/.test(value) ? null : "Enter a valid URL"),
  datepicker: (value) =>
    value && isoDate(Date.parse(value) / 1000, "UTC") === value ? null : "Enter a valid date",
};

function checkLength(value, { min_length: min, max_length: max }) {
  if (min && value.length < min) return `This value must be at least ${min} characters.`;
  if (max && value.length > max) return `This value must be at most ${max} characters.`;
  return null;
}

function checkNumber(value, { is_decimal_allowed: decimal, min_value: min, max_value: max }) {
  if (!/^[-+]?(\d+\.?\d*|\.\d+)$/.test(value)) return "Enter a number";
  if (!decimal && !/^[-+]?\d+$/.test(value)) return "Enter a whole number";
  if (min !== undefined && Number(value) < Number(min))
    return `Enter a number that is ${min} or greater`;
  if (max !== undefined && Number(value) > Number(max))
    return `Enter a number that is ${max} or less`;
  return null;
}

/** Do two options mean the same choice? */
export function sameOption(one, other) {
  return Boolean(one && other) && one.value === other.value;
}
