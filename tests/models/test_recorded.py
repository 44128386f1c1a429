"""A model with a memory: what is answered is not asked again, and what is paid for is not lost."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripted import Scripted
from selfteach.errors import DataError, EndpointError
from selfteach.models.hf import HfModel
from selfteach.models.recorded import Recorded
from selfteach.models.tokens import UnfitPrompt
from selfteach.records import (
    Completion,
    Continuations,
    ItemScores,
    Prompt,
    Request,
    SamplingParams,
    get_user_text,
    make_prompt,
)
from selfteach.run.ledger import Ledger

REQUESTS = [Request("ask", make_prompt(f"say {i}")) for i in range(6)]
ITEMS = [Continuations(make_prompt(f"say {i}"), ("Yes", "No")) for i in range(4)]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "run.db")
    yield ledger
    ledger.close()


def model() -> Scripted:
    return Scripted(lambda request: f"answer to {request.prompt}", name="m")


def test_nothing_is_asked_twice(ledger: Ledger) -> None:
    inner = model()
    first = {completion.id: completion for completion in Recorded(ledger, inner).stream(REQUESTS)}
    again = {completion.id: completion for completion in Recorded(ledger, inner).stream(REQUESTS)}
    assert first == again
    assert len(inner.asked) == 6


def test_only_what_is_missing_is_asked(ledger: Ledger) -> None:
    list(Recorded(ledger, model()).stream(REQUESTS[:4]))
    inner = model()
    assert len(list(Recorded(ledger, inner).stream(REQUESTS))) == 6
    assert inner.asked == REQUESTS[4:]


def test_a_request_given_twice_is_asked_and_given_out_once(ledger: Ledger) -> None:
    inner = model()
    assert len(list(Recorded(ledger, inner).stream(REQUESTS[:2] * 3))) == 2
    assert len(inner.asked) == 2


def test_another_model_has_another_memory(ledger: Ledger) -> None:
    list(Recorded(ledger, model()).stream(REQUESTS))
    other = Scripted(lambda request: "other", name="other")
    assert {completion.text for completion in Recorded(ledger, other).stream(REQUESTS)} == {"other"}
    assert len(other.asked) == 6


def test_requests_are_on_record_before_they_are_sent(ledger: Ledger) -> None:
    class Looks(Scripted):
        def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
            seen.append(ledger.count_requests())
            yield from super().stream(requests)

    seen: list[dict[str, tuple[int, int, int]]] = []
    list(Recorded(ledger, Looks(lambda request: "x")).stream(REQUESTS))
    assert seen == [{"ask": (6, 0, 0)}]
    assert ledger.count_requests() == {"ask": (6, 6, 0)}


def test_each_answer_is_on_record_before_it_is_given_out(ledger: Ledger) -> None:
    recorded = Recorded(ledger, model())
    for completion in recorded.stream(REQUESTS):
        assert completion.id in ledger.get_answers([completion.id])


@pytest.mark.parametrize(
    "fault", [EndpointError("gone."), KeyboardInterrupt(), ValueError("a defect")]
)
def test_what_came_before_a_fault_is_kept_and_given_out(
    ledger: Ledger, fault: BaseException
) -> None:
    class Breaks(Scripted):
        def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
            yield from super().stream(requests[:3])
            raise fault

    got = []
    completions = Recorded(ledger, Breaks(lambda request: "x", name="m")).stream(REQUESTS)
    with pytest.raises(type(fault)):
        got.extend(completion.id for completion in completions)
    assert len(ledger.get_answers([request.id("scripted-m") for request in REQUESTS])) == 3
    inner = model()
    assert len(list(Recorded(ledger, inner).stream(REQUESTS))) == 6
    assert inner.asked == REQUESTS[3:], "after a fault, only the rest is asked"


def test_the_possible_double_bill_is_counted(ledger: Ledger) -> None:
    class Dies(Scripted):
        def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
            raise EndpointError("gone.")
            yield

    with pytest.raises(EndpointError):
        list(Recorded(ledger, Dies(lambda request: "x", name="m")).stream(REQUESTS))
    list(Recorded(ledger, model()).stream(REQUESTS))
    assert ledger.count_requests() == {"ask": (6, 6, 6)}


def test_leaving_early_keeps_what_was_given_out(ledger: Ledger) -> None:
    completions = Recorded(ledger, model()).stream(REQUESTS)
    first = next(completions)
    completions.close()
    assert first.id in ledger.get_answers([first.id])


def count_commits(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many answers each commit will have recorded."""
    commits: list[int] = []
    record_answers = ledger.record_answers

    def counted(rows: Iterable[tuple[str, Any]]) -> None:
        answers = list(rows)
        commits.append(len(answers))
        record_answers(answers)

    monkeypatch.setattr(ledger, "record_answers", counted)
    return commits


def test_slow_answers_are_recorded_one_by_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selfteach.models.recorded.COMMIT_EVERY_S", 0.0)
    commits = count_commits(ledger, monkeypatch)
    list(Recorded(ledger, model()).stream(REQUESTS))
    assert commits == [1] * 6


def test_fast_answers_share_a_commit(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = count_commits(ledger, monkeypatch)
    list(Recorded(ledger, model()).stream(REQUESTS))
    assert commits == [6]


def test_sampled_tokens_count_only_what_was_sampled_now(ledger: Ledger) -> None:
    recorded = Recorded(ledger, model())
    tokens = sum(completion.tokens for completion in recorded.stream(REQUESTS))
    list(recorded.stream(REQUESTS))
    assert recorded.sampled_tokens == tokens > 0


def test_scores_and_embeddings_are_remembered_exactly(ledger: Ledger) -> None:
    asked: list[str] = []

    def score(prompt: object, text: str) -> float:
        asked.append(text)
        return -1 / 3

    first = Recorded(ledger, scorer=Scripted({}, score, "m"))
    scores = dict(first.stream_scores(ITEMS))
    rows = first.embed([item.prompt for item in ITEMS])
    again = Recorded(ledger, scorer=Scripted({}, score, "m"))
    assert dict(again.stream_scores(ITEMS[::-1])) == scores
    assert np.array_equal(again.embed([item.prompt for item in ITEMS]), rows)
    assert len(asked) == 8


def test_embeddings_join_by_prompt_not_by_position(ledger: Ledger) -> None:
    recorded = Recorded(ledger, scorer=Scripted({}, name="m"))
    prompts = [make_prompt("a b"), make_prompt("c"), make_prompt("a b"), make_prompt("d e f")]
    alone = np.stack([Scripted({}).embed([prompt])[0] for prompt in prompts])
    recorded.embed(prompts[1:2])
    assert np.array_equal(recorded.embed(prompts), alone)


def test_an_empty_prompt_is_set_aside_alone(tiny_hf: HfModel, ledger: Ledger) -> None:
    """The tokenizer puts nothing before a text, so the model has nothing to go on from."""
    model = Recorded(ledger, tiny_hf, tiny_hf)
    sampling = SamplingParams(0.0, 1.0, 2)
    empty, good = (Request("t", prompt, sampling) for prompt in ("", make_prompt("Yes?")))
    assert [done.id for done in model.stream([empty, good])] == [good.id(model.fingerprint)]
    assert model.failures == [(empty.id(model.fingerprint), "prompt without tokens")]


def test_embeddings_are_bytes_in_the_ledger(ledger: Ledger) -> None:
    rows = Recorded(ledger, scorer=Scripted({}, name="m")).embed([make_prompt("a b")])
    ((body,),) = ledger._db.execute("SELECT body FROM embeddings")
    assert body == rows.astype("<f4").tobytes()
    assert ledger._db.execute("SELECT COUNT(*) FROM answers").fetchone() == (0,)


def test_recorded_embeddings_are_not_computed_again(ledger: Ledger) -> None:
    class Counts(Scripted):
        def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
            asked.extend(prompts)
            return super().embed(prompts)

    asked: list[Prompt] = []
    prompts = [make_prompt("a b"), make_prompt("c"), make_prompt("d e f")]
    recorded = Recorded(ledger, scorer=Counts({}, name="m"))
    recorded.embed(prompts[:2])
    assert np.array_equal(recorded.embed(prompts[::-1]), Scripted({}).embed(prompts)[::-1])
    assert asked == prompts


def test_failures_of_an_endpoint_are_passed_on(ledger: Ledger) -> None:
    class Loses(Scripted):
        failures = (("id", "why"),)

    assert Recorded(ledger, Loses({})).failures == [("id", "why")]
    assert Recorded(ledger, Scripted({})).failures == []


def test_what_was_lost_is_asked_again_until_it_is_given_up(ledger: Ledger) -> None:
    """Row 9: an endpoint that finds its tongue after the training began must not lead a resumed run
    to other examples.
    """

    class Loses(Scripted):
        def __init__(self) -> None:
            super().__init__(lambda request: "x", name="m")
            self.failures: list[tuple[str, str]] = []

        def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
            self.asked += requests
            self.failures += [(r.id(self.fingerprint), "500") for r in requests]
            yield from ()

    lost = Recorded(ledger, Loses())
    assert list(lost.stream(REQUESTS[:1])) == []
    again = Recorded(ledger, Loses())
    assert list(again.stream(REQUESTS[:1])) == []
    again.freeze_failures()
    well = model()
    resumed = Recorded(ledger, well)
    assert [completion.id for completion in resumed.stream(REQUESTS[:2])] == [
        REQUESTS[1].id("scripted-m")
    ]
    assert well.asked == REQUESTS[1:2]
    assert resumed.failures == [(REQUESTS[0].id("scripted-m"), "500")]


def test_scores_that_are_given_up_are_not_asked_for_again(ledger: Ledger) -> None:
    class Loses(Scripted):
        def __init__(self) -> None:
            super().__init__({}, score=lambda prompt, text: -1.0, name="m")
            self.failures: list[tuple[str, str]] = []

        def stream_scores(self, items: Sequence[Continuations]) -> Iterator[Any]:
            self.failures += [(item.id(self.fingerprint), "500") for item in items]
            yield from ()

    items = [Continuations(make_prompt(word), (" x",)) for word in "ab"]
    lost = Recorded(ledger, scorer=Loses())
    assert list(lost.stream_scores(items[:1])) == []
    lost.freeze_failures()
    asked: list[Continuations] = []

    class Well(Scripted):
        def stream_scores(self, items: Sequence[Continuations]) -> Iterator[Any]:
            asked.extend(items)
            return super().stream_scores(items)

    well = Recorded(ledger, scorer=Well({}, score=lambda prompt, text: -1.0, name="m"))
    assert [id for id, _ in well.stream_scores(items)] == [items[1].id(well.fingerprint)]
    assert asked == items[1:]
    assert well.failures == [(items[0].id(well.fingerprint), "500")]


def test_prompts_that_are_embedded_once_are_not_embedded_again(ledger: Ledger) -> None:
    asked: list[int] = []

    class Counts(Scripted):
        def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
            asked.append(len(prompts))
            return super().embed(prompts)

    prompts = [make_prompt("a b"), make_prompt("c"), make_prompt("a b")]
    for _ in range(2):
        Recorded(ledger, scorer=Counts({}, name="m")).embed(prompts)
    Recorded(ledger, scorer=Counts({}, name="m")).embed([*prompts, make_prompt("d")])
    assert asked == [2, 1]


def test_an_engine_that_returns_too_few_embeddings_is_an_error(ledger: Ledger) -> None:
    class Short(Scripted):
        def embed(self, prompts: Sequence[Prompt]) -> np.ndarray:
            return super().embed(prompts)[1:]

    with pytest.raises(ValueError, match="1 embeddings came for 2 prompts"):
        Recorded(ledger, scorer=Short({})).embed([make_prompt("a"), make_prompt("b")])


def test_requests_that_are_given_up_are_not_sent_again_in_the_same_session(
    ledger: Ledger,
) -> None:
    inner = model()
    inner.failures = [(REQUESTS[0].id(inner.fingerprint), "500")]  # type: ignore[attr-defined]
    recorded = Recorded(ledger, inner)
    recorded.freeze_failures()
    inner.failures = []  # type: ignore[attr-defined]
    assert len(list(recorded.stream(REQUESTS[:2]))) == 1
    assert inner.asked == REQUESTS[1:2]
    assert recorded.failures == [(REQUESTS[0].id(inner.fingerprint), "500")]


def test_the_ledger_holds_all_that_produced_an_answer(ledger: Ledger, tmp_path: Path) -> None:
    request = Request(
        "ask", make_prompt("hi", system="s"), SamplingParams(0.5, 0.9, 7, ("x",)), 3, 11
    )
    list(Recorded(ledger, model()).stream([request]))
    database = sqlite3.connect(tmp_path / "run.db")
    ((body,),) = database.execute("SELECT body FROM requests").fetchall()
    database.close()
    assert json.loads(body) == {
        "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}],
        "sampling": {"temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": ["x"]},
        "draw": 3,
        "seed": 11,
    }


def test_requests_of_several_stages_are_recorded_under_their_own(ledger: Ledger) -> None:
    others = [Request("probe", make_prompt(f"say {i}")) for i in range(2)]
    list(Recorded(ledger, model()).stream([*others, *REQUESTS]))
    assert ledger.count_requests() == {"probe": (2, 2, 0), "ask": (6, 6, 0)}


def test_the_room_behind_a_prompt_is_scorer_s_sampler_s_or_unbounded(
    ledger: Ledger,
) -> None:
    class Bounded(Scripted):
        def __init__(self, room: int) -> None:
            super().__init__({})
            self.room = room

        def room_tokens(self, prompt: Prompt) -> int:
            return self.room - len(prompt)

    assert Recorded(ledger, Bounded(10), Bounded(20)).room_tokens("abc") == 17
    assert Recorded(ledger, Bounded(10), Scripted({})).room_tokens("abc") == 7
    assert Recorded(ledger, Bounded(10)).room_tokens("abc") == 7
    assert Recorded(ledger, Scripted({})).room_tokens("abc") == math.inf


def test_an_engine_that_can_release_memory_is_asked_to(ledger: Ledger) -> None:
    class Rests(Scripted):
        rests = 0

        def release_memory(self) -> None:
            self.rests += 1

    inner = Rests({})
    Recorded(ledger, inner).release_memory()
    Recorded(ledger, Scripted({})).release_memory()
    assert inner.rests == 1


def test_the_name_is_the_model_s(ledger: Ledger) -> None:
    sampler = Scripted({}, name="draws")
    scorer = Scripted({}, name="scores")
    both = Recorded(ledger, sampler, scorer)
    assert (both.name, both.fingerprint) == ("draws", "scripted-draws")
    alone = Recorded(ledger, scorer=scorer)
    assert (alone.name, alone.fingerprint, alone.sampled_tokens) == ("scores", "scripted-scores", 0)


def test_answers_of_half_a_second_share_a_commit(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers come every quarter of a second: two in half a second; the odd one at the end too."""
    now = [0.0]

    class Slow(Scripted):
        def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
            for completion in super().stream(requests):
                now[0] += 0.25
                yield completion

    monkeypatch.setattr("selfteach.models.recorded.time.monotonic", lambda: now[0])
    commits = count_commits(ledger, monkeypatch)
    list(Recorded(ledger, Slow(lambda request: "x", name="m")).stream(REQUESTS[:5]))
    assert commits == [2, 2, 1]


def test_samples_come_in_the_order_of_the_requests(ledger: Ledger) -> None:
    class Backwards(Scripted):
        def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
            yield from super().stream(requests[::-1])

    counted: list[int] = []
    found = Recorded(ledger, Backwards(lambda request: get_user_text(request.prompt))).sample(
        REQUESTS, counted.append
    )
    assert [completion.text for completion in found] == [f"say {i}" for i in range(6)]
    assert counted == [1] * 6


class Narrow(Scripted):
    """A model whose context holds ten characters, and that refuses what does not fit."""

    def room_tokens(self, prompt: Prompt) -> float:
        return 10 - len(get_user_text(prompt))

    def encode(self, prompt: Prompt) -> list[int]:
        return [0] * len(get_user_text(prompt))

    def encode_answer(self, text: str, end: bool, after: Prompt) -> list[int]:
        return [0] * len(text)

    def check(self, fits: bool) -> None:
        if not fits:
            raise UnfitPrompt("refused", "too long")

    def stream(self, requests: Sequence[Request]) -> Iterator[Completion]:
        self.check(all(self.room_tokens(request.prompt) >= 1 for request in requests))
        yield from super().stream(requests)

    def stream_scores(self, items: Sequence[Continuations]) -> Iterator[ItemScores]:
        rooms = {item: self.room_tokens(item.prompt) for item in items}
        self.check(all(self.encode(item.prompt) for item in items))
        self.check(all(max(map(len, item.texts)) <= room for item, room in rooms.items()))
        yield from super().stream_scores(items)


def test_a_prompt_that_fills_the_context_is_set_aside_and_the_others_are_answered(
    ledger: Ledger,
) -> None:
    """Nine characters leave room for a token, and ten leave none."""
    inner = Narrow(lambda request: "x")
    recorded = Recorded(ledger, inner)
    asked = [Request("ask", make_prompt("a" * length)) for length in (9, 61, 3, 10)]
    found = {completion.id for completion in recorded.stream(asked)}
    ids = [request.id(inner.fingerprint) for request in asked]
    assert found == {ids[0], ids[2]}
    reason = "prompt longer than the context"
    assert recorded.failures == [(ids[1], reason), (ids[3], reason)]
    assert ledger.get_events() == [
        ("set aside", {"id": ids[1], "reason": reason, "text": "a" * 60}),
        ("set aside", {"id": ids[3], "reason": reason, "text": "a" * 10}),
    ]
    with pytest.raises(DataError, match="prompt longer than the context"):
        recorded.sample(asked)


def test_a_text_that_does_not_fit_behind_its_prompt_has_no_score(ledger: Ledger) -> None:
    recorded = Recorded(ledger, None, Narrow({}))
    items = [Continuations(make_prompt("aaaa"), ("Yes", text)) for text in ("6 char", "7 chars")]
    assert [id for id, _ in recorded.stream_scores(items)] == [items[0].id("scripted-scripted")]
    assert recorded.failures == [(items[1].id("scripted-scripted"), "longer than the context")]
    with pytest.raises(DataError, match="longer than the context"):
        recorded.score(items)


def test_a_text_behind_an_empty_prompt_has_no_score(ledger: Ledger) -> None:
    recorded = Recorded(ledger, None, Narrow({}))
    item = Continuations("", ("Yes",))
    assert list(recorded.stream_scores([item])) == []
    assert [reason for _, reason in recorded.failures] == ["prompt without tokens"]


def test_answers_and_scores_are_counted_as_they_come(ledger: Ledger) -> None:
    noted = Notes()
    recorded = Recorded(ledger, model(), model(), noted)
    found = list(recorded.stream(REQUESTS))
    list(recorded.stream_scores(ITEMS))
    tokens = sum(one.tokens for one in found)
    assert noted.answers == [(6, True, tokens), (4, False, 0)]
    assert noted.steps == [(6, tokens)], "this sampler tells no steps"


class Notes:
    """A `Watch` that notes all it hears."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bool, int]] = []
        self.steps: list[tuple[int, int]] = []
        self.recorded: list[int] = []

    def count_answers(self, n: int, *, sampled: bool, tokens: int = 0) -> None:
        self.answers.append((n, sampled, tokens))

    def count_steps(self, begun: int, tokens: int) -> None:
        self.steps.append((begun, tokens))

    def count_recorded(self, n: int) -> None:
        self.recorded.append(n)


def test_answers_of_an_earlier_process_are_counted_once_as_recorded(ledger: Ledger) -> None:
    list(Recorded(ledger, model(), model()).stream(REQUESTS[:2]))
    noted = Notes()
    recorded = Recorded(ledger, model(), model(), noted)
    for asked in (REQUESTS, REQUESTS):
        list(recorded.stream(asked))
    assert noted.recorded == [2, 0], "what this process computed is no such answer"
    assert [n for n, _, _ in noted.answers] == [len(REQUESTS) - 2]


def test_an_engine_that_tells_its_steps_is_heard(ledger: Ledger) -> None:
    class Steps(Scripted):
        on_step: Any = None

        def stream(self, requests: Any) -> Any:
            self.on_step(len(requests), 7)
            assert noted.answers == [], "the steps are counted before an answer ends"
            yield from super().stream(requests)

    noted = Notes()
    list(Recorded(ledger, Steps(lambda request: "x"), watch=noted).stream(REQUESTS))
    assert noted.steps == [(len(REQUESTS), 7)]


def test_an_endpoint_hears_how_many_answers_there_are_already(ledger: Ledger) -> None:
    class Counts(Scripted):
        def count_recorded(self, count: int, scores: bool) -> None:
            heard.append((self, count, scores))

    heard: list[tuple[Counts, int, bool]] = []
    sampler, scorer = (Counts(lambda request: "x", name="m") for _ in range(2))
    recorded = Recorded(ledger, sampler, scorer)
    for asked in (REQUESTS[:2], REQUESTS[:2], REQUESTS):
        list(recorded.stream(asked))
    for items in (ITEMS[:1], ITEMS):
        list(recorded.stream_scores(items))
    assert heard == [
        (sampler, 0, False),
        (sampler, 2, False),
        (scorer, 0, False),
        (scorer, 1, True),
    ]


def test_no_prompts_have_no_embeddings(ledger: Ledger) -> None:
    assert Recorded(ledger, None, model()).embed([]).shape == (0, 0)
