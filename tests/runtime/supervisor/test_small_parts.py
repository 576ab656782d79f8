"""Parts that need no tree: files, wishes, status, words of a command, lines of a log."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.supervisor import s6
from compiler.runtime.supervisor.boot_log import MAX_BYTES, append_lines, field, line_of
from compiler.runtime.supervisor.command_wish import asked_gateways
from compiler.runtime.supervisor.files import Unusable, read_small, write_whole
from compiler.runtime.supervisor.logs import Follower, tail_log
from compiler.runtime.supervisor.places import log_folder
from compiler.runtime.supervisor.reconcile import PlaceSlot, Skip
from compiler.runtime.supervisor.slot_spec import Spec, decode_spec, encode_spec, make_environment
from compiler.runtime.supervisor.slots import fill_word, make_spec
from compiler.runtime.supervisor.status import decode_status
from compiler.runtime.supervisor.status_view import duration
from compiler.runtime.supervisor.wish import BOOT, read_wish, write_wish
from tests.runtime.supervisor.plans import declare, make_plan

# ---- files ------------------------------------------------------------------------------------


def test_only_a_regular_small_file_is_read(tmp_path: Path) -> None:
    assert read_small(str(tmp_path / "none")) is None
    (tmp_path / "file").write_bytes(b"x")
    assert read_small(str(tmp_path / "file")) == b"x"
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    for name in ("link", "fifo", "folder", "large"):
        with pytest.raises(Unusable):
            read_small(str(tmp_path / name))


def test_a_file_is_written_whole_and_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("other")
    (tmp_path / "file").symlink_to("other")
    write_whole(str(tmp_path / "file"), b"new")
    assert (tmp_path / "other").read_text() == "other"
    assert stat.S_ISREG(os.lstat(tmp_path / "file").st_mode)
    assert sorted(os.listdir(tmp_path)) == ["file", "other"]


# ---- wishes -----------------------------------------------------------------------------------

OWN = ".mooring/desired.json"
LEGACY = "gateway_state.json"
# Which file, its content; wanted, the word for the log, recorded, by a command.
WISHES: list[tuple[str, str, tuple[bool, str, bool, bool]]] = [
    ("none", "", (False, "none", False, False)),
    (OWN, '{"desired": "running", "by": "gateway start"}', (True, "running", True, True)),
    (OWN, '{"desired": "stopped", "by": "boot"}', (False, "stopped", True, False)),
    (OWN, '{"desired": "maybe"}', (False, "corrupt", True, False)),
    (OWN, "[]", (False, "corrupt", True, False)),
    (OWN, "", (False, "corrupt", True, False)),
    (LEGACY, '{"gateway_state": "running"}', (True, "running", False, False)),
    (LEGACY, '\ufeff{"gateway_state": "degraded"}', (True, "degraded", False, False)),
    (LEGACY, '{"gateway_state": "startup_failed"}', (False, "startup_failed", False, False)),
    (
        LEGACY,
        '{"gateway_state": "stopped", "desired_state": "running"}',
        (True, "running", False, False),
    ),
    (LEGACY, '{"gateway_state": "x y=z"}', (False, "corrupt", False, False)),
    (LEGACY, '{"gateway_state": 1}', (False, "corrupt", False, False)),
    (LEGACY, "{", (False, "corrupt", False, False)),
    (LEGACY, "[" * 100000, (False, "corrupt", False, False)),
]


@pytest.mark.parametrize(("name", "content", "expected"), WISHES)
def test_what_is_wanted(
    tmp_path: Path, name: str, content: str, expected: tuple[bool, str, bool, bool]
) -> None:
    (tmp_path / ".mooring").mkdir()
    (tmp_path / name).write_text(content, encoding="utf-8")
    wish = read_wish(str(tmp_path))
    assert (wish.wanted, wish.prior, wish.recorded, wish.by_command) == expected


def test_our_own_record_comes_before_the_older_format(tmp_path: Path) -> None:
    (tmp_path / ".mooring").mkdir()
    (tmp_path / LEGACY).write_text('{"gateway_state": "running"}')
    write_wish(str(tmp_path), False, BOOT)
    assert read_wish(str(tmp_path)).wanted is False


# ---- status -----------------------------------------------------------------------------------


def status_bytes(pid: int, wait: int, flags: int, *, group: bool) -> bytes:
    middle = pid.to_bytes(8, "big") * (2 if group else 1)
    return bytes(24) + middle + wait.to_bytes(2, "big") + bytes([flags])


@pytest.mark.parametrize("group", [False, True])
def test_both_layouts_of_a_status(group: bool) -> None:
    up = decode_status(status_bytes(77, 0, 4 | 8, group=group))
    assert up is not None
    assert (up.up, up.ready, up.wanted, up.pid, up.code) == (True, True, True, 77, None)
    ended = decode_status(status_bytes(0, 3 << 8, 0, group=group))
    assert ended is not None
    assert (ended.resting, ended.code, ended.signal) == (True, 3, None)
    killed = decode_status(status_bytes(0, 9, 4, group=group))
    assert killed is not None
    assert (killed.code, killed.signal, killed.wanted) == (None, 9, True)
    finishing = decode_status(status_bytes(78, 9, 2, group=group))
    assert finishing is not None
    assert (finishing.up, finishing.resting, finishing.pid) == (False, False, 0)


TOOLS = {
    "s6-svstat": "echo false true false -1 3 -1 1000",
    "s6-svok": "exit 0",
    "s6-svc": 'echo "$@" >>{folder}/told',
    "s6-svscanctl": 'echo "$@" >>{folder}/told',
}


def test_another_layout_is_left_to_s6s_own_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, scandir = tmp_path / "service", tmp_path / "scandir"
    (service / "supervise").mkdir(parents=True)
    (scandir / ".s6-svscan").mkdir(parents=True)
    (service / "supervise" / "status").write_bytes(bytes(51))
    for name, body in TOOLS.items():
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\n{body.format(folder=tmp_path)}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    status = s6.read_status(str(service))
    assert (status.up, status.wanted, status.code, status.signal) == (False, True, 3, None)
    assert s6.is_supervised(str(service))
    s6.command(str(service), "U")
    s6.rescan(str(scandir), "an")
    assert (tmp_path / "told").read_text() == f"-U {service}\n-an {scandir}\n"


def test_what_is_not_there_is_not_supervised(tmp_path: Path) -> None:
    assert not s6.is_scanned(str(tmp_path))
    assert not s6.is_supervised(str(tmp_path))
    for action in (
        lambda: s6.read_status(str(tmp_path)),
        lambda: s6.command(str(tmp_path), "U"),
        lambda: s6.rescan(str(tmp_path), "a"),
    ):
        with pytest.raises(s6.NotSupervised):
            action()


# ---- specs ------------------------------------------------------------------------------------

WORDS = st.binary(max_size=20).filter(lambda word: b"\0" not in word)


@given(st.lists(WORDS, max_size=4), st.dictionaries(WORDS.filter(lambda n: b"=" not in n), WORDS))
def test_a_spec_is_read_as_written(argv: list[bytes], variables: dict[bytes, bytes]) -> None:
    spec = Spec()
    spec.profile, spec.port, spec.argv, spec.set = "coder", 9300, argv, variables
    spec.unset = [b"GONE"]
    again = decode_spec(encode_spec(spec))
    assert (again.profile, again.port, again.argv, again.set) == ("coder", 9300, argv, variables)
    assert again.unset == [b"GONE"]


def test_what_comes_later_wins_in_an_environment() -> None:
    plan = make_plan(
        env={"A": None, "B": "plan", "C": "plan"},
        profiles=[declare("coder", 9300, A="own", B=None)],
    )
    spec = make_spec(plan, "coder", 9300)
    made = make_environment({b"A": b"0", b"B": b"0", b"C": b"0", b"D": b"0"}, spec)
    assert {name: made.get(name) for name in (b"A", b"B", b"C", b"D")} == {
        b"A": b"own", b"B": None, b"C": b"plan", b"D": b"0"
    }  # fmt: skip


def test_placeholders_are_filled_once_and_other_braces_stay() -> None:
    values = {"profile": "{port}", "port": "1", "home": "/h"}
    assert fill_word("{profile}:{port}{home}", values) == "{port}:1/h"
    assert fill_word("${HOME} {x} {{port}}", values) == "${HOME} {x} {1}"


# ---- the container's own command --------------------------------------------------------------

COMMANDS: list[tuple[list[str], list[str] | None]] = [
    ([], None),
    (["sleep", "infinity"], None),
    (["mooring", "gateway", "run"], ["default"]),
    (["/usr/local/bin/mooring", "-p", "coder", "gateway", "run"], ["coder"]),
    (["mooring", "gateway", "run", "--profile=coder"], ["coder"]),
    (["mooring", "gateway", "status"], None),
    (["gateway", "--port", "9300", "--profile=coder", "/opt/data/profiles/coder"], ["coder"]),
    (["gateway", "--port", "9301", "--profile=coder", "/opt/data/profiles/coder"], None),
]


@pytest.mark.parametrize(("argv", "names"), COMMANDS)
def test_which_gateways_a_command_asks_for(argv: list[str], names: list[str] | None) -> None:
    assert asked_gateways(make_plan(), argv, {"default": 9200, "coder": 9300}) == names


# ---- logs -------------------------------------------------------------------------------------


def test_a_line_of_the_boot_log_has_one_line_whatever_a_folder_is_called() -> None:
    action = PlaceSlot("coder", 9300, True, "running", "exit:3")
    assert line_of(action) == ("profile=coder prior_state=running action=started last_exit=exit:3")
    odd = line_of(Skip("a b\nprofile=x\x1b[2J", "bad-name"))
    assert odd == (
        "profile=a\\x20b\\x0aprofile\\x3dx\\x1b[2J prior_state=none action=skipped"
        " last_exit=none reason=bad-name"
    )
    assert field(os.fsdecode(b"\xff\xfe")) == "\\xff\\xfe"
    assert len(field("a" * 1000)) == 255


def test_the_boot_log_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "container-boot.log"
    log.write_bytes(b"x" * (MAX_BYTES + 1))
    append_lines(str(log), ["profile=a", "profile=b"])
    assert (tmp_path / "container-boot.log.1").stat().st_size == MAX_BYTES + 1
    lines = log.read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["profile=a", "profile=b"]
    append_lines(str(log), ["profile=c"])
    assert len(log.read_text().splitlines()) == 3


def test_the_end_of_a_log_reaches_back_over_rotations(tmp_path: Path) -> None:
    plan = make_plan(home=str(tmp_path))
    folder = Path(log_folder(plan, "coder"))
    assert tail_log(plan, "coder", 5) == []
    folder.mkdir(parents=True)
    (folder / "@400000006a.s").write_text("1\n2\n")
    (folder / "@400000006b.s").write_text("3\n\x1b[2J4\n")
    (folder / "current").write_text("5\n" + "x" * 100000 + "\n")
    assert tail_log(plan, "coder", 4) == ["3", "�[2J4", "5", "x" * 100000]
    assert tail_log(plan, "coder", 1) == ["x" * 100000]
    assert tail_log(plan, "coder", 0) == []


def test_new_lines_are_followed_through_a_rotation(tmp_path: Path) -> None:
    plan = make_plan(home=str(tmp_path))
    folder = Path(log_folder(plan, "coder"))
    folder.mkdir(parents=True)
    current = folder / "current"
    current.write_text("old\n")
    follower = Follower(plan, "coder")
    with current.open("a") as file:
        file.write("1\n2")
    assert follower.read() == ["1"]
    with current.open("a") as file:
        file.write("\n3\n")
    current.rename(folder / "@400000006a.s")
    current.write_text("4\n")
    assert follower.read() == ["2", "3", "4"]
    assert follower.read() == []
    follower.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.4, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h"), (90061, "1d 1h")],
)
def test_times_for_people(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
