"""HTTP/1.1 as uvicorn reads it with httptools, which is quick, and bounds nothing by itself."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: What a request may have besides its body, in bytes: as much as uvicorn allows with h11.
LARGEST_HEAD = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection on which a head, or what follows a body in pieces, has no end.

    The piece of data in which a request begins is not counted.
    """

    _beside_body = 0

    def data_received(self, data: bytes) -> None:
        """Read on, or refuse to."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("Too much besides the body.")

    def on_message_begin(self) -> None:
        """Another request begins on the connection."""
        self._beside_body = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which is bounded elsewhere."""
        self._beside_body -= len(body)
        super().on_body(body)
