"""The least that a signed command can take: the signature, and the bare driver's commit.

`python -m benchmarks.floor DATABASE NOW` serves it until its input ends.
"""

from __future__ import annotations

import sys
import threading
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request, Response
from slack_sdk.signature import SignatureVerifier

from benchmarks.laboratory import lab, opened
from benchmarks.reserve import bare_writer, connect
from benchmarks.served import SECRET
from bot.web.server import WebServer


def main() -> None:
    """Listen at a free port, and say at which."""
    verifier, lock = SignatureVerifier(SECRET), threading.Lock()
    with opened(Path(sys.argv[1]), lab(), datetime.fromisoformat(sys.argv[2])) as site:
        driver = connect(site)
        write = bare_writer(driver)
        web = FastAPI(openapi_url=None)

        @web.post("/slack/events")
        async def events(request: Request) -> Response:
            body = await request.body()
            if not verifier.is_valid_request(body, dict(request.headers)):
                return Response(status_code=401)
            with lock:
                write()
            return Response('{"text":"Booked"}', media_type="application/json")

        server = WebServer(web, "127.0.0.1", 0)
        server.start()
        print(server.address.rpartition(":")[2], flush=True)
        sys.stdin.read()
        server.stop(5)
        driver.close()


if __name__ == "__main__":
    main()
