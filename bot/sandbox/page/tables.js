// table and data_table blocks.

import { h } from "./dom.js";
import { renderRichText } from "./richtext.js";

const ALIGN = { center: ".align-center", right: ".align-right" };
const PAGE_SIZE = 5;

/** A table block; its first row is the header. */
export function renderTable({ rows = [], column_settings: settings = [] }) {
  const css = (column) =>
    `${ALIGN[settings[column]?.align] ?? ""}${settings[column]?.is_wrapped ? ".is-wrapped" : ""}`;
  return h("div.table-scroll", {}, tableOf(rows, css));
}

/** A data_table block: a caption, a header row, and pages of page_size rows. */
export function renderDataTable({ caption, rows = [], page_size: size = PAGE_SIZE }) {
  const [head, ...body] = rows;
  const pages = Math.max(1, Math.ceil(body.length / size));
  const box = h("div.data-table");
  const css = (column) => (body[0]?.[column]?.type === "raw_number" ? ".align-right" : "");
  const show = (page) => {
    const table = tableOf([head, ...body.slice(page * size, (page + 1) * size)], css);
    if (caption) table.prepend(h("caption", {}, caption));
    box.replaceChildren(
      h("div.table-scroll", {}, table),
      ...(pages > 1 ? [pager(page, pages, show)] : []),
    );
  };
  show(0);
  return box;
}

function tableOf([head, ...body], css) {
  const cells = (row, tag) =>
    row.map((cell, column) => h(`${tag}${css(column)}`, {}, renderCell(cell)));
  return h(
    "table.block-table",
    {},
    h("thead", {}, h("tr", {}, head ? cells(head, "th") : null)),
    h(
      "tbody",
      {},
      body.map((row) => h("tr", {}, cells(row, "td"))),
    ),
  );
}

function renderCell(cell) {
  if (!cell) return "";
  if (cell.type === "rich_text") return renderRichText(cell);
  return String(cell.text ?? cell.value ?? "");
}

function pager(page, pages, show) {
  const turn = (label, to) =>
    h(
      "button.btn",
      { type: "button", disabled: to < 0 || to >= pages, onclick: () => show(to) },
      label,
    );
  return h(
    "div.pager",
    {},
    turn("Previous", page - 1),
    h("span", {}, `Page ${page + 1} of ${pages}`),
    turn("Next", page + 1),
  );
}
