// The list above the composer: completions to choose from, or the hint of a command.

import { h } from "./dom.js";
import { avatar } from "./people.js";
import { state } from "./state.js";

let lists = 0;

export class OfferList {
  constructor({ onChoose }) {
    this.onChoose = onChoose;
    lists += 1;
    this.id = `offers-${lists}`;
    this.node = h("div.offers", {
      id: this.id,
      role: "listbox",
      "aria-label": "Suggestions",
      hidden: true,
    });
    this.current = null;
    this.active = 0;
  }

  /** Is there something to choose (a command's hint is only read)? */
  get selectable() {
    return !this.node.hidden && Boolean(this.current?.items);
  }

  get activeId() {
    return this.selectable ? `${this.id}-${this.active}` : null;
  }

  /** Shows an offer of completions(), or nothing. */
  show(offer) {
    const same =
      offer?.items &&
      this.current?.items &&
      offer.from === this.current.from &&
      offer.kind === this.current.kind;
    this.active = same ? Math.min(this.active, offer.items.length - 1) : 0;
    this.current = offer;
    this.node.hidden = !offer;
    this.node.dataset.testid = offer?.kind === "hint" ? "command-hint" : "suggestions";
    if (offer)
      this.node.replaceChildren(
        ...(offer.kind === "hint" ? [hintRow(offer.command)] : this.rows()),
      );
  }

  hide() {
    this.show(null);
  }

  rows() {
    const title = this.current.title && h("div.offers-title", {}, this.current.title);
    const rows = this.current.items.map((item, index) => this.row(item, index));
    return [title, ...rows].filter(Boolean);
  }

  row(item, index) {
    return h(
      `div.offer${index === this.active ? ".is-active" : ""}`,
      {
        role: "option",
        id: `${this.id}-${index}`,
        "aria-selected": String(index === this.active),
        onpointerdown: (event) => event.preventDefault(),
        onclick: () => this.onChoose(item),
      },
      item.app && avatar(state.app.bot_user_id, "s"),
      item.person && avatar(item.person, "xs"),
      h(
        "span.offer-text",
        {},
        h("b", {}, item.label),
        item.usage && h("span.offer-usage", {}, ` ${item.usage}`),
        item.app
          ? h("div.offer-detail", {}, item.detail)
          : h("span.offer-detail", {}, item.detail ?? ""),
      ),
      item.app && h("span.offer-app", {}, state.app.name),
    );
  }

  /** Handles a key while the list is open; true when it was meant for the list. */
  pressed(event, text) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.active = (this.active + step + this.current.items.length) % this.current.items.length;
      this.node.replaceChildren(...this.rows());
      event.preventDefault();
      return true;
    }
    const item = this.current.items[this.active];
    const complete = event.key === "Enter" && !event.shiftKey && text.trim() === item.insert.trim();
    if (complete || !["Tab", "Enter"].includes(event.key) || event.shiftKey) return false;
    event.preventDefault();
    this.onChoose(item);
    return true;
  }
}

function hintRow(command) {
  return h(
    "div.offer.offer--hint",
    {},
    avatar(state.app.bot_user_id, "s"),
    h(
      "span.offer-text",
      {},
      h("b", {}, command.command),
      command.usage_hint && h("span.offer-usage", {}, ` ${command.usage_hint}`),
      h("div.offer-detail", {}, command.description),
    ),
    h("span.offer-app", {}, state.app.name),
  );
}
