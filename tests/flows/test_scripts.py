"""A script does as `/gpu show` says, and is answered."""

from __future__ import annotations

import re

import httpx
from patience import PATIENCE_S
from people import ALICE, Lab


def test_the_address_and_the_token_that_show_gives_are_good(lab_over_http: Lab) -> None:
    label, _ = lab_over_http.books(ALICE, "1 V100 14:00 8h")
    shown = str(lab_over_http.types(ALICE, f"show {label}").blocks)
    found = re.search(r"Bearer (\w+)\W+(http://\S+/notice)", shown)
    assert found is not None, shown
    headers = {"Authorization": f"Bearer {found[1]}"}
    answer = httpx.get(found[2], headers=headers, trust_env=False, timeout=PATIENCE_S)
    assert answer.json()["booking"] == label
