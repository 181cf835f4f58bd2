// The thread pane on the right.

import { Composer } from "./composer.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { MessageList } from "./messages.js";
import { channel, emit, on } from "./state.js";
import { isReply, loadThread, SLACKBOT } from "./store.js";

export class ThreadPane {
  constructor() {
    this.open = null; // {channel, ts}
    this.messages = [];
    this.list = new MessageList({ label: "Thread", inThread: true });
    this.composer = new Composer({
      prefix: "thread-",
      target: () => ({ channel: this.open.channel, thread_ts: this.open.ts }),
    });
    this.title = h("div.thread-where");
    this.node = h(
      "aside.thread",
      {
        hidden: true,
        "aria-label": "Thread",
        dataset: { testid: "thread" },
        onkeydown: (event) => this.pressed(event),
      },
      h(
        "header.thread-header",
        {},
        h("h2", {}, "Thread"),
        this.title,
        h("span.spring"),
        h(
          "button.icon-btn",
          {
            type: "button",
            "aria-label": "Close thread",
            dataset: { testid: "thread-close" },
            onclick: () => this.close(),
          },
          icon("close"),
        ),
      ),
      this.list.node,
      this.composer.node,
    );
    on("open-thread", (place) => this.show(place));
    on("thread-notice", (message) => this.put(message));
    on("dismiss", () => this.open && this.draw());
    on("preference", () => this.open && this.draw());
  }

  async show({ channel: id, ts }) {
    this.open = { channel: id, ts };
    this.node.hidden = false;
    document.body.classList.add("has-thread");
    this.title.textContent = nameOf(channel(id));
    this.composer.turnTo(`${id} ${ts}`, "Reply…");
    await this.reload();
    this.composer.field.focus();
  }

  async reload() {
    const place = this.open;
    if (!place) return;
    const messages = await loadThread(place.channel, place.ts);
    if (place !== this.open) return;
    this.messages = messages;
    this.draw();
  }

  draw() {
    this.list.show(this.open.ts, this.messages, `Thread in ${nameOf(channel(this.open.channel))}`);
  }

  close() {
    if (!this.open) return;
    this.open = null;
    this.messages = [];
    this.list.clear();
    this.node.hidden = true;
    document.body.classList.remove("has-thread");
    emit("thread-closed");
  }

  /** Does this message stand in the open thread? */
  holds(id, message) {
    return (
      this.open?.channel === id &&
      (message.ts === this.open.ts || message.thread_ts === this.open.ts)
    );
  }

  /** Adds or replaces a message of the open thread. */
  put(message) {
    if (
      !this.open ||
      !(message.ts === this.open.ts || isReply(message) || message.user === SLACKBOT)
    )
      return;
    const filled = message.channel ? message : { channel: this.open.channel, ...message };
    const index = this.messages.findIndex(
      ({ ts, ephemeral }) => ts === message.ts && Boolean(ephemeral) === Boolean(message.ephemeral),
    );
    if (index >= 0) this.messages[index] = filled;
    else this.messages.push(filled);
    this.draw();
  }

  drop(ts) {
    if (!this.open) return;
    if (ts === this.open.ts) return this.close();
    this.messages = this.messages.filter((message) => message.ts !== ts);
    return this.draw();
  }

  pressed(event) {
    if (event.key === "Escape" && !event.defaultPrevented) this.close();
  }
}

function nameOf(item) {
  if (!item) return "";
  return item.kind === "im" ? item.name : `# ${item.name}`;
}
