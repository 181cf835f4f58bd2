// Changing a booking: extend, move, cancel, release.

import { newKey, post } from "./booking_api.js";
import { alternativeList, blockerList, sharesText, windowText } from "./booking_conflict.js";
import {
  announce,
  button,
  buttons,
  clearErrors,
  element,
  field,
  generalError,
  lengthInput,
  lengthWords,
  openDialog,
  showError,
  startInput,
} from "./booking_dialog.js";
import { label } from "./facts.js";
import { length, moment } from "./time.js";
import { page, t, tn } from "./words.js";

/** What may be done with a booking as it is: [verb, words on its button]. */
export function changesOf(booking) {
  if (!booking.may_change) return [];
  if (booking.state === "reserved") {
    return [["extend", t("Extend…")], ["move", t("Move…")], ["cancel", t("Cancel…")]];
  }
  return booking.state === "active" ? [["extend", t("Extend…")], ["release", t("Release…")]] : [];
}

/** Open the dialog of a verb for booking `id`. */
export function openChange(verb, id, booking) {
  new Change(VERBS[verb](id, booking), verb, id, booking).open();
}

class Change {
  constructor(parts, verb, id, booking) {
    Object.assign(this, parts, { verb, id });
    this.reason = element("input", { type: "text", maxLength: 300, autocomplete: "off" });
    const why = booking.mine ? t("Reason (if you like)") : t("Reason (the owner reads it)");
    this.reasonField = field("reason", why, this.reason);
    this.state = element("div", { className: "what-is-free" });
    this.state.setAttribute("role", "status");
    this.key = newKey();
  }

  open() {
    const { row, send } = buttons(this.words, () => this.dialog, this.isEnd ? "danger" : "strong");
    this.send = send;
    const about = element("p", { className: "about" }, this.about);
    const children = [about, ...this.fields, this.reasonField, this.state, generalError(), row];
    this.dialog = openDialog(this.title, children, () => this.do(this.body()));
    this.dialog.addEventListener("input", () => {
      this.key = newKey();
      this.state.replaceChildren();
      clearErrors(this.dialog);
    });
    this.dialog.querySelector(".field input")?.focus();
  }

  async do(body) {
    clearErrors(this.dialog);
    this.setBusy(true);
    try {
      const asked = { ...body, reason: this.reason.value };
      const made = await post(`/bookings/${label(this.id)}/${this.verb}`, asked, { key: this.key });
      this.dialog.close();
      announce(this.done(made), made.notes);
      window.gpubot?.reload();
    } catch (refusal) {
      if (!refusal.problem) throw refusal;
      this.refused(refusal);
    } finally {
      this.setBusy(false);
    }
  }

  refused(refusal) {
    const { alternatives, blockers, longest_s: longest } = refusal.problem;
    this.key = newKey();
    if (!alternatives) return showError(this.dialog, refusal);
    const said = element("p", { className: "taken" }, refusal.message);
    this.state.replaceChildren(said, blockerList(blockers || []), ...this.instead(alternatives, longest));
    return undefined;
  }

  /** What could be done instead. */
  instead(alternatives, longest) {
    if (this.verb === "move") {
      const whole = alternatives.filter((found) => found.parts.length === 1 && this.isSame(found));
      return whole.length ? [alternativeList(whole, ({ parts }) => this.do({ start: parts[0].start }))] : [];
    }
    if (!longest) return [];
    const words = t("Extend by {length}", { length: length(longest) });
    return [button(words, () => this.do({ length: lengthWords(longest) }), "strong")];
  }

  setBusy(busy) {
    for (const one of this.dialog.querySelectorAll("button")) one.disabled = busy;
    this.send.setAttribute("aria-busy", String(busy));
  }
}

const VERBS = { extend, move, cancel, release };

function extend(id, booking) {
  const { input, list } = lengthInput(lengthWords(page.slot_s), page.slot_s);
  return {
    title: t("Extend {booking}", { booking: label(id) }),
    about: t("It ends {end} now.", { end: moment(booking.e) }),
    fields: [field("length", t("How much longer"), input, list)],
    words: t("Extend"),
    body: () => ({ length: input.value.trim() }),
    done: (made) => t("{booking} now ends {end}.", { booking: made.id, end: ending(made) }),
  };
}

function move(id, booking) {
  const start = startInput(booking.s, false);
  return {
    title: t("Move {booking}", { booking: label(id) }),
    about: t("Its length stays: {length}.", { length: length(booking.e - booking.s) }),
    fields: [field("start", t("New start"), start.input, start.label)],
    words: t("Move"),
    body: () => ({ start: start.value() }),
    // A booking moves whole: alternatives with other GPUs are another booking.
    isSame: (found) => found.gpus === booking.gpus,
    done: (made) =>
      t("{booking} moved: {what}, {when}.", {
        booking: made.id,
        what: sharesText(made.shares),
        when: windowText(made),
      }),
  };
}

function cancel(id) {
  return {
    title: t("Cancel {booking}?", { booking: label(id) }),
    about: t("Its GPUs go to whoever waits for them, or are free again."),
    fields: [],
    words: t("Cancel the booking"),
    isEnd: true,
    body: () => ({}),
    done: (made) => t("{booking} is cancelled.", { booking: made.id }),
  };
}

function release(id, booking) {
  const input = element("input", { type: "number", min: 1, max: booking.gpus, step: 1, value: booking.gpus });
  const all = tn("It has {n} GPU. Giving it back ends the booking.", "It has {n} GPUs. Giving all back ends the booking.", booking.gpus);
  const fields = booking.gpus > 1 ? [field("gpus", t("GPUs to give back"), input)] : [];
  return {
    title: t("Release {booking}?", { booking: label(id) }),
    about: all,
    fields,
    words: t("Release"),
    isEnd: true,
    body: () => (Number(input.value) === booking.gpus ? {} : { gpus: Number(input.value) }),
    done: (made) =>
      made.state === "active"
        ? tn("{booking} keeps {n} GPU.", "{booking} keeps {n} GPUs.", made.gpus, { booking: made.id })
        : t("{booking} has ended. Thank you for giving it back.", { booking: made.id }),
  };
}

const ending = (made) => moment(Date.parse(made.end) / 1000);
