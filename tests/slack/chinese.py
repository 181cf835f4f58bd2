"""People whose Slack is Chinese, and the English that they must not come upon."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import builders
from plainly import plain
from talk import Shown, Talk, reader

from bot.domain.actor import Person
from bot.domain.cluster import Cluster
from bot.domain.yolo import SHIPPED
from bot.services.people import remember_person
from bot.services.site import Site

NAME_OF = {
    builders.ALICE: "王芳",
    builders.BOB: "李伟",
    builders.CHEN: "陈静",
    builders.DANA: "张敏",
    builders.ADMIN: "管理员甲",
}
#: What has no Chinese: mentions, code, emoji, ids, priorities, names of models, nodes and teams,
#: GPUs, the products' own names, jobs and their parameters, places in commands, and zones.
NAMES = re.compile(
    r"<[@#][^>]+>|```[^`]*```|`[^`]*`|:[a-z_]+:|\b[BW]\d+\b|\bP[012]\b|\bp[012]\b|\bGPU\b"
    r"|\b[VAH]100\b|gpu-\d\d|\bvision\b|\bnlp\b|\bgpubot\b|\bSlack\b|Vision Lab|\bWHEN\b"
    r"|\bLENGTH\b|Asia/Shanghai|\bUTC\b|/gpu [^\n]*|https?://\S+|“[^”]*”"
    r"|^\*[a-z]+\* · |python eval\.py|\b(?:HTTP|API|CI|CSV|LDAP|GitHub|Google|Outlook|Apple)\b"
    r"|\byolo-train\b|\bUltralytics YOLO\b|\b[a-z]+=[\w.]+|\b(?:data|model|epochs|imgsz|batch)\b"
    r"|(?<= · )(?:audit|book|read|report)(?:, (?:audit|book|read|report))*(?= · |$)",
    re.MULTILINE,
)
#: Examples of lengths to type.
LENGTHS = re.compile(r"\b\d+[hdm](?:\d+[hm])?\b")


def chinese_site(open_site: Callable[[Cluster], Site]) -> Site:
    """A cluster that speaks Chinese, and so do its people."""
    cluster = replace(builders.cluster(), language="zh-CN", jobs=SHIPPED)
    site = open_site(cluster)
    for user, name in NAME_OF.items():
        remember_person(site, Person(user, name, "Asia/Shanghai", "zh-CN", None, builders.NOW))
    return site


def chinese_talk(site: Site, user: str) -> Talk:
    """That person, with Chinese as their language."""
    return Talk(site, user, reader=replace(reader(site, user), locale="zh-CN"))


def texts(shown: object) -> Iterator[str]:
    """Every text object in blocks or a window, at any depth: labels, hints, options, buttons."""
    if isinstance(shown, Mapping):
        if shown.get("type") in ("plain_text", "mrkdwn"):
            yield shown["text"]
        elif shown.get("type") == "image":
            yield shown.get("alt_text", "")
        for name, value in shown.items():
            if name not in ("private_metadata", "value"):
                yield from texts(value)
    elif isinstance(shown, list | tuple):
        for part in shown:
            yield from texts(part)


def everything(where: Shown | str) -> str:
    """All that a person can read of a message or a window, with its notification."""
    if isinstance(where, str):
        return plain(where)
    if isinstance(where, Mapping):
        return plain("\n".join(texts(where)))
    return plain("\n".join([where.text, where_title(where), *texts(list(where.blocks))]))


def where_title(reply: Any) -> str:
    """The title that a reply has where it is shown in a window."""
    return str(getattr(reply, "title", ""))


def english(where: Shown | str) -> list[str]:
    """The English words that are left in what people read."""
    text = LENGTHS.sub(" ", NAMES.sub(" ", everything(where)))
    return re.findall(r"[A-Za-z]+", text)


def pressed_together(where: Shown | str) -> list[str]:
    """Lines whose bold or code touches other signs, so that Slack would not format it."""
    found = []
    for line in everything(where).splitlines():
        for sign in "*`":
            outside = line.replace("```", "").split(sign)[::2]
            before, after = outside[:-1], outside[1:]
            touches = any(text and not text.endswith((" ", "(")) for text in before)
            if touches or any(re.match(r"[^\s,.)]", text) for text in after):
                found.append(line)
    return found
