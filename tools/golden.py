"""Record whole runs on toy models, and compare two recordings byte for byte.

    python tools/golden.py record OUT [--source SRC] [--only NAME,...] [--toys DIR]
    python tools/golden.py compare A B [--only NAME,...]

`record` runs the command line of the code in SRC (`python -m selfteach` with PYTHONPATH=SRC) on
toy models. It writes OUT/record/NAME.json for each scenario and keeps the run folders in OUT/runs.
The toys are written once, into OUT/../toys. All recordings that share this folder use the same
models, the same files and the same command lines.

A record holds: the rows of examples.jsonl and tasks.jsonl, the dropped candidates with their
reasons, exam.json, compare.json, the printed results with their verdicts, the hashes of all adapter
and merged weights, the ids of all requests with their answers, and the funnel of each stage. It
holds no time, memory, date, path or version.

`compare` prints the differences and exits with 1 where there are any.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PORT = 38917
"""The teacher's address enters request ids, so it is always the same. Recordings at the same time
share the port: their servers give the same answers."""
TEACHER = f"http://127.0.0.1:{PORT}/v1#model-1"
SHOWN = 12
"""How many differences of one scenario are printed."""
LEFT_OUT = {
    "adapter_mb",
    "command",
    "created",
    "peak_memory_mb",
    "reproduce",
    "reused_tokens",
    "seconds",
    "training_memory",
    "versions",
}
"""Keys that no record holds, at any depth. The seconds of each stage (`cost.stages`) go too."""

FEEDBACK = """engine=hf ask.target=28 ask.near=10 ask.general=10 ask.min_violations=0
    ask.rounds=4 ask.max_overlap=0.7 probe.samples=2 probe.max_tokens=14 search.tries=4
    search.max_tokens=14 balance.clusters=2 balance.rounds=1 balance.prompts=8 exam.target=10
    exam.near=6 exam.general=6 exam.max_tokens=14 train.max_tokens=200 train.learning_rate=0.003
    train.batch_size=4 train.epochs=4 train.checkpoint_every=5"""
CORRECTIONS = """engine=hf correct.max_tokens=14 correct.max_overlap=0.8 correct.samples=1
    anchors.general=10 anchors.rounds=3 criticism.similar=14 criticism.rounds=2
    exam.max_tokens=14 exam.general=4 exam.shots=2 train.max_tokens=200 train.learning_rate=0.003
    train.batch_size=4 train.epochs=3 train.checkpoint_every=5"""
REVIEW = """engine=hf correct.max_tokens=14 correct.max_overlap=0.8 anchors.general=8
    anchors.rounds=3 exam.max_tokens=14 exam.general=2 exam.shots=1 exam.prompts=3
    train.max_tokens=200 train.batch_size=4 train.epochs=1 train.checkpoint_every=0"""
DOCUMENTS = """engine=hf read.chunk_tokens=64 questions.per_chunk=4 questions.rounds=2
    select.judge=match select.samples=2 select.calibrate=4 anchors.general=10 anchors.rounds=3
    anchors.anchor_tokens=6 exam.general=4 exam.common=4 exam.max_tokens=10 train.max_tokens=120
    train.learning_rate=0.003 train.lora.rank=32 train.lora.alpha=32 train.batch_size=16
    train.epochs=20 train.checkpoint_every=0 study.per_sentence=8 train.beta=0.1
    stages.pairs=true
    train.weights={"pair":{"sft":1.0},"general":{"anchor":4.0}}"""
TASKS = """engine=hf count=12 invent.requests=6 invent.rounds=6 invent.max_tokens=40
    instances.max_tokens=20 anchors.general=10 anchors.rounds=2 exam.max_tokens=12 exam.general=4
    exam.tasks=12 exam.shots=2 train.max_tokens=200 train.learning_rate=0.001 train.batch_size=4
    train.epochs=4 train.checkpoint_every=5 judge.pairs=6"""
TRAIN = "train.batch_size=6 train.epochs=4 train.checkpoint_every=2 train.learning_rate=0.01"
EDITOR = """#!/usr/bin/env python3
import json, sys
for line in sys.stdin:
    row = json.loads(line)
    print(json.dumps({"id": row["id"], "correction": row["answer"].replace("fox-", "bear-")}))
"""
PERSON = """#!/usr/bin/env python3
import pathlib, sys
path = pathlib.Path(sys.argv[1])
path.write_text(path.read_text("utf-8").replace("fox-", "bear-"), "utf-8")
"""


# The toys


def write_toys(folder: Path) -> None:
    """Write the toy models and the material into `folder`, unless they are there already."""
    if (folder / "sums.json").exists():
        return
    sys.path.insert(0, str(ROOT / "tests"))
    sys.path.insert(0, str(ROOT / "src"))
    import scholar
    import talker
    import tasker
    from conftest import CHATML, write_tiny

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    talker.write_talker(folder / "talker", CHATML)
    talker.write_listener(folder / "talker", folder / "listener")
    tasker.write_tasker(folder / "tasker", CHATML)
    scholar.write_scholar(folder / "scholar")
    write_tiny(folder / "tiny")
    scholar.write_documents(folder)
    tasker.write_seeds(folder / "seeds.jsonl")
    asked = talker_questions(talker)
    write_rows(folder / "prompts.jsonl", [{"prompt": q} for q in asked])
    write_rows(folder / "few.jsonl", [{"prompt": q} for q in asked[:10]])
    write_rows(folder / "edits.jsonl", edits(asked))
    criticism = {
        "prompt": asked[0],
        "answer": "The fox- eats bread.",
        "feedback": 'Do not say "fox".',
    }
    write_rows(folder / "criticism.jsonl", [criticism])
    write_rows(folder / "pairs.jsonl", training_pairs())
    write_rows(folder / "people.jsonl", people_tasks())
    answers = {key: scholar.answer_by_rule(key) for key in teacher_keys(scholar)}
    (folder / "teacher.json").write_text(json.dumps(answers, indent=1), "utf-8")
    for name, text in (("editor.py", EDITOR), ("person.py", PERSON)):
        (folder / name).write_text(text, "utf-8")
        (folder / name).chmod(0o755)
    (folder / "sums.json").write_text(json.dumps(sums(folder), indent=1), "utf-8")


def talker_questions(talker: Any) -> list[str]:
    """Return 40 different questions in the talker's words."""
    import random

    dice = random.Random(0)
    found: dict[str, None] = {}
    while len(found) < 40:
        first = dice.choice(talker.NOUNS)
        second = dice.choice(talker.NOUNS)
        opening = dice.choice(talker.OPENINGS)
        adjective = dice.choice(talker.ADJECTIVES)
        verb = dice.choice(talker.VERBS)
        found[f"{opening} the {adjective} {first} {verb} a {second}?"] = None
    return list(found)


def edits(asked: Sequence[str]) -> list[dict[str, Any]]:
    """Return corrections of every sort: whole, without an answer, unchanged, repeated, too long."""
    wrong = "The fox- eats bread."
    right = "The bear- eats bread."
    rows: list[dict[str, Any]] = []
    for question in asked[:16]:
        rows.append({"prompt": question, "answer": wrong, "correction": right})
    for question in asked[16:20]:
        rows.append({"prompt": question, "correction": "The bear- likes honey."})
    for question in asked[20:24]:
        rows.append({"prompt": question, "answer": "No bread.", "correction": "No bread."})
    long = "Can the red fox " + "follow a bear " * 600
    return [*rows, rows[0], {"prompt": long, "answer": wrong, "correction": right}]


def training_pairs() -> list[dict[str, Any]]:
    """Return 30 pairs for `train`."""
    answers = ["I like bread.", "I like apples.", "A rule is a rule."]
    return [
        {
            "prompt": f"Tell me about the weather {n}",
            "chosen": answers[n % 3],
            "rejected": f"Do not eat {n}.",
        }
        for n in range(30)
    ]


def people_tasks() -> list[dict[str, Any]]:
    """Return four tasks of people, for the exam of `tasks`."""
    output = "The bear- eats honey and bread!"
    numbers = ("three", "four", "five", "six")
    return [{"instruction": f"Greet {n} old- crows", "output": output} for n in numbers]


def teacher_keys(scholar: Any) -> Iterator[str]:
    """Yield one prompt for each answer that the teacher of documents can give."""
    for animal, country in scholar.FACTS.items():
        sentence = scholar.SENTENCE.format(animal, country)
        for short in (country, f"The {animal}"):
            yield f"One sentence of it is: {sentence}\nWrite a question with the answer: {short}\n"
        for question in (scholar.WHERE.format(animal), scholar.WHICH.format(country)):
            yield f"Question: {question}"
            yield f"In the fewest words. Question: {question}"


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below `folder`, by its relative path."""
    return {
        str(path.relative_to(folder)): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "sums.json"
    }


# The teacher of the documents


def teacher_answer(answers: Mapping[str, str], prompt: str) -> str:
    """Return what the teacher says: a question about a sentence, or a fact."""
    found = re.search(
        r"One sentence of it is: (.*)\nWrite a question .* the answer: (.*)\n", prompt
    )
    if found:
        sentence, short = found.groups()
        place = f"One sentence of it is: {sentence}\nWrite a question with the answer: "
        given = answers.get(f"{place}{short}\n")
        subject = re.search(r"^The \w+", sentence)
        return given or answers[f"{place}{subject.group() if subject else ''}\n"]
    start = "In the fewest words. " if "fewest words" in prompt else ""
    asked = prompt.rsplit(": ", 1)[-1]
    return answers.get(f"{start}Question: {asked}", "I do not know.")


@contextmanager
def serve_teacher(answers: Mapping[str, str]) -> Iterator[None]:
    """Serve the teacher at TEACHER while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send({"data": [{"id": "model-1"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
            if "messages" in body:
                said = teacher_answer(answers, body["messages"][-1]["content"])
                choice["message"] = {"role": "assistant", "content": said}
            else:
                choice["text"] = teacher_answer(answers, body["prompt"])
            reply = {"id": "x", "object": "chat.completion", "model": "model-1"}
            self.send({**reply, "choices": [choice]})

        def send(self, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    class Server(ThreadingHTTPServer):
        allow_reuse_port = True
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", PORT), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


# Running


class Recorder:
    """Runs command lines and collects what they leave behind.

    Args:
        out: the recording's folder.
        source: the folder that holds the package.
        toys: the folder with the toys, where all commands start.
    """

    def __init__(self, out: Path, source: Path, toys: Path) -> None:
        self.out = out.resolve()
        self.source = source.resolve()
        self.toys = toys.resolve()
        self.found: dict[str, Any] = {}
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(self.source),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "SELFTEACH_CACHE": str(self.out / "cache"),
            "EDITOR": str(self.toys / "person.py"),
        }
        self.environment.pop("VISUAL", None)
        self.log = self.out / "log.txt"

    def folder(self, name: str) -> Path:
        """Return the path of a run folder."""
        return self.out / "runs" / name

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the whole command line."""
        return [sys.executable, "-m", "selfteach", *words]

    def run(self, *words: str, typed: str = "") -> Any:
        """Run one command to its end; return the JSON that it printed, or its text.

        Raises:
            SystemExit: it failed.
        """
        done = subprocess.run(
            self.command(words),
            env=self.environment,
            cwd=self.toys,
            input=typed,
            capture_output=True,
            text=True,
        )
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(words)}\n{done.stderr}\n")
        if done.returncode:
            sys.exit(f"exit code {done.returncode}: selfteach {' '.join(words)}\n{done.stderr}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    def kill(self, when: Callable[[], bool], *words: str) -> None:
        """Start one command and kill it (SIGKILL) as soon as `when` holds.

        Raises:
            SystemExit: it ended before.
        """
        with self.log.open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                self.command(words), env=self.environment, cwd=self.toys, stdout=log, stderr=log
            )
        while process.poll() is None:
            if when():
                process.kill()
                process.wait()
                return
            time.sleep(0.005)
        sys.exit(f"the command ended before it could be killed; see {self.log}: {' '.join(words)}")

    def keep(self, name: str, value: Any) -> None:
        """Add one part to the record of this scenario."""
        self.found[name] = scrub(value, {str(self.out): "OUT", str(self.toys): "TOYS"})

    def teach(self, name: str, *words: str, sets: str = "", adopts: bool = False) -> None:
        """Run a command that ends with a run folder, and keep what it printed and wrote.

        Args:
            adopts: whether it takes over another run's answers. They come in the order in which
                the teacher's server answered, which differs each time, so ids are sorted.
        """
        printed = self.run(*words, "--out", str(self.folder(name)), "--json", *as_sets(sets))
        found = read_run(self.folder(name))
        if adopts:
            found["requests"] = {stage: sorted(ids) for stage, ids in found["requests"].items()}
        self.keep(name, {**found, "printed": printed})


def as_sets(text: str) -> list[str]:
    """Return `--set key=value` for each item of a text."""
    return [word for item in text.split() for word in ("--set", item)]


# What a run leaves behind


def read_run(folder: Path) -> dict[str, Any]:
    """Return what the record holds of one run folder."""
    found: dict[str, Any] = {}
    for name in ("examples", "tasks"):
        if (folder / f"{name}.jsonl").exists():
            found[name] = by_id(read_rows(folder / f"{name}.jsonl"))
    if (folder / "dropped.jsonl").exists():
        found["dropped"] = dropped(read_rows(folder / "dropped.jsonl"))
    for name in ("exam", "compare"):
        if (folder / f"{name}.json").exists():
            found[name] = json.loads((folder / f"{name}.json").read_text("utf-8"))
    if (folder / "run.db").exists():
        found |= read_ledger(folder / "run.db")
    found["weights"] = weights(folder)
    return found


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def by_id(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows by their id or place, and a hash of their order."""
    keyed: dict[str, Any] = {}
    for place, row in enumerate(rows):
        key = str(row.get("id", place))
        keyed[key if key not in keyed else f"{key} ({place})"] = row
    return {"rows": keyed, "order": text_hash(list(keyed))}


def dropped(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the dropped candidates by stage and id."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        body = {key: value for key, value in row.items() if key not in ("stage", "id")}
        found.setdefault(row["stage"], {})[row["id"]] = body
    return found


def read_ledger(path: Path) -> dict[str, Any]:
    """Return the requests of each stage in their order, each with a hash of its answer; a hash of
    all scores; and the funnel of each stage.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        bodies = dict(database.execute("SELECT id, body FROM answers"))
        bodies |= read_embeddings(database)
        asked = database.execute("SELECT id, stage FROM requests ORDER BY seq").fetchall()
        query = "SELECT stage, state, reason FROM candidates ORDER BY stage, seq"
        candidates = database.execute(query).fetchall()
    requests: dict[str, list[str]] = {}
    for id, stage in asked:
        requests.setdefault(stage, []).append(f"{id} {answer_hash(bodies.pop(id, 'null'))}")
    scores = [[id, bodies[id]] for id in sorted(bodies)]
    return {
        "requests": requests,
        "scores": {"count": len(scores), "hash": text_hash(scores)},
        "funnel": funnel(candidates),
    }


def read_embeddings(database: sqlite3.Connection) -> dict[str, str]:
    """Return the embeddings as JSON, as ledgers of earlier versions hold them."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'embeddings'").fetchone():
        return {}
    found = {}
    for id, body in database.execute("SELECT id, body FROM embeddings"):
        numbers = struct.unpack(f"<{len(body) // 4}f", body)
        found[id] = json.dumps(numbers, separators=(",", ":"))
    return found


def answer_hash(body: str) -> str:
    """Return a short hash of an answer, without the number of tokens that an engine reused."""
    value = json.loads(body)
    if isinstance(value, dict):
        value.pop("reused_tokens", None)
    return text_hash(value)[:8]


def funnel(candidates: Iterable[tuple[str, str, str]]) -> dict[str, dict[str, Any]]:
    """Return the counts of each stage, by state and by reason."""
    found: dict[str, dict[str, Any]] = {}
    for stage, state, reason in candidates:
        counts = found.setdefault(stage, {"requested": 0, "states": {}, "reasons": {}})
        counts["requested"] += 1
        counts["states"][state] = counts["states"].get(state, 0) + 1
        if reason:
            counts["reasons"][reason] = counts["reasons"].get(reason, 0) + 1
    return found


def weights(folder: Path) -> dict[str, dict[str, str]]:
    """Return two hashes of each safetensors file: of its bytes, and of its tensors alone. What a
    stopped training left for a resume is no part of it.
    """
    return {
        str(path.relative_to(folder)): {"file": file_hash(path), "tensors": tensor_hash(path)}
        for path in sorted(folder.rglob("*.safetensors"))
        if "checkpoint" not in str(path.relative_to(folder))
    }


def tensor_hash(path: Path) -> str:
    """Return the SHA-256 over name, type, shape and bytes of each tensor, in the order of names."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    digest = hashlib.sha256()
    for name in sorted(header):
        entry = header[name]
        begin, end = entry["data_offsets"]
        digest.update(json.dumps([name, entry["dtype"], entry["shape"]]).encode())
        digest.update(data[start + begin : start + end])
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def text_hash(value: Any) -> str:
    """Return the SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def scrub(value: Any, paths: Mapping[str, str]) -> Any:
    """Return a JSON value without the keys of LEFT_OUT and with placeholders for paths."""
    if isinstance(value, Mapping):
        kept = {key: scrub(inner, paths) for key, inner in value.items() if key not in LEFT_OUT}
        if isinstance(kept.get("cost"), dict):
            kept["cost"].pop("stages", None)
        return kept
    if isinstance(value, list):
        return [scrub(inner, paths) for inner in value]
    if isinstance(value, str):
        for path, placeholder in paths.items():
            value = value.replace(path, placeholder)
    return value


# The scenarios


def record_feedback(recorder: Recorder) -> None:
    """Teach a rule."""
    recorder.teach("feedback", *feedback_words(), sets=FEEDBACK)


def feedback_words() -> list[str]:
    """Return the command line of a rule, without its settings."""
    rule = "Do not talk about the fox."
    return ["feedback", rule, "--check", 'not contains "fox"', "--model", "listener"]


def record_compare(recorder: Recorder) -> None:
    """Compare two adapters and two objectives with examples in the prompt, on a rule's run."""
    run = recorder.folder("feedback")
    words = ["compare", "--run", str(run), "--adapters", "lora,reft", "--objectives", "own,distill"]
    more = ["--rates", "0.5,1", "--icl", "0,2", "--json"]
    printed = recorder.run(*words, *more, *as_sets("train.max_steps=4"))
    recorder.keep("compare", {**read_run(run / "compare"), "printed": printed})


def record_merge(recorder: Recorder) -> None:
    """Merge a rule's adapter into the weights."""
    out = recorder.folder("merged")
    run = str(recorder.folder("feedback"))
    printed = recorder.run("merge", "--run", run, "--out", str(out), "--json")
    recorder.keep("merge", {"weights": weights(out), "printed": printed})


def record_resume(recorder: Recorder) -> None:
    """Teach a rule, killed once while it asks and once while it trains."""
    run = recorder.folder("resume")
    words = [*feedback_words(), "--out", str(run), "--json", *as_sets(FEEDBACK)]
    recorder.kill(lambda: count_answers(run) >= 40, *words)
    recorder.kill(lambda: any(run.glob("**/*checkpoint*/*")), *words)
    recorder.teach("resume", *feedback_words(), sets=FEEDBACK)


def count_answers(run: Path) -> int:
    """Return how many answers the ledger of a run has, 0 where it cannot be read yet."""
    try:
        with closing(sqlite3.connect(f"file:{run / 'run.db'}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT COUNT(*) FROM answers").fetchone()[0])
    except sqlite3.Error:
        return 0


def record_corrections(recorder: Recorder) -> None:
    """Learn a file of edits."""
    words = ["corrections", "edits.jsonl", "--model", "talker"]
    gentle = " train.learning_rate=0.001 train.epochs=6"
    recorder.teach("corrections", *words, sets=CORRECTIONS + gentle)


def record_program(recorder: Recorder) -> None:
    """Learn from a program that corrects, in two rounds."""
    teacher = f"cmd:{recorder.toys / 'editor.py'}"
    words = ["corrections", "--prompts", "prompts.jsonl", "--teacher", teacher, "--rounds", "2"]
    recorder.teach("program", *words, "--model", "talker", sets=CORRECTIONS)


def record_criticism(recorder: Recorder) -> None:
    """Learn one criticism."""
    words = ["corrections", "criticism.jsonl", "--model", "talker"]
    more = " exam.longer=2 criticism.similar=24 anchors.general=4 train.epochs=8"
    recorder.teach("criticism", *words, sets=CORRECTIONS + more)


def record_review(recorder: Recorder) -> None:
    """Stop a run that waits for a person, review its answers in the terminal, and go on."""
    run = recorder.folder("review")
    words = ["corrections", "--prompts", "few.jsonl", "--review", "--model", "talker"]
    begun = [*words, "--out", str(run), "--json", *as_sets(REVIEW)]
    recorder.kill(lambda: len(waiting_answers(run)) == 10, *begun)
    typed = []
    for place, answer in enumerate(waiting_answers(run)):
        if place == 4:
            typed.append("s\n")
        elif "fox-" in answer:
            typed.append("e\n\n")
        else:
            typed.append("a\n")
    recorder.run("review", "--run", str(run), "--terminal", typed="".join(typed))
    recorder.teach("review", *words, sets=REVIEW)


def waiting_answers(run: Path) -> list[str]:
    """Return the answers that wait for a person, in their order."""
    try:
        with closing(sqlite3.connect(f"file:{run / 'run.db'}?mode=ro", uri=True)) as database:
            query = "SELECT body FROM candidates WHERE stage = 'review' AND state = 'pending'"
            bodies = [json.loads(body) for (body,) in database.execute(query)]
    except sqlite3.Error:
        return []
    return [body["answer"] for body in sorted(bodies, key=lambda body: body["place"])]


def record_documents(recorder: Recorder) -> None:
    """Learn eight facts from a file of documents, with a teacher behind a URL."""
    words = ["documents", "animals.jsonl", "--model", "scholar", "--teacher", TEACHER]
    recorder.teach("documents", *words, sets=DOCUMENTS)


def record_select(recorder: Recorder) -> None:
    """State what other thresholds would learn, and teach with them."""
    run = ["select", "--run", str(recorder.folder("documents"))]
    sets = "select.tau_label=0.4 select.tau_knowledge=0.3"
    recorder.keep("stated", recorder.run(*run, "--json", *as_sets(sets)))
    recorder.teach("select", *run, sets=sets, adopts=True)


def record_forget(recorder: Recorder) -> None:
    """Teach once more without one document."""
    run = ["--run", str(recorder.folder("documents"))]
    recorder.teach("forget", "forget-source", "animals.jsonl:1", *run, adopts=True)


def record_tasks(recorder: Recorder) -> None:
    """Invent tasks from seeds, and learn them."""
    words = ["tasks", "seeds.jsonl", "--test", "people.jsonl", "--model", "tasker"]
    recorder.teach("tasks", *words, sets=TASKS)


def record_train(recorder: Recorder) -> None:
    """Train two adapters on pairs alone."""
    for adapter in ("lora", "reft"):
        words = ["train", "pairs.jsonl", "--model", "tiny", "--adapter", adapter]
        recorder.teach(f"train-{adapter}", *words, sets=TRAIN)


SCENARIOS: dict[str, Callable[[Recorder], None]] = {
    "feedback": record_feedback,
    "compare": record_compare,
    "merge": record_merge,
    "resume": record_resume,
    "corrections": record_corrections,
    "program": record_program,
    "criticism": record_criticism,
    "review": record_review,
    "documents": record_documents,
    "select": record_select,
    "forget-source": record_forget,
    "tasks": record_tasks,
    "train": record_train,
}
NEEDS = {
    "compare": "feedback",
    "merge": "feedback",
    "select": "documents",
    "forget-source": "documents",
}
"""The scenario whose run another one starts from; it is recorded as well."""


def chosen(only: str) -> list[str]:
    """Return the scenarios of a comma-separated list with what they need, or all of them.

    Raises:
        SystemExit: there is no such scenario.
    """
    names = [name for name in only.split(",") if name] or list(SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        sys.exit(f'there is no scenario "{unknown[0]}". Known: {", ".join(SCENARIOS)}.')
    wanted = {*names, *(NEEDS[name] for name in names if name in NEEDS)}
    return [name for name in SCENARIOS if name in wanted]


def record(out: Path, source: Path, toys: Path, only: str) -> None:
    """Record the chosen scenarios of the code in `source` into `out`."""
    names = chosen(only)
    recorder = Recorder(out, source, toys)
    check_source(recorder)
    write_toys(recorder.toys)
    if not only:
        shutil.rmtree(recorder.out / "runs", ignore_errors=True)
        shutil.rmtree(recorder.out / "record", ignore_errors=True)
    (recorder.out / "record").mkdir(parents=True, exist_ok=True)
    write_where(recorder)
    begun = time.monotonic()
    with ExitStack() as open_things:
        if "documents" in names:
            answers = json.loads((recorder.toys / "teacher.json").read_text("utf-8"))
            open_things.enter_context(serve_teacher(answers))
        for name in names:
            record_one(recorder, name)
    print(f"{len(names)} scenarios in {time.monotonic() - begun:.0f} s: {recorder.out / 'record'}")


def record_one(recorder: Recorder, name: str) -> None:
    """Record one scenario; old run folders of the same names go first."""
    begun = time.monotonic()
    for folder in RUNS_OF.get(name, (name,)):
        shutil.rmtree(recorder.folder(folder), ignore_errors=True)
    recorder.found = {}
    SCENARIOS[name](recorder)
    path = recorder.out / "record" / f"{name}.json"
    path.write_text(json.dumps(recorder.found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"{name:<14} {time.monotonic() - begun:5.1f} s", flush=True)


RUNS_OF = {
    "compare": ("feedback/compare",),
    "merge": ("merged",),
    "forget-source": ("forget",),
    "train": ("train-lora", "train-reft"),
}
"""The run folders of a scenario that are not called as it is."""


def check_source(recorder: Recorder) -> None:
    """Refuse to record another package than the one that was asked for.

    Raises:
        SystemExit: Python finds `selfteach` in another place.
    """
    found = subprocess.run(
        [sys.executable, "-c", "import selfteach; print(selfteach.__file__)"],
        env=recorder.environment,
        capture_output=True,
        text=True,
    ).stdout.strip()
    if not Path(found or ".").is_relative_to(recorder.source):
        sys.exit(f"{recorder.source} holds no package selfteach (Python finds {found!r}).")


def write_where(recorder: Recorder) -> None:
    """Write where.json: which toys and machine this recording had."""
    import torch

    where = {
        "toys": file_hash(recorder.toys / "sums.json"),
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
    (recorder.out / "where.json").write_text(json.dumps(where, indent=1) + "\n", "utf-8")


# Comparing


def compare(a: Path, b: Path, only: str = "") -> list[str]:
    """Print how two recordings differ; return the differences as lines."""
    where = [read_json(side / "where.json", {}) for side in (a, b)]
    for key in ("toys", "torch", "instructions"):
        if where[0].get(key) != where[1].get(key):
            print(f"note: other {key}: {where[0].get(key)} / {where[1].get(key)}")
    names = chosen(only) if only else recorded_names(a, b)
    lines = []
    for name in names:
        records = [read_json(side / "record" / f"{name}.json", None) for side in (a, b)]
        if None in records:
            missing = a if records[0] is None else b
            found = [f"{name}: not recorded in {missing}"]
        else:
            found = [f"{name}: {line}" for line in differences(*map(flatten, records))]
        print(f"{name:<14} {'equal' if not found else f'{len(found)} differences'}")
        for line in found[:SHOWN]:
            print(f"  {line}")
        if len(found) > SHOWN:
            print(f"  ... and {len(found) - SHOWN} more")
        lines += found
    if not names:
        lines.append(f"nothing is recorded in {a} and {b}")
        print(lines[0])
    return lines


def recorded_names(a: Path, b: Path) -> list[str]:
    """Return the scenarios that one of two recordings has."""
    return sorted({path.stem for side in (a, b) for path in (side / "record").glob("*.json")})


def read_json(path: Path, default: Any) -> Any:
    """Return a JSON file's value, or `default` where there is no such file."""
    return json.loads(path.read_text("utf-8")) if path.exists() else default


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Return every number, text and empty container of a JSON value, by its path."""
    if isinstance(value, dict) and value:
        items = list(value.items())
    elif isinstance(value, list) and value:
        items = [(str(number), inner) for number, inner in enumerate(value)]
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, inner in items:
        found |= flatten(inner, f"{path}/{key}" if path else key)
    return found


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return a line for each value that differs or is on one side only."""
    lines = []
    for path in sorted(a.keys() | b.keys()):
        if path not in b:
            lines.append(f"{path}: gone (was {show(a[path])})")
        elif path not in a:
            lines.append(f"{path}: new ({show(b[path])})")
        elif a[path] != b[path] or type(a[path]) is not type(b[path]):
            lines.append(f"{path}: {show(a[path])} -> {show(b[path])}")
    return lines


def show(value: Any) -> str:
    """Return a value in at most 60 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    recording = verbs.add_parser("record")
    recording.add_argument("out", type=Path)
    recording.add_argument("--source", type=Path, default=ROOT / "src")
    recording.add_argument("--toys", type=Path, default=None)
    comparing = verbs.add_parser("compare")
    comparing.add_argument("a", type=Path)
    comparing.add_argument("b", type=Path)
    for verb in (recording, comparing):
        verb.add_argument("--only", default="", help=f"some of {', '.join(SCENARIOS)}")
    given = parser.parse_args()
    if given.verb == "record":
        toys = given.toys or given.out.resolve().parent / "toys"
        record(given.out, given.source, toys, given.only)
    else:
        sys.exit(1 if compare(given.a, given.b, given.only) else 0)


if __name__ == "__main__":
    main()
