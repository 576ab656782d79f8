"""The header of a git bundle, read by our own code before git sees any of it.

gitformat-bundle(5): a signature line, in version 3 capability lines (`@key=value`), prerequisites
(`-<id> comment`), references (`<id> <name>`), an empty line, a pack. Only the pack is ever handed
to git; of the header, the ids that matched their pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEADER_BYTES = 64 * 1024
PREREQUISITES = 256
_SIGNATURES = {b"# v2 git bundle": 2, b"# v3 git bundle": 3}
_ID_LENGTH = {"sha1": 40, "sha256": 64}
_NAME = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_./@#%+=,-]{0,254}")


class CandidateRefused(Exception):
    """What was sent is no usable candidate; the message holds nothing that the sender may not see.

    `code` is `bundle_too_large`, `bad_bundle`, `unknown_prerequisite`, `bad_objects`, `incomplete`,
    `not_a_commit`, `submodule`, `bad_tree`, `tree_too_large`, `too_slow` or `store_full`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a bundle claims; `pack_offset` counts bytes from its beginning."""

    commit: str
    prerequisites: tuple[str, ...]
    pack_offset: int


def id_pattern(object_format: str) -> re.Pattern[str]:
    """A full object id; nothing shorter, no name, no upper case."""
    return re.compile(rf"[0-9a-f]{{{_ID_LENGTH[object_format]}}}")


def decode_header(start: bytes, object_format: str) -> Header:
    """The header at the beginning of a bundle, of which HEADER_BYTES and four more are enough."""
    end = start.find(b"\n\n", 0, HEADER_BYTES)
    if end < 0:
        raise _bad(f"its header does not end within {HEADER_BYTES} bytes")
    if start[end + 2 : end + 6] != b"PACK":
        raise _bad("no pack follows its header")
    signature, *lines = start[:end].split(b"\n")
    version = _SIGNATURES.get(signature)
    if version is None:
        raise _bad("it does not begin as a git bundle of version 2 or 3")
    rest = _check_capabilities(lines, version, object_format)
    wanted, references = _split(rest)
    if len(references) != 1:
        raise _bad(f"it has to hold exactly one reference, and holds {len(references)}")
    return Header(
        commit=_reference(references[0], object_format),
        prerequisites=tuple(_prerequisite(line, object_format) for line in wanted),
        pack_offset=end + 2,
    )


def _check_capabilities(lines: list[bytes], version: int, object_format: str) -> list[bytes]:
    """The lines after the capabilities; version 2 has none and means sha1."""
    count = next((i for i, line in enumerate(lines) if not line.startswith(b"@")), len(lines))
    if count and version == 2:
        raise _bad("version 2 has no capabilities")
    declared = "sha1"
    for line in lines[:count]:
        key, _, value = line[1:].partition(b"=")
        if key != b"object-format":
            raise _bad("it needs a capability other than object-format; make it without a filter")
        declared = value.decode("ascii", "replace")
    if declared != object_format:
        raise _bad(f"its object format is not {object_format}")
    return lines[count:]


def _split(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    count = next((i for i, line in enumerate(lines) if not line.startswith(b"-")), len(lines))
    if count > PREREQUISITES:
        raise _bad(f"it has more than {PREREQUISITES} prerequisites")
    return lines[:count], lines[count:]


def _prerequisite(line: bytes, object_format: str) -> str:
    return _id(line[1:].partition(b" ")[0], object_format)


def _reference(line: bytes, object_format: str) -> str:
    found, _, name = line.partition(b" ")
    if _NAME.fullmatch(name) is None or b".." in name:
        raise _bad("its reference has a name that is not accepted")
    return _id(found, object_format)


def _id(found: bytes, object_format: str) -> str:
    text = found.decode("ascii", "replace")
    if id_pattern(object_format).fullmatch(text) is None:
        raise _bad(f"it names an object by something other than a full {object_format} id")
    return text


def _bad(why: str) -> CandidateRefused:
    return CandidateRefused("bad_bundle", f"the bundle cannot be used: {why}")
