"""tongs/gateways.yaml is a definition of the tong that a build's own launch has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compiler.ir.tong import Layer, Tong
from compiler.output.file_set import Made
from compiler.passes.fill_tong import fill_tong
from compiler.passes.launch.definition import canonical_definition
from compiler.source.read_yaml import read_yaml
from compiler.surface.decode_tong import decode_tong
from compiler.surface.tong_file import TongFile
from compiler.targets.gateways.tong import gateways_tong, render_gateways_tong
from tests.commands import call_mooring
from tests.projects import REQUIRED, build_of

GATEWAYS: dict[str, Any] = {
    "command": ["gateway", "{port}"],
    "profiles": [{"name": "idle"}, {"name": "coder", "start": True}],
    "home": "/srv/home",
}


def tong_of(changes: dict[str, Any] | None = None, name: str = "acme/Home.2") -> Tong:
    others = dict.fromkeys(key for key in REQUIRED if key != "name")
    build = build_of({**others, "name": name, "gateways": {**GATEWAYS, **(changes or {})}})
    return gateways_tong(build, ())


def text_of(tong: Tong) -> str:
    (file,) = render_gateways_tong(tong).values()
    assert isinstance(file.content, Made)
    return file.content.content.decode("utf-8")


def test_the_file_says_what_the_tong_is(tmp_path: Path) -> None:
    tong = tong_of()
    path = tmp_path / "gateways.yaml"
    path.write_text(text_of(tong), "utf-8")
    done = call_mooring(["tongs", "validate", str(path)])
    assert done.exit_code == 0, done.stderr
    document, _ = read_yaml(path.read_bytes(), str(path))
    assert document is not None
    file, found = decode_tong(document, "gateways", strict=True)
    assert isinstance(file, TongFile), found
    read, problems = fill_tong(file, Layer.USER)
    assert problems == ()
    assert canonical_definition(read) == canonical_definition(tong)


def test_its_header_has_the_command_that_builds_its_image() -> None:
    tong = tong_of()
    assert f"docker build --tag {tong.image} --file environment/gateways/Dockerfile" in text_of(
        tong
    )
    assert tong.image.startswith("mooring-gateways/acme-home-2:")


@pytest.mark.parametrize(
    "changes",
    [
        {"command": ["other"]},
        {"env": {"A": None}},
        {"packages": ["jq"]},
        {"base_image": "debian"},
        {"profiles": [{"name": "idle"}]},
    ],
)
def test_another_image_has_another_name(changes: dict[str, Any]) -> None:
    """So that a container that runs is replaced."""
    assert tong_of(changes).image != tong_of().image
    assert tong_of().image == tong_of().image
