"""What gpubot understands: one registry of verbs, buttons and forms.

Help, the README's table and the manifest's usage hint are made from VERBS, so none of them can
say something that the program does not do.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.errors import N_
from bot.slack.context import Call, Form, FormAnswer, Press, Reply
from bot.slack.ids import ActionId, CallbackId

VerbHandler = Callable[[Call, str], Reply | None]
ActionHandler = Callable[[Press], Reply | None]
FormHandler = Callable[[Form], FormAnswer]


class Group(StrEnum):
    """Headings of the help, in its order."""

    BOOK = N_("Book")
    YOURS = N_("Your bookings")
    LAB = N_("The lab")


@dataclass(frozen=True, slots=True)
class Verb:
    """One word after `/gpu`, with everything people are told about it."""

    name: str
    group: Group
    #: The forms it takes, without `/gpu`.
    usage: tuple[str, ...]
    #: One line: what it does.
    summary: str
    #: What to type, without `/gpu`, first the one to show alone.
    examples: tuple[str, ...]
    #: More than one line, for `help VERB`.
    details: str
    run: VerbHandler


#: How alike a word and a verb must be to ask "did you mean", from 0 to 1.
NEAR = 0.8
#: As much is enough where they begin with the same letter.
NEAR_AND_BEGINS_ALIKE = 0.65

VERBS: dict[str, Verb] = {}
ACTIONS: dict[ActionId, ActionHandler] = {}
SUBMISSIONS: dict[CallbackId, FormHandler] = {}


def verb(
    name: str,
    *,
    group: Group,
    usage: Sequence[str],
    summary: str,
    examples: Sequence[str],
    details: str = "",
) -> Callable[[VerbHandler], VerbHandler]:
    """Register a function as what `/gpu NAME …` does; it gets the text behind the verb."""

    def register(run: VerbHandler) -> VerbHandler:
        VERBS[name] = Verb(name, group, tuple(usage), summary, tuple(examples), details, run)
        return run

    return register


def verbs_like(word: str) -> list[str]:
    """Up to two verbs that `word` may have been meant for, the likeliest first."""
    sure = difflib.get_close_matches(word, VERBS, cutoff=NEAR)
    likely = difflib.get_close_matches(word, VERBS, cutoff=NEAR_AND_BEGINS_ALIKE)
    return [name for name in likely if name in sure or name[0] == word[0]][:2]


def action(name: ActionId) -> Callable[[ActionHandler], ActionHandler]:
    """Register a function as what a button or menu does."""

    def register(run: ActionHandler) -> ActionHandler:
        ACTIONS[name] = run
        return run

    return register


def submission(name: CallbackId) -> Callable[[FormHandler], FormHandler]:
    """Register a function as what happens when a form is submitted."""

    def register(run: FormHandler) -> FormHandler:
        SUBMISSIONS[name] = run
        return run

    return register
