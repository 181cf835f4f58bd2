"""Logs in a bucket of Amazon S3, MinIO, Ceph or another server that speaks S3.

It needs the package boto3 (`pip install gpubot[s3]`), which finds credentials by itself: in AWS_…
variables, in its files, or from the machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bot.loopback import is_loopback
from bot.runners.archive import (
    ArchiveError,
    S3Settings,
    file_name,
    page_of,
    said,
)
from bot.runners.redact import redacted
from bot.runners.tails import CHUNK, from_a_line, read_file

#: Seconds to connect and to wait for an answer, and how often a call is made in all.
CONNECT_S, READ_S, TRIES = 5, 30, 3
TEXT = "text/plain; charset=utf-8"
#: How servers say that an object is not there, or has no bytes to give.
_ABSENT, _EMPTY = ("NoSuchKey", "404"), ("InvalidRange", "416")


class S3Archive:
    """Logs as objects: `<prefix><key>/worker-0.log`."""

    def __init__(self, settings: S3Settings, address: Callable[[], str]) -> None:
        """`address` is gpubot's public address, where people read them unless a link is set."""
        self._settings, self._address = settings, address
        self._client = _client(settings)

    def keep(self, key: str, files: Sequence[Path], hidden: Collection[str] = ()) -> str:
        """See Archive.keep."""
        for worker, file in enumerate(files):
            self._put(self._name(key, worker), file, hidden)
        link = self._settings.link
        return link.replace("{key}", key) if link else page_of(self._address(), key)

    def read(self, key: str, worker: int, last: int | None = None) -> Iterator[bytes] | None:
        """See Archive.read."""
        asked = {"Bucket": self._settings.bucket, "Key": self._name(key, worker)}
        whole = last is None
        if not whole:
            asked["Range"] = f"bytes=-{last}"
        with _told("the logs cannot be read", absent_is_fine=True):
            answer = self._client.get_object(**asked)
            chunks = answer["Body"].iter_chunks(CHUNK)
            is_part = not answer.get("ContentRange", "bytes 0-").startswith("bytes 0-")
            return from_a_line(chunks) if is_part else iter(chunks)
        return None

    def expire(self, before: datetime) -> int:  # noqa: ARG002
        """Nothing: a bucket's own lifecycle rules remove what is old."""
        return 0

    def problem(self) -> str | None:
        """See Archive.problem."""
        try:
            with _told(f"bucket {self._settings.bucket}"):
                self._client.head_bucket(Bucket=self._settings.bucket)
        except ArchiveError as error:
            return f"logs: {error}"
        return None

    def _name(self, key: str, worker: int) -> str:
        return f"{self._settings.prefix}{key}/{file_name(worker)}"

    def _put(self, name: str, file: Path, hidden: Collection[str]) -> None:
        with _told("the logs cannot be kept"), tempfile.TemporaryFile() as content:
            for chunk in redacted(read_file(file), hidden):
                content.write(chunk)
            content.seek(0)
            self._client.upload_fileobj(
                content, self._settings.bucket, name, ExtraArgs={"ContentType": TEXT}
            )


def _client(settings: S3Settings) -> Any:
    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
        # Servers other than Amazon's know neither names of hosts per bucket nor new checksums.
        s3={"addressing_style": "path" if settings.endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # No proxy could reach what is on this machine.
        proxies={} if is_loopback(settings.endpoint) else None,
    )
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint or None,
        # Any name will do for servers that have none.
        region_name=settings.region or "us-east-1",
        config=config,
    )


@contextmanager
def _told(what: str, *, absent_is_fine: bool = False) -> Iterator[None]:
    """Turn the library's errors into ours: the server's code and words, never a credential."""
    try:
        yield
    except ClientError as error:
        answer = error.response.get("Error", {})
        code = str(answer.get("Code", "unknown"))
        if absent_is_fine and code in (*_ABSENT, *_EMPTY):
            return
        raise ArchiveError(f"{what}: {code} {answer.get('Message', '')}".rstrip()) from error
    except (BotoCoreError, Boto3Error) as error:
        # Some repeat the whole request, which is signed; so no traceback may have them either.
        told = " ".join(str(error).split()).partition("<AWS")[0].rstrip(" :,(")
        raise ArchiveError(f"{what}: {told or type(error).__name__}") from None
    except OSError as error:
        raise ArchiveError(f"{what}: {said(error)}") from error
