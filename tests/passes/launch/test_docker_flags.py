from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from compiler.passes.launch.docker_flags import (
    SHORT_SWITCHES,
    SHORT_VALUED,
    SWITCHES,
    VALUED,
    UnknownOption,
    split_run_argv,
)

ROW = re.compile(
    r"^ +(?:-(?P<short>\w), )? *--(?P<name>[\w-]+)(?: (?P<kind>[\w-]+))?  ", re.MULTILINE
)


@pytest.mark.docker
def test_the_table_is_that_of_the_installed_client() -> None:
    assert shutil.which("docker")
    shown = subprocess.run(
        ["docker", "run", "--help"], capture_output=True, text=True, check=True
    ).stdout
    rows = list(ROW.finditer(shown))
    assert len(rows) > 90
    for row in rows:
        # A line without a kind of value is a switch.
        table = VALUED if row["kind"] else SWITCHES
        assert f"--{row['name']}" in table, row[0]
        if row["short"]:
            assert row["short"] in (SHORT_VALUED if row["kind"] else SHORT_SWITCHES), row[0]
    assert SWITCHES - {f"--{row['name']}" for row in rows} <= {
        "--disable-content-trust", "--use-api-socket", "--quiet",
    }  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        "",
        "-it",
        "-itv /a:/b",
        "-v/a:/b -i",
        "-v=/a:/b",
        "-e A=1 --env B --env=C=3",
        "--rm --name x -p 80:80 --network n",
        "--gpus all --memory 1g",
        "-dite K=V",
        "--tty=false --init=true",
        "--",
        "--unheard-of=1",
        "--mount type=bind,source=/a,target=/b -w /b",
    ],
)
def test_the_image_is_found(options: str) -> None:
    argv = ["docker", "run", *options.split(), "image", "-v", "--network", "host"]
    run = split_run_argv(argv)
    assert run.rest == ("image", "-v", "--network", "host")
    assert run.last("--network", "--net") in (None, "n")


@pytest.mark.parametrize(
    "head", ["docker run", "docker container run", "/usr/bin/docker --context c run",
             "docker -H tcp://x run", "docker --debug run"],
)  # fmt: skip
def test_the_command_before_the_options(head: str) -> None:
    assert split_run_argv([*head.split(), "image"]).head == tuple(head.split())


@pytest.mark.parametrize("line", ["podman run x", "docker ps", "docker", "", "docker exec x"])
def test_what_is_no_docker_run(line: str) -> None:
    with pytest.raises(ValueError, match="`"):
        split_run_argv(line.split())


@pytest.mark.parametrize("option", ["--unheard-of", "-y", "-iy"])
def test_an_unknown_option_is_refused(option: str) -> None:
    with pytest.raises(UnknownOption):
        split_run_argv(["docker", "run", option, "x", "y"])


def test_the_last_value_counts() -> None:
    run = split_run_argv(["docker", "run", "--net", "a", "--network=b", "i"])
    assert run.last("--network", "--net") == "b"
    assert split_run_argv(["docker", "run", "-uroot", "i"]).last("-u") == "root"
