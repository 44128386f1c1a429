"""The Python API: a function for each way of teaching.

    import selfteach
    run = selfteach.feedback("Do not talk about elephants.", model="Qwen/Qwen3-0.6B")
    run.verdict                             # "taught"
    run.exam["tuned"]["target"].greedy      # Measure(value=1.0, low=0.91, high=1.0, n=40)
    run.model().answer("Tell me a story about an elephant.")

Keywords of all functions that teach:

- settings by section, as `selfteach config METHOD` prints them: `ask={"target": 200}`, `seed=1`;
- `config`: a YAML file of settings; `sets`: settings as after `--set`, "ask.target=200". Keywords
  win over `sets`, `sets` over `config`;
- `out`: the run folder, by default runs/<date>-<material>;
- `from_run`: start from the adapter of another run;
- `new`: start a new run even if this one exists already; the old one is kept;
- `student`: the name or the folder of a student, whose next lesson this run becomes (not `train`);
- `accept`: add the lesson also where it weakens another one;
- `beside`: train it once more beside the student's other lessons, which are on meanwhile;
- `progress`: "auto" shows the progress in a terminal, a notebook or as lines; False hides it.

The same call resumes an unfinished run, and returns the result of a finished one. The settings and
the content of the material identify a run, so an edited file makes another run.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from selfteach import registry
from selfteach.config import ResolvedConfig, list_unread, resolve
from selfteach.config.methods import find_settings
from selfteach.errors import UsageError, describe_kind
from selfteach.extras import require_extra
from selfteach.files import hash_file, read_jsonl
from selfteach.materials.columns import invert_columns
from selfteach.materials.corrections import KEYS
from selfteach.materials.rows import summarize_repaired
from selfteach.methods.corrections import read_corrections as corrections_material
from selfteach.methods.documents import read_documents as documents_material
from selfteach.methods.documents.read_documents import DocumentSource
from selfteach.methods.feedback import read_rule as feedback_material
from selfteach.methods.finetune.read_datasets import ExampleSource, parse_dev, refuse_too_little
from selfteach.methods.finetune.read_datasets import read_material as read_train_material
from selfteach.methods.finished_result import find_result
from selfteach.methods.input_sources import (
    Source,
    describe_repaired,
    identify_earlier_adapter,
    identify_same_earlier_adapter,
)
from selfteach.methods.method import Material
from selfteach.methods.read_again import read_again, read_plug_in
from selfteach.methods.tasks import read_tasks as tasks_material
from selfteach.models.engines import AUTO, check_engine_name
from selfteach.models.resolve_model_path import (
    check_model_name,
    check_teacher_name,
    is_local_teacher,
    require_model,
)
from selfteach.records import Example, JsonMapping
from selfteach.registry import did_you_mean
from selfteach.results import (
    ComparisonResult,
    FinishedRun,
    Question,
    RunLike,
    Student,
    check_flags,
    get_run_path,
    list_values,
    make_requests,
    open_model,
    refuse_no_path,
)
from selfteach.run import finished, processes
from selfteach.run.display import Display, open_display
from selfteach.run.exports import check_export
from selfteach.run.ledger import ADOPTED_NOTE
from selfteach.run.run_folder import Run, find_standing_run
from selfteach.run.run_folder import open_run as open_folder
from selfteach.students.folder import (
    describe_student,
    find_student_folder,
    is_student,
    read_student,
)

if TYPE_CHECKING:
    from selfteach.methods.compare.cells import Comparison

Progress = bool | Literal["auto"]
PathLike = str | Path
SHARED = ("out", "config", "sets", "from_run", "new", "progress")
"""Keywords of every function that teaches, in addition to its settings."""
OF_STUDENTS = ("student", "accept", "beside")
"""Further keywords of those whose runs can become lessons."""
MAX_VALUE_CHARS = 2000
"""The maximum characters of a Python value in `reproduce`; the name replaces a longer one."""


@dataclass(frozen=True)
class RunSpec:
    """Hold the material, the settings and the folder of a run.

    Attributes:
        method: its name in the registry.
        out: the run folder; None for one below runs/.
        from_run: the folder of the run whose adapter this one starts from.
        new: start a new run.
        command: the Python call that resumes the run; "" is this process's command line.
        before: called with the open run before the method.
    """

    method: str
    material: Material
    resolved: ResolvedConfig
    out: Path | None = None
    from_run: Path | None = None
    new: bool = False
    command: str = ""
    before: Callable[[Run], object] = field(default=lambda run: None)


ShowProgress = Callable[[Run], AbstractContextManager[Display]]
"""Opens the display of a run, for the time that the run works."""


@dataclass(frozen=True)
class PythonCall:
    """Hold a method and the arguments that every function that teaches takes."""

    method: str
    settings: Mapping[str, Any]
    out: PathLike | None
    config: PathLike | None
    sets: Sequence[str]
    from_run: RunLike | None
    new: bool = False
    progress: Progress = "auto"
    student: PathLike | None = None
    accept: bool = False
    beside: bool = False

    def resolve(self, more: Mapping[str, Any] | None = None) -> ResolvedConfig:
        """Return the configuration of the method.

        Args:
            more: further settings, over which the given ones win.

        Raises:
            UsageError: an unknown keyword, with the nearest known one, or a value that does not
                fit.
        """
        schema = find_settings(self.method)
        known = [*schema.model_fields, *getattr(schema, "KEY_ALIASES", {}), *SHARED]
        if self.method != "train":
            known += OF_STUDENTS
        settings = {**(more or {}), **self.settings}
        for name in settings:
            if name.partition(".")[0] not in known:
                raise UsageError(
                    f'there is no keyword "{name}".',
                    where=f"selfteach.{self.method}",
                    cure=did_you_mean(name, known),
                )
        settings = {name: convert_paths(value) for name, value in settings.items()}
        self.check_paths()
        check_flags(new=self.new, accept=self.accept, beside=self.beside)
        file = None if self.config is None else Path(self.config)
        resolved = resolve(schema, file, list_sets(self.sets), settings, "Python")
        return use_student_base(self.student, resolved)

    def check_paths(self) -> None:
        """Refuse what is no path: an empty one would be the current folder.

        Raises:
            UsageError: a value is empty or of another kind.
        """
        for name in ("out", "config", "from_run", "student"):
            value = getattr(self, name)
            is_run = name == "from_run" and isinstance(value, FinishedRun)
            if value is None or is_run:
                continue
            cure = "Give a path, or leave it out."
            if name == "config" and isinstance(value, Mapping):
                cure = 'Settings are keywords: train={"epochs": 2}; config is a file or a preset.'
            refuse_no_path(value, f"{name} of selfteach.{self.method}", cure)

    def teach(
        self,
        material: Material,
        resolved: ResolvedConfig,
        arguments: Sequence[Any],
        own: Mapping[str, Any] | None = None,
        function: str = "",
    ) -> FinishedRun:
        """Teach material that the function has read.

        Args:
            arguments: the function's arguments by position.
            own: its keywords that the other functions do not have.
            function: its name, if it is not that of the method.
        """
        folder = None if self.out is None else Path(self.out)
        earlier = None if self.from_run is None else get_run_path(self.from_run)
        shared = {
            "out": self.out,
            "config": self.config,
            "sets": list_sets(self.sets),
            "from_run": earlier,
            "student": self.student,
            "accept": self.accept,
            "beside": self.beside,
        }
        keywords = {**(own or {}), **shared}
        command = write_expression(function or self.method, arguments, keywords, self.settings)
        spec = RunSpec(self.method, material, resolved, folder, earlier, self.new, command)
        refuse_no_student(self.student, accept=self.accept, beside=self.beside)
        refuse_no_lesson(self.student, self.method, resolved.config, earlier)
        run = teach_run(spec, self.progress)
        if self.student is not None:
            with open_python_display(self.progress) as display:
                add_lesson(
                    self.student,
                    run.path,
                    display,
                    material.name,
                    accept=self.accept,
                    beside=self.beside,
                )
        return run


def feedback(
    rule: str,
    *,
    out: PathLike | None = None,
    config: PathLike | None = None,
    sets: Sequence[str] = (),
    from_run: RunLike | None = None,
    new: bool = False,
    student: PathLike | None = None,
    accept: bool = False,
    beside: bool = False,
    progress: Progress = "auto",
    **settings: Any,
) -> FinishedRun:
    """Teach a rule in plain words.

    Args:
        rule: for instance "Do not talk about elephants."
        settings: of `selfteach config feedback`, for instance model, teacher, check,
            ask={"target": 200}.

    Raises:
        UsageError: an unknown setting, or a folder that holds another run.
        DataError: the rule is empty, or a document.
    """
    shared = (out, config, sets, from_run, new, progress, student, accept, beside)
    call = PythonCall("feedback", settings, *shared)
    resolved = call.resolve()
    found = feedback_material.read_material(rule)
    feedback_material.check_settings(resolved.config, rule)
    return call.teach(found, resolved, [rule])


def corrections(
    edits: Source = None,
    *,
    prompts: Source = None,
    columns: Mapping[str, str] | str | None = None,
    skip_bad_rows: bool = False,
    out: PathLike | None = None,
    config: PathLike | None = None,
    sets: Sequence[str] = (),
    from_run: RunLike | None = None,
    new: bool = False,
    student: PathLike | None = None,
    accept: bool = False,
    beside: bool = False,
    progress: Progress = "auto",
    **settings: Any,
) -> FinishedRun:
    """Teach corrections of the model's answers by a person, a program or a stronger model.

    Args:
        edits: a file, or rows with prompt, answer and correction.
        prompts: a file, or texts, whose answers the teacher corrects.
        columns: other names of columns in the rows: {"correction": "fixed"}, the name of the rows
            behind ours.
        skip_bad_rows: leave unusable rows out, and name them.
        settings: of `selfteach config corrections`, for instance model, teacher, rounds.

    Raises:
        UsageError: an unknown setting, nothing to correct, or nobody who corrects.
        DataError: there is too little for the training and the exam.
    """
    shared = (out, config, sets, from_run, new, progress, student, accept, beside)
    call = PythonCall("corrections", settings, *shared)
    resolved = call.resolve()
    corrections_material.check_settings(edits, prompts, resolved.config)
    own: dict[str, Any] = {"prompts": prompts, "columns": columns, "skip_bad_rows": skip_bad_rows}
    named = columns
    if not isinstance(columns, Mapping | str | None):
        raise UsageError(
            f"{describe_kind(columns)} names no columns.",
            where="--columns",
            cure='Write them like {"correction": "fixed"}.',
        )
    if isinstance(columns, Mapping):
        named = invert_columns(columns.items(), KEYS)
    found = corrections_material.read_material(
        edits, **{**own, "columns": named}, max_bad_rows=resolved.config.max_bad_rows
    )
    corrections_material.refuse_too_little(found.value, resolved.config)
    return call.teach(found, resolved, [edits], own)


def documents(
    documents: DocumentSource,
    *,
    questions: Source = None,
    out: PathLike | None = None,
    config: PathLike | None = None,
    sets: Sequence[str] = (),
    from_run: RunLike | None = None,
    new: bool = False,
    student: PathLike | None = None,
    accept: bool = False,
    beside: bool = False,
    progress: Progress = "auto",
    **settings: Any,
) -> FinishedRun:
    """Teach the content of documents.

    Args:
        documents: files or folders; or rows with "text", and perhaps "title" and "questions".
        questions: a file, or rows, with questions by people and answers, for the exam alone.
        settings: of `selfteach config documents`, for instance model, teacher, study.

    Raises:
        UsageError: an unknown setting, or a folder that holds another run.
        DataError: nothing can be read, or there is too little for the training and the exam.
    """
    shared = (out, config, sets, from_run, new, progress, student, accept, beside)
    call = PythonCall("documents", settings, *shared)
    resolved = call.resolve()
    found = documents_material.read_material(documents, questions=questions)
    documents_material.refuse_too_little(found.value, resolved.config)
    if resolved.config.select.nli:
        check_model_name(resolved.config.select.nli)
    return call.teach(found, resolved, [documents], {"questions": questions})


def tasks(
    seeds: Source = None,
    *,
    test: Source = None,
    skip_bad_rows: bool = False,
    out: PathLike | None = None,
    config: PathLike | None = None,
    sets: Sequence[str] = (),
    from_run: RunLike | None = None,
    new: bool = False,
    student: PathLike | None = None,
    accept: bool = False,
    beside: bool = False,
    progress: Progress = "auto",
    **settings: Any,
) -> FinishedRun:
    """Teach to follow instructions: the model invents tasks from a few worked ones and learns them.

    Args:
        seeds: a file, or rows with instruction, input and output; by default the package's own.
        test: tasks by people, for the exam alone.
        skip_bad_rows: leave unusable rows out, and name them.
        settings: of `selfteach config tasks`, for instance model, teacher, mode, count.

    Raises:
        UsageError: an unknown setting, or settings that do not fit together.
        DataError: too few seeds.
    """
    shared = (out, config, sets, from_run, new, progress, student, accept, beside)
    call = PythonCall("tasks", settings, *shared)
    resolved = call.resolve()
    tasks_material.check_settings(resolved.config)
    own: dict[str, Any] = {"test": test, "skip_bad_rows": skip_bad_rows}
    found = tasks_material.read_material(seeds, **own, max_bad_rows=resolved.config.max_bad_rows)
    tasks_material.refuse_too_little(found.value, resolved.config)
    return call.teach(found, resolved, [seeds], own)


def train(
    examples: ExampleSource,
    *,
    dev: Source | Sequence[Example] | float = None,
    skip_bad_rows: bool = False,
    out: PathLike | None = None,
    config: PathLike | None = None,
    sets: Sequence[str] = (),
    from_run: RunLike | None = None,
    new: bool = False,
    progress: Progress = "auto",
    **settings: Any,
) -> FinishedRun:
    """Train an adapter on your own examples.

    Args:
        examples: files, each a dataset; or rows (messages, prompt with chosen or completion,
            alpaca, sharegpt); or `Example`s.
        dev: the examples for measuring the loss: a file, rows, `Example`s, or a share of the
            prompts.
        skip_bad_rows: leave unusable rows out, and name them.
        settings: of `selfteach config train`, for instance model, train={"adapter": "reft"}.

    Raises:
        UsageError: an unknown setting, two datasets of one name, or several processes.
        DataError: nothing in them can be used.
    """
    if processes.count_processes() > 1:
        raise UsageError(
            "several processes train from the command line alone.",
            cure="Use `accelerate launch -m selfteach train ... --out DIR`.",
        )
    call = PythonCall("train", settings, out, config, sets, from_run, new, progress)
    held, share = parse_dev(dev)
    resolved = call.resolve({} if share is None else {"dev_share": share})
    found = read_train_material(
        examples,
        dev=held,
        skip_bad_rows=skip_bad_rows,
        max_bad_rows=resolved.config.max_bad_rows,
    )
    refuse_too_little(found.value, resolved.config)
    return call.teach(found, resolved, [examples], {"dev": dev, "skip_bad_rows": skip_bad_rows})


def teach(
    method: str,
    material: Any,
    *,
    out: PathLike | None = None,
    config: PathLike | None = None,
    sets: Sequence[str] = (),
    from_run: RunLike | None = None,
    new: bool = False,
    student: PathLike | None = None,
    accept: bool = False,
    beside: bool = False,
    progress: Progress = "auto",
    **settings: Any,
) -> FinishedRun:
    """Teach with a method of another package (entry point group `selfteach.methods`).

    Args:
        method: its name.
        material: a path or a value that the method reads.
        settings: of `selfteach config METHOD`.

    Raises:
        UsageError: there is no such method or setting.
        DataError: the method cannot use the material.
    """
    shared = (out, config, sets, from_run, new, progress, student, accept, beside)
    call = PythonCall(method, settings, *shared)
    resolved = call.resolve()
    found = read_plug_in(method, material, resolved.config)
    return call.teach(found, resolved, [method, material], function="teach")


def compare(
    run: RunLike,
    *,
    adapters: Sequence[str] = (),
    objectives: Sequence[str] = ("own",),
    shots: Sequence[int] = (),
    rates: Sequence[float] = (0.3, 1.0, 3.0),
    sets: Sequence[str] = (),
    out: PathLike | None = None,
    new: bool = False,
    progress: Progress = "auto",
) -> ComparisonResult:
    """Train other adapters and objectives on a run's examples, and run the run's exam for each.

    Args:
        run: a finished run or its folder.
        adapters: names; all by default.
        objectives: own (as the run was trained), sft, dpo, sft+dpo, distill, on_policy, correction.
        shots: also compare the base with this many examples in its prompt.
        rates: factors of each adapter's own learning rate; the best on the dev part is used.
        sets: settings of train, exam and engine that differ from the run's.
        out: the comparison's folder; by default compare/ in the run's.
        new: start a new comparison.
        progress: see above.

    Raises:
        UsageError: an unknown name, or a run that has no exam to compare by.
        DataError: the run's material has changed since.
    """
    path = get_run_path(run)
    given: dict[str, Any] = {
        "adapters": list_values(adapters, str, "adapters"),
        "objectives": list_values(objectives, str, "objectives"),
        "shots": list_values(shots, int | float, "shots"),
        "rates": list_values(rates, int | float, "rates"),
    }
    wanted = choose_cells(**given)
    sets = list_sets(sets)
    shown: dict[str, Any] = {"sets": sets, "out": out}
    defaults = {"objectives": ["own"], "rates": [0.3, 1.0, 3.0]}
    shown |= {key: value for key, value in given.items() if value != defaults.get(key)}
    call = write_expression("compare", [str(path)], shown)
    folder = Path(out) if out is not None else None
    found = compare_run(
        path, wanted, sets, folder, new, call, lambda run: open_python_display(progress)
    )
    return ComparisonResult(Path(found["folder"]), found)


def open_run(path: PathLike) -> FinishedRun:
    """Open a finished run.

    Raises:
        UsageError: the folder holds no run, or an unfinished one.
        IntegrityError: a file of it is damaged.
    """
    refuse_no_path(path, "path")
    run = FinishedRun(Path(path).absolute())
    _ = run.result  # refuses a run that is not finished
    return run


def open_student(name: PathLike) -> Student:
    """Open a student: a base and its lessons.

    Args:
        name: its name below students/, or its folder.

    Raises:
        UsageError: there is no such student.
    """
    refuse_no_path(name, "name", "Give the student's name or its folder.")
    found = Student(find_student_folder(name))
    found.read()
    return found


def answer(
    questions: str | Sequence[Question],
    *,
    run: RunLike | None = None,
    model: PathLike | None = None,
    adapter: str = "",
    engine: str = "auto",
    system: str = "",
    temperature: float = 0.0,
    max_tokens: int = 128,
    seed: int = 0,
) -> str | list[str]:
    """Answer one question or several, with the tuned model of a run or with another model.

    Args:
        questions: a text; or a list of texts and conversations.
        run: a finished run or its folder.
        model: "embedded", a hub name, or a folder.
        adapter: another adapter of the run than its final one.
        engine: auto, openvino, hf, paged, ray, or a server that serves the model: URL#NAME.
        system: a system message before every question.
        temperature: 0 takes the most likely answer.
        max_tokens: the maximum length of an answer.
        seed: the seed of the sampling.

    Returns:
        one answer for one question, else a list in the order of the questions.

    Raises:
        UsageError: both a run and a model, or neither; or a value that nothing can be sampled with.
        DataError: a question of another form.
    """
    how: dict[str, Any] = {
        "system": system,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "seed": seed,
    }
    make_requests(questions, **how)  # refuses before a model is loaded
    folder = None if run is None else get_run_path(run)
    opened = open_model(folder, None if model is None else str(model), adapter, engine)
    return opened.answer(questions, **how)


def list_sets(sets: Sequence[str]) -> list[str]:
    """Return settings as after `--set`; a text is one of them.

    Raises:
        UsageError: one is no text.
    """
    found = list_values(sets, str, "sets")
    if wrong := [item for item in found if not isinstance(item, str)]:
        raise UsageError(
            f"{describe_kind(wrong[0])} is no setting.",
            where="sets",
            cure='Write one like "train.epochs=2".',
        )
    return found


def teach_run(spec: RunSpec, progress: Progress) -> FinishedRun:
    """Run a call from Python."""
    refuse_unknown_models(spec.resolved.config)
    result = run_method(spec, lambda run: open_python_display(progress))
    return FinishedRun(Path(result["run"]).absolute())


def use_student_base(student: PathLike | None, resolved: ResolvedConfig) -> ResolvedConfig:
    """Return a configuration with the base of a student, where nobody chose another model."""
    if student is None or resolved.origins.get("model") != "default":
        return resolved
    folder = find_student_folder(student)
    if not is_student(folder):
        return resolved
    base = read_student(folder).base
    config = resolved.config.model_copy(update={"model": base})
    return ResolvedConfig(config, {**resolved.origins, "model": "the student"})


def refuse_no_student(student: PathLike | None, *, accept: bool, beside: bool) -> None:
    """Refuse what is about a student's lessons where no student is named.

    Raises:
        UsageError: which of the two it is.
    """
    if accept and student is None:
        raise UsageError("--accept needs --student NAME.", cure="It is about the student's gate.")
    if beside and student is None:
        raise UsageError("--beside needs --student NAME.", cure="It is about its other lessons.")


def refuse_no_lesson(
    student: PathLike | None, method: str, config: Any, earlier: Path | None
) -> None:
    """Refuse a run that could not become a lesson of a student, before anything is paid for.

    Raises:
        UsageError: another base, an adapter that cannot be stacked, or a run that goes on from
            another one.
    """
    if student is None:
        return
    if earlier is not None:
        raise UsageError(
            "--from and --student exclude each other.",
            cure="A lesson is taught alone, from the untouched base.",
        )
    from selfteach.students.lessons import check_before_run

    check_before_run(find_student_folder(student), method, config)


def add_lesson(
    student: PathLike,
    run: Path,
    display: Display,
    title: str = "",
    *,
    accept: bool = False,
    instead_of: Sequence[str] = (),
    beside: bool = False,
) -> dict[str, Any]:
    """Make a finished run the next lesson of a student, which begins with it if it is new; return
    the student as JSON.

    Args:
        beside: train it beside the other lessons, on the examples of its run.

    Raises:
        UsageError: the run has no exam that can be sat again.
        LessonRefused: the gate refuses the lesson; the student is as before.
    """
    from selfteach.students.beside import train_beside
    from selfteach.students.examine import examine_with
    from selfteach.students.folder import open_student as open_folder_of
    from selfteach.students.lessons import add_lesson as add
    from selfteach.students.lessons import begin_state, read_kind

    read_kind(run)  # refuses before a new student is begun
    folder = find_student_folder(student)
    create = partial(begin_state, run)
    with open_folder_of(folder, create, display.print_line) as opened:
        lesson = add(
            opened,
            run,
            examine_with(display),
            title=title,
            accept=accept,
            instead_of=instead_of,
            beside=partial(train_beside, display=display) if beside else None,
            say=display.print_line,
        )
        return {"lesson": lesson.name, **describe_student(folder, opened.state)}


def refuse_unknown_models(config: Any) -> None:
    """Refuse a model or a teacher that cannot be there, before anything else is done.

    Raises:
        UsageError: there is no such model, teacher or engine, or the packages of models are
            missing.
    """
    require_extra("cpu")
    check_model_name(config.model)
    check_teacher_name(getattr(config, "teacher", ""))
    check_engine_name(getattr(config, "engine", AUTO))


def require_models(config: Any) -> None:
    """Check that the models of a new run can be had, before a model's libraries are loaded.

    Raises:
        UsageError: one cannot.
    """
    teacher = getattr(config, "teacher", "")
    require_model(config.model)
    if is_local_teacher(teacher) and teacher != config.model:
        require_model(teacher)


def run_method(spec: RunSpec, show: ShowProgress) -> dict[str, Any]:
    """Open a run, teach in it, and return the result that `--json` prints.

    Commands and Python calls both use this function.

    Raises:
        UsageError: there is no earlier run, the folder holds another run, or several processes
            were launched.
    """
    if spec.method != "train":
        processes.refuse_several_processes(spec.method)
    material = spec.material
    identity = identify_material(material, spec.from_run)
    wanted = (spec.out, material.name, spec.method, spec.resolved, identity)
    if spec.new or find_standing_run(*wanted) is None:
        require_models(spec.resolved.config)
    with open_folder(*wanted, new=spec.new, command=spec.command) as run:
        if material.sources:
            run.ledger.set_note(finished.PATHS, material.sources)
        if material.repaired:
            run.ledger.set_note(finished.REPAIRED, describe_repaired(material.repaired))
            run.notices += summarize_repaired(material.repaired)
        if unread := list_unread(spec.resolved):
            adapter = spec.resolved.config.train.adapter
            run.notices.append(f"the adapter {adapter} does not read {', '.join(unread)}")
        spec.before(run)
        with show(run) as display:
            print_notices(run, display)
            result = call_method(run, spec.method, material.value, display)
            print_notices(run, display)
        return finished.relocate_result(result, run.path)


def identify_material(material: Material, from_run: Path | None) -> dict[str, Any]:
    """Return what represents the material, and the adapter that the run starts from, in the run's
    identity.
    """
    identity = dict(material.identity)
    if from_run is not None:
        identity |= identify_earlier_adapter(finished.find_adapter(from_run))
    return identity


def print_notices(run: Run, display: Display) -> None:
    """Print which rows were repaired, which settings nothing reads, and which changed files of the
    run were set aside.
    """
    for line in run.notices:
        display.print_line(line)
    run.notices.clear()


def call_method(run: Run, method: str, material: Any, display: Display) -> dict[str, Any]:
    """Teach in an open run with a method of the registry; a finished one shows its result."""
    if processes.count_processes() == 1 and (done := find_result(run, display)):
        return done
    display.print_line("loading the libraries and the model")
    from selfteach.methods.method import Method
    from selfteach.methods.runner import teach as teach_with

    found = registry.load_registered("methods", method)
    if isinstance(found, Method):
        return teach_with(run, found, material, run.resolved.config, display)
    result: dict[str, Any] = found(run, material, run.resolved.config, display)
    return result


@contextmanager
def open_python_display(progress: Progress) -> Iterator[Display]:
    """Show the progress of a call from Python inside the block."""
    display = open_display(quiet=progress is False)
    try:
        yield display
    finally:
        display.finish()


def write_expression(
    function: str,
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
) -> str:
    """Return `selfteach.function(...)`, without empty keywords.

    The name of the keyword replaces a long value.

    Args:
        settings: further keywords; an empty value of one says something, so that it stays.
    """
    parts = []
    for value in arguments:
        if value is not None:
            parts.append(write_value(value, "material"))
    for name, value in keywords.items():
        if value is None or value is False or (isinstance(value, str | list) and not value):
            continue
        parts.append(f"{name}={write_value(value, name)}")
    for name, value in (settings or {}).items():
        if value is None:
            continue
        written = write_value(value, name.replace(".", "_"))
        is_keyword = name.isidentifier()  # "train.epochs" is none
        parts.append(f"{name}={written}" if is_keyword else f"**{{{name!r}: {written}}}")
    return f"selfteach.{function}({', '.join(parts)})"


def write_value(value: Any, name: str) -> str:
    """Return a value as Python code, or its name if it is long."""
    text = repr(convert_paths(value))
    return text if len(text) <= MAX_VALUE_CHARS else name


def convert_paths(value: Any) -> Any:
    """Return a value with paths as texts, in lists too."""
    if isinstance(value, Path):
        return str(value)
    return [convert_paths(part) for part in value] if isinstance(value, list | tuple) else value


def choose_cells(
    adapters: Sequence[str],
    objectives: Sequence[str],
    shots: Sequence[int],
    rates: Sequence[float],
) -> Comparison:
    """Return the cells of a comparison.

    Raises:
        UsageError: an unknown name, or a number is out of range.
    """
    from selfteach.methods.compare.cells import COMPARED_OBJECTIVES, Comparison

    every = list(registry.list_names("adapters"))
    return Comparison(
        choose_names(adapters or every, every, "--adapters"),
        choose_names(
            objectives,
            [*COMPARED_OBJECTIVES, *registry.list_names("objectives")],
            "--objectives",
        ),
        check_numbers(rates, lambda rate: 0 < rate < 1e6, "--rates", needed=True),
        check_numbers(shots, lambda count: isinstance(count, int) and count >= 0, "--icl"),
    )


def choose_names(names: Sequence[str], known: Sequence[str], where: str) -> list[str]:
    """Return names without repetition.

    Raises:
        UsageError: one is unknown, or there is none.
    """
    found = list(dict.fromkeys(names))
    for name in found:
        if name not in known:
            raise UsageError(
                f'there is no "{name}".', where=where, cure=did_you_mean(name, list(known))
            )
    if not found:
        raise UsageError("names nothing.", where=where, cure=f"Known: {', '.join(known)}.")
    return found


def check_numbers(
    numbers: Sequence[Any], fits: Callable[[Any], bool], where: str, *, needed: bool = False
) -> list[Any]:
    """Return numbers that fit; else refuse them.

    Args:
        needed: whether there must be one.

    Raises:
        UsageError: one is no number or does not fit, or there is none.
    """
    good = [
        isinstance(number, int | float) and not isinstance(number, bool) and fits(number)
        for number in numbers
    ]
    if not all(good) or (needed and not good):
        raise UsageError(
            f"{list(numbers)} is no list of numbers.", where=where, cure="Write it like 0,1,4."
        )
    return list(numbers)


def compare_run(
    folder: Path,
    wanted: Comparison,
    sets: Sequence[str],
    out: Path | None,
    new: bool,
    command: str,
    show: ShowProgress,
) -> dict[str, Any]:
    """Start or resume a comparison on a run; return its table as JSON.

    Raises:
        UsageError: packages are missing, the run has no exam to compare by, or a setting may not
            change.
        DataError: the run's material has changed since.
        IntegrityError: its examples or its lesson.json are not as the run wrote them.
    """
    require_extra("cpu")
    processes.refuse_several_processes("compare")
    from selfteach.methods.compare.compare_adapters import ComparisonSource
    from selfteach.methods.compare.compare_adapters import compare as work
    from selfteach.methods.lesson_record import read_lesson_record

    identity, sources = finished.find_material(folder)
    kind = find_compared_method(identity, folder)
    refuse_other_settings(sets)
    schema = find_settings(kind)
    resolved = finished.resolve_settings(folder, schema, sets)
    value = read_again(kind, folder, identity["material"], sources, resolved.config).value
    check_export(folder, finished.EXAMPLES_FILE)
    record = read_lesson_record(folder)
    before = finished.open_ledger(folder)
    try:
        examples = folder / finished.EXAMPLES_FILE
        brought = {"run": str(folder.resolve()), "kind": kind}
        brought[examples.name] = hash_examples(examples)
        brought |= identify_same_earlier_adapter(identity["material"], folder)
        with open_folder(
            out or folder / finished.COMPARISON_FOLDER,
            "compare",
            "compare",
            resolved,
            brought,
            new=new,
            command=command,
        ) as run:
            if run.ledger.get_note(ADOPTED_NOTE) is None:
                if base := finished.read_models(folder).get("base"):
                    run.bind("base", base)
                run.ledger.copy_answers(before, list(before.count_requests()))
            source = ComparisonSource(
                kind,
                value,
                [Example.from_json(row, where) for where, row in read_jsonl(examples)],
                {"objective": before.get_note("objective")},  # what the run has chosen
                frozenset(row["prompt"] for row in finished.read_exam(folder)["answers"]),
                record.train.get("epochs") if record else None,
            )
            with show(run) as display:
                print_notices(run, display)
                found = work(run, source, wanted, display)
                print_notices(run, display)
                return found
    finally:
        before.close()


def find_compared_method(identity: JsonMapping, folder: Path) -> str:
    """Return the method of a run that can be compared.

    Args:
        identity: the run's.

    Raises:
        UsageError: it has no exam to compare by.
    """
    kind = str(identity["kind"])
    if kind == "train" or kind not in registry.list_names("methods"):
        raise UsageError(
            f"a run of `{kind}` has no exam to compare by.",
            where=str(folder),
            cure="Compare a run of a method.",
        )
    return kind


def refuse_other_settings(sets: Sequence[str]) -> None:
    """Refuse changes of settings that the run's examples depend on.

    Raises:
        UsageError: a setting is neither of the training nor of the exam.
    """
    for item in sets:
        if not item.strip().startswith(("train.", "exam.", "engine=")):
            raise UsageError(
                f'"{item}" is neither of training nor of the exam.',
                where="--set",
                cure="All other settings are those of the run.",
            )


def hash_examples(path: Path) -> str:
    """Return the hash of a run's examples.

    Raises:
        UsageError: there are none yet.
    """
    try:
        return hash_file(path)[:16]
    except OSError as fault:
        raise UsageError(
            "has no examples yet.",
            where=str(path.parent),
            cure=f"`selfteach status {shlex.quote(str(path.parent))}` shows its progress.",
        ) from fault
