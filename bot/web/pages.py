"""Pages for people: templates in the viewer's language, with what every page has around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from bot.domain.actor import Person
from bot.locale import SOURCE, language, translator
from bot.services.people import get_person
from bot.services.site import Site
from bot.web.access import Viewer
from bot.web.assets import static_url
from bot.web.script_words import script_words

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"

#: How HTML and the browser's Intl name the languages that have a catalogue.
TAGS = {SOURCE: "en", "zh_CN": "zh-CN"}


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is written for one viewer."""

    #: The language it is in, as catalogues are named: `en`, `zh_CN`.
    language: str
    #: The viewer's time zone by IANA name; empty: only their browser knows it.
    zone_name: str
    #: What the page calls them; empty for the public.
    name: str


def look_of(request: Request, viewer: Viewer, site: Site) -> Look:
    """The viewer's own language and zone from Slack; else their browser's; else the cluster's."""
    person = get_person(site, viewer.user) if viewer.user else None
    name = person.name if person else viewer.user or ""
    return Look(_language(request, person, site), person.zone_name if person else "", name)


def render(
    request: Request,
    template: str,
    viewer: Viewer,
    *,
    site: Site,
    status: int = 200,
    **values: object,
) -> Response:
    """The page made of `template`, for `viewer`.

    Templates have the `values`, and `_`, `ngettext`, `static(name)`, `look`, `viewer`, `cluster`,
    `tag` (the language as HTML names it), `here` (this address, quoted, to come back to), `page`
    (the data block that scripts read) and `words` (their translations).
    """
    look = look_of(request, viewer, site)
    tag = TAGS.get(look.language, look.language.replace("_", "-"))
    query = f"?{request.url.query}" if request.url.query else ""
    around: dict[str, object] = {
        "look": look,
        "viewer": viewer,
        "cluster": site.cluster,
        "tag": tag,
        "path": request.url.path,
        "here": quote(request.url.path + query, safe=""),
        "words": script_words(look.language),
        "page": {},
    }
    content = _environment(look.language).get_template(template).render(around | values)
    return HTMLResponse(content, status, _headers())


def welcome(request: Request, viewer: Viewer, site: Site) -> Response:
    """The page for those whom another page is not shown: how to get in."""
    return render(request, "welcome.html", viewer, site=site, open_id=site.open_id)


def warm_up() -> None:
    """Make what the first page would otherwise wait for: templates, words, versions of files."""
    for name in TAGS:
        _environment(name).get_template("calendar.html")
        script_words(name)
    static_url("")


def translate(look: Look) -> Callable[[str], str]:
    """What turns an English sentence into the viewer's words."""
    return translator(look.language).gettext


def _headers() -> dict[str, str]:
    # A page shows who is signed in and repeats the session's secret: no cache may keep it.
    return {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"}


def _language(request: Request, person: Person | None, site: Site) -> str:
    if person is not None:
        return language(person.locale)
    return accepted_language(request) or language(site.cluster.language)


def accepted_language(request: Request) -> str | None:
    """What the browser, or a program, likes best of what is served; None: it names none of it."""
    for wanted in request.headers.get("Accept-Language", "").split(","):
        name = wanted.partition(";")[0].strip()
        served = language(name)
        if served != SOURCE or name.casefold().startswith(SOURCE):
            return served
    return None


@lru_cache(maxsize=16)
def _environment(language_name: str) -> Environment:
    # A start need not wait for it: `warm_up` comes here first.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Old style: what `_` gives is a plain string, whose {places} the template fills by format().
    i18n: Any = made
    i18n.install_gettext_translations(translator(language_name), newstyle=False)
    made.globals["static"] = static_url
    return made
