"""Which samples of a split an evaluation covers: pure.

Only a viewable split lets its samples be chosen. A chosen subset keeps the split's order, so the
same samples are the same subset however they were named; one that has every sample is the split.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence

from .dataset import Sample
from .plan import Access, Plan, Split
from .records import Refused, Subset


def whole(samples: Sequence[Sample]) -> Subset:
    return Subset(ids=None, size=len(samples))


def choose_named(samples: Sequence[Sample], names: Sequence[str]) -> Subset:
    """The samples with these ids; raises `Refused` for one that is not there, or is named twice."""
    wanted = set(names)
    if len(wanted) != len(names):
        raise Refused("bad_body", "a sample is named twice")
    found = tuple(sample.id for sample in samples if sample.id in wanted)
    if len(found) != len(wanted):
        unknown = next(name for name in names if name not in set(found))
        raise Refused("unknown_sample", f"the split has no sample {unknown!r:.200}")
    return _subset(samples, found)


def draw(samples: Sequence[Sample], number: int, seed: int | None) -> Subset:
    """`number` samples: always the same ones for a seed, others each time without one."""
    if number > len(samples):
        raise Refused("run_too_large", f"the split has {len(samples)} samples")
    chance = random.Random(secrets.randbits(64) if seed is None else seed)
    drawn = sorted(chance.sample(range(len(samples)), number))
    return _subset(samples, tuple(samples[index].id for index in drawn))


def check_choice(split: Split) -> None:
    """Raises `Refused` when the samples of the split may not be chosen."""
    if split.access is not Access.VIEWABLE:
        raise Refused("selection_not_allowed", "this split is evaluated whole")


def check_size(plan: Plan, split: Split, subset: Subset) -> None:
    """Raises `Refused` for fewer samples than may be selected, or more than one run may have."""
    if subset.size < split.min_samples:
        raise Refused("too_few_samples", f"an evaluation has at least {split.min_samples} samples")
    budget = plan.budget(split.name)
    most = None if budget is None else budget.samples_per_run
    if most is not None and subset.size > most:
        raise Refused("run_too_large", f"an evaluation has at most {most} samples")


def pick(samples: Sequence[Sample], subset: Subset) -> Sequence[Sample]:
    """The samples themselves."""
    if subset.ids is None:
        return samples
    wanted = set(subset.ids)
    return tuple(sample for sample in samples if sample.id in wanted)


def _subset(samples: Sequence[Sample], ids: tuple[str, ...]) -> Subset:
    return whole(samples) if len(ids) == len(samples) else Subset(ids=ids, size=len(ids))
