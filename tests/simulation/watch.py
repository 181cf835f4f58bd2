"""What has to hold after each transaction, whatever anybody does. Looks only at what changed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime

from simulation.books import Books, Promise, Row, instant
from simulation.deadlines import Deadlines

from bot.domain.cluster import Cluster
from bot.services.record import FIRST_HASH, record_hash

#: The only acts that end a booking, and as what.
ENDINGS = {
    "cancelled": "cancelled",
    "released": "ended",
    "ended": "ended",
    "reclaimed": "preempted",
    "released_early": "preempted",
    "lost_to_urgent": "preempted",
    "no_show": "no_show",
}
ANSWERS = {
    "accepted": "offer_accepted",
    "declined": "offer_declined",
    "expired": "offer_expired",
    "withdrawn": "offer_withdrawn",
}
#: A preemption in one of these has a say no more.
SETTLED = ("withdrawn", "overtaken", "reclaimed")


class Watch:
    """Compares the books with what they were at the last look."""

    def __init__(self, books: Books, cluster: Cluster) -> None:
        self._books = books
        self._deadlines = Deadlines(books, cluster.policy)
        self._gpus = {node.name: node.gpus for node in cluster.nodes}
        self._seq, self._hash = 0, FIRST_HASH
        self._live: dict[int, Promise] = {}
        self._revisions: dict[str, int] = dict.fromkeys(self._gpus, 0)
        #: Whether anything was given up since the look before.
        self.has_grown = False
        self._open_offers: dict[int, int] = {}
        self._preemptions: dict[int, str] = {}
        #: The latest instant at which somebody was told that they lose their GPUs, by preemption.
        self.promised: dict[int, datetime] = {}
        #: What happened how often, by action.
        self.actions: Counter[str] = Counter()
        self.of_booking: dict[int, Counter[str]] = defaultdict(Counter)
        self.of_entry: dict[int, Counter[str]] = defaultdict(Counter)

    @property
    def live(self) -> dict[int, Promise]:
        """The live bookings at the last look."""
        return self._live

    def look(self, now: datetime) -> list[Row]:
        """Check what was committed since the last look; return its audit records."""
        records = self._books.rows("SELECT * FROM audit WHERE seq > ? ORDER BY seq", self._seq)
        revisions = self._books.revisions()
        if not records and revisions == self._revisions:
            return []
        changed = [name for name, number in revisions.items() if number != self._revisions[name]]
        self.has_grown = any(self._books.gave_up(node, self._revisions[node]) for node in changed)
        before, self._live = self._live, self._books.live()
        self._revisions = revisions
        self._follow(records)
        self._check_endings(before, records)
        self._check_records(records)
        offers = {o["id"]: o for o in self._books.rows("SELECT * FROM offer WHERE state = 'open'")}
        for node in changed:
            self._check_node(node, now, offers)
            self._check_drained(node, now, self._live.keys() - before.keys())
        self._check_indices()
        self._check_offers(offers)
        self._check_preemptions(now)
        self._deadlines.look(records, now)
        return records

    # -- the audit --------------------------------------------------------------------------------

    def _follow(self, records: Iterable[Row]) -> None:
        for row in records:
            values = {**dict(row), "at": instant(row["at"])}
            assert row["seq"] == self._seq + 1, "audit: a number was left out"
            assert row["previous_hash"] == self._hash, "audit: the chain is broken"
            assert record_hash(values) == row["hash"], "audit: the hash is wrong"
            self._seq, self._hash = row["seq"], row["hash"]
            self.actions[row["action"]] += 1
            if row["booking"] is not None:
                self.of_booking[row["booking"]][row["action"]] += 1
            entry = json.loads(row["after"] or "{}").get("entry")
            if entry is not None:
                self.of_entry[entry][row["action"]] += 1

    def _check_endings(self, before: dict[int, Promise], records: list[Row]) -> None:
        """Nothing that was promised is gone without an act that says so."""
        gone = before.keys() - self._live.keys()
        said = {row["booking"]: row["action"] for row in records if row["action"] in ENDINGS}
        for booking in gone:
            assert booking in said, f"B{booking} is gone and no record says why"
        for booking, action in said.items():
            state = self._state(booking)
            assert state == ENDINGS[action], f"B{booking} is {state} after {action!r}"
            assert self.of_booking[booking]["started"] <= 1, f"B{booking} began twice"
            assert self.of_booking[booking]["ended"] <= 1, f"B{booking} ended twice"
            assert self.of_booking[booking]["reclaimed"] <= 1, f"B{booking} was reclaimed twice"

    def _state(self, booking: int) -> str:
        return str(self._books.one("SELECT state FROM booking WHERE id = ?", booking))

    def _check_records(self, records: list[Row]) -> None:
        """The last record of a booking shows what its row shows."""
        last = {row["booking"]: row for row in records if row["booking"] is not None}
        for booking, record in last.items():
            after = json.loads(record["after"])
            row = self._books.rows("SELECT * FROM booking WHERE id = ?", booking)[0]
            found = (row["owner"], instant(row["start_at"]), instant(row["end_at"]), row["state"],
                     json.loads(row["shares"]))  # fmt: skip
            told = (after["owner"], datetime.fromisoformat(after["start"]),
                    datetime.fromisoformat(after["end"]), after["state"],
                    after["shares"])  # fmt: skip
            assert found == told, f"B{booking}: the record {record['action']!r} tells {told}"

    # -- capacity ---------------------------------------------------------------------------------

    def _check_node(self, node: str, now: datetime, offers: dict[int, Row]) -> None:
        now_s = int(now.timestamp())
        claims = self._books.claims(node, now_s)
        taken = [c for c in claims if c["kind"] != "drain"]
        over = _most(taken, now_s)
        assert over <= self._gpus[node], f"{node} has {over} GPUs promised at one instant"
        for kind in ("booking", "offer"):
            held: dict[int, list[Row]] = defaultdict(list)
            for claim in claims:
                if claim["kind"] == kind:
                    held[claim["holder"]].append(claim)
            wanted = self._wanted(kind, node, now, offers)
            assert held.keys() == wanted.keys(), (
                f"{node}: {kind}s {sorted(held)} hold claims, {sorted(wanted)} should"
            )
            for holder, (start, end, gpus) in wanted.items():
                what = f"{kind} {holder} on {node}"
                _check_held(what, held[holder], (start, end, gpus), now_s)
        for claim in claims:
            if claim["kind"] == "hold":
                self._check_hold(claim["holder"], now)

    def _check_drained(self, node: str, now: datetime, fresh: Iterable[int]) -> None:
        """Nothing new is promised on a node that is out of service then."""
        drains = self._books.rows(
            "SELECT start_at, end_at FROM drain WHERE state = 'draining' AND node = ?", node
        )
        for booking in (self._live[number] for number in fresh if drains):
            end = instant(drains[0]["end_at"])
            free = node not in booking.shares or (end is not None and booking.start >= end)
            restored = self.of_booking[booking.id]["restored"]
            assert free or restored, f"B{booking.id} was promised {node}, which is drained"

    def _wanted(
        self, kind: str, node: str, now: datetime, offers: dict[int, Row]
    ) -> dict[int, tuple[int, int, int]]:
        """Who should hold what of `node` from now on: start, end and GPUs."""
        if kind == "booking":
            found = [(b.id, b.start, b.end, b.shares) for b in self._live.values()]
        else:
            found = [
                (
                    o["id"],
                    instant(o["start_at"]),
                    instant(o["end_at"]),
                    dict(json.loads(o["shares"])),
                )
                for o in offers.values()
            ]
        return {
            holder: (int(max(start, now).timestamp()), int(end.timestamp()), shares[node])
            for holder, start, end, shares in found
            if node in shares and end > now
        }

    def _check_hold(self, preemption: int, now: datetime) -> None:
        row = self._books.rows("SELECT * FROM preemption WHERE id = ?", preemption)[0]
        urgent = self._live.get(row["preemptor"])
        assert row["state"] not in SETTLED, f"preemption {preemption} is over and still holds GPUs"
        assert urgent is not None, f"a hold for B{row['preemptor']}, which is gone"
        assert urgent.state == "reserved", f"a hold for B{urgent.id}, which has begun"

    def _check_indices(self) -> None:
        used: dict[tuple[str, int], int] = {}
        for booking in self._live.values():
            if booking.state != "active":
                continue
            counts = {node: len(ids) for node, ids in booking.gpu_ids.items()}
            assert counts == booking.shares, f"B{booking.id} has {booking.gpu_ids}"
            for node, ids in booking.gpu_ids.items():
                for index in ids:
                    other = used.setdefault((node, index), booking.id)
                    assert other == booking.id, f"B{other} and B{booking.id} share {node}#{index}"
                    assert 0 <= index < self._gpus[node]

    # -- offers and preemptions -------------------------------------------------------------------

    def _check_offers(self, offers: dict[int, Row]) -> None:
        """Each offer ends once, in one way, which a record tells."""
        closed = self._open_offers.keys() - offers.keys()
        for offer in closed:
            row = self._books.rows("SELECT * FROM offer WHERE id = ?", offer)[0]
            assert row["state"] in ANSWERS, f"offer {offer} ended as {row['state']}"
            assert (row["booking"] is not None) == (row["state"] == "accepted")
            self._check_answers(row["entry"])
        self._open_offers = {offer: row["entry"] for offer, row in offers.items()}
        assert len(set(self._open_offers.values())) == len(offers), "two offers for one wish"
        offered = {
            row["id"]
            for row in self._books.rows("SELECT id FROM waitlistentry WHERE state = 'offered'")
        }
        assert offered == set(self._open_offers.values()), "offered wishes and open offers differ"

    def _check_answers(self, entry: int) -> None:
        rows = self._books.rows("SELECT state FROM offer WHERE entry = ?", entry)
        states = Counter(ANSWERS[row["state"]] for row in rows if row["state"] != "open")
        told = self.of_entry[entry]
        for action in ANSWERS.values():
            assert states[action] == told[action], f"W{entry}: {states} ended, {told} was recorded"

    def _check_preemptions(self, now: datetime) -> None:
        rows = self._books.rows(
            "SELECT * FROM preemption WHERE id IN (SELECT id FROM preemption ORDER BY id DESC"
            " LIMIT 20) OR state = 'warned'"
        )
        for row in rows:
            state, before = row["state"], self._preemptions.get(row["id"])
            if before in SETTLED:
                assert state == before, f"preemption {row['id']} went from {before} to {state}"
            if state == "reclaimed" and before != "reclaimed":
                self._check_promised(row, now)
            if state == "warned":
                self._check_warned(row)
            if before == "warned" and state in ("overtaken", "withdrawn"):
                self._check_given_back(row)
            self._preemptions[row["id"]] = state

    def _check_promised(self, row: Row, now: datetime) -> None:
        """Not before the instant that was shown last."""
        promised = self.promised.get(row["id"])
        assert promised is None or now >= promised, f"preemption {row['id']}: until {promised}"

    def _check_given_back(self, row: Row) -> None:
        """It was called off, or never came to it: whoever was warned has what they had."""
        sql = "SELECT end_at, overrun_from, state, owner FROM booking WHERE id = ?"
        holder = self._books.rows(sql, row["preemptee"])[0]
        end = holder["overrun_from"] or holder["end_at"]
        # Who booked in its place, and gave that or this away, has until then.
        sql = "SELECT start_at FROM booking WHERE id = ? AND owner <> ?"
        given = self._books.rows(sql, row["again"] or 0, holder["owner"])
        ends = [row["old_end"], *(again["start_at"] for again in given)]
        assert end in ends, f"B{row['preemptee']} ends at {end}, not {row['old_end']}"
        if row["state"] == "withdrawn":
            assert row["preemptee"] in self._live, f"B{row['preemptee']} is {holder['state']}"

    def _check_warned(self, row: Row) -> None:
        reclaim_at = instant(row["reclaim_at"])
        holder, urgent = self._live.get(row["preemptee"]), self._live.get(row["preemptor"])
        assert holder is not None, f"B{row['preemptee']} is gone and still under warning"
        assert urgent is not None, f"B{holder.id} is warned for B{row['preemptor']}, which is gone"
        assert holder.end == reclaim_at, f"B{holder.id} ends at {holder.end}, not {reclaim_at}"
        assert urgent.start >= reclaim_at, f"B{urgent.id} begins before B{holder.id} is gone"


def _most(claims: Iterable[Row], now_s: int) -> int:
    """The most GPUs that are claimed at one instant from now on."""
    changes: dict[int, int] = defaultdict(int)
    for claim in claims:
        changes[max(claim["start_s"], now_s)] += claim["gpus"]
        changes[claim["end_s"]] -= claim["gpus"]
    most = level = 0
    for at in sorted(changes):
        level += changes[at]
        most = max(most, level)
    return most


def _check_held(what: str, claims: list[Row], wanted: tuple[int, int, int], now_s: int) -> None:
    """From now on exactly the GPUs wanted, from their start to their end, and nothing outside."""
    start, end, gpus = wanted
    changes: dict[int, int] = defaultdict(int)
    for claim in claims:
        changes[max(claim["start_s"], now_s)] += claim["gpus"]
        changes[claim["end_s"]] -= claim["gpus"]
    steps = {at: by for at, by in changes.items() if by}
    assert steps == {start: gpus, end: -gpus}, f"{what} holds {steps}, not {wanted}"
