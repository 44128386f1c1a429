"""The Python API: what a call returns, what it refuses, and what identifies its run."""

from __future__ import annotations

import copy
import inspect
import json
import pydoc
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from pickle import dumps, loads
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import selfteach
from selfteach import api
from selfteach.api import write_expression
from selfteach.config import CorrectionsConfig, FeedbackConfig, resolve
from selfteach.errors import ResourceError, UsageError
from selfteach.methods.corrections.read_corrections import read_material as read_corrections
from selfteach.methods.documents.read_documents import read_material as read_documents
from selfteach.methods.finetune.read_datasets import name_datasets, parse_dev
from selfteach.methods.input_sources import hash_sources, require_file, write_rows
from selfteach.methods.tasks.read_tasks import read_material as read_tasks
from selfteach.records import Example, Measure
from selfteach.report.page import render_report
from selfteach.results import ExamResult, FinishedRun
from selfteach.run.display import Display, NotebookDisplay, SilentDisplay, open_display
from selfteach.run.ledger import Ledger
from selfteach.run.run_folder import Run, open_run
from talker import RULE, SMALL_SETTINGS


@pytest.fixture
def run(small_run: FinishedRun) -> FinishedRun:
    """A run with a rule, from Python."""
    return small_run


def test_a_run_says_what_came_of_it(run: FinishedRun) -> None:
    raw = json.loads((run.path / "exam.json").read_text())
    assert (run.verdict, run.sentence) == (raw["verdict"]["word"], raw["verdict"]["sentence"])
    assert run.adapter == run.path / "adapter"
    assert run.report.is_file()
    target = run.exam["tuned"]["target"]
    assert target.greedy == Measure(**raw["kept"]["tuned"]["greedy"])
    assert target.sampled == Measure(**raw["kept"]["tuned"]["sampled"])
    assert run.exam["tuned"]["kept"] == target
    assert run.exam["prompted"]["near"].greedy == Measure(**raw["near"]["prompted"])
    assert list(run.exam) == ["base", "prompted", "tuned"]
    assert run.exam["base"]["sanity"].looping.n > 0
    with pytest.raises(AttributeError, match="there are: greedy, sampled"):
        _ = target.drawn
    with pytest.raises(KeyError, match="there are: base, prompted, tuned"):
        _ = run.exam["tunde"]
    examples = run.examples()
    rows = [json.loads(line) for line in (run.path / "examples.jsonl").read_text().splitlines()]
    assert [example.to_json() for example in examples] == rows
    assert examples


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda it: loads(dumps(it))])
def test_scores_can_be_copied_and_sent_to_another_process(clone: Any) -> None:
    measure = Measure(0.5, 0.4, 0.6, 40)
    exam = ExamResult({"method": "feedback", "kept": {"tuned": {"greedy": asdict(measure)}}})
    assert clone(exam)["tuned"]["target"].greedy == measure
    scores = clone(exam["tuned"]["target"])
    assert scores.greedy == measure
    with pytest.raises(AttributeError, match="no measure 'sampled'; there are: greedy"):
        _ = scores.sampled


def test_the_tuned_model_answers(run: FinishedRun) -> None:
    model = run.model()
    assert model is run.model()
    questions = ["Can the red fox follow a tall crow?", "Does the old bear help a mole?"]
    several = model.answer(questions, max_tokens=12)
    assert [model.answer(question, max_tokens=12) for question in questions] == several
    assert selfteach.answer(questions, run=run, max_tokens=12) == several
    assert selfteach.answer(questions, model=run.base, max_tokens=12) != several
    conversation = [{"role": "user", "content": questions[0]}]
    assert model.answer([conversation], max_tokens=12) == several[:1]
    with pytest.raises(selfteach.errors.UsageError, match="give either"):
        selfteach.answer("Tea?")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"max_tokens": 0}, "max_tokens: must be at least 1. "),
        ({"max_tokens": -3}, "max_tokens: must be at least 1. "),
        ({"max_tokens": 2.5}, "max_tokens: must be a whole number, not a float. "),
        ({"max_tokens": True}, "max_tokens: must be a whole number, not a bool. "),
        ({"temperature": "hot"}, "temperature: must be a number, not a str. "),
        ({"temperature": -1}, "temperature: must be a finite number of 0 or more. "),
        ({"seed": -1}, "seed: must be at least 0. "),
        ({"seed": 1 << 32}, "seed: must be at most 4294967295. "),
        ({"system": 5}, "system: is an int. "),
        ({"questions": None}, "questions: None is no question. "),
        ({"questions": 5}, "questions: an int is no question. "),
        ({"questions": ["Hi", 5]}, "question 2: an int is no question. "),
        ({"questions": [None]}, "question 1: None is no question. "),
    ],
)
def test_what_cannot_be_answered_is_refused_before_a_model_is_loaded(
    how: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "open_model", None)
    with pytest.raises((selfteach.errors.UsageError, selfteach.errors.DataError)) as caught:
        selfteach.answer(**{"questions": "Hi", "model": "embedded"} | how)
    assert str(caught.value).startswith(says)
    assert caught.value.cure
    assert "\n" not in str(caught.value)


def test_it_shows_itself_with_everything_escaped(run: FinishedRun) -> None:
    shown = run._repr_html_()
    assert run.report.resolve().as_uri().replace("&", "&amp;") in shown
    assert "&lt;run&gt;" in shown
    assert "<run>" not in shown
    assert "Rule kept, greedy" in shown
    raw = {**run.exam.raw, "verdict": {"word": "<script>", "sentence": "<script>"}}
    assert "<script>" not in ExamResult(raw)._repr_html_()


def test_reproduce_is_the_python_call_and_the_same_call_is_looked_up(
    run: FinishedRun, talker: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (call,) = run.exam.raw["reproduce"]
    assert call.startswith(f"selfteach.feedback({RULE!r}, ")
    assert f", model={talker.name!r}, " in call
    assert "progress" not in call
    capfd.readouterr()
    whole = call.replace(repr(talker.name), repr(str(talker)))
    whole = whole.replace(repr(run.path.name), repr(str(run.path)))
    again = eval(whole.removesuffix(")") + ", progress=False)", {"selfteach": selfteach})
    assert again.path == run.path
    assert capfd.readouterr().err == ""
    assert json.loads((run.path / "manifest.json").read_text())["command"] == call
    assert "# Python" in (run.path / "config.yaml").read_text()
    assert selfteach.open_run(run.path).verdict == run.verdict


def test_an_opened_run_is_found_from_another_folder(
    run: FinishedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.path.parent)
    opened = selfteach.open_run(run.path.name)
    monkeypatch.chdir(tmp_path)
    assert opened.exam.verdict == run.verdict
    assert opened.report.is_file()


def test_no_file_for_others_holds_a_path_of_this_machine(run: FinishedRun, talker: Path) -> None:
    holding = []
    for file in run.path.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        if any(str(folder).encode() in data for folder in (talker.parent, run.path.parent)):
            holding.append(file.name)
    assert {"run.db"} <= set(holding) <= {"run.db", "run.db-wal", "log.txt"}
    assert f"model: {talker.name} " in (run.path / "config.yaml").read_text()
    assert run.base == str(talker), "the ledger knows where the base is"


def test_a_folder_of_another_run_is_refused(run: FinishedRun, talker: Path) -> None:
    with pytest.raises(selfteach.errors.UsageError, match=r"material\.rule: .*fox.* -> .*hare"):
        selfteach.feedback(
            "Do not talk about the hare.",
            model=str(talker),
            out=run.path,
            progress=False,
            **SMALL_SETTINGS,
        )


@pytest.mark.slow
@pytest.mark.training
def test_runs_are_compared(run: FinishedRun, tmp_path: Path) -> None:
    found = selfteach.compare(
        run,
        adapters=["lora"],
        rates=[1.0],
        sets=["train.max_steps=1", "exam.target=2"],
        out=tmp_path / "compare",
        progress=False,
    )
    assert [row["name"] for row in found.rows] == ["lora-own"]
    assert found["lora-own"]["score"]["n"] in (1, 2)  # those that the base breaks, or all
    assert "lora-own" in found._repr_html_()
    assert found.raw["command"].startswith(f"selfteach.compare({run.path.name!r}, ")
    assert str(run.path.parent) not in (found.path / "compare.json").read_text()
    with pytest.raises(selfteach.errors.UsageError, match=r'no "lroa"\. Did you mean "lora"'):
        selfteach.compare(run, adapters=["lroa"])


def test_a_comparison_that_failed_before_its_answers_were_copied_copies_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_run(
        tmp_path / "run", "x", "feedback", resolve(FeedbackConfig), {"rule": RULE}
    ) as run:
        run.bind("base", "1")
        run.export_jsonl("examples.jsonl", [])
        run.export_json("exam.json", {"answers": []})
        run.ledger.record_requests("ask", [("a", {})])
        run.ledger.record_answers([("a", {"text": "hum"})])

    def work(run: Run, *given: Any) -> Any:
        return {"folder": run.path, "answers": run.ledger.get_answers(["a"]), "rows": []}

    def fail(*given: Any) -> None:
        raise ResourceError("the disk is full.")

    monkeypatch.setattr("selfteach.methods.compare.compare_adapters.compare", work)
    with monkeypatch.context() as full:
        full.setattr(Ledger, "copy_answers", fail)
        with pytest.raises(ResourceError):
            selfteach.compare(run.path, progress=False)
    found = selfteach.compare(run.path, progress=False)
    assert found.raw["answers"] == {"a": {"text": "hum"}}
    with closing(Ledger(found.path / "run.db", readonly=True)) as ledger:
        assert ledger.get_note("models") == {"base": "1"}


def test_a_mistyped_keyword_gets_a_hint() -> None:
    with pytest.raises(selfteach.errors.UsageError, match=r'"modle"\. Did you mean "model"'):
        selfteach.feedback(RULE, modle="embedded")
    with pytest.raises(
        selfteach.errors.UsageError, match=r'no such key\. Did you mean "ask\.target"'
    ):
        selfteach.feedback(RULE, ask={"taget": 3})
    with pytest.raises(selfteach.errors.UsageError, match="no method"):
        selfteach.teach("nothing", "x")
    with pytest.raises(AttributeError, match="no attribute"):
        _ = selfteach.nothing


def test_what_is_no_rule_is_named_with_its_article() -> None:
    wrong: Any = 5
    with pytest.raises(selfteach.errors.UsageError, match=r"the rule is an int\. Give a text"):
        selfteach.feedback(wrong)
    with pytest.raises(selfteach.errors.UsageError, match=r"tasks is an int\. Give a path"):
        selfteach.tasks(wrong)


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(selfteach.errors.UsageError, match="not a run folder"):
        selfteach.open_run(tmp_path)


EDITS = [
    {"prompt": f"What is a {word}?", "answer": "A color.", "correction": "A colour."}
    for word in ("kettle", "violin", "meadow")
]


def test_rows_from_python_are_read_as_a_file_and_known_by_their_content(tmp_path: Path) -> None:
    found = read_corrections(EDITS)
    assert [edit.correction for edit in found.value.edits] == ["A colour."] * 3
    assert found.value.edits[1].where == "corrections.jsonl:2"
    changed = [*EDITS[:2], {**EDITS[2], "correction": "A hue."}]
    assert read_corrections(changed).identity != found.identity
    assert read_corrections([dict(row) for row in EDITS]).identity == found.identity
    file = tmp_path / "edits.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in EDITS))
    before = read_corrections(file).identity
    file.write_text(file.read_text().replace("colour", "hue"))
    assert read_corrections(str(file)).identity != before


def test_a_set_of_texts_has_one_order() -> None:
    """Of eight letters, by chance one order in 40,320."""
    found = read_corrections(None, prompts=set("hgfedcba"))
    assert found.identity == read_corrections(None, prompts=list("abcdefgh")).identity
    keys: Any = dict.fromkeys("hgfedcba").keys()
    kept = read_corrections(None, prompts=keys)
    assert kept.identity == read_corrections(None, prompts=list(keys)).identity


def test_rows_may_be_any_mappings() -> None:
    """The paths of a run are noted as JSON, with the rows in their place."""
    rows = [MappingProxyType({"prompt": "a?", "answer": "b", "correction": "c"})]
    found = read_corrections(rows)
    assert json.dumps(found.sources) == json.dumps(read_corrections([dict(rows[0])]).sources)


def test_documents_in_another_order_are_the_same_run(tmp_path: Path) -> None:
    """A run is found again by its folder, which has the name of the material."""
    files = [tmp_path / "one.md", tmp_path / "two.md"]
    for file in files:
        file.write_text(f"The mill {file.stem} was built in the year 1868 by a miller.")
    there, back = read_documents(files), read_documents(files[::-1])
    assert (there.name, there.identity) == (back.name, back.identity)


def test_documents_and_tasks_from_python() -> None:
    rows = [{"title": "Mill", "text": "The old mill stands by the river at Hale."}]
    found = read_documents(rows)
    assert found.value.reading.documents[0].title == "Mill"
    assert found.sources is not None
    assert found.sources["rows"] == rows
    seeds = [{"instruction": f"Explain what a {n} is", "output": f"A {n}."} for n in "abcdefgh"]
    assert len(read_tasks(seeds).value.seeds) == 8
    assert read_tasks(seeds).identity["seeds"].startswith("rows ")
    with pytest.raises(selfteach.errors.UsageError, match="there are no documents"):
        read_documents(7)  # type: ignore[arg-type]
    with pytest.raises(selfteach.errors.UsageError, match="corrections is a dict"):
        read_corrections(EDITS[0])  # type: ignore[arg-type]


def test_examples_from_python() -> None:
    assert name_datasets(["a.jsonl", Path("b.jsonl")]) == {
        "a": Path("a.jsonl"),
        "b": Path("b.jsonl"),
    }
    with pytest.raises(selfteach.errors.UsageError, match="two datasets have one name"):
        name_datasets(["a.jsonl", "b/a.jsonl"])
    example = Example("1", "example", "Tea?", "A drink.")
    assert name_datasets([example]) == {"examples": [example.to_json()]}
    assert parse_dev(0.2) == (None, 0.2)
    assert parse_dev("dev.jsonl") == (Path("dev.jsonl"), None)
    with pytest.raises(selfteach.errors.UsageError, match="is no share"):
        parse_dev(2)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"adapters": "lroa"}, 'there is no "lroa"'),
        ({"objectives": "dop"}, 'there is no "dop"'),
        ({"shots": ["a"]}, "shots: .* is no list of numbers"),
        ({"shots": [0.5]}, "shots: .* is no list of numbers"),
        ({"rates": "abc"}, "rates: .* is no list of numbers"),
        ({"rates": []}, "rates: .* is no list of numbers"),
        ({"rates": [True]}, "rates: .* is no list of numbers"),
        ({"adapters": None}, "adapters: None is no list"),
    ],
)
def test_a_wrong_word_of_compare_is_named(
    keywords: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(selfteach.errors.UsageError, match=words):
        selfteach.compare(tmp_path, **keywords)


def test_a_call_is_written_as_python() -> None:
    keywords = {"dev": 0.2, "skip_bad_rows": False, "out": "o", "config": None, "sets": []}
    call = write_expression("train", [[Path("a.jsonl")]], keywords)
    assert call == "selfteach.train(['a.jsonl'], dev=0.2, out='o')"
    settings = {"smoke_test": False, "check": "", "also": [], "seed": None}
    call = write_expression("feedback", ["Hum."], {"out": "o", "accept": False}, settings)
    assert call == "selfteach.feedback('Hum.', out='o', smoke_test=False, check='', also=[])"
    dotted = {"train.epochs": 2, "seed": 1, "ask.words": ["x" * 3000]}
    call = write_expression("feedback", ["Hum."], {}, dotted)
    assert call == (
        "selfteach.feedback('Hum.', **{'train.epochs': 2}, seed=1, **{'ask.words': ask_words})"
    )
    compile(call, "the recorded call", "eval")
    long = write_expression("corrections", [["x" * 3000]], {})
    assert long == "selfteach.corrections(material)"


def test_an_identity_holds_sums_and_no_paths(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("tea")
    found = hash_sources(a=tmp_path / "a.txt", b=None, c=[{"x": 1}])
    assert list(found) == ["a", "c"]
    assert str(tmp_path) not in json.dumps(found)


@pytest.mark.parametrize("text", ["Do not hum.", "x" * 5000, "a\0b", "."])
def test_a_sentence_where_a_path_belongs_is_refused(text: str) -> None:
    with pytest.raises(selfteach.errors.UsageError, match=r"^rule '.*cannot be read.*\[text\]"):
        hash_sources(rule=text)
    assert hash_sources(rule=[text])["rule"].startswith("rows ")


class Table:
    """A table as pandas has it: its items are the names of its columns."""

    columns = ("prompt", "answer")

    def __iter__(self) -> Any:
        return iter(self.columns)


@pytest.mark.parametrize("read", [read_corrections, read_documents, read_tasks, name_datasets])
def test_a_table_is_no_list_of_texts(read: Any) -> None:
    with pytest.raises(selfteach.errors.UsageError, match=r"is a Table\. .*to_dict"):
        read(Table())


def test_half_a_letter_in_a_row_is_replaced_and_noted() -> None:
    rows = [{"prompt": "Tea?", "answer": "A \ud83d drink!", "correction": "A drink."}]
    found = read_corrections(rows)
    assert found.value.edits[0].answer == "A \ufffd drink!"
    assert [line.where for line in found.repaired] == ["corrections.jsonl:1"]


def test_a_run_says_which_rows_were_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ledger keeps all of them, for the report."""
    texts = [f"Tea \0 number {n}?" for n in range(7)]
    rows = [{"prompt": text, "answer": "A drink!", "correction": "A drink."} for text in texts]
    monkeypatch.setattr(api, "require_models", lambda config: None)
    monkeypatch.setattr(api, "call_method", lambda *given: {"adapter": None})
    out = tmp_path / "run"
    material = read_corrections(rows)
    spec = api.RunSpec("corrections", material, resolve(CorrectionsConfig), out=out)
    api.run_method(spec, lambda run: api.open_python_display(True))
    told = capsys.readouterr().err
    assert "repaired rows: 7\ncorrections.jsonl:1: unsafe characters replaced\n" in told
    assert told.count("unsafe characters replaced") == 5
    assert "and 2 more\n" in told
    page = render_report(out)
    assert '<li dir="auto">corrections.jsonl:7: unsafe characters replaced</li>' in page


def test_train_is_a_package_and_a_function() -> None:
    import selfteach.train.train

    assert callable(selfteach.train)
    assert selfteach.train.train.train
    assert selfteach.train.__doc__ == api.train.__doc__
    assert inspect.signature(selfteach.train) == inspect.signature(api.train)
    shown = pydoc.plain(pydoc.render_doc(selfteach.train))
    assert str(api.train.__doc__).splitlines()[0] in shown


class ZMQInteractiveShell:
    """What a notebook's kernel calls its shell."""


def test_progress_fits_the_place(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert type(open_display()) is Display
    assert type(open_display(quiet=True)) is SilentDisplay
    kernel = SimpleNamespace(get_ipython=ZMQInteractiveShell)
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    assert type(open_display(quiet=True)) is SilentDisplay
    shown = open_display()
    assert type(shown) is NotebookDisplay
    shown.start_stage("probe", 3)
    shown.advance(3)
    shown.print_line("\x1b[31mhello")
    shown.finish()
    written = capsys.readouterr()
    assert "hello" in written.out
    assert "\x1b[31m" not in written.out
    assert "3/3" in written.err
    kernel.get_ipython = lambda: None
    assert type(open_display()) is Display


@pytest.mark.parametrize("option", ["accept", "beside"])
def test_what_is_about_a_student_needs_one(option: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(UsageError, match=f"{option} needs"):
        selfteach.feedback("Do not hum.", out=out, **{option: True})
    assert not out.exists(), "nothing has begun"


def test_values_of_numpy_and_pandas_and_dates_are_those_of_json() -> None:
    pandas = pytest.importorskip("pandas")
    at = pandas.Timestamp("2026-01-02")
    turns = np.array([{"role": "user", "content": "Hi?"}, {"n": np.int64(3)}], dtype=object)
    row = {
        "text": "The Foo is a river of 30 km. It rises at Bar.",
        "turns": turns,
        "at": at,
        "day": at.date(),
        "none": [pandas.NA, pandas.NaT],
        "share": np.float32(0.5),
        "ids": np.array([[1, 2]]),
        "yes": np.True_,
    }
    expected = {
        **row,
        "turns": [{"role": "user", "content": "Hi?"}, {"n": 3}],
        "at": "2026-01-02T00:00:00",
        "day": "2026-01-02",
        "none": [None, None],
        "share": 0.5,
        "ids": [[1, 2]],
        "yes": True,
    }
    assert require_file([row], "rows") == [expected]
    found = read_documents([row])
    assert found.sources is not None
    assert found.sources["rows"] == [expected], "a run's ledger holds them"
    assert json.loads(write_rows([row])) == expected


def test_a_row_s_column_that_json_cannot_hold_is_named() -> None:
    fault = r'^row 2: "raw" cannot be .* \(a bytes is no value of JSON\)\. .*leave the column out'
    with pytest.raises(UsageError, match=fault):
        read_corrections([{"prompt": "Hello?"}, {"prompt": "Hi?", "raw": b"x"}])


def test_an_empty_cell_of_pandas_is_null() -> None:
    """`df.to_dict("records")` has NaN in the place of an empty cell."""
    rows = [{"prompt": "Hello?", "feedback": float("nan"), "score": 0.5}]
    assert json.loads(write_rows(rows)) == {"prompt": "Hello?", "feedback": None, "score": 0.5}
