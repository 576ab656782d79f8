"""A file of the baseline as a member of a tar, and back: GNU format, pinned owner and time."""

from __future__ import annotations

import re
from functools import cache
from typing import IO, Any, Final

from compiler import contracts
from compiler.ir.git_objects import EXECUTABLE, LINK, hash_object
from compiler.ir.project import TreeEntry

BLOCK: Final = 512
# Where the fields of a header lie (https://www.gnu.org/software/tar/manual/html_node/Standard.html).
_NAME: Final = slice(0, 100)
_SIZE: Final = slice(124, 136)
_SUM: Final = slice(148, 156)
_TARGET: Final = slice(157, 257)
_OCTAL_SIZE: Final = re.compile(rb"[0-7]{11}\0")
# Beyond it the size is written otherwise.
_MOST_OCTAL: Final = 8**11


def render_member(entry: TreeEntry, content: bytes) -> bytes:
    """The entry's header, and its content padded to whole blocks. A link has its target, which is
    its content, in the header."""
    if entry.mode == LINK:
        return _render_long(entry, 0, content)
    header = _render_header(entry, len(content))
    return b"".join((header, content, b"\0" * (-len(content) % BLOCK)))


def take_member(tar: IO[bytes], entry: TreeEntry, object_format: str) -> tuple[bytes, bytes] | None:
    """The member at the tar's position, and its content, when it is the entry's; else None.

    It is the entry's when every byte is what ``render_member`` makes of a content that has the
    entry's blob id.
    """
    # Of a short name it is one block; the rest is seldom enough to ask.
    usual = entry.mode != LINK and len(entry.path) <= _NAME.stop
    head = tar.read(BLOCK if usual else len(_render_header(entry, 0)))
    last = head[-BLOCK:]
    if entry.mode == LINK:
        member, content = head, last[_TARGET].rstrip(b"\0")
    else:
        if not _OCTAL_SIZE.fullmatch(last[_SIZE]):
            return None
        size = int(last[_SIZE][:-1], 8)
        body = tar.read(size + -size % BLOCK)
        member, content = head + body, body[:size]
    same = hash_object("blob", content, object_format) == entry.blob
    return (member, content) if same and render_member(entry, content) == member else None


def _render_header(entry: TreeEntry, size: int) -> bytes:
    """The header of a file, or of a link without its target."""
    if entry.mode == LINK or len(entry.path) > _NAME.stop or size >= _MOST_OCTAL:
        return _render_long(entry, size, b"")
    before, between, after, blank_sum = _blank_header(entry.mode == EXECUTABLE)
    octal = b"%011o\0" % size
    check = b"%06o\0 " % (blank_sum + sum(entry.path) + sum(octal))
    name = entry.path.ljust(_NAME.stop, b"\0")
    return b"".join((name, before, octal, between, check, after))


@cache
def _blank_header(executable: bool) -> tuple[bytes, bytes, bytes, int]:
    """What all headers of a mode have in common, from tarfile, which is slow to ask each time.

    The parts between name, size and sum, and what they and the sum's own field count in the sum:
    it is taken with eight spaces there, of which one stays.
    """
    import tarfile

    header: bytes = _tar_info(b"", 0o755 if executable else 0o644).tobuf(tarfile.GNU_FORMAT)
    before = header[_NAME.stop : _SIZE.start]
    between = header[_SIZE.stop : _SUM.start]
    after = header[_SUM.stop :]
    return before, between, after, sum(before) + sum(between) + sum(after) + 8 * ord(" ")


def _tar_info(path: bytes, mode: int) -> Any:
    import tarfile

    info = tarfile.TarInfo(path.decode("utf-8", "surrogateescape"))
    info.mtime = contracts.BASELINE_TIME
    info.mode = mode
    return info


def _render_long(entry: TreeEntry, size: int, target: bytes) -> bytes:
    """A header of any length: names that need more than one block are tarfile's business."""
    import tarfile

    info = _tar_info(entry.path, 0o755 if entry.mode == EXECUTABLE else 0o644)
    info.size = size
    if entry.mode == LINK:
        info.type, info.mode = tarfile.SYMTYPE, 0o777
        info.linkname = target.decode("utf-8", "surrogateescape")
    header: bytes = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return header
