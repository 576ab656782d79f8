"""Count by hand, as it were, what a word-problems candidate scores: no product code, no scorer.py.

    python3 tests/independent_count.py CANDIDATE SPLIT.jsonl

CANDIDATE is a folder with a solve.py. Each sample is answered by a plain subprocess, and its answer
is compared with the label in exact arithmetic. The mean is printed as right/all.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

WORD_PROBLEMS = Path(__file__).resolve().parent.parent / "fixtures" / "ok" / "word-problems"
AGENT = WORD_PROBLEMS / "input" / "agent"
BETTER = WORD_PROBLEMS / "better"
DATA = WORD_PROBLEMS / "input" / "data"

MILLIONTH = Fraction(1, 1_000_000)
SECONDS = 20


def read_exact(text: str) -> Any:
    """The JSON value with every number as an exact fraction; NaN and infinities as None."""
    return json.loads(text, parse_int=Fraction, parse_float=Fraction, parse_constant=lambda _: None)


def read_samples(split: Path) -> list[dict[str, Any]]:
    return [read_exact(line) for line in split.read_text(encoding="utf-8").splitlines() if line]


def overlay(base: Path, change: Path, into: Path) -> Path:
    """The base candidate with the changed files over it, as a commit would leave it."""
    shutil.copytree(base, into, ignore=shutil.ignore_patterns("__pycache__"))
    return Path(shutil.copytree(change, into, dirs_exist_ok=True))


def run_candidate(program: Path, question: str) -> str | None:
    """The text of the output file, or None where the program failed or wrote none."""
    with tempfile.TemporaryDirectory() as scratch:
        source, destination = Path(scratch, "input.json"), Path(scratch, "output.json")
        source.write_text(json.dumps({"question": question}), encoding="utf-8")
        argv = [sys.executable, "-B", str(program), str(source), str(destination)]
        finished = subprocess.run(
            argv, cwd=scratch, timeout=SECONDS, capture_output=True, check=False
        )
        if finished.returncode != 0 or not destination.is_file():
            return None
        return destination.read_text(encoding="utf-8")


def is_right(label: Fraction, text: str | None) -> bool:
    """Whether the output is a number within a millionth of the label, relative beyond 1."""
    try:
        given = read_exact(text) if text is not None else None
    except ValueError:
        return False
    return isinstance(given, Fraction) and abs(given - label) <= MILLIONTH * max(
        Fraction(1), abs(label)
    )


def count_each(candidate: Path, split: Path) -> Iterator[tuple[str, str | None, bool]]:
    """For each sample in order: its id, the text of the output, and whether it is right."""
    samples = read_samples(split)
    program = (candidate / "solve.py").resolve(strict=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = pool.map(lambda sample: run_candidate(program, sample["question"]), samples)
        for sample, text in zip(samples, texts, strict=True):
            yield sample["id"], text, is_right(sample["answer"], text)


def count_mean(candidate: Path, split: Path) -> Fraction:
    """The share of the split's samples that the candidate answers rightly."""
    verdicts = [right for _, _, right in count_each(candidate, split)]
    return Fraction(sum(verdicts), len(verdicts))


def main(arguments: list[str]) -> int:
    candidate, split = map(Path, arguments)
    verdicts = [right for _, _, right in count_each(candidate, split)]
    print(f"{sum(verdicts)}/{len(verdicts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
