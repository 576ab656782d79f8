"""The mapping `gateways` as written."""

from __future__ import annotations

from compiler import pipeline
from compiler.ir.gateways import Gateways, Notified, Readiness


def gateways_of(text: str) -> Gateways:
    data = f"name: a/b\ngateways:\n  command: [gateway]\n{text}".encode()
    build, _, found = pipeline.understand(data, "build.yaml", {})
    assert build is not None, found
    assert build.gateways is not None
    return build.gateways


def test_variables_are_as_they_are_written_and_null_unsets() -> None:
    read = gateways_of(
        "  env: {VERSION: 3.10, ON: true, GONE: null, HEX: 0x1F, EMPTY: ''}\n"
        "  profiles: [{name: p, env: {RATE: 1.0, GONE: '1'}}]\n"
    )
    assert dict(read.env) == {
        "VERSION": "3.10", "ON": "true", "GONE": None, "HEX": "0x1F", "EMPTY": "",
    }  # fmt: skip
    (profile,) = read.profiles
    assert dict(profile.env) == {"RATE": "1.0", "GONE": "1"}


def test_readiness_is_a_word_or_a_descriptor() -> None:
    assert gateways_of("").readiness is Readiness.TCP
    assert gateways_of("  readiness: none\n").readiness is Readiness.NONE
    assert gateways_of("  readiness: {notification_fd: 4}\n").readiness == Notified(fd=4)
