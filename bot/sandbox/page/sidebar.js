// The rail and the sidebar: the workspace, its channels and its apps.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, userSwitch } from "./people.js";
import { emit, state } from "./state.js";

/** The narrow rail on the left (at the foot of the window on a phone). */
export function drawRail(node) {
  const dm = state.channels.find(({ kind }) => kind === "im");
  const item = (name, label, active, onclick) =>
    h(
      `button.rail-item${active ? ".is-active" : ""}`,
      { type: "button", onclick, "aria-current": active ? "true" : undefined },
      h("span.rail-icon", {}, icon(name)),
      h("span.rail-label", {}, label),
    );
  node.replaceChildren(
    h("span.rail-team", { "aria-hidden": "true" }, teamInitials()),
    item("home", "Home", state.channelId !== dm?.id, () => emit("show-sidebar")),
    dm
      ? item("messages", "DMs", state.channelId === dm.id, () =>
          emit("open-channel", { id: dm.id }),
        )
      : "",
    h("span.spring"),
    userSwitch(),
  );
}

function teamInitials() {
  return state.workspace.name
    .split(/\s+/)
    .map((word) => word[0] ?? "")
    .join("")
    .slice(0, 2)
    .toUpperCase();
}

/** The list of channels and apps. */
export function drawSidebar(node) {
  const channels = state.channels.filter(({ kind }) => kind !== "im");
  const apps = state.channels.filter(({ kind }) => kind === "im");
  node.replaceChildren(
    h("header.sidebar-header", {}, h("h1", {}, state.workspace.name)),
    h(
      "div.sidebar-scroll",
      {},
      group("Channels", channels.map(channelItem)),
      group("Apps", apps.map(channelItem)),
    ),
    h(
      "div.sidebar-status",
      { role: "status", "aria-live": "polite" },
      state.online ? "" : "connecting…",
    ),
  );
}

const folded = new Set();

function group(title, items) {
  if (!items.length) return null;
  const id = `group-${title.toLowerCase()}`;
  const list = h("ul.sidebar-list", { id, hidden: folded.has(title) }, items);
  const toggle = () => {
    if (!folded.delete(title)) folded.add(title);
    list.hidden = folded.has(title);
    button.setAttribute("aria-expanded", String(!list.hidden));
  };
  const button = h(
    "button.sidebar-group",
    { type: "button", "aria-expanded": String(!list.hidden), "aria-controls": id, onclick: toggle },
    icon("chevron"),
    title,
  );
  return h("nav.sidebar-section", { "aria-label": title }, button, list);
}

function channelItem(item) {
  const unread = Number(item.unread ?? 0) > 0;
  const active = item.id === state.channelId;
  const badge = item.kind === "im" ? Number(item.unread ?? 0) : Number(item.mentions ?? 0);
  const css = `${active ? ".is-active" : ""}${unread ? ".is-unread" : ""}`;
  return h(
    "li",
    {},
    h(
      `button.sidebar-item${css}`,
      {
        type: "button",
        "aria-current": active ? "page" : undefined,
        onclick: () => emit("open-channel", { id: item.id }),
        dataset: {
          testid: `channel-${item.name}`,
          channel: item.id,
          unread: unread ? "yes" : "no",
        },
        "aria-label": `${item.kind === "im" ? "" : "channel "}${item.name}${unread ? ", unread messages" : ""}`,
      },
      glyph(item),
      h("span.sidebar-name", {}, item.name),
      badge > 0 && h("span.sidebar-badge", {}, String(badge)),
    ),
  );
}

function glyph(item) {
  if (item.kind === "im") return avatar(item.user ?? state.app.bot_user_id, "xs");
  return icon(item.private ? "lock" : "hash");
}
