// Block Kit blocks as DOM nodes.

import { h, reconcile } from "./dom.js";
import { imageNode, renderElement } from "./elements.js";
import { icon } from "./icons.js";
import { renderMarkdown } from "./markdown.js";
import { plainText, renderText } from "./mrkdwn.js";
import { renderRichText } from "./richtext.js";
import { renderDataTable, renderTable } from "./tables.js";

const ALERT_ICONS = {
  default: "info",
  info: "info",
  warning: "warning",
  error: "warning",
  success: "check",
};

/** Shows blocks in a container; blocks that did not change keep their nodes and what was typed. */
export function showBlocks(container, blocks, surface, known) {
  surface.form.seed(blocks, known);
  reconcile(
    container,
    blocks.map((block, index) => ({
      key: block.block_id ?? `#${index}`,
      signature: JSON.stringify(block),
      build: () => renderBlock(block, surface),
    })),
  );
}

/** One block; unknown types get a visible placeholder. */
export function renderBlock(block, surface) {
  const make = BLOCKS[block.type];
  const inner = make
    ? make(block, surface)
    : h("div.unsupported", {}, `Unsupported block: ${block.type}`);
  return h(`div.block.block--${block.type}`, { dataset: { blockId: block.block_id } }, inner);
}

function section(block, surface) {
  const body = h(
    "div.section-body",
    {},
    block.text && h("div.section-text", {}, renderText(block.text)),
    block.fields &&
      h(
        "div.section-fields",
        {},
        block.fields.map((field) => h("div.section-field", {}, renderText(field))),
      ),
  );
  if (!block.accessory) return body;
  return h(
    "div.section-row",
    {},
    body,
    h("div.section-accessory", {}, renderElement(block.accessory, block, surface)),
  );
}

function context(block) {
  return h(
    "div.context-row",
    {},
    block.elements.map((element) =>
      element.type === "image"
        ? imageNode(element, "context-image")
        : h("span.context-text", {}, renderText(element)),
    ),
  );
}

function actions(block, surface) {
  return h(
    "div.actions-row",
    {},
    block.elements.map((element) => h("div.action", {}, renderElement(element, block, surface))),
  );
}

function input(block, surface) {
  return h(
    "div.input-block",
    {},
    h(
      "div.input-label",
      {},
      renderText(block.label),
      block.optional && h("span.input-optional", {}, " (optional)"),
    ),
    renderElement(block.element, block, surface),
    h("div.input-error", { role: "alert", hidden: true }),
    block.hint && h("div.input-hint", {}, renderText(block.hint)),
  );
}

function image(block) {
  return h(
    "figure.image-block",
    {},
    block.title && h("figcaption", {}, renderText(block.title)),
    imageNode(block, "block-image"),
  );
}

function alert(block) {
  const level = block.level ?? "default";
  return h(
    `div.alert.alert--${level}`,
    { role: "note" },
    icon(ALERT_ICONS[level] ?? "info"),
    h("div", {}, renderText(block.text)),
  );
}

/** Shows problems at their input blocks; {block_id: text}. Returns the first one's node. */
export function showErrors(container, errors) {
  let first = null;
  for (const node of container.querySelectorAll(".block--input")) {
    const text = errors[node.dataset.blockId];
    const slot = node.querySelector(".input-error");
    slot.hidden = !text;
    slot.replaceChildren(...(text ? [icon("warning"), text] : []));
    node.classList.toggle("has-error", Boolean(text));
    first ??= text ? node : null;
  }
  return first;
}

/** The text a person could copy from blocks. */
export function blocksAsText(blocks) {
  return blocks
    .map((block) => [block.text, ...(block.fields ?? [])].filter(Boolean).map(plainText).join("\n"))
    .filter(Boolean)
    .join("\n");
}

const BLOCKS = {
  section,
  context,
  actions,
  input,
  image,
  alert,
  header: (block) => h("h3.header-block", {}, renderText(block.text)),
  divider: () => h("hr.divider"),
  rich_text: renderRichText,
  markdown: (block) => h("div.markdown-block", {}, renderMarkdown(block.text ?? "")),
  table: renderTable,
  data_table: renderDataTable,
  context_actions: actions,
};
