// What a select menu offers, and how its value looks in an action: the same list of
// {key, label, detail, group, raw} for static options, people and conversations.

import { channel, displayName, state } from "./state.js";
import { plainText } from "./mrkdwn.js";

const KINDS = {
  public: (c) => c.kind === "channel" && !c.private,
  private: (c) => c.kind === "channel" && c.private,
  im: (c) => c.kind === "im",
  mpim: () => false,
};

/** "static", "external", "users", "conversations" or "channels", from an element's type. */
export function sourceOf(type) {
  return type.replace(/^multi_/, "").replace(/_select$/, "");
}

/** Every choice the page knows by itself; external selects have none. */
export function localChoices(element) {
  const source = sourceOf(element.type);
  if (source === "users") return people();
  if (source === "conversations" || source === "channels") return conversations(element, source);
  return source === "static" ? optionChoices(element) : [];
}

/** Choices of options or option_groups. */
export function optionChoices({ options, option_groups: groups }) {
  if (groups)
    return groups.flatMap((group) =>
      (group.options ?? []).map((option) => optionChoice(option, plainText(group.label))),
    );
  return (options ?? []).map((option) => optionChoice(option));
}

function optionChoice(option, group) {
  return {
    key: option.value,
    label: plainText(option.text),
    group,
    raw: option,
    detail: option.description && plainText(option.description),
  };
}

function people() {
  return [...state.users.values()]
    .filter((person) => !person.local)
    .map((person) => ({
      key: person.id,
      label: displayName(person.id),
      detail: person.title,
      raw: person.id,
    }));
}

function conversations(element, source) {
  const include = source === "channels" ? ["public"] : element.filter?.include;
  return state.channels
    .filter((item) => !include || include.some((kind) => KINDS[kind]?.(item)))
    .filter((item) => !(element.filter?.exclude_bot_users && item.kind === "im"))
    .map((item) => ({ key: item.id, label: conversationName(item), raw: item.id }));
}

function conversationName(item) {
  return item.kind === "im" ? item.name : `# ${item.name}`;
}

/** The key of a stored value (an option, or an id). */
export function keyOf(value) {
  return typeof value === "object" && value !== null ? value.value : value;
}

/** How a stored value reads. */
export function labelOf(value, type) {
  if (value === null || value === undefined) return "";
  if (typeof value === "object") return plainText(value.text);
  if (sourceOf(type) === "users") return displayName(value);
  const found = channel(value);
  return found ? conversationName(found) : value;
}

/** Choices whose label (or its detail) contains what was typed. */
export function matching(choices, typed) {
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return choices;
  return choices.filter(({ label, detail }) =>
    `${label} ${detail ?? ""}`.toLowerCase().includes(wanted),
  );
}
