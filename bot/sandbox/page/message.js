// One message: avatar, name, badge, time, body, files, thread line and hover toolbar.

import { blocksAsText, showBlocks } from "./blocks.js";
import { h } from "./dom.js";
import { imageNode } from "./elements.js";
import { dateNode } from "./entities.js";
import { icon } from "./icons.js";
import { plainText, renderMrkdwn } from "./mrkdwn.js";
import { avatar } from "./people.js";
import { showMenu } from "./popup.js";
import { displayName, emit, now, user } from "./state.js";
import { relative } from "./dates.js";
import { makeSurface, messageSurface } from "./surface.js";
import { toast } from "./toast.js";

/** compact: same author just before, so avatar and name are left out. inThread: no thread line. */
export function renderMessage(message, { compact = false, inThread = false } = {}) {
  const author = displayName(message.user);
  return h(
    `article.message${compact ? ".message--compact" : ""}${message.ephemeral ? ".message--ephemeral" : ""}`,
    {
      dataset: {
        testid: "message",
        ts: message.ts,
        ephemeral: Boolean(message.ephemeral),
        user: message.user,
      },
      "aria-label": `Message from ${author}`,
      tabIndex: -1,
    },
    message.ephemeral && h("div.message-notice", {}, icon("eye"), "Only visible to you"),
    h(
      "div.message-gutter",
      {},
      compact ? timeNode(message, "message-time message-time--gutter") : avatar(message.user),
    ),
    h(
      "div.message-main",
      {},
      !compact && messageHeader(message, author),
      messageBody(message),
      !inThread && message.reply_count > 0 && threadLine(message),
    ),
    toolbar(message, inThread),
  );
}

function messageHeader(message, author) {
  return h(
    "div.message-header",
    {},
    h("span.message-author", {}, author),
    user(message.user).is_bot &&
      h("span.badge", { title: "This message was posted by an app" }, "APP"),
    timeNode(message, "message-time"),
  );
}

function timeNode(message, css) {
  const node = dateNode(Number(message.ts), "{time}", "");
  node.className = `date ${css}`;
  return node;
}

function messageBody(message) {
  const body = h("div.message-body");
  if (message.blocks?.length) {
    const list = h("div.blocks");
    showBlocks(list, message.blocks, messageSurface(message.channel, message.ts));
    body.append(list);
  } else if (message.text) body.append(h("div.message-text", {}, renderMrkdwn(message.text)));
  for (const attachment of message.attachments ?? [])
    body.append(renderAttachment(message, attachment));
  for (const file of message.files ?? []) body.append(renderFile(file));
  if (message.edited && !message.ephemeral)
    body.append(h("span.message-edited", { title: "Edited" }, "(edited)"));
  return body;
}

function placeOf({ channel, ts }) {
  return { type: "message", channel, ts };
}

/** Legacy attachments: a coloured bar with text or blocks. */
function renderAttachment(message, attachment) {
  const bar = h("div.attachment-bar");
  if (attachment.color)
    bar.style.backgroundColor = /^[0-9a-f]{3,6}$/i.test(attachment.color)
      ? `#${attachment.color}`
      : attachment.color;
  const list = h("div.blocks");
  if (attachment.blocks)
    showBlocks(list, attachment.blocks, makeSurface("message", placeOf(message)));
  else
    list.append(
      renderMrkdwn(
        [attachment.title && `*${attachment.title}*`, attachment.text ?? attachment.fallback]
          .filter(Boolean)
          .join("\n"),
      ),
    );
  return h("div.attachment", {}, bar, list);
}

function renderFile(file) {
  const name = file.title || file.name || "File";
  const address = `/ui/file/${encodeURIComponent(file.id)}`;
  if ((file.mimetype ?? "").startsWith("image/")) {
    return h(
      "figure.image-block",
      {},
      h("figcaption", {}, name),
      imageNode({ image_url: address, alt_text: file.alt_txt ?? name }, "block-image"),
    );
  }
  return h(
    "a.file-card",
    { href: address, target: "_blank", rel: "noopener" },
    icon("file"),
    h("span", {}, name),
  );
}

function threadLine(message) {
  const count = message.reply_count;
  const last = message.latest_reply
    ? `Last reply ${relative(Number(message.latest_reply) - now())}`
    : "View thread";
  return h(
    "button.thread-line",
    { type: "button", dataset: { testid: "thread-line" }, onclick: () => openThread(message) },
    (message.reply_users ?? []).slice(0, 5).map((id) => avatar(id, "xs")),
    h("span.thread-count", {}, `${count} ${count === 1 ? "reply" : "replies"}`),
    h("span.thread-last", {}, last),
  );
}

function openThread(message) {
  emit("open-thread", { channel: message.channel, ts: message.thread_ts ?? message.ts });
}

function toolbar(message, inThread) {
  const tool = (name, label, onclick) =>
    h("button.tool", { type: "button", title: label, "aria-label": label, onclick }, icon(name));
  const menu = (event) =>
    showMenu(event.currentTarget, menuItems(message), { label: "More actions", align: "end" });
  return h(
    "div.toolbar",
    { role: "group", "aria-label": "Message actions" },
    !message.ephemeral && !inThread && tool("thread", "Reply in thread", () => openThread(message)),
    !message.ephemeral && tool("copy", "Copy text", () => copyText(message)),
    tool("moreVertical", "More actions", menu),
  );
}

function menuItems(message) {
  const copy = { label: "Copy text", onselect: () => copyText(message) };
  if (!message.ephemeral) return [copy];
  return [
    copy,
    {
      label: "Dismiss message",
      danger: true,
      testid: "dismiss",
      onselect: () => emit("dismiss", message),
    },
  ];
}

async function copyText(message) {
  const text = message.blocks?.length
    ? blocksAsText(message.blocks)
    : plainText({ type: "mrkdwn", text: message.text ?? "" });
  try {
    await navigator.clipboard.writeText(text);
    toast("Text copied");
  } catch {
    toast("This browser does not allow copying here");
  }
}
