"""The words of a booking besides its time: count, node, model, team, priority, purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from bot.domain.booking import Priority
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, Contradiction, NotUnderstood
from bot.domain.job import JobOrder
from bot.domain.job_words import Parameter, order_of, read_job_name, read_parameter, read_run
from bot.domain.notes import Note
from bot.domain.scanning import Piece, Reader, next_word, scan
from bot.domain.timevalues import Context
from bot.domain.timewords import read_time
from bot.domain.when import WhenDraft, read_filler, time_readers
from bot.domain.words import (
    CHINESE_NUMBER,
    ENGLISH_NUMBER,
    FLAGS,
    WORD_END,
    Text,
    number_of,
    read_quoted,
)

MISSING_COUNT = Note(N_("Say how many GPUs."))


@dataclass(frozen=True, slots=True)
class Count:
    """A number of GPUs."""

    gpus: int


@dataclass(frozen=True, slots=True)
class Option:
    """A value for the field of Options called `name`."""

    name: str
    value: object


@dataclass(slots=True)
class Options:
    """What was said, gathered word by word; None: nothing was."""

    when: WhenDraft
    gpus: int | None = None
    node: str | None = None
    model: str | None = None
    team: str | None = None
    spread: bool | None = None
    priority: Priority | None = None
    preemptible: bool | None = None
    purpose: str | None = None
    #: A template's name, a command to run, and what was said of either.
    job: str | None = None
    run: str | None = None
    parameters: list[tuple[str, str]] = field(default_factory=list)
    #: How each was typed, for Contradiction.
    typed: dict[str, str] = field(default_factory=dict)

    def add(self, piece: Piece) -> None:
        """Take in one piece. Raises Contradiction, NotUnderstood."""
        match piece.value:
            case Count(gpus):
                self._add_count(gpus, piece.word)
            case Option(name, value):
                self._add_option(name, value, piece.word)
            case Parameter(name, value):
                self.parameters.append((name, value))
            case _:
                self.when.add(piece)
                return
        self.when.pause()

    @property
    def names_job(self) -> bool:
        """Whether it was said what is to run."""
        return self.job is not None or self.run is not None

    def order(self, command: str = "") -> JobOrder | None:
        """What is to run; `command` is said besides. Raises BadJob or Contradiction."""
        if command and self.names_job:
            example = self.when.context.example
            first = self.typed.get("job") or self.typed["run"]
            raise Contradiction(first=first, second=command, example=example, form_field="job")
        return order_of(self.job, self.run, self.parameters)

    def _add_count(self, gpus: int, word: str) -> None:
        if self.gpus is not None:
            raise NotUnderstood(word=word, example=self.when.context.example)
        self.gpus = gpus

    def _add_option(self, name: str, value: object, word: str) -> None:
        if getattr(self, name) not in (None, value):
            example = self.when.context.example
            raise Contradiction(
                first=self.typed[name], second=word, example=example, form_field=name
            )
        setattr(self, name, value)
        self.typed[name] = word


_FLAGS = (
    (rf"p(?:riority\s*)?0{WORD_END}", Option("priority", Priority.P0)),
    (rf"p(?:riority\s*)?1{WORD_END}", Option("priority", Priority.P1)),
    (rf"p(?:riority\s*)?2{WORD_END}", Option("priority", Priority.P2)),
    (rf"spread{WORD_END}|分散", Option("spread", value=True)),
    (rf"firm{WORD_END}|non-?preempt[ia]ble{WORD_END}|不可抢占", Option("preemptible", value=False)),
    (rf"preempt[ia]ble{WORD_END}|可抢占", Option("preemptible", value=True)),
)
#: Its groups are the flags, in their order.
_FLAG = re.compile("|".join(f"({pattern})" for pattern, _ in _FLAGS), FLAGS)
_NAMING = re.compile(
    rf"(?:(?P<on>on)|(?P<node>node)|(?P<model>model)|(?P<team>(?:for\s+)?team)){WORD_END}:?\s*"
    r"|(?:(?P<at>在)|(?P<node_>节点)|(?P<model_>型号)|(?P<team_>团队|小组)):?\s*",
    FLAGS,
)
_PURPOSE = re.compile(rf"(?:purpose|for){WORD_END}:?\s*|(?:用于|用途|目的):?\s*", FLAGS)
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,9}(?!\d))"
_GPUS = r"(?:块|塊|张|張|片|个|個|颗)?\s*(?:gpus?(?![\w-])|显卡|顯卡|卡)|[块塊张張片颗个個]"
_COUNTS = tuple(
    re.compile(pattern, FLAGS)
    for pattern in (
        rf"(?P<n>[-−]?{_DIGITS})\s*(?:{_GPUS}|cards?{WORD_END}|[x×*])",
        rf"(?P<n>{CHINESE_NUMBER})\s*(?:{_GPUS})",
        rf"(?P<n>{ENGLISH_NUMBER})\s+(?:gpus?|cards?){WORD_END}",
        rf"(?P<n>[-−]?{_DIGITS})(?![\w:/+]|[.,-]\d|\s*[点點时時月号號])",
    )
)
#: `4 dec 1`: with the count first, as the grammar has it, and not the fourth of December.
_COUNT_AND_DATE = re.compile(
    r"(\d{1,4})(?=\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+\d{1,2}"
    r"(?:st|nd|rd|th)?(?![\w:]|\s*[ap]\.?m))",
    FLAGS,
)


def option_readers(cluster: Cluster, context: Context) -> tuple[Reader, ...]:
    """Readers of everything that may be said about a booking, times included."""
    nodes, models = _names(cluster.node_names), _names(cluster.models)

    def read_naming(text: Text, at: int) -> tuple[object, int] | None:
        match = _NAMING.match(text.plain, at)
        if match is None or match.lastgroup is None:
            return None
        kind = match.lastgroup.rstrip("_")
        known = models if kind == "model" else nodes
        if kind == "team":
            known = _names(tuple(team.name for team in cluster.teams))
        field_name = kind if kind in ("model", "team") else "node"
        name = _read_name(text, match.end(), known)
        if name is None and (kind == "at" or (kind == "on" and _is_time(text, match, context))):
            return None
        # `for team building` is no team, but a purpose.
        if name is None and match[0].lower().startswith("for"):
            return None
        found = name or _read_any_name(text, match.end())
        return (Option(field_name, found[0]), found[1]) if found else None

    def read_bare_name(text: Text, at: int) -> tuple[object, int] | None:
        if node := _read_name(text, at, nodes):
            return Option("node", node[0]), node[1]
        model = _read_name(text, at, models)
        return (Option("model", model[0]), model[1]) if model else None

    times = time_readers(context)
    return (
        read_parameter,
        _read_quoted_purpose,
        _read_job,
        _read_leading_count,
        _read_flag,
        read_naming,
        *times[:2],
        read_bare_name,
        _read_count,
        times[2],
        _read_purpose,
        read_filler,
    )


def read_options(text: str, cluster: Cluster, context: Context) -> Options:
    """Everything said in `text`. Raises InputError."""
    said = Options(WhenDraft(context))
    for piece in scan(Text.of(text), option_readers(cluster, context), context.example):
        said.add(piece)
    return said


def _is_time(text: Text, match: re.Match[str], context: Context) -> bool:
    return read_time(text, match.end(), context) is not None


#: Names by how they are compared, and what finds the longest of them.
_Names = tuple[dict[str, str], re.Pattern[str]]


def _read_name(text: Text, at: int, known: _Names) -> tuple[str, int] | None:
    """The longest of the known names that stands at `at`, in any case, maybe in quotes."""
    names, pattern = known
    if quoted := read_quoted(text, at):
        found, end = quoted
    elif match := pattern.match(text.plain, at):
        found, end = match[0], match.end()
    else:
        return None
    name = names.get(found.casefold())
    return (name, end) if name is not None else None


@lru_cache(maxsize=64)
def _names(known: tuple[str, ...]) -> _Names:
    longest_first = sorted(known, key=len, reverse=True)
    pattern = "|".join(map(re.escape, longest_first)) or "(?!)"
    # Of names that differ only in case, the first is meant.
    names = {name.casefold(): name for name in reversed(longest_first)}
    return names, re.compile(rf"(?:{pattern})(?![A-Za-z0-9_-])", re.IGNORECASE)


def _read_any_name(text: Text, at: int) -> tuple[str, int] | None:
    """The word or the quoted words at `at`."""
    if quoted := read_quoted(text, at):
        return quoted
    word = next_word(text, at)
    return (word, at + len(word)) if word else None


def _read_quoted_purpose(text: Text, at: int) -> tuple[object, int] | None:
    quoted = read_quoted(text, at)
    return (Option("purpose", quoted[0]), quoted[1]) if quoted else None


def _read_job(text: Text, at: int) -> tuple[object, int] | None:
    """`job NAME`, or `run "COMMAND"`."""
    if name := read_job_name(text, at):
        return Option("job", name[0]), name[1]
    command = read_run(text, at)
    return (Option("run", command[0]), command[1]) if command else None


def _read_purpose(text: Text, at: int) -> tuple[object, int] | None:
    """`for …` or `purpose …`: what follows in quotes, or everything to the end."""
    match = _PURPOSE.match(text.plain, at)
    if match is None:
        return None
    quoted = read_quoted(text, match.end())
    purpose, end = quoted or (text.between(match.end(), len(text.typed)), len(text.typed))
    return Option("purpose", purpose), end


def _read_flag(text: Text, at: int) -> tuple[object, int] | None:
    match = _FLAG.match(text.plain, at)
    return (_FLAGS[match.lastindex - 1][1], match.end()) if match and match.lastindex else None


def _read_leading_count(text: Text, at: int) -> tuple[object, int] | None:
    match = None if text.plain[:at].strip() else _COUNT_AND_DATE.match(text.plain, at)
    return (Count(int(match[1])), match.end()) if match else None


def read_count(text: Text, at: int) -> tuple[int, int] | None:
    """A number of GPUs: `4`, `4 gpus`, `4x`, `四块`, and where it ends."""
    for pattern in _COUNTS:
        if match := pattern.match(text.plain, at):
            return _count_of(match["n"]), match.end()
    return None


def _read_count(text: Text, at: int) -> tuple[object, int] | None:
    found = read_count(text, at)
    return (Count(found[0]), found[1]) if found else None


def _count_of(word: str) -> int:
    digits = word.lstrip("-−").replace(",", "")
    number = int(number_of(digits))
    return number if digits == word.replace(",", "") else -number
