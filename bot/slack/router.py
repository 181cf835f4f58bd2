"""From what Slack sent to the function that answers it, with one handler for everything wrong.

The wiring (`app.py`) builds a Call, Press or Form and gives it to one of the three functions
here. They never raise: a BookingError becomes an answer the person can act on, anything else a
private word with an incident number that also stands in the log.

What comes back:
  run_command      a Reply, or None when a modal was opened instead
  run_action       a Reply to send through the `response_url` of `return_address(press)`, or
                   None: what belongs into a modal is shown here
  run_submission   FormErrors, FormUpdate or FormClose for the ack; or a Reply: the form closes,
                   and the Reply goes through the `response_url` of `return_address(form)`
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace

from bot import logs
from bot.domain.booking import parse_booking_id
from bot.domain.errors import N_, BookingError
from bot.domain.waitlist import parse_entry_id
from bot.slack import commands, phrases, refusals
from bot.slack.blocks import modal
from bot.slack.blocks.build import context, message
from bot.slack.commands.help import unknown
from bot.slack.context import Call, Form, FormAnswer, FormUpdate, Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import StaleButton
from bot.slack.registry import ACTIONS, SUBMISSIONS, VERBS, verbs_like
from bot.slack.return_address import ReturnAddress, return_address
from bot.slack.wording import visible
from bot.store.errors import Busy
from bot.store.saved import one_request

__all__ = ["ReturnAddress", "return_address", "run_action", "run_command", "run_submission"]

log = logging.getLogger(__name__)


class TooLate(Busy):
    """It has waited for too long to be begun. It may be a second copy of what was carried out."""

    template = N_(
        "I was too busy to begin this. If you sent it before, please look with `/gpu mine` first;"
        " otherwise please try again in a moment."
    )


#: Spaces that keyboards and pastes put in the place of the plain one.
_SPACES = str.maketrans("\u00a0\u3000", "  ")

commands.load()


@one_request()
def run_command(call: Call, text: str) -> Reply | None:
    """Answer `/gpu text`. None: a modal was opened, and there is nothing to say."""
    text = _plainly_spaced(text)
    try:
        _refuse_late(call)
        reply = _dispatch(call, text)
    except BookingError as error:
        reply = refusals.reply(call, error, text=text)
    except Exception:
        number = secrets.token_hex(4)
        logs.note(incident=number)
        log.exception("incident %s: %s", number, call.actor.name)
        reply = _incident(call, number)
    return reply if reply is None or call.reader.known else _with_zone(call, reply)


@one_request()
def run_action(press: Press) -> Reply | None:
    """Answer a button or menu. None: nothing to send."""
    try:
        _refuse_late(press)
        reply = _run_press(press)
    except BookingError as error:
        reply = refusals.reply(press, error)
    except Exception:
        number = secrets.token_hex(4)
        logs.note(incident=number)
        log.exception("incident %s: %s", number, press.actor.name)
        reply = _incident(press, number)
    if reply is None:
        return None
    if press.view is None:
        return reply if return_address(press).replaceable else replace(reply, replace=False)
    return _from_window(press, reply)


@one_request()
def run_submission(form: Form) -> FormAnswer:
    """Answer a submitted form."""
    try:
        _refuse_late(form)
        answer = _run_form(form)
    except BookingError as error:
        answer = refusals.in_form(form, error)
    except Exception:
        number = secrets.token_hex(4)
        logs.note(incident=number)
        log.exception("incident %s: %s", number, form.actor.name)
        answer = _incident(form, number)
    if not isinstance(answer, Reply):
        return answer
    return _delivered(form, answer)


def _refuse_late(call: Call) -> None:
    """Raise TooLate for a request whose outcome nobody hears.

    Who asked would ask again, and get two.

    Whether it was carried out before is not looked up: that would take the database's time just
    when there is too little of it.
    """
    if call.is_late:
        raise TooLate


def _plainly_spaced(text: str) -> str:
    """A command without what nobody sees, and with one plain space behind its verb."""
    return " ".join(visible(text.translate(_SPACES)).strip().split(maxsplit=1))


def _dispatch(call: Call, text: str) -> Reply | None:
    word, _, rest = text.partition(" ")
    name = word.casefold()
    if not name:
        return VERBS["help"].run(call, "")
    if name in VERBS:
        return VERBS[name].run(call, rest)
    is_id = parse_booking_id(word) is not None or parse_entry_id(word) is not None
    if is_id and not rest:
        return VERBS["show"].run(call, word)
    return _unknown(call, name, rest)


def _run_press(press: Press) -> Reply | None:
    name = press.action_id.partition(":")[0]
    if name == ActionId.MORE:
        name, _, value = press.value.partition(":")
        press = replace(press, value=value)
    if name == ActionId.RUN:
        return run_command(press, press.value)
    run = next((run for action, run in ACTIONS.items() if action == name), None)
    if run is None:
        raise StaleButton
    return run(press)


def _run_form(form: Form) -> FormAnswer:
    run = next((run for name, run in SUBMISSIONS.items() if name == form.callback_id), None)
    if run is None:
        raise StaleButton
    return run(form)


def _unknown(call: Call, word: str, rest: str) -> Reply:
    near = verbs_like(word)
    if word[:1].isdigit():
        near, rest = ["reserve"], f"{word} {rest}"
    return unknown(call.reader, word, [f"{name} {rest}".strip() for name in near])


def _from_window(press: Press, reply: Reply) -> Reply | None:
    """An outcome goes to the conversation that the window came from, and stands there in short."""
    address = return_address(press)
    if not reply.short or address.response_url is None:
        _show_in_window(press, reply)
        return None
    _show_in_window(press, message(reply.short, title=reply.title))
    return replace(reply, replace=address.replaceable)


def _show_in_window(press: Press, reply: Reply) -> None:
    """Where there is no message to answer in, the answer is a window of its own."""
    assert press.view is not None
    window = modal.told(press, reply)
    if press.view.get("type") == "modal":
        press.update_view(press.view["id"], window, None)
        return
    try:
        press.open_view(window)
    except BookingError as error:
        log.warning("%s did not see the answer to %s: %s", press.actor.name, press.action_id, error)


def _delivered(form: Form, reply: Reply) -> FormAnswer:
    """A form opened where no message can be sent to shows its outcome itself."""
    address = return_address(form)
    if address.response_url is None:
        return FormUpdate(modal.told(form, reply))
    return replace(reply, replace=address.replaceable)


def _with_zone(call: Call, reply: Reply) -> Reply:
    """Say in which zone times were read when the person's own is unknown."""
    blocks = reply.blocks or message(reply.text).blocks
    return replace(reply, blocks=(*blocks, context(phrases.unknown_zone(call.reader))))


def _incident(call: Call, number: str) -> Reply:
    return message(
        call.reader.text(
            "Something went wrong on my side. Please tell an admin this number: `{number}`",
            number=number,
        )
    )
