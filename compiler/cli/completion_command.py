"""mooring completion."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
      bash  mooring completion bash > ~/.local/share/bash-completion/completions/mooring
      zsh   mooring completion zsh > "${fpath[1]}/_mooring"
      fish  mooring completion fish > ~/.config/fish/completions/mooring.fish
    """
    from click.shell_completion import get_completion_class

    from compiler.cli.main import group

    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(group, {}, "mooring", "_MOORING_COMPLETE").source())
