// The sandbox's JSON endpoints and its live events.

import { state } from "./state.js";

const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 8000;

/** GET a path with parameters, as the acting user. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams({ user: state.me ?? "", ...parameters });
  return answer(await fetch(`${path}?${query}`));
}

/** POST JSON as the acting user; a refused or failed request gives {ok: false, error}. */
export async function post(path, body) {
  try {
    return await answer(
      await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ user: state.me, ...body }),
      }),
    );
  } catch (error) {
    return { ok: false, error: "connection_failed", detail: String(error) };
  }
}

/** Sends a last word while the page goes away. */
export function postLast(path, body) {
  const json = JSON.stringify({ user: state.me, ...body });
  navigator.sendBeacon(path, new Blob([json], { type: "application/json" }));
}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok)
    return { ok: false, error: `http_${response.status}`, http: response.status, ...body };
  return body;
}

/**
 * Listens to /ui/live and reconnects with a growing pause when the connection is lost.
 * onOnline(again) is called on each connection; again is true after the first.
 */
export class Live {
  constructor({ onEvent, onOnline, onOffline }) {
    Object.assign(this, { onEvent, onOnline, onOffline });
    this.socket = null;
    this.timer = 0;
    this.pause = FIRST_RETRY_MS;
  }

  /** Connects as a user, dropping an earlier connection. */
  connect(user) {
    this.stop();
    this.user = user;
    this.known = false;
    this.open();
  }

  stop() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = new URLSearchParams({ user: this.user });
    const socket = new WebSocket(`${scheme}://${location.host}/ui/live?${query}`);
    this.socket = socket;
    socket.onopen = () => this.opened(socket);
    socket.onmessage = ({ data }) => this.received(socket, data);
    socket.onclose = () => this.lost(socket);
  }

  opened(socket) {
    if (socket !== this.socket) return;
    this.pause = FIRST_RETRY_MS;
    this.onOnline(this.known);
    this.known = true;
  }

  received(socket, data) {
    if (socket === this.socket) this.onEvent(JSON.parse(data));
  }

  lost(socket) {
    if (socket !== this.socket) return;
    this.onOffline();
    this.timer = setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(this.pause * 2, LAST_RETRY_MS);
  }
}
