"""The configurations in deploy/proxy, as they are shipped but for addresses and certificates.

Each stands in front of a gpubot that runs, and does what gpubot needs of it.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import builders
import httpx
import pytest
from databases import new_database
from directory.slapd_certificates import Certificates, make_certificates
from faults.faulty import Lab, eventually, running, workspace

from benchmarks.ports import free_port
from bot.sandbox.signedhttp import signature

FOLDER = Path(__file__).parents[1] / "deploy" / "proxy"
NAME = "gpu.lab.example"
#: The addresses in the shipped files.
UPSTREAM = "127.0.0.1:8080"

NGINX = """
daemon off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/gpubot.conf;
}}
"""
CADDY = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"


def program(name: str, package: str) -> str:
    """Where a proxy is on this machine."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        why = f"{name} is not installed (Debian: {package})"
        if "CI" in os.environ:
            pytest.fail(why)
        pytest.skip(why)
    return found


@dataclass
class Proxied:
    """A gpubot behind a proxy, and somebody who reaches it by the proxy alone."""

    lab: Lab
    web: httpx.Client
    port: int


def nginx(folder: Path, lab: Lab, keys: Certificates, port: int) -> tuple[list[str], list[str]]:
    """How to check its configuration, and how to start it."""
    path = program("nginx", "nginx-light")
    shipped = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        (UPSTREAM, lab.bot.address.removeprefix("http://")),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("    listen [::]:443 ssl http2;\n", ""),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("    listen [::]:80;\n", ""),
        ("/etc/ssl/gpu.lab.example.pem", str(keys.certificate)),
        ("/etc/ssl/private/gpu.lab.example.key", str(keys.key)),
    ):
        assert old in shipped, old
        shipped = shipped.replace(old, new)
    (folder / "gpubot.conf").write_text(shipped, encoding="utf-8")
    (folder / "main.conf").write_text(NGINX.format(folder=folder), encoding="utf-8")
    command = [path, "-p", str(folder), "-c", str(folder / "main.conf"), "-e", "stderr"]
    return [*command, "-t"], command


def caddy(folder: Path, lab: Lab, keys: Certificates, port: int) -> tuple[list[str], list[str]]:
    """The same for Caddy."""
    path = program("caddy", "caddy")
    shipped = (FOLDER / "Caddyfile").read_text(encoding="utf-8")
    for old, new in (
        (UPSTREAM, lab.bot.address.removeprefix("http://")),
        (
            f"{NAME} {{\n",
            f"{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {keys.certificate} {keys.key}\n",
        ),
    ):
        assert old in shipped, old
        shipped = shipped.replace(old, new)
    (folder / "Caddyfile").write_text(CADDY + shipped, encoding="utf-8")
    options = ["--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    return [path, "validate", *options], [path, "run", *options]


@pytest.fixture(scope="module", params=[nginx, caddy], ids=lambda proxy: proxy.__name__)
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp(request.param.__name__)
    of = builders.cluster(public_calendar=True)
    with (
        workspace() as slack,
        running(slack, new_database(folder), of=of) as lab,
        started(request.param, folder, lab) as made,
    ):
        yield made


@contextmanager
def started(
    proxy: Callable[..., tuple[list[str], list[str]]], folder: Path, lab: Lab
) -> Iterator[Proxied]:
    """That proxy, for as long as the block runs."""
    keys, port = make_certificates(folder), free_port()
    check, command = proxy(folder, lab, keys, port)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    checked = subprocess.run(check, capture_output=True, text=True, check=False, env=environment)
    assert checked.returncode == 0, checked.stderr
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=environment, stderr=stream, stdout=stream)
    try:
        with httpx.Client(
            base_url=f"https://127.0.0.1:{port}", headers={"Host": NAME}, timeout=30,
            verify=ssl.create_default_context(cafile=str(keys.ca)), trust_env=False,
        ) as web:  # fmt: skip
            eventually(lambda: process.poll() is not None or answers(web))
            assert process.poll() is None, log.read_text()
            yield Proxied(lab, web, port)
    finally:
        process.terminate()
        # It waits for what is under way; nothing is, since everybody has gone.
        process.wait(20)


def answers(web: httpx.Client) -> bool:
    try:
        return web.get("/healthz").is_success
    except httpx.TransportError:
        return False


def test_the_page_comes_through_and_each_request_has_one_name(proxied: Proxied) -> None:
    page = proxied.web.get("/")
    assert (page.status_code, "calendar" in page.text) == (200, True)
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    names = {proxied.web.get("/healthz").headers["X-Request-ID"] for _ in range(2)}
    assert len(names) == 2


def test_events_are_not_held_back(proxied: Proxied) -> None:
    with proxied.web.stream("GET", "/api/v1/events") as stream:
        lines = stream.iter_lines()
        assert any(line == "event: hello" for line in lines)
        proxied.lab.books(builders.ALICE, "1 in 4h 2h")
        assert any(line == "event: change" for line in lines)


def test_what_slack_signed_is_still_signed_behind_it(proxied: Proxied) -> None:
    asked = {"command": "/gpu", "text": "mine", "user_id": builders.BOB, "trigger_id": "1.2"}
    body = urlencode({**asked, "channel_id": "C0VISION"}).encode()
    headers = {
        **signature(proxied.lab.slack.signing_secret, body),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = proxied.web.post("/slack/events", content=body, headers=headers)
    assert (answer.status_code, "text" in answer.json()) == (200, True)


def test_what_is_too_large_and_metrics_go_no_further(proxied: Proxied) -> None:
    # Debian's Caddy takes its own refusal for one of gpubot's.
    assert proxied.web.post("/slack/events", content=b"x" * 1_100_000).status_code in (413, 502)
    assert proxied.web.get("/metrics").status_code == 403
