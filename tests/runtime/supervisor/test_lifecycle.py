"""Commands and boots on a real tree: what the operator wanted is what runs."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from tests.runtime.supervisor.plans import declare
from tests.runtime.supervisor.tree import PORTS, USER, Tree


def test_a_life(tree: Tree) -> None:
    """Created down, started, restarted, stopped, deleted; each shows in slot, status and home."""
    tree.boot()
    slot = tree.scandir / "gateway-coder"
    assert "created" in tree.ok("profile", "create", "coder")
    assert (slot / "down").exists()
    assert tree.status("coder")["state"] == "stopped"

    assert "coder: ready (pid" in tree.ok("gateway", "start", "-p", "coder")
    running = tree.status("coder")
    assert (running["state"], running["wanted"], running["ready"]) == ("running", True, True)
    assert not (slot / "down").exists()

    # Options may stand before the sub-command.
    tree.ok("-p", "coder", "gateway", "restart")
    again = tree.status("coder")
    assert again["pid"] != running["pid"]
    assert again["last_exit"] == "none"

    tree.ok("gateway", "stop", "-p", "coder")
    assert (slot / "down").exists()
    assert tree.status("coder")["last_exit"] == "stopped"
    tree.ok("gateway", "restart", "-p", "coder")
    assert tree.status("coder")["state"] == "running"
    assert tree.starts("coder") == 3

    tree.ok("profile", "delete", "coder")
    assert not slot.exists()
    assert not tree.profile("coder").exists()
    assert sorted(p.name for p in tree.scandir.iterdir() if not p.name.startswith(".s6")) == [
        ".mooring",
        "gateway-default",
    ]
    assert tree.run("gateway", "start", "-p", "coder").returncode == 2
    assert tree.shut_down() == 0
    tree.wait_for(lambda: not tree.members())


def test_what_ran_runs_after_a_restart_and_nothing_else(tree: Tree) -> None:
    tree.write_plan(profiles=[declare("coder", PORTS + 5, start=True), declare("idle", PORTS + 6)])
    tree.boot()
    tree.wait_state("coder", "running")
    tree.ok("profile", "create", "tester", "--start")
    tree.ok("profile", "create", "gone", "--start")
    tree.ok("gateway", "stop", "-p", "tester")
    tree.ok("profile", "delete", "gone")
    tree.ok("profile", "delete", "idle")
    tree.ok("gateway", "start")
    tree.restart()
    tree.wait_for(lambda: tree.states().get("coder") == tree.states().get("default") == "running")
    assert tree.states() == {"default": "running", "coder": "running", "tester": "stopped"}
    assert tree.status("coder")["port"] == PORTS + 5
    assert (tree.starts("coder"), tree.starts("tester")) == (2, 1)
    assert [line["action"] for line in tree.boot_lines("coder")] == ["started", "started"]
    assert tree.boot_lines("tester") == [
        {
            "profile": "tester",
            "prior_state": "stopped",
            "action": "registered",
            "last_exit": "stopped",
        }
    ]
    assert tree.boot_lines("gone") == []


def test_a_home_of_the_older_format(user_tree: Tree) -> None:
    tree = user_tree
    states = {
        "running": True, "draining": True, "degraded": True,
        "stopped": False, "starting": False, "startup_failed": False,
    }  # fmt: skip
    for state in states:
        folder = tree.make_profile(state)
        tree.write(folder / "gateway_state.json", json.dumps({"gateway_state": state}))
        tree.write(folder / "gateway.pid", "1")
        tree.write(folder / "processes.json", "[]")
    tree.write(tree.make_profile("broken") / "gateway_state.json", "{")
    tree.write(
        tree.make_profile("both") / "gateway_state.json",
        json.dumps({"gateway_state": "running", "desired_state": "stopped"}),
    )
    tree.boot()
    wanted = {**states, "broken": False, "both": False}
    expected = {name: "running" if runs else "stopped" for name, runs in wanted.items()}
    tree.wait_for(lambda: tree.states() == {"default": "stopped", **expected})
    # Each of these gateways writes `stopped` when it is told to end: that is no wish.
    tree.restart()
    tree.wait_for(lambda: tree.states() == {"default": "stopped", **expected})
    for name, runs in states.items():
        assert tree.boot_lines(name)[0]["prior_state"] == name
        assert (tree.profile(name) / "processes.json").exists() is False
        assert (tree.profile(name) / "gateway.pid").exists() is runs
    assert tree.boot_lines("broken")[0]["prior_state"] == "corrupt"


def test_nothing_odd_in_a_home_keeps_the_others_down(user_tree: Tree) -> None:
    tree = user_tree
    good = tree.make_profile("good")
    for name in ("default", "Bad Name", "a" * 201):
        tree.make_profile(name if name != "default" else "x")
    profiles = tree.home / "profiles"
    (profiles / "x").rename(profiles / "default")
    (profiles / "linked").symlink_to(good)
    (profiles / "empty").mkdir()
    (profiles / "file").touch()
    fifo = tree.make_profile("fifo")
    (fifo / ".mooring").mkdir()
    os.mkfifo(fifo / ".mooring" / "desired.json")
    pid = tree.make_profile("pid")
    (pid / "gateway.pid").mkdir()
    for path in (fifo / ".mooring", pid / "gateway.pid"):
        tree.give(path)
    tree.boot()
    tree.ok("gateway", "start", "-p", "good")
    reasons = {
        "Bad\\x20Name": "bad-name", "a" * 201: "bad-name", "linked": "symlink",
        "empty": "no-marker", "file": "no-folder",
    }  # fmt: skip
    for name, reason in reasons.items():
        assert tree.boot_lines(name) == [
            {"profile": name, "prior_state": "none", "action": "skipped", "last_exit": "none",
             "reason": reason}
        ]  # fmt: skip
    assert [line.get("reason") for line in tree.boot_lines("default")] == [None, "reserved-name"]
    assert tree.boot_lines("fifo")[0]["prior_state"] == "no-file"
    assert tree.boot_lines("pid")[0]["action"] == "registered"


def test_a_home_without_room_for_logs_or_profiles_boots_all_the_same(user_tree: Tree) -> None:
    tree = user_tree
    (tree.home / "logs").symlink_to("/etc")
    tree.write(tree.home / "profiles", "a file")
    tree.boot()
    assert f"{tree.home}/logs/gateways: Permission denied" in tree.said()
    assert f"{tree.home}/profiles: " in tree.said()
    tree.ok("gateway", "start")
    assert tree.states() == {"default": "running"}
    tree.wait_for(lambda: "no log is kept" in tree.said() and "[default] gateway" in tree.said())


def test_a_profile_that_was_made_outside_is_registered_on_demand(tree: Tree) -> None:
    tree.boot()
    tree.make_profile("late")
    assert tree.status("late")["state"] == "unregistered"
    tree.ok("gateway", "start", "-p", "late")
    assert tree.status("late")["state"] == "running"


def test_deleted_data_may_be_kept_and_brought_back(user_tree: Tree) -> None:
    tree = user_tree
    tree.boot()
    tree.ok("profile", "create", "coder", "--start")
    port = tree.status("coder")["port"]
    tree.ok("profile", "delete", "coder", "--keep-data")
    tree.restart()
    assert "coder" not in tree.states()
    assert tree.boot_lines("coder")[-1]["reason"] == "deleted"
    tree.ok("profile", "create", "coder")
    assert tree.status("coder")["port"] == port
    assert tree.starts("coder") == 1


def test_a_gateways_environment(tree: Tree) -> None:
    tree.write_plan(
        env={"TOKEN": None, "MODE": "quiet", "EMPTY": ""},
        profiles=[declare("coder", PORTS + 5, start=True, MODE=None, OWN="a\nb 'c'")],
    )
    tree.make_profile("coder", environment=True)
    tree.make_profile("other", environment=True)
    tree.boot()
    tree.ok("gateway", "start", "--all")
    coder, other = (
        json.loads((tree.profile(name) / "environment").read_text()) for name in ("coder", "other")
    )
    assert not {"TOKEN", "MODE", "LC_CTYPE"} & coder.keys()
    assert (coder["OWN"], coder["EMPTY"]) == ("a\nb 'c'", "")
    assert (other["MODE"], "OWN" in other) == ("quiet", False)
    assert coder["MOORING_PROFILE"] == "coder"
    assert coder["MOORING_PROFILE_HOME"] == coder["PWD"] == str(tree.profile("coder"))
    assert coder["MOORING_GATEWAY_PORT"] == str(PORTS + 5)
    assert (coder["USER"], coder["HOME"]) == (USER, "/nonexistent")


def test_everything_runs_as_the_service_user(root_tree: Tree) -> None:
    tree = root_tree
    tree.boot()
    tree.ok("profile", "create", "coder", "--start")
    assert all(os.stat(f"/proc/{pid}").st_uid != 0 for pid in tree.members())
    assert tree.processes[-1].pid in tree.pids_named("s6-svscan")
    assert {os.lstat(path).st_uid for path in tree.home.rglob("*")} == {tree.scandir.stat().st_uid}
    capabilities = Path(f"/proc/{tree.processes[-1].pid}/status").read_text()
    assert "CapEff:\t0000000000000000" in capabilities
    assert stat.S_IMODE(tree.scandir.stat().st_mode) == 0o755


def test_the_containers_command_runs_beside_and_its_code_is_the_containers(tree: Tree) -> None:
    tree.write_plan(profiles=[declare("coder", PORTS + 5, start=True)])
    for command, code in (("sleep 1; exit 7", 7), ("kill -9 $$", 137)):
        process = tree.boot("sh", "-c", command, "with 'quotes' \"and\" spaces")
        assert process.wait(20) == code, tree.said()
    assert tree.boot("/no/such/program").wait(20) == 127
    tree.wait_for(lambda: not tree.members())
    assert tree.starts("coder") >= 1


def test_a_command_that_asks_for_a_gateway_counts_as_a_wish(user_tree: Tree) -> None:
    tree = user_tree
    tree.make_profile("coder")
    tree.boot("mooring", "gateway", "run", "--profile=coder")
    tree.wait_state("coder", "running")
    tree.ok("gateway", "stop", "-p", "coder")
    tree.restart("mooring", "gateway", "run", "--profile=coder")
    assert tree.states() == {"default": "stopped", "coder": "stopped"}


def test_a_dry_run_says_and_does_nothing(tree: Tree) -> None:
    tree.make_profile("coder")
    before = sorted(tree.home.rglob("*"))
    process = tree.boot("--dry-run", wait=False)
    assert process.wait(20) == 0
    assert "PlaceSlot(name='coder'" in tree.said()
    assert sorted(tree.home.rglob("*")) == before
    assert list(tree.scandir.iterdir()) == []


def test_more_slots_than_s6_has_room_for_by_itself(user_tree: Tree) -> None:
    tree = user_tree
    tree.write_plan(ports={"first": PORTS, "last": PORTS + 699})
    for index in range(520):
        (tree.home / "profiles" / f"p{index}").mkdir(parents=True)
        (tree.home / "profiles" / f"p{index}" / "SOUL.md").touch()
    for path in (tree.home / "profiles").rglob("*"):
        tree.give(path)
    tree.give(tree.home / "profiles")
    tree.boot()
    tree.wait_for(lambda: set(tree.states().values()) == {"stopped"}, 120)
    tree.ok("gateway", "start", "-p", "p519")
    tree.shut_down(60)
