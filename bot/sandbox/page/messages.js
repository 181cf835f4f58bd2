// A list of messages with day dividers, grouping, the "New" line and sticky scrolling.

import { h, reconcile } from "./dom.js";
import { wallClock } from "./dates.js";
import { dateNode } from "./entities.js";
import { icon } from "./icons.js";
import { renderMessage } from "./message.js";
import { reader, state } from "./state.js";

const GROUP_SECONDS = 300; // messages of one author closer than this share a heading
const NEAR_BOTTOM = 80; // px

export class MessageList {
  /** scroller: the element that scrolls; intro: builds what stands above the first message. */
  constructor({ label, intro = () => null, inThread = false }) {
    this.inThread = inThread;
    this.intro = intro;
    this.rows = h("div.message-rows");
    this.head = h("div.message-intro");
    this.jump = h(
      "button.jump",
      { type: "button", hidden: true, onclick: () => this.toEnd() },
      icon("arrowDown"),
      "New messages",
    );
    this.log = h(
      "div.message-log",
      {
        role: "log",
        "aria-live": "polite",
        "aria-label": label,
        tabIndex: 0,
        onscroll: () => this.scrolled(),
      },
      this.head,
      this.rows,
    );
    this.node = h("div.message-pane", {}, this.log, this.jump);
    this.unreadFrom = null;
    this.last = null;
    this.pinned = true; // at the end, and to stay there while pictures load or the window changes
    const settle = new ResizeObserver(() => this.pinned && this.toEnd());
    settle.observe(this.rows);
    settle.observe(this.log);
  }

  /** Shows these messages; key says which conversation they belong to. */
  show(key, messages, label) {
    const other = key !== this.key;
    this.key = key;
    if (label) this.log.setAttribute("aria-label", label);
    const visible = messages.filter((message) => !state.dismissed.has(message.ts));
    const stick = other || this.pinned;
    this.head.replaceChildren(...[this.intro()].filter(Boolean));
    reconcile(this.rows, this.rowsOf(visible));
    const last = visible[visible.length - 1]?.ts ?? null;
    const grew = last !== this.last;
    this.last = last;
    if (stick || (grew && visible[visible.length - 1]?.user === state.me)) this.toEnd();
    else if (grew) this.jump.hidden = false;
  }

  /** Shows nothing. */
  clear() {
    this.key = null;
    this.rows.replaceChildren();
  }

  rowsOf(messages) {
    const { tz, locale, hour12 } = reader();
    const rows = [];
    let before = null;
    for (const message of messages) {
      const day = wallClock(Number(message.ts), tz).dayNumber;
      const newDay = !this.inThread && (before === null || before.day !== day);
      if (newDay) rows.push(dayRow(day, message.ts));
      const first = message.ts === this.unreadFrom;
      if (first) rows.push(newRow());
      rows.push(
        this.messageRow(
          message,
          !newDay && !first && groups(before?.message, message),
          `${tz}${locale}${hour12}`,
        ),
      );
      if (this.inThread && before === null)
        rows.push(repliesRow(messages.filter(({ ephemeral }) => !ephemeral).length - 1));
      before = { message, day };
    }
    return rows;
  }

  messageRow(message, compact, style) {
    return {
      key: `${this.key} ${message.ts} ${Boolean(message.ephemeral)}`,
      signature: `${compact} ${style} ${state.me} ${JSON.stringify(message)}`,
      build: () => renderMessage(message, { compact, inThread: this.inThread }),
    };
  }

  atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    return scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
    this.pinned = true;
    this.jump.hidden = true;
  }

  scrolled() {
    this.pinned = this.atEnd();
    if (this.pinned) this.jump.hidden = true;
  }
}

function groups(before, message) {
  return (
    Boolean(before) &&
    before.user === message.user &&
    !before.ephemeral &&
    !message.ephemeral &&
    !(before.reply_count > 0) &&
    Number(message.ts) - Number(before.ts) < GROUP_SECONDS
  );
}

function dayRow(day, ts) {
  return {
    key: `day ${day}`,
    signature: ts,
    build: () =>
      h(
        "div.day",
        { role: "separator" },
        h("span.day-label", {}, dateNode(Number(ts), "{day_divider_pretty}", "")),
      ),
  };
}

function newRow() {
  return {
    key: "new",
    signature: "",
    build: () => h("div.new-line", { role: "separator" }, h("span", {}, "New")),
  };
}

function repliesRow(count) {
  const text = `${count} ${count === 1 ? "reply" : "replies"}`;
  return {
    key: "replies",
    signature: text,
    build: () => h("div.replies-line", {}, h("span", {}, text)),
  };
}
