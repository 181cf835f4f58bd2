// Booking: the dialog after a drag over free space, or after *Book…*.

import { get, newKey, post } from "./booking_api.js";
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
import { now, store } from "./store.js";
import { slotAfter } from "./time.js";
import { page, t, tn } from "./words.js";

/** Wait so long after the last key before asking what is free, in milliseconds. */
const CALM = 250;
/** How far past a line of the grid still counts as on it, in seconds; the domain's rule. */
const GRACE = 300;

let me = null;

/** Ask what to book; `range` is what was dragged over: {node, model, gpus, start, end}, or less. */
export async function openBooking(range) {
  me ||= await get("/me").catch(() => null);
  new BookingForm(range).open();
}

class BookingForm {
  constructor(range) {
    const slot = page.slot_s;
    const start = range.start ?? slotAfter(now(), slot, page.zone);
    const isNow = start <= now();
    this.gpus = element("input", { type: "number", min: 1, step: 1, value: range.gpus || 1, required: true });
    this.where = whereSelect(range);
    this.start = startInput(start, isNow);
    this.length = lengthInput(askedLength(start, range.end, isNow, slot), slot);
    this.priority = select([["P2", t("P2, research")], ["P1", t("P1, production")], ["P0", t("P0, urgent")]]);
    this.preemptible = element("input", { type: "checkbox", checked: true });
    this.team = select(teams().map((name) => [name, name]));
    this.purpose = element("input", { type: "text", maxLength: 300, autocomplete: "off" });
    this.job = element("input", { type: "text", maxLength: 900, autocomplete: "off", spellcheck: false });
    if (page.jobs[0]) this.job.placeholder = `${page.jobs.at(-1)} data=coco.yaml`;
    this.state = element("div", { className: "what-is-free" });
    this.state.setAttribute("role", "status");
    this.key = newKey();
    this.asking = null;
  }

  open() {
    const { row, send } = buttons(t("Book"), () => this.dialog);
    this.send = send;
    this.dialog = openDialog(t("Book GPUs"), [...this.fields(), this.state, generalError(), row], () => this.book());
    this.dialog.addEventListener("input", (event) => this.changed(event));
    this.dialog.addEventListener("close", () => this.asking?.abort());
    this.gpus.focus();
    this.gpus.select();
    this.look();
  }

  fields() {
    const preemptible = element("label", { className: "check" }, this.preemptible, t("Preemptible"));
    const team = field("team", t("Team"), this.team);
    team.hidden = this.team.options.length < 2;
    const job = field("job", t("Job"), this.job);
    job.hidden = page.jobs.length === 0;
    const pair = (...boxes) => element("div", { className: "pair" }, boxes);
    return [
      pair(field("gpus", t("GPUs"), this.gpus), field("node", t("Where"), this.where)),
      pair(
        field("start", t("Start"), this.start.input, this.start.label),
        field("length", t("Length"), this.length.input, this.length.list),
      ),
      pair(field("priority", t("Priority"), this.priority, preemptible), team),
      field("purpose", t("Purpose"), this.purpose),
      job,
    ];
  }

  order() {
    const [kind, name] = this.where.value.split("=");
    const order = {
      gpus: Number(this.gpus.value),
      start: this.start.value(),
      length: this.length.input.value.trim(),
      priority: this.priority.value,
      preemptible: this.preemptible.checked,
      purpose: this.purpose.value,
    };
    if (kind === "spread") order.spread = true;
    else if (kind) order[kind] = name;
    if (this.job.value.trim()) order.job = this.job.value.trim();
    if (this.team.value) order.team = this.team.value;
    return order;
  }

  changed(event) {
    if (event.target === this.priority) this.preemptible.checked = this.priority.value === "P2";
    this.key = newKey();
    clearErrors(this.dialog);
    clearTimeout(this.timer);
    if (event.target !== this.purpose) this.timer = setTimeout(() => this.look(), CALM);
  }

  /** Whether it is free, as long as it is being filled in. */
  async look() {
    this.asking?.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    if (!this.isComplete()) return;
    try {
      const found = await post("/bookings/check", this.order(), { signal });
      if (found.fits) this.showFree(found);
      else this.showTaken(found);
    } catch (refusal) {
      if (refusal.name === "AbortError") return;
      this.state.replaceChildren();
      showError(this.dialog, refusal, { focus: false });
    }
  }

  isComplete() {
    return this.gpus.checkValidity() && this.gpus.value && this.start.value() && this.length.input.value.trim();
  }

  showFree(found) {
    const places = { what: sharesText(found.shares), when: windowText(found) };
    const said = element("p", { className: "free" }, t("Free: {what}, {when}", places));
    this.state.replaceChildren(said, ...notes(found));
  }

  /** `found` is a check's answer or a conflict; `asked` the window that is taken. */
  showTaken(found, asked = found) {
    const said = t("Not free {when}.", { when: windowText(asked) });
    this.state.replaceChildren(
      element("p", { className: "taken" }, said),
      ...notes(found),
      blockerList(found.blockers),
      element("p", {}, t("Free instead; press to book:")),
      alternativeList(found.alternatives, (chosen) => this.bookInstead(chosen)),
      button(t("Join the waitlist for what you asked"), () => this.wait(asked)),
    );
  }

  book() {
    if (!this.isComplete()) {
      const problem = { field: this.missing() };
      return showError(this.dialog, { message: t("This is needed."), problem });
    }
    return this.try(() => post("/bookings", this.order(), { key: this.key }), booked);
  }

  missing() {
    if (!this.gpus.value || !this.gpus.checkValidity()) return "gpus";
    return this.start.value() ? "length" : "start";
  }

  bookInstead({ orders }) {
    // Another key than the form's: it is another booking that is asked for.
    const key = newKey();
    if (orders.length === 1) return this.try(() => post("/bookings", orders[0], { key }), booked);
    return this.try(() => post("/bookings/together", { orders }, { key }), bookedTogether);
  }

  /** Wait for just that window, as the button in Slack does. */
  wait({ start, end: by }) {
    const { start: asked, ...wish } = this.order();
    // What was now when it was looked at has passed meanwhile.
    const from = asked === "now" ? asked : start;
    return this.try(() => post("/waitlist", { ...wish, from, by }, { key: newKey() }), waiting);
  }

  /** Send it; close and tell, or stay and say why not. */
  async try(request, tell) {
    this.asking?.abort();
    clearTimeout(this.timer);
    clearErrors(this.dialog);
    this.setBusy(true);
    try {
      const made = await request();
      this.dialog.close();
      tell(made);
      window.gpubot?.reload();
    } catch (refusal) {
      this.refused(refusal);
    } finally {
      this.setBusy(false);
    }
  }

  refused(refusal) {
    const { problem } = refusal;
    if (problem?.alternatives) this.showTaken({ ...problem, notes: problem.notes || [] }, problem.fields);
    else if (problem) showError(this.dialog, refusal);
    else throw refusal;
    // Alternatives to what was to begin now begin when that was looked at: they are looked for anew.
    if (problem.code === "in_the_past" && this.start.value() === "now") this.look();
  }

  setBusy(busy) {
    for (const one of this.dialog.querySelectorAll("button")) one.disabled = busy;
    this.send.setAttribute("aria-busy", String(busy));
  }
}

function askedLength(start, end, isNow, slot) {
  if (!end) return lengthWords(slot);
  // Ends are rounded up to the grid: from now on, whole slots reach the line that was dragged to.
  const asked = isNow ? Math.floor((end - now() + GRACE) / slot) * slot : end - start;
  return lengthWords(Math.max(asked, slot));
}

function whereSelect(range) {
  const models = [...new Set(store.nodes.map((node) => node.model))];
  const made = select([["", t("Any node")], ["spread", t("From any nodes at once")]]);
  made.append(group(t("Models"), models.map((name) => [`model=${name}`, t("Any {model}", { model: name })])));
  made.append(group(t("Nodes"), store.nodes.map((node) => [`node=${node.name}`, `${node.name} (${node.model})`])));
  // Options that stood in a list before bring along that they were chosen there.
  made.value = "";
  if (range.node) made.value = `node=${range.node}`;
  else if (range.model) made.value = `model=${range.model}`;
  return made;
}

function teams() {
  if (me?.admin) return store.teams.map((team) => team.name);
  return (me?.teams || []).map((team) => team.name);
}

function select(options) {
  return element("select", {}, options.map(([value, words]) => element("option", { value }, words)));
}

function group(words, options) {
  return element("optgroup", { label: words }, [...select(options).children]);
}

const notes = (found) => found.notes.map((note) => element("p", { className: "note" }, note));

function booked(made) {
  announce(t("Booked {booking}: {what}, {when}.", sayable(made)), made.notes);
}

function bookedTogether({ items }) {
  announce(tn("Booked {n} booking:", "Booked {n} bookings:", items.length), items.map((made) => summary(made)));
}

function summary(made) {
  return t("{booking}: {what}, {when}", sayable(made));
}

const sayable = (made) => ({ booking: label(made.number), what: sharesText(made.shares), when: windowText(made) });

function waiting(made) {
  announce(t("You are on the waitlist as {wish}. gpubot offers you the GPUs in Slack.", { wish: made.id }), made.notes);
}
