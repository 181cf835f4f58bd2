// Booking on the page, for people who signed in. The calendar tells what was dragged or opened.

import { changesOf, openChange } from "./booking_changes.js";
import { button } from "./booking_dialog.js";
import { openBooking } from "./booking_form.js";
import { findBooking, store } from "./store.js";
import { page } from "./words.js";

document.addEventListener("gpubot:range", (event) => openBooking(event.detail || {}));

document.addEventListener("gpubot:open", async (event) => {
  const { id } = event.detail;
  const booking = store.bookings[id] || (await elsewhere(id));
  const place = document.querySelector("[data-actions]");
  if (!place || !booking) return;
  place.replaceChildren(
    ...changesOf(booking).map(([verb, words]) => button(words, () => openChange(verb, id, booking))),
  );
});

/** A booking outside of what is loaded, as the calendar would have it. */
async function elsewhere(id) {
  const found = await findBooking(id);
  return (
    found && {
      ...found,
      s: Date.parse(found.start) / 1000,
      e: Date.parse(found.end) / 1000,
      mine: found.owner === page.user,
    }
  );
}
