"""Gateways -> the files of their image, below ``environment/``."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Final

from compiler import contracts
from compiler.ir.gateways import Gateways
from compiler.ir.project import InstalledFiles
from compiler.output.file_set import File, copy_file, make_file
from compiler.targets.dockerfile.packages import render_install, render_install_missing
from compiler.targets.dockerfile.quote import exec_form
from compiler.targets.dockerfile.render import render_ignore
from compiler.targets.gateways.plan import lower_gateways_plan
from compiler.targets.json_text import render_json
from compiler.targets.render_template import render_template

FOLDER: Final = f"environment/{contracts.GATEWAYS}"


@dataclass(frozen=True, slots=True)
class _Copy:
    """The two instructions that bring an entry of ``gateways.files`` into the image."""

    copy: str
    open: str


def render_gateways(gateways: Gateways, installed: tuple[InstalledFiles, ...]) -> dict[str, File]:
    """The Dockerfile, the plan, and the user's files."""
    files = {
        f"{FOLDER}/Dockerfile": make_file(render_dockerfile(gateways, installed)),
        f"{FOLDER}/Dockerfile.dockerignore": make_file(
            render_ignore(contracts.GATEWAYS, "runtime/__init__.py", "runtime/supervisor")
        ),
        f"{FOLDER}/plan.json": make_file(render_json(lower_gateways_plan(gateways))),
    }
    for i, copied in enumerate(installed):
        for source in copied.files:
            name = source.path if copied.folder else posixpath.basename(copied.entry.dest)
            files[f"{FOLDER}/files/{i}/{name}"] = copy_file(source)
    return files


def render_dockerfile(gateways: Gateways, installed: tuple[InstalledFiles, ...]) -> str:
    """The image of the gateways; its context is ``environment/``."""
    return render_template(
        "docker/gateways.Dockerfile.j2",
        image=gateways.image,
        install_missing=render_install_missing(("python3",), others=(("s6-svscan", "s6"),)),
        packages=render_install(gateways.packages) if gateways.packages else "",
        user=gateways.user,
        uid=contracts.AGENT_UID,
        home=gateways.home,
        scandir=contracts.GATEWAY_SCANDIR,
        files=[_copy(i, copied) for i, copied in enumerate(installed)],
        runtime=contracts.RUNTIME,
        scripts=contracts.GATEWAY_SCRIPTS,
        command=contracts.COMMAND,
        plan=contracts.PLAN,
        entry=contracts.GATEWAY_ENTRY,
    )


def _copy(index: int, copied: InstalledFiles) -> _Copy:
    """A checkout's umask may keep a file from others; in the image the service user reads it."""
    dest = copied.entry.dest
    folder = dest if copied.folder else posixpath.dirname(dest)
    source = f"{contracts.GATEWAYS}/files/{index}/"
    return _Copy(
        copy=exec_form((source, f"{folder.rstrip('/')}/")),
        open=exec_form(("chmod", "-R", "a+rX", dest)),
    )
