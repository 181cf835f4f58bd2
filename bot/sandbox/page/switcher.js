// The search field in the top bar and Ctrl+K: jump to a conversation.

import { h, trapTab } from "./dom.js";
import { icon } from "./icons.js";
import { avatar } from "./people.js";
import { emit, state } from "./state.js";

/** The field in the middle of the top bar. */
export function searchField() {
  return h(
    "button.search",
    {
      type: "button",
      dataset: { testid: "search" },
      onclick: openSwitcher,
      "aria-label": `Search ${state.workspace.name}`,
    },
    icon("search"),
    h("span", {}, `Search ${state.workspace.name}`),
  );
}

/** Opens the jump-to dialog; Enter takes the first match. */
export function openSwitcher() {
  if (document.querySelector(".switcher")) return;
  const list = h("div.switcher-list", { role: "listbox", "aria-label": "Conversations" });
  const before = document.activeElement;
  const close = () => {
    overlay.remove();
    before?.focus?.();
  };
  const go = (place) => {
    overlay.remove();
    emit("open-channel", place);
  };
  const fill = () =>
    list.replaceChildren(
      ...placesMatching(input.value).map((place, index) => row(place, index === 0, go)),
    );
  const input = h("input.switcher-input", {
    type: "text",
    placeholder: `Search ${state.workspace.name}`,
    "aria-label": "Jump to",
    oninput: fill,
  });
  const overlay = h(
    "div.overlay.overlay--top",
    {
      onkeydown: (event) => keys(event, overlay, list, close),
      onpointerdown: (event) => event.target === overlay && close(),
    },
    h(
      "div.switcher",
      { role: "dialog", "aria-modal": "true", "aria-label": "Jump to" },
      h("div.switcher-field", {}, icon("search"), input),
      list,
    ),
  );
  document.body.append(overlay);
  fill();
  input.focus();
}

function placesMatching(typed) {
  const wanted = typed.trim().replace(/^#/, "").toLowerCase();
  const places = state.channels.map((item) => ({
    id: item.id,
    label: item.name,
    detail: item.topic,
    item,
    tab: "messages",
  }));
  const app = places.find(({ item }) => item.kind === "im");
  if (app) places.push({ ...app, label: `${app.label} (Home tab)`, tab: "home" });
  return places.filter(({ label, detail }) =>
    `${label} ${detail ?? ""}`.toLowerCase().includes(wanted),
  );
}

function row(place, first, go) {
  const { item } = place;
  return h(
    `button.offer${first ? ".is-active" : ""}`,
    { type: "button", role: "option", "aria-selected": String(first), onclick: () => go(place) },
    item.kind === "im" ? avatar(state.app.bot_user_id, "xs") : icon(item.private ? "lock" : "hash"),
    h(
      "span.offer-text",
      {},
      h("b", {}, place.label),
      h("span.offer-detail", {}, place.detail ?? ""),
    ),
  );
}

function keys(event, overlay, list, close) {
  trapTab(event, overlay);
  if (event.key === "Escape") {
    event.stopPropagation();
    close();
  } else if (event.key === "Enter" && event.target.tagName === "INPUT")
    list.querySelector("button")?.click();
  else if (event.key === "ArrowDown") {
    event.preventDefault();
    (event.target.tagName === "INPUT"
      ? list.querySelector("button")
      : event.target.nextElementSibling
    )?.focus();
  }
}
