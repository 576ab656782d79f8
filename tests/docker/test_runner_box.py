"""What candidate code sees and can do in the runner, as it reports itself (probes/solve.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from compiler.runtime.runner.users import BLOCK
from tests.docker.compose import Project
from tests.docker.workshop import (
    HIDDEN_ID,
    HIDDEN_QUESTION,
    LABEL,
    PROBES,
    SCORER,
    SECRET,
    SEEN_ID,
    TOPICS,
    commit,
    evaluate,
)

pytestmark = pytest.mark.docker

# The last one stands in the program that is being run: the search looks at what is there.
OWN = b"A candidate that reports, as its answer"
NEEDLES = (LABEL, HIDDEN_ID, HIDDEN_QUESTION, SEEN_ID, SCORER, SECRET, OWN)
SLOTS = ("0", "1", "2", "3")
type Reports = Mapping[str, Any]


@pytest.fixture(scope="module")
def reports(bench: Project) -> Reports:
    """Topic -> what the candidate answered; the baseline had been run on a hidden split before."""
    files = {name: (PROBES / name).read_bytes() for name in ("solve.py", "sight.py")}
    targets = {"needles": [needle.hex() for needle in NEEDLES], "addresses": addresses(bench)}
    commit(bench, {**files, "targets.json": json.dumps(targets).encode()}, "Look around")
    result = evaluate(bench, "train")["result"]
    errors = [detail["error"] for detail in result["details"] if detail["error"]]
    assert (result["scored"], errors) == (len(TOPICS), [])
    samples = {
        detail["id"].removeprefix(f"{SEEN_ID.decode()}-"): detail for detail in result["details"]
    }
    assert not [name for name, detail in samples.items() if detail.get("output_is_text")]
    return {name: detail["output"] for name, detail in samples.items()}


def addresses(project: Project) -> list[tuple[str, int]]:
    """Evaluator and main by name and address, the gateways of their networks, and the outside."""
    networks = project.inspect("main")["NetworkSettings"]["Networks"].values()
    gateways = [network["Gateway"] for network in networks if network["Gateway"]]
    assert gateways
    evaluator, main = (project.address(service, "eval") for service in ("eval-sidecar", "main"))
    return [
        *(("eval-sidecar", 8000), (evaluator, 8000), ("main", 22), (main, 22)),
        *((gateway, port) for gateway in gateways for port in (22, 53, 2375)),
        *(("1.1.1.1", 53), ("example.com", 80), ("169.254.169.254", 80)),
        *(("127.0.0.11", 53), ("127.0.0.1", 8000)),
    ]


def test_no_label_id_or_scorer_is_in_sight(reports: Reports) -> None:
    found = {bytes.fromhex(needle): at for needle, at in reports["sight"]["found"].items()}
    assert list(found) == [OWN]
    assert all(place.startswith("/srv/mooring/candidates/") for place in found[OWN])
    assert reports["sight"]["files"] > 1000
    # What the repository's history holds beyond the commit does not come along.
    assert ".git" not in reports["sight"]["tree"]


def test_it_is_a_user_of_its_own_without_any_right(reports: Reports) -> None:
    status = reports["status"]["status"]
    uid = int(status["Uid"][0])
    assert uid >= 20000 and (uid - 20000) % BLOCK in range(4)
    assert status["Uid"] == status["Gid"] == [str(uid)] * 4
    assert status["Groups"] == []
    assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[kind][0], 16) == 0, kind


def test_its_environment_is_the_plans_and_no_more(reports: Reports) -> None:
    status = reports["status"]
    slot = (int(status["status"]["Uid"][0]) - 20000) % BLOCK
    home = f"/srv/mooring/slots/{slot}/work"
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    given = {"PATH": path, "LANG": "C.UTF-8", "HOME": home, "TMPDIR": home}
    # The interpreter sets this one itself where the locale is C.
    assert {**status["environment"], "LC_CTYPE": ""} == {**given, "LC_CTYPE": ""}
    assert status["folder"].startswith("/srv/mooring/candidates/")
    stdin, *streams = status["descriptors"]
    assert stdin == "/dev/null"
    assert all(stream.startswith("pipe:") for stream in streams)
    assert status["open"] == 3


def test_there_is_no_network(reports: Reports) -> None:
    network = reports["network"]
    assert network["interfaces"] == ["lo"]
    assert network["routes"] == []
    loopback = {"127.0.0.11:53", "127.0.0.1:8000"}
    outcomes = dict(network["addresses"])
    assert {outcomes.pop(place) for place in loopback} == {"ECONNREFUSED"}
    assert set(outcomes.values()) == {"ENETUNREACH", "unknown name"}, outcomes
    assert network["datagram"] == "ENETUNREACH"
    assert (network["raw"], network["packets"]) == ("EPERM", "EPERM")


def test_the_runners_socket_opens_to_root_alone(reports: Reports) -> None:
    assert reports["sockets"] == {"/run/mooring/runner.sock": "EACCES"}
    assert reports["sight"]["sockets"] == ["/run/mooring/runner.sock"]


def test_it_can_write_to_its_own_folders_and_the_shared_scratch(reports: Reports) -> None:
    found = reports["writable"]
    own = {f"/srv/mooring/slots/{slot}/{part}" for slot in SLOTS for part in ("out", "work")}
    folders = set(found["folder"]) - {"/tmp", "/dev/shm", "/dev/mqueue"}
    assert len(folders) == 2 and folders < own
    assert len({folder.rpartition("/")[0] for folder in folders}) == 1
    assert found["file"] == []
    assert found["proc"] == []
    harmless = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts/ptmx")
    assert set(found["device"]) <= {f"/dev/{name}" for name in harmless}
    assert found["other"] == []


def test_it_can_do_nothing_to_the_box(reports: Reports) -> None:
    outcomes = dict(reports["attempts"])
    assert outcomes.pop("kill daemon") == ["EPERM"]
    refusals = {"EPERM", "EACCES", "EROFS"}
    assert {name: got for name, got in outcomes.items() if got not in refusals} == {}


def test_it_can_do_nothing_to_its_neighbours(reports: Reports) -> None:
    neighbours = [reports[topic] for topic in TOPICS if topic.startswith("neighbours")]
    assert min(report["running"] for report in neighbours) > 0
    for report in neighbours:
        assert report["own"] == "EACCES done done done done"
        for outcomes in map(str.split, report["others"]):
            # A slot cannot be listed; its parts are closed, or not there while it is free.
            assert outcomes[0] == "EACCES" and set(outcomes) <= {"EACCES", "ENOENT"}
        for deed in ("environ", "memory", "root", "kill"):
            assert set(report[deed]) <= {"EACCES", "EPERM", "ESRCH", "ENOENT"}, deed


def test_nothing_is_left_of_it(bench: Project, reports: Reports) -> None:
    assert reports["litter"] == "left"
    places = ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp")
    slots = (f"/srv/mooring/slots/{slot}" for slot in SLOTS)
    done = bench.run("runner", "find", *places, *slots, "-mindepth", "1")
    assert done.stdout == b"", done.stdout
    script = (
        "import json, os\n"
        "pids = [name for name in os.listdir('/proc') if name.isdigit()]\n"
        "print(json.dumps(sorted({os.stat(f'/proc/{pid}').st_uid for pid in pids})))\n"
    )
    assert bench.python("runner", script) == [0]
