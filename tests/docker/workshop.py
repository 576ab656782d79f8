"""A task whose every secret part bears a mark, so that it is recognised wherever it turns up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docker.compose import Project
from tests.docker.tasks import Build, read_rows, write_rows

# Fixed, so that images come from the cache.
LABEL = b"label-2f9c81d7"
HIDDEN_ID = b"hidden-id-77b0e4a3"
HIDDEN_QUESTION = b"hidden-question-d94c16f2"
SEEN_ID = b"seen-id-5a3d90ee"
SCORER = b"scorer-c06b4f18"
SECRET = b"secret-1e88d3b5"
SECRET_NAME = "X_TOKEN"
# What the candidate reports, a sample each. The neighbours come first: they are to run together.
TOPICS = (
    *(f"neighbours-{number}" for number in range(1, 5)),
    "sight",
    "status",
    "network",
    "sockets",
    "writable",
    "attempts",
    "litter",
)
PROBES = Path(__file__).parent / "probes"


def mark(source: Path, build: Build) -> None:
    """Marks labels, ids, hidden questions and the scorer; declares a secret; adds a split."""
    data = source / "data"
    write_rows(data / "train.jsonl", [_topic_row(topic) for topic in TOPICS])
    for split in ("validation", "test"):
        rows = [_hidden_row(row) for row in read_rows(data / f"{split}.jsonl")]
        write_rows(data / f"{split}.jsonl", rows)
        write_rows(data / f"unlisted-{split}.jsonl", rows)
    with (source / "scorer" / "scorer.py").open("ab") as scorer:
        scorer.write(b"\n# " + SCORER + b"\n")
    build["secrets"] = [SECRET_NAME]
    build["sample_timeout"] = 120


def _topic_row(topic: str) -> dict[str, Any]:
    sample = f"{SEEN_ID.decode()}-{topic}"
    return {"id": sample, "question": topic, "answer": 1, "note": LABEL.decode()}


def _hidden_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "id": f"{HIDDEN_ID.decode()}-{row['id']}",
        "question": f"{row['question']} ({HIDDEN_QUESTION.decode()})",
        "note": LABEL.decode(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: Any


_REQUEST = """\
import json, sys, urllib.error, urllib.request
method, url, body = sys.argv[1:]
data = body.encode() if body else None
request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
try:
    answer = urllib.request.urlopen(request, timeout=20)
except urllib.error.HTTPError as error:
    answer = error
print(json.dumps([answer.status, answer.read().decode()]))
"""


def ask(project: Project, method: str, path: str, body: object = None) -> Answer:
    """One HTTP request by the agent to the evaluator."""
    text = "" if body is None else json.dumps(body)
    url = f"http://eval-sidecar:8000{path}"
    status, answer = project.python("main", _REQUEST, method, url, text, user="agent")
    return Answer(status=status, body=json.loads(answer))


def commit(project: Project, files: Mapping[str, bytes], message: str) -> str:
    """The agent writes files into its repository and commits them; the sha."""
    for name, content in files.items():
        in_repository(project, "tee", name, text=content)
    in_repository(project, "git", "add", "--all")
    in_repository(project, "git", "commit", "--quiet", "--allow-empty", "--message", message)
    return in_repository(project, "git", "rev-parse", "HEAD").strip()


def in_repository(project: Project, *argv: str, text: bytes = b"") -> str:
    done = project.run("main", *argv, user="agent", folder="/work/agent", text=text)
    return done.stdout.decode()


def evaluate(project: Project, split: str) -> dict[str, Any]:
    """The agent has HEAD evaluated and waits; the job's document."""
    job: dict[str, Any] = json.loads(
        in_repository(project, "mooring", "eval", "--split", split, "--json")
    )
    assert job["state"] == "done", job
    return job


def digest_state(project: Project) -> dict[str, str]:
    """Every file of the evaluator's volumes with its digest: the ledger, candidates, results.

    Of the ledger it is the digest of what its tables say, without the count of health probes.
    """
    script = (
        "import hashlib, json, os, shutil, sqlite3\n"
        "tops = ('/state/admin', '/state/results')\n"
        "walks = [walk for top in tops for walk in os.walk(top)]\n"
        "paths = [os.path.join(folder, name) for folder, _, names in walks for name in names]\n"
        "files = [p for p in paths if os.path.isfile(p) and not p.endswith('-journal')]\n"
        "hashed = {p: hashlib.sha256(open(p, 'rb').read()).hexdigest() for p in files}\n"
        "ledger, copy = '/state/admin/ledger.sqlite', '/tmp/ledger-copy.sqlite'\n"
        "shutil.copy(ledger, copy)\n"
        "tables = sqlite3.connect(copy)\n"
        "tables.execute('UPDATE session SET probe = 0')\n"
        "said = '\\n'.join(tables.iterdump()).encode()\n"
        "hashed[ledger] = hashlib.sha256(said).hexdigest()\n"
        "print(json.dumps(hashed))\n"
    )
    files: dict[str, str] = project.python("eval-sidecar", script)
    assert "/state/admin/ledger.sqlite" in files
    return files
