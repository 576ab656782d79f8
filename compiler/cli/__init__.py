"""The command `mooring`. The only place that prints and exits."""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit with its code."""
    from compiler.cli.main import run

    run()
