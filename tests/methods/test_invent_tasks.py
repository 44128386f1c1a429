"""Which invented tasks are called classifications: only those whose words name something to
classify.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import TasksConfig
from selfteach.config.methods import InventConfig
from selfteach.materials.tasks import Instance, Task, Tasks
from selfteach.methods.tasks import method
from selfteach.methods.tasks.instances import INSTANCES_STAGE, KeptTask
from selfteach.methods.tasks.invent import (
    NO_SCORE,
    ClassificationRule,
    LabelledSeed,
    RoundYield,
    choose_round_size,
    cross_validate,
    fit_classification,
    invent_tasks,
    mark_classifications,
    set_threshold,
    why_stop,
)
from selfteach.methods.tasks.invent_settings import (
    MARGIN,
    MODE_DEFAULTS,
    YIELDS,
    InventSettings,
    get_invent_settings,
)
from selfteach.methods.tasks.method import TaskParts
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Request, get_user_text, make_prompt
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger
from selfteach.select.task_filter import (
    LIKE_EXAM,
    LIKE_INPUT,
    LIKE_OUTPUT,
    MORE_THAN_ASKED,
    NoveltyFilter,
    TaskSimilarity,
)


def likes_labels(prompt: object, text: str) -> float:
    """log p(" label") - log p(" text") is 1 where the task asks whether, else -1."""
    asks = "whether" in str(prompt).splitlines()[-2]
    return (0.5 if asks else -0.5) * (1 if text == " label" else -1)


def session(folder: Path) -> Any:
    ledger = Ledger(folder / "run.db")
    base = Scripted({}, likes_labels)
    run = SimpleNamespace(ledger=ledger)
    return SimpleNamespace(teacher=None, base=base, run=run, display=SilentDisplay())


def kinds(there: Any) -> list[tuple[str, str]]:
    """Return state and reason of each task whose kind was looked for."""
    rows = there.run.ledger.read_outcomes("kinds of tasks")
    return [(outcome.state, outcome.reason) for _, outcome in rows]


def seed(number: int, text: str, label: bool) -> Task:
    return Task(f"s:{number}", text, (Instance("", "x"),), label)


SEEDS = [
    *(seed(n, f"Say whether the sentence has {n} words", True) for n in range(7)),
    *(seed(n, f"Translate the sentence into language {n}", False) for n in range(7, 14)),
    *(seed(n, f"Wonder whether it rains on day {n}", False) for n in range(14, 40)),
]


def test_only_a_task_that_names_an_input_is_a_classification(tmp_path: Path) -> None:
    there = session(tmp_path)
    rule = fit_classification(there, SEEDS)
    assert rule == ClassificationRule(0.0, by_words=True)
    accuracy = there.run.ledger.get_note("classification")["accuracy"]
    assert (accuracy["model and words"][0], accuracy["model and words"][3]) == (1.0, 40)
    assert accuracy["never"][0] == accuracy["model"][0] == 33 / 40
    asked = [
        "Tell whether the sentence is long",
        "Guess whether it will snow",
        "Shorten the sentence",
    ]
    found = [
        KeptTask(Task(f"i:{n}", text), TaskSimilarity((), 0.0)) for n, text in enumerate(asked)
    ]
    assert [one.task.classification for one in mark_classifications(there, found, rule)] == [
        True,
        False,
        False,
    ]
    assert kinds(there) == [("accepted", "")] * 2, "nothing is asked of a task without an input"


def test_a_writer_that_needs_no_words_is_asked_of_every_task(tmp_path: Path) -> None:
    """Half of the classifications name no input: with the rule of words they are all missed."""
    there = session(tmp_path)
    unnamed = [seed(n, f"Guess whether it rains on day {n}", True) for n in range(40, 52)]
    others = [seed(n, f"Describe the weather of day {n}", False) for n in range(52, 80)]
    rule = fit_classification(there, [*SEEDS[:14], *unnamed, *others])
    assert rule == ClassificationRule(0.0, by_words=False)
    task = KeptTask(Task("i:1", "Guess whether it will snow"), TaskSimilarity((), 0.0))
    (found,) = mark_classifications(there, [task], rule)
    assert found.task.classification is True


class Forgetful(Scripted):
    """An endpoint that gives every other score only."""

    def stream_scores(self, items: Any) -> Any:
        return super().stream_scores(items[1::2])


def test_a_lost_score_is_counted_and_its_task_is_no_classification(tmp_path: Path) -> None:
    there = session(tmp_path)
    there.teacher = Forgetful({}, likes_labels)
    rule = fit_classification(there, SEEDS)
    assert there.run.ledger.get_note("classification")["accuracy"]["model"][3] == 20
    found = [
        KeptTask(
            Task(f"i:{n}", f"Tell whether the sentence has {n} words"), TaskSimilarity((), 0.0)
        )
        for n in range(4)
    ]
    assert [one.task.classification for one in mark_classifications(there, found, rule)] == [
        False,
        True,
        False,
        True,
    ]
    assert sorted(kinds(there)) == [("accepted", "")] * 2 + [("failed", NO_SCORE)] * 2


@pytest.mark.parametrize(
    ("yields", "settings", "reason"),
    [
        ([], {}, ""),
        ([0, 0], {}, ""),
        ([9] * 40, {}, ""),
        ([40, 0, 1, 0], {}, "the last 3 rounds kept 1 from 60 requests"),
        ([40, 0, 2, 0], {}, ""),
        ([40, 1, 1, 1], {"min_yield": 0.05}, "the last 3 rounds kept 3 from 60 requests"),
        ([40, 2, 1, 1], {"min_yield": 0.05}, ""),
        ([9, 9], {"rounds": 2}, "the 40 requests of invent.rounds=2 are over"),
        ([500, 500], {"rounds": 2}, "enough"),
    ],
)
def test_rounds_go_on_while_they_yield(
    yields: list[int], settings: dict[str, Any], reason: str
) -> None:
    """Twenty requests a round; at least 2 % of those of three rounds must become tasks."""
    config = TasksConfig(count=1000, invent=InventConfig(requests=20, **settings))
    found = why_stop(config, [RoundYield(20, kept) for kept in yields])
    assert found.startswith(reason) if reason else found == ""


def test_small_rounds_stop_no_earlier_than_whole_ones() -> None:
    """The requests of three whole rounds must yield too little, in however many rounds they are."""
    config = TasksConfig(count=10, invent=InventConfig(requests=20))
    poor = [RoundYield(9, 0)] * 7
    assert why_stop(config, poor[:6]) == ""
    assert why_stop(config, poor).startswith("the last 7 rounds kept 0 from 63 requests")
    assert why_stop(config, [*poor, RoundYield(5, 4)]) == ""
    assert why_stop(TasksConfig(invent={"requests": 20, "rounds": 3}), poor[:6]) == ""


def test_a_round_requests_what_is_missing() -> None:
    """Of 100 requests 22 bring a task, until the rounds tell another number."""
    few = TasksConfig(count=12)
    first = choose_round_size(few, [])
    assert first == pytest.approx(MARGIN * 12 / 0.22, abs=1)
    assert choose_round_size(TasksConfig(count=300), []) == 96, "no more than a whole round"
    assert choose_round_size(few, [RoundYield(first, 11)]) < 10
    assert choose_round_size(few, [RoundYield(first, 1)]) == 96, "the filters drop nearly all"
    limited = TasksConfig(count=12, invent={"rounds": 1})
    assert choose_round_size(limited, [RoundYield(90, 0)]) == 6, "invent.rounds leaves no more"


def test_a_few_tasks_take_a_few_requests(tmp_path: Path) -> None:
    """The writer brings a new task with every reply, so its instances are soon enough. The same
    answers are looked up when the run is resumed.
    """
    found, ledger = invent_many(tmp_path, 12)
    assert len(found) == 12
    asked = ledger.count_requests()
    invented, answers = (asked[stage][0] for stage in ("invent", "instances"))
    each = YIELDS["magpie"]
    assert invented <= MARGIN * 12 / each.kept + 1 < 96
    assert answers <= 4 * (MARGIN * 12 / each.kept_share + 1) < 4 * invented
    reasons = [outcome.reason for _, outcome in ledger.read_outcomes(INSTANCES_STAGE)]
    assert (reasons.count(""), reasons.count(MORE_THAN_ASKED)) == (12, invented - 12)
    ledger.close()
    again, ledger = invent_many(tmp_path, 12, talks=False)
    assert [one.task for one in again] == [one.task for one in found]
    ledger.close()


def invent_many(folder: Path, count: int, *, talks: bool = True) -> tuple[list[KeptTask], Ledger]:
    """Return what is kept from a writer that writes another task and another answer every time."""

    def reply(request: Request) -> str:
        assert talks, "a recorded answer is not computed again"
        if request.stage == "invent":
            return " ".join(f"{word}{request.draw}" for word in ("Explain", "how", "do", "you"))
        return f"It is {get_user_text(request.prompt)[-5:]}"

    ledger = Ledger(folder / "run.db")
    scripted = Scripted(reply, lambda prompt, text: -1.0)
    there: Any = SimpleNamespace(
        teacher=None,
        base=Recorded(ledger, scripted, scripted),
        model=SimpleNamespace(room_tokens=lambda prompt: 9999),
        config=TasksConfig(mode="magpie", count=count, filter={"min_words": 1}),
        run=SimpleNamespace(ledger=ledger),
        display=SilentDisplay(),
    )
    return invent_tasks(there, [], []), ledger


class Losing(Scripted):
    """Loses its first request for a task, as an endpoint may."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.failures: list[tuple[str, str]] = []

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        first = [one for one in requests if one.stage == "invent" and one.draw == 0]
        self.failures += [(one.id(self.fingerprint), "lost") for one in first]
        return super().stream([one for one in requests if one not in first])


def test_a_resumed_run_goes_on_from_the_tasks_of_the_rounds_that_are_over(tmp_path: Path) -> None:
    """A request that a teacher lost would bring other tasks, after which every later request
    differs.
    """

    def invent(teacher: Scripted) -> list[Task]:
        with closing(Ledger(tmp_path / "run.db")) as ledger:
            there: Any = SimpleNamespace(
                teacher=Recorded(ledger, teacher, teacher),
                config=TasksConfig(
                    mode="magpie",
                    count=99,
                    filter={"min_words": 1},
                    invent={"requests": 3, "rounds": 2},
                ),
                run=SimpleNamespace(ledger=ledger),
                display=SilentDisplay(),
            )
            return [one.task for one in invent_tasks(there, [], [])]

    def reply(request: Request) -> str:
        words = ("Explain", "how", "do", "you") if request.stage == "invent" else ("It", "is")
        return " ".join(f"{word}{request.draw}" for word in words)

    found = invent(Losing(reply, lambda prompt, text: -1.0))
    whole = Scripted(reply, lambda prompt, text: -1.0)
    assert invent(whole) == found
    assert whole.asked == []


def test_three_tasks_are_continued_by_as_many_as_the_settings_say(tmp_path: Path) -> None:
    human = [Task(f"s:{word}", f"Explain {word}", (Instance("", word),), False) for word in "abc"]
    stops: list[tuple[str, ...]] = []

    def reply(request: Request) -> str:
        if request.stage == "invent":
            stops.append(request.sampling.stop)
        return ""

    ledger = Ledger(tmp_path / "run.db")
    scripted = Scripted(reply, lambda prompt, text: -1.0)
    there: Any = SimpleNamespace(
        teacher=None,
        base=Recorded(ledger, scripted, scripted),
        model=SimpleNamespace(room_tokens=lambda prompt: 9999),
        config=TasksConfig(count=1, invent={"requests": 1, "rounds": 1, "items": 4}),
        run=SimpleNamespace(ledger=ledger),
        display=SilentDisplay(),
    )
    assert invent_tasks(there, human, []) == []
    assert stops == [("\n\n", "\n8.")]
    ledger.close()


@pytest.mark.parametrize("text", ["The keeper walked down to the harbour at dawn.", "honey"])
def test_no_invented_instance_is_like_one_of_the_exam(tmp_path: Path, text: str) -> None:
    """Another instruction with the input and the output of a task of the exam teaches the exam. A
    short input alone is that of many tasks.
    """
    answer = "At dawn the harbour was empty, because every boat had left."
    exam = Task("test:1", "Paraphrase the text.", (Instance(text, answer),))
    item = f" Say it again, differently, for this story.\n4. Input:\n{text}\n4. Output:\n{answer}\n"
    found, ledger = invent_one(tmp_path, item, exam)
    assert found == []
    (dropped,) = ledger.read_outcomes("instances")
    assert dropped[1].reason == (LIKE_OUTPUT if text == "honey" else LIKE_INPUT)
    ledger.close()


def invent_one(
    folder: Path, item: str, exam: Task, max_overlap: float = 0.7
) -> tuple[list[KeptTask], Ledger]:
    """Return what is kept of an item of Alpaca's list, beside a task of the exam."""
    human = [Task(f"s:{word}", f"Explain {word}", (Instance("", word),), False) for word in "abcd"]
    ledger = Ledger(folder / "run.db")
    scripted = Scripted(lambda request: item, lambda prompt, text: -1.0)
    there: Any = SimpleNamespace(
        teacher=None,
        base=Recorded(ledger, scripted, scripted),
        model=SimpleNamespace(room_tokens=lambda prompt: 9999),
        config=TasksConfig(
            mode="alpaca",
            count=1,
            invent={"requests": 1, "rounds": 1},
            instances={"samples": 0},
            filter={"max_overlap": max_overlap},
        ),
        run=SimpleNamespace(ledger=ledger),
        display=SilentDisplay(),
    )
    return invent_tasks(there, human, [], held_out=[exam]), ledger


@pytest.mark.parametrize("max_overlap", [0.7, 1.0])
@pytest.mark.parametrize(
    ("instruction", "given", "reason"),
    [
        ("You are kind.", "Write a story about a keeper who finds no boat.", LIKE_EXAM),
        ("Write a story about a keeper who finds no boat.", "", LIKE_INPUT),
    ],
)
def test_a_question_of_the_exam_is_neither_instruction_nor_input(
    tmp_path: Path, instruction: str, given: str, reason: str, max_overlap: float
) -> None:
    """A question is an input beside a system message, and an instruction without one."""
    exam = Task("test:1", instruction, (Instance(given, "Once there was a keeper."),))
    asked = given or instruction
    item = f" {asked}\n4. Output:\nTea.\n"
    if not given:
        item = f" Say what you think about this.\n4. Input:\n{asked}\n4. Output:\nTea.\n"
    found, ledger = invent_one(tmp_path, item, exam, max_overlap)
    assert found == []
    stage = "tasks" if given else "instances"
    assert [outcome.reason for _, outcome in ledger.read_outcomes(stage)] == [reason]
    ledger.close()


def test_recognizing_many_seeds_takes_no_time() -> None:
    """The seeds of a part have one threshold, which the others set."""
    rows = [LabelledSeed(n % 3 == 0, (n % 7) / 7, n % 2 == 0) for n in range(6000)]
    start = time.process_time()
    found = cross_validate(rows, by_words=True)
    assert time.process_time() - start < 2
    others = [row for place, row in enumerate(rows) if place % 10 != 4]
    called = rows[14].log_odds_nats > set_threshold(others, True) and rows[14].names_input
    assert found[14] is (called is rows[14].flag)


def test_each_mode_has_its_own_way_unless_the_configuration_says_another() -> None:
    assert get_invent_settings(TasksConfig()) == MODE_DEFAULTS["self-instruct"]
    assert get_invent_settings(TasksConfig(mode="alpaca")).max_tokens == 1536
    assert get_invent_settings(
        TasksConfig(mode="alpaca", invent=InventConfig(max_tokens=60, temperature=0.0))
    ) == InventSettings(12, 0.0, 1.0, 60)


def test_no_new_task_is_a_prompt_about_anything_or_asks_what_everybody_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exam asks one of them, and another one holds the model in place."""
    asked, held = "Explain how a rainbow forms in the sky.", "Describe the taste of ripe pears."
    general = {"test": [make_prompt(asked)], "train": [make_prompt(held)]}
    parts = TaskParts(SEEDS[:3], SEEDS[3:4], general)
    monkeypatch.setattr(method, "split_seeds", lambda *given: parts)

    class InventionBegan(Exception):
        """Carry what counts as known."""

    def begin(session: Any, human: Any, known: list[str], *given: Any) -> None:
        raise InventionBegan(known)

    monkeypatch.setattr(method, "invent_tasks", begin)
    ledger = SimpleNamespace(record_outcomes=lambda *given: None)
    run = SimpleNamespace(ledger=ledger, time_stage=lambda name: nullcontext())
    there: Any = SimpleNamespace(run=run, config=TasksConfig())
    with pytest.raises(InventionBegan) as began:
        method.prepare(there, Tasks(seeds=SEEDS[:4]))
    (known,) = began.value.args
    novelty = NoveltyFilter(known, TasksConfig().filter.max_overlap)
    capital = "What is the capital of France?"  # a question of the retention test
    decided = novelty.decide([asked, held, capital, "Write a song about winter."])
    assert [is_new for is_new, _ in decided] == [False, False, False, True]
    assert set(known) >= {task.instruction for task in SEEDS[:4]}
