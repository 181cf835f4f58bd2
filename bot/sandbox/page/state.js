// What the page knows: the workspace as one person sees it, and a small event bus.

const bus = new EventTarget();

/** Everything the page shows is derived from this record. */
export const state = {
  me: null, // id of the acting user
  workspace: { name: "", team_id: "" },
  users: new Map(),
  channels: [],
  commands: [],
  app: { name: "", bot_user_id: null, connected: true, description: "" },
  clock: { epoch: Date.now() / 1000, speed: 1, readAt: performance.now() },
  channelId: null,
  tab: "messages", // in the app's conversation: home | messages | about
  messages: new Map(), // channel id -> messages, oldest first
  dismissed: new Set(), // timestamps of ephemerals this person waved away
  online: false, // is /ui/live connected
};

/** Calls fn(detail) whenever the event is emitted. */
export function on(event, fn) {
  bus.addEventListener(event, ({ detail }) => fn(detail));
}

/** Tells everybody who listens. */
export function emit(event, detail) {
  bus.dispatchEvent(new CustomEvent(event, { detail }));
}

/** Takes the answer of GET /ui/state. */
export function takeState(answer) {
  state.me = answer.me;
  state.workspace = answer.workspace;
  state.users = new Map(answer.users.map((user) => [user.id, user]));
  state.channels = answer.channels;
  state.commands = answer.commands ?? [];
  state.app = { ...state.app, ...answer.app };
  if (answer.clock) takeClock(answer.clock);
  emit("state");
}

/** Takes a clock reading {epoch, speed}; between readings the page counts on by itself. */
export function takeClock({ epoch, speed }) {
  state.clock = { epoch, speed, readAt: performance.now() };
  emit("clock");
}

/** The workspace's time, UNIX seconds. */
export function now() {
  const { epoch, speed, readAt } = state.clock;
  return epoch + ((performance.now() - readAt) / 1000) * speed;
}

/** Who reads, for dates: zone, clock style, language, now. */
export function reader() {
  const { tz = "UTC", locale = "en-US" } = me() ?? {};
  return { tz, locale, hour12: preference("hour12", "no") === "yes", now: now() };
}

/** The acting user's record. */
export function me() {
  return state.users.get(state.me);
}

/** A user by id; unknown ids get a placeholder so that nothing breaks while data is on its way. */
export function user(id) {
  return (
    state.users.get(id) ?? {
      id,
      name: id,
      real_name: id,
      initials: "?",
      color: "#616061",
      is_bot: false,
    }
  );
}

/** The name people see. */
export function displayName(id) {
  const found = user(id);
  return found.real_name || found.name;
}

/** A channel by id, or undefined. */
export function channel(id) {
  return state.channels.find((item) => item.id === id);
}

/** The conversation on screen, or undefined. */
export function currentChannel() {
  return channel(state.channelId);
}

/** Is this the conversation with the app (it has the Home and About tabs)? */
export function isAppChannel(item) {
  return item?.kind === "im" && (item.user === undefined || item.user === state.app.bot_user_id);
}

/** A preference of this browser; storage may be refused, then the default holds. */
export function preference(name, otherwise) {
  try {
    return localStorage.getItem(`workspace.${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Remembers a preference of this browser. */
export function setPreference(name, value) {
  try {
    localStorage.setItem(`workspace.${name}`, value);
  } catch {
    // private windows may refuse storage; the preference then lasts until reload
  }
  emit("preference", { name, value });
}
