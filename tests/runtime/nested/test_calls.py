"""Calls of a candidate, performed on an environment that may be as hostile as it."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pytest

from compiler.runtime.nested import calls, transfers
from compiler.runtime.nested.calls import BadCall, CallFailed, Calls
from compiler.runtime.nested.report import read_report, read_seconds, read_text

SECRET = "label-of-another-task"


@dataclass
class Result:
    stdout: str | None = ""
    stderr: str | None = ""
    return_code: int = 0


class Environment:
    """Does what a test says; notes what it is asked."""

    def __init__(self, do: Callable[..., Any] | None = None) -> None:
        self.do = do
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **keywords: Any) -> Any:
            self.asked.append((name, *arguments, keywords))
            found = self.do(*arguments) if self.do is not None else Result()
            return await found if asyncio.iscoroutine(found) else found

        return call


def perform(
    environment: Environment,
    method: str,
    arguments: Mapping[str, Any],
    content: IO[bytes] | None = None,
    logs: Path = Path("/nowhere"),
    seconds: float = 5,
) -> calls.Answer:
    return asyncio.run(
        Calls(cast(Any, environment), logs, seconds).perform(method, arguments, content)
    )


def tar(*members: tuple[str, str, bytes]) -> IO[bytes]:
    """An archive of (kind, name, content or target)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for kind, name, content in members:
            member = tarfile.TarInfo(name)
            if kind == "file":
                member.size = len(content)
            else:
                member.type = {"link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}[kind]
                member.linkname = content.decode()
            archive.addfile(member, io.BytesIO(content))
    data.seek(0)
    return data


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


# What the environment leaves where a download was to go: nothing of it may give the secret away.
def leave_link(secret: Path) -> Callable[[str, Path], None]:
    return lambda source, target: target.symlink_to(secret)


def leave_pipe(secret: Path) -> Callable[[str, Path], None]:
    return lambda source, target: os.mkfifo(target)


def leave_folder(secret: Path) -> Callable[[str, Path], None]:
    return lambda source, target: target.mkdir()


def leave_nothing(secret: Path) -> Callable[[str, Path], None]:
    return lambda source, target: None


@pytest.mark.parametrize("leave", [leave_link, leave_pipe, leave_folder, leave_nothing])
def test_a_download_is_a_regular_file_or_fails(
    secret: Path, leave: Callable[[Path], Callable[[str, Path], None]]
) -> None:
    with pytest.raises(CallFailed):
        perform(Environment(leave(secret)), "download_file", {"source_path": "/x"})


def test_links_in_a_downloaded_folder_are_not_looked_behind(secret: Path) -> None:
    def leave(source: str, target: Path) -> None:
        (target / "inner").mkdir(parents=True)
        (target / "inner/plain").write_text("plain")
        (target / "link").symlink_to(secret)
        (target / "folder").symlink_to(secret.parent)
        os.mkfifo(target / "pipe")

    answer = perform(Environment(leave), "download_dir", {"source_dir": "/x"})
    assert answer.content is not None
    with answer.content as content, tarfile.open(fileobj=content) as archive:
        kinds = {member.name: member.type for member in archive}
        content.seek(0)
        assert SECRET.encode() not in content.read()
    assert kinds == {
        "inner": tarfile.DIRTYPE,
        "inner/plain": tarfile.REGTYPE,
        "link": tarfile.SYMTYPE,
        "folder": tarfile.SYMTYPE,
    }


def test_a_download_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "FILE_BYTES", 1000)
    large = Environment(lambda source, target: target.write_bytes(bytes(1001)))
    with pytest.raises(CallFailed, match="1000 bytes"):
        perform(large, "download_file", {"source_path": "/x"})

    def many(source: str, target: Path) -> None:
        target.mkdir()
        for number in range(20):
            (target / str(number)).write_bytes(bytes(100))

    with pytest.raises(CallFailed, match="1000 bytes"):
        perform(Environment(many), "download_dir", {"source_dir": "/x"})


@pytest.mark.parametrize(
    "archive",
    [
        tar(("link", "x", b"/etc/passwd")),
        tar(("hard", "x", b"/etc/passwd")),
        tar(("file", "../x", b"")),
        tar(("file", "/x", b"")),
        tar(("file", "a/../../x", b"")),
        tar(("file", "x", b""), ("file", "x", b"")),
        io.BytesIO(b"no archive at all" * 100),
    ],
)
def test_an_uploaded_folder_holds_files_of_its_own_alone(archive: IO[bytes]) -> None:
    environment = Environment()
    archive.seek(0)
    with pytest.raises(CallFailed):
        perform(environment, "upload_dir", {"target_dir": "/x", "name": "y"}, archive)
    assert environment.asked == []


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", None, 3, "x" * 101, "a\0"])
def test_an_uploaded_file_lies_in_a_folder_of_its_own(name: object) -> None:
    seen: list[Path] = []

    def look(source: Path, target: str) -> None:
        seen.append(source)
        assert source.read_bytes() == b"content"
        assert [path.name for path in source.parent.iterdir()] == ["file"]

    arguments = {"target_path": "/app/x", "name": name, "executable": True}
    perform(Environment(look), "upload_file", arguments, io.BytesIO(b"content"))
    assert not seen[0].exists()


def test_kept_files_go_into_the_trials_folder_alone(tmp_path: Path, secret: Path) -> None:
    logs = tmp_path / "agent"
    logs.mkdir()
    (logs / "out").symlink_to(tmp_path)
    (logs / "there").write_text("the environment's")
    archive = tar(
        ("file", "trajectory.json", b"{}"),
        ("file", "deep/er/x", b"x"),
        ("file", "out/secret", b"overwritten"),
        ("file", "there", b"overwritten"),
    )
    perform(Environment(), "keep_logs", {}, archive, logs=logs)
    assert secret.read_text() == SECRET
    assert (logs / "there").read_text() == "the environment's"
    assert (logs / "trajectory.json").read_text() == "{}"
    assert (logs / "deep/er/x").read_text() == "x"


def test_messages_of_the_environment_are_not_passed_on() -> None:
    def fail(*arguments: Any) -> None:
        raise FileNotFoundError(f"/opt/mooring/inner/{SECRET}")

    for method, arguments in (
        ("exec", {"command": "x"}),
        ("download_file", {"source_path": "/x"}),
        ("is_dir", {"path": "/x"}),
    ):
        with pytest.raises(CallFailed) as caught:
            perform(Environment(fail), method, arguments)
        assert SECRET not in str(caught.value)
        assert caught.value.kind == "FileNotFoundError"


def test_a_call_has_its_time() -> None:
    async def hang(*arguments: Any) -> None:
        await asyncio.sleep(60)

    async def run() -> None:
        subject = Calls(cast(Any, Environment(hang)), Path("/x"), 0.1)
        task = asyncio.create_task(subject.perform("is_dir", {"path": "/x"}, None))
        await asyncio.sleep(0)
        with pytest.raises(CallFailed, match="timed out"):
            await task
        assert isinstance(subject.trouble, TimeoutError)

    asyncio.run(run())


def test_output_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "OUTPUT_BYTES", 10)
    environment = Environment(lambda command: Result(stdout="x" * 50 + "end", stderr=None))
    answer = perform(environment, "exec", {"command": "x"})
    assert answer.fields == {"return_code": 0, "stdout": 10, "stderr": None}
    assert answer.body == b"xxxxxxxend"


WRONG: list[dict[str, Any]] = [
    {},
    {"command": ""},
    {"command": 3},
    {"command": "a\0b"},
    {"command": "x" * (1024 * 1024 + 1)},
    {"command": "x", "cwd": 3},
    {"command": "x", "env": []},
    {"command": "x", "env": {"A=B": "x"}},
    {"command": "x", "env": {"A": 1}},
    {"command": "x", "env": {"A": "\0"}},
    {"command": "x", "env": {f"A{i}": "" for i in range(1001)}},
    {"command": "x", "user": "--privileged"},
    {"command": "x", "user": -1},
    {"command": "x", "user": []},
]


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_arguments_never_reach_the_environment(arguments: dict[str, Any]) -> None:
    environment = Environment()
    with pytest.raises(CallFailed):
        perform(environment, "exec", arguments)
    assert environment.asked == []


def test_a_file_comes_with_the_calls_that_take_one_alone() -> None:
    for method, content in (("exec", io.BytesIO()), ("upload_file", None)):
        with pytest.raises(BadCall):
            perform(Environment(), method, {"command": "x", "target_path": "/x"}, content)


def test_seconds_are_those_of_the_caller_within_ours() -> None:
    assert read_seconds(None, 9) == 9
    assert read_seconds(3, 9) == 3
    odd: tuple[object, ...] = (0, -1, True, "3", 10**400, float("nan"), 1e300, 99)
    for wrong in odd:
        assert read_seconds(wrong, 9) == 9


def test_a_report_holds_what_it_should_and_nothing_else() -> None:
    good = {"n_input_tokens": 3, "cost_usd": 0.5, "metadata": {"a": [1]}, "model_usage": {"m": {}}}
    assert read_report(good) == {
        **good,
        "model_usage": {"m": {"n_input_tokens": 0, "n_cache_tokens": 0, "n_output_tokens": 0}},
    }

    def nest(levels: int) -> Any:
        found: Any = []
        for _ in range(levels):
            found = [found]
        return found

    assert read_report({"metadata": {"x": nest(30)}}) == {"metadata": {"x": nest(30)}}
    assert read_report({"model_usage": {"\ud800": {}}})["model_usage"].keys() == {"?"}
    wrong: tuple[object, ...] = (
        None,
        [],
        {"n_input_tokens": -1, "n_output_tokens": True, "n_cache_tokens": 2**60},
        {"cost_usd": float("inf")},
        {"cost_usd": -1},
        {"metadata": {"x": "y" * 70_000}},
        {"metadata": {"x": nest(31)}},
        {"metadata": {"x": nest(300)}},
        {"metadata": {"x": nest(10_000)}},
        # JSON takes them, and no file.
        {"metadata": {"x": "\ud800"}},
        {"metadata": {"\udfff": 1}},
        {"metadata": {"x": float("nan")}},
        {"rollout_details": [{"x": ["\ud800"]}]},
        {"metadata": []},
        {"rollout_details": {}},
        {"model_usage": {str(i): {} for i in range(40)}},
        {"verifier_result": {"rewards": {"reward": 1}}},
    )
    for value in wrong:
        assert read_report(value) == {}
    assert read_text("\ud800abc", 10) == "?abc"
    assert read_text(None) == ""
