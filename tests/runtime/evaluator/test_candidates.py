"""The store of candidates: what it takes, what it refuses, and that a refusal leaves nothing."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.runtime.client.repository import Repository
from compiler.runtime.evaluator import candidates, gitcmd
from compiler.runtime.evaluator.candidates import (
    Candidate,
    CandidateRefused,
    CandidateStore,
    MachineryFailure,
    open_store,
)
from compiler.runtime.evaluator.plan import Plan, decode_plan
from tests.git_oddities import run_git
from tests.runtime.baseline.archives import Source, make_repository, make_source
from tests.runtime.evaluator.bundles import Pack, bundle, entry, varint
from tests.runtime.evaluator.house import plan_of

FILES = {
    ".gitattributes": b"*.txt text eol=crlf\nhidden export-ignore\nsubst export-subst\n* ident\n",
    "a.txt": b"one\ntwo\n",
    "hidden/file": b"$Id$\n",
    "subst": b"$Format:%H$\n",
}


def make_plan(source: Source, **limits: int) -> Plan:
    bounds = {"bundle_bytes": 1 << 20, "tree_bytes": 4 << 20, "output_bytes": 1, "git_seconds": 20}
    base = plan_of(Path("/srv/task"), "a" * 40, "b" * 40)
    document = {**base, "baseline": source.plan, "limits": {**bounds, **limits}}
    return decode_plan(document)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, Path]:
    """A source, and a store with nothing but the baseline; both are copied, never changed."""
    folder = tmp_path_factory.mktemp("store")
    repository = make_repository(folder / "source", FILES)
    source = make_source(repository, "HEAD", folder / "baseline.tar")
    open_store(make_plan(source), folder / "candidates.git")
    return source, folder / "candidates.git"


@pytest.fixture
def source(made: tuple[Source, Path]) -> Source:
    return made[0]


@pytest.fixture
def folder(made: tuple[Source, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / "candidates.git"))


@pytest.fixture
def store(source: Source, folder: Path) -> CandidateStore:
    return open_store(make_plan(source), folder)


@pytest.fixture
def work(store: CandidateStore, folder: Path, tmp_path: Path) -> Path:
    """A clone of the baseline to commit in, as the workbench has it."""
    run_git(tmp_path, "clone", "-q", "--branch=main", str(folder), "work")
    return tmp_path / "work"


def commit(work: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)
    run_git(work, "add", "-A", "-f")
    run_git(work, "commit", "-q", "--allow-empty", "-m", "A candidate")
    return run_git(work, "rev-parse", "HEAD").decode().strip()


def make_bundle(work: Path, *words: str) -> bytes:
    return run_git(work, "bundle", "create", "-q", "-", *(words or ("main", "^origin/main")))


def post(store: CandidateStore, tmp_path: Path, content: bytes) -> Candidate:
    file = tmp_path / f"{time.monotonic_ns()}.bundle"
    file.write_bytes(content)
    return store.receive(file)


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def refuse(store: CandidateStore, folder: Path, content: bytes) -> CandidateRefused:
    """The refusal, after which the store is as it was and the sender has learned no path."""
    before = everything(folder)
    with pytest.raises(CandidateRefused) as caught:
        post(store, folder.parent, content)
    assert everything(folder) == before
    assert str(folder.parent) not in caught.value.message
    assert caught.value.message.isprintable()
    return caught.value


def read_tar(store: CandidateStore, tree: str) -> dict[str, tarfile.TarInfo | bytes]:
    data = b"".join(store.archive(tree))
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        found: dict[str, tarfile.TarInfo | bytes] = {}
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            found[member.name] = stream.read() if stream else member
        return found


# What is taken


def test_the_baseline_is_known(store: CandidateStore, source: Source) -> None:
    baseline = Candidate(commit=source.commit, tree=source.tree)
    assert store.baseline == store.resolve(source.commit) == baseline


@pytest.mark.parametrize(
    "name", ["main", "HEAD", "refs/heads/main", "--all", "", "0" * 40, "^" * 40]
)
def test_only_full_known_ids_resolve(store: CandidateStore, source: Source, name: str) -> None:
    assert store.resolve(name) is None
    assert store.resolve(source.commit[:12]) is None
    assert store.resolve(source.commit + "\n") is None
    assert store.resolve(source.tree) is None


def test_a_candidate_is_taken_and_stays(
    store: CandidateStore, source: Source, folder: Path, work: Path, tmp_path: Path
) -> None:
    first = commit(work, {"b.txt": b"1\n"})
    taken = post(store, tmp_path, make_bundle(work))
    assert taken.commit == first
    assert taken.tree == run_git(work, "rev-parse", "HEAD^{tree}").decode().strip()
    second = commit(work, {"b.txt": b"2\n"})
    again = post(store, tmp_path, make_bundle(work, "main", f"^{first}"))
    assert post(store, tmp_path, make_bundle(work)) == again
    assert not list((folder / "incoming").iterdir())
    reopened = open_store(make_plan(source), folder)
    assert (reopened.resolve(first), reopened.resolve(second)) == (taken, again)
    assert run_git(folder, "fsck", "--strict", "--connectivity-only") == b""


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"keep/a.txt": b"changed\n"}, "keep"),
        ({"keep/new.txt": b"added\n"}, "keep"),
        ({"fixed.txt": b"changed\n"}, "fixed.txt"),
    ],
)
def test_read_only_paths_stay_as_they_are(
    files: dict[str, bytes], path: str, tmp_path: Path
) -> None:
    own = {"keep/a.txt": b"a\n", "fixed.txt": b"f\n", "free.txt": b"x\n"}
    repository = tmp_path / "source"
    repository.mkdir()
    run_git(repository, "init", "-q", "--initial-branch=main")
    commit(repository, own)
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    plan = replace(make_plan(source), read_only_paths=("keep", "fixed.txt"))
    store = open_store(plan, tmp_path / "candidates.git")
    run_git(tmp_path, "clone", "-q", "--branch=main", "candidates.git", "work")
    work = tmp_path / "work"
    free = commit(work, {"free.txt": b"changed\n"})
    assert post(store, tmp_path, make_bundle(work)).commit == free
    commit(work, files)
    refused = refuse(store, tmp_path / "candidates.git", make_bundle(work))
    assert (refused.code, path in refused.message) == ("read_only_path", True)
    run_git(work, "rm", "-q", "-r", "keep")
    run_git(work, "checkout", "-q", "origin/main", "--", "fixed.txt")
    commit(work, {})
    assert refuse(store, tmp_path / "candidates.git", make_bundle(work)).code == "read_only_path"


def test_history_without_the_baseline(store: CandidateStore, tmp_path: Path) -> None:
    pack = Pack()
    head = pack.commit(pack.tree([("100644", b"a", pack.blob(b"x"))]))
    assert post(store, tmp_path, pack.to_bundle(head)).commit == head


def test_an_archive_is_raw(store: CandidateStore, work: Path, tmp_path: Path) -> None:
    (work / "link").symlink_to("../../etc/passwd")
    (work / "run").write_bytes(b"#!/bin/sh\n")
    (work / "run").chmod(0o755)
    long = "d" * 120 + "/" + "f" * 150
    commit(work, {long: b"long\n", "binary.txt": b"\r\n\0"})
    # As git stores it: with attributes of the candidate's own, nested, and against ours.
    commit(work, {"sub/.gitattributes": b"* text=auto export-ignore filter=evil\n", "sub/a": b"\n"})
    found = read_tar(store, post(store, tmp_path, make_bundle(work)).tree)
    for line in run_git(work, "ls-tree", "-r", "-z", "HEAD").decode().split("\0")[:-1]:
        description, name = line.split("\t")
        member = found[name]
        if description.startswith("120000"):
            assert isinstance(member, tarfile.TarInfo)
            assert (member.issym(), member.linkname) == (True, "../../etc/passwd")
        else:
            assert member == run_git(work, "cat-file", "blob", description.split()[2])


def test_archives_of_what_was_not_received(store: CandidateStore, source: Source) -> None:
    for tree in ("HEAD", "--output=/tmp/x", source.commit, "0" * 40):
        with pytest.raises(MachineryFailure):
            list(store.archive(tree))


def test_an_archive_that_is_given_up_ends_git(store: CandidateStore, source: Source) -> None:
    chunks = store.archive(source.tree)
    next(chunks)
    chunks.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_the_same_and_others_at_once(
    store: CandidateStore, folder: Path, work: Path, tmp_path: Path
) -> None:
    bundles = []
    for number in range(4):
        commit(work, {"n.txt": b"%d\n" % number})
        bundles += [make_bundle(work)] * 3
    with ThreadPoolExecutor(12) as pool:
        taken = list(pool.map(lambda content: post(store, tmp_path, content), bundles))
    assert len(set(taken)) == 4
    listed = run_git(folder, "for-each-ref", "--format=%(objectname)", "refs/candidates")
    assert set(listed.decode().split()) == {candidate.commit for candidate in taken}
    assert not list((folder / "incoming").iterdir())


def test_sha256(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "source", FILES, "sha256")
    source = make_source(repository, "HEAD", tmp_path / "baseline.tar")
    store = open_store(make_plan(source), tmp_path / "candidates.git")
    run_git(tmp_path, "clone", "-q", "--branch=main", str(tmp_path / "candidates.git"), "work")
    head = commit(tmp_path / "work", {"b": b"1\n"})
    assert post(store, tmp_path, make_bundle(tmp_path / "work")).commit == head


# What is refused

Hostile = Callable[[Pack, str], str]


def of_tree(*entries: tuple[str, bytes]) -> Hostile:
    """A commit on the baseline whose tree has these modes and names."""

    def make(pack: Pack, baseline: str) -> str:
        blob = pack.blob(b"x")
        inner = pack.tree([("100644", b"f", blob)])
        ids = {"40000": inner, "160000": "1" * 40}
        tree = pack.tree([(mode, name, ids.get(mode, blob)) for mode, name in entries])
        return pack.commit(tree, [baseline])

    return make


def tag(pack: Pack, baseline: str) -> str:
    head = pack.commit(pack.tree([]), [baseline])
    text = f"object {head}\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nx\n"
    return pack.add("tag", text.encode())


def missing_blob(pack: Pack, baseline: str) -> str:
    return pack.commit(pack.tree([("100644", b"f", "1" * 40)]), [baseline])


def missing_tree(pack: Pack, baseline: str) -> str:
    return pack.commit("1" * 40, [baseline])


def missing_parent(pack: Pack, baseline: str) -> str:
    return pack.commit(pack.tree([]), [baseline, "1" * 40])


def missing_commit(pack: Pack, baseline: str) -> str:
    pack.blob(b"x")
    return "1" * 40


def broken_commit(pack: Pack, baseline: str) -> str:
    return pack.add("commit", b"tree " + pack.tree([]).encode() + b"\n\nno author\n")


def blob_as_commit(pack: Pack, baseline: str) -> str:
    return pack.blob(b"x")


def blob_as_tree(pack: Pack, baseline: str) -> str:
    return pack.commit(pack.blob(b"x"), [baseline])


def truncated_tree(pack: Pack, baseline: str) -> str:
    return pack.commit(pack.add("tree", b"100644 f\0short"), [baseline])


def gitmodules(pack: Pack, baseline: str) -> str:
    text = b'[submodule "--x"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/x\n'
    return pack.commit(pack.tree([("100644", b".gitmodules", pack.blob(text))]), [baseline])


def endless_folders(pack: Pack, baseline: str) -> str:
    """Twelve folders of ten equal folders each: ten to the twelfth empty folders."""
    tree = pack.tree([])
    for _ in range(12):
        tree = pack.tree([("40000", b"%d" % number, tree) for number in range(10)])
    return pack.commit(tree, [baseline])


def deep_folders(pack: Pack, baseline: str) -> str:
    tree = pack.tree([("100644", b"f", pack.blob(b"x"))])
    for _ in range(12000):
        tree = pack.tree([("40000", b"d", tree)])
    return pack.commit(tree, [baseline])


def deep_history(pack: Pack, baseline: str) -> str:
    """As deep, but in a commit before, whose tree is looked into by nothing but the last check."""
    return pack.commit(pack.tree([]), [deep_folders(pack, baseline)])


def many_files(pack: Pack, baseline: str) -> str:
    blob = pack.blob(b"x" * 1000)
    return pack.commit(pack.tree([("100644", b"%05d" % n, blob) for n in range(5000)]), [baseline])


def long_link(pack: Pack, baseline: str) -> str:
    return pack.commit(pack.tree([("120000", b"l", pack.blob(b"a" * 5000))]), [baseline])


def zeros(pack: Pack, baseline: str) -> str:
    blob = pack.blob(bytes(8 << 20))
    return pack.commit(pack.tree([("100644", b"f", blob)]), [baseline])


HOSTILE: list[tuple[Hostile, str]] = [
    (of_tree(("100644", b"..")), "bad_objects"),
    (of_tree(("40000", b"..")), "bad_objects"),
    (of_tree(("40000", b".")), "bad_objects"),
    (of_tree(("40000", b".git")), "bad_objects"),
    (of_tree(("100644", b".GIT")), "bad_objects"),
    (of_tree(("100644", b"git~1")), "bad_objects"),
    (of_tree(("100644", b"a/b")), "bad_objects"),
    (of_tree(("100644", b"")), "bad_objects"),
    (of_tree(("100644", b"b"), ("100644", b"a")), "bad_objects"),
    (of_tree(("100644", b"a"), ("100644", b"a")), "bad_objects"),
    (of_tree(("100644", b"a"), ("40000", b"a")), "bad_objects"),
    (of_tree(("000000", b"a")), "bad_objects"),
    (of_tree(("120000", b".gitmodules")), "bad_objects"),
    (of_tree(("160000", b"sub")), "submodule"),
    (of_tree(("100644", b"a" * 256)), "bad_tree"),
    (gitmodules, "bad_objects"),
    (tag, "not_a_commit"),
    (blob_as_commit, "not_a_commit"),
    (blob_as_tree, "bad_objects"),
    (broken_commit, "bad_objects"),
    (truncated_tree, "bad_objects"),
    (missing_blob, "incomplete"),
    (missing_tree, "incomplete"),
    (missing_parent, "incomplete"),
    (missing_commit, "incomplete"),
    (endless_folders, "tree_too_large"),
    (many_files, "tree_too_large"),
    (zeros, "tree_too_large"),
    (deep_folders, "bad_tree"),
    (long_link, "bad_tree"),
]


@pytest.mark.parametrize(("make", "code"), HOSTILE)
def test_hostile_objects(
    store: CandidateStore, source: Source, folder: Path, make: Hostile, code: str
) -> None:
    pack = Pack()
    head = make(pack, source.commit)
    began = time.monotonic()
    refused = refuse(store, folder, pack.to_bundle(head, [source.commit]))
    assert (refused.code, time.monotonic() - began < 10) == (code, True), refused.message
    assert store.resolve(head) is None


def test_a_deep_history_ends_git_and_not_us(
    store: CandidateStore, source: Source, folder: Path
) -> None:
    pack = Pack()
    head = deep_history(pack, source.commit)
    content = pack.to_bundle(head, [source.commit])
    # Whether that is too deep for git depends on its version and on the stack.
    with contextlib.suppress(CandidateRefused):
        assert post(store, folder.parent, content).commit == head
    assert not list((folder / "incoming").iterdir())


def damaged(content: bytes) -> list[bytes]:
    middle = len(content) - 60
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    return [content[:-1], content[:-30], content[:-20] + bytes(20), flipped, content + b"junk"]


def test_damaged_packs(store: CandidateStore, source: Source, folder: Path, work: Path) -> None:
    commit(work, {"a": os.urandom(500)})
    for content in damaged(make_bundle(work)):
        assert refuse(store, folder, content).code == "bad_objects"


def test_references(store: CandidateStore, source: Source, folder: Path, work: Path) -> None:
    head = commit(work, {"a": b"1\n"})
    pack = make_bundle(work).partition(b"\n\n")[2]
    for references in (
        [(head, "--upload-pack=x")],
        [(head, "refs/heads/a\nb")],
        [(head, "main"), (head, "other")],
        [("HEAD", "main")],
        [],
    ):
        assert refuse(store, folder, bundle(pack, references)).code == "bad_bundle"


def test_prerequisites(store: CandidateStore, source: Source, folder: Path, work: Path) -> None:
    first = commit(work, {"a": b"1\n"})
    head = commit(work, {"a": b"2\n"})
    late = make_bundle(work, "main", f"^{first}")
    assert refuse(store, folder, late).code == "unknown_prerequisite"
    pack = late.partition(b"\n\n")[2]
    for prerequisite in (source.tree, "1" * 40):
        content = bundle(pack, [(head, "main")], [prerequisite])
        assert refuse(store, folder, content).code == "unknown_prerequisite"
    # It says that it needs nothing, and needs the first commit.
    assert refuse(store, folder, bundle(pack, [(head, "main")])).code == "incomplete"


def test_an_empty_pack(store: CandidateStore, source: Source, folder: Path) -> None:
    content = bundle(Pack().to_bytes(), [("1" * 40, "main")])
    assert refuse(store, folder, content).code in ("incomplete", "bad_objects")


def test_a_delta_on_nothing(store: CandidateStore, folder: Path) -> None:
    pack = Pack()
    head = pack.commit(pack.tree([]))
    body = zlib.compress(b"\x01\x01\x01x")
    pack.add_raw(bytes([7 << 4 | 4]) + bytes.fromhex("2" * 40) + body)
    assert refuse(store, folder, pack.to_bundle(head)).code == "incomplete"


def test_sizes_that_lie(store: CandidateStore, folder: Path) -> None:
    for size in (1, 1 << 40, 1 << 60):
        pack = Pack()
        head = pack.commit(pack.tree([]))
        pack.add_raw(entry(3, b"hello", size))
        assert refuse(store, folder, pack.to_bundle(head)).code == "bad_objects"


def test_git_that_used_up_its_processor_time_was_too_slow(
    store: CandidateStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its limit can end it before the clock does, on a machine that is busy elsewhere."""
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nkill -XCPU $$\n")
    fake.chmod(0o755)
    pack = Pack()
    head = pack.commit(pack.tree([]))
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    assert refuse(store, folder, pack.to_bundle(head)).code == "too_slow"


def test_a_bomb_is_bounded(
    source: Source, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4 GiB of zeros in 4 MiB: ended by the clock, streamed meanwhile."""
    monkeypatch.setattr(gitcmd, "MEMORY_BYTES", 512 << 20)
    store = open_store(make_plan(source, bundle_bytes=16 << 20, git_seconds=1), folder)
    deflate, zero = zlib.compressobj(9), bytes(16 << 20)
    first, again = (deflate.compress(zero) + deflate.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    body = first + again * 255 + deflate.flush()
    raw = entry(3, b"", 4 << 30)[: -len(zlib.compress(b"", 9))] + body
    pack = Pack()
    head = pack.commit(pack.tree([]))
    pack.add_raw(raw)
    began = time.monotonic()
    assert refuse(store, folder, pack.to_bundle(head)).code == "too_slow"
    assert time.monotonic() - began < 8


def test_a_delta_bomb_is_bounded(
    source: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 GiB out of 16 MiB by copying them over and over: more than git may have."""
    monkeypatch.setattr(gitcmd, "MEMORY_BYTES", 512 << 20)
    store = open_store(make_plan(source), folder)
    pack = Pack()
    head = pack.commit(pack.tree([]))
    size = (1 << 24) - 1
    base = pack.blob(bytes(size))
    delta = varint(size) + varint(128 * size) + b"\xf0\xff\xff\xff" * 128
    raw = entry(7, delta)
    pack.add_raw(raw[:2] + bytes.fromhex(base) + raw[2:])
    began = time.monotonic()
    assert refuse(store, folder, pack.to_bundle(head)).code == "bad_objects"
    assert time.monotonic() - began < 8


def test_bundles_of_the_workbench(
    store: CandidateStore, source: Source, work: Path, tmp_path: Path
) -> None:
    for number in range(2):
        head = commit(work, {"a.txt": b"%d\n" % number})
        with (tmp_path / "sent").open("wb") as file:
            Repository(work).write_bundle(head, source.commit, file)
        assert store.receive(tmp_path / "sent").commit == head


def test_a_bundle_too_large(source: Source, folder: Path, work: Path) -> None:
    commit(work, {"a": os.urandom(5000)})
    store = open_store(make_plan(source, bundle_bytes=4000), folder)
    assert refuse(store, folder, make_bundle(work)).code == "bundle_too_large"


def test_a_store_that_is_full(
    source: Source, folder: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(work, {"a": b"1\n"})
    monkeypatch.setattr(candidates, "STORE_BUNDLES", 0)
    store = open_store(make_plan(source), folder)
    (folder / "objects/pack/others").write_bytes(bytes((4 << 20) + 1))
    assert refuse(store, folder, make_bundle(work)).code == "store_full"


# What is the machinery's


def test_a_full_disk_is_the_machinerys(
    source: Source, folder: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(work, {"a": b"1\n"})
    content = make_bundle(work)
    programs = tmp_path / "programs"
    programs.mkdir()
    real = shutil.which("git")
    (programs / "git").write_text(
        "#!/bin/sh\n"
        'if [ "$1" = index-pack ]; then\n'
        '  echo "fatal: write error: No space left on device" >&2; exit 128\n'
        f'fi\nexec {real} "$@"\n'
    )
    (programs / "git").chmod(0o755)
    store = open_store(make_plan(source), folder)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    with pytest.raises(MachineryFailure, match="No space left"):
        post(store, tmp_path, content)
    assert not list((folder / "incoming").iterdir())
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(MachineryFailure):
        post(store, tmp_path, content)


def test_a_missing_bundle_or_store(source: Source, store: CandidateStore, tmp_path: Path) -> None:
    with pytest.raises(MachineryFailure):
        store.receive(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(MachineryFailure):
        open_store(make_plan(source), tmp_path / "file" / "candidates.git")


def test_a_store_of_another_baseline(source: Source, folder: Path, tmp_path: Path) -> None:
    other = make_source(
        make_repository(tmp_path / "other", {"a": b"1\n"}), "HEAD", tmp_path / "other.tar"
    )
    with pytest.raises(MachineryFailure, match="does not hold the baseline"):
        open_store(make_plan(other), folder)


def test_reopening_clears_what_was_under_way(source: Source, folder: Path) -> None:
    (folder / "incoming" / "left" / "objects").mkdir(parents=True)
    open_store(make_plan(source), folder)
    assert not list((folder / "incoming").iterdir())


def test_nothing_of_the_caller_reaches_git(
    source: Source, folder: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "evil.config"
    config.write_text("[core]\n\thooksPath = /nowhere\n[tar]\n\tumask = 0777\n")
    for name, value in {
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_DIR": "/nowhere",
        "GIT_OBJECT_DIRECTORY": "/nowhere",
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    commit(work, {"b": b"1\n"})
    store = open_store(make_plan(source), folder)
    taken = post(store, tmp_path, make_bundle(work))
    data = b"".join(store.archive(taken.tree))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getmember("b").mode == 0o644


def words_of_git(argv: Sequence[str]) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_limits_are_set_in_the_child(folder: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\nulimit -v; ulimit -t; ulimit -c; env\n")
    (programs / "git").chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}{os.pathsep}{path}"
    try:
        git = gitcmd.Git(git_dir=folder, objects=None, file_bytes=1 << 20)
        lines = git.run("x", seconds=5).decode().splitlines()
    finally:
        os.environ["PATH"] = path
    assert lines[:3] == [str(gitcmd.MEMORY_BYTES // 1024), "6", "0"]
    assert "GIT_NO_LAZY_FETCH=1" in lines
    assert "GIT_CONFIG_NOSYSTEM=1" in lines
