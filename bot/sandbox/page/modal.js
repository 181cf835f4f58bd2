// Modals: a view of the app over everything, one at a time, with the stack behind it.

import { post, postLast } from "./api.js";
import { showBlocks, showErrors } from "./blocks.js";
import { focusables, h, trapTab } from "./dom.js";
import { problems } from "./form.js";
import { icon } from "./icons.js";
import { renderText } from "./mrkdwn.js";
import { avatar } from "./people.js";
import { closePopup, popupOpen } from "./popup.js";
import { state } from "./state.js";
import { makeSurface } from "./surface.js";

const TROUBLE = "We had some trouble connecting. Try again?";

export class Modal {
  constructor() {
    this.view = null;
    this.depth = 0;
    this.surfaces = new Map(); // view id -> surface: a view below keeps what was entered
    this.node = null;
    this.before = null;
    this.place = null; // where in the dialog the focus was last
    // Not on the dialog: an update or a disabled button can leave the focus on the page itself.
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  /** The top view of the acting person's stack changed; null: no view is open. */
  show(view, depth = 1) {
    if (!view) return this.hide();
    const same = this.view?.id === view.id && this.node;
    this.view = view;
    this.depth = depth;
    if (!same) this.open();
    return this.draw(!same);
  }

  hide() {
    closePopup();
    this.node?.remove();
    this.node = null;
    this.view = null;
    for (const surface of this.surfaces.values()) surface.settle();
    this.surfaces.clear();
    this.before?.focus?.();
    this.before = null;
  }

  open() {
    closePopup();
    this.before ??= document.activeElement;
    this.node?.remove();
    this.header = h("header.dialog-header");
    this.alert = h("div.dialog-alert", { role: "alert", hidden: true });
    this.body = h("div.dialog-body.blocks");
    this.footer = h("footer.dialog-footer");
    const form = h(
      "form.dialog",
      {
        role: "dialog",
        "aria-modal": "true",
        "aria-labelledby": "modal-title",
        tabIndex: -1,
        novalidate: true,
        dataset: { testid: "modal", viewId: this.view.id },
        onsubmit: (event) => this.submitted(event),
      },
      this.header,
      this.alert,
      this.body,
      this.footer,
    );
    form.addEventListener("field-change", (event) => this.clearError(event));
    form.addEventListener("focusin", ({ target }) => {
      this.place = this.placeOf(target);
    });
    this.form = form;
    this.place = null;
    this.node = h("div.overlay", {}, form);
    document.body.append(this.node);
  }

  draw(fresh) {
    const { view } = this;
    const caret = document.activeElement?.selectionStart;
    this.header.replaceChildren(...this.headerParts());
    showBlocks(this.body, view.blocks ?? [], this.surface(), view.state?.values);
    this.footer.replaceChildren(...this.footerParts());
    this.footer.hidden = !this.footer.children.length;
    if (fresh) this.focusFirst();
    else this.refocus(caret);
  }

  surface() {
    const { id } = this.view;
    if (!this.surfaces.has(id))
      this.surfaces.set(id, makeSurface("modal", { type: "view", view_id: id }));
    return this.surfaces.get(id);
  }

  headerParts() {
    const back = h(
      "button.icon-btn",
      {
        type: "button",
        "aria-label": "Back",
        dataset: { testid: "modal-back" },
        onclick: () => this.close(false),
      },
      icon("back"),
    );
    return [
      this.depth > 1 ? back : avatar(state.app.bot_user_id, "s"),
      h("h2.dialog-title", { id: "modal-title" }, renderText(this.view.title)),
      h(
        "button.icon-btn",
        { type: "button", "aria-label": "Close", onclick: () => this.close(true) },
        icon("close"),
      ),
    ];
  }

  footerParts() {
    const { submit, close } = this.view;
    const cancel = h(
      "button.btn.btn--large",
      { type: "button", dataset: { testid: "modal-close" }, onclick: () => this.close(false) },
      close ? renderText(close) : submit ? "Cancel" : "Close",
    );
    this.submitButton =
      submit &&
      h(
        "button.btn.btn--large.btn--primary",
        { type: "submit", dataset: { testid: "modal-submit" } },
        h("span.btn-label", {}, renderText(submit)),
      );
    return [cancel, this.submitButton].filter(Boolean);
  }

  focusFirst() {
    (this.body.querySelector("[data-focus]") ?? this.form).focus();
  }

  /** The parts of the dialog by names that hold when it is drawn anew. */
  parts() {
    const blocks = [...this.body.children].map((node) => [`block ${node.reconcileKey}`, node]);
    return new Map([["header", this.header], ...blocks, ["footer", this.footer]]);
  }

  placeOf(node) {
    const found = [...this.parts()].find(([, part]) => part.contains(node));
    return found ? { name: found[0], index: focusables(found[1]).indexOf(node) } : null;
  }

  /** Puts the focus back where it was, if a redraw or a wait took it away. */
  refocus(caret) {
    if (document.activeElement !== document.body) return;
    const { name, index } = this.place ?? {};
    const part = this.parts().get(name);
    const node = (part && focusables(part)[index]) ?? this.form;
    node.focus();
    if (Number.isInteger(caret)) node.setSelectionRange?.(caret, caret);
  }

  /** Shows refusals at their fields. */
  showErrors(viewId, errors) {
    if (this.view?.id !== viewId) return;
    const first = showErrors(this.body, errors);
    first?.scrollIntoView({ block: "center" });
    first?.querySelector("input, textarea, button")?.focus();
    this.refocus();
  }

  clearError(event) {
    const block = event.target.closest(".block--input.has-error");
    if (!block) return;
    block.classList.remove("has-error");
    block.querySelector(".input-error").hidden = true;
  }

  async submitted(event) {
    event.preventDefault();
    closePopup();
    const { view } = this;
    if (!view?.submit || this.submitButton.disabled) return;
    document.activeElement?.blur?.(); // a picker being typed into stores its value now
    const { form } = this.surface();
    const found = problems(view.blocks, form);
    if (Object.keys(found).length) return void this.showErrors(view.id, found);
    this.surface().settle();
    this.busy(true);
    const answer = await post("/ui/submit", { view_id: view.id, state: { values: form.values() } });
    if (this.view?.id !== view.id) return;
    this.busy(false);
    this.alert.hidden = true;
    if (answer.errors && Object.keys(answer.errors).length) this.showErrors(view.id, answer.errors);
    else if (answer.ok === false) this.trouble();
    else this.body.scrollTop = 0; // an answer in the form stands at its top
    this.refocus();
  }

  busy(yes) {
    if (!this.submitButton) return;
    this.submitButton.disabled = yes;
    this.submitButton.setAttribute("aria-busy", String(yes));
  }

  trouble() {
    this.alert.hidden = false;
    this.alert.replaceChildren(icon("warning"), TROUBLE);
  }

  /** Cancel and Back close this view only; the cross and Escape close the whole stack. */
  async close(clear) {
    const { view, depth } = this;
    if (!view) return;
    if (clear || depth <= 1) this.hide();
    await post("/ui/close", { view_id: view.id, clear });
  }

  /** The page goes away: a modal does not outlive it. */
  abandon() {
    if (this.view) postLast("/ui/close", { view_id: this.view.id, clear: true });
  }

  pressed(event) {
    const topmost = [...document.querySelectorAll(".overlay")].at(-1);
    if (!this.node || topmost !== this.node) return;
    if (!popupOpen()) trapTab(event, this.form);
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.stopPropagation();
    this.close(true);
  }
}
