"""`/gpu token`: tokens for one's programs and pipelines, shown once, revoked at will."""

from __future__ import annotations

from bot.domain.access import Token, TokenKind
from bot.domain.errors import N_, NotUnderstood
from bot.domain.token_request import (
    NEW_EXAMPLE,
    REVOKE_EXAMPLE,
    parse_new_token,
    parse_token_number,
)
from bot.services.tokens import create_token, revoke_token, tokens_of
from bot.slack.blocks.build import (
    actions,
    button,
    confirm,
    context,
    message,
    outcome,
    section,
)
from bot.slack.blocks.feeds import feed_name
from bot.slack.context import Block, Call, Press, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack, unpack_id
from bot.slack.reader import Mrkdwn
from bot.slack.registry import Group, action, verb

#: One block a token leaves room for the rest within Slack's 50.
SHOWN = 40
#: Where the address of the web side is not known, it is for the reader to fill in.
NO_ADDRESS = "https://gpubot.example.com"


@verb(
    "token",
    group=Group.LAB,
    usage=[
        "token",
        "token new NAME [read] [book] [audit] [report] [team T] [for LENGTH]",
        "token revoke N",
    ],
    summary=N_("tokens for your programs and pipelines"),
    examples=["token", "token new nightly team vision for 90d", "token revoke 7"],
    details=N_(
        "A token lets a program use the HTTP API in your name, with no more rights than you have. "
        "With `team` it is a pipeline's, which works for that team only. It may `read` and `book` "
        "unless you name other scopes, and is good for a year unless you say for how long."
    ),
)
def token(call: Call, text: str) -> Reply:
    """List one's tokens, make one, or revoke one."""
    word, _, rest = text.partition(" ")
    match word.casefold():
        case "":
            return _listed(call)
        case "new":
            return _made(call, rest.strip())
        case "revoke":
            return _revoked(call, parse_token_number(rest))
    raise NotUnderstood(word=word, example=NEW_EXAMPLE)


@action(ActionId.TOKEN_REVOKE)
def press_revoke(press: Press) -> Reply:
    """Revoke the button's token."""
    return _revoked(press, unpack_id(press.value))


def _made(call: Call, text: str) -> Reply:
    """The new token and its secret, which only this reply has."""
    asked = parse_new_token(text, call.site.cluster)
    made, secret = create_token(
        call.site,
        call.actor,
        kind=TokenKind.PERSON if asked.team is None else TokenKind.PIPELINE,
        name=asked.name,
        scopes=asked.scopes,
        team=asked.team,
        expires_at=call.now + asked.life,
        now=call.now,
        key=call.key,
    )
    reader, address = call.reader, call.site.address() or NO_ADDRESS
    example = f"curl -H 'Authorization: Bearer {secret}' {address}/api/v1/me"
    lines = [
        reader.text(N_("Here is your token, {line}"), line=_line(call, made)),
        reader.text("`{secret}`", secret=secret),
        reader.text(N_("This is the only time you see it. Try it: `{example}`"), example=example),
    ]
    warning = reader.text(
        N_(
            "Whoever has it acts in your name. Keep it among the secrets of your CI, and never "
            "paste it into a channel."
        )
    )
    small = context(warning, reader.text(N_("How to use it: {url}"), url=f"{address}/api/docs"))
    return message("\n".join(lines), small, actions(_revoke_button(call, made)))


def _revoked(call: Call, number: int) -> Reply:
    gone = revoke_token(call.site, call.actor, number, now=call.now)
    said = _gone(call, gone)
    title = call.reader.plain("Tokens")
    return outcome(message(said, replace=True, title=title), title, said)


def _gone(call: Call, gone: Token) -> Mrkdwn:
    if gone.kind is TokenKind.FEED and gone.user == call.actor.name:
        return call.reader.text(
            N_("The address for {what} opens nothing any more."),
            what=feed_name(call.reader, gone),
        )
    return call.reader.text(
        N_("Token *{id} {name}* is revoked: it opens nothing any more."), id=gone.id, name=gone.name
    )


def _listed(call: Call) -> Reply:
    reader = call.reader
    found = tokens_of(call.site, call.actor.name, now=call.now)
    title = reader.plain("Tokens")
    how = reader.text(N_("Make one with `{example}`."), example=_example(call))
    if not found:
        return message(reader.text(N_("You have no tokens.")), context(how), title=title)
    said = reader.many("*You have {n} token.*", "*You have {n} tokens.*", len(found))
    rows = [_row(call, one) for one in found[:SHOWN]]
    more = [
        reader.text(N_("The oldest are not shown; revoke them with `{how}`."), how=REVOKE_EXAMPLE)
    ]
    notes = [how, *(more if len(found) > SHOWN else ())]
    return message(said, *rows, context(*notes), replace=True, title=title)


def _example(call: Call) -> str:
    """How to make one, for a team of the asker's own."""
    teams = call.site.cluster.teams_of(call.actor.name)
    team = f" team {teams[0].name}" if teams else ""
    return f"/gpu token new nightly read book{team} for 90d"


def _row(call: Call, one: Token) -> Block:
    return section(_line(call, one), _revoke_button(call, one))


def _revoke_button(call: Call, one: Token) -> Block:
    name, reader = f"{ActionId.TOKEN_REVOKE}:{one.id}", call.reader
    caption = reader.plain("Revoke")
    question = confirm(
        reader.plain(N_("Revoke it?")),
        reader.plain(N_("Whatever uses it has no access any more. This cannot be undone.")),
        yes=caption,
        no=reader.plain("Keep it"),
    )
    return button(caption, name, pack(one.id), style="danger", confirm=question)


def _line(call: Call, one: Token) -> Mrkdwn:
    """As in "7 nightly · read, book · team vision · until Thu 25 Nov · never used"."""
    reader = call.reader
    if one.kind is TokenKind.FEED:
        opens = reader.text(N_("calendar address for {what}"), what=feed_name(reader, one))
        parts = [reader.text("*{id}*", id=one.id), opens]
    else:
        opens = reader.text("{scopes}", scopes=", ".join(sorted(one.scopes)))
        parts = [reader.text(N_("*{id} {name}*"), id=one.id, name=one.name), opens]
    if one.team is not None:
        parts.append(reader.text(N_("team {team}"), team=one.team))
    if one.expires_at is not None:
        parts.append(reader.text(N_("good until {day}"), day=_day(call, one)))
    if one.used_at is None:
        parts.append(reader.text(N_("never used")))
    else:
        parts.append(reader.text(N_("last used {at}"), at=one.used_at))
    return Mrkdwn(" · ".join(parts))


def _day(call: Call, one: Token) -> str:
    assert one.expires_at is not None, "only asked where it expires"
    return f"{one.expires_at.astimezone(call.reader.zone).date():%Y-%m-%d}"
