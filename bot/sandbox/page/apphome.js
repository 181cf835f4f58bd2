// The app's own conversation: its Home tab and its About tab.

import { get } from "./api.js";
import { showBlocks } from "./blocks.js";
import { h } from "./dom.js";
import { avatar } from "./people.js";
import { displayName, state } from "./state.js";
import { makeSurface } from "./surface.js";

/** The Home tab: the view the app publishes for this person. */
export class HomeTab {
  constructor() {
    this.blocks = h("div.home-blocks.blocks");
    this.empty = h("div.home-empty", { hidden: true });
    this.node = h(
      "section.home",
      { hidden: true, role: "tabpanel", "aria-label": "Home", dataset: { testid: "home" } },
      this.blocks,
      this.empty,
    );
    this.surface = null;
    this.viewId = null;
    this.heard = 0; // live updates so far
  }

  /** Opens the tab: the workspace tells the app (app_home_opened) and gives what is published. */
  async open() {
    const before = this.heard;
    const answer = await get("/ui/home");
    if (answer.ok !== false && this.heard === before) this.show(answer.view);
  }

  /** The app published a view; an answer that is still on its way is older than this. */
  hear(view) {
    this.heard += 1;
    this.show(view);
  }

  show(view) {
    this.empty.hidden = Boolean(view);
    this.blocks.hidden = !view;
    if (!view) return this.empty.replaceChildren(...nothingYet());
    if (view.id !== this.viewId) {
      this.viewId = view.id;
      this.surface = makeSurface("home", { type: "view", view_id: view.id });
    }
    return showBlocks(this.blocks, view.blocks ?? [], this.surface, view.state?.values);
  }

  /** Another person sees another Home. */
  forget() {
    this.viewId = null;
    this.blocks.replaceChildren();
    this.empty.hidden = true;
  }
}

function nothingYet() {
  const name = state.app.name || displayName(state.app.bot_user_id);
  return [
    avatar(state.app.bot_user_id, "xl"),
    h("h3", {}, "This is a work in progress"),
    h("p", {}, `${name} has not published anything here yet.`),
  ];
}

/** The About tab. */
export function aboutTab() {
  const name = state.app.name || displayName(state.app.bot_user_id);
  return h(
    "section.about",
    { role: "tabpanel", "aria-label": "About", dataset: { testid: "about" } },
    h(
      "div.about-head",
      {},
      avatar(state.app.bot_user_id, "xl"),
      h(
        "div",
        {},
        h("h3", {}, name),
        h("p", {}, state.app.connected ? "Connected" : "Not connected"),
      ),
    ),
    state.app.description && h("p", {}, state.app.description),
    state.app.long_description && h("p", {}, state.app.long_description),
    h("h4", {}, "Slash commands"),
    state.commands.map((command) =>
      h(
        "div.about-command",
        {},
        h("b", {}, command.command),
        command.usage_hint && h("code.mrkdwn-code", {}, command.usage_hint),
        h("p", {}, command.description),
      ),
    ),
  );
}
