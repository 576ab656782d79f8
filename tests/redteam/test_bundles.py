"""Hostile bundles: each is refused, or taken for what it is, and nothing of it acts here."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.docker.compose import Project
from tests.docker.workshop import ask
from tests.redteam.arena import go_to_baseline
from tests.runtime.evaluator.bundles import KINDS, Pack, bundle, entry, varint

docker = pytest.mark.docker
POST = """\
import json, socket, sys
found = []
for line in sys.stdin:
    data = bytes.fromhex(line)
    with socket.create_connection(("eval-sidecar", 8000), timeout=120) as caller:
        head = ("POST /candidates HTTP/1.1\\r\\nHost: e\\r\\nContent-Type: application/x-git-bundle"
                f"\\r\\nConnection: close\\r\\nContent-Length: {len(data)}\\r\\n\\r\\n")
        caller.sendall(head.encode() + data)
        answer = b"".join(iter(lambda: caller.recv(65536), b""))
    found.append([int(answer.split()[1]), json.loads(answer.partition(b"\\r\\n\\r\\n")[2])])
print(json.dumps(found))
"""
# What the store has: its references, settings, hooks, and what git would take from its folder.
STORE = """\
import hashlib, json, os, subprocess
top = "/state/admin/candidates"
git = ["git", "--git-dir", top]
refs = subprocess.run([*git, "for-each-ref", "--format=%(refname) %(objectname)"],
                      capture_output=True, text=True, check=True).stdout.splitlines()
names = ("config", "HEAD", "shallow", "packed-refs", "info/attributes", "info/grafts",
         "objects/info/alternates", "modules", "commondir")
held = {name: hashlib.sha256(open(f"{top}/{name}", "rb").read()).hexdigest()
        for name in names if os.path.isfile(f"{top}/{name}")}
hooks = sorted(os.listdir(f"{top}/hooks")) if os.path.isdir(f"{top}/hooks") else []
spool = os.listdir("/state/admin/spool") + os.listdir(f"{top}/incoming")
print(json.dumps({"refs": refs, "held": held, "hooks": hooks, "spool": spool}))
"""
BOMB_BYTES = 100 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """A bundle that is refused with 4xx, and why it is sent."""

    name: str
    tries: str
    make: Callable[[], bytes]

    def __str__(self) -> str:
        return self.name


def tree_of(*entries: tuple[str, bytes, bytes]) -> Callable[[], bytes]:
    """A commit of one tree: (mode, name, content of the blob)."""

    def make() -> bytes:
        pack = Pack()
        tree = pack.tree([(mode, name, pack.blob(content)) for mode, name, content in entries])
        return pack.to_bundle(pack.commit(tree))

    return make


def plain_pack() -> tuple[Pack, str]:
    pack = Pack()
    return pack, pack.commit(pack.tree([("100644", b"solve.py", pack.blob(b"pass\n"))]))


def with_header(*lines: str) -> Callable[[], bytes]:
    """A good pack under a header; `{commit}` stands for the commit."""

    def make() -> bytes:
        pack, commit = plain_pack()
        text = "\n".join((*lines, "", "")).replace("{commit}", commit)
        return text.encode() + pack.to_bytes()

    return make


def bomb() -> bytes:
    """A blob of zeros, far larger than a tree may be, in less than a megabyte."""
    packer = zlib.compressobj(9)
    block = b"\0" * (1 << 20)
    packed = b"".join(packer.compress(block) for _ in range(BOMB_BYTES >> 20)) + packer.flush()
    pack = Pack()
    pack.add_raw(entry(KINDS["blob"], b"", BOMB_BYTES)[:-8] + packed)
    return pack.to_bundle(pack.commit(pack.tree([("100644", b"a", "1" * 40)])))


def delta_bomb() -> bytes:
    """A delta of a hundred kilobytes that makes two thousand million."""
    pack = Pack()
    base = pack.blob(b"x" * 60_000)
    copies = bytes([0x80 | 0x10 | 0x20, 0x60, 0xEA]) * 40_000
    delta = varint(60_000) + varint(60_000 * 40_000) + copies
    raw = entry(7, b"", len(delta))[:-8] + bytes.fromhex(base) + zlib.compress(delta)
    pack.add_raw(raw)
    return pack.to_bundle(pack.commit(pack.tree([("100644", b"a", base)])))


def nested_trees() -> bytes:
    """Folders of folders: two to the power of forty entries in forty objects."""
    pack = Pack()
    tree = pack.tree([])
    for _ in range(40):
        tree = pack.tree([("40000", b"a", tree), ("40000", b"b", tree)])
    return pack.to_bundle(pack.commit(tree))


def many_entries() -> bytes:
    pack = Pack()
    blob = pack.blob(b"")
    tree = pack.tree(("100644", b"%06d" % number, blob) for number in range(120_000))
    return pack.to_bundle(pack.commit(tree))


def submodule() -> bytes:
    pack = Pack()
    url = b'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% /tmp/owned\n'
    entries = [("100644", b".gitmodules", pack.blob(url)), ("160000", b"x", "1" * 40)]
    return pack.to_bundle(pack.commit(pack.tree(entries)))


def option_submodule() -> bytes:
    pack = Pack()
    url = b'[submodule "x"]\n\tpath = -x\n\turl = --upload-pack=touch /tmp/owned\n'
    return pack.to_bundle(pack.commit(pack.tree([("100644", b".gitmodules", pack.blob(url))])))


def unsorted_twins() -> bytes:
    """A link to a folder, and a file below it: one name twice in a tree."""
    pack = Pack()
    inner = pack.tree([("100644", b"cron", pack.blob(b"* * * * * root touch /tmp/owned\n"))])
    entries = [("120000", b"d", pack.blob(b"/etc")), ("40000", b"d", inner)]
    return pack.to_bundle(pack.commit(pack.tree(entries)))


def tag_for_commit() -> bytes:
    pack, commit = plain_pack()
    text = f"object {commit}\ntype commit\ntag x\ntagger A <a@b> 1 +0000\n\nx\n"
    return bundle(pack.to_bytes(), [(pack.add("tag", text.encode()), "refs/tags/x")])


def changed(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    def make() -> bytes:
        pack, commit = plain_pack()
        return change(pack.to_bundle(commit))

    return make


def broken_commit() -> bytes:
    pack, _ = plain_pack()
    return pack.to_bundle(pack.add("commit", b"tree " + b"0" * 40 + b"\nauthor x\n\n\0\n"))


def missing_parent() -> bytes:
    pack = Pack()
    tree = pack.tree([("100644", b"a", pack.blob(b"a"))])
    return pack.to_bundle(pack.commit(tree, ["5" * 40]))


V2, GOOD = "# v2 git bundle", "{commit} refs/heads/x"
HOSTILE = (
    Hostile(name="bomb", tries="a blob that unpacks to more than the disk is for", make=bomb),
    Hostile(name="delta-bomb", tries="deltas that multiply what they copy", make=delta_bomb),
    Hostile(name="nested-trees", tries="folders that never end", make=nested_trees),
    Hostile(name="many-entries", tries="more files than a tree may have", make=many_entries),
    Hostile(name="submodule", tries="a submodule whose URL is a command", make=submodule),
    Hostile(name="option-submodule", tries="a URL like an option", make=option_submodule),
    Hostile(name="twins", tries="a link and a folder of one name", make=unsorted_twins),
    Hostile(name="tag", tries="a tag where a commit is meant", make=tag_for_commit),
    Hostile(name="broken-commit", tries="a commit without a tree", make=broken_commit),
    Hostile(name="missing-parent", tries="a history that is not there", make=missing_parent),
    Hostile(name="dot-git", tries="a hook", make=tree_of(("100755", b".git", b"x"))),
    Hostile(name="dot-git-case", tries="its other case", make=tree_of(("100644", b".GIT", b""))),
    Hostile(name="git-short", tries="its short name", make=tree_of(("100644", b"git~1", b"x"))),
    Hostile(name="up", tries="a way up", make=tree_of(("100644", b"..", b"x"))),
    Hostile(name="slash", tries="a path for a name", make=tree_of(("100644", b"../../x", b"x"))),
    Hostile(name="absolute", tries="an absolute name", make=tree_of(("100644", b"/etc/x", b"x"))),
    Hostile(name="long-name", tries="a name of 5000 bytes",
            make=tree_of(("100644", b"n" * 5000, b""))),
    Hostile(name="long-link", tries="a target of 9000 bytes",
            make=tree_of(("120000", b"l", b"t" * 9000))),
    Hostile(name="option-ref", tries="a name like an option",
            make=with_header(V2, "{commit} --upload-pack=touch /tmp/owned")),
    Hostile(name="option-id", tries="an id like an option", make=with_header(V2, "--exec=x HEAD")),
    Hostile(name="path-ref", tries="a name that leads out of the references",
            make=with_header(V2, "{commit} refs/../../hooks/post-update")),
    Hostile(name="short-id", tries="an id that is a prefix",
            make=with_header(V2, "abc refs/heads/x")),
    Hostile(name="two-refs", tries="two candidates in one", make=with_header(V2, GOOD, GOOD)),
    Hostile(name="no-ref", tries="none", make=with_header(V2)),
    Hostile(name="filter", tries="a bundle that leaves objects out",
            make=with_header("# v3 git bundle", "@filter=blob:none", GOOD)),
    Hostile(name="format", tries="another object format",
            make=with_header("# v3 git bundle", "@object-format=sha256", GOOD)),
    Hostile(name="prerequisites", tries="a thousand commits to look up",
            make=with_header(V2, *[f"-{n:040x} x" for n in range(1000)], GOOD)),
    Hostile(name="unknown-base", tries="what only the evaluator may have",
            make=with_header(V2, f"-{'7' * 40} x", GOOD)),
    Hostile(name="huge-header", tries="a header of ten megabytes",
            make=lambda: b"# v2 git bundle\n" + b"-" + b"a" * 10_000_000 + b"\n\n"),
    Hostile(name="cut", tries="half a pack", make=changed(lambda data: data[:-30])),
    Hostile(name="more", tries="more behind a pack", make=changed(lambda data: data + b"x" * 100)),
    Hostile(name="count", tries="four thousand million objects",
            make=changed(lambda data: data.replace(b"\2\0\0\0\3", b"\2" + b"\xff" * 4))),
    Hostile(name="tar", tries="something else", make=lambda: b"\x1f\x8b" + b"\0" * 1000),
)  # fmt: skip


def replacing() -> bytes:
    """A good commit under a name that replaces the baseline wherever replacements are heeded."""
    pack, commit = plain_pack()
    return bundle(pack.to_bytes(), [(commit, f"refs/replace/{'a' * 40}")])


def configured() -> bytes:
    """Attributes, filters, hooks, settings and modes as a repository may hold them for people."""
    pack = Pack()
    files = {
        b".gitattributes": b"* filter=x export-subst ident text=auto\nsolve.py export-ignore\n",
        b".gitconfig": b"[core]\n\thooksPath = .\n\tfsmonitor = touch /tmp/owned\n",
        b"config": b'[filter "x"]\n\tclean = touch /tmp/owned\n\tsmudge = touch /tmp/owned\n',
        b"post-checkout": b"#!/bin/sh\ntouch /tmp/owned\n",
        b"solve.py": b"import sys\nopen(sys.argv[2], 'w').write('\"$Id$ $Format:%H$\"')\n",
    }
    tree = pack.tree([("104755", name, pack.blob(files[name])) for name in sorted(files)])
    return pack.to_bundle(pack.commit(tree))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    answers: dict[str, tuple[int, Any]]
    before: dict[str, Any]
    after: dict[str, Any]
    replacing: tuple[int, Any]
    configured: tuple[int, Any]


def send(project: Project, bundles: list[bytes]) -> list[tuple[int, Any]]:
    text = "".join(f"{data.hex()}\n" for data in bundles).encode()
    done = project.run("main", "python3", "-c", POST, user="agent", text=text)
    return [(status, body) for status, body in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def sent(arena: Project) -> Sent:
    go_to_baseline(arena)
    before = arena.python("eval-sidecar", STORE)
    answers = send(arena, [hostile.make() for hostile in HOSTILE])
    after = arena.python("eval-sidecar", STORE)
    taken = send(arena, [replacing(), configured()])
    by_name = {hostile.name: answer for hostile, answer in zip(HOSTILE, answers, strict=True)}
    return Sent(
        answers=by_name, before=before, after=after, replacing=taken[0], configured=taken[1]
    )


@docker
@pytest.mark.parametrize("hostile", HOSTILE, ids=str)
def test_it_is_refused(hostile: Hostile, sent: Sent) -> None:
    status, body = sent.answers[hostile.name]
    assert status in (413, 422), (hostile.tries, body)
    assert set(body) == {"error"}
    assert "/state" not in body["error"]["message"]


@docker
def test_nothing_of_what_was_refused_stays(arena: Project, sent: Sent) -> None:
    assert sent.after == sent.before
    assert sent.after["spool"] == []
    assert sent.after["hooks"] == []
    script = "ls /tmp/owned /state/admin/candidates/hooks /opt/mooring/owned"
    assert b"owned\n" not in arena.run("eval-sidecar", "sh", "-c", script, check=False).stdout
    assert ask(arena, "GET", "/health").status == 200


@docker
def test_a_name_that_replaces_another_is_not_kept(arena: Project, sent: Sent) -> None:
    """The control as well: a good bundle is taken. Its name is not, so it replaces nothing."""
    status, body = sent.replacing
    assert status == 201, body
    refs = arena.python("eval-sidecar", STORE)["refs"]
    assert f"refs/candidates/{body['commit']} {body['commit']}" in refs
    assert not [ref for ref in refs if "replace" in ref]


@docker
def test_what_a_tree_says_to_git_is_not_heeded(arena: Project, sent: Sent) -> None:
    """It is run byte for byte: no file is left out, no keyword filled in, no command run."""
    status, body = sent.configured
    assert status == 201, body
    wanted = {"split": "train", "commit": body["commit"], "samples": ["network"]}
    job = ask(arena, "POST", "/eval", wanted).body
    done = ask(arena, "GET", f"/jobs/{job['id']}?wait=15").body
    (detail,) = done["result"]["details"]
    assert detail["output"] == "$Id$ $Format:%H$"
    special = arena.run("runner", "find", "/srv/mooring/candidates", "-perm", "/7000").stdout
    assert special == b""
    for service in ("eval-sidecar", "runner"):
        assert arena.run(service, "test", "-e", "/tmp/owned", check=False).returncode == 1
