// Short notices at the foot of the window.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN_MS = 6000;

/** Shows a notice for six seconds, or until it is closed. */
export function toast(text) {
  const stack = document.getElementById("toasts");
  const remove = () => node.remove();
  const node = h(
    "div.toast",
    { dataset: { testid: "toast" } },
    h("span", {}, text),
    h(
      "button.toast-close",
      { type: "button", "aria-label": "Close notice", onclick: remove },
      icon("close"),
    ),
  );
  stack.append(node);
  while (stack.children.length > 3) stack.firstChild.remove();
  setTimeout(remove, SHOWN_MS);
}
