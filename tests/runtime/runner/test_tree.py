"""Candidates' trees: what is unpacked and how, what is refused, what is evicted."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.runtime.runner import frames, tree
from compiler.runtime.runner.tar import Member
from tests.runtime.runner.box import Box, make_tar, open_box, tree_id, wait_until

Make = Callable[[tarfile.TarFile], None]


def archive(make: Make, kind: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as tar:
        make(tar)
    return stream.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in fields.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(data))


def link(tar: tarfile.TarFile, name: str, target: str) -> None:
    add(tar, name, type=tarfile.SYMTYPE, linkname=target)


def folder(tar: tarfile.TarFile, name: str) -> None:
    add(tar, name, type=tarfile.DIRTYPE)


def through_symlink(tar: tarfile.TarFile) -> None:
    link(tar, "out", "/srv")
    add(tar, "out/escaped", b"x")


def through_deep_symlink(tar: tarfile.TarFile) -> None:
    folder(tar, "a")
    link(tar, "a/b", "../..")
    add(tar, "a/b/c/escaped", b"x")


def over_symlink(tar: tarfile.TarFile) -> None:
    link(tar, "escaped", "/srv/escaped")
    add(tar, "escaped", b"x")


def folder_over_symlink(tar: tarfile.TarFile) -> None:
    link(tar, "a", "/srv")
    folder(tar, "a")


def below_file(tar: tarfile.TarFile) -> None:
    add(tar, "a", b"x")
    add(tar, "a/b", b"x")


def twice(tar: tarfile.TarFile) -> None:
    add(tar, "a", b"x")
    add(tar, "a", b"y")


def twice_spelt(tar: tarfile.TarFile) -> None:
    add(tar, "a", b"x")
    add(tar, "./a", b"y")


def file_over_folder(tar: tarfile.TarFile) -> None:
    add(tar, "a/b", b"x")
    add(tar, "a", b"y")


def sparse(tar: tarfile.TarFile) -> None:
    add(tar, "a", b"x", pax_headers={"GNU.sparse.realsize": "99999999"})


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


ATTACKS: dict[str, Make | bytes] = {
    "absolute": lambda tar: add(tar, "/srv/escaped", b"x"),
    "parent": lambda tar: add(tar, "../escaped", b"x"),
    "parent inside": lambda tar: add(tar, "a/../../escaped", b"x"),
    "parent alone": lambda tar: folder(tar, ".."),
    "empty component": lambda tar: add(tar, "a//b", b"x"),
    "dot component": lambda tar: add(tar, "a/./b", b"x"),
    "empty name": lambda tar: add(tar, "", b"x"),
    "file named as a folder": lambda tar: add(tar, "a/", b"x"),
    "NUL in a long name": lambda tar: add(tar, "a", b"x", pax_headers={"path": "a\0b"}),
    "hard link": lambda tar: add(tar, "a", type=tarfile.LNKTYPE, linkname="/etc/shadow"),
    "fifo": lambda tar: add(tar, "a", type=tarfile.FIFOTYPE),
    "character device": lambda tar: add(tar, "a", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "block device": lambda tar: add(tar, "a", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
    "symlink without target": lambda tar: link(tar, "a", ""),
    "long component": lambda tar: add(tar, "a" * 256, b"x"),
    "long path": lambda tar: add(tar, "/".join(["a" * 200] * 20), b"x"),
    "deep path": lambda tar: add(tar, "/".join("a" * 200), b"x"),
    "through a symlink": through_symlink,
    "through a deep symlink": through_deep_symlink,
    "over a symlink": over_symlink,
    "folder over a symlink": folder_over_symlink,
    "below a file": below_file,
    "twice": twice,
    "twice, spelt differently": twice_spelt,
    "file over a folder": file_over_folder,
    "sparse": sparse,
    "no archive": b"x" * 10240,
    "empty": b"",
    "one block": b"\0" * 512,
    "cut": make_tar({"a": "x" * 2000})[:1536],
    "without its end": make_tar({"a": "x" * 2000})[:2560],
    "wrong checksum": flip(make_tar({"a": "x"}), 5),
    "goes on after its end": make_tar({"a": "x"}) + make_tar({"b": "y"}),
    "folder with data": flip(make_tar({"a": "x"}), 0)[:0] + b"\1" * 512,
}


def around(box: Box) -> set[Path]:
    """Where a tree that got out would be; other tests have boxes of their own there."""
    outside = {path for path in Path("/srv").iterdir() if not path.name.startswith("mooring-")}
    return outside | set(box.root.iterdir()) | set(Path(box.plan["candidates"]).iterdir())


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_leaves_nothing(shared_box: Box, name: str) -> None:
    made = ATTACKS[name]
    data = made if isinstance(made, bytes) else archive(made)
    before = around(shared_box)
    client = shared_box.connect()
    answer = client.put(data, "a" * 40)
    assert answer["ok"] is False
    assert answer["error"]["code"] == "bad_tree", answer
    assert client.ask("has", tree="a" * 40) == {"ok": True, "present": False}
    assert around(shared_box) == before
    assert not list(Path(shared_box.plan["candidates"]).glob(".new-*"))


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tree_arrives_as_it_was(shared_box: Box, kind: int) -> None:
    long_name = "/".join(["folder" * 10] * 5) + f"/end-{kind}"

    def make(tar: tarfile.TarFile) -> None:
        folder(tar, "./")
        add(tar, "run", b"#!/bin/sh\n", mode=0o755)
        add(tar, "plain", b"x" * 100_000, mode=0o600)
        add(tar, "setuid", b"x", mode=0o6777)
        add(tar, "na\udcffme", b"raw")
        add(tar, "ünïcode", b"text")
        add(tar, long_name, b"long")
        folder(tar, "empty")
        link(tar, "inside", "plain")
        link(tar, "outside", "/etc/passwd")
        link(tar, "lo\udcfeng", "t" * 150 + "\udcff")

    data = archive(make, kind)
    client = shared_box.connect()
    assert client.put(data) == {"ok": True}
    root = os.fsencode(f"{shared_box.plan['candidates']}/{tree_id(data)}/")
    modes = {
        name: stat.S_IMODE(os.lstat(root + name).st_mode)
        for name in (b"", b"run", b"plain", b"setuid", b"empty", long_name.encode())
    }
    assert list(modes.values()) == [0o755, 0o755, 0o644, 0o755, 0o755, 0o644]
    assert (os.lstat(root).st_uid, os.lstat(root + b"run").st_uid) == (0, 0)
    assert Path(os.fsdecode(root + b"plain")).read_bytes() == b"x" * 100_000
    assert Path(os.fsdecode(root + b"na\xffme")).read_bytes() == b"raw"
    assert Path(os.fsdecode(root + "ünïcode".encode())).read_bytes() == b"text"
    assert os.readlink(root + b"inside") == b"plain"
    assert os.readlink(root + b"outside") == b"/etc/passwd"
    assert os.readlink(root + b"lo\xfeng") == b"t" * 150 + b"\xff"
    assert client.put(data) == {"ok": True}


def test_too_many_bytes(shared_box: Box) -> None:
    limit = shared_box.plan["limits"]["tree_bytes"]
    client = shared_box.connect()
    answer = client.put(make_tar({"a": b"x" * limit, "b": b"x"}))
    assert answer["error"]["code"] == "too_large"
    assert client.ask("ping")["ok"]


def test_a_size_that_is_only_claimed(shared_box: Box) -> None:
    member = tarfile.TarInfo("a")
    member.size = 2**40
    answer = shared_box.connect().put(member.tobuf() + b"x" * 1024)
    assert answer["error"]["code"] == "too_large"


def test_too_many_entries() -> None:
    writer = tree.TreeWriter(os.open("/", os.O_RDONLY), 10, lambda: None)
    writer._entries_left = 0
    with pytest.raises(tree.TooLargeError, match="entries"):
        writer._count(Member("file", (b"a",), b"", 1, False))
    writer.close()


def test_a_tree_is_there_whole_or_not_at_all(shared_box: Box) -> None:
    data = make_tar({"a": b"x" * 500_000})
    name = tree_id(data)
    client = shared_box.connect()
    client.send({"op": "put", "tree": name})
    client.socket.sendall(frames.encode_chunk(data[:300_000]))
    candidates = Path(shared_box.plan["candidates"])
    wait_until(lambda: list(candidates.glob(".new-*/a")))
    assert stat.S_IMODE(next(candidates.glob(".new-*")).stat().st_mode) == 0o700
    other = shared_box.connect()
    assert other.ask("has", tree=name)["present"] is False
    client.close()
    wait_until(lambda: not list(candidates.glob(".new-*")))
    assert other.ask("has", tree=name)["present"] is False


@pytest.mark.parametrize("name", ["", "..", "../x", "A" * 40, "a" * 39, "a" * 41, ".locks", 1, []])
def test_a_name_that_is_no_tree(shared_box: Box, name: object) -> None:
    client = shared_box.connect()
    for operation in ("has", "sample"):
        assert client.ask(operation, tree=name, input={})["error"]["code"] == "bad_request"
    assert client.put(make_tar({"a": "x"}), name)["error"]["code"] == "bad_request"  # type: ignore[arg-type]
    assert client.ask("ping")["ok"]


def megabytes(count: int, mark: str) -> bytes:
    return make_tar({"solve.py": WAITS, "data": mark.encode() * (count << 20)})


WAITS = "import time, os\nopen(os.environ['HOME'] + '/here', 'w')\ntime.sleep(60)"


@pytest.mark.usefixtures("needs_root")
def test_the_tree_that_was_used_longest_ago_makes_room() -> None:
    with open_box(candidates_tmpfs="size=12m") as box:
        client = box.connect()
        first, second, third, fourth = (megabytes(3, mark) for mark in "abcd")
        for data in (first, second, third):
            assert client.put(data) == {"ok": True}
        runs = box.connect()
        runs.send({"op": "sample", "tree": tree_id(first), "input": {}})
        wait_until(lambda: Path(box.plan["slots"][0], "work/here").exists())
        assert client.put(fourth) == {"ok": True}
        present = [client.ask("has", tree=tree_id(data))["present"] for data in (first, second)]
        assert present == [True, False]
        assert client.put(megabytes(20, "e"))["error"]["code"] == "internal"
        runs.close()
        wait_until(lambda: not os.listdir(box.plan["slots"][0]))
        assert client.put(megabytes(20, "f"))["error"]["code"] == "too_large"
        assert client.put(megabytes(8, "g")) == {"ok": True}
        assert not [name for name in os.listdir(box.plan["candidates"]) if name[1:4] in "newold"]


@pytest.mark.usefixtures("needs_root")
def test_what_a_killed_handler_left_makes_room_first() -> None:
    with open_box(candidates_tmpfs="size=12m") as box:
        kept, client = megabytes(4, "a"), box.connect()
        assert client.put(kept) == {"ok": True}
        broken = box.connect()
        broken.send({"op": "put", "tree": "b" * 40})
        data = megabytes(6, "b")
        for start in range(0, 5 << 20, 1 << 20):
            broken.socket.sendall(frames.encode_chunk(data[start : start + (1 << 20)]))
        wait_until(lambda: list(Path(box.plan["candidates"]).glob(".new-*/data")))
        os.kill(box.handlers()[-1], 9)
        assert client.put(megabytes(6, "c")) == {"ok": True}
        assert client.ask("has", tree=tree_id(kept))["present"] is True
