"""Servers that a test controls: one that answers as it is told, and DCGM's metrics as text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What a handler does with a request: it writes the whole answer itself.
Answers = Callable[[BaseHTTPRequestHandler], None]


class Answering(BaseHTTPRequestHandler):
    """Has the server's own function answer."""

    def do_GET(self) -> None:
        self.server.answer(self)

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answer(self)

    def log_message(self, *_arguments: Any) -> None:
        """Tests are quiet."""


class Server(ThreadingHTTPServer):
    """A server on a free port of this machine; `answer` may be changed while it runs."""

    daemon_threads = True

    def __init__(self, answer: Answers) -> None:
        self.answer = answer
        super().__init__(("127.0.0.1", 0), Answering)

    def handle_error(self, *_arguments: Any) -> None:
        """A client that went away is what some tests are about."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(answer: Answers) -> Iterator[Server]:
    """A server for as long as the block runs."""
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def saying(body: bytes, status: int = 200, **headers: str) -> Answers:
    """Answers with that body."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def labels_of(node: str, gpu: int, **more: str) -> dict[str, str]:
    """The labels that dcgm-exporter gives a GPU."""
    return {
        "gpu": str(gpu),
        "UUID": f"GPU-{node}-{gpu}",
        "pci_bus_id": f"00000000:0{gpu}:00.0",
        "device": f"nvidia{gpu}",
        "modelName": "NVIDIA H100 80GB HBM3",
        "Hostname": node,
        "DCGM_FI_DRIVER_VERSION": "570.86.15",
        **more,
    }


def exposition(*gpus: tuple[Mapping[str, str], Mapping[str, float]]) -> str:
    """The exporter's text: pairs of labels, and values by the metrics' short names."""
    lines = []
    for labels, values in gpus:
        shown = ",".join(f'{name}="{value}"' for name, value in labels.items())
        lines += [f"DCGM_FI_DEV_{name}{{{shown}}} {value}" for name, value in values.items()]
    return "\n".join([*lines, ""])
