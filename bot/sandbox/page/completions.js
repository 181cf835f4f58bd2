// What the composer offers while somebody types: commands, people, channels, emoji.

import { searchEmoji } from "./emoji.js";
import { displayName, state } from "./state.js";

const LIMIT = 8;

/**
 * The offers for this text and caret: {kind, title, from, items: [{insert, label, detail, …}]},
 * or {kind: "hint", command} while a command's arguments are typed, or null.
 */
export function completions(text, caret) {
  const before = text.slice(0, caret);
  return slashOffer(before) ?? wordOffer(before);
}

function slashOffer(before) {
  const name = /^\/\S*$/.exec(before)?.[0];
  if (name) return commandList(name);
  const used = /^(\/\S+)\s/.exec(before)?.[1];
  const command = state.commands.find((item) => item.command === used);
  const word = /(?:^|\s)[@#:]\S*$/.test(before);
  return command && !word ? { kind: "hint", command } : null;
}

function commandList(name) {
  const found = state.commands.filter(({ command }) => command.startsWith(name.toLowerCase()));
  if (!found.length) return null;
  return {
    kind: "command",
    from: 0,
    title: name === "/" ? "Commands" : `Commands matching “${name}”`,
    items: found
      .slice(0, LIMIT)
      .map((item) => ({
        insert: `${item.command} `,
        label: item.command,
        usage: item.usage_hint,
        detail: item.description,
        app: true,
      })),
  };
}

function wordOffer(before) {
  const match = /(^|[\s(（，。：、])([@#:])([^\s@#:]*)$/u.exec(before);
  if (!match) return null;
  const [, , sign, word] = match;
  const from = before.length - word.length - 1;
  const items = OFFERS[sign](word.toLowerCase());
  return items.length ? { kind: sign, from, title: null, items: items.slice(0, LIMIT) } : null;
}

const OFFERS = {
  "@": (word) =>
    [...state.users.values()]
      .filter((person) => !person.local)
      .filter((person) => [person.name, person.real_name].some((name) => startsWord(name, word)))
      .map((person) => ({
        insert: `@${person.name} `,
        label: displayName(person.id),
        detail: `@${person.name}`,
        person: person.id,
      })),
  "#": (word) =>
    state.channels
      .filter((item) => item.kind === "channel" && startsWord(item.name, word))
      .map((item) => ({ insert: `#${item.name} `, label: `# ${item.name}`, detail: item.topic })),
  ":": (word) =>
    word.length < 2
      ? []
      : searchEmoji(word, LIMIT).map(({ name, character }) => ({
          insert: `:${name}: `,
          label: `${character}  :${name}:`,
        })),
};

function startsWord(name, word) {
  return (name ?? "")
    .toLowerCase()
    .split(/[\s_-]+/)
    .concat((name ?? "").toLowerCase())
    .some((part) => part.startsWith(word));
}
