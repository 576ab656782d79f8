"""Which samples of a split an evaluation runs: all of them, or chosen ones of a viewable split."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .errors import USAGE, ClientError
from .plan import VIEWABLE, Plan
from .text import shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--samples",
        metavar="IDS",
        help="only these samples: ids with commas between them, or a JSON array (viewable splits)",
    )
    chosen.add_argument(
        "--num-samples",
        type=_count,
        metavar="N",
        help="only N samples, drawn by the evaluator, others each time (viewable splits)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="S", help="with --num-samples: the same samples for the same S"
    )


def _count(text: str) -> int:
    try:
        count = int(text) if text.isascii() else 0
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of samples")
    return count


def decode_selection(arguments: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    """The part of a request that selects; what the plan alone forbids is refused here already."""
    if arguments.seed is not None and arguments.num_samples is None:
        raise ClientError(USAGE, "--seed goes with --num-samples")
    if arguments.samples is not None:
        ids = _ids(arguments.samples)
        _check(arguments.split, len(ids), plan)
        return {"samples": ids}
    if arguments.num_samples is None:
        return {}
    _check(arguments.split, arguments.num_samples, plan)
    seed = {} if arguments.seed is None else {"seed": arguments.seed}
    return {"num_samples": arguments.num_samples, **seed}


def _check(name: str, count: int, plan: Plan) -> None:
    split = plan.splits[name]
    if split.access != VIEWABLE:
        raise ClientError(
            USAGE,
            f"{name} is {split.access}: it is always evaluated whole",
            "Leave out --samples and --num-samples, or take a viewable split.",
            "selection_not_allowed",
        )
    if count < split.min_samples:
        message = f"an evaluation on {name} takes at least {split.min_samples} samples"
        raise ClientError(USAGE, message, word="too_few_samples")


def _ids(text: str) -> list[str]:
    ids = _json_ids(text) if text.lstrip().startswith("[") else text.split(",")
    for sample in ids:
        if not sample:
            raise ClientError(USAGE, f"--samples {shown(text, 80)!r} has an empty id")
        if ids.count(sample) > 1:
            raise ClientError(USAGE, f"--samples has {shown(sample, 80)!r} twice")
    return ids


def _json_ids(text: str) -> list[str]:
    try:
        ids = json.loads(text)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or not ids or not all(isinstance(item, str) for item in ids):
        raise ClientError(
            USAGE,
            f"--samples {shown(text, 80)!r} is not a JSON array of texts",
            "Ids with commas between them need no array: --samples s1,s2",
        )
    return ids
