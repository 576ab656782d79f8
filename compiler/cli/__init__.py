"""The command `mooring`. The only place that prints and exits."""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from compiler.cli.main import run
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # 128 + SIGINT

    run()
