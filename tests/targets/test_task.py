"""TOML, plans, scripts and prose of a task say what the build says, and no more."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.ir.project import Project
from compiler.output.file_set import Copied, FileSet, Made
from compiler.passes.lower_task import lower_task
from compiler.targets.harbor.instruction import duration_in_words
from compiler.targets.harbor.task_toml import lower_task_config, render_task_config
from compiler.targets.json_text import render_inline_json, render_json
from compiler.targets.render_template import render_template
from tests.projects import SAMPLES, compiled_of, project_of, write_build, write_project, write_rows

SHELLCHECK = Path(sys.executable).parent / "shellcheck"
SCRIPTS = (
    "tests/test.sh", "solution/solve.sh", "run/harbor.sh", "environment/main/mooring",
    "environment/evaluator/mooring", "environment/runner/mooring",
)  # fmt: skip


def files_of(folder: Path, changes: dict[str, Any] | None = None) -> FileSet:
    return compiled_of(write_project(folder, changes)).files


def text_of(files: FileSet, path: str) -> str:
    content = files[path].content
    assert isinstance(content, Made), path
    return content.content.decode("utf-8")


@pytest.fixture
def files(tmp_path: Path) -> FileSet:
    return files_of(tmp_path, {"secrets": ["KEY_A", "KEY_B"]})


# What there is.


def test_the_files_of_a_task(files: FileSet) -> None:
    assert {path for path in files if "runtime/" not in path} == {
        "task.toml", "instruction.md", "TOPOLOGY.md", "tests/test.sh", "solution/solve.sh",
        "run/harbor.sh", "run/job.yaml", "environment/docker-compose.yaml",
        "environment/baseline.tar", "environment/baseline.tree", "environment/Dockerfile",
        "environment/Dockerfile.dockerignore", "environment/main/plan.json",
        "environment/main/mooring", "environment/evaluator/Dockerfile",
        "environment/evaluator/requirements.txt", "environment/evaluator/plan.json",
        "environment/evaluator/mooring", "environment/evaluator/data/train.jsonl",
        "environment/evaluator/data/validation.jsonl", "environment/evaluator/data/test.jsonl",
        "environment/evaluator/scorer/scorer.py", "environment/runner/Dockerfile",
        "environment/runner/Dockerfile.dockerignore", "environment/runner/plan.json",
        "environment/runner/mooring",
    }  # fmt: skip


def test_programs_are_executable_and_nothing_else_is(files: FileSet) -> None:
    assert {path for path, file in files.items() if file.mode == 0o755} == set(SCRIPTS)
    assert {file.mode for file in files.values()} == {0o644, 0o755}


def test_texts_end_with_one_line_end(files: FileSet) -> None:
    for path, file in files.items():
        if isinstance(file.content, Made) and file.content.content:
            assert file.content.content.endswith(b"\n"), path
            assert not file.content.content.endswith(b"\n\n"), path
            assert b"\r" not in file.content.content


def test_the_runtime_is_copied(files: FileSet) -> None:
    parts = {path.split("/")[2] for path in files if path.startswith("environment/runtime/")}
    runtime = {"agent", "baseline", "client", "evaluator", "nested", "report", "runner"}
    assert parts == {"__init__.py", *runtime}
    for path, file in files.items():
        if path.startswith("environment/runtime/") and path.count("/") > 2:
            assert isinstance(file.content, Copied)
            assert path.endswith(".py")


# task.toml.

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=TEXT)
def test_any_description_arrives_in_the_toml(project: Project, text: str) -> None:
    plan = lower_task(project)
    config = lower_task_config(project, plan)
    config["task"]["description"] = text
    assert tomllib.loads(render_task_config(config)) == config


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project_of(write_project(tmp_path_factory.mktemp("project")))


HOSTILE_DESCRIPTIONS = [
    'a"b', "'''",
    '"""', "\\", "a\nb", "\n[agent]\nuser = 'root'\n", "\x01\x1f\x7f", "\u2028\x85", "é😀",
    "# x", "{{ image }}", "{% include 'x' %}", "${A}", "`id`", "</br>", "x" * 10_000, "\r\n", "\t",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE_DESCRIPTIONS, ids=lambda text: ascii(text)[:20])
def test_hostile_descriptions_stay_text(tmp_path: Path, text: str) -> None:
    files = files_of(tmp_path, {"description": text.replace("$", "$$")})
    config = tomllib.loads(text_of(files, "task.toml"))
    assert config["task"] == {"name": "org/small", "description": text.strip()}
    assert set(config) == {
        "schema_version", "artifacts", "task", "agent", "verifier", "environment",
    }  # fmt: skip
    assert config["agent"]["user"] == "agent"
    assert text.strip() in text_of(files, "instruction.md")


def test_what_task_toml_says(files: FileSet) -> None:
    config = tomllib.loads(text_of(files, "task.toml"))
    assert config["schema_version"] == "1.4"
    assert config["agent"]["timeout_sec"] == 7200.0
    assert config["verifier"]["environment_mode"] == "shared"
    dismiss, collect = config["verifier"]["collect"]
    assert (dismiss["service"], dismiss["user"]) == ("main", "root")
    assert collect["service"] == "eval-sidecar"
    assert collect["command"] == "/usr/local/bin/mooring finalize"
    assert collect["timeout_sec"] > 0
    assert "KEY_A" not in text_of(files, "task.toml")


# The plans.


def test_all_plans_have_one_baseline(files: FileSet, project: Project) -> None:
    commits = {
        json.loads(text_of(files, path))["baseline"]["commit"]
        for path in ("environment/main/plan.json", "environment/evaluator/plan.json")
    }
    assert commits == {project.baseline.commit}
    assert f"# commit {project.baseline.commit}\n" in text_of(files, "environment/baseline.tree")


def test_main_s_plan_names_nothing_hidden(files: FileSet) -> None:
    text = text_of(files, "environment/main/plan.json")
    assert [split["name"] for split in json.loads(text)["splits"]] == ["train", "validation"]
    for hidden in ('"test"', "scorer", "KEY_A", "reward"):
        assert hidden not in text


def test_the_runner_s_plan_names_no_split_and_no_secret(files: FileSet) -> None:
    text = text_of(files, "environment/runner/plan.json")
    for hidden in ("validation", "train", '"test"', "KEY_A", "scorer", "question"):
        assert hidden not in text


def test_the_evaluator_s_plan_has_every_split(tmp_path: Path) -> None:
    build_file = write_project(tmp_path)
    write_rows(tmp_path, "another", [{"question": "q"}])
    files = compiled_of(build_file).files
    plan = json.loads(text_of(files, "environment/evaluator/plan.json"))
    assert [(s["name"], s["access"]) for s in plan["splits"]] == [
        ("train", "viewable"),
        ("validation", "non_viewable"),
        ("test", "no_access"),
        ("another", "no_access"),
    ]


@settings(deadline=None, max_examples=100)
@given(TEXT)
def test_any_text_arrives_in_json(text: str) -> None:
    for rendered in (render_json({"k": [text]}), render_inline_json({"k": [text]})):
        assert json.loads(rendered) == {"k": [text]}
        assert rendered.isascii()
    assert "\n" not in render_inline_json([text])


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_number_that_json_has_not(number: float) -> None:
    for render in (render_json, render_inline_json):
        with pytest.raises(ValueError, match="JSON"):
            render([number])


# Scripts.


@pytest.mark.parametrize("path", SCRIPTS)
@pytest.mark.parametrize("secrets", [[], ["KEY_A", "_b", "name", "value", "PATHS"]])
def test_shellcheck_has_nothing_to_say(tmp_path: Path, path: str, secrets: list[str]) -> None:
    script = text_of(files_of(tmp_path, {"secrets": secrets}), path)
    done = subprocess.run(
        [SHELLCHECK, "--color=never", "-"], input=script.encode(), capture_output=True, check=False
    )
    assert done.stdout.decode() + done.stderr.decode() == ""
    assert script.startswith("#!/bin/")


class Bench:
    """run/harbor.sh in a folder of its own, with a harbor that writes down how it was called."""

    def __init__(self, folder: Path, secrets: list[str]) -> None:
        self.task = folder / "a task"
        self.called = folder / "called"
        self.programs = folder / "bin"
        for directory in (self.task / "run", self.programs):
            directory.mkdir(parents=True)
        files = files_of(folder / "project", {"secrets": secrets})
        (self.task / "run" / "harbor.sh").write_text(text_of(files, "run/harbor.sh"))
        report = self.task / "environment" / "runtime" / "report"
        report.mkdir(parents=True)
        (report / "__main__.py").write_text("import sys\nprint('report', *sys.argv[1:])\n")
        self.program(
            "harbor",
            f'pwd >"{self.called}"; printf "%s\\n" "$@" >>"{self.called}"; env >>"{self.called}"',
        )

    def program(self, name: str, body: str) -> None:
        (self.programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.programs / name).chmod(0o755)

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.programs}:{os.environ['PATH']}"
        return subprocess.run(
            ["/bin/sh", self.task / "run" / "harbor.sh", *words],
            cwd=self.task.parent,
            env={"PATH": path, **variables},
            capture_output=True,
            text=True,
            check=False,
        )


def test_harbor_is_called_from_the_task_with_absolute_paths(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [])
    done = bench.run("-a", "oracle", "-m", "a b", MOORING_JOB_NAME="job 1", CDPATH="/")
    assert done.returncode == 0, done.stderr
    called = bench.called.read_text().split("\n")
    assert called[0] == str(bench.task)
    assert called[1:11] == [
        "run", "--config", "run/job.yaml", "--path", str(bench.task),
        "--jobs-dir", str(tmp_path / "jobs"), "--job-name", "job 1", "--yes",
    ]  # fmt: skip
    assert called[11:15] == ["-a", "oracle", "-m", "a b"]
    assert f"results: {tmp_path}/jobs/job 1" in done.stdout
    assert f"report {tmp_path}/jobs/job 1" in done.stdout


def test_harbor_s_own_code_is_passed_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [])
    bench.program("harbor", "exit 7")
    done = bench.run()
    assert done.returncode == 7
    assert "report" not in done.stdout


@pytest.mark.parametrize("option", ["--jobs-dir", "--jobs-dir=x", "-o", "--job-name=x"])
def test_options_that_the_script_controls(tmp_path: Path, option: str) -> None:
    bench = Bench(tmp_path, [])
    assert bench.run(option, "x").returncode == 2
    assert not bench.called.exists()


@pytest.mark.parametrize(
    "name", ["KEY", "name", "value", "missing", "task", "here", "jobs", "code"]
)
def test_a_secret_that_is_not_set(tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path, ["OTHER", name])
    for variables in ({}, {name: ""}):
        done = bench.run(OTHER="x", **variables)
        assert done.returncode == 2
        assert done.stderr.rstrip().endswith(f": {name}")
        assert not bench.called.exists()


@pytest.mark.parametrize(
    "name", ["KEY", "name", "value", "missing", "task", "here", "jobs", "code"]
)
def test_a_secret_reaches_harbor_as_it_is(tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path, [name])
    done = bench.run(**{name: "a $HOME `id` 'b' \"c\""})
    assert done.returncode == 0, done.stderr
    assert f"\n{name}=a $HOME `id` 'b' \"c\"\n" in bench.called.read_text()
    assert "a $HOME" not in done.stdout + done.stderr


def test_without_harbor_the_world_has_failed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [])
    (bench.programs / "harbor").unlink()
    path = str(bench.programs)
    for tool in ("sh", "dirname", "python3"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout
        (bench.programs / tool).symlink_to(found.strip())
    done = bench.run(PATH=path)
    assert done.returncode == 3
    assert "harbor is not on PATH" in done.stderr


# Prose.


def prose_of(folder: Path, changes: dict[str, Any]) -> str:
    return text_of(files_of(folder, changes), "instruction.md")


def test_the_instruction_names_nothing_hidden(tmp_path: Path) -> None:
    splits = [
        {"split": "open", "access": "viewable"},
        {"split": "half", "access": "non_viewable"},
        {"split": "zanzibar", "access": "no_access"},
    ]
    build_file = write_project(
        tmp_path,
        {
            "splits": splits,
            "selection_split": "half",
            "targets": [{"split": "zanzibar", "reward_key": "xylophone"}],
            "secrets": ["HIDDEN_KEY"],
            "task_module": "quokka",
        },
    )
    for split in ("open", "half", "zanzibar", "unlisted"):
        row = {"question": f"the-{split}-question", "label": "the-label"}
        write_rows(tmp_path, split, [row] * SAMPLES)
    for split in ("train", "validation", "test"):
        (tmp_path / "data" / f"{split}.jsonl").unlink()
    (tmp_path / "scorer" / "quokka.py").write_text("def score(s, o): return 1\n")
    text = text_of(compiled_of(build_file).files, "instruction.md")
    assert "`open`" in text
    assert "`half`" in text
    for hidden in (
        "zanzibar", "unlisted", "xylophone", "HIDDEN_KEY", "quokka", "the-", "label", "no_access",
        str(tmp_path), "sha",
    ):  # fmt: skip
        assert not re.search(rf"\b{re.escape(hidden)}", text), hidden


def test_the_instruction_says_what_counts(tmp_path: Path) -> None:
    text = prose_of(
        tmp_path,
        {
            "budgets": [{"split": "train", "total_run_budget": 1, "total_sample_budget": 50}],
            "agent_timeout": "90m",
            "sample_timeout": 2.5,
            "description": "Win.",
        },
    )
    assert "Win." in text
    assert "1 evaluation and 50 samples" in text
    assert "unlimited" in text
    assert "after 90 minutes" in text
    assert "within 2.5 seconds" in text
    assert "without network" in text
    assert "mooring eval --split validation" in text
    assert '["python3", "{workspace}/solve.py", "{input}", "{output}"]' in text


def test_a_public_network_is_said(tmp_path: Path) -> None:
    files = files_of(tmp_path, {"runner": {"network": "public"}})
    assert "may use the network" in text_of(files, "instruction.md")
    assert "**`runner.network: public`" in text_of(files, "TOPOLOGY.md")


@pytest.mark.parametrize("word", ["a\nb", "# x", "    x", "\u2028", "```", "<br>", "{{ x }}"])
def test_a_command_stays_on_its_line(tmp_path: Path, word: str) -> None:
    text = prose_of(tmp_path, {"command": ["run", word, "{input}", "{output}"]})
    (line,) = [line for line in text.split("\n") if line.startswith('    ["run"')]
    assert json.loads(line)[1] == word


FIELDS = ["a|b", "`", "a`b", "```", "a b", "é", "<b>", "|", "\\", "[x](y)", "$x", "\u2028"]


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_adds_no_column_to_a_table(tmp_path: Path, field: str) -> None:
    build_file = write_project(tmp_path)
    for split in ("train", "validation", "test"):
        write_rows(tmp_path, split, [{field: 1}] * SAMPLES)
    written = write_build(tmp_path, {"input_fields": [field.replace("$", "$$")]})
    assert written == build_file
    text = text_of(compiled_of(build_file).files, "TOPOLOGY.md")
    tables = [line for line in text.split("\n") if line.startswith("| a sample's")]
    (row,) = tables
    assert len(re.findall(r"(?<!\\)\|", row)) == 5, row


def test_the_topology_is_drawn_from_the_plan(files: FileSet) -> None:
    text = text_of(files, "TOPOLOGY.md")
    assert text.count("```") == 2
    for name in ("main", "eval-sidecar", "runner", "agent_results", "admin_state", "eval"):
        assert name in text
    assert "s_main -. reads .-> v_agent_results" in text
    assert "v_admin_state" not in "".join(line for line in text.split("\n") if "s_main" in line)
    secrets = [line for line in text.split("\n") if "KEY_" in line]
    assert secrets == [
        "| the secret `KEY_A` | no | yes | no |",
        "| the secret `KEY_B` | no | yes | no |",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (3600, "1 hour"), (7200, "2 hours"),
        (5400, "90 minutes"), (0.5, "0.5 seconds"), (3601, "3601 seconds"), (86400, "24 hours"),
        (1234567, "1234567 seconds"), (2591999, "2591999 seconds"), (100000.5, "100000.5 seconds"),
    ],
)  # fmt: skip
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


def test_a_template_misses_no_value() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        render_template("scripts/shim.sh.j2", python="x")
