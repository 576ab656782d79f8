"""The evaluator's own bare repository of candidates, and the only way into it.

A bundle is refused or taken whole. Its header is read by our code, its pack by `git index-pack`
into a folder of its own (the quarantine) that sees the store but is not seen by it; what passes
every check is moved over. Nothing that a sender wrote is configuration, hook, attribute or argument
of any git here.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..baseline.errors import BaselineError
from ..baseline.git import run_git
from ..baseline.plan import Baseline as Recreated
from ..baseline.recreate import recreate
from .bundle import HEADER_BYTES, CandidateRefused, Header, decode_header, id_pattern
from .gitcmd import Git, GitFailed
from .plan import Baseline, Limits, Plan

__all__ = ["Candidate", "CandidateRefused", "CandidateStore", "MachineryFailure", "open_store"]

ENTRIES = 100_000
PATH_BYTES = 4000
NAME_BYTES = 255
LINK_BYTES = 4095
# How many bundles of the greatest size the store holds before it takes no more.
STORE_BUNDLES = 32
# Packs are checked this many at a time; others wait.
AT_ONCE = 4
# Sending a tree away may take longer than checking it did, for the receiver may be slow.
ARCHIVE_PATIENCE = 10
_REFS = "refs/candidates/"
# Highest in precedence: no attribute in a candidate's tree changes what `git archive` sends.
_ATTRIBUTES = (
    "* -export-ignore -export-subst -text !eol !crlf -ident !filter !working-tree-encoding\n"
)
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.logAllRefUpdates": "false",
    # Greater blobs are streamed, never held in memory.
    "core.bigFileThreshold": "16m",
    "core.packedGitWindowSize": "32m",
    "core.packedGitLimit": "256m",
    "core.fsync": "all",
    "pack.threads": "1",
    "gc.auto": "0",
    "tar.umask": "0022",
}
_MACHINERY = re.compile(
    r"No space left on device|Disk quota exceeded|Input/output error|Read-only file system"
    r"|Too many open files|Permission denied|Resource temporarily unavailable|error setting limit"
)
_FSCK = re.compile(r"\bobject ([0-9a-f]{12})[0-9a-f]+: ([A-Za-z]{3,40}):")


class MachineryFailure(Exception):
    """Git or the disk failed us; the message is for the log and not for the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    commit: str
    tree: str


def open_store(plan: Plan, folder: Path) -> CandidateStore:
    """The store in `folder`, made with the baseline in it or reopened; verified either way."""
    baseline = _recreated(plan.baseline)
    try:
        recreate(plan.baseline.archive, baseline, folder, bare=True)
        for key, value in _SETTINGS.items():
            run_git(folder, "config", key, value)
        (folder / "info").mkdir(exist_ok=True)
        (folder / "info" / "attributes").write_text(_ATTRIBUTES)
        incoming = folder / "incoming"
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir()
    except (BaselineError, OSError) as error:
        raise MachineryFailure(f"the store of candidates cannot be opened: {error}") from error
    return CandidateStore(folder.resolve(), plan.baseline, plan.limits, plan.read_only_paths)


def _recreated(baseline: Baseline) -> Recreated:
    return Recreated(
        commit=baseline.commit,
        tree=baseline.tree,
        object_format=baseline.object_format,
        author=baseline.author,
        email=baseline.email,
        time=baseline.time,
        message=baseline.message,
    )


class CandidateStore:
    """All methods block, and may be called from several threads at once."""

    def __init__(
        self, folder: Path, baseline: Baseline, limits: Limits, read_only: Sequence[str] = ()
    ) -> None:
        self.baseline = Candidate(commit=baseline.commit, tree=baseline.tree)
        self._read_only = tuple(read_only)
        self._folder = folder
        self._format = baseline.object_format
        self._limits = limits
        # Completing a thin pack adds objects of the baseline to it.
        self._git = Git(
            git_dir=folder,
            objects=None,
            file_bytes=limits.bundle_bytes + limits.tree_bytes + 64 * 1024 * 1024,
        )
        self._known = {self.baseline.commit: self.baseline, **self._read_refs()}
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def resolve(self, commit: str) -> Candidate | None:
        """The candidate that was received (or is the baseline) under this full id."""
        if id_pattern(self._format).fullmatch(commit) is None:
            return None
        return self._known.get(commit)

    def receive(self, bundle: Path) -> Candidate:
        """Take a bundle that lies in a file of ours; CandidateRefused leaves nothing behind."""
        try:
            with bundle.open("rb", buffering=0) as file:
                return self._receive(file.fileno())
        except OSError as error:
            raise MachineryFailure(f"a bundle could not be taken: {error}") from error

    def archive(self, tree: str) -> Generator[bytes, None, None]:
        """An uncompressed tar of a received tree, in chunks, blobs and names as they are stored.

        Long names are in pax headers, as git writes them. MachineryFailure may come after chunks.
        """
        if all(tree != known.tree for known in list(self._known.values())):
            raise MachineryFailure(f"no candidate has the tree {tree!r:.80}")
        seconds = self._limits.git_seconds * ARCHIVE_PATIENCE
        try:
            yield from self._git.stream("archive", "--format=tar", tree, seconds=seconds)
        except (GitFailed, OSError) as error:
            raise MachineryFailure(f"the tree {tree} cannot be read: {error}") from error

    def bundle(self, commits: Sequence[str], path: Path, limit: int, seconds: float) -> None:
        """Write a bundle of these candidates and the baseline, with all that they build on.

        OverflowError when it would have more than `limit` bytes.
        """
        known = [_REFS + commit for commit in commits if commit != self.baseline.commit]
        try:
            with tempfile.TemporaryFile() as names:
                names.write("".join(f"{name}\n" for name in ["HEAD", *known]).encode("ascii"))
                names.seek(0)
                self._write_bundle(names.fileno(), path, limit, seconds)
        except (GitFailed, OSError) as error:
            raise MachineryFailure(f"the candidates cannot be bundled: {error}") from error

    def _write_bundle(self, names: int, path: Path, limit: int, seconds: float) -> None:
        words = ("bundle", "create", "--quiet", "-", "--stdin")
        pack = self._git.stream(*words, seconds=seconds, stdin=names)
        with path.open("xb") as file, closing(pack) as chunks:
            for chunk in chunks:
                if file.tell() + len(chunk) > limit:
                    raise OverflowError(f"the candidates' bundle has more than {limit} bytes")
                file.write(chunk)

    def _receive(self, bundle: int) -> Candidate:
        size = os.fstat(bundle).st_size
        if size > self._limits.bundle_bytes:
            limit = self._limits.bundle_bytes
            raise CandidateRefused("bundle_too_large", f"a bundle may have {limit} bytes")
        header = decode_header(os.pread(bundle, HEADER_BYTES + 4, 0), self._format)
        known = self._known.get(header.commit)
        if known is not None:
            return known
        with self._slots:
            self._check_room()
            os.lseek(bundle, header.pack_offset, os.SEEK_SET)
            return self._take(header, bundle)

    def _take(self, header: Header, bundle: int) -> Candidate:
        deadline = time.monotonic() + self._limits.git_seconds
        with self._quarantine() as quarantine:
            check = _Check(quarantine, self._limits, deadline)
            check.check_prerequisites(self._git, header)
            check.index(bundle)
            candidate = Candidate(commit=header.commit, tree=check.find_tree(header.commit))
            check.check_tree(candidate.tree)
            check.check_read_only(candidate.tree, self.baseline.tree, self._read_only)
            check.check_history(candidate.commit)
            check.check_archive(candidate.tree)
            self._keep(candidate, quarantine)
        return candidate

    @contextmanager
    def _quarantine(self) -> Iterator[Git]:
        """Git whose new objects go into a folder of their own, which is removed afterwards."""
        folder = Path(tempfile.mkdtemp(dir=self._folder / "incoming"))
        try:
            (folder / "objects" / "info").mkdir(parents=True)
            (folder / "objects" / "pack").mkdir()
            alternates = folder / "objects" / "info" / "alternates"
            alternates.write_text(f"{self._folder / 'objects'}\n")
            yield Git(
                git_dir=self._folder,
                objects=folder / "objects",
                file_bytes=self._git.file_bytes,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _check_room(self) -> None:
        packs = list((self._folder / "objects" / "pack").iterdir())
        used = sum(pack.stat().st_size for pack in packs)
        if used > STORE_BUNDLES * self._limits.bundle_bytes + self._limits.tree_bytes:
            raise CandidateRefused("store_full", "this session's room for candidates is used up")

    def _keep(self, candidate: Candidate, quarantine: Git) -> None:
        """Move the packs over, an index last (it makes a pack visible); then name the commit."""
        assert quarantine.objects is not None
        store = self._folder / "objects" / "pack"
        with self._lock:
            files = sorted((quarantine.objects / "pack").iterdir(), key=_index_last)
            for file in files:
                os.replace(file, store / file.name)
            _sync(store)
            words = ("update-ref", _REFS + candidate.commit, candidate.commit)
            try:
                self._git.run(*words, seconds=self._limits.git_seconds)
            except GitFailed as error:
                raise MachineryFailure(f"a candidate could not be named: {error}") from error
            self._known[candidate.commit] = candidate

    def _read_refs(self) -> dict[str, Candidate]:
        words = ("for-each-ref", "--format=%(objectname) %(tree)", _REFS)
        try:
            listed = self._git.run(*words, seconds=self._limits.git_seconds).decode("ascii")
        except (GitFailed, OSError, ValueError) as error:
            raise MachineryFailure(f"the candidates cannot be listed: {error}") from error
        pairs = [line.split() for line in listed.splitlines()]
        return {commit: Candidate(commit=commit, tree=tree) for commit, tree in pairs}


class _Check:
    """The checks of one bundle; whatever git says against it is turned into words of ours."""

    def __init__(self, git: Git, limits: Limits, deadline: float) -> None:
        self._git = git
        self._limits = limits
        self._deadline = deadline

    def check_prerequisites(self, store: Git, header: Header) -> None:
        """They have to be commits of the store itself."""
        if not header.prerequisites:
            return
        text = "".join(f"{commit}\n" for commit in header.prerequisites).encode("ascii")
        words = ("cat-file", "--batch-check=%(objecttype)")
        with self._refusing("bad_bundle"):
            answer = store.ask(*words, seconds=self._left(), text=text)
        if any(line != b"commit" for line in answer.splitlines()):
            raise CandidateRefused(
                "unknown_prerequisite",
                "the bundle builds on a commit that is neither the baseline nor known here",
            )

    def index(self, bundle: int) -> None:
        size = f"--max-input-size={self._limits.bundle_bytes}"
        words = ("index-pack", "--stdin", "--fix-thin", "--strict", size)
        with self._refusing("bad_objects"):
            self._git.run(*words, seconds=self._left(), stdin=bundle)

    def find_tree(self, commit: str) -> str:
        words = ("cat-file", "--batch-check=%(objecttype) %(objectname)")
        with self._refusing("incomplete"):
            text = f"{commit}\n{commit}^{{tree}}\n".encode("ascii")
            first, second = self._git.ask(*words, seconds=self._left(), text=text).splitlines()
        if first.endswith(b" missing"):
            raise CandidateRefused("incomplete", "the commit is not in the bundle")
        kind, tree = first.split()[0], second.split()
        if kind != b"commit":
            raise CandidateRefused(
                "not_a_commit", f"the bundle's reference is a {kind.decode('ascii')}, not a commit"
            )
        if tree[0] != b"tree":
            raise CandidateRefused("incomplete", "the commit's tree is not in the bundle")
        return tree[1].decode("ascii")

    def check_tree(self, tree: str) -> None:
        """Sizes, names and kinds, of folders as well: a tree of nothing but folders never ends."""
        words = ("ls-tree", "-r", "-t", "-z", "-l", "--full-tree", tree)
        total = 0
        listing = self._git.stream(*words, seconds=self._left())
        with self._refusing("incomplete"), closing(listing) as chunks:
            for count, line in enumerate(_lines(chunks), 1):
                total += _check_entry(line)
                if count > ENTRIES or total > self._limits.tree_bytes:
                    limits = f"{ENTRIES} entries and {self._limits.tree_bytes} bytes"
                    raise CandidateRefused("tree_too_large", f"a tree may have {limits}")

    def check_read_only(self, tree: str, baseline: str, paths: Sequence[str]) -> None:
        """Each of the paths is what it is in the baseline: mode, kind and content."""
        for path in paths:
            if self._entry(tree, path) != self._entry(baseline, path):
                raise CandidateRefused(
                    "read_only_path", f"the commit changes {path}, which is to stay as it is"
                )

    def _entry(self, tree: str, path: str) -> bytes:
        words = ("ls-tree", "-z", "--full-tree", tree, "--", path)
        with self._refusing("incomplete"):
            return self._git.run(*words, seconds=self._left())
        raise AssertionError("unreachable: what git says against it is raised")

    def check_history(self, commit: str) -> None:
        """Everything that the commit reaches is here, or in what was taken before."""
        words = ("rev-list", "--objects", "--quiet", commit, "--not", "--all")
        with self._refusing("incomplete"):
            self._git.run(*words, seconds=self._left())

    def check_archive(self, tree: str) -> None:
        """Read it all once, in the way and within the bounds in which it will be sent."""
        words = ("archive", "--format=tar", tree)
        with self._refusing("bad_tree"):
            for _ in self._git.stream(*words, seconds=self._left()):
                pass

    def _left(self) -> float:
        return max(0.1, self._deadline - time.monotonic())

    @contextmanager
    def _refusing(self, code: str) -> Iterator[None]:
        try:
            yield
        except GitFailed as failure:
            raise self._judged(failure, code) from failure

    def _judged(self, failure: GitFailed, code: str) -> Exception:
        """The machinery's failure or the sender's. Git's words stay here: they may tell paths."""
        said = failure.stderr
        if failure.timed_out:
            seconds = self._limits.git_seconds
            return CandidateRefused("too_slow", f"checking the bundle took over {seconds} seconds")
        if _MACHINERY.search(said) or failure.status == 127:
            return MachineryFailure(str(failure))
        if "maximum allowed size" in said:
            limit = self._limits.bundle_bytes
            return CandidateRefused("bundle_too_large", f"a bundle may have {limit} bytes")
        found = _FSCK.search(said)
        if found is not None:
            why = f"git's checks refuse object {found[1]}: {found[2]}"
            return CandidateRefused("bad_objects", why)
        if "unresolved delta" in said or "did not receive" in said:
            code = "incomplete"
        return CandidateRefused(code, _WORDS[code])


_WORDS = {
    "bad_bundle": "the bundle's prerequisites cannot be looked up",
    "bad_objects": "the bundle's pack is damaged, cut short or too large when unpacked",
    "bad_tree": "the commit's files cannot be read",
    "incomplete": "objects are missing that are neither in the bundle nor known here",
}


def _check_entry(line: bytes) -> int:
    """The bytes of one `<mode> <type> <id> <size>\\t<path>`; 0 for a folder."""
    description, _, path = line.partition(b"\t")
    mode, kind, _, size = description.split()
    if len(path) > PATH_BYTES or max(map(len, path.split(b"/"))) > NAME_BYTES:
        raise CandidateRefused(
            "bad_tree", f"a path may have {PATH_BYTES} bytes, a name in it {NAME_BYTES}"
        )
    if kind == b"commit":
        shown = path.decode("utf-8", "backslashreplace")
        raise CandidateRefused(
            "submodule", f"{shown!r:.200} is a submodule; commit its files themselves"
        )
    if kind == b"tree":
        return 0
    if not size.isdigit():
        raise CandidateRefused("incomplete", _WORDS["incomplete"])
    if mode == b"120000" and int(size) > LINK_BYTES:
        raise CandidateRefused("bad_tree", f"a symbolic link's target may have {LINK_BYTES} bytes")
    return int(size)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """NUL-terminated records. An overlong one is cut short: it is refused for its length."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
        if len(rest) > 2 * PATH_BYTES:
            yield rest


def _index_last(file: Path) -> tuple[bool, str]:
    return file.suffix == ".idx", file.name


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
