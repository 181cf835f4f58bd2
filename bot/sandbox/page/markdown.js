// The markdown block: standard Markdown (headings, lists, tasks, tables, quotes, fences,
// **bold**, *italic*, ~~strike~~, `code`, [text](address)) as DOM nodes.

import { fragment, h } from "./dom.js";
import { linkNode } from "./entities.js";
import { emojiNode, renderInline } from "./mrkdwn.js";
import { readEmoji } from "./emoji.js";

const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** The nodes of a Markdown text. */
export function renderMarkdown(text) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const out = fragment();
  let index = 0;
  while (index < lines.length) {
    const block = readBlock(lines, index);
    if (block.node) out.append(block.node);
    index += block.count;
  }
  return out;
}

function readBlock(lines, index) {
  const line = lines[index];
  if (!line.trim()) return { count: 1 };
  if (/^\s*```/.test(line)) return readFence(lines, index);
  if (RULE.test(line)) return { node: h("hr.divider"), count: 1 };
  const heading = HEADING.exec(line);
  if (heading)
    return {
      node: h(
        `h${Math.max(3, heading[1].length)}.md-heading.md-h${heading[1].length}`,
        {},
        inline(heading[2]),
      ),
      count: 1,
    };
  if (/^\s*>/.test(line)) return readQuote(lines, index);
  if (ITEM.test(line)) return readList(lines, index);
  if (TABLE_RULE.test(lines[index + 1] ?? "") && line.includes("|")) return readTable(lines, index);
  return readParagraph(lines, index);
}

function readFence(lines, index) {
  let end = index + 1;
  while (end < lines.length && !/^\s*```/.test(lines[end])) end += 1;
  return {
    node: h("pre.mrkdwn-pre", {}, lines.slice(index + 1, end).join("\n")),
    count: end - index + 1,
  };
}

function readQuote(lines, index) {
  let end = index;
  while (end < lines.length && /^\s*>/.test(lines[end])) end += 1;
  const inner = lines
    .slice(index, end)
    .map((line) => line.replace(/^\s*> ?/, ""))
    .join("\n");
  return { node: h("blockquote.mrkdwn-quote", {}, renderMarkdown(inner)), count: end - index };
}

function readList(lines, index) {
  let end = index;
  while (end < lines.length && ITEM.test(lines[end])) end += 1;
  const items = lines.slice(index, end).map((line) => ITEM.exec(line));
  return {
    node: nestedList(items.map(([, space, mark, body]) => ({ depth: space.length, mark, body }))),
    count: end - index,
  };
}

function nestedList(items) {
  const list = h(/\d/.test(items[0].mark) ? "ol.md-list" : "ul.md-list");
  const depth = items[0].depth;
  let index = 0;
  while (index < items.length) {
    const item = h("li", {}, listItem(items[index].body));
    let next = index + 1;
    while (next < items.length && items[next].depth > depth) next += 1;
    if (next > index + 1) item.append(nestedList(items.slice(index + 1, next)));
    list.append(item);
    index = next;
  }
  return list;
}

function listItem(body) {
  const task = /^\[([ xX])\]\s+(.*)$/.exec(body);
  if (!task) return inline(body);
  const box = h("input", {
    type: "checkbox",
    disabled: true,
    checked: task[1] !== " ",
    "aria-label": task[2],
  });
  return fragment(box, " ", inline(task[2]));
}

function readTable(lines, index) {
  let end = index + 2;
  while (end < lines.length && lines[end].includes("|") && lines[end].trim()) end += 1;
  const [head, , ...rows] = lines.slice(index, end).map(cells);
  const node = h(
    "div.table-scroll",
    {},
    h(
      "table.block-table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head.map((cell) => h("th", {}, inline(cell))),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            row.map((cell) => h("td", {}, inline(cell))),
          ),
        ),
      ),
    ),
  );
  return { node, count: end - index };
}

function cells(line) {
  return line
    .trim()
    .replace(/^\|/, "")
    .replace(/\|$/, "")
    .split("|")
    .map((cell) => cell.trim());
}

function readParagraph(lines, index) {
  const node = h("p.md-paragraph");
  let end = index;
  while (end < lines.length && lines[end].trim() && (end === index || !startsBlock(lines[end]))) {
    if (end > index) node.append(h("br"));
    node.append(inline(lines[end]));
    end += 1;
  }
  return { node, count: end - index };
}

function startsBlock(line) {
  return /^\s*(```|>)/.test(line) || HEADING.test(line) || ITEM.test(line) || RULE.test(line);
}

const SPANS = [
  [/^`([^`]+)`/, (m) => h("code.mrkdwn-code", {}, m[1])],
  [/^\*\*(?=\S)(.+?)\*\*/, (m) => h("b", {}, inline(m[1]))],
  [/^__(?=\S)(.+?)__/, (m) => h("b", {}, inline(m[1]))],
  [/^~~(?=\S)(.+?)~~/, (m) => h("s", {}, inline(m[1]))],
  [/^\*(?=\S)([^*]+)\*/, (m) => h("i", {}, inline(m[1]))],
  [/^_(?=\S)([^_]+)_(?!\w)/, (m) => h("i", {}, inline(m[1]))],
  [/^!?\[([^\]]*)\]\(([^()\s]+)\)/, (m) => linkNode(m[2], m[1] || m[2])],
  [/^<[@#!][^>]+>/, (m) => renderInline(m[0], true)],
  [/^https?:\/\/[^\s<>)]+/, (m) => linkNode(m[0], m[0])],
  [/^\\([\\`*_{}[\]()#+\-.!~|>])/, (m) => m[1]],
];

function inline(text) {
  const out = fragment();
  let literal = "";
  let index = 0;
  while (index < text.length) {
    const span = readSpan(text, index);
    if (span) {
      out.append(literal, span.node);
      literal = "";
    } else literal += text[index];
    index += span ? span.length : 1;
  }
  out.append(literal);
  return out;
}

function readSpan(text, index) {
  const rest = text.slice(index);
  if (rest[0] === "_" && /\w/.test(text[index - 1] ?? "")) return null;
  if (rest[0] === ":") {
    const emoji = readEmoji(rest);
    return emoji && { node: emojiNode(emoji.character, emoji.name), length: emoji.length };
  }
  for (const [pattern, make] of SPANS) {
    const match = pattern.exec(rest);
    if (match) return { node: make(match), length: match[0].length };
  }
  return null;
}
