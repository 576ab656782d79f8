"""Two trials on one host: what a candidate takes in one is not missing in the other."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from compiler import contracts
from tests.docker.compose import Project, remove
from tests.docker.engine import run_docker

pytestmark = pytest.mark.docker

SLOTS, WANTED = 4, 50
# Has one tree of the program in argv run in every slot at once, by the runner's own daemon.
RUN = """\
import hashlib, io, json, socket, sys, tarfile
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, "/opt/mooring/runtime")
from runner import frames
stream = io.BytesIO()
with tarfile.open(fileobj=stream, mode="w") as tar:
    member = tarfile.TarInfo("solve.py")
    data = sys.argv[1].encode()
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
tree = hashlib.sha1(stream.getvalue()).hexdigest()

def ask(header, *chunks):
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect("/run/mooring/runner.sock")
        caller.sendall(frames.encode_frame(header) + b"".join(chunks))
        return frames.read_frame(caller.recv, frames.MAX_BODY)

put = ask({"op": "put", "tree": tree}, frames.encode_chunk(stream.getvalue()), frames.END_OF_CHUNKS)
assert put[0] == {"ok": True}, put
with ThreadPoolExecutor() as pool:
    runs = pool.map(ask, [{"op": "sample", "tree": tree, "input": {}}] * int(sys.argv[2]))
    print(json.dumps([[header, body.decode()] for header, body in runs]))
"""
# Forks until the kernel refuses, or so many; says how many there were, and stays a while.
FORK = """\
import os, sys, time
count = 0
try:
    while count < {most}:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        count += 1
except OSError:
    pass
open(sys.argv[2], "w").write(str(count))
time.sleep({seconds})
"""


def argv_of(project: Project, most: int, seconds: float) -> list[str]:
    program = FORK.format(most=most, seconds=seconds)
    argv = ["docker", "exec", project.container("runner"), "python3", "-I", "-c", RUN]
    return [*argv, program, str(SLOTS)]


def processes(project: Project) -> int:
    script = "ls -d /proc/[0-9]* | wc -l"
    return int(project.run("runner", "sh", "-c", script).stdout)


@pytest.fixture(scope="module")
def neighbour(arena: Project) -> Iterator[Project]:
    """The runner of a second trial of the same task."""
    project = replace(arena, name=f"{arena.name}-next")
    assert run_docker("tag", arena.image("runner"), project.image("runner")).returncode == 0
    try:
        project.start("runner")
        yield project
    finally:
        remove(project)


def test_processes_of_one_trial_are_not_missing_in_the_other(
    arena: Project, neighbour: Project
) -> None:
    """Tries: as many processes as each slot may have. Gain: a sample elsewhere cannot start any,
    which would be the failure of its candidate, or of the machinery.
    """
    attack = argv_of(arena, 100_000, 600)
    most = SLOTS * (contracts.SAMPLE_PROCESSES - 1)
    with subprocess.Popen(attack, stdout=subprocess.PIPE) as attacker:
        while (held := processes(arena)) < most:
            assert attacker.poll() is None, held
            time.sleep(0.1)
        done = subprocess.run(
            argv_of(neighbour, WANTED, 0), capture_output=True, timeout=120, check=True
        )
        # The control: nobody had more, and the time of nobody was over before.
        output, _ = attacker.communicate(timeout=120)
    assert {run["timed_out"] for run, _ in json.loads(output)} == {True}
    runs = json.loads(done.stdout)
    assert [(run["exit"], body) for run, body in runs] == [(0, str(WANTED))] * SLOTS
