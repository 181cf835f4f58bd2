// Listens to the server: what changed is loaded anew; without a connection the page says so.

import { time } from "./time.js";
import { now, store } from "./store.js";
import { t } from "./words.js";

/** Changes that come together are loaded together. */
const GATHER_MS = 120;
/** More nodes than this at once are cheaper loaded as a whole. */
const MANY = 24;
/** How long until it asks again where there was an answer, but no stream; longer if it said so. */
const AGAIN_MS = 3000;
const STREAM = "/api/v1/events";

let source = null;
let pending = new Set();
let all = false;
let timer = 0;
let lost = false;

/** `changed(names)`: those nodes changed; null: load everything. */
export function startLive(changed) {
  const flush = () => {
    timer = 0;
    const names = [...pending];
    const whole = all || names.length > MANY;
    pending = new Set();
    all = false;
    changed(whole ? null : names);
  };
  const soon = () => {
    timer ||= setTimeout(flush, GATHER_MS);
  };
  const listen = () => {
    source = new EventSource(STREAM);
    source.addEventListener("hello", (event) => {
      // What happened between loading and now, or while the connection was lost.
      if (JSON.parse(event.data).seq !== store.seq || lost) {
        all = true;
        soon();
      }
      tell(false);
      document.body.dataset.live = "";
    });
    source.addEventListener("change", (event) => {
      const { nodes } = JSON.parse(event.data);
      if (nodes) nodes.forEach((name) => pending.add(name));
      else all = true;
      soon();
    });
    source.addEventListener("error", () => {
      tell(true);
      // Browsers come back by themselves when a connection breaks, but not from such an answer.
      if (source.readyState === EventSource.CLOSED) setTimeout(again, AGAIN_MS);
    });
  };
  const again = async () => {
    const { status, wait } = await answered();
    if (status === 401) location.reload();
    else if (status === 200) listen();
    else setTimeout(again, wait);
  };
  listen();
  // The system knows sooner than the stream, which may stay silent for a while.
  addEventListener("offline", () => tell(true));
  addEventListener("online", () => {
    if (source.readyState !== EventSource.OPEN) return;
    all = true;
    soon();
    tell(false);
  });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

/** What a stream would be answered with, and how long to wait then; status 0: nothing. A proxy
 * answers while gpubot starts, and who signed in yesterday has to do so again. */
async function answered() {
  const stop = new AbortController();
  try {
    const { status, headers } = await fetch(STREAM, { signal: stop.signal });
    // It may also be a date, which no server of ours gives.
    const asked = 1000 * headers.get("Retry-After") || 0;
    return { status, wait: Math.max(asked, AGAIN_MS) };
  } catch {
    return { status: 0, wait: AGAIN_MS };
  } finally {
    stop.abort();
  }
}

function tell(isLost) {
  if (isLost === lost) return;
  lost = isLost;
  const state = document.getElementById("state");
  state.classList.toggle("is-lost", lost);
  state.textContent = lost ? t("Offline, showing {time}", { time: time(now()) }) : "";
}
