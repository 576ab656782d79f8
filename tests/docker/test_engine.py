"""The engine that the other tests stand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docker import engine

pytestmark = pytest.mark.docker

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = ROOT / "compiler/runtime/evaluator/requirements.txt"


def test_the_base_image_has_what_the_product_needs(docker_engine: str) -> None:
    script = "python3 -c 'import venv, ensurepip, sqlite3' && git --version && bash --version"
    answer = engine.run_docker("run", "--rm", "--network=none", docker_engine, "sh", "-c", script)
    assert answer.returncode == 0, answer.stderr


def test_an_image_build_reaches_the_package_indexes(
    docker_engine: str, docker_scrap: engine.Scrap, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_bytes(REQUIREMENTS.read_bytes())
    (tmp_path / "Dockerfile").write_text(
        f"FROM {docker_engine}\n"
        "COPY requirements.txt /requirements.txt\n"
        "RUN python3 -m venv /venv"
        " && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt\n"
        "RUN apt-get update && apt-get install --yes tini\n"
    )
    answer = engine.run_docker(
        "build", "--quiet", "--tag", f"{docker_scrap.prefix}:1", str(tmp_path), timeout=300
    )
    assert answer.returncode == 0, answer.stderr


def test_what_a_test_leaves_is_removed_and_nothing_else(docker_engine: str) -> None:
    generator = engine.scrap_for(("removal",))
    scrap = next(generator)
    name = f"{scrap.prefix}-a"
    bystander = f"bystander-of-{name}"
    label = ("--label", "mooring.test=removal")
    engine.run_docker("network", "create", name)
    engine.run_docker("volume", "create", name)
    engine.run_docker("volume", "create", bystander)
    engine.run_docker("tag", docker_engine, f"{name}:1")
    engine.run_docker("run", "--detach", "--name", name, docker_engine, "sleep", "60")
    engine.run_docker("run", "--detach", "--name", f"x-{name}", *label, docker_engine, "true")
    scrap.expect_label("mooring.test=removal")
    try:
        for kind in engine.OBJECT_KINDS:
            assert engine.list_objects(kind, prefix=name), kind
        generator.close()
        for kind in engine.OBJECT_KINDS:
            assert not engine.list_objects(kind, prefix=scrap.prefix), kind
        containers = engine.OBJECT_KINDS[0]
        assert not engine.list_objects(containers, label="mooring.test=removal")
        assert engine.list_objects(engine.OBJECT_KINDS[2], prefix=bystander)
    finally:
        engine.run_docker("volume", "rm", bystander)
