// Slack's mrkdwn as DOM nodes: *bold* _italic_ ~strike~ `code` ```blocks``` > quotes
// <links|text> <@U…> <#C…> <!date^…> :emoji:, with &amp; &lt; &gt; unescaped once.

import { fragment, h } from "./dom.js";
import {
  dateNode,
  isLink,
  linkNode,
  mentionChannel,
  mentionGroup,
  mentionUser,
} from "./entities.js";
import { readEmoji } from "./emoji.js";

const MARKS = { "*": "b", _: "i", "~": "s" };
const WORD = /[\p{L}\p{N}]/u;
const ADDRESS = /^https?:\/\/[^\s<>|]+/;
const BROADCASTS = new Set(["here", "channel", "everyone"]);

/** The nodes of a mrkdwn text. verbatim: no linking of bare addresses. */
export function renderMrkdwn(text, { verbatim = false } = {}) {
  const out = fragment();
  text
    .replace(/\r\n?/g, "\n")
    .split("```")
    .forEach((part, index, parts) => {
      const fenced = index % 2 === 1 && index < parts.length - 1;
      if (fenced) out.append(h("pre.mrkdwn-pre", {}, plainLabel(trimNewlines(part))));
      else out.append(renderLines(unfenced(part, index, parts), verbatim));
    });
  return out;
}

/** An opening fence that is never closed is shown as typed; newlines around fences are swallowed. */
function unfenced(part, index, parts) {
  const open = index % 2 === 1 ? "```" : "";
  const before = index > 0 && !open ? part.replace(/^\n/, "") : part;
  const last = index === parts.length - 1 || (index === parts.length - 2 && parts.length % 2 === 0);
  return open + (last ? before : before.replace(/\n$/, ""));
}

function trimNewlines(text) {
  return text.replace(/^\n/, "").replace(/\n$/, "");
}

function renderLines(text, verbatim) {
  const out = fragment();
  const lines = text === "" ? [] : text.split("\n");
  let plain = [];
  const flush = () => {
    if (plain.length) out.append(paragraph(plain, verbatim));
    plain = [];
  };
  for (let index = 0; index < lines.length; index += 1) {
    const quote = readQuote(lines, index);
    if (!quote) plain.push(lines[index]);
    else {
      flush();
      out.append(h("blockquote.mrkdwn-quote", {}, paragraph(quote.lines, verbatim)));
      index += quote.count - 1;
    }
  }
  flush();
  return out;
}

/** Lines from index on that form one quote: {lines, count}, or null. */
function readQuote(lines, index) {
  if (/^(?:>|&gt;){3}/.test(lines[index])) {
    const rest = lines.slice(index);
    return {
      lines: [rest[0].replace(/^(?:>|&gt;){3} ?/, ""), ...rest.slice(1)],
      count: rest.length,
    };
  }
  let count = 0;
  while (index + count < lines.length && /^(?:>|&gt;)/.test(lines[index + count])) count += 1;
  if (!count) return null;
  return {
    lines: lines.slice(index, index + count).map((line) => line.replace(/^(?:>|&gt;) ?/, "")),
    count,
  };
}

function paragraph(lines, verbatim) {
  const out = fragment();
  lines.forEach((line, index) => {
    if (index > 0) out.append(h(lines[index - 1] === "" ? "span.mrkdwn-gap" : "br"));
    out.append(renderInline(line, verbatim));
  });
  return out;
}

/** One line of mrkdwn without block structure. */
export function renderInline(text, verbatim = false) {
  const out = fragment();
  let literal = "";
  let index = 0;
  while (index < text.length) {
    const found = readSpan(text, index, verbatim);
    if (found) {
      if (literal) out.append(unescapeText(literal));
      literal = "";
      out.append(found.node);
      index += found.length;
    } else {
      literal += text[index];
      index += 1;
    }
  }
  if (literal) out.append(unescapeText(literal));
  return out;
}

/** The span that begins at index, {node, length}, or null when it is a plain character. */
function readSpan(text, index, verbatim) {
  const rest = text.slice(index);
  if (rest[0] === "<") return readEntity(rest);
  if (rest[0] === "`") return readCode(rest);
  if (rest[0] === ":") return readEmojiSpan(rest);
  if (MARKS[rest[0]]) return readMark(text, index, verbatim);
  if (!verbatim && rest[0] === "h" && !WORD.test(text[index - 1] ?? " ")) return readAddress(rest);
  return null;
}

function readEntity(rest) {
  const end = rest.indexOf(">");
  const node = end > 1 ? entity(rest.slice(1, end)) : null;
  return node && { node, length: end + 1 };
}

function entity(body) {
  const [target, label] = splitOnce(body, "|");
  if (target.startsWith("@")) return mentionUser(target.slice(1));
  if (target.startsWith("#")) return mentionChannel(target.slice(1), label);
  if (target.startsWith("!")) return command(target.slice(1), label);
  if (!isLink(unescapeText(target))) return null; // not an entity: shown as typed
  return linkNode(
    unescapeText(target),
    label === undefined ? unescapeText(target) : renderInline(label, true),
  );
}

function command(target, label) {
  const [name, ...rest] = target.split("^");
  if (name === "date")
    return dateNode(
      Number(rest[0]),
      unescapeText(rest[1] ?? ""),
      unescapeText(label ?? ""),
      rest[2],
    );
  if (name === "subteam") return mentionGroup(label ?? rest[0]);
  if (BROADCASTS.has(name)) return mentionGroup(`@${name}`);
  return h("span", {}, unescapeText(label ?? name));
}

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function readCode(rest) {
  const end = rest.indexOf("`", 1);
  if (end < 2) return null;
  return { node: h("code.mrkdwn-code", {}, plainLabel(rest.slice(1, end))), length: end + 1 };
}

function readEmojiSpan(rest) {
  const found = readEmoji(rest);
  return found && { node: emojiNode(found.character, found.name), length: found.length };
}

/** An emoji as a person sees it, with its shortcode as a tooltip. */
export function emojiNode(character, name) {
  return h(
    "span.emoji",
    { title: `:${name}:`, role: "img", "aria-label": `${name} emoji` },
    character,
  );
}

function readAddress(rest) {
  const match = ADDRESS.exec(rest);
  if (!match) return null;
  const address = match[0].replace(/[.,;:!?)\]'"*_~]+$/, "");
  return { node: linkNode(unescapeText(address), unescapeText(address)), length: address.length };
}

/** *bold* and its kin: the marks stand at word boundaries and hug what they enclose. */
function readMark(text, index, verbatim) {
  const mark = text[index];
  const before = text[index - 1] ?? " ";
  const next = text[index + 1] ?? " ";
  if (WORD.test(before) || /\s/.test(next) || next === mark) return null;
  const end = closingMark(text, index, mark);
  if (end < 0) return null;
  const node = h(MARKS[mark], {}, renderInline(text.slice(index + 1, end), verbatim));
  return { node, length: end - index + 1 };
}

function closingMark(text, start, mark) {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === "<" || text[index] === "`") index = skipSpan(text, index);
    else if (text[index] === mark && closes(text, index)) return index;
  }
  return -1;
}

function closes(text, index) {
  return !/\s/.test(text[index - 1]) && !WORD.test(text[index + 1] ?? " ");
}

/** Marks inside <…> and `…` do not count. */
function skipSpan(text, index) {
  const end = text.indexOf(text[index] === "<" ? ">" : "`", index + 1);
  return end < 0 ? index : end;
}

/** Code keeps its characters; entities in it are shown as the text they stand for. */
function plainLabel(text) {
  const parts = text.split(/(<[^<>\n]+>)/);
  return parts
    .map(
      (part) => (part[0] === "<" && entity(part.slice(1, -1))?.textContent) || unescapeText(part),
    )
    .join("");
}

/** Undoes the three escapes of Slack, once. */
export function unescapeText(text) {
  return text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

/** plain_text: emoji and line breaks only. */
export function renderPlain(text, withEmoji = true) {
  const out = fragment();
  text.split("\n").forEach((line, index) => {
    if (index > 0) out.append(h("br"));
    out.append(withEmoji ? plainLine(line) : unescapeText(line));
  });
  return out;
}

function plainLine(line) {
  const out = fragment();
  for (const piece of line.split(/(:[a-z0-9_+'-]+:(?::skin-tone-[2-6]:)?)/)) {
    const found = readEmoji(piece);
    out.append(found ? emojiNode(found.character, found.name) : unescapeText(piece));
  }
  return out;
}

/** A Block Kit text object, of either type. */
export function renderText(object) {
  if (!object) return fragment();
  if (object.type === "mrkdwn")
    return renderMrkdwn(object.text ?? "", { verbatim: object.verbatim });
  return renderPlain(object.text ?? "", object.emoji !== false);
}

/** A Block Kit text object as one line of characters, for labels and values. */
export function plainText(object) {
  return renderText(object).textContent;
}
