"""Each listed split has data; data of an unlisted one is no_access, and that is said."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.diagnostics.suggest import suggest_name
from compiler.ir.project import Project
from compiler.surface.names import is_split_name


def check_split_data(project: Project) -> Iterator[Diagnostic]:
    """MOR314: no file, MOR315: no sample, MOR206: unlisted data, MOR316: its name."""
    build = project.build
    if not project.data:
        return  # the dataset as a whole is missing, and that has been said
    files = {data.split: data for data in project.data}
    for split in build.splits:
        place = build.places.value(*split.path, "split")
        if split.name not in files:
            near = suggest_name(split.name, files)
            hint = (
                f"did you mean `{near}`?"
                if near
                else f"the dataset has: {', '.join(sorted(files)) or 'nothing'}"
            )
            yield diagnostic(
                "MOR314", place, split=split.name, file=f"{split.name}.jsonl", hint=hint
            )
        elif not files[split.name].samples:
            yield diagnostic("MOR315", place, split=split.name, file=files[split.name].file)
    for name in sorted(set(files) - {split.name for split in build.splits}):
        place = build.places.value("dataset")
        code = "MOR206" if is_split_name(name) else "MOR316"
        yield diagnostic(code, place, **({"split": name} if code == "MOR206" else {"name": name}))
