// Select menus: a field that opens a list below it, filtered by typing. Single selects show
// the choice in the field; multi selects collect tokens and report when the list closes.

import { keyOf, labelOf, localChoices, matching, optionChoices, sourceOf } from "./choices.js";
import { debounce, h } from "./dom.js";
import { icon } from "./icons.js";
import { plainText } from "./mrkdwn.js";
import { closePopup, replacePopup, showPopup } from "./popup.js";

const ASK_AFTER_MS = 250;
let lists = 0;

/** static_select, external_select, users_select, conversations_select, channels_select. */
export function singleSelect(spot) {
  return new SingleSelect(spot).build();
}

/** The multi_ forms of the same. */
export function multiSelect(spot) {
  return new MultiSelect(spot).build();
}

/** The open list and its keyboard; subclasses say what choosing means. */
class Select {
  constructor(spot) {
    this.spot = spot;
    this.element = spot.element;
    this.external = sourceOf(this.element.type) === "external";
    this.choices = [];
    this.active = 0;
    this.isOpen = false;
    lists += 1;
    this.listId = `list-${lists}`;
    this.ask = debounce((typed) => this.load(typed), ASK_AFTER_MS);
  }

  field() {
    const { element, spot } = this;
    this.input = h("input.select-input", {
      type: "text",
      role: "combobox",
      autocomplete: "off",
      "aria-expanded": "false",
      "aria-controls": this.listId,
      "aria-autocomplete": "list",
      ...spot.hooks,
      placeholder: this.placeholder(),
      "aria-label": spot.block.label ? plainText(spot.block.label) : this.placeholder(),
      "data-focus": element.focus_on_load ? "yes" : undefined,
      onclick: () => this.open(),
      onkeydown: (event) => this.pressed(event),
      oninput: () => this.typed(),
    });
    spot.node = this.input;
    return this.input;
  }

  placeholder() {
    return this.element.placeholder ? plainText(this.element.placeholder) : "Choose an option…";
  }

  open() {
    if (this.isOpen) return;
    this.isOpen = true;
    this.list = h("div.select-list", {
      role: "listbox",
      id: this.listId,
      "aria-label": this.placeholder(),
    });
    this.fill(localChoices(this.element), "");
    this.input.setAttribute("aria-expanded", "true");
    showPopup(this.frame, this.list, { width: "anchor", onClose: () => this.closed() });
    this.opened();
    if (this.external) this.load("");
  }

  opened() {}

  closed() {
    this.isOpen = false;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  typed() {
    this.open();
    if (this.external) this.ask(this.input.value);
    else this.fill(matching(localChoices(this.element), this.input.value), this.input.value);
    replacePopup();
  }

  /** Asks the app for options; Slack waits for min_query_length characters, three by default. */
  async load(typed) {
    const least = this.element.min_query_length ?? 3;
    if (typed.length < least) {
      this.message(`Type at least ${least} characters to see options`);
      return;
    }
    this.message("Loading…");
    const answer = await this.spot.surface.options(this.spot.blockId, this.spot.actionId, typed);
    if (!this.isOpen) return;
    if (answer.ok === false) this.message("Could not load results");
    else this.fill(optionChoices(answer), typed);
    replacePopup();
  }

  message(text) {
    this.choices = [];
    this.list.replaceChildren(h("div.select-empty", {}, text));
  }

  fill(choices, typed) {
    this.choices = choices;
    this.active = Math.max(
      0,
      choices.findIndex(({ key }) => this.isChosen(key)),
    );
    if (typed) this.active = 0;
    this.list.replaceChildren(...this.rows());
    if (!choices.length) this.message("No results");
    this.mark();
  }

  rows() {
    let group;
    return this.choices.flatMap((choice, index) => {
      const heading =
        choice.group && choice.group !== group ? [h("div.select-group", {}, choice.group)] : [];
      group = choice.group;
      return [...heading, this.row(choice, index)];
    });
  }

  row(choice, index) {
    return h(
      "div.select-option",
      {
        role: "option",
        id: `${this.listId}-${index}`,
        "aria-selected": String(this.isChosen(choice.key)),
        dataset: { value: choice.key },
        onpointerdown: (event) => event.preventDefault(),
        onclick: () => this.choose(choice),
        onpointerenter: () => this.moveTo(index),
      },
      h("span", {}, choice.label),
      choice.detail && h("span.select-detail", {}, choice.detail),
    );
  }

  moveTo(index) {
    if (index === this.active) return;
    this.active = index;
    this.mark();
  }

  mark() {
    const rows = this.list.querySelectorAll("[role=option]");
    rows.forEach((row, index) => row.classList.toggle("is-active", index === this.active));
    const row = rows[this.active];
    if (!row) return;
    this.input.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
  }

  pressed(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (!this.isOpen) this.open();
      else
        this.moveTo((this.active + step + this.choices.length) % Math.max(1, this.choices.length));
    } else if (event.key === "Enter" && this.isOpen) {
      event.preventDefault();
      event.stopPropagation();
      if (this.choices[this.active]) this.choose(this.choices[this.active]);
    } else if (event.key === "Tab") closePopup();
  }
}

class SingleSelect extends Select {
  build() {
    this.clear = h(
      "button.select-clear",
      { type: "button", "aria-label": "Clear selection", onclick: () => this.commit(null) },
      icon("close"),
    );
    this.frame = h(
      "div.select",
      {},
      this.field(),
      this.clear,
      icon("chevron", "icon select-chevron"),
    );
    this.show();
    return this.frame;
  }

  isChosen(key) {
    return key === keyOf(this.spot.value);
  }

  opened() {
    this.input.select();
  }

  async choose(choice) {
    await this.commit(choice.raw);
  }

  async commit(value) {
    this.closing = true;
    closePopup();
    this.closing = false;
    await this.spot.commit(value);
    this.show();
  }

  closed() {
    super.closed();
    if (!this.closing) this.show();
  }

  show() {
    this.input.value = labelOf(this.spot.value, this.element.type);
    this.input.classList.toggle("is-chosen", this.input.value !== "");
    this.clear.hidden = !(
      this.spot.block.type === "input" &&
      this.spot.block.optional &&
      this.input.value
    );
  }
}

class MultiSelect extends Select {
  build() {
    this.tokens = h("span.select-tokens");
    this.frame = h(
      "div.select.select--multi",
      { onclick: () => this.input.focus() },
      this.tokens,
      this.field(),
    );
    this.chosen = [...(this.spot.value ?? [])];
    this.input.addEventListener("focus", () => this.open());
    this.show();
    return this.frame;
  }

  isChosen(key) {
    return this.chosen?.some((value) => keyOf(value) === key);
  }

  choose(choice) {
    const most = this.element.max_selected_items;
    if (this.isChosen(choice.key))
      this.chosen = this.chosen.filter((value) => keyOf(value) !== choice.key);
    else if (!most || this.chosen.length < most) this.chosen = [...this.chosen, choice.raw];
    else return;
    this.input.value = "";
    this.changed();
    if (!this.external) this.fill(localChoices(this.element), "");
    else this.list.replaceChildren(...this.rows());
    replacePopup();
  }

  remove(value) {
    this.chosen = this.chosen.filter((other) => keyOf(other) !== keyOf(value));
    this.changed();
    if (!this.isOpen) this.report();
  }

  changed() {
    if (!this.spot.dispatches) this.spot.store(this.chosen);
    this.show();
  }

  closed() {
    super.closed();
    this.input.value = "";
    this.report();
  }

  /** Elements that act at once tell the app when the list closes, if anything changed. */
  report() {
    const before = (this.spot.value ?? []).map(keyOf).join("\n");
    if (!this.spot.dispatches || this.chosen.map(keyOf).join("\n") === before) return;
    this.spot.commit(this.chosen).then((agreed) => {
      if (agreed) return;
      this.chosen = [...(this.spot.value ?? [])];
      this.show();
    });
  }

  show() {
    this.tokens.replaceChildren(...this.chosen.map((value) => this.token(value)));
    this.input.placeholder = this.chosen.length ? "" : this.placeholder();
  }

  token(value) {
    const label = labelOf(value, this.element.type);
    return h(
      "span.token",
      { dataset: { value: keyOf(value) } },
      label,
      h(
        "button.token-remove",
        { type: "button", "aria-label": `Remove ${label}`, onclick: () => this.remove(value) },
        icon("close"),
      ),
    );
  }

  pressed(event) {
    if (event.key === "Backspace" && !this.input.value && this.chosen.length)
      this.remove(this.chosen[this.chosen.length - 1]);
    else super.pressed(event);
  }
}
