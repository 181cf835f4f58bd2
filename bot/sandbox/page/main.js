// Puts the page together: who acts, which conversation is open, what live events do.

import { get, Live } from "./api.js";
import { DemoClock } from "./clock.js";
import { Conversation } from "./conversation.js";
import { debounce, h } from "./dom.js";
import { refreshDates } from "./entities.js";
import { icon } from "./icons.js";
import { Modal } from "./modal.js";
import { applyTheme } from "./people.js";
import { closePopup } from "./popup.js";
import { drawRail, drawSidebar } from "./sidebar.js";
import {
  currentChannel,
  emit,
  isAppChannel,
  on,
  setPreference,
  state,
  takeClock,
  takeState,
} from "./state.js";
import {
  countUnread,
  dropMessage,
  forgetMessages,
  hear,
  isReply,
  loadMessages,
  markRead,
  putMessage,
  SLACKBOT,
} from "./store.js";
import { openSwitcher, searchField } from "./switcher.js";
import { ThreadPane } from "./thread.js";
import { toast } from "./toast.js";

const RETRY_MS = 1000;

const conversation = new Conversation();
const thread = new ThreadPane();
const modal = new Modal();
const rail = h("nav.rail", { "aria-label": "Workspace" });
const sidebar = h("div.sidebar", { id: "sidebar" });
const scrim = h("div.scrim", { onclick: () => showSidebar(false) });
const search = h("div.topbar-search");
const live = new Live({ onEvent: received, onOnline: online, onOffline: offline });
const reloadSoon = debounce(reload, 150);
const readSoon = debounce((id) => loadMessages(id), 500); // fetching is what marks as read

function build() {
  document
    .getElementById("app")
    .append(
      h(
        "header.topbar",
        {},
        h("span.topbar-lead"),
        search,
        h("div.topbar-tail", {}, themeButton(), new DemoClock().node),
      ),
      rail,
      sidebar,
      scrim,
      h("div.stage", {}, conversation.node, thread.node),
    );
  document.body.append(h("div.toasts", { id: "toasts", role: "status", "aria-live": "polite" }));
}

function themeButton() {
  const dark = () =>
    document.documentElement.dataset.theme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  return h(
    "button.topbar-btn",
    {
      type: "button",
      title: "Light or dark",
      "aria-label": "Switch between light and dark",
      dataset: { testid: "theme-toggle" },
      onclick: () => setPreference("theme", dark() ? "light" : "dark"),
    },
    icon("sun", "icon icon-sun"),
    icon("moon", "icon icon-moon"),
  );
}

async function start() {
  applyTheme();
  build();
  const wanted = new URLSearchParams(location.search);
  await becomeUser(wanted.get("user") ?? "", wanted.get("channel"), wanted.get("tab"));
}

/** Loads the workspace as a person sees it and listens for what happens to them. */
async function becomeUser(id, channel, tab) {
  closePopup();
  modal.close(true);
  thread.close();
  forgetMessages();
  conversation.home.forget();
  state.me = id;
  if (!(await fetchState()))
    return void setTimeout(() => becomeUser(state.me, channel, tab), RETRY_MS);
  state.dismissed = new Set(readDismissed());
  live.connect(state.me);
  const known = state.channels.find((item) => item.id === channel || item.name === channel);
  await openChannel({ id: (known ?? firstChannel())?.id, tab: tab ?? "messages" });
}

function firstChannel() {
  return state.channels.find(({ kind }) => kind !== "im") ?? state.channels[0];
}

async function fetchState() {
  const answer = await get("/ui/state").catch(() => ({ ok: false }));
  if (answer.http === 404) state.me = ""; // nobody of that name here: the first person will do
  if (!answer.users) return offline();
  const mentions = new Map(state.channels.map((item) => [item.id, item.mentions]));
  takeState(answer);
  for (const item of state.channels) {
    if (item.id === state.channelId) item.unread = 0;
    item.mentions = item.unread ? (mentions.get(item.id) ?? 0) : 0;
  }
  if (!state.users.has(SLACKBOT))
    state.users.set(SLACKBOT, {
      id: SLACKBOT,
      name: "slackbot",
      real_name: "Slackbot",
      initials: "S",
      color: "#4a154b",
      is_bot: false,
      local: true,
    });
  document.title = `${state.workspace.name} - Slack`;
  search.replaceChildren(searchField());
  drawFrame();
  return true;
}

async function reload() {
  if (!(await fetchState())) return;
  await Promise.all([loadMessages(state.channelId), thread.reload()]);
  if (state.tab === "home") await conversation.home.open();
}

function drawFrame() {
  drawRail(rail);
  drawSidebar(sidebar);
}

async function openChannel({ id, tab }) {
  if (!id || !state.channels.some((item) => item.id === id)) return;
  showSidebar(false);
  if (thread.open && id !== thread.open.channel) thread.close();
  const unread = Number(state.channels.find((item) => item.id === id).unread ?? 0);
  state.channelId = id;
  state.tab = isAppChannel(currentChannel()) ? (tab ?? "messages") : "messages";
  conversation.list.unreadFrom = null;
  remember();
  markRead(id);
  conversation.draw();
  await loadMessages(id);
  if (state.channelId !== id) return;
  conversation.markNew(unread);
  conversation.draw();
  if (state.tab === "home") await conversation.home.open();
  else if (matchMedia("(pointer: fine)").matches) conversation.composer.field.focus();
}

function remember() {
  const query = new URLSearchParams({ user: state.me, channel: state.channelId });
  if (state.tab !== "messages") query.set("tab", state.tab);
  history.replaceState(null, "", `?${query}`);
}

function showSidebar(open) {
  document.body.classList.toggle(
    "has-sidebar",
    open ?? !document.body.classList.contains("has-sidebar"),
  );
}

function online(again) {
  state.online = true;
  conversation.showOnline(true);
  drawSidebar(sidebar);
  emit("app");
  if (again) reloadSoon();
}

function offline() {
  state.online = false;
  conversation.showOnline(false);
  drawSidebar(sidebar);
  emit("app");
  return false;
}

function received(event) {
  if (event.channel) hear(event.channel);
  RECEIVERS[event.type]?.(event);
}

const RECEIVERS = {
  message: ({ channel, message }) => arrived(channel, message),
  message_changed: ({ channel, message }) => {
    if (!isReply(message)) putMessage(channel, message);
    if (thread.holds(channel, message)) thread.put(message);
  },
  message_deleted: ({ channel, ts }) => {
    dropMessage(channel, ts);
    thread.drop(ts);
  },
  view: ({ view, stack }) => modal.show(view, stack ?? 1),
  view_errors: ({ view_id: id, errors }) => modal.showErrors(id, errors),
  home: ({ view }) => conversation.home.hear(view),
  clock: takeClock,
  toast: ({ text }) => toast(text),
  app: ({ connected }) => {
    state.app.connected = connected;
    emit("app");
  },
};

function arrived(channel, message) {
  if (!state.channels.some((item) => item.id === channel)) return reloadSoon();
  if (isReply(message)) {
    if (thread.holds(channel, message)) thread.put(message);
    return undefined; // the parent's reply count comes as a message_changed of its own
  }
  putMessage(channel, message);
  const seen = channel === state.channelId && state.tab === "messages" && !document.hidden;
  return seen ? readSoon(channel) : countUnread(channel, message);
}

function readDismissed() {
  try {
    return JSON.parse(sessionStorage.getItem(`dismissed.${state.me}`) ?? "[]");
  } catch {
    return [];
  }
}

function dismiss({ ts }) {
  state.dismissed.add(ts);
  try {
    sessionStorage.setItem(`dismissed.${state.me}`, JSON.stringify([...state.dismissed]));
  } catch {
    // without storage the message comes back on reload
  }
  conversation.drawMessages();
}

on("open-channel", openChannel);
on("open-tab", (tab) => openChannel({ id: state.channelId, tab }));
on("switch-user", ({ id }) => becomeUser(id, state.channelId));
on("messages", ({ channel }) => channel === state.channelId && conversation.drawMessages());
on("channels", drawFrame);
on("show-sidebar", () => showSidebar());
on("dismiss", dismiss);
on("preference", () => {
  applyTheme();
  conversation.draw();
  refreshDates();
});
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  openSwitcher();
});
addEventListener("pagehide", () => modal.abandon());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.channelId) markRead(state.channelId);
});

start();
