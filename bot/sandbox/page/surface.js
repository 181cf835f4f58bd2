// A surface is where blocks live: a message, a modal, the app's Home tab. It holds what was
// entered there and carries actions to the workspace.

import { post } from "./api.js";
import { Form } from "./form.js";

/**
 * kind: "message" | "modal" | "home". container: what the payload says about the place,
 * {"type": "message", channel, ts} or {"type": "view", view_id}.
 */
export function makeSurface(kind, container) {
  const form = new Form();
  return {
    kind,
    container,
    form,
    /** Debounced actions of its fields that have not left yet. */
    waiting: new Set(),
    /** Forgets those: what they would tell is no longer asked for. */
    settle() {
      for (const later of this.waiting) later.cancel();
      this.waiting.clear();
    },
    /** Tells the app of an action; resolves to {ok, error}. */
    dispatch(action) {
      return post("/ui/action", { container, action, state: { values: form.values() } });
    },
    /** Asks the app for the options of an external select. */
    options(blockId, actionId, value) {
      return post("/ui/options", { container, block_id: blockId, action_id: actionId, value });
    },
  };
}

const surfaces = new Map();

/** The surface of a message; the same one as long as the page lives, so entries survive edits. */
export function messageSurface(channel, ts) {
  const key = `${channel} ${ts}`;
  if (!surfaces.has(key))
    surfaces.set(key, makeSurface("message", { type: "message", channel, ts }));
  return surfaces.get(key);
}
