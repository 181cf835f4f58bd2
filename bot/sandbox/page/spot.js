// One interactive element in its place: where its value lives and how its actions leave.

import { askConfirm } from "./confirm.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const FAILURES = {
  operation_timeout: "The app did not answer in time",
  connection_failed: "The workspace could not be reached",
};

/**
 * element and block come from Block Kit; the surface gives {form, dispatch(action), options(…)}.
 * node is the control that people use; it carries data-action-id and data-block-id.
 */
export class Spot {
  constructor(element, block, surface) {
    this.element = element;
    this.block = block;
    this.surface = surface;
    this.blockId = block.block_id ?? "";
    this.actionId = element.action_id ?? "";
    this.dispatches = block.type !== "input" || block.dispatch_action === true;
    this.node = null;
  }

  /** Properties every control of this element gets. */
  get hooks() {
    return { dataset: { actionId: this.actionId, blockId: this.blockId } };
  }

  get value() {
    return this.surface.form.get(this.blockId, this.actionId);
  }

  store(value) {
    this.surface.form.set(this.blockId, this.actionId, this.element.type, value);
    this.node?.dispatchEvent(new CustomEvent("field-change", { bubbles: true }));
  }

  /** Stores a value and, where the element acts at once, tells the app. False: the person declined. */
  async commit(value) {
    if (this.dispatches && !(await this.confirmed())) return false;
    this.store(value);
    if (this.dispatches) await this.send(this.surface.form.fields(this.blockId, this.actionId));
    return true;
  }

  /** Sends an action with these extra fields, unless the person declines the confirm dialog. */
  async act(fields) {
    if (await this.confirmed()) await this.send(fields);
  }

  async confirmed() {
    return !this.element.confirm || askConfirm(this.element.confirm);
  }

  async send(fields) {
    const node = this.node;
    if (node?.getAttribute("aria-busy") === "true") return;
    node?.setAttribute("aria-busy", "true");
    const answer = await this.surface.dispatch({
      type: this.element.type,
      action_id: this.actionId,
      block_id: this.blockId,
      ...fields,
    });
    node?.removeAttribute("aria-busy");
    if (node) showFailure(node, answer);
  }
}

/** A small warning next to a control whose action failed; gone with the next success. */
function showFailure(node, answer) {
  const after = node.nextElementSibling;
  if (after?.classList.contains("action-warning")) after.remove();
  if (answer?.ok !== false) return;
  const text = FAILURES[answer.error] ?? `This app responded with “${answer.error ?? "an error"}”`;
  node.after(
    h(
      "span.action-warning",
      { role: "alert", title: text, dataset: { testid: "action-warning" } },
      icon("warning"),
      h("span.visually-hidden", {}, text),
    ),
  );
}
