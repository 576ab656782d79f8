"""Several builds, agents and models as one job of Harbor's: its tasks, its progress, its table."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from compiler.checks.extra_args import controlled_flag
from compiler.cli.compilation import Outcome
from compiler.edge.run_script import run_watched
from compiler.edge.world import WorldError
from compiler.edge.write_tree import write_tree
from compiler.output.file_set import File, make_file
from compiler.pipeline import CompiledTask
from compiler.runtime.report.grid import (
    Cell,
    Combination,
    grid_document,
    render_grid,
    render_trial_line,
    strangers,
    summarise,
)
from compiler.runtime.report.job import (
    Job,
    JobError,
    list_finished,
    read_job,
    read_total,
    read_trial,
)
from compiler.runtime.report.text import shown
from compiler.targets.harbor.job import lower_grid_job, render_grid_job
from compiler.targets.harbor.scripts import lower_references
from compiler.targets.json_text import render_json

RESULT_NAME: Final = "grid.json"
_WORLD_FAILED: Final = 3
_SECRETS: Final = "run/secrets.json"
_LAST_LINES: Final = 20
# The words or the secrets are not as they have to be, so that there is no job.
_NOT_BEGUN: Final = (2, 4)
_INTERRUPTED: Final = tuple(128 + n for n in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
# How often and how many at once is the caller's: the combinations stay as they are.
_FREE: Final = frozenset(
    ("--n-attempts", "-k", "--n-concurrent", "-n", "--n-concurrent-agents", "--max-retries", "-r",
     "--retry-include", "--retry-exclude", "--yes", "-y", "--quiet", "-q", "--silent")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Compiled builds by agents by models; ``extra`` are further words for `harbor run`."""

    outcomes: list[Outcome]
    agents: tuple[str, ...]
    models: tuple[str | None, ...]
    environment: str
    extra: tuple[str, ...]

    @property
    def pairs(self) -> list[tuple[str, str | None]]:
        return [(agent, model) for agent in self.agents for model in self.models]

    @property
    def combinations(self) -> list[Combination]:
        return [
            Combination(task=outcome.name, agent=agent, model=model)
            for outcome in self.outcomes
            for agent, model in self.pairs
        ]


def run_grid(grid: Grid, jobs: Path, kept: Path | None, *, quiet: bool) -> int:
    """Run it and print its table; 0 when every trial has a reward, else 3, or what ended Harbor."""
    _check_grid(grid)
    files = _render_grid_files(grid)
    job = jobs / (os.environ.get("MOORING_JOB_NAME") or _new_name())
    if job.exists():
        raise WorldError(f"{job} is there already: name another job with MOORING_JOB_NAME")
    harbor = shutil.which("harbor")
    if harbor is None:
        raise WorldError("harbor is not on PATH")
    with _folder(kept) as folder, tempfile.TemporaryFile() as output:
        write_tree("mooring/grid", files, folder)
        # Where the caller is may be somewhere else than where Harbor is started: absolute paths.
        argv = _with_secrets(grid)
        argv += [harbor, "run", "--config", "run/job.yaml", "--jobs-dir", str(jobs)]
        argv += ["--job-name", job.name, "--yes", "--quiet", *grid.extra]
        progress = _Progress(job, quiet=quiet)
        code = run_watched(argv, folder, output, progress.show)
        output.seek(0)
        result = _report(grid, job, code, _last_lines(output.read()))
    if not quiet:
        click.echo(f"results: {job}", err=True)
    return result


def _check_grid(grid: Grid) -> None:
    """Usage errors: what would make two results look alike, or other trials than the grid's."""
    for name, count in Counter(outcome.name for outcome in grid.outcomes).items():
        if count > 1:
            raise click.UsageError(f"{count} builds are named {name}: give each a name of its own")
    for word in grid.extra:
        flag = controlled_flag(word)
        if flag is not None and flag not in _FREE:
            raise click.UsageError(f"{flag} cannot stand behind `--` here: mooring decides it")
    secrets = {name for outcome in grid.outcomes for name in required_of(outcome)}
    missing = sorted(name for name in secrets if not os.environ.get(name))
    if missing:
        raise click.UsageError(f"set these in the environment first: {' '.join(missing)}")


def required_of(outcome: Outcome) -> set[str]:
    """The variables that a task's services require from the caller's environment."""
    if not isinstance(outcome.compiled, CompiledTask):
        return set()
    services = outcome.compiled.plan.services
    return {v.name for service in services for v in service.environment if v.value is None}


def references_of(outcome: Outcome) -> list[dict[str, str]]:
    """The secrets of a task's tongs: variable, provider and reference of each."""
    if not isinstance(outcome.compiled, CompiledTask):
        return []
    return lower_references(outcome.compiled.project).get("secrets", [])


def _all_references(grid: Grid) -> list[dict[str, str]]:
    """Those of all tasks; a usage error where two want different ones in one variable."""
    found: dict[str, dict[str, str]] = {}
    for outcome in grid.outcomes:
        for entry in references_of(outcome):
            name = entry["variable"]
            if found.setdefault(name, entry) != entry:
                raise click.UsageError(
                    f"the builds want different secrets in {name}: run them one by one"
                )
    return list(found.values())


def _with_secrets(grid: Grid) -> list[str]:
    """What stands before Harbor's words, so that Harbor has the tongs' secrets."""
    if not _all_references(grid):
        return []
    # Not the folder in which Harbor is started: what lies there is no module.
    mooring = [sys.executable, "-P", "-m", "compiler"]
    return [*mooring, "tongs", "with-secrets", _SECRETS, "--"]


def _new_name() -> str:
    return f"{time.strftime('%Y-%m-%d__%H-%M-%S')}-{os.getpid()}"


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="mooring-") as scratch:
        yield Path(scratch) / "grid"


def _render_grid_files(grid: Grid) -> dict[str, File]:
    folders = _name_folders([outcome.name for outcome in grid.outcomes])
    job = lower_grid_job([f"tasks/{f}" for f in folders], grid.pairs, grid.environment)
    files = {"run/job.yaml": make_file(render_grid_job(job))}
    for folder, outcome in zip(folders, grid.outcomes, strict=True):
        files |= {f"tasks/{folder}/{path}": file for path, file in outcome.files.items()}
    references = _all_references(grid)
    if references:
        files[_SECRETS] = make_file(render_json({"secrets": references}))
    return files


def _name_folders(names: list[str]) -> list[str]:
    """The last part of each name, or all of it where two share that."""
    last = [name.rpartition("/")[2] for name in names]
    return [
        short if last.count(short) == 1 else name.replace("/", "__")
        for name, short in zip(names, last, strict=True)
    ]


class _Progress:
    """A line on standard error for each trial that has ended."""

    def __init__(self, job: Path, *, quiet: bool) -> None:
        self._job = job
        self._quiet = quiet
        self._told: set[Path] = set()

    def show(self) -> None:
        """Tell of the trials that ended since the last time."""
        if self._quiet:
            return
        for folder in list_finished(self._job):
            if folder not in self._told:
                self._told.add(folder)
                total = read_total(self._job)
                place = f"{len(self._told)}/{'?' if total is None else total}"
                click.echo(f"[{place}] {render_trial_line(read_trial(folder))}", err=True)


def _last_lines(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").splitlines()
    return "\n".join(shown(line) for line in lines[-_LAST_LINES:])


def _report(grid: Grid, folder: Path, code: int, said: str) -> int:
    try:
        job = read_job(folder)
    except JobError as error:
        job = Job(folder=folder, trials=[], problem=str(error))
    interrupted = code in _INTERRUPTED
    ended = "interrupted" if interrupted else f"harbor ended with code {code}"
    problem = ended if code else job.problem
    combinations = grid.combinations
    attempts = max((read_total(folder) or 0) // len(combinations), 1)
    cells = summarise(combinations, job.trials, attempts)
    click.echo(render_grid(cells))
    others = strangers(combinations, job.trials)
    for trial in others:
        click.echo(f"of no cell: {render_trial_line(trial)}", err=True)
    if problem is not None:
        more = f"\n{said}" if code and not interrupted else ""
        click.echo(f"mooring: {shown(problem)}{more}", err=True)
    if folder.is_dir():
        _write_result(folder, cells, job, problem)
    elif code in _NOT_BEGUN:
        return code
    good = problem is None and not others and all(_is_whole(cell) for cell in cells)
    if interrupted:
        return code
    return 0 if good else _WORLD_FAILED


def _is_whole(cell: Cell) -> bool:
    return cell.scored == cell.trials and not cell.missing


def _write_result(folder: Path, cells: list[Cell], job: Job, problem: str | None) -> None:
    path = folder / RESULT_NAME
    document = grid_document(cells, job.trials, problem)
    try:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise WorldError(f"cannot write {path}: {error.strerror}") from error
