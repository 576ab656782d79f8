"""A build of either mode with a string in every place that may have one, and what becomes of it.

Each string is found nowhere else in the build, so that it can be followed into what is emitted.
Nothing is read from the disk: the inputs are made up to fit the build.
"""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from compiler import pipeline, resources
from compiler.checks.scorer_module import module_paths
from compiler.diagnostics.diagnostic import Diagnostic, has_errors
from compiler.diagnostics.span import span_of_file
from compiler.ir.build import ModeA, ModeB
from compiler.ir.git_objects import FILE, hash_object
from compiler.ir.project import (
    Archive,
    Baseline,
    Inputs,
    InstalledFiles,
    SourceFile,
    SplitData,
    TreeEntry,
)
from compiler.output.file_set import FileSet, Made
from tests.projects import render

type Data = dict[str, Any]
type Position = tuple[str | int, ...]
KEY: Final = "key of"
"""Last in a position: the key that leads there, and not the value."""

# Mappings whose keys are the user's.
_FREE: Final = (
    "agent_env", "params", "partition", "partition_files", "gateways.env", "gateways.profiles.env",
    "harbor.exceptions",
)  # fmt: skip

_COMMON: Final[Data] = {
    "name": "zorg/zname",
    "description": "zdescription",
    "params": {"ZPARAM": "zdefault"},
    "agent_repo": "zrepo",
    "agent_ref": "zref",
    "overlays": [{"source": "zsource", "dest": "zdest"}],
    "read_only_paths": ["zreadonly"],
    "instruction_template": "ztemplate",
    "splits": [
        {"split": "zviewable", "access": "viewable"},
        {"split": "zhidden", "access": "non_viewable"},
        {"split": "zunseen", "access": "no_access"},
    ],
    "budgets": [{"split": "zviewable", "total_run_budget": 3}],
    "selection_split": "zhidden",
    "targets": [{"split": "zunseen", "reward_key": "zrewardkey", "sample_ids": ["zsample"]}],
    "reward_mode": "auto_best",
    "secrets": ["ZSECRET", {"name": "ZOTHER", "to": "candidate"}],
    "agent_env": {"ZVARIABLE": "zvalue"},
    "base_image_main": "zimagemain",
    "base_image_sidecar": "zimagesidecar",
    "packages": ["zpackage"],
    "network": "public",
    "runner": {
        "base_image": "zimagerunner",
        "packages": ["zrunnerpackage"],
        "build": [["zbuildprogram", "zbuildargument"]],
        "network": "none",
    },
    "resources": {"main": {"memory": "1g"}, "evaluator": {"memory": "2g"},
                  "runner": {"memory": "3g"}},
    "gateways": {
        "home": "/zhome",
        "command": ["zserve", "{port}"],
        "user": "zuser",
        "profiles": [{"name": "zprofile", "env": {"ZOWNVARIABLE": "zownvalue"}}],
        "marker": "zmarker",
        "env": {"ZGATEWAYVARIABLE": "zgatewayvalue"},
        "port_range": "9000-9099",
        "readiness": "tcp",
        "crash": {"window": "36s", "max_backoff": "37s"},
        "stop_timeout": "38s",
        "packages": ["zgatewaypackage"],
        "files": [{"source": "zinstalled", "dest": "/zplace"}],
        "base_image": "zimagegateways",
    },
    "timeout": "31m",
    "agent_timeout": "32m",
    "build_timeout": "33m",
    "verifier_timeout": "34h",
}  # fmt: skip
COMPLETE: Final[dict[str, Data]] = {
    "A": {
        **_COMMON,
        "mode": "A",
        "dataset": "zdataset",
        "input_fields": ["zfield"],
        "command": ["zprogram", "zargument", "{input}", "{output}"],
        "setup": ["zprepare", "zpreparation"],
        "task_project": "zproject",
        "task_module": "zmodule",
        "task": "zfunction",
        "scorer_requirements": "zrequirements",
        "sample_timeout": "35s",
    },
    "B": {
        **_COMMON,
        "mode": "B",
        "harbor": {
            "agent_import_path": "zagent:ZClass",
            "task_source": "zregistry@1.0",
            "environment": "zmodule:ZEnvironment",
            "environment_project": "zengine",
            "model": "zmodel",
            "retry": {
                "include": ["zinclude"],
                "exclude": ["zexclude"],
                "min_wait": "1s",
                "max_wait": "2m",
            },
            "reward_key": "zinnerkey",
            "aggregate_attempts": "mean",
            "exceptions": {"ZError": "machinery"},
            "requirement": "harbor==0.24.0",
            "extra_args": ["--zflag", "zflagvalue"],
        },
        "partition": {
            "zviewable": ["zvisibletask"],
            "zhidden": [f"ztask{i}" for i in range(5)],
        },
        "partition_files": {"zunseen": "zpartition.json"},
    },
}
COMPLETE["inner"] = {
    **COMPLETE["B"],
    "harbor": {k: v for k, v in COMPLETE["B"]["harbor"].items() if k != "task_source"},
    "inner_task": "ztasks",
}
SAMPLES: Final = tuple(f"zid{i}" for i in range(6))


def positions(data: Any, place: Position = ()) -> Iterator[Position]:
    """Where a string stands: as a value, or as the key of a mapping whose keys are the user's."""
    if isinstance(data, str):
        yield place
    elif isinstance(data, list):
        for i, item in enumerate(data):
            yield from positions(item, (*place, i))
    elif isinstance(data, dict):
        for key, value in data.items():
            if _joined(place) in _FREE:
                yield (*place, key, KEY)
            yield from positions(value, (*place, key))


def string_at(data: Any, position: Position) -> str:
    """The string that stands there."""
    if position[-1] == KEY:
        return str(position[-2])
    for step in position:
        data = data[step]
    return str(data)


def replaced(data: Any, position: Position, text: str) -> Any:
    """The data with another string there."""
    if not position:
        return text
    first, *rest = position
    if rest == [KEY]:
        return {text if key == first else key: value for key, value in data.items()}
    if isinstance(data, list):
        return [
            replaced(item, tuple(rest), text) if i == first else item for i, item in enumerate(data)
        ]
    return {k: replaced(v, tuple(rest), text) if k == first else v for k, v in data.items()}


def renamed(data: Any, old: str, new: str) -> Any:
    """The data with another string wherever one stands, in keys too."""
    if isinstance(data, str):
        return new if data == old else data
    if isinstance(data, list):
        return [renamed(item, old, new) for item in data]
    if isinstance(data, dict):
        return {renamed(key, old, new): renamed(value, old, new) for key, value in data.items()}
    return data


def dotted(position: Position) -> str:
    """The key that a position belongs to, as the schema nests them; items share their list's."""
    free = (_joined(position[:i]) for i in range(1, len(position)))
    return next((name for name in free if name in _FREE), _joined(position))


def _joined(position: Position) -> str:
    return ".".join(step for step in position if isinstance(step, str))


# Through the compiler.


def compile_data(data: Data) -> tuple[FileSet | None, tuple[Diagnostic, ...], str]:
    """The files (None on errors), the complaints, and the text of the build file."""
    text = render(data)
    build, _, found = pipeline.understand(text.encode(), "build.yaml", {})
    if not isinstance(build, ModeA | ModeB):
        return None, found, text
    inputs = made_up(build)
    found = (*found, *pipeline.judge(inputs))
    if has_errors(found):
        return None, found, text
    project, plan, problems = pipeline.plan(inputs)
    found = (*found, *problems)
    return (None if has_errors(found) else pipeline.emit(project, plan).files), found, text


def made_up(build: ModeA | ModeB) -> Inputs:
    """Inputs with which nothing is wrong."""
    baseline = Baseline(
        object_format="sha1",
        tree="1" * 40,
        commit="2" * 40,
        entries=tuple(_entry(path) for path in sorted(_paths(build))),
        folder="/",
        git_dir=None,
        archive=Archive(sha256="0" * 64, size=0, file=None),
    )
    common: Data = {
        "build": build,
        "baseline": baseline,
        "data": tuple(_data(build)),
        "installed": tuple(_installed(build)),
    }
    if isinstance(build, ModeB):
        inner = SourceFile(path="zz/task.toml", source="/", mode=0o644)
        tasks = tuple(task for data in common["data"] for task in data.ids)
        local = build.inner_task is not None
        return Inputs(**common, inner=(inner,) * local, inner_tasks=tasks * local)
    path = module_paths(build.scorer.module)[0]
    function = build.scorer.function
    return Inputs(
        **common,
        scorer=(SourceFile(path=path, source="/", mode=0o644),),
        scorer_source=(path, f"{function} = print\n".encode()),
        requirements=SourceFile(path="r", source="/", mode=0o644),
    )


def _installed(build: ModeA | ModeB) -> Iterator[InstalledFiles]:
    file = SourceFile(path="zz", source="/", mode=0o644)
    for entry in build.gateways.files if build.gateways else ():
        yield InstalledFiles(entry=entry, files=(file,), folder=True)


def _paths(build: ModeA | ModeB) -> set[bytes]:
    """Files that the baseline has, none of them a folder of another."""
    wanted = {path.encode() for path in build.seed.read_only}
    wanted |= {overlay.dest.encode() for overlay in build.seed.overlays}
    folders = {path for path in wanted for other in wanted if other.startswith(path + b"/")}
    return {b"zzz", *(wanted - folders)}


def _entry(path: bytes) -> TreeEntry:
    return TreeEntry(mode=FILE, blob=hash_object("blob", b"", "sha1"), path=path)


def _data(build: ModeA | ModeB) -> Iterator[SplitData]:
    partition = dict(build.partition) if isinstance(build, ModeB) else {}
    for split in build.splits:
        named = [
            name for t in build.targets if t.split == split.name for name in t.sample_ids or ()
        ]
        ids = partition.get(split.name) or tuple(dict.fromkeys((*SAMPLES, *named)))
        yield SplitData(
            split=split.name,
            file=f"{split.name}.json{'l' * isinstance(build, ModeA)}",
            ids=ids,
            source="/" if isinstance(build, ModeA) else None,
            place=span_of_file("build.yaml"),
        )


# What was emitted, read back.


def read_back(files: FileSet) -> dict[str, Any]:
    """What the files say to those who read them, path to data; prose as its lines."""
    return {
        path: _reader(path)(file.content.content.decode("utf-8"))
        for path, file in files.items()
        if isinstance(file.content, Made) and not path.startswith("environment/runtime/")
    }


def _reader(path: str) -> Any:
    name = path.rpartition("/")[2]
    if name == "Dockerfile":
        return read_dockerfile
    by_suffix = {"toml": tomllib.loads, "json": json.loads, "yaml": read_yaml}
    return by_suffix.get(name.rpartition(".")[2], lambda text: text.split("\n"))


def read_yaml(text: str) -> Any:
    """Compose's YAML, with what Compose makes of dollar signs."""
    from ruamel.yaml import YAML

    found = []
    for version in ("1.1", "1.2"):
        yaml: Any = YAML(typ="safe", pure=True)
        yaml.version = version
        found.append(yaml.load(io.StringIO(text)))
    assert found[0] == found[1]
    return _undone(found[0])


def _undone(value: Any) -> Any:
    if isinstance(value, str):
        if re.fullmatch(r"\$\{(\w+):\?set \1 in the environment of harbor\}", value):
            return value
        assert "$" not in value.replace("$$", ""), value
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [_undone(item) for item in value]
    if isinstance(value, dict):
        return {key: _undone(item) for key, item in value.items()}
    return value


def read_dockerfile(text: str) -> list[tuple[str, Any]]:
    """Instructions with their arguments: what is in exec form as a list."""
    assert "\r" not in text
    lines = [line for line in text.split("\n") if not line.startswith("#")]
    logical = "\n".join(lines).replace("\\\n", "\x01").split("\n")
    found: list[tuple[str, Any]] = []
    for line in logical:
        if not line.strip():
            continue
        word, _, rest = line.partition(" ")
        assert re.fullmatch(r"[A-Z]+", word), line
        assert "<<" not in rest
        is_list = rest.startswith("[")
        found.append((word, json.loads(rest) if is_list else rest.split("\x01")))
    return found


def schema_strings() -> set[str]:
    """The dotted keys of the build file's schema that may have a string."""
    schema = resources.schema("build")
    return set(_strings(schema, schema, ""))


def _strings(node: Any, schema: Any, place: str) -> Iterator[str]:
    if "$ref" in node:
        node = {**schema["$defs"][node["$ref"].removeprefix("#/$defs/")], **node}
    kinds = node.get("type", "string")
    if "string" in ([kinds] if isinstance(kinds, str) else kinds) and place:
        yield place
    for key, below in node.get("properties", {}).items():
        yield from _strings(below, schema, f"{place}.{key}".lstrip("."))
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from _strings(node[key], schema, place)
