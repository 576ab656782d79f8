"""How secrets get into a container without being in its arguments, labels, files or settings.

The container starts with a wrapper that makes a FIFO on a memory file system and waits. What
`docker exec` has on its standard input goes into the FIFO; the wrapper takes it as assignments and
becomes the real process. What is sent ends with a mark, so that half of it is never taken for all.
"""

from __future__ import annotations

from typing import Final

from compiler import contracts
from compiler.ir.launch_plan import Word, Words, words

_FIFO: Final = f"{contracts.TONG_RUN}/secrets"
_DELIVERED: Final = f"{contracts.TONG_RUN}/delivered"
# Whoever the container runs as must be able to make the FIFO.
TMPFS: Final = f"{contracts.TONG_RUN}:rw,noexec,nosuid,nodev,size=1m,mode=1777"
SHELL: Final = "/bin/sh"
END_MARK: Final = "mooring_complete=yes"
WRAPPER: Final = (
    f"mkfifo -m 600 {_FIFO} || exit 125; mooring_complete=; "
    f'eval "$(cat {_FIFO})"; rm -f {_FIFO}; '
    '[ "$mooring_complete" = yes ] || exit 125; unset mooring_complete; '
    f': >{_DELIVERED}; exec "$@"'
)
_TRIES: Final = 300
SEND: Final = (
    f"i=0; while [ ! -p {_FIFO} ]; do i=$((i + 1)); "
    f"[ $i -le {_TRIES} ] || exit 1; sleep 0.1; done; exec cat > {_FIFO}"
)
# Each word of the image's own process in single quotes, those in it as '\'' : for a shell to read.
_QUOTED: Final = "{{range %s}}'{{join (split . \"'\") \"'\\\\''\"}}' {{end}}"
ENTRYPOINT: Final = _QUOTED % ".Config.Entrypoint"
WHOLE_PROCESS: Final = ENTRYPOINT + _QUOTED % ".Config.Cmd"


def wrapped() -> tuple[str, ...]:
    """The command of the wrapper, before the words of the real process."""
    return ("-c", WRAPPER, "mooring")


def deliver_argv(container: Word) -> Words:
    """Takes ``export NAME='value'`` lines and the end mark on its standard input."""
    return words("docker", "exec", "-i", container, SHELL, "-c", SEND)


def told_argv(container: Word) -> Words:
    """Ends with 0 once the secrets are there."""
    return words("docker", "exec", container, SHELL, "-c", f"[ -e {_DELIVERED} ]")


def inspect_argv(image: str, *, command: bool) -> Words:
    """Prints the image's entrypoint, and with ``command`` its command, quoted for a shell."""
    shown = WHOLE_PROCESS if command else ENTRYPOINT
    return words("docker", "image", "inspect", "--format", shown, image)
