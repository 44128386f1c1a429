"""`selfteach train`: anybody's examples through the loop, with a run folder, a dev loss, and a
resume.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from margins import assert_at_most
from selfteach import cli, registry
from selfteach.config import FinetuneConfig
from selfteach.errors import DataError, UsageError
from selfteach.evaluate.verdict import make_not_examined, reach_verdict
from selfteach.files import write_jsonl
from selfteach.materials.examples import read_examples
from selfteach.methods.finetune import method as finetune
from selfteach.methods.finetune.method import (
    DevLossExam,
    FinetuneData,
    choose_objectives,
    make_evidence,
    measure_scores,
    split_dev,
)
from selfteach.methods.finetune.read_datasets import read_material, refuse_too_little
from selfteach.methods.score_examples import ExampleScores, score_examples
from selfteach.methods.session import find_starting_adapter
from selfteach.methods.train_plan import find_pair_kinds
from selfteach.records import Example, LogProb, Measure, Message, make_prompt
from selfteach.run.ledger import Ledger
from selfteach.train.trainer import Trainer
from talker import open_ledger, run_json

pytestmark = pytest.mark.training

ANSWERS = ["I like bread.", "I like apples.", "A rule is a rule."]
FAST = (
    "--set",
    "train.batch_size=6",
    "--set",
    "train.epochs=4",
    "--set",
    "train.checkpoint_every=2",
    "--set",
    "train.learning_rate=0.01",
)


def make_examples(count: int = 30, kind: str = "example") -> list[Example]:
    asked = [f"Tell me about the weather {n}" for n in range(count)]
    return [
        Example(f"{kind}{n}", kind, make_prompt(q), ANSWERS[n % 3], f"Do not eat {n}.")
        for n, q in enumerate(asked)
    ]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_pairs(tmp_path)


def write_pairs(folder: Path) -> Path:
    write_jsonl(
        path := folder / "pairs.jsonl",
        (
            {"prompt": e.prompt[0].content, "chosen": e.chosen, "rejected": e.rejected}
            for e in make_examples()
        ),
    )
    return path


@pytest.fixture(scope="module")
def finished_run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The pairs of a run without trouble, which is beside them, and what it printed."""
    pairs = write_pairs(tmp_path_factory.mktemp("finished"))
    code, result = run_json(command(pairs, tiny))
    assert code == 0
    return pairs, result


def command(data: Path, model: Path, *more: str) -> list[str]:
    return [
        "train",
        str(data),
        "--model",
        str(model),
        "--out",
        str(data.parent / "run"),
        "--json",
        *FAST,
        *more,
    ]


@pytest.mark.parametrize(
    "adapter",
    [
        pytest.param(
            name,
            marks={"lora": [], "full": [], "reft": [pytest.mark.long]}.get(name, pytest.mark.slow),
        )
        for name in registry.list_names("adapters")
        if name != "closed_form"
    ],
)
def test_the_dev_loss_falls_with_every_adapter(
    adapter: str, pairs: Path, tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rate = {"full": "0.002", "prompt": "0.05"}.get(adapter, "0.01")
    more = (
        "--set",
        f"train.learning_rate={rate}",
        "--set",
        "train.layers.which=1",
        "--set",
        "train.epochs=3",
        "--dev",
        "0.2",
    )
    code, result = run_json(command(pairs, tiny, "--adapter", adapter, *more))
    assert code == 0
    line = f"the adapter {adapter} does not read train.layers.which"
    assert (line in capfd.readouterr().err) == (adapter != "layers")
    loss = result["exam"]["loss_nats"]
    assert_at_most("loss on the dev part", loss["tuned"]["value"], loss["base"]["value"] - 0.3)
    run = pairs.parent / "run"
    config = json.loads((run / "adapter" / "selfteach.json").read_text())
    assert config["adapter"] == adapter
    exam = json.loads((run / "exam.json").read_text())
    assert exam["verdict"]["word"] == "taught"
    assert exam["base_proof"]["same"] is True
    assert exam["objectives"] == {"example": {"sft": 1.0, "dpo": 1.0}}
    rows = [json.loads(line) for line in (run / "examples.jsonl").read_text().splitlines()]
    assert len(rows) == 24
    assert "Loss on the dev part" in (run / "report.html").read_text()
    assert cli.run_command(["exam", "--run", str(run), "--require", "reduction>=0.3"]) == 0


def test_rows_that_are_too_long_are_among_the_dropped_and_not_among_the_examples(
    pairs: Path, tiny: Path
) -> None:
    """Two of 30 rows have a long answer. Where rows are cut, they are learned."""
    rows = [json.loads(line) for line in pairs.read_text().splitlines()]
    for row in rows[:2]:
        row["chosen"] = "I like bread. " * 60
    write_jsonl(pairs, rows)
    limit = ("--set", "train.max_tokens=100", "--set", "train.max_steps=1", "--dev", "0")
    assert run_json(command(pairs, tiny, *limit))[0] == 0
    run = pairs.parent / "run"
    learned = [json.loads(line) for line in (run / "examples.jsonl").read_text().splitlines()]
    dropped = [json.loads(line) for line in (run / "dropped.jsonl").read_text().splitlines()]
    assert len(learned) == 28
    assert not [row for row in learned if len(row["chosen"]) > 100]
    assert {row["reason"] for row in dropped} == {"longer than 100 tokens"}
    assert {row["stage"] for row in dropped} == {"rows of train"}
    assert {row["body"]["prompt"] for row in dropped} == {row["prompt"] for row in rows[:2]}
    with open_ledger(run) as ledger:
        (funnel,) = [own for own in ledger.funnel() if own.stage == "rows of train"]
    assert (funnel.accepted, funnel.reasons) == (28, {"longer than 100 tokens": 2})
    more = ("--set", "train.overlong=cut", "--out", str(run.parent / "cut"))
    assert run_json(command(pairs, tiny, *limit, *more))[0] == 0
    assert len((run.parent / "cut" / "examples.jsonl").read_text().splitlines()) == 30


def test_a_completion_template_is_trained_without_a_chat_template(
    tiny: Path, tmp_path: Path
) -> None:
    """What `templates --out` writes: the rows that the trainer sees begin with the very text, not
    with the header of a turn.
    """
    from selfteach.models.load_tokenizer import load_chat_tokenizer
    from selfteach.train.encode_and_batch import encode_example

    (tmp_path / "data.jsonl").write_text(
        "".join(
            json.dumps({"instruction": f"Say {n}", "output": ANSWERS[n % 3]}) + "\n"
            for n in range(12)
        )
    )
    out = tmp_path / "made.jsonl"
    assert (
        cli.run_command(
            ["templates", str(tmp_path / "data.jsonl"), "--template", "output", "--out", str(out)]
        )
        == 0
    )
    tokens = load_chat_tokenizer(str(tiny))
    row = encode_example(tokens, 0, read_examples(out).examples[0], {}, False)
    assert row.prompt == tuple(tokens.encode("Say 0\n\nOutput:"))
    assert row.answers[0] == tuple(tokens.encode_answer(f" {ANSWERS[0]}"))
    assert run_json(command(out, tiny, "--set", "train.max_steps=1"))[0] == 0
    assert json.loads((tmp_path / "run" / "examples.jsonl").read_text().splitlines()[0])[
        "prompt"
    ].endswith("Output:")


def test_the_same_command_again_shows_the_result_again(
    finished_run: tuple[Path, Any], tiny: Path
) -> None:
    pairs, first = finished_run
    assert run_json(command(pairs, tiny)) == (0, first)


def test_stopped_between_steps_it_ends_with_the_same_weights(
    finished_run: tuple[Path, Any], pairs: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = Path("run", "adapter", "adapter_model.safetensors")
    straight = (finished_run[0].parent / weights).read_bytes()
    step = Trainer._step

    def stops(self: Trainer, batch: Any) -> dict[str, Any]:
        if self.step == 5:
            raise KeyboardInterrupt
        return step(self, batch)

    monkeypatch.setattr(Trainer, "_step", stops)
    assert run_json(command(pairs, tiny))[0] == 130
    monkeypatch.undo()
    assert run_json(command(pairs, tiny))[0] == 0
    assert (pairs.parent / weights).read_bytes() == straight


@pytest.mark.parametrize(
    "setting", ["checkpoint_activations=true", "checkpoint_every=3", "micro_batch_tokens=64"]
)
def test_stopped_between_steps_it_goes_on_computing_in_another_way(
    setting: str, pairs: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer._step
    taken: list[int] = []

    def stops(self: Trainer, batch: Any) -> dict[str, Any]:
        taken.append(self.step)
        if taken == [0, 1, 2]:
            raise KeyboardInterrupt
        return step(self, batch)

    monkeypatch.setattr(Trainer, "_step", stops)
    short = ("--set", "train.max_steps=4")
    assert run_json(command(pairs, tiny, *short))[0] == 130
    assert run_json(command(pairs, tiny, *short, "--set", f"train.{setting}"))[0] == 0
    assert taken == [0, 1, 2, 2, 3]


def test_a_changed_file_is_another_run(
    finished_run: tuple[Path, Any], tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pairs = shutil.copytree(finished_run[0].parent, tmp_path / "copy") / "pairs.jsonl"
    pairs.write_text(
        pairs.read_text() + '{"prompt": "Yes?", "chosen": "No.", "rejected": "Yes."}\n'
    )
    assert cli.run_command(command(pairs, tiny)) == 2
    assert "material.pairs" in capfd.readouterr().err


def test_no_dev_prompt_is_learned_nor_held() -> None:
    rows = [*make_examples(40), *make_examples(40, "general")]
    learned, dev = split_dev(FinetuneData(rows), FinetuneConfig())
    assert len(dev) == 4
    assert {e.role for e in dev} == {"learn"}
    assert {e.prompt for e in dev}.isdisjoint(e.prompt for e in learned)
    assert len(learned) == 72
    own = make_examples(5)
    learned, dev = split_dev(FinetuneData(rows, dev=own), FinetuneConfig())
    assert dev == own
    assert {e.prompt for e in own}.isdisjoint(e.prompt for e in learned)
    assert split_dev(FinetuneData(rows), FinetuneConfig(dev_share=0.0)) == (rows, [])


def test_anchors_of_a_dev_file_are_not_measured_and_keep_their_prompts_apart() -> None:
    rows = make_examples(40)
    own = [*rows[:3], *(replace(one, kind="general", role="hold") for one in rows[3:12])]
    learned, dev = split_dev(FinetuneData(rows, dev=own), FinetuneConfig())
    assert dev == rows[:3]
    assert learned == rows[12:]


def make_conversations(count: int) -> list[Example]:
    """Two examples of each conversation: its first answer, and the one after that."""
    found = []
    for i in range(count):
        first = make_prompt(f"What is {i}?")
        later = (*first, Message("assistant", f"Number {i}."), *make_prompt("And why?"))
        found += [
            Example(f"first {i}", "example", first, f"Number {i}."),
            Example(f"later {i}", "example", later, f"Because of {i}."),
        ]
    return found


def test_the_turns_of_a_conversation_are_learned_or_measured_together() -> None:
    """The prompt of the later turn holds the answer that the first one is measured by."""
    rows = make_conversations(40)
    learned, dev = split_dev(FinetuneData(rows), FinetuneConfig())
    assert len(dev) == 8
    assert {e.id.split()[1] for e in dev}.isdisjoint(e.id.split()[1] for e in learned)
    own = [rows[0], rows[3]]
    learned, dev = split_dev(FinetuneData(rows, dev=own), FinetuneConfig())
    assert dev == own
    assert learned == rows[4:]


def test_no_anchor_continues_a_conversation_of_the_dev_part() -> None:
    """Its prompt would hold a dev question with the answer that is measured."""
    rows = make_conversations(40)
    anchors = [replace(example, kind="general", role="hold") for example in rows[1::2]]
    taught = rows[::2]
    learned, dev = split_dev(FinetuneData([*taught, *anchors]), FinetuneConfig())
    assert len(dev) == 4
    measured = {example.turns for example in dev}
    assert measured.isdisjoint(example.turns[:1] for example in learned)
    assert len(learned) == 2 * 36


def test_rows_that_are_held_are_anchors_and_not_learned(tmp_path: Path) -> None:
    write_jsonl(
        path := tmp_path / "e.jsonl",
        (
            {"prompt": f"Q {n}?", "chosen": f"A {n}.", **more}
            for n, more in enumerate(
                [{}, {"role": "hold"}, {"role": "hold", "kind": "old"}, {"role": "assistant"}]
            )
        ),
    )
    examples = read_material(path).value.examples
    assert [(e.kind, e.role) for e in examples] == [
        ("example", "learn"),
        ("kept", "hold"),
        ("old", "hold"),
        ("example", "learn"),
    ]
    assert choose_objectives(examples, FinetuneConfig()) == {
        "example": {"sft": 1.0},
        "kept": {"anchor": 8.0},
        "old": {"anchor": 8.0},
    }


def test_examples_from_python_keep_their_roles() -> None:
    rows = [
        Example("a", "shop", make_prompt("x"), "y"),
        Example("b", "old", make_prompt("v"), "w", role="hold"),
        Example("c", "near", make_prompt("t"), "u", role="learn"),
    ]
    found = read_material(rows).value.examples
    assert [(e.kind, e.role) for e in found] == [(e.kind, e.role) for e in rows]


def test_a_kind_that_is_learned_and_held_is_refused() -> None:
    """Objectives go by kind: its anchors would be learned."""
    rows = [*make_examples(30), Example("h", "example", make_prompt("x"), "y", role="hold")]
    with pytest.raises(DataError, match='example h: the kind "example" has examples to learn and'):
        refuse_too_little(FinetuneData(rows), FinetuneConfig())
    refuse_too_little(FinetuneData([*rows[:30], replace(rows[30], kind="old")]), FinetuneConfig())


def test_skipped_and_cleaned_rows_of_the_dev_file_are_recorded(tmp_path: Path) -> None:
    def write_rows(path: Path, first: int) -> Path:
        rows = [{"prompt": f"Q {first + n}?", "chosen": f"A {n}."} for n in range(20)]
        unclean = {"prompt": f"Q {first}, too?", "chosen": "A bell\u0007."}
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, unclean]) + "{broken\n")
        return path

    learned = write_rows(tmp_path / "a" / "rows.jsonl", 0)
    dev = write_rows(tmp_path / "b" / "rows.jsonl", 100)
    material = read_material(learned, dev=dev, skip_bad_rows=True)
    outcomes = material.value.outcomes
    dropped = [id for id, outcome in outcomes.items() if outcome.state == "dropped"]
    assert dropped == ["rows.jsonl:22", "dev: rows.jsonl:22"]
    assert len(outcomes) == 44
    assert [row.where for row in material.repaired] == ["rows.jsonl:21"] * 2


def test_the_dev_part_is_read_as_the_examples_are() -> None:
    rows = make_examples(4)
    wanted = read_material(rows, dev=[row.to_json() for row in rows[2:]])
    for dev in (rows[2:], tuple(rows[2:]), iter(rows[2:]), [rows[2].to_json(), rows[3]]):
        read = read_material(rows, dev=dev)  # type: ignore[arg-type]
        assert read.value.dev == wanted.value.dev
        assert read.identity == wanted.identity
    assert read_material(iter(rows)).value == read_material(rows).value  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="dev is a dict"):
        read_material(rows, dev=rows[2].to_json())  # type: ignore[arg-type]


def test_what_the_dev_part_keeps_apart_is_recorded_and_said(tmp_path: Path) -> None:
    rows = make_conversations(4)
    ledger = Ledger(tmp_path / "run.db")
    said: list[str] = []
    display = SimpleNamespace(print_line=said.append)
    session: Any = SimpleNamespace(run=SimpleNamespace(ledger=ledger), display=display)
    material = FinetuneData(rows, dev=rows[:1])
    finetune.record_kept_apart(session, material, *split_dev(material, FinetuneConfig()))
    dropped = [outcome.id for _, outcome in ledger.read_outcomes(state="dropped")]
    assert dropped == [rows[0].id, rows[1].id], "also the very row of the dev file"
    assert said == [f"examples that are not learned: 2 ({finetune.LIKE_DEV})"]
    shared = FinetuneData(rows)
    finetune.record_kept_apart(session, shared, *split_dev(shared, FinetuneConfig()))
    assert len(said) == 1


def test_a_cut_answer_is_scored_without_its_end() -> None:
    class Model:
        def score(self, items: list[Any]) -> Any:
            seen.extend(items)
            return [(LogProb(-float(len(seen)), 2),) for _ in items]

    seen: list[Any] = []
    rows = [
        Example("a", "example", make_prompt("x"), "y", "z", {}, {"cut": ["rejected"]}),
        Example("b", "example", make_prompt("v"), "w"),
    ]
    found = score_examples(Model(), rows)  # type: ignore[arg-type]
    assert [(item.texts[0], item.end) for item in seen] == [("y", True), ("w", True), ("z", False)]
    assert (len(found.chosen), len(found.rejected)) == (2, 1)


@pytest.mark.parametrize(
    ("reduction", "gained", "pairs", "word", "sentence"),
    [
        (
            (0.4, 0.3, 0.5),
            (0.0, -0.1, 0.1),
            False,
            "taught",
            "Taught: the loss on 30 dev prompts is 2.000 nats",
        ),
        (
            (0.0, -0.1, 0.1),
            (0.5, 0.4, 0.6),
            False,
            "not learned",
            "after, which is no more than chance explains.",
        ),
        (
            (-0.5, -0.6, -0.4),
            (0.5, 0.4, 0.6),
            False,
            "not learned",
            "after, which is worse by more than chance explains.",
        ),
        (
            (-0.5, -0.6, -0.4),
            (0.5, 0.4, 0.6),
            True,
            "taught",
            "on 20 dev prompts the chosen answer of a pair is the likelier one in 30 % before",
        ),
        (
            (0.4, 0.3, 0.5),
            (0.0, -0.1, 0.1),
            True,
            "not learned",
            "80 % after, which is no more than chance explains.",
        ),
        (
            (0.4, 0.3, 0.5),
            (-0.5, -0.6, -0.4),
            True,
            "not learned",
            "80 % after, which is worse by more than chance explains.",
        ),
        ((0.4, 0.3, 0.5), None, True, "taught", "the loss on 30 dev prompts"),
    ],
)
def test_a_verdict_says_whether_it_rose_or_is_chance(
    reduction: Any, gained: Any, pairs: bool, word: str, sentence: str
) -> None:
    """Pairs that teach alone make both answers less likely: the loss does not judge them, where
    there are dev pairs.
    """
    found: dict[str, Any] = {
        "loss_nats": {"base": Measure(2.0, 1, 3, 30), "tuned": Measure(1.6, 1, 3, 30)},
        "preferred": {},
    }
    found |= {"reduction": {"base": Measure(*reduction, 30)}}
    if gained:
        found |= {"gained": {"tuned": Measure(*gained, 20)}}
        found["preferred"] = {"base": Measure(0.3, 0, 1, 20), "tuned": Measure(0.8, 0, 1, 20)}
    reached = reach_verdict(make_evidence(found, pairs))
    assert reached["word"] == word
    assert sentence in reached["sentence"]


class Scores:
    """A model that gives each answer log-probabilities by its first letter, in nats a token."""

    def __init__(self, nats: dict[str, float]) -> None:
        self.nats = nats

    def score(self, items: list[Any]) -> Any:
        return [(LogProb(-2 * self.nats[item.texts[0][0]], 2),) for item in items]


def examine(
    base: dict[str, float],
    tuned: dict[str, float] | None,
    pairs_only: bool = False,
    count: int = 6,
) -> dict[str, Any]:
    """exam.json over dev pairs; chosen answers begin with I or A, rejected ones with D."""
    exam = DevLossExam(make_examples(count), pairs_only, {"method": "train"})
    session: Any = SimpleNamespace(base=Scores(base), config=SimpleNamespace(seed=0))
    model: Any = SimpleNamespace(recorded=Scores(tuned)) if tuned else None
    exam.run_baselines(session)
    return exam.run(session, model)


@pytest.fixture
def proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune, "check_base_unchanged", lambda session: {"same": True})


@pytest.mark.parametrize(
    ("tuned", "pairs_only", "word", "sentence"),
    [
        ({"I": 1, "A": 1, "D": 4}, False, "taught", "Taught: the loss on 6 dev prompts is 2.000"),
        ({"I": 1.9, "A": 2.2, "D": 9}, False, "not learned", "no more than chance explains."),
        ({"I": 3, "A": 3, "D": 9}, False, "not learned", "worse by more than chance explains."),
        ({"I": 3, "A": 3, "D": 9}, True, "taught", "the likelier one in 0 % before and 100 %"),
        ({"I": 1, "A": 1, "D": 1}, True, "not learned", "no more than chance explains."),
        (None, False, "not examined", "Not examined: nothing was trained."),
    ],
)
@pytest.mark.usefixtures("proven")
def test_every_verdict_from_the_dev_part(
    tuned: dict[str, float] | None, pairs_only: bool, word: str, sentence: str
) -> None:
    exam = examine({"I": 2, "A": 2, "D": 1}, tuned, pairs_only)
    assert exam["verdict"]["word"] == word
    assert sentence in exam["verdict"]["sentence"]
    assert exam["loss_nats"]["base"]["value"] == 2.0
    assert exam["preferred"]["base"]["value"] == 0.0
    assert ("reduction" in exam) is ("gained" in exam) is (tuned is not None)


@pytest.mark.usefixtures("proven")
@pytest.mark.parametrize(
    ("count", "word"),
    [(2, "not examined"), (3, "not enough prompts"), (4, "not enough prompts"), (5, "taught")],
)
def test_two_dev_prompts_give_no_verdict(count: int, word: str) -> None:
    exam = examine({"I": 2, "A": 2, "D": 1}, {"I": 1, "A": 1, "D": 4}, count=count)
    assert exam["verdict"]["word"] == word
    if count == 2:
        assert "the dev part has 2 of the 3 prompts" in exam["verdict"]["sentence"]


@pytest.mark.usefixtures("proven")
@pytest.mark.parametrize("count", [2, 5])
def test_many_answers_to_few_prompts_give_no_verdict(count: int) -> None:
    """40 answers to a prompt, and the turns of a conversation, are one prompt."""
    prompts = [example.turns for example in make_conversations(count)]
    dev = [
        Example(f"{n} {copy}", "example", prompt, f"I say {copy}.", "Do not.")
        for n, prompt in enumerate(prompts)
        for copy in range(20)
    ]
    exam = DevLossExam(dev, False)
    session: Any = SimpleNamespace(base=Scores({"I": 2, "D": 1}), config=SimpleNamespace(seed=0))
    tuned: Any = SimpleNamespace(recorded=Scores({"I": 1, "D": 4}))
    found = exam.run(session, tuned)
    assert found["verdict"]["word"] == ("not examined" if count == 2 else "taught")
    measures = [found["loss_nats"]["base"], found["preferred"]["tuned"], found["gained"]["tuned"]]
    measures += [found["risen"]["tuned"], found["reduction"]["base"]]
    assert [measure["n"] for measure in measures] == [count] * 5


def make_persons(count: int) -> list[Example]:
    """One question; what each example teaches stands in its system message."""
    return [
        Example(str(i), "example", make_prompt("Who?", system=f"You are {i}."), f"I am {i}.", "Do.")
        for i in range(count)
    ]


@pytest.mark.usefixtures("proven")
def test_one_question_under_many_system_messages_is_many_prompts() -> None:
    """Four dev prompts alone do not show it: those that are learned do."""
    learned, dev = split_dev(FinetuneData(make_persons(40)), FinetuneConfig())
    assert (len(learned), len(dev)) == (36, 4)
    exam = DevLossExam(dev, False, {}, [example.turns for example in learned])
    session: Any = SimpleNamespace(base=Scores({"I": 2, "D": 1}), config=SimpleNamespace(seed=0))
    found = exam.run(session, None)
    assert found["loss_nats"]["base"]["n"] == 4


def test_too_few_conversations_are_counted_not_prompts() -> None:
    with pytest.raises(DataError, match=r"too few different conversations \(1\)"):
        split_dev(FinetuneData(make_persons(4)), FinetuneConfig())


def make_scores(rng: np.random.Generator, count: int) -> ExampleScores:
    """Log-probabilities of answers of 2 to 20 tokens, each with a rejected one."""
    lengths = rng.integers(2, 20, (2, count))
    logps = -lengths * rng.normal(2, 0.3, (2, count))
    chosen, rejected = (
        [LogProb(float(logp), int(length)) for logp, length in zip(*side, strict=True)]
        for side in zip(logps, lengths, strict=True)
    )
    return ExampleScores(chosen, dict(enumerate(rejected)))


def repeat(scores: ExampleScores, times: int) -> ExampleScores:
    return ExampleScores(
        [logp for logp in scores.chosen for _ in range(times)],
        dict(enumerate(logp for logp in scores.rejected.values() for _ in range(times))),
    )


def list_numbers(found: Any) -> list[float]:
    """The values and intervals of all measures."""
    if isinstance(found, Measure):
        return [found.value, found.low, found.high, found.n]
    return [number for part in found.values() for number in list_numbers(part)]


def test_more_answers_to_the_same_prompts_are_no_more_evidence() -> None:
    """The same answer 25 times has the numbers and the intervals of the answer alone."""
    rng = np.random.default_rng(0)
    scores = {"base": make_scores(rng, 8), "tuned": make_scores(rng, 8)}
    lengths = [logp.tokens for logp in scores["base"].chosen]
    scores["tuned"].chosen[:] = [
        LogProb(logp.token_logp * length, length)
        for logp, length in zip(scores["tuned"].chosen, lengths, strict=True)
    ]
    once = measure_scores(scores, range(8), seed=0)
    often = measure_scores(
        {arm: repeat(own, 25) for arm, own in scores.items()},
        [place for place in range(8) for _ in range(25)],
        seed=0,
    )
    assert once.keys() == {"loss_nats", "preferred", "gained", "risen", "reduction"}
    assert list_numbers(often) == pytest.approx(list_numbers(once))


def test_the_verdict_goes_by_the_numbers_of_its_sentence() -> None:
    """40 short answers fall by .6 nats a token, 10 long ones rise by .3: of all 4120 tokens the
    loss rises, though that of the mean example falls.
    """
    base = [LogProb(-2.0 * 3, 3)] * 40 + [LogProb(-1.0 * 400, 400)] * 10
    tuned = [LogProb(-1.4 * 3, 3)] * 40 + [LogProb(-1.3 * 400, 400)] * 10
    scores = {"base": ExampleScores(base, {}), "tuned": ExampleScores(tuned, {})}
    found = measure_scores(scores, range(50), seed=0)
    before, after = (found["loss_nats"][arm].value for arm in ("base", "tuned"))
    assert (before, after) == pytest.approx((4240 / 4120, 5368 / 4120))
    assert found["reduction"]["base"].value == pytest.approx(before - after)
    assert found["risen"]["tuned"].value == 0.8
    reached = reach_verdict(make_evidence({**found, "preferred": {}}, False))
    assert reached["word"] == "not learned"
    assert "1.029 nats a token before and 1.303 after" in reached["sentence"]


@pytest.mark.usefixtures("proven")
def test_without_a_dev_part_nothing_is_examined() -> None:
    session: Any = SimpleNamespace(base=Scores({}), config=SimpleNamespace(seed=0))
    exam = DevLossExam([], False, {"method": "train"})
    exam.run_baselines(session)
    found = exam.run(session, None)
    assert found["verdict"] == make_not_examined("there is no dev part")
    assert found["loss_nats"] == found["preferred"] == {}


@pytest.mark.parametrize(
    "material",
    [
        FinetuneData(make_examples(3, "general"), about="anchors"),
        FinetuneData(make_examples(3), dev=make_examples(3), about="all of it is measured on"),
    ],
    ids=["anchors alone", "nothing beside the dev file"],
)
def test_where_there_is_nothing_to_learn_it_is_reported(material: FinetuneData) -> None:
    for share in (0.0, 0.2):
        with pytest.raises(DataError, match=r"there is nothing to learn from\..*Give more ex"):
            split_dev(material, FinetuneConfig(dev_share=share))


def test_pairs_that_teach_alone_are_judged_by_the_pairs(pairs: Path, tiny: Path) -> None:
    code, result = run_json(command(pairs, tiny, "--objective", "dpo", "--dev", "0.3"))
    assert code == 0
    exam = json.loads((pairs.parent / "run" / "exam.json").read_text())
    assert "on 9 dev prompts the chosen answer of a pair" in exam["verdict"]["sentence"]
    gained = exam["preferred"]["tuned"]["value"] - exam["preferred"]["base"]["value"]
    assert exam["gained"]["tuned"]["value"] == pytest.approx(gained)
    assert result["exam"]["preferred"] == exam["preferred"]


def test_which_examples_pairs_alone_teach() -> None:
    near = {"near": {"anchor": 8.0}}
    assert find_pair_kinds({"example": {"dpo": 1.0}, **near}) == {"example"}
    assert not find_pair_kinds({"example": {"dpo": 1.0, "sft": 1.0}, **near})


def test_the_objective_follows_from_the_examples_unless_it_is_named() -> None:
    single = [Example("a", "example", make_prompt("x"), "y")]
    assert choose_objectives(single, FinetuneConfig())["example"] == {"sft": 1.0}
    both = [*make_examples(3), *make_examples(2, "near")]
    assert choose_objectives(both, FinetuneConfig()) == {
        "example": {"sft": 1.0, "dpo": 1.0},
        "near": {"anchor": 8.0},
    }
    named = FinetuneConfig.model_validate({"train": {"objective": "distill"}})
    assert choose_objectives(both, named)["example"] == {"distill": 1.0}


def test_several_datasets_are_mixed_by_their_names(pairs: Path, tiny: Path) -> None:
    other = pairs.with_name("other.jsonl")
    write_jsonl(other, ({"instruction": f"Say {n}", "output": "Yes."} for n in range(6)))
    mix = [
        "--set",
        "train.dataset_shares={pairs: 1, other: 3}",
        "--set",
        "train.epochs=1",
        "--dev",
        "0",
    ]
    code, result = run_json(
        [*command(pairs, tiny, *mix)[:2], str(other), *command(pairs, tiny, *mix)[2:]]
    )
    assert code == 0
    rows = [
        json.loads(line)
        for line in (pairs.parent / "run" / "examples.jsonl").read_text().splitlines()
    ]
    assert {row["source"]["dataset"] for row in rows} == {"pairs", "other"}
    assert result["word"] == "not examined"


def test_the_order_of_datasets_changes_nothing(tmp_path: Path) -> None:
    """It is no part of a run's identity, so a checkpoint must fit with each."""
    files = [tmp_path / "one.jsonl", tmp_path / "other.jsonl"]
    for file in files:
        write_jsonl(file, ({"prompt": f"{file.stem} {n}?", "chosen": "Yes."} for n in range(3)))
    there, back = read_material(files), read_material(files[::-1])
    assert there.identity == back.identity
    assert there.value == back.value
    assert there.name == back.name, "the same command finds its run again by the name"


@pytest.mark.parametrize("name", ["from", "from_sum", "--dev"])
def test_a_dataset_may_have_the_name_of_a_key_of_the_identity(tmp_path: Path, name: str) -> None:
    """A file from.jsonl was taken for the adapter of an earlier run, and --dev.jsonl crashed."""
    files = [tmp_path / f"{name}.jsonl", tmp_path / "dev.jsonl"]
    for file in files:
        write_jsonl(file, ({"prompt": f"{file.stem} {n}?", "chosen": "Yes."} for n in range(3)))
    read = read_material(files[0], dev=files[1])
    assert list(read.identity) == [f"dataset {name}", "--dev"]
    assert find_starting_adapter(read.identity, FinetuneConfig()) is None


def test_shares_of_one_dataset_are_refused_with_a_cure_that_can_be_followed(pairs: Path) -> None:
    shares = {"train": {"dataset_shares": {"pairs": 1.0}}}
    with pytest.raises(UsageError, match="there is one dataset") as caught:
        refuse_too_little(read_material(pairs).value, FinetuneConfig.model_validate(shares))
    assert caught.value.cure == "Give several files, or leave it out."


def test_an_adapter_that_cannot_go_on_from_a_run_is_named_not_the_run() -> None:
    config = FinetuneConfig.model_validate({"train": {"adapter": "reft"}})
    with pytest.raises(UsageError, match="reft cannot go on") as caught:
        find_starting_adapter({"from": "runs/earlier/adapter"}, config)
    assert caught.value.where == "train.adapter"


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--adapter", "lore"], 2, 'Did you mean "lora"?'),
        (["--objective", "dop"], 2, "train.objective"),
        (["--dev", "1.5"], 2, "is no share"),
        (["--dev", "absent.jsonl"], 3, "absent.jsonl: cannot be read"),
        (["--set", "train.loar.rank=3"], 2, 'Did you mean "train.lora"?'),
    ],
)
def test_a_mistake_is_found_before_any_model_is_loaded(
    more: list[str], code: int, words: str, pairs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run_command(command(pairs, Path("absent"), *more)) == code
    assert words in capfd.readouterr().err
    assert not (pairs.parent / "run").exists()


def test_a_dry_run_says_what_is_in_the_file(pairs: Path) -> None:
    pairs.write_text(pairs.read_text() + pairs.read_text().splitlines()[0] + "\n")
    stated = run_json(command(pairs, Path("nobody/absent"), "--dry-run"))[1]
    assert (stated["examples"], stated["dev"], stated["pairs"]) == (27, 3, 27)
    assert stated["kinds"] == ["example: 27 (sft+dpo)"]
    assert stated["dropped_rows"] == ["pairs.jsonl:31: repeats another row"]
    assert "unread_settings" not in stated
    words = ("--adapter", "reft", "--set", "train.lora.rank=4", "--dry-run")
    stated = run_json(command(pairs, Path("nobody/absent"), *words))[1]
    assert stated["unread_settings"] == ["train.lora.rank"]


@pytest.mark.parametrize("dry", [["--dry-run"], []])
@pytest.mark.parametrize(
    ("options", "given", "needed"),
    [
        (["--objective", "dpo"], {}, '"rejected", which the objective dpo'),
        (
            ["--set", "train.weights={example: {dpo: 1}}"],
            {},
            '"rejected", which the objective dpo',
        ),
        (
            ["--objective", "sft+distill"],
            {},
            '"source.teacher_prompt", which the objective distill',
        ),
        (
            ["--objective", "unlikelihood"],
            {"rejected": "It is x."},
            '"source.forbidden", which the objective unlikelihood',
        ),
    ],
)
def test_rows_without_what_the_objective_needs_are_refused_before_a_model_is_loaded(
    options: list[str],
    given: dict[str, Any],
    needed: str,
    dry: list[str],
    pairs: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    rows = ({"prompt": f"Say {n}.", "chosen": f"It is {n}.", **given} for n in range(30))
    write_jsonl(pairs, rows)
    words = command(pairs, Path("nobody/absent"), "--dev", "0", *options, *dry)
    assert cli.run_command(words) == 3
    fault = capfd.readouterr().err
    assert f"pairs.jsonl:1: has no {needed} needs (30 of 30 rows have none). Give it " in fault
    assert not (pairs.parent / "run").exists()


def test_a_few_rows_without_a_rejected_answer_are_left_to_the_training(pairs: Path) -> None:
    alone = json.dumps({"prompt": "Say x.", "chosen": "It is x."})
    pairs.write_text(f"{alone}\n{pairs.read_text()}")
    words = command(pairs, Path("nobody/absent"), "--objective", "dpo", "--dev", "0", "--dry-run")
    assert run_json(words)[1]["pairs"] == 30


@pytest.mark.parametrize(
    ("objective", "source"),
    [
        ("distill", {"teacher_prompt": [{"role": "user", "content": "Briefly: go."}]}),
        ("unlikelihood", {"forbidden": []}),
    ],
)
def test_rows_with_what_the_objective_needs_are_not_refused(
    objective: str, source: dict[str, Any], pairs: Path
) -> None:
    given = {"rejected": "It is x.", "source": source}
    write_jsonl(pairs, ({"prompt": f"Say {n}.", "chosen": f"{n}.", **given} for n in range(30)))
    words = command(pairs, Path("nobody/absent"), "--objective", objective, "--dry-run")
    assert run_json(words)[1]["examples"] == 27


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_share_of_no_dataset_is_found_before_a_model_is_loaded(
    dry: list[str], pairs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = pairs.with_name("other.jsonl")
    write_jsonl(other, ({"instruction": f"Say {n}", "output": "Yes."} for n in range(6)))
    words = command(pairs, Path("nobody/absent"), "--set", "train.dataset_shares={pears: 1}", *dry)
    assert cli.run_command([*words[:2], str(other), *words[2:]]) == 2
    fault = capfd.readouterr().err
    assert "train.dataset_shares: has no share for the dataset" in fault
    assert "Name every dataset once." in fault
    assert not (pairs.parent / "run").exists()


def test_several_processes_need_a_named_folder(
    pairs: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert cli.run_command(["train", str(pairs), "--model", "nobody/absent"]) == 2
    assert "several processes need one folder" in capfd.readouterr().err


def test_the_closed_form_takes_what_is_no_anchor_as_its_examples(
    tiny: Path, tmp_path: Path
) -> None:
    write_jsonl(
        tmp_path / "e.jsonl",
        (e.to_json() for e in [*make_examples(30), *make_examples(12, "general")]),
    )
    sets = (
        "train.closed_form.shots=2",
        "train.closed_form.layers=all",
        "train.learning_rate=null",
        "train.batch_size=16",
        "train.epochs=3",
    )
    code, result = run_json(
        command(
            tmp_path / "e.jsonl",
            tiny,
            "--adapter",
            "closed_form",
            *(word for item in sets for word in ("--set", item)),
        )
    )
    assert code == 0
    assert result["exam"]["loss_nats"]["base"]["n"] == 3
    assert (
        json.loads((tmp_path / "run" / "adapter" / "selfteach.json").read_text())["moved"][
            "kl_before"
        ]
        > 0
    )


def test_known_answers_are_not_trained_again(
    pairs: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "MIN_KNOWN_PROBABILITY", 1e-300)
    code, result = run_json(command(pairs, tiny, "--objective", "sft"))
    assert code == 0
    assert result["verdict"].startswith("Nothing to learn: the model already gives each of 27")
    assert not (pairs.parent / "run" / "adapter").exists()


def test_pairs_are_trained_although_the_chosen_answers_are_known(
    pairs: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune, "MIN_KNOWN_PROBABILITY", 1e-300)
    code, _ = run_json(command(pairs, tiny))
    assert code == 0
    assert (pairs.parent / "run" / "adapter").is_dir()


@pytest.mark.parametrize("place", [0, 15, 16, 40])
def test_one_unknown_answer_is_something_to_learn(
    place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = make_examples(41)
    nats = [0.1] * 41

    def score(base: Any, part: list[Example], kinds: Any) -> ExampleScores:
        found = [LogProb(-nats[examples.index(one)], 4) for one in part]
        return ExampleScores(found, {})

    monkeypatch.setattr(finetune, "score_examples", score)
    base: Any = SimpleNamespace(explain_misfit=lambda item: "")
    assert finetune.knows_all_answers(base, examples)

    nats[place] = 0.11
    assert not finetune.knows_all_answers(base, examples)
