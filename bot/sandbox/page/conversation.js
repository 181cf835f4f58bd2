// The middle of the window: the header of the conversation, its tabs, messages and composer.

import { aboutTab, HomeTab } from "./apphome.js";
import { Composer } from "./composer.js";
import { fragment, h } from "./dom.js";
import { icon } from "./icons.js";
import { MessageList } from "./messages.js";
import { renderMrkdwn } from "./mrkdwn.js";
import { avatar } from "./people.js";
import { currentChannel, emit, isAppChannel, state } from "./state.js";
import { isReply } from "./store.js";

const TABS = [
  ["home", "Home"],
  ["messages", "Messages"],
  ["about", "About"],
];

export class Conversation {
  constructor() {
    this.header = h("header.channel-header");
    this.tabs = h("div.tabs", { role: "tablist" });
    this.banner = h("div.banner", { role: "status", hidden: true }, "connecting…");
    this.list = new MessageList({ label: "Messages", intro: () => intro(currentChannel()) });
    this.composer = new Composer({
      target: () => ({ channel: state.channelId }),
      onSent: () => this.sent(),
    });
    this.home = new HomeTab();
    this.about = h("div.about-slot", { hidden: true });
    this.node = h(
      "main.conversation",
      { "aria-label": "Conversation" },
      this.header,
      this.tabs,
      this.banner,
      this.list.node,
      this.home.node,
      this.about,
      this.composer.node,
    );
    // Until it is known whose words go where, there is nothing to write into.
    this.composer.node.hidden = true;
  }

  /** Draws header and tabs, and shows the part that the tab asks for. */
  draw() {
    const item = currentChannel();
    if (!item) return;
    const app = isAppChannel(item);
    if (!app) state.tab = "messages";
    this.header.replaceChildren(...headerParts(item));
    this.tabs.replaceChildren(...(app ? TABS : [["messages", "Messages"]]).map(tabButton));
    const messages = state.tab === "messages";
    this.list.node.hidden = !messages;
    this.composer.node.hidden = !messages;
    this.home.node.hidden = state.tab !== "home";
    this.about.hidden = state.tab !== "about";
    if (state.tab === "about") this.about.replaceChildren(aboutTab());
    this.composer.turnTo(`${state.me} ${item.id}`, `Message ${app ? "" : "#"}${item.name}`);
    this.drawMessages();
  }

  drawMessages() {
    const item = currentChannel();
    const messages = (state.messages.get(item?.id) ?? []).filter((message) => !isReply(message));
    this.list.show(`${state.me} ${item?.id}`, messages, `Messages in ${item?.name ?? ""}`);
  }

  /** Puts the "New" line above the last count messages of others. */
  markNew(count) {
    const others = (state.messages.get(state.channelId) ?? []).filter(
      (message) => !isReply(message) && message.user !== state.me,
    );
    this.list.unreadFrom =
      count > 0 ? (others[Math.max(0, others.length - count)]?.ts ?? null) : null;
  }

  sent() {
    if (this.list.unreadFrom === null) return;
    this.list.unreadFrom = null;
    this.drawMessages();
  }

  /** Shows whether the page hears from the workspace. */
  showOnline(online) {
    this.banner.hidden = online;
  }
}

function headerParts(item) {
  const app = isAppChannel(item);
  const menu = h(
    "button.icon-btn.menu-btn",
    {
      type: "button",
      "aria-label": "Open sidebar",
      dataset: { testid: "open-sidebar" },
      onclick: () => emit("show-sidebar"),
    },
    icon("menu"),
  );
  const title = h(
    "h2.channel-title",
    {},
    app ? avatar(state.app.bot_user_id, "s") : icon(item.private ? "lock" : "hash"),
    h("span", {}, item.name),
    app && h("span.badge", {}, "APP"),
  );
  return [
    menu,
    title,
    h("span.channel-topic", {}, item.topic ? renderMrkdwn(item.topic) : ""),
    h("span.spring"),
    ...members(item),
  ];
}

function members(item) {
  if (isAppChannel(item) || !item.member_count) return [];
  const people = [...state.users.values()]
    .filter((person) => !person.is_bot && !person.local)
    .slice(0, 3);
  return [
    h(
      "span.members",
      { title: `${item.member_count} members` },
      people.map((person) => avatar(person.id, "xs")),
      h("span", {}, String(item.member_count)),
    ),
  ];
}

function tabButton([name, label]) {
  const active = state.tab === name;
  return h(
    `button.tab${active ? ".is-active" : ""}`,
    {
      type: "button",
      role: "tab",
      "aria-selected": String(active),
      dataset: { testid: `tab-${name}` },
      onclick: () => emit("open-tab", name),
    },
    name === "messages" && icon("messages"),
    label,
  );
}

/** What stands above the first message of a conversation. */
function intro(item) {
  if (!item) return null;
  if (isAppChannel(item)) {
    return fragment(
      avatar(state.app.bot_user_id, "xl"),
      h("h3", {}, item.name, h("span.badge", {}, "APP")),
      h(
        "p",
        {},
        state.app.description || "",
        " This is the very beginning of your direct message history with ",
        h("span.mention", {}, `@${item.name}`),
        ".",
      ),
    );
  }
  return fragment(
    h("h3", {}, icon(item.private ? "lock" : "hash"), item.name),
    h(
      "p",
      {},
      "This is the very beginning of the ",
      h("span.mention", {}, `#${item.name}`),
      " channel.",
      item.topic && [" Topic: ", renderMrkdwn(item.topic)],
    ),
  );
}
