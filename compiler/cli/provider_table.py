"""The table of secret providers: a YAML file of the user's."""

from __future__ import annotations

from pathlib import Path

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.runtime.launcher.errors import TableProblem
from compiler.runtime.launcher.providers import ProviderTable, decode_providers
from compiler.source.document import Document
from compiler.source.read_yaml import read_yaml

HOME = "~/.mooring"
TABLE_NAME = "secret-providers.yaml"


def decode_table(data: bytes, shown: str) -> tuple[ProviderTable | None, tuple[Diagnostic, ...]]:
    """The table in a file's bytes, or what is wrong with it; ``shown`` is the file's name."""
    document, problems = read_yaml(data, shown)
    if document is None:
        return None, problems
    try:
        return decode_providers(document.data, shown), problems
    except TableProblem as error:
        return None, (*problems, _complain(document, error))


def _complain(document: Document, error: TableProblem) -> Diagnostic:
    place = document.places.value(*error.path)
    name = error.path[-1] if error.path else "the table"
    return diagnostic("MOR560", place, name=name, problem=error.problem)


def read_table(path: Path, *, needed: bool) -> tuple[bytes, str]:
    """The file's bytes and its name. One that is not there is empty, unless it was asked for."""
    if not needed and not path.exists():
        return b"", str(path)
    return path.read_bytes(), str(path)
