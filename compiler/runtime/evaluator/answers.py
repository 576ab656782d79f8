"""A candidate's answer: bounded bytes that are strict JSON, or the candidate's failure."""

from __future__ import annotations

import json
import math


class BadAnswer(ValueError):
    """The bytes are not an acceptable answer; the message says why and quotes nothing."""


def decode_answer(data: bytes, limit: int) -> str:
    """The answer's JSON text, checked: strict UTF-8, no NaN or infinity, no number or depth that
    breaks readers.
    """
    if len(data) > limit:
        raise BadAnswer(f"the output is larger than {limit} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadAnswer(f"the output is not UTF-8 (byte {error.start})") from None
    try:
        json.loads(text, parse_constant=_constant, parse_float=_number)
    except RecursionError:
        raise BadAnswer("the output is nested too deeply") from None
    except BadAnswer:
        raise
    except json.JSONDecodeError as error:
        raise BadAnswer(f"the output is not JSON: {error.msg} (character {error.pos})") from None
    except ValueError:
        raise BadAnswer("the output has a number that is too long") from None
    return text


def _constant(name: str) -> float:
    raise BadAnswer(f"the output is not JSON: {name} is not a JSON value")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadAnswer("the output has a number that is too large")
    return value
