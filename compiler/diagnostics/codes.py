"""The table of codes: what each complaint says, in one place.

``message`` and ``help`` are ``str.format`` texts over the parameters of the diagnostic. A code is
never reused for another meaning; 1xx is the text of a file, 2xx what the keys mean together, 3xx
the files that they name, 4xx the trust boundary, 5xx tongs, 6xx the gateways.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """A row: the severity ("error", "warning" or "note") and the two texts."""

    severity: str
    message: str
    help: str

    @property
    def params(self) -> frozenset[str]:
        """The names of the parameters that the texts use."""
        fields = (*Formatter().parse(self.message), *Formatter().parse(self.help))
        return frozenset(field.split("[")[0] for _, field, _, _ in fields if field)


def _error(message: str, help: str) -> Code:
    return Code("error", message, help)


def _warning(message: str, help: str) -> Code:
    return Code("warning", message, help)


def _note(message: str, help: str) -> Code:
    return Code("note", message, help)


CODES: Final[dict[str, Code]] = {
    # The text of a file.
    "MOR100": _error(
        "cannot read `{path}`: {problem}", "name a build file, or a folder that holds build.yaml"
    ),
    "MOR101": _error("this is not valid YAML: {problem}", "{hint}"),
    "MOR102": _error(
        "the key `{key}` stands twice in this mapping",
        "keep one of them; the first is on line {first}",
    ),
    "MOR103": _error("the file is too {what}", "{limit}"),
    "MOR104": _error(
        "the file is not UTF-8: byte {offset} cannot be read",
        "save the file as UTF-8 without other encodings",
    ),
    "MOR105": _error(
        "expected a mapping of keys at the top of the file, found {actual}",
        "write `key: value` lines; `name: org/name` is a good first one",
    ),
    "MOR106": _error(
        "the key of a mapping must be plain text, found {actual}",
        "write one name before the colon, in quotes if it has other characters than letters",
    ),
    "MOR107": _error(
        "the tag `{tag}` is not supported", "leave the tag out and write the value plainly"
    ),
    "MOR110": _error("unknown key `{key}`", "{hint}"),
    "MOR111": _error("the key `{key}` is missing", "{hint}"),
    "MOR112": _error("expected {expected}, found {actual}", "{hint}"),
    "MOR113": _error("`{value}` is not one of {allowed}", "{hint}"),
    "MOR114": _error("`{value}` is not {expected}", "{hint}"),
    "MOR115": _error("{problem}", "{hint}"),
    "MOR120": _error("`${{{name}}}` is not declared", "{hint}"),
    "MOR121": _error(
        "`{text}` is not a parameter reference",
        "write ${{NAME}}, ${{NAME:-default}} or ${{NAME:?message}}, and $$ for a dollar sign",
    ),
    "MOR122": _error(
        "`${{{name}}}` has no value: {message}",
        "give one with --param {name}=VALUE, or a default under `params`",
    ),
    "MOR123": _error(
        "`{key}` takes no parameters",
        "parameters are filled in everywhere but under `params` itself",
    ),
    "MOR124": _error(
        "`--param {name}` names a parameter that this build does not declare", "{hint}"
    ),
    "MOR125": _note(
        "nothing to write: the build names nothing to optimise",
        "add `agent_repo` and `mode` to make a task of it",
    ),
    "MOR126": _error(
        "`{key}` belongs to mode {other}; this build is mode {mode}",
        "remove it, or change `mode`",
    ),
    "MOR127": _error(
        "no effect without `agent_repo`: {keys}",
        "name the agent's repository with `agent_repo`, or remove the other keys",
    ),
    "MOR128": _warning("`{key}` has no effect: {why}", "remove it"),
    "MOR130": _warning(
        "`verifier_timeout` gives finalising {given} s, and it may need {needed} s",
        "leave it out: {needed} s follow from {why}",
    ),
    "MOR131": _error(
        "this makes a line of {size} bytes in a Dockerfile, which may have {most}",
        "split it, or put the words into a file of the agent's repository",
    ),
    # What the keys mean together.
    "MOR200": _error("there is no split `{split}`", "{hint}"),
    "MOR201": _error(
        "the split `{split}` is listed twice", "keep one entry; the first is on line {first}"
    ),
    "MOR202": _error(
        "the optimiser cannot evaluate the split `{split}`, which is {access}",
        "select on a split with `access: viewable` or `non_viewable`",
    ),
    "MOR203": _error(
        "the reward key `{key}` is used by two targets",
        "give each target a key of its own; the first is on line {first}",
    ),
    "MOR204": _error(
        "the split `{split}` has two budgets", "keep one entry; the first is on line {first}"
    ),
    "MOR205": _error(
        "a budget for `{split}` has no effect: the split is no_access",
        "remove the budget, or let the optimiser evaluate the split",
    ),
    "MOR206": _note(
        "the split `{split}` has data but is not listed: it is no_access",
        "list it under `splits` to say what the optimiser may see of it",
    ),
    "MOR207": _error(
        "`{name}` stands twice in this list", "keep one of them; the first is on line {first}"
    ),
    "MOR208": _warning("the command never mentions `{placeholder}`", "{hint}"),
    "MOR209": _error("`{placeholder}` is not a placeholder of the command", "{hint}"),
    "MOR210": _error(
        "a sample may take {sample} s, longer than the whole evaluation ({whole} s)",
        "raise `timeout` or lower `sample_timeout`",
    ),
    "MOR211": _error(
        "the target `{split}` has no samples",
        "add samples to the split, or remove the target",
    ),
    "MOR212": _error(
        "`reward_mode: submit` needs `submit_enabled: true`",
        "set `submit_enabled: true`, so that the optimiser can submit",
    ),
    "MOR213": _error("the split `{split}` has no sample `{id}`", "{hint}"),
    "MOR214": _error(
        "an evaluation of `{split}` takes at least {least} samples, and there are only {samples}",
        "add samples, or lower `min_samples`: the fewer there are, the more a mean tells of each",
    ),
    "MOR215": _error(
        "no evaluation of `{split}` fits this budget: it allows {most} samples, one takes {least}",
        "raise the budget: a non_viewable split is evaluated as a whole, others by `min_samples`",
    ),
    "MOR220": _error("the split `{split}` has no tasks", "name at least one task in its partition"),
    "MOR221": _error(
        "the task `{task}` stands twice in the split `{split}`",
        "keep it once; `harbor.n_attempts` says how often each task is run",
    ),
    "MOR222": _error(
        "the task `{task}` is in `{hidden}`, which is hidden, and in `{visible}`, which is not",
        "keep it in one of them",
    ),
    "MOR223": _error(
        "`{source}` is not pinned",
        "write dataset@VERSION or dataset@sha256:DIGEST, so that scores stay comparable",
    ),
    "MOR224": _error(
        "`{file}` is not a JSON list of tasks: {problem}",
        'write a JSON list of names: ["task-a", "task-b"]',
    ),
    "MOR225": _error(
        "mode B needs exactly one source of tasks: `inner_task` or `harbor.task_source`", "{hint}"
    ),
    "MOR226": _error("there is no task `{task}` in `{folder}`", "{hint}"),
    "MOR227": _error("`{flag}` cannot stand in `extra_args`: mooring decides it", "{hint}"),
    "MOR228": _error(
        "the split `{split}` is in `partition` and in `partition_files`", "keep one of them"
    ),
    "MOR229": _error("the split `{split}` has no partition", "{hint}"),
    "MOR230": _error(
        "nothing puts the module `{module}` in the evaluator",
        "name the folder that holds it with `harbor.environment_project`",
    ),
    "MOR231": _error("there is no module `{module}` in `{project}`", "write it to {expected}"),
    "MOR232": _error(
        "Harbor's environment `{environment}` needs an extra that this does not install",
        "write {wanted}, or leave `requirement` out",
    ),
    "MOR233": _error("Harbor's environment `{environment}` asks for {asked}", "{hint}"),
    "MOR234": _error("Harbor {version} knows no environment `{name}`", "{hint}"),
    "MOR235": _warning(
        "Harbor's environment `{environment}` needs {what}, and the evaluator has none of its own",
        "bring it in `base_image_sidecar`, or choose an environment reached over the network",
    ),
    # The files that the keys name.
    "MOR300": _error(
        "{what} `{path}` does not exist",
        "paths are relative to the build file: looked for {resolved}",
    ),
    "MOR301": _error(
        "{what} `{path}` is not a {expected}",
        "name a {expected}; paths are relative to the build file: looked at {resolved}",
    ),
    "MOR302": _error("`{ref}` {problem} {repository}", "{hint}"),
    "MOR303": _error(
        "{repository} has no commit yet",
        "commit the agent's files, or use `agent_ref: WORKTREE` to take them as they lie",
    ),
    "MOR304": _error(
        "`{path}` is a submodule, which a baseline cannot hold",
        "copy its files into the repository, or leave it out of the folder that `agent_repo` names",
    ),
    "MOR305": _error(
        "`{path}` is a {kind}, which a repository cannot hold",
        "remove it, or add it to .gitignore",
    ),
    "MOR306": _error(
        "the baseline has no files", "point `agent_repo` at the folder with the agent's files"
    ),
    "MOR307": _warning(
        "{count} uncommitted, so not in the baseline: {paths}",
        "commit them, or use `agent_ref: WORKTREE` to take the files as they lie",
    ),
    "MOR308": _error(
        "`{path}` is a pointer of Git LFS, not the file itself",
        "run `git lfs pull` and use `agent_ref: WORKTREE`, or keep the file in git",
    ),
    "MOR309": _warning(
        "the link `{path}` leads out of the agent's repository, to `{target}`",
        "in the containers it leads elsewhere, or nowhere: put a copy in its place",
    ),
    "MOR310": _error(
        "the dataset folder has no `<split>.jsonl` file",
        "write one file a split, one JSON object a line",
    ),
    "MOR311": _error("this line is not a sample: {problem}", "write one JSON object a line"),
    "MOR312": _error(
        "the sample id `{id}` stands twice in this split",
        "ids are unique in a split; the first is on line {first}",
    ),
    "MOR313": _error(
        "the sample has no field `{field}`",
        "each sample needs every field that `input_fields` names",
    ),
    "MOR314": _error("the split `{split}` has no data: there is no `{file}`", "{hint}"),
    "MOR315": _error("the split `{split}` has no samples", "write at least one line into `{file}`"),
    "MOR316": _error(
        "`{name}` is not a usable name of a split",
        "a split's name starts with a letter or digit and holds letters, digits, `_`, `-` and `.`",
    ),
    "MOR317": _error(
        "the sample's `id` is {actual}, not a string or a whole number",
        "quote it, or leave `id` out: the line's index is used then",
    ),
    "MOR318": _error(
        "`{path}` cannot be read as part of a saved DatasetDict: {problem}",
        "write it with `DatasetDict.save_to_disk`, or give each split a `<split>.jsonl`",
    ),
    "MOR319": _error(
        "`{path}` is a saved DatasetDict, and pyarrow, which reads it, is not installed",
        "install it: pip install 'mooring[datasets]'",
    ),
    "MOR320": _error("the module `{module}` is not in `{project}`", "expected {expected} there"),
    "MOR321": _error("the function `{function}` is not defined at the top of `{file}`", "{hint}"),
    "MOR322": _error(
        "`{file}` is not valid Python: {problem}",
        "mend it: the evaluator imports it when it starts",
    ),
    "MOR323": _error(
        "`{path}` is a {kind}: only files, folders and links inside the folder can be copied",
        "remove it or replace it by a plain file",
    ),
    "MOR324": _warning(
        "`{path}` and `{other}` differ in case alone",
        "a checkout on a file system that ignores case keeps one of them: rename one",
    ),
    "MOR325": _error(
        "the column `{column}` is {type}, which has no form in JSON",
        "make text or numbers of it before saving the dataset, or drop the column",
    ),
    "MOR330": _error(
        "the instruction template `{file}` cannot be used: {problem}",
        'extend the built-in one: {{% extends "instruction.md" %}}, then {{% block notes %}}...',
    ),
    "MOR331": _warning(
        "`{path}` lies outside the project",
        "others who check the project out will not have it: move it in, or make it a parameter",
    ),
    "MOR332": _warning(
        "git ignores {count} emitted files, among them `{path}`",
        "a commit would lack them: mend .gitignore; `git check-ignore -v` names the line",
    ),
    "MOR333": _error(
        "the overlay does not fit: `{path}` would be a file and a folder at once",
        "choose another `dest`",
    ),
    "MOR334": _error("there is no `{path}` in the agent's repository", "{hint}"),
    # The trust boundary.
    "MOR400": _error(
        "{what} lies inside the agent's repository and would be handed to the optimiser",
        "name a folder that holds the agent alone, or move this out of `{repository}`",
    ),
    "MOR401": _error(
        "`{name}` is both a secret and a parameter",
        "a parameter's value is written into the artifacts: remove it from `params`",
    ),
    "MOR402": _error(
        "`{name}` is both a secret and in `agent_env`",
        "what stands in `agent_env` is in the artifacts, for the optimiser to see: remove it",
    ),
    "MOR403": _error(
        "what is hidden here stands in `{path}` of the agent's repository, open to the optimiser",
        "remove it from the agent's repository, or make the split viewable",
    ),
    "MOR404": _warning(
        "the hidden task `{name}` is named in `{path}` of the agent's repository",
        "the names of a public benchmark are known; which of them are hidden is not: remove it",
    ),
    "MOR405": _error(
        "`{name}` is a reserved name",
        "mooring sets the variables that start with MOORING_: choose another name",
    ),
    "MOR406": _warning(
        "`{name}` goes to candidates, which have a network: they can carry it away",
        "set `runner.network: none`, or give them a key that can do little harm",
    ),
    "MOR410": _error("{what} would reach {service}, which is {trust}: through {way}", "{hint}"),
    # Tongs.
    "MOR500": _error("`{path}` {problem}", "{hint}"),
    "MOR501": _error(
        "`{name}` is not a usable name of a tong",
        "a name starts and ends with a letter or digit and holds letters, digits, `_`, `-`, `.`",
    ),
    "MOR502": _warning("unknown key `{key}`", "{hint}"),
    "MOR503": _error(
        "`{key}` has no meaning for the interface `{kind}`",
        "remove it, or write another `interface.kind`",
    ),
    "MOR504": _note(
        "`{name}` counts as ready as soon as it runs: its interface `{kind}` has no port to try",
        "write `readiness: {{mode: healthcheck, command: [...]}}`, or `mode: none` to say so",
    ),
    "MOR505": _error("`{value}` is not a mount: {problem}", "paths of the host cannot be mounted"),
    "MOR506": _error(
        "`{value}` cannot be a place in the container: {problem}", "choose another place"
    ),
    "MOR507": _error(
        "`{value}` is not a choice of GPUs: {problem}",
        "the other keys of docker's own flag reach further than GPUs",
    ),
    "MOR508": _error(
        "a secret cannot stand here: {problem}",
        "write ${{secret:PROVIDER:REFERENCE}} in a value under `env`; found `{value}`",
    ),
    "MOR509": _error(
        "the tongs `{first}` and `{second}` both claim the name `{alias}`",
        "names have no case; give one of them another alias or `interface.name`",
    ),
    "MOR510": _error(
        "a tong cannot be called `{alias}`: {owner} is", "choose another alias or `interface.name`"
    ),
    "MOR511": _error("`{name}` depends on `{missing}`, which is not among the tongs", "{hint}"),
    "MOR512": _error("tongs wait for each other: {circle}", "remove one of these `depends_on`"),
    "MOR513": _error("a shared tong cannot {problem}", "write `lifecycle: session`"),
    "MOR514": _note(
        "`{name}` is shared: in the Harbor task each trial has one of its own",
        "nothing to do; trials cannot touch each other this way",
    ),
    "MOR515": _error(
        "`{network}` is not a network that a tong can join",
        "name one that was made with `docker network create`",
    ),
    "MOR516": _error(
        "the tongs `{first}` and `{second}` would have the same {what}",
        "rename one of them",
    ),
    "MOR517": _error(
        "`{name}` mounts the socket of the host's Docker: it would be root on the host",
        "write `allow_docker_socket: true` into the build file if that is meant",
    ),
    "MOR518": _error(
        "`{name}` is defined in the {lower} layer, and the workspace cannot replace it",
        "give it another name; the workspace may add tongs, and disable others",
    ),
    "MOR519": _warning("there is no tong `{name}` to disable", "{hint}"),
    "MOR520": _error("`{key}` has no effect: {why}", "{hint}"),
    # A launch.
    "MOR560": _error(
        "`{name}`: {problem}",
        'a provider is a line such as `op: [op, read, "op://{{ref}}"]`; `mooring explain MOR560` '
        "has the other forms",
    ),
    # The gateways.
    "MOR600": _error(
        "the profiles `{other}` and `{name}` would share the variable {variable}",
        "choose names that differ in their letters and digits",
    ),
    "MOR601": _error(
        "the ports {first}-{last} will not do: {problem}",
        "write first-last, with at least one port for each profile, such as 9200-9799",
    ),
    "MOR602": _error(
        "`{placeholder}` is not a placeholder of a gateway's command", "did you mean `{near}`?"
    ),
    "MOR603": _error(
        "gateways cannot run as root",
        "name an unprivileged user; it is made where the image has none of that name",
    ),
    "MOR604": _error(
        "the home `{home}` cannot be mounted there: `{taken}` is taken",
        "choose a folder of its own, such as /opt/data",
    ),
    "MOR605": _error(
        "nothing can be copied to `{dest}`: {why} (`{taken}`)",
        "choose another `dest`, such as /opt/app",
    ),
    "MOR606": _error(
        "`{name}` is both a secret and a variable of gateways with a value",
        "what stands there is in the artifacts: remove it, or rename one of the two",
    ),
    "MOR607": _error(
        "`{source}` would bring {what} into the gateways' image",
        "the optimiser can reach gateways: name what they need alone",
    ),
    "MOR608": _error(
        "`{source}` has no file to copy",
        "name a file, or a folder with at least one file in it",
    ),
    "MOR609": _error(
        "`{key}` is {seconds} s, longer than the {most} s that a supervisor takes",
        "write a shorter time",
    ),
}
