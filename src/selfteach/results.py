"""Results of calls from Python: a finished run, its exam, a model that answers, a comparison.

A notebook displays each of them. All text by a model or a person is escaped.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from html import escape
from math import inf
from os import PathLike
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from selfteach.errors import DataError, UsageError, describe_kind
from selfteach.files import read_jsonl
from selfteach.models.ordered import sample_each
from selfteach.models.resolve_model_path import check_model_name
from selfteach.python_words import raise_methods_with_keywords
from selfteach.records import (
    Example,
    Measure,
    Message,
    Prompt,
    Request,
    SamplingParams,
    parse_messages,
)
from selfteach.registry import did_you_mean
from selfteach.report.read_run import get_path, iterate_mappings, read_measure
from selfteach.run import finished
from selfteach.run.display import open_display
from selfteach.run.exports import check_export
from selfteach.students.folder import (
    describe_student,
    open_student,
    read_student,
)
from selfteach.students.state import StudentState
from selfteach.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfteach.models import Sampler

ARMS = ("base", "prompted", "tuned")
TARGET = "target"
"""The place of the method's own score, which has another name in exam.json."""
MAX_SEED = (1 << 32) - 1
Question = str | Sequence[Mapping[str, str]]
"""A question, or a conversation of messages with "role" and "content"."""


T = TypeVar("T")


class NamedValues(Mapping[str, T]):
    """Hold values by name."""

    def __init__(self, values: Mapping[str, T]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> T:
        """Return a value by its name."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many values there are."""
        return len(self._values)


class Scores(NamedValues[Measure]):
    """Hold the measures of one arm in one place of the exam, as attributes or by name.

    `greedy` is measured on the most likely answers, `sampled` on answers at temperature 1. A place
    with a single measure has it as `greedy`.
    """

    def __getattr__(self, name: str) -> Measure:
        """Return a measure as an attribute."""
        if name.startswith("_"):  # asked for before there are values, as by `copy` and `pickle`
            raise AttributeError(name)
        if name not in self._values:
            raise AttributeError(f"no measure {name!r}; there are: {', '.join(self.__dir__())}")
        return self._values[name]

    def __dir__(self) -> list[str]:
        """Return the names of the measures."""
        return sorted(self._values)

    def __repr__(self) -> str:
        """Show the measures with their 95 % intervals."""
        return f"Scores({', '.join(f'{k}={show_measure(m)}' for k, m in self.items())})"


class ArmScores(NamedValues[Scores]):
    """Hold the scores of one arm by their place in exam.json.

    `target` is the method's own score on held-out target questions, whatever its name: `kept` of
    feedback, `distance` of corrections, `contains` of documents, `rouge_l.seed` of tasks
    (`rouge_l.human` where no seeds are held out), `loss_nats` of train. Every other measure of
    exam.json stands under its path, for instance `near`, `sanity` or `rouge_1.seed`.
    """

    def __init__(self, name: str, places: Mapping[str, Scores]) -> None:
        super().__init__(places)
        self.name = name

    def __getitem__(self, place: str) -> Scores:
        """Return the scores of a place.

        Raises:
            KeyError: the arm was not examined there; the message lists where it was.
        """
        if place not in self._values:
            raise KeyError(f"{place!r} of {self.name}; there are: {', '.join(self._values)}")
        return self._values[place]

    def __repr__(self) -> str:
        """Show the arm and its places."""
        return f"ArmScores({self.name!r}, {list(self._values)})"


class ExamResult(NamedValues[ArmScores]):
    """Represent an exam: `exam["tuned"]["target"].greedy` is a `Measure(value, low, high, n)`.

    The arms are `base`, `prompted` (the base with the material in its prompt) and `tuned`; an arm
    that was not examined is absent. `raw` holds exam.json as it is.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        from selfteach.report.comparison import find_score

        self.raw = raw
        self.method = str(raw.get("method") or "feedback")
        found = collect_scores(raw, find_score(self.method).choose_path(raw))
        super().__init__({arm: ArmScores(arm, own) for arm, own in found.items() if own})

    @property
    def verdict(self) -> str:
        """Return the verdict in a word, for instance "taught"."""
        return str(get_path(self.raw, "verdict", "word") or "")

    @property
    def sentence(self) -> str:
        """Return the verdict in a sentence."""
        return str(get_path(self.raw, "verdict", "sentence") or "")

    def __getitem__(self, arm: str) -> ArmScores:
        """Return the scores of an arm: `base`, `prompted` or `tuned`.

        Raises:
            KeyError: the arm was not examined.
        """
        if arm not in self._values:
            raise KeyError(f"{arm!r}; there are: {', '.join(self._values)}")
        return self._values[arm]

    def __repr__(self) -> str:
        """Show the verdict."""
        return f"ExamResult({self.sentence!r})"

    def _repr_html_(self) -> str:
        """Show the verdict and a table of the arms."""
        from selfteach.report.labels import get_labels
        from selfteach.report.rows import make_result_rows

        arms = get_labels(self.raw).arms
        rows = []
        for row in make_result_rows(self.raw):
            cells = [show_measure(row["measures"].get(arm)) for arm in arms]
            rows.append([str(row["label"]), *cells])
        table = make_html_table(["", *arms.values()], rows) if rows else ""
        verdict = f"<b>{escape(clean_text(self.verdict))}</b>: {escape(clean_text(self.sentence))}"
        return f"<p>{verdict}</p>{table}"


def collect_scores(raw: Mapping[str, Any], target: tuple[str, ...]) -> dict[str, dict[str, Scores]]:
    """Return the scores of each arm by their place; the target comes first."""
    found: dict[str, dict[str, Scores]] = {arm: {} for arm in ARMS}
    for path, tree in iterate_mappings(raw):
        for arm in ARMS:
            measures = read_measures(tree.get(arm))
            if not measures:
                continue
            if path == target:
                found[arm] = {TARGET: Scores(measures), **found[arm]}
            found[arm][".".join(path)] = Scores(measures)
    return found


def read_measures(value: Any) -> dict[str, Measure]:
    """Return the measures below an arm: one alone as `greedy`, several by their names."""
    alone = read_measure(value)
    parts = value.items() if isinstance(value, Mapping) and alone is None else ()
    found = {"greedy": alone, **{name: read_measure(part) for name, part in parts}}
    return {name: measure for name, measure in found.items() if measure is not None}


def show_measure(found: Measure | None) -> str:
    """Write a measure with its 95 % interval."""
    if found is None:
        return "-"
    if not found.has_interval:
        return f"{found.value:.3g} (no interval)"
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"


def make_html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an HTML table, every cell escaped."""
    lines = []
    for tag, cells in [("th", head), *(("td", row) for row in rows)]:
        written = "".join(f"<{tag}>{escape(clean_text(cell))}</{tag}>" for cell in cells)
        lines.append(f"<tr>{written}</tr>")
    return f"<table>{''.join(lines)}</table>"


@raise_methods_with_keywords
class AnsweringModel:
    """Answer questions with a loaded model, with or without an adapter."""

    def __init__(self, sampler: Sampler, notes: Sequence[str] = ()) -> None:
        self.sampler = sampler
        self.notes = tuple(notes)

    @property
    def name(self) -> str:
        """Return the name of the model."""
        return self.sampler.name

    @overload
    def answer(  # type: ignore[overload-overlap]  # a text is a sequence of texts
        self,
        questions: str,
        *,
        system: str = ...,
        temperature: float = ...,
        max_tokens: int = ...,
        seed: int = ...,
    ) -> str: ...

    @overload
    def answer(
        self,
        questions: Sequence[Question],
        *,
        system: str = ...,
        temperature: float = ...,
        max_tokens: int = ...,
        seed: int = ...,
    ) -> list[str]: ...

    def answer(
        self,
        questions: str | Sequence[Question],
        *,
        system: str = "",
        temperature: float = 0.0,
        max_tokens: int = 128,
        seed: int = 0,
    ) -> str | list[str]:
        """Answer one question, or several in their order.

        Args:
            questions: a text; or a list of texts and conversations. An empty list gives an empty
                one.
            system: a system message before every question.
            temperature: 0 takes the most likely answer.
            max_tokens: the maximum length of an answer.
            seed: the seed of the sampling.

        Raises:
            UsageError: a value that nothing can be sampled with, or that is no question.
            DataError: a conversation is of another form, or too long for the model, or the
                model gave no answer.
        """
        requests = make_requests(questions, system, temperature, max_tokens, seed)
        names = [f"question {number}" for number in range(1, len(requests) + 1)]
        found = [done.text for done in sample_each(self.sampler, requests, names)]
        return found[0] if isinstance(questions, str) else found

    def __repr__(self) -> str:
        """Show the name."""
        return f"AnsweringModel({self.name!r})"


def make_requests(
    questions: str | Sequence[Question],
    system: str = "",
    temperature: float = 0.0,
    max_tokens: int = 128,
    seed: int = 0,
) -> list[Request]:
    """Return the requests of one question, or of several in their order.

    Raises:
        UsageError: a value that nothing can be sampled with, or that is no question.
        DataError: a question of another form.
    """
    given: Any = questions
    if not isinstance(given, str | Sequence):
        raise UsageError(
            f"{describe_kind(given)} is no question.",
            where="questions",
            cure="Give a text, or a list of texts and conversations.",
        )
    if not isinstance(system, str):
        raise UsageError(f"is {describe_kind(system)}.", where="system", cure="Give a text.")
    check_number("temperature", temperature, int | float, "0 is greedy.")
    check_number("max_tokens", max_tokens, int, "The default is 128.", at_least=1)
    check_number("seed", seed, int, "The default is 0.", at_least=0, at_most=MAX_SEED)
    sampling = SamplingParams(temperature=temperature, max_tokens=max_tokens)
    return [
        Request("answer", read_question(question, system, number), sampling, 0, seed)
        for number, question in enumerate([given] if isinstance(given, str) else given, start=1)
    ]


def check_number(
    name: str,
    value: object,
    kind: type | UnionType,
    cure: str,
    at_least: float = -inf,
    at_most: float = inf,
) -> None:
    """Check the value of a keyword.

    Raises:
        UsageError: it is no number of its kind, or outside its bounds.
    """
    if not isinstance(value, kind) or isinstance(value, bool):
        what = "must be a whole number" if kind is int else "must be a number"
        raise UsageError(f"{what}, not {describe_kind(value)}.", where=name, cure=cure)
    number: Any = value
    if number < at_least:
        raise UsageError(f"must be at least {at_least}.", where=name, cure=cure)
    if number > at_most:
        raise UsageError(f"must be at most {at_most}.", where=name, cure=cure)


def check_flags(**flags: object) -> None:
    """Check keywords that are True or False: a text such as "no" would count as True. None
    counts as False, as in Python.

    Raises:
        UsageError: one is of another kind.
    """
    for name, value in flags.items():
        if value not in (True, False, None):
            raise UsageError(f"{describe_kind(value)} is not True or False.", where=name)


def list_values(values: Any, alone: type | UnionType, where: str) -> list[Any]:
    """Return the values of a keyword; one alone is a list of one.

    Raises:
        UsageError: it is no list.
    """
    if isinstance(values, alone):
        return [values]
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise UsageError(
            f"{describe_kind(values)} is no list.",
            where=where,
            cure="Give a list, or leave it out.",
        )
    return list(values)


def check_lesson_names(names: Iterable[object]) -> None:
    """Check names of lessons.

    Raises:
        UsageError: one is no text.
    """
    for name in names:
        if not isinstance(name, str):
            raise UsageError(
                f"{describe_kind(name)} is no name of a lesson.", cure="Give each name as a text."
            )


def read_question(question: Question, system: str, number: int) -> Prompt:
    """Return a question as a prompt.

    Raises:
        DataError: it is of another form, or has no turn of a user.
    """
    where = f"question {number}"
    if isinstance(question, Mapping) and "role" in question:
        raise DataError(
            "a message alone is no question.",
            where=where,
            cure='A conversation is a list in the list: [[{"role": "user", "content": "..."}]].',
        )
    if not isinstance(question, str | Sequence):
        raise DataError(
            f"{describe_kind(question)} is no question.",
            where=where,
            cure='Give a text, or a list of {"role": "user", "content": "..."}.',
        )
    prompt = parse_messages(question if isinstance(question, str) else list(question), where)
    if not any(turn.role == "user" for turn in prompt):
        raise DataError(
            "has no message of the user; the model would write one instead of an answer.",
            where=where,
            cure='Add {"role": "user", "content": "..."}.',
        )
    if not system:
        return prompt
    return (Message("system", clean_text(system)), *prompt)


def load_model(
    model: str,
    adapter: Path | None = None,
    engine: str = "auto",
    gguf: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> AnsweringModel:
    """Load a model, and an adapter on top of it, for answering.

    Args:
        model: "embedded", a hub name, or a folder.
        engine: auto, openvino, hf, paged, ray, or a server that serves the model: URL#NAME.
        gguf: the folder in which merged weights are kept for the engine.
        progress: receives one line at a time.

    Raises:
        UsageError: there is no such model or engine.
        IntegrityError: the adapter belongs to another base.
    """
    from selfteach.models.engines import check_engine_name, choose_sampler, open_kept_sampler

    if not isinstance(engine, str):
        raise UsageError(f"is {describe_kind(engine)}.", where="--engine", cure="Give a name.")
    check_engine_name(engine)
    if gguf and (kept := open_kept_sampler(model, adapter, engine, gguf)):
        return AnsweringModel(
            kept, [*kept.notes, "engine openvino: it has its own file, so no weights are loaded"]
        )
    from selfteach.models.hf import HfModel

    loaded = HfModel.load(model, adapter=adapter, progress=progress)
    opened = choose_sampler(loaded, engine, gguf, adapter=adapter)  # type: ignore[arg-type]
    return AnsweringModel(
        opened.sampler, [*loaded.notes, f"engine {opened.engine}: {opened.reason}"]
    )


def open_model(
    run: Path | None,
    model: str | None,
    adapter: str = "",
    engine: str = "auto",
    progress: Callable[[str], None] = lambda line: None,
) -> AnsweringModel:
    """Load the tuned model of a run, or a model alone.

    Args:
        progress: receives one line at a time.

    Raises:
        UsageError: both a run and a model or neither, or no such adapter.
    """
    check_answering_model(run, model, adapter)
    if run is None:
        return load_model(model or "", None, engine, get_engine_folder(), progress)
    folder = finished.find_adapter(run, adapter)
    base = finished.read_base_name(run)
    return load_model(base, folder, engine, get_engine_folder("tuned"), progress)


def get_engine_folder(name: str = "engine") -> Path:
    """Return the cache's folder of the engine's files, by the fingerprints of their weights.

    Those of tuned models have a folder of their own, so that they do not push out the base's.
    """
    from selfteach.models.fetch_default_model import get_cache_folder

    return get_cache_folder() / name


def check_answering_model(run: Path | None, model: str | None, adapter: str = "") -> None:
    """Check that it is clear which model answers, before anything is loaded.

    Raises:
        UsageError: both a run and a model or neither, an adapter without a run, or there is no such
            run, adapter or model.
    """
    if (run is None) == (model is None):
        raise UsageError(
            "give either --run DIR or --model M.",
            cure="--run answers with the tuned model of a run, --model with another model.",
        )
    if run is None and adapter:
        raise UsageError("names an adapter of a run.", where="--adapter", cure="Give --run DIR.")
    if run is None:
        check_model_name(model or "")
    else:
        finished.find_adapter(run, adapter)


@raise_methods_with_keywords
@dataclass(frozen=True)
class Student:
    """Represent a student: a base and its lessons in order.

    Each change is on disk when the call returns. `adapter` is a PEFT folder with the exact sum of
    the lessons that are on.

    Attributes:
        path: the student's folder.
    """

    path: Path

    def read(self) -> StudentState:
        """Return what the student's database holds now.

        Raises:
            UsageError: there is no student.
        """
        return read_student(self.path)

    @property
    def lessons(self) -> list[str]:
        """Return the names of the lessons, in the order in which they were taught."""
        return [lesson.name for lesson in self.read().lessons]

    @property
    def adapter(self) -> Path | None:
        """Return the folder of the student's adapter; None where no lesson is on.

        Raises:
            IntegrityError: it is not as it was written, or not that of the lessons that are on.
        """
        has_parts = bool(self.read().list_parts())
        return finished.find_adapter(self.path) if has_parts else None

    def describe(self) -> dict[str, Any]:
        """Return what `selfteach student show --json` prints, the matrix among it."""
        return describe_student(self.path, self.read())

    def add(
        self,
        run: RunLike,
        *,
        accept: bool = False,
        beside: bool = False,
        instead_of: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Make a finished run the next lesson; return the student as JSON. A run that is a lesson
        already stays it, with a warning about what is not done.

        Args:
            beside: train it once more, beside the other lessons.
            instead_of: lessons that it counts instead of, which are switched off.

        Raises:
            LessonRefused: the gate refuses it; the student is as before.
        """
        from selfteach.students.beside import train_beside
        from selfteach.students.examine import examine_with
        from selfteach.students.lessons import add_lesson, find_lesson_of_run

        check_flags(accept=accept, beside=beside)
        instead_of = list_values(instead_of, str, "instead_of")
        check_lesson_names(instead_of)
        folder = get_run_path(run)
        display = open_display(quiet=True)
        train = partial(train_beside, display=display) if beside else None
        notes: list[str] = []
        with open_student(self.path) as opened:
            is_known = find_lesson_of_run(opened.state, folder) is not None
            add_lesson(
                opened,
                folder,
                examine_with(display),
                accept=accept,
                instead_of=instead_of,
                beside=train,
                say=notes.append if is_known else lambda line: None,
            )
        for note in notes:
            warnings.warn(note, stacklevel=3)  # behind the wrapper: the line of the caller
        return self.describe()

    def remove(self, lesson: str) -> None:
        """Take a lesson back, as if it had never been taught."""
        from selfteach.students.take_back import remove_lesson

        check_lesson_names([lesson])
        with open_student(self.path) as opened:
            remove_lesson(opened, lesson)

    def retrain(self, lesson: str, *, alone: bool = False, accept: bool = False) -> dict[str, Any]:
        """Train a lesson again beside the others that are on; return the student as JSON.

        Args:
            alone: take the adapter that was trained alone, and train nothing.

        Raises:
            LessonRefused: a lesson became worse by it; the student is as before.
        """
        from selfteach.students.beside import restore_alone, retrain_beside
        from selfteach.students.examine import examine_with

        check_lesson_names([lesson])
        check_flags(alone=alone, accept=accept)
        with open_student(self.path) as opened:
            if alone:
                restore_alone(opened, lesson)
            else:
                display = open_display(quiet=True)
                retrain_beside(opened, lesson, examine_with(display), display, accept=accept)
        return self.describe()

    def switch(self, *lessons: str, on: bool) -> None:
        """Switch lessons on or off, without training."""
        from selfteach.students.take_back import switch_lessons

        check_lesson_names(lessons)
        check_flags(on=on)
        with open_student(self.path) as opened:
            switch_lessons(opened, lessons, on=bool(on))

    def sit_exams(self) -> dict[str, Any]:
        """Sit the exams of all lessons that are on; return the student as JSON."""
        from selfteach.students.examine import examine_with
        from selfteach.students.lessons import sit_exams

        with open_student(self.path) as opened:
            sit_exams(opened, examine_with(open_display(quiet=True)))
        return self.describe()

    def consolidate(self, *, accept: bool = False) -> dict[str, Any]:
        """Train one adapter on the examples of all lessons; return the student as JSON.

        Raises:
            LessonRefused: a lesson became worse by it; the student is as before.
        """
        from selfteach.students.consolidate import consolidate
        from selfteach.students.examine import examine_with

        check_flags(accept=accept)
        with open_student(self.path) as opened:
            display = open_display(quiet=True)
            consolidate(opened, examine_with(display), display, accept=accept)
        return self.describe()

    def model(self, engine: str = "auto") -> AnsweringModel:
        """Load the student for answering."""
        adapter = self.adapter
        folder = get_engine_folder("tuned" if adapter else "engine")
        return load_model(self.read().base, adapter, engine, folder)


@raise_methods_with_keywords
@dataclass(frozen=True)
class FinishedRun:
    """Represent a finished run.

    Attributes:
        path: the run folder, from the root: a notebook may change its folder.
    """

    path: Path
    _loaded: dict[str, AnsweringModel] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def result(self) -> dict[str, Any]:
        """Return the JSON that the run's command prints with --json."""
        return finished.read_result(self.path)

    @cached_property
    def exam(self) -> ExamResult:
        """Return the exam: `exam["tuned"]["target"].greedy` is a `Measure`; see `ExamResult`."""
        return ExamResult(finished.read_exam(self.path))

    @property
    def verdict(self) -> str:
        """Return the verdict in a word, for instance "just prompt it"."""
        return self.exam.verdict

    @property
    def sentence(self) -> str:
        """Return the verdict in a sentence, with its numbers."""
        return self.exam.sentence

    @property
    def adapter(self) -> Path | None:
        """Return the folder of the trained adapter; None if there was nothing to learn.

        Raises:
            IntegrityError: it is not as the run wrote it.
        """
        check_export(self.path, finished.ADAPTER_FOLDER)
        return finished.list_adapters(self.path).get(finished.RUN_ADAPTER)

    @property
    def report(self) -> Path:
        """Return the path of the report, an HTML page."""
        return self.path / finished.REPORT_FILE

    @property
    def base(self) -> str:
        """Return the name of the base model."""
        return finished.read_base_name(self.path)

    def examples(self) -> list[Example]:
        """Return the training examples, in the order of examples.jsonl.

        Raises:
            IntegrityError: the file is not as the run wrote it.
        """
        check_export(self.path, finished.EXAMPLES_FILE)
        rows = read_jsonl(self.path / finished.EXAMPLES_FILE)
        return [Example.from_json(row, where) for where, row in rows]

    def model(self, adapter: str = "", engine: str = "auto") -> AnsweringModel:
        """Load the base with the run's adapter; a second call returns the same model.

        If the run trained nothing, this is the base.

        Args:
            adapter: another adapter of the run than its final one.
            engine: auto, openvino, hf, paged, ray, or a server that serves the model: URL#NAME.

        Raises:
            UsageError: there is no adapter of that name.
        """
        key = f"{adapter} {engine}"
        if key not in self._loaded:
            folder = finished.find_adapter(self.path, adapter) if adapter else self.adapter
            gguf = get_engine_folder("tuned") if folder else None
            self._loaded[key] = load_model(self.base, folder, engine, gguf)
        return self._loaded[key]

    def _repr_html_(self) -> str:
        """Show the verdict, a table of the arms, and a link to the report."""
        link = escape(self.report.resolve().as_uri(), quote=True)
        folder = escape(clean_text(str(self.path)))
        below = f'<p><a href="{link}">report</a> of <code>{folder}</code></p>'
        return self.exam._repr_html_() + below


RunLike = str | Path | FinishedRun
"""A run, or the path of its folder."""


def get_run_path(run: RunLike) -> Path:
    """Return the folder of a run.

    Raises:
        UsageError: it is no path.
    """
    if isinstance(run, FinishedRun):
        return run.path
    refuse_no_path(run, "run")
    return Path(run)


def refuse_no_path(value: object, where: str, cure: str = "Give a path.") -> None:
    """Refuse what is no path: an empty one would be the current folder.

    Raises:
        UsageError: the value is empty or of another kind.
    """
    if isinstance(value, str | PathLike) and value != "":
        return
    what = "is empty." if value == "" else f"{describe_kind(value)} is no path."
    raise UsageError(what, where=where, cure=cure)


@dataclass(frozen=True)
class ComparisonResult:
    """Represent a comparison of adapters and objectives on the examples of one run.

    Attributes:
        path: the folder with compare.json and compare.svg.
        raw: compare.json as it is.
    """

    path: Path
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return one mapping per adapter and objective: name, score, near, kl_nats, ..."""
        return [dict(row) for row in self.raw["rows"]]

    @property
    def base(self) -> dict[str, Any]:
        """Return the base and the prompted base, in the same numbers."""
        return dict(self.raw["base"])

    @property
    def left_out(self) -> dict[str, str]:
        """Return the adapters and objectives that were not compared, with the reason."""
        return dict(self.raw["left_out"])

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return a row by its name, for instance "lora-own".

        Raises:
            UsageError: there is none.
        """
        by_name = {row["name"]: row for row in self.rows}
        if name not in by_name:
            raise UsageError(f'there is no row "{name}".', cure=did_you_mean(name, by_name))
        return by_name[name]

    def _repr_html_(self) -> str:
        """Show a table of scores, side effects and drift."""
        head = ["", str(self.raw["score"]), "near", "general", "KL, nats a token"]
        rows = []
        for name, row in {**self.base, **{row["name"]: row for row in self.rows}}.items():
            keys = ("score", "near", "general", "kl_nats")
            cells = [show_measure(read_measures(row.get(key)).get("greedy")) for key in keys]
            rows.append([str(name), *cells])
        notes = [
            f"<li>{escape(clean_text(f'{k}: {why}'))}</li>" for k, why in self.left_out.items()
        ]
        below = f"<p>left out:</p><ul>{''.join(notes)}</ul>" if notes else ""
        return make_html_table(head, rows) + below
