"""Files in a folder that anybody may have written to: nothing there is followed or trusted."""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
from pathlib import Path


class SafeFolder:
    """An open folder; names are looked up in it and nowhere else. OSError when it is no folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)

    def close(self) -> None:
        os.close(self._descriptor)

    def remove(self, name: str) -> None:
        """Have nothing under that name: a folder is moved aside, which no depth can prevent."""
        try:
            mode = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            os.unlink(name, dir_fd=self._descriptor)
            return
        aside = f".mooring-{secrets.token_hex(8)}"
        os.rename(name, aside, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        self._discard(aside)

    def empty(self) -> None:
        """Have nothing in it. Links go first: the most folders can do is to take time."""
        entries = list(os.scandir(self._descriptor))
        for entry in sorted(entries, key=lambda entry: entry.is_dir(follow_symlinks=False)):
            self.remove(entry.name)

    def write(self, name: str, content: bytes) -> None:
        """Put a new file under the name in one step, readable by all, whatever is there now."""
        temporary = f".mooring-{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(temporary, flags, 0o600, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, 0o644)
            os.fsync(descriptor)
        self.remove(name)
        os.rename(temporary, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        os.fsync(self._descriptor)

    def _discard(self, name: str) -> None:
        """As far as possible; `rm` bears any depth, which recursion in Python does not."""
        try:
            subprocess.run(
                ["rm", "-rf", "--", name], cwd=self._path, capture_output=True, check=False
            )
        except OSError:
            # What stays is out of the way all the same.
            return
