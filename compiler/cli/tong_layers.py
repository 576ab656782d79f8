"""The layers of tongs as options of a command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from compiler.ir.tong import Layer

USER_FOLDER: Final = "~/.mooring/tongs"
WORKSPACE_FOLDER: Final = ".mooring/tongs"


def takes_layers[F: Callable[..., Any]](function: F) -> Callable[..., Any]:
    """Gives a command the options of the layers; it gets ``layers: dict[Layer, Path]``."""

    def command(
        *,
        user_dir: str,
        org_dir: str | None,
        repo_dir: str | None,
        workspace_dir: str | None,
        workspace: Path,
        **rest: Any,
    ) -> Any:
        folders = {
            Layer.USER: os.path.expanduser(user_dir),
            Layer.ORG: org_dir,
            Layer.REPO: repo_dir,
            Layer.WORKSPACE: workspace_dir or workspace / WORKSPACE_FOLDER,
        }
        layers = {layer: Path(folder) for layer, folder in folders.items() if folder is not None}
        return function(layers=layers, workspace=workspace, **rest)

    command.__doc__ = function.__doc__
    params = [*_options(), *getattr(function, "__click_params__", [])]
    command.__click_params__ = params  # type: ignore[attr-defined]
    return command


def _options() -> list[click.Parameter]:
    """In reverse of the order in which help shows them, as click's decorators leave them."""
    return [
        click.Option(
            ["--workspace"],
            type=click.Path(path_type=Path),
            default=Path(),
            show_default="this folder",
            metavar="DIR",
            help="What tongs that mount the workspace get.",
        ),
        click.Option(
            ["--workspace-dir"],
            default=None,
            metavar="DIR",
            show_default=f"WORKSPACE/{WORKSPACE_FOLDER}",
            help="The workspace's tongs; they may add, and disable, but not replace.",
        ),
        click.Option(["--repo-dir"], default=None, metavar="DIR", help="The repository's tongs."),
        click.Option(["--org-dir"], default=None, metavar="DIR", help="The organisation's tongs."),
        click.Option(
            ["--user-dir"],
            default=USER_FOLDER,
            metavar="DIR",
            show_default=True,
            help="The user's own tongs: the lowest layer.",
        ),
    ]
