// The demo's clock: not a part of Slack, so it says so. It moves the workspace's time.

import { post } from "./api.js";
import { epochOf, isoDate, isoTime, stamp } from "./dates.js";
import { h } from "./dom.js";
import { refreshDates } from "./entities.js";
import { icon } from "./icons.js";
import { showPopup } from "./popup.js";
import { me, now, on, reader, state, takeClock } from "./state.js";
import { toast } from "./toast.js";

const SHIFTS = [
  ["+30 min", 1800, "clock-plus-30m"],
  ["+2 h", 7200, "clock-plus-2h"],
  ["+1 day", 86400, "clock-plus-1d"],
];
const SPEEDS = [
  [0, "Pause"],
  [1, "1×"],
  [60, "60×"],
  [600, "600×"],
];
const TICK_MS = 1000;

/** The pill at the top right; it ticks and keeps every date on the page right. */
export class DemoClock {
  constructor() {
    this.time = h("button.clock-time", {
      type: "button",
      title: "Jump to a time, change the speed",
      "aria-haspopup": "dialog",
      dataset: { testid: "clock-time" },
      onclick: () => this.openPanel(),
    });
    this.dot = h("span.clock-dot", { role: "img" });
    this.node = h(
      "section.clock",
      { "aria-label": "Demo clock (not part of Slack)", dataset: { testid: "clock" } },
      h("span.clock-tag", { title: "This belongs to the demo, not to Slack" }, "Demo"),
      this.dot,
      this.time,
      SHIFTS.map(([label, shift, testid]) =>
        h(
          "button.clock-btn",
          { type: "button", dataset: { testid }, onclick: () => this.move({ shift }) },
          label,
        ),
      ),
    );
    on("clock", () => this.tick());
    on("state", () => this.tick());
    on("app", () => this.tick());
    on("preference", () => this.tick());
    setInterval(() => this.tick(), TICK_MS);
  }

  tick() {
    this.time.replaceChildren(stamp(now(), reader()), speedLabel(), icon("chevron"));
    const connected = Boolean(state.online && state.app.connected);
    this.dot.classList.toggle("is-on", connected);
    this.dot.title = connected
      ? `${state.app.name} is connected`
      : `${state.app.name} is not connected`;
    this.dot.setAttribute("aria-label", this.dot.title);
    const minute = `${Math.floor(now() / 60)} ${state.me} ${reader().hour12}`;
    if (minute !== this.minute) refreshDates();
    this.minute = minute;
  }

  async move(change) {
    const answer = await post("/ui/clock", { jump: null, shift: null, speed: null, ...change });
    if (answer.ok === false) toast("The clock could not be moved");
    else if (answer.epoch) takeClock(answer);
  }

  openPanel() {
    const { tz } = reader();
    const input = h("input.text-field", {
      type: "datetime-local",
      dataset: { testid: "clock-jump" },
      "aria-label": "Jump to",
      value: `${isoDate(now(), tz)}T${isoTime(now(), tz)}`,
    });
    const go = () => {
      if (!input.value) return;
      const [date, time] = input.value.split("T");
      this.move({ jump: new Date(epochOf(date, time, tz) * 1000).toISOString() });
    };
    showPopup(
      this.time,
      h(
        "div.clock-panel",
        { role: "dialog", "aria-label": "Demo clock" },
        h(
          "p",
          {},
          `Workspace time, shown for ${me()?.real_name ?? "you"} (${tz}). Everything in this workspace, and the app, follows it.`,
        ),
        h(
          "div.clock-row",
          {},
          input,
          h("button.btn", { type: "button", dataset: { testid: "clock-go" }, onclick: go }, "Jump"),
        ),
        this.speedRow(),
      ),
      { align: "end" },
    );
  }

  speedRow() {
    const row = h("div.clock-row", { role: "group", "aria-label": "Speed" });
    const draw = () =>
      row.replaceChildren(
        h("span", {}, "Speed"),
        ...SPEEDS.map(([speed, label]) =>
          h(
            "button.btn",
            {
              type: "button",
              "aria-pressed": String(state.clock.speed === speed),
              dataset: { testid: `clock-speed-${speed}` },
              onclick: () => this.move({ speed }).then(draw),
            },
            label,
          ),
        ),
      );
    draw();
    return row;
  }
}

function speedLabel() {
  const { speed } = state.clock;
  if (speed === 1) return "";
  return h("span.clock-speed", {}, speed === 0 ? "paused" : `${speed}×`);
}
