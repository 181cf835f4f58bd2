"""What people could say in the town of roles: words, buttons' values, and fields of forms.

Most of it is understood, so that it gets as far as to what decides, writes and tells.
"""

from __future__ import annotations

import json

from builders import TONIGHT
from fuzzing import EXAMPLES
from hypothesis import strategies as st
from town_of_roles import BOB, FINN, ROLES

from bot.slack.registry import VERBS

STAMP = int(TONIGHT.timestamp())
HOUR = 3600
users = st.sampled_from(sorted({*ROLES.values()} - {"U0GPUBOT"}))

NODES = ["free-1", "free-2", "free-3", "bob-1", "bob-4", "lena-2"]
LENGTHS = ["2h", "20h", "1d12h", "90m", "1.5h", "2 days", "30m", "0h", "900h", "半小时", "45m"]
TIMES = [
    "now", "in 3h", "today 18:00", "tonight", "tomorrow 22:00", "fri 9am", "next monday 08:00",
    "2026-12-01 10:00", "12/1 10:00", "1 dec 10:00", "until fri 18:00", "22:00-06:00",
    "tomorrow 22:00 → 18:00", "明天22:00 20小时", "今晚", "周五 9点", "from 22:00", "31 feb",
    "25:00", "by tomorrow 02:00", "until 2027-01-01", "9999-12-31", "yesterday", "last month",
    "2026-11",
]  # fmt: skip
WORDS = [
    "p0", "p1", "p2", "on", "model", "A100", "V100", "H100", "spread", "preemptible", "firm",
    "team", "vision", "nlp", "none", "drain", "resume", "new", "revoke", "read", "book", "audit",
    "report", "week", "month", "all", "other", "train", "yolo-train", "data=coco.yaml",
    "epochs=3", "data=", "=x", "job", '"a purpose"', '"', "“x”", "because", "--", "\u00a0",
    f"<@{FINN}>", f"<@{BOB}|bob>", "@bob", "<#C0VISION|vision>", "python train.py --lr=1", "&lt;",
    "person", "cancel", "leave", "keep", "mine", "for", "my", "\ud800", "\x00", "a\x00b", "🦊",
]  # fmt: skip
TEXTS = [
    "show B1", "extend B1 2h", "move B1 tomorrow 22:00", "cancel B1 x", "job B1 none", "node",
    "token revoke 1", "queue 1 30m", "wait 8 2h", "reserve 1 now 2h", "audit B1", "report vision",
    "reserve 2 tonight 2h on free-1 p1 firm \"x\"", "reserve 16 tonight 8h spread", "show W1",
    "reserve 8 tonight 2h on bob-1", "reserve 8 tonight 2h on bob-1 p0", "free 8 2h tomorrow",
    "wait 8 2h on bob-4 from 22:00 by tomorrow 02:00", "queue 1 30m on free-1 python x.py",
    f"transfer B1 <@{FINN}> why", "release B1 1 why", "node drain free-2 until fri 18:00 broken",
    "node resume free-3", "token new ci team vision read", "token new mine", "status tomorrow",
    "calendar next week", "report vision last month", "help reserve", "job B1 yolo-train data=x",
    "job B1 python train.py", "waitlist", "mine", "free 99 2h", "audit B1", "extend B1 -2h",
]  # fmt: skip


#: Numbers of bookings and of everything else: those of the town, and those that are made here.
numbers = st.integers(1, 14) | st.integers(15, 20 + EXAMPLES // 4)
_ids = numbers.map(str)
_word = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(TIMES),
    st.sampled_from(LENGTHS),
    st.sampled_from(NODES),
    st.tuples(st.sampled_from(["B", "#", "W", "b", ""]), _ids).map("".join),
    st.text(max_size=12),
)


@st.composite
def _altered(draw: st.DrawFn) -> str:
    """Something that is understood, with its number and up to two of its words changed."""
    words = draw(st.sampled_from(TEXTS)).replace("B1", f"B{draw(_ids)}").split(" ")
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(words)))
        words[place : place + draw(st.integers(0, 1))] = [draw(_word)] * draw(st.integers(0, 1))
    return " ".join(words)


#: What may follow `/gpu`.
said = _altered() | st.tuples(
    st.sampled_from(sorted(VERBS)), st.lists(_word, max_size=7).map(" ".join)
).map(" ".join)


_common = {
    "n": st.sampled_from([1, 2, 8, 16, 0, 99]),
    "p": st.sampled_from([0, 1, 2, 7]),
}
_orders = st.sampled_from([
    {"t": "train"}, {"t": "yolo-train", "p": {"data": "x"}}, {"t": "gone"}, {}, {"o": {}},
])  # fmt: skip
_may_have = {
    "on": st.sampled_from([*NODES, "gone", ""]),
    "m": st.sampled_from(["A100", "V100", "gone"]),
    "s": st.booleans(),
    "e": st.booleans(),
    "t": st.sampled_from(["vision", "nlp", "gone"]),
    "u": st.sampled_from(["x", "<!channel>", "y" * 400, "a\x00b", ""]),
    "j": _orders,
    "c": st.integers(0, 30),
    "now": st.booleans(),
}
_stamps = st.sampled_from([STAMP, STAMP + 2 * HOUR, STAMP + 26 * HOUR, STAMP - 48 * HOUR, 0])
_windows = st.tuples(_stamps, st.sampled_from([2, 8, 1, 0, 9999])).map(
    lambda pair: [pair[0], pair[0] + pair[1] * HOUR]
)
_packed = st.fixed_dictionaries(
    {**_common, "w": st.lists(_windows, min_size=1, max_size=2)}, optional=_may_have
) | st.fixed_dictionaries(
    {**_common, "l": st.sampled_from([1800, 2 * HOUR, 8 * HOUR, 0, 10**9])},
    optional={**_may_have, "a": _stamps, "b": _stamps},
)


#: What a button's value may be.
values = st.one_of(
    _ids,
    st.builds("{}:{}".format, numbers, st.sampled_from([7200, 1800, STAMP + 24 * HOUR, 0])),
    _packed.map(json.dumps),
    st.sampled_from([*NODES, "0:", f"1:{STAMP}", "team:nlp", f"person:{BOB}", "node:bob-1", ""]),
    said,
    st.text(max_size=30),
)
_moments = _stamps | st.none()
_texts = st.sampled_from(["", "x", "<!channel> *b*", "z" * 400, "a\x00b", "\ud800"]) | st.text()
#: What may be filled into a form, by the fields' names.
fields = st.fixed_dictionaries(
    {},
    optional={
        "gpus": st.sampled_from(["1", "2", "8", "16", "99", "0", "-1", "1.5", "x"]),
        "length": st.sampled_from([*LENGTHS, "until fri 18:00"]),
        "start": _moments, "until": _moments, "earliest": _moments, "latest": _moments,
        "model": st.sampled_from(["=", "=A100", "=V100", "=gone", None]),
        "node": st.sampled_from(["=", "=gone", None, *(f"={name}" for name in NODES)]),
        "priority": st.sampled_from(["0", "1", "2", "7", ""]),
        "preemptible": st.sampled_from(["=", "=yes", "=no", "="]),
        "team": st.sampled_from(["vision", "nlp", "gone"]),
        "purpose": _texts, "reason": _texts,
        "spread": st.sampled_from([[], ["spread"]]),
        "booking": _ids,
        "receiver": users,
        "command": st.sampled_from(["", "python x.py --a=b", "'", "a\x00b", "x" * 400]),
        "job": st.sampled_from(["", "=", "train", "other", "yolo-train", "=train", "gone"]),
        "parameters": st.sampled_from(["", "data=x", "data=x epochs=3", "data", "=", "a=b\nc"]),
        "run": st.sampled_from(["", "python x.py", "train"]),
        "feed": st.sampled_from(["team:nlp", f"person:{BOB}", "node:bob-1", "node:gone", "x"]),
    },
)  # fmt: skip
