// Confirmation dialogs, as Block Kit elements ask for them.

import { h, trapTab } from "./dom.js";
import { icon } from "./icons.js";
import { renderText } from "./mrkdwn.js";

/** Shows a Block Kit confirm object; resolves to true when the person agrees. */
export function askConfirm(confirm) {
  const before = document.activeElement;
  return new Promise((resolve) => {
    const finish = (agreed) => {
      dialog.remove();
      before?.focus?.();
      resolve(agreed);
    };
    const dialog = confirmDialog(confirm, finish);
    document.body.append(dialog);
    dialog.querySelector("[data-testid=confirm-ok]").focus();
  });
}

function confirmDialog(confirm, finish) {
  const danger = confirm.style === "danger" ? ".btn--danger" : ".btn--primary";
  const keys = (event) => {
    trapTab(event, dialog);
    if (event.key !== "Escape") return;
    event.stopPropagation();
    finish(false);
  };
  const dialog = h(
    "div.overlay.overlay--confirm",
    { onkeydown: keys },
    h(
      "div.dialog.dialog--small",
      {
        role: "alertdialog",
        "aria-modal": "true",
        "aria-label": "Confirm",
        dataset: { testid: "confirm" },
      },
      h(
        "header.dialog-header",
        {},
        h("h2.dialog-title", {}, renderText(confirm.title)),
        h(
          "button.icon-btn",
          { type: "button", "aria-label": "Close", onclick: () => finish(false) },
          icon("close"),
        ),
      ),
      h("div.dialog-body", {}, renderText(confirm.text)),
      h(
        "footer.dialog-footer",
        {},
        h(
          "button.btn",
          { type: "button", dataset: { testid: "confirm-cancel" }, onclick: () => finish(false) },
          renderText(confirm.deny),
        ),
        h(
          `button.btn${danger}`,
          { type: "button", dataset: { testid: "confirm-ok" }, onclick: () => finish(true) },
          renderText(confirm.confirm),
        ),
      ),
    ),
  );
  return dialog;
}
