// The conversations on this page: fetching them, and what live events do to them.

import { get } from "./api.js";
import { emit, isAppChannel, now, state } from "./state.js";

export const SLACKBOT = "USLACKBOT";
const MOST_ATTEMPTS = 5;
const heard = new Map(); // channel id -> live events so far
const local = new Map(); // channel id -> notices only this page knows

/** Fetches a conversation; its unread mark goes away. */
export async function loadMessages(channel) {
  const answer = await fetchSettled(channel, () => get("/ui/messages", { channel }));
  if (answer.ok === false) return;
  state.messages.set(channel, merged(answer.messages, local.get(channel)));
  emit("messages", { channel });
}

/** Fetches a thread, parent first. */
export async function loadThread(channel, ts) {
  const answer = await fetchSettled(channel, () => get("/ui/thread", { channel, ts }));
  return answer.ok === false ? [] : answer.messages;
}

/** Something happened live in this conversation. */
export function hear(channel) {
  heard.set(channel, (heard.get(channel) ?? 0) + 1);
}

/** Fetches again when a live event overtook the answer, which would then lack it. */
async function fetchSettled(channel, ask) {
  for (let attempt = 1; ; attempt += 1) {
    const before = heard.get(channel);
    const answer = await ask().catch(() => ({ ok: false }));
    if (heard.get(channel) === before || attempt === MOST_ATTEMPTS) return answer;
  }
}

function merged(messages, notices = []) {
  return sorted([...messages, ...notices]);
}

function sorted(messages) {
  return messages.sort((one, other) => Number(one.ts) - Number(other.ts));
}

/** Is this a reply inside a thread, not shown in the conversation itself? */
export function isReply(message) {
  return Boolean(message.thread_ts) && message.thread_ts !== message.ts;
}

/** Adds or replaces a message in a conversation that was fetched before. */
export function putMessage(channel, message) {
  const messages = state.messages.get(channel);
  if (!messages) return;
  const index = messages.findIndex((other) => sameMessage(other, message));
  const filled = message.channel ? message : { channel, ...message };
  if (index >= 0) messages[index] = filled;
  else messages.push(filled);
  sorted(messages);
  emit("messages", { channel });
}

function sameMessage(one, other) {
  return one.ts === other.ts && Boolean(one.ephemeral) === Boolean(other.ephemeral);
}

/** Takes a message out of a conversation. */
export function dropMessage(channel, ts) {
  const messages = state.messages.get(channel);
  if (!messages) return;
  state.messages.set(
    channel,
    messages.filter((message) => message.ts !== ts),
  );
  emit("messages", { channel });
}

/** A notice by Slackbot that only this person sees. */
export function notice(channel, text, thread) {
  const message = {
    ts: now().toFixed(6),
    channel,
    user: SLACKBOT,
    text,
    ephemeral: true,
    thread_ts: thread,
  };
  if (thread) {
    emit("thread-notice", message);
    return;
  }
  local.set(channel, [...(local.get(channel) ?? []), message]);
  putMessage(channel, message);
}

/** Forgets everything about the former person. */
export function forgetMessages() {
  state.messages.clear();
  local.clear();
}

/** Counts a message that arrived in a conversation nobody is looking at. */
export function countUnread(channel, message) {
  const item = state.channels.find(({ id }) => id === channel);
  if (!item || message.user === state.me) return;
  item.unread = Number(item.unread ?? 0) + 1;
  const body = `${message.text ?? ""} ${JSON.stringify(message.blocks ?? "")}`;
  if (isAppChannel(item) || body.includes(`<@${state.me}`))
    item.mentions = (item.mentions ?? 0) + 1;
  emit("channels");
}

/** The conversation was seen. */
export function markRead(channel) {
  const item = state.channels.find(({ id }) => id === channel);
  if (!item) return;
  item.unread = 0;
  item.mentions = 0;
  emit("channels");
}
