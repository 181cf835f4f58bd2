// rich_text blocks: sections, lists, quotes and preformatted text.

import { fragment, h } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { dateNode, linkNode, mentionChannel, mentionGroup, mentionUser } from "./entities.js";
import { emojiNode } from "./mrkdwn.js";

const LETTERS = { 0: "1", 1: "a", 2: "i" }; // how ordered lists count at each indent

/** The nodes of a rich_text block. */
export function renderRichText(block) {
  return h("div.rich-text", {}, (block.elements ?? []).map(renderPart));
}

function renderPart(part) {
  const make = PARTS[part.type];
  return make ? make(part) : fragment();
}

const PARTS = {
  rich_text_section: (part) => h("div.rich-section", {}, inlines(part.elements)),
  rich_text_quote: (part) => h("blockquote.mrkdwn-quote", {}, inlines(part.elements)),
  rich_text_preformatted: (part) => h("pre.mrkdwn-pre", {}, inlines(part.elements)),
  rich_text_list: renderList,
};

function renderList(part) {
  const indent = Math.min(part.indent ?? 0, 6);
  const items = (part.elements ?? []).map((item) => h("li", {}, renderPart(item)));
  if (part.style !== "ordered") return h(`ul.rich-list.indent-${indent}`, {}, items);
  return h(
    `ol.rich-list.indent-${indent}`,
    { type: LETTERS[indent % 3], start: (part.offset ?? 0) + 1 },
    items,
  );
}

function inlines(elements) {
  return (elements ?? []).map((element) => styled(renderElement(element), element.style));
}

function renderElement(element) {
  const make = ELEMENTS[element.type];
  return make ? make(element) : fragment();
}

const ELEMENTS = {
  text: ({ text }) => lines(text),
  link: ({ url, text }) => linkNode(url, text || url),
  emoji: ({ name, unicode, skin_tone: tone }) => emoji(name, unicode, tone),
  user: ({ user_id: id }) => mentionUser(id),
  channel: ({ channel_id: id }) => mentionChannel(id),
  usergroup: ({ usergroup_id: id }) => mentionGroup(id),
  broadcast: ({ range }) => mentionGroup(`@${range}`),
  date: ({ timestamp, format, fallback, url }) => dateNode(timestamp, format, fallback ?? "", url),
  color: ({ value }) => h("code.mrkdwn-code", {}, value),
};

function emoji(name, unicode, tone) {
  const character = emojiFor(name, tone) ?? (unicode ? fromCodes(unicode) : `:${name}:`);
  return emojiNode(character, name);
}

function fromCodes(unicode) {
  return String.fromCodePoint(...unicode.split("-").map((code) => parseInt(code, 16)));
}

function lines(text) {
  const out = fragment();
  text.split("\n").forEach((line, index) => {
    if (index > 0) out.append(h("br"));
    out.append(line);
  });
  return out;
}

function styled(node, style = {}) {
  let wrapped = node;
  if (style.code) wrapped = h("code.mrkdwn-code", {}, wrapped);
  if (style.bold) wrapped = h("b", {}, wrapped);
  if (style.italic) wrapped = h("i", {}, wrapped);
  if (style.strike) wrapped = h("s", {}, wrapped);
  if (style.underline) wrapped = h("u", {}, wrapped);
  return wrapped;
}
