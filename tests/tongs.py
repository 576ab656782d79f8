"""Tongs out of YAML, for tests."""

from __future__ import annotations

from compiler.ir.tong import Layer, Tong
from compiler.passes.fill_tong import fill_tong
from compiler.source.read_yaml import read_yaml
from compiler.surface.decode_tong import decode_tong
from compiler.surface.tong_file import TongFile

GITHUB = """\
lifecycle: session
image: ghcr.io/acme/github-mcp:1.2
env:
  GITHUB_TOKEN: ${secret:vault:github:token}
  LOG: "1"
interface: {kind: mcp, port: 8080, name: github}
"""
DATABASE = """\
lifecycle: session
image: postgres:17
env: {POSTGRES_PASSWORD: throwaway}
interface: {kind: port, port: 5432}
"""
CACHE = """\
lifecycle: shared
image: cache:1
interface: {kind: volume, volume: wheels, mountpoint: /cache}
readiness: {mode: none}
"""


def make_tong(text: str, name: str = "x", layer: Layer = Layer.BUILD) -> Tong:
    """The tong of a definition without errors."""
    document, found = read_yaml(text.encode(), f"{name}.yaml")
    assert document is not None, found
    entry, found = decode_tong(document, name, strict=True)
    assert isinstance(entry, TongFile), found
    tong, found = fill_tong(entry, layer)
    assert not found
    return tong
