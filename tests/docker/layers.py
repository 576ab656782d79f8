"""What stands anywhere in images: their layers, configuration and history."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from collections.abc import Iterable, Iterator

PIECE = 1 << 20


def find_in_images(images: Iterable[str], needles: Iterable[bytes]) -> set[bytes]:
    """The needles that stand in what `docker save` writes of the images, in any layer of them.

    A layer holds its files whole and in the clear, so the text of a layer is searched as it is,
    the files that a later layer deletes included.
    """
    wanted = set(needles)
    found: set[bytes] = set()
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        with tarfile.open(mode="r|", fileobj=saving.stdout) as archive:
            for member in archive:
                # A layer that is there already is a link to it.
                stream = archive.extractfile(member) if member.isfile() else None
                if isinstance(stream, io.BufferedReader):
                    found |= _find(_pieces(stream), wanted)
    assert saving.returncode == 0
    return found


def _find(pieces: Iterator[bytes], wanted: set[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    kept = max(map(len, wanted)) - 1
    before = b""
    for piece in pieces:
        text = before + piece
        found |= {needle for needle in wanted if needle in text}
        before = text[-kept:]
    return found


def _pieces(layer: io.BufferedReader) -> Iterator[bytes]:
    """The layer's bytes, unpacked where they are packed with gzip."""
    packed = layer.peek(2)[:2] == b"\x1f\x8b"
    with gzip.GzipFile(fileobj=layer) if packed else layer as stream:
        while piece := stream.read(PIECE):
            yield piece


def history(image: str) -> bytes:
    argv = ["docker", "history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", image]
    return subprocess.run(argv, capture_output=True, check=True).stdout
