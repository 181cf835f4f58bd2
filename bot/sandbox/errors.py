"""Errors of the workspace.

SlackError        an error answer of the Web API, as data
CannotSee         a person was told to use something that is not in front of them
"""


class SlackError(Exception):
    """An error answer of the Web API: its code, and messages that say more.

    `fields` go into the answer beside `error` (for instance `needed` and `provided`).
    """

    def __init__(self, code: str, *messages: str, **fields: object) -> None:
        super().__init__(": ".join([code, *messages]))
        self.code = code
        self.messages = list(messages)
        self.fields = fields


class CannotSee(LookupError):
    """What a person was told to press, fill in or open is not in front of them."""
