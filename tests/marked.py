"""The sentences of the program: those that are marked for translation, and those that are not."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from babel.messages.extract import extract_from_file
from babel.messages.jslexer import Token, tokenize
from jinja2.ext import babel_extract

import bot

ROOT = Path(bot.__file__).parent

#: A sentence: its text, or its forms where it depends on a number.
Sentence = str | tuple[str, ...]

#: Functions whose first arguments are sentences, and which of them.
MARKS: Mapping[str, tuple[int, ...]] = {
    "N_": (1,),
    "_": (1,),
    "gettext": (1,),
    "ngettext": (1, 2),
}
READER_MARKS = {**MARKS, "text": (1,), "plain": (1,), "many": (1, 2), "many_plain": (1, 2)}
SCRIPT_MARKS = {"t": (1,), "tn": (1, 2)}

#: What speaks to operators in a terminal or a log; and the store, whose `text` is SQL.
ENGLISH = ("sandbox", "config", "cli.py", "check.py", "demo.py", "main.py", "pipeline")
PLAIN_SQL = ("store",)

#: Two words one after the other, beyond what ids and patterns hold.
WORDS = re.compile(r"[A-Za-z]{2,},? [A-Za-z]{2,}")
WORD = re.compile(r"[A-Za-z]{2,}")
#: Functions that build what people see, and the arguments that are sentences.
BUILDERS = {
    "actions": (), "button": (0,), "context": (0, 1, 2), "field": (1,), "form": (), "header": (0,),
    "message": (0,), "mrkdwn": (0,), "option": (0,), "outcome": (1, 2), "section": (0,),
    "sections": (0,), "told": (0,),
}  # fmt: skip
CAPTIONS = frozenset({"title", "submit", "hint", "label", "text", "placeholder"})
#: What is not text of a page: comments, expressions, scripts and tags.
NO_TEXT = re.compile(
    r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<(script|style|code)\b.*?</\1>|<[^>]*>", re.S
)
#: Attributes that are read out or shown.
READ_OUT = re.compile(r"\b(?:aria-label|title|alt|placeholder)=[\"']([^\"'{]+)")
#: How words in a page look; names of classes and gpubot's own begin in lower case.
IN_PAGE = re.compile(r"[A-Z][a-z]+|[A-Za-z]{2,} [A-Za-z]{2,}")
#: How a sentence in a script looks; selectors and classes begin in lower case.
IN_SCRIPT = re.compile(r"[\"'`][A-Z][a-z]+,? [a-z]+")
MARK_INSIDE = re.compile(r"\btn?\(")
#: Calls in scripts whose words people do not read.
UNREAD = frozenset({"t", "tn", "Error", "warn", "error", "log"})
#: Errors of ours that nobody but the log hears of.
LOGGED = frozenset({"TryLater"})
#: Arguments that hold commands, which are the same in every language.
COMMANDS = frozenset({"usage", "examples", "example", "placeholder"})


def marked_in_python(root: Path = ROOT) -> Iterator[tuple[str, Sentence]]:
    """Where a marked sentence stands, and the sentence."""
    for path in sorted(root.rglob("*.py")):
        part = path.relative_to(root).parts[0]
        if part not in ENGLISH:
            marks = MARKS if part in PLAIN_SQL else READER_MARKS
            for line, found, _, _ in extract_from_file("python", path, keywords=marks):
                # Newer Babels take a function that is called like a mark for a call of it, and
                # the first string in it for the sentence.
                if found != "…":
                    yield f"{path}:{line}", found


def marked_in_templates(root: Path = ROOT) -> Iterator[tuple[str, Sentence]]:
    """Those of the pages: `_("…")`, `ngettext(…)` and `{% trans %}`."""
    for path in sorted((root / "web" / "templates").rglob("*.html")):
        with path.open("rb") as source:
            for line, _, found, _ in babel_extract(source, list(MARKS), [], {}):
                forms = (found,) if isinstance(found, str) else tuple(f for f in found if f)
                yield f"{path}:{line}", forms[0] if len(forms) == 1 else forms


def marked_in_scripts(root: Path = ROOT) -> Iterator[tuple[str, Sentence]]:
    """Those of the pages' own scripts: `t("…")` and `tn("…", "…", n)`."""
    for path in sorted((root / "web" / "static").glob("*.js")):
        for line, found, _, _ in extract_from_file("javascript", path, keywords=SCRIPT_MARKS):
            yield f"{path}:{line}", found


def marked(root: Path = ROOT) -> Iterator[tuple[str, Sentence]]:
    """Every marked sentence of the program, with where it stands."""
    yield from marked_in_python(root)
    yield from marked_in_templates(root)
    yield from marked_in_scripts(root)


def unmarked(source: str) -> list[tuple[int, str]]:
    """Line and text of what looks like a sentence in Python code and is not marked."""
    visitor = _Unmarked()
    visitor.visit(ast.parse(source))
    return visitor.found


class _Unmarked(ast.NodeVisitor):
    """Finds string literals of two words or more, and single words in what builds messages.

    Docstrings, marked sentences, log lines, SQL, faults for programmers and commands are passed
    over.
    """

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def _body(self, node: ast.Module | ast.ClassDef | ast.FunctionDef) -> None:
        for part in node.body:
            if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)):
                self.visit(part)

    visit_Module = visit_ClassDef = visit_FunctionDef = _body  # noqa: N815

    def visit_Assert(self, node: ast.Assert) -> None:
        """For programmers."""

    def visit_Raise(self, node: ast.Raise) -> None:
        """Faults of Python's own kinds are for programmers; ours are told to people."""
        kind = _name(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
        if not hasattr(builtins, kind) and kind not in LOGGED:
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called, owner = _name(node.func), _owner(node.func)
        if owner == "log" or called in {"compile", "sql"}:
            return
        for place, value in enumerate(node.args):
            if not (called in READER_MARKS and isinstance(value, ast.Constant)):
                self._argument(value, shown=place in BUILDERS.get(called, ()))
        for keyword in node.keywords:
            if keyword.arg not in COMMANDS:
                shown = called in BUILDERS and keyword.arg in CAPTIONS
                self._argument(keyword.value, shown=shown)
        self.visit(node.func)

    def _argument(self, value: ast.expr, *, shown: bool) -> None:
        if shown and isinstance(value, ast.Constant) and isinstance(value.value, str):
            self._say(value, WORD)
        else:
            self.visit(value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._say(node, WORDS)

    def _say(self, node: ast.Constant, pattern: re.Pattern[str]) -> None:
        if pattern.search(str(node.value)):
            self.found.append((node.lineno, str(node.value)))


def _name(func: ast.expr | None) -> str:
    if isinstance(func, ast.Attribute):
        return func.attr
    return func.id if isinstance(func, ast.Name) else ""


def _owner(func: ast.expr) -> str:
    owner = func.value if isinstance(func, ast.Attribute) else None
    return owner.id if isinstance(owner, ast.Name) else ""


def unmarked_in_template(source: str) -> list[str]:
    """Words of a page that are not marked: in its text, and in attributes that are read out."""
    texts = [*NO_TEXT.sub("\n", source).splitlines(), *READ_OUT.findall(source)]
    return [text.strip() for text in texts if IN_PAGE.search(re.sub(r"&\w+;", "", text))]


def unmarked_in_script(source: str) -> list[tuple[int, str]]:
    """Line and text of string literals that look like sentences and are not marked.

    Marks inside a template literal are not found by extraction, so they are as good as none.
    """
    found, calls, last = [], [], ""
    for token in _tokens(source):
        if token.value == "(":
            calls.append(last)
        elif token.value == ")" and calls:
            calls.pop()
        hidden = token.type == "template_string" and MARK_INSIDE.search(token.value)
        if hidden or (IN_SCRIPT.match(token.value) and not UNREAD.intersection(calls[-1:])):
            found.append((token.lineno, token.value))
        if token.type not in ("whitespace", "linecomment", "multilinecomment"):
            last = token.value
    return found


def _tokens(source: str) -> list[Token]:
    """The script's tokens. Babel's lexer is public by habit only, and newer ones say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return list(tokenize(source))
