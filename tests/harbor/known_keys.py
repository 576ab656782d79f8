"""Which keys of a task.toml or a job file Harbor's own models do not know.

    HARBORS_PYTHON known_keys.py FOLDER

Harbor drops unknown keys in silence. Prints one JSON object: `task` and `job`, the dotted paths of
keys that no model names; `name`, the task's name as Harbor's Task has loaded it. Runs in Harbor's
environment, so it imports nothing of this project.
"""

from __future__ import annotations

import importlib
import json
import sys
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def unknown_keys(model: Any, data: Any, place: str = "") -> Iterator[str]:
    """Dotted paths of what `data` has and the pydantic model, or one below it, has not."""
    # With names of classes that stand for the classes resolved.
    types = typing.get_type_hints(model)
    known = {name: types[name] for name in model.model_fields}
    for name, field in model.model_fields.items():
        known.update((alias, types[name]) for alias in aliases(field))
    for key, value in data.items():
        if key not in known:
            yield place + key
            continue
        yield from below(known[key], value, f"{place}{key}.")


def aliases(field: Any) -> list[str]:
    choices = getattr(field.validation_alias, "choices", [field.validation_alias])
    return [name for name in (field.alias, *choices) if isinstance(name, str)]


def below(annotation: Any, value: Any, place: str) -> Iterator[str]:
    """The same for a field's value: tables, and tables in lists and in tables of any name."""
    models = list(models_in(annotation))
    if not models:
        return
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from below(annotation, item, f"{place}{number}.")
    elif isinstance(value, dict):
        yield from min((list(unknown_keys(model, value, place)) for model in models), key=len)


def models_in(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is typing.Literal:
        return  # its arguments are values
    if isinstance(annotation, str | typing.ForwardRef):
        raise TypeError(f"{annotation!r} is not resolved")
    if hasattr(annotation, "model_fields"):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


def main(folder: Path) -> None:
    load = importlib.import_module
    task_model = load("harbor.models.task.config").TaskConfig
    job_model = load("harbor.models.job.config").JobConfig
    job = load("yaml").safe_load((folder / "run/job.yaml").read_text(encoding="utf-8"))
    task = tomllib.loads((folder / "task.toml").read_text(encoding="utf-8"))
    job_model.model_validate(job)
    found = {
        "name": load("harbor.models.task.task").Task(folder).name,
        "task": sorted(unknown_keys(task_model, task)),
        "job": sorted(unknown_keys(job_model, job)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
