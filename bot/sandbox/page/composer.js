// The message composer: formatting, completion, Enter to send.

import { post } from "./api.js";
import { completions } from "./completions.js";
import { h } from "./dom.js";
import { searchEmoji } from "./emoji.js";
import { icon } from "./icons.js";
import { OfferList } from "./offers.js";
import { closePopup, showPopup } from "./popup.js";
import { state } from "./state.js";
import { notice } from "./store.js";

const FORMATS = [
  ["bold", "Bold", "*"],
  ["italic", "Italic", "_"],
  ["strike", "Strikethrough", "~"],
  null,
  ["code", "Code", "`"],
  ["codeBlock", "Code block", "```"],
  null,
  ["quote", "Quote", "> "],
  ["list", "Bulleted list", "• "],
];
const QUICK_EMOJI = [
  "thumbs",
  "smile",
  "heart",
  "tada",
  "fire",
  "eyes",
  "rocket",
  "check",
  "clock",
  "warning",
  "wave",
  "pray",
];
const BARE_CODE = /^[a-z_0-9]+$/;
const MOST_HEIGHT = 320; // px
const drafts = new Map();

/** target() gives {channel, thread_ts?}; testid prefixes the hooks ("" or "thread-"). */
export class Composer {
  constructor({ target, prefix = "", onSent = () => {} }) {
    Object.assign(this, { target, prefix, onSent });
    this.offers = new OfferList({ onChoose: (item) => this.insertOffer(item) });
    this.field = this.buildField();
    this.sendButton = h(
      "button.send",
      {
        type: "button",
        "aria-label": "Send now",
        disabled: true,
        dataset: { testid: `${prefix}send` },
        onclick: () => this.send(),
      },
      icon("send"),
    );
    this.hint = h("div.composer-hint", {}, h("b", {}, "Shift + Enter"), " to add a new line");
    this.node = h(
      "form.composer-area",
      { onsubmit: (event) => event.preventDefault() },
      this.offers.node,
      h("div.composer-box", {}, this.formatBar(), this.field, this.actionBar()),
      this.hint,
    );
    this.changed();
  }

  buildField() {
    return h("textarea.composer-field", {
      rows: 1,
      dataset: { testid: `${this.prefix}composer` },
      spellcheck: "true",
      autocomplete: "off",
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.offers.id,
      oninput: () => this.changed(),
      onkeydown: (event) => this.pressed(event),
      onkeyup: (event) => event.key.startsWith("Arrow") || this.offer(),
      onclick: () => this.offer(),
      onblur: () => this.offers.hide(),
    });
  }

  formatBar() {
    return h(
      "div.composer-format",
      { role: "toolbar", "aria-label": "Formatting" },
      FORMATS.map((entry) =>
        entry ? this.tool(entry[0], entry[1], () => this.format(entry[2])) : h("span.tool-gap"),
      ),
    );
  }

  actionBar() {
    return h(
      "div.composer-actions",
      {},
      this.tool("smile", "Emoji", (event) => this.pickEmoji(event.currentTarget)),
      this.tool("at", "Mention someone", () => this.type("@")),
      this.tool("slash", "Run a command", () => this.startCommand()),
      h("span.spring"),
      this.sendButton,
    );
  }

  tool(name, label, onclick) {
    return h(
      "button.composer-tool",
      {
        type: "button",
        title: label,
        "aria-label": label,
        onpointerdown: (event) => event.preventDefault(),
        onclick,
      },
      icon(name),
    );
  }

  /** Turns to another conversation: its draft comes back. */
  turnTo(key, placeholder) {
    if (this.key !== undefined) drafts.set(this.key, this.field.value);
    this.key = key;
    this.field.value = drafts.get(key) ?? "";
    this.field.placeholder = placeholder;
    this.field.setAttribute("aria-label", placeholder);
    this.changed(false);
  }

  changed(offer = true) {
    const text = this.field.value;
    this.sendButton.disabled = !text.trim();
    this.hint.classList.toggle("is-shown", text.length > 0);
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, MOST_HEIGHT)}px`;
    if (offer) this.offer();
  }

  offer() {
    const focused = document.activeElement === this.field;
    this.offers.show(focused ? completions(this.field.value, this.field.selectionStart) : null);
    this.field.setAttribute("aria-expanded", String(this.offers.selectable));
    this.field.setAttribute("aria-activedescendant", this.offers.activeId ?? "");
  }

  pressed(event) {
    if (event.isComposing) return;
    if (this.offers.selectable && this.offers.pressed(event, this.field.value)) {
      this.field.setAttribute("aria-activedescendant", this.offers.activeId ?? "");
      return;
    }
    if (event.key === "Escape") this.offers.hide();
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    this.send();
  }

  insertOffer({ insert }) {
    const { from } = this.offers.current;
    this.replaceRange(from, this.field.selectionStart, insert);
  }

  replaceRange(from, to, text) {
    this.field.setRangeText(text, from, to, "end");
    this.field.focus();
    this.changed();
  }

  type(text) {
    const at = this.field.selectionStart;
    const space = at > 0 && !/\s/.test(this.field.value[at - 1]) ? " " : "";
    this.replaceRange(at, this.field.selectionEnd, space + text);
  }

  startCommand() {
    this.field.value = `/${this.field.value.replace(/^\//, "")}`;
    this.field.focus();
    this.field.setSelectionRange(1, 1);
    this.changed();
  }

  format(mark) {
    const { selectionStart: from, selectionEnd: to, value } = this.field;
    const chosen = value.slice(from, to);
    if (mark.endsWith(" ")) this.replaceRange(from, to, mark + chosen.replace(/\n/g, `\n${mark}`));
    else {
      this.replaceRange(from, to, `${mark}${chosen}${mark}`);
      const caret = chosen ? from + chosen.length + 2 * mark.length : from + mark.length;
      this.field.setSelectionRange(caret, caret);
    }
  }

  pickEmoji(anchor) {
    const grid = h("div.emoji-grid", {});
    const fill = (found) =>
      grid.replaceChildren(
        ...found.map(({ name, character }) =>
          h(
            "button.emoji-choice",
            {
              type: "button",
              title: `:${name}:`,
              "aria-label": name,
              onclick: () => {
                closePopup();
                this.type(`:${name}: `);
              },
            },
            character,
          ),
        ),
      );
    const search = h("input.text-field", {
      type: "text",
      placeholder: "Search emoji",
      "aria-label": "Search emoji",
      oninput: () => fill(search.value ? searchEmoji(search.value, 48) : favourites()),
    });
    fill(favourites());
    showPopup(anchor, h("div.emoji-picker", {}, search, grid));
    search.focus();
  }

  async send() {
    const text = this.field.value.trim();
    if (!text) return;
    const { channel, thread_ts: thread } = this.target();
    this.field.value = "";
    this.changed();
    this.onSent();
    const answer = await post("/ui/post", {
      channel,
      text,
      ...(thread ? { thread_ts: thread } : {}),
    });
    if (answer.ok === false) this.failed(answer, text, channel, thread);
  }

  failed({ error }, text, channel, thread) {
    if (error === "connection_failed") {
      if (!this.field.value) this.field.value = text;
      this.changed();
    }
    const told = state.online && BARE_CODE.test(error) && text.startsWith("/"); // the workspace sends a toast
    if (!told) notice(channel, wording(error, text), thread);
  }
}

function favourites() {
  return QUICK_EMOJI.flatMap((word) => searchEmoji(word, 4));
}

/** The server words refusals as Slack does; bare error codes get the sentence Slack wraps them in. */
function wording(error, text) {
  if (error === "connection_failed")
    return "Your message could not be sent: the workspace is out of reach. It is back in the composer.";
  if (!BARE_CODE.test(error ?? "")) return error ?? "Something went wrong.";
  const command = /^\/\S+/.exec(text)?.[0];
  return command && state.commands.length
    ? `${command} failed with the error "${error}"`
    : `Message not sent: ${error}`;
}
