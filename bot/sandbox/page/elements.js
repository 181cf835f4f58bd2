// Block Kit elements as controls: buttons, menus, boxes. Text fields, selects and
// pickers have modules of their own.

import { fragment, h } from "./dom.js";
import { isEmpty, sameOption } from "./form.js";
import { icon } from "./icons.js";
import { richTextInput, textInput } from "./inputs.js";
import { plainText, renderText } from "./mrkdwn.js";
import { datePicker, dateTimePicker, timePicker } from "./pickers.js";
import { showMenu } from "./popup.js";
import { multiSelect, singleSelect } from "./selects.js";
import { Spot } from "./spot.js";

const STYLES = { primary: ".btn--primary", danger: ".btn--danger" };
let groups = 0;

/** The node of a Block Kit element; unknown types get a visible placeholder. */
export function renderElement(element, block, surface) {
  const make = ELEMENTS[element.type];
  if (!make) return h("span.unsupported", {}, `Unsupported element: ${element.type}`);
  const spot = new Spot(element, block, surface);
  const node = make(spot);
  spot.node ??= node;
  return node;
}

function button(spot) {
  const { element } = spot;
  const label = renderText(element.text);
  const common = { ...spot.hooks, "aria-label": element.accessibility_label };
  const css = `${element.url ? "a" : "button"}.btn.btn--block${STYLES[element.style] ?? ""}`;
  const fields = {
    text: element.text,
    value: element.value,
    style: element.style,
    url: element.url,
  };
  const press = () => spot.act(fields);
  const where = element.url
    ? { href: safeAddress(element.url), target: "_blank", rel: "noopener noreferrer" }
    : { type: "button" };
  return h(
    css,
    { ...common, ...where, onclick: press },
    h("span.btn-label", {}, label),
    element.url && h("span.visually-hidden", {}, " (opens in a new tab)"),
  );
}

function safeAddress(address) {
  return /^(https?|mailto|tel|slack):/i.test(address) ? address : undefined;
}

function overflow(spot) {
  const open = () =>
    showMenu(
      spot.node,
      spot.element.options.map((option) => ({
        label: renderText(option.text),
        detail: option.description && renderText(option.description),
        dataset: { value: option.value },
        onselect: () => chooseOverflow(spot, option),
      })),
      { label: "More actions" },
    );
  return h(
    "button.btn.btn--icon",
    {
      type: "button",
      "aria-label": "More actions",
      "aria-haspopup": "menu",
      ...spot.hooks,
      onclick: open,
    },
    icon("more"),
  );
}

function chooseOverflow(spot, option) {
  const address = option.url && safeAddress(option.url);
  if (address) window.open(address, "_blank", "noopener");
  return spot.act({ selected_option: option });
}

function checkboxes(spot) {
  const change = () =>
    spot.commit(spot.element.options.filter((_, index) => boxes[index].checked)).then(sync);
  const boxes = spot.element.options.map((option) => choice("checkbox", option, "", change));
  const sync = () =>
    boxes.forEach((box, index) => {
      box.checked = (spot.value ?? []).some((chosen) =>
        sameOption(chosen, spot.element.options[index]),
      );
    });
  sync();
  return choiceGroup(spot, "group", boxes);
}

function radioButtons(spot) {
  groups += 1;
  const name = `radio-${groups}`;
  const change = () =>
    spot.commit(spot.element.options[boxes.findIndex((box) => box.checked)]).then(sync);
  const boxes = spot.element.options.map((option) => choice("radio", option, name, change));
  const sync = () =>
    boxes.forEach((box, index) => {
      box.checked = !isEmpty(spot.value) && sameOption(spot.value, spot.element.options[index]);
    });
  sync();
  return choiceGroup(spot, "radiogroup", boxes);
}

function choice(type, option, name, onchange) {
  return h(`input.choice-box`, { type, name, dataset: { value: option.value }, onchange });
}

function choiceGroup(spot, role, boxes) {
  const rows = spot.element.options.map((option, index) =>
    h(
      "label.choice",
      {},
      boxes[index],
      h(
        "span.choice-text",
        {},
        renderText(option.text),
        option.description && h("span.choice-detail", {}, renderText(option.description)),
      ),
    ),
  );
  return h(
    "div.choices",
    { role, ...spot.hooks, "aria-label": spot.block.label && plainText(spot.block.label) },
    rows,
  );
}

/** An image from the workspace, or from where the app says; what cannot be loaded shows its description. */
export function imageNode({ image_url: address, slack_file: file, alt_text: text }, css) {
  const source = file?.id ? `/ui/file/${encodeURIComponent(file.id)}` : (address ?? file?.url);
  const node = h(`img.${css}`, { src: source, alt: text ?? "", title: text });
  node.addEventListener("error", () =>
    node.replaceWith(
      h(`span.${css}.image-missing`, { role: "img", "aria-label": text }, icon("file"), text),
    ),
  );
  return node;
}

function iconButtons(spot) {
  const { element } = spot;
  const one = (item) =>
    h(
      "button.btn.btn--block",
      {
        type: "button",
        ...spot.hooks,
        onclick: () => spot.act({ value: item.value, text: item.text }),
      },
      renderText(item.text),
    );
  if (element.type === "icon_button") return one(element);
  return fragment(one(element.positive_button), one(element.negative_button));
}

const ELEMENTS = {
  button,
  workflow_button: button,
  overflow,
  checkboxes,
  radio_buttons: radioButtons,
  image: (spot) => imageNode(spot.element, "accessory-image"),
  plain_text_input: textInput,
  number_input: textInput,
  email_text_input: textInput,
  url_text_input: textInput,
  rich_text_input: richTextInput,
  datepicker: datePicker,
  timepicker: timePicker,
  datetimepicker: dateTimePicker,
  static_select: singleSelect,
  external_select: singleSelect,
  users_select: singleSelect,
  conversations_select: singleSelect,
  channels_select: singleSelect,
  multi_static_select: multiSelect,
  multi_external_select: multiSelect,
  multi_users_select: multiSelect,
  multi_conversations_select: multiSelect,
  multi_channels_select: multiSelect,
  feedback_buttons: iconButtons,
  icon_button: iconButtons,
};
