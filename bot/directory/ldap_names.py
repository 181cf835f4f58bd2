"""Names and addresses as directories write them: compared, and made safe to search by."""

from __future__ import annotations

import re

from ldap3.utils.conv import escape_filter_chars

#: What one value may be long, in bytes; more is no name and no address.
LONGEST = 1024
#: The longest address that can be mailed to (RFC 5321).
LONGEST_ADDRESS = 254

#: A distinguished name, part by part.
Name = tuple[tuple[str, str], ...]

_PART = re.compile(r"(?:\\.|[^\\,;+])+", re.DOTALL)
_KIND = re.compile(r"[a-zA-Z0-9.-]+")
_ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2}|.)", re.DOTALL)
_ADDRESS = re.compile(r"[^@\s<>,;:\"\\]+@[^@\s<>,;:\"\\]+")


def address(value: bytes) -> str:
    """An e-mail address in lower case; empty for anything else."""
    text = shown(value).lower()
    fits = len(text) <= LONGEST_ADDRESS and text.isprintable()
    return text if fits and _ADDRESS.fullmatch(text) else ""


def shown(value: bytes) -> str:
    """A value as text on one line; empty where it is none, or too long."""
    if len(value) > LONGEST:
        return ""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def is_name(text: str) -> bool:
    """Whether `text` is a distinguished name."""
    return bool(_parts(text))


def same_name(name: str) -> Name:
    """A distinguished name in the one form in which equal ones are equal."""
    parts = tuple((kind.lower(), value.lower()) for kind, value in _parts(name))
    return parts or (("", name),)


def lies_under(name: str, base: str) -> bool:
    """Whether an entry of that name is found by a search under `base`."""
    inner, outer = same_name(name), same_name(base)
    return is_name(name) and inner[-len(outer) :] == outer


def first_part(name: str) -> str:
    """The filter that finds what has the first part of a distinguished name."""
    kind, value = _parts(name)[0]
    return f"({kind}={escape_filter_chars(value)})"


def _parts(name: str) -> list[tuple[str, str]]:
    """Attribute and value of each part, without escapes (RFC 4514); none where it is no name."""
    found: list[tuple[str, str]] = []
    for part in _PART.findall(name):
        kind, equals, value = (one.strip() for one in part.partition("="))
        if not equals or not _KIND.fullmatch(kind) or not value:
            return []
        found.append((kind, _plain(value)))
    return found


def _plain(value: str) -> str:
    def meant(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes.fromhex(code.decode()) if len(code) == 2 else code

    plain = _ESCAPED.sub(meant, value.encode()).decode("utf-8", "replace")
    return " ".join(plain.split())
