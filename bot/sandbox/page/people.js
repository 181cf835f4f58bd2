// Avatars, and the menu that says who you are in this workspace.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { showMenu } from "./popup.js";
import { emit, me, preference, setPreference, state, user } from "./state.js";

const THEMES = [
  ["system", "Theme: same as this computer"],
  ["light", "Theme: light"],
  ["dark", "Theme: dark"],
];

/** A person's initials on their colour; apps get the app glyph. */
export function avatar(id, size = "m") {
  const person = user(id);
  const node = h(
    `span.avatar.avatar--${size}`,
    { "aria-hidden": "true" },
    person.is_bot ? icon("app") : initialsOf(person),
  );
  node.style.backgroundColor = person.color || "#616061";
  return node;
}

function initialsOf(person) {
  return person.initials || (person.real_name || person.name || "?").slice(0, 1).toUpperCase();
}

/** The button at the bottom of the rail: who acts, and the menu to become somebody else. */
export function userSwitch() {
  const button = h(
    "button.rail-me",
    {
      type: "button",
      "aria-haspopup": "menu",
      dataset: { testid: "user-switch", user: state.me },
      "aria-label": `You are ${me()?.real_name ?? state.me}. Switch user`,
      onclick: () => openUserMenu(button),
    },
    avatar(state.me, "l"),
    h("span.presence"),
  );
  return button;
}

function openUserMenu(anchor) {
  const people = [...state.users.values()].filter((person) => !person.is_bot && !person.local);
  showMenu(
    anchor,
    [
      ...people.map(personItem),
      { separator: true },
      ...themeItems(),
      { separator: true },
      clockItem(),
    ],
    {
      label: "Switch user",
      align: "end",
      header: menuHeader(),
    },
  );
}

function menuHeader() {
  const person = me();
  return h(
    "div.menu-header",
    {},
    avatar(state.me, "l"),
    h(
      "div",
      {},
      h("strong", {}, person?.real_name ?? state.me),
      h("div.menu-detail", {}, `${person?.title ? `${person.title} · ` : ""}${person?.tz ?? ""}`),
    ),
  );
}

function personItem(person) {
  return {
    label: person.real_name || person.name,
    detail: [person.title, person.admin ? "admin" : "", person.tz].filter(Boolean).join(" · "),
    checked: person.id === state.me,
    testid: `user-${person.name}`,
    leading: avatar(person.id, "s"),
    onselect: () => emit("switch-user", { id: person.id }),
  };
}

function themeItems() {
  const current = preference("theme", "system");
  return THEMES.map(([value, label]) => ({
    label,
    checked: value === current,
    testid: `theme-${value}`,
    onselect: () => setPreference("theme", value),
  }));
}

function clockItem() {
  const twelve = preference("hour12", "no") === "yes";
  return {
    label: "24-hour clock",
    checked: !twelve,
    testid: "hour24",
    onselect: () => setPreference("hour12", twelve ? "no" : "yes"),
  };
}

/** Applies the chosen theme to the document. */
export function applyTheme() {
  const theme = preference("theme", "system");
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
