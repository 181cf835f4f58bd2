"""Logs are kept once runs are over: in a folder, and on a server that speaks S3."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx
import pytest
from runners.s3_server import s3_server

from bot.runners.archive import (
    Archive,
    ArchiveError,
    FolderArchive,
    LogSettings,
    S3Settings,
    make_archive,
)
from bot.runners.protocol import Runner
from bot.runners.run_logs import RunLogs

KEY, SECRET = "gpubot-b142-1", "correct-horse-battery"
PAGE = f"http://gpubot.example.com/runs/{KEY}/log"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
Make = Callable[..., Archive]


def address() -> str:
    return "http://gpubot.example.com"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, s3_server(tmp_path_factory.mktemp("s3")) as found:
        patch.setenv("AWS_ACCESS_KEY_ID", "gpubot")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        boto3.client("s3", endpoint_url=found, region_name="us-east-1").create_bucket(
            Bucket="gpu-logs", ACL="public-read"
        )
        yield found


@pytest.fixture(params=["folder", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    if request.param == "folder":
        return make_archive(LogSettings(tmp_path / "logs"), address)
    endpoint = request.getfixturevalue("s3")
    prefix = f"{tmp_path.name}/"
    return make_archive(LogSettings(s3=S3Settings("gpu-logs", endpoint, prefix=prefix)), address)


def files(tmp_path: Path, *contents: bytes) -> list[Path]:
    found = []
    for number, content in enumerate(contents):
        path = tmp_path / f"from-runner-{number}"
        path.write_bytes(content)
        found.append(path)
    return found


def read(archive: Archive, worker: int = 0, last: int | None = None) -> bytes | None:
    found = archive.read(KEY, worker, last)
    return None if found is None else b"".join(found)


def test_all_is_well(archive: Archive) -> None:
    assert archive.problem() is None


def test_what_is_kept_can_be_read_on_gpubots_page(archive: Archive, tmp_path: Path) -> None:
    logs = files(tmp_path, b"epoch 1\nepoch 2\n" + b"x" * 200_000, b"", b"other\n")
    assert archive.keep(KEY, logs) == PAGE
    assert read(archive) == logs[0].read_bytes()
    assert (read(archive, 1), read(archive, 2)) == (b"", b"other\n")
    assert read(archive, 3) is None
    assert archive.read("gpubot-b9999-1", 0) is None


def test_the_end_of_a_log_begins_with_a_line(archive: Archive, tmp_path: Path) -> None:
    archive.keep(KEY, files(tmp_path, b"epoch 1\nepoch 2\nepoch 3\n", b""))
    assert read(archive, 0, 12) == b"epoch 3\n"
    assert read(archive, 0, 24) == read(archive, 0, 9999) == b"epoch 1\nepoch 2\nepoch 3\n"
    assert read(archive, 1, 12) == b""


def test_keeping_twice_is_keeping_once(archive: Archive, tmp_path: Path) -> None:
    logs = files(tmp_path, b"whole\n")
    with ThreadPoolExecutor(4) as pool:
        links = list(pool.map(lambda _: archive.keep(KEY, logs), range(8)))
    assert links == [PAGE] * 8
    # After a restart the runner may have removed its own copy already.
    assert archive.keep(KEY, []) == PAGE
    assert read(archive) == b"whole\n"


def test_a_number_that_was_given_again_has_its_own_log(archive: Archive, tmp_path: Path) -> None:
    archive.keep(KEY, files(tmp_path, b"somebody else's\n", b"of two workers\n"))
    (again,) = files(tmp_path, b"mine\n")
    later = datetime.now(UTC).timestamp() + 60
    os.utime(again, (later, later))
    assert archive.keep(KEY, [again]) == PAGE
    assert read(archive) == b"mine\n"


def test_secrets_are_not_kept(archive: Archive, tmp_path: Path) -> None:
    archive.keep(KEY, files(tmp_path, f"login {SECRET}\n".encode()), [SECRET])
    assert read(archive) == b"login ***\n"


def test_a_file_that_is_gone_is_an_error_and_keeps_nothing(
    archive: Archive, tmp_path: Path
) -> None:
    with pytest.raises(ArchiveError, match="No such file"):
        archive.keep(KEY, [tmp_path / "gone.log"])
    assert read(archive) is None
    assert archive.keep(KEY, files(tmp_path, b"there after all\n")) == PAGE
    assert read(archive) == b"there after all\n"


def test_a_folder_keeps_logs_from_others_on_the_machine(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "logs", address)
    archive.keep(KEY, files(tmp_path, b"x\n"))
    kept = [tmp_path / "logs", *(tmp_path / "logs").rglob("*")]
    assert len(kept) == 3
    assert [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_a_folder_loses_what_is_old(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "logs", address)
    for key, age in ((KEY, 100), ("gpubot-b7-1", 10)):
        archive.keep(key, files(tmp_path, b"x\n"))
        then = (NOW - timedelta(days=age)).timestamp()
        os.utime(tmp_path / "logs" / key, (then, then))
    assert archive.expire(NOW - timedelta(days=90)) == 1
    assert archive.expire(NOW - timedelta(days=90)) == 0
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["gpubot-b7-1"]


def test_a_folder_loses_nothing_that_is_not_a_log(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("datasets", "gpubot-b7-1", "note.txt", ".ssh")]
    for path in (tmp_path / "elsewhere", others[0], others[3]):
        path.mkdir()
    others[1].symlink_to(tmp_path / "elsewhere")
    others[2].touch()
    left = tmp_path / f".{KEY}.x7"
    left.mkdir()
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    assert FolderArchive(tmp_path, address).expire(NOW) == 1
    assert not left.exists()
    assert [path.name for path in others if not path.exists()] == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    archive = FolderArchive(tmp_path / "file" / "logs", address)
    with pytest.raises(ArchiveError, match=r"the logs cannot be kept: .*Not a directory"):
        archive.keep(KEY, files(tmp_path, b"x\n"))
    assert "Not a directory" in str(archive.problem())


def test_a_bucket_can_have_an_address_of_its_own(s3: str, tmp_path: Path) -> None:
    link = f"{s3}/gpu-logs/linked/{{key}}/worker-0.log"
    settings = S3Settings("gpu-logs", s3, prefix="linked/", link=link)
    archive = make_archive(LogSettings(s3=settings), address)
    shown = archive.keep(KEY, files(tmp_path, "训练\n".encode()))
    assert shown == link.replace("{key}", KEY)
    answer = httpx.get(shown, trust_env=False)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_a_bucket_that_is_not_there_is_told(s3: str, tmp_path: Path) -> None:
    archive = make_archive(LogSettings(s3=S3Settings("no-such-bucket", s3)), address)
    assert str(archive.problem()).startswith("logs: bucket no-such-bucket: 404")
    with pytest.raises(ArchiveError, match="NoSuchBucket"):
        archive.keep(KEY, files(tmp_path, b"x\n"))
    with pytest.raises(ArchiveError, match="NoSuchBucket"):
        archive.read(KEY, 0)


def test_a_server_that_is_away_is_told_without_credentials(s3: str, tmp_path: Path) -> None:
    settings = S3Settings("gpu-logs", "http://127.0.0.1:1")
    archive = make_archive(LogSettings(s3=settings), address)
    with pytest.raises(ArchiveError, match="the logs cannot be kept") as trouble:
        archive.keep(KEY, files(tmp_path, b"x\n"))
    assert "\n" not in str(trouble.value)
    assert SECRET not in str(trouble.value) + repr(settings)
    assert archive.problem() is not None


class Files:
    """The one thing that a runner is asked here."""

    def __init__(self, *paths: Path) -> None:
        self.paths = paths

    def logs(self, _key: str) -> list[Path]:
        return [path for path in self.paths if path.exists()]


def test_a_log_is_read_at_the_runner_and_then_in_the_archive(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "logs", address)
    (live,) = files(tmp_path, f"epoch 1 {SECRET}\n".encode())
    runner: Runner = Files(live)  # type: ignore[assignment]
    logs = RunLogs(runner, archive, lambda _key: [SECRET])
    assert b"".join(logs.read(KEY, 0) or ()) == b"epoch 1 ***\n"
    assert logs.read(KEY, 1) is None
    archive.keep(KEY, [live], [SECRET])
    live.unlink()
    assert b"".join(logs.read(KEY, 0) or ()) == b"epoch 1 ***\n"
    assert RunLogs(None, None).read(KEY, 0) is None
