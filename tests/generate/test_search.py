"""The search for an answer that keeps the rule; the three faults of its model are pinned here: the
last try is judged like every other, the critic's advice is carried out, an exhausted prompt gives
nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import SearchConfig
from selfteach.generate.search import (
    BRANCH_TOKENS,
    LOST_REASON,
    NOTHING_LEFT,
    AnswerSearch,
    SearchTrace,
    Try,
    compose_decline,
    plan_search,
    truncate_before,
)
from selfteach.judge.decline import is_decline
from selfteach.judge.leave_out import leave_out_violations
from selfteach.records import Prompt, Request
from selfteach.sentences import split_sentences

RULE = "Do not talk about cats."
MAX_TOKENS = SearchConfig().max_tokens
PLANNED = ("declined", "begun", "repairs", "brief", "given", "is_short")


def broken(pairs: Sequence[tuple[Prompt, str]]) -> list[bool]:
    return ["cat" in text.lower() for _, text in pairs]


def fine(pairs: Sequence[tuple[Prompt, str]], strategies: Sequence[str]) -> list[str]:
    return ["" for _ in pairs]


def found(
    model: Scripted,
    prompts: Sequence[str],
    repair_only: bool = False,
    faults=fine,
    *,
    tries: int = 6,
    answers: int = 1,
    max_tokens: int = MAX_TOKENS,
    **more: Any,
) -> list[SearchTrace]:
    """Search with the judge of cats; `more` goes to `plan_search` and `AnswerSearch`."""
    config = SearchConfig(tries=tries, answers=answers, max_tokens=max_tokens)
    more.setdefault("repair", leave_out_cats)
    planned = {key: more.pop(key) for key in PLANNED if key in more}
    traces = plan_search(prompts, repair_only, **planned)
    teacher = more.pop("teacher", None)
    repair, progress = more.pop("repair"), more.pop("progress", lambda n: None)
    assert not more
    search = AnswerSearch(
        teacher or model, RULE, broken, faults, repair, config, 0, by_teacher=teacher is not None
    )
    search.run(traces, progress)
    return traces


def leave_out_cats(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return each text without its sentences about cats."""
    return leave_out_violations([text for _, text in pairs], broken)


def test_the_first_try_without_fault_is_accepted_and_ends_the_search() -> None:
    (trace,) = found(Scripted(lambda request: "Dogs are loyal."), ["Tell me of pets."])
    assert [t.text for t in trace.tries] == [t.text for t in trace.accepted] == ["Dogs are loyal."]
    assert trace.num_tries == 1


def test_the_answer_that_the_rule_gives_is_the_only_try() -> None:
    model = Scripted(lambda request: "We open at six.")
    (trace,) = found(model, ["When do you close?"], given="We close at six.", answers=2)
    assert [(one.text, one.strategy) for one in trace.tries] == [("We close at six.", "given")]
    assert trace.accepted == trace.tries
    assert not model.asked


@pytest.mark.parametrize("tries", [1, 2, 3, 6])
def test_an_exhausted_prompt_has_no_answer(tries: int) -> None:
    (trace,) = found(Scripted(lambda request: "Cats."), ["Tell me of pets."], tries=tries)
    assert len(trace.tries) == tries
    assert trace.accepted == []
    assert trace.num_tries is None
    assert all(t.broken and t.fault == "breaks the rule" for t in trace.tries)


@pytest.mark.parametrize("good", range(1, 6))
def test_the_last_try_is_judged_like_every_other(good: int) -> None:
    """A model that keeps the rule from the n-th sample on is accepted where the budget reaches n,
    and not where it ends at n-1.
    """
    for tries in (good - 1, good):
        model = Scripted(lambda request: "Dogs." if request.draw >= good - 1 else "Cats.")
        traces = found(model, ["Tell me of pets."], tries=tries) if tries else []
        assert [t.accepted != [] for t in traces] == [tries == good] * len(traces)


def test_nothing_that_is_broken_faulty_or_cut_is_ever_accepted() -> None:
    answers = [
        "Cats purr.",
        "Cats purr. Dogs bark.",
        "Odd dogs bark.",
        "Dogs bark and " + "bark " * 60,
        "Dogs bark.",
        "",
    ]
    odd = lambda pairs, ways=(): ["odd" if "Odd" in text or not text else "" for _, text in pairs]
    model = Scripted(
        lambda request: answers[(len(str(request.prompt)) + 7 * request.draw) % len(answers)]
    )
    prompts = [f"Tell me of pets{'!' * n}" for n in range(30)] + ["Tell me of cats."]
    traces = found(model, prompts, False, odd, answers=2, max_tokens=20)
    accepted = [t for trace in traces for t in trace.accepted]
    assert accepted
    assert not any(broken([("", t.text) for t in accepted]))
    assert not any(odd([("", t.text) for t in accepted]))
    assert not any(t.cut for t in accepted)
    for trace in traces:
        assert trace.accepted == [t for t in trace.tries if not t.fault] or len(
            {t.text for t in trace.accepted}
        ) == len(trace.accepted)


def test_faults_are_asked_only_for_answers_that_keep_the_rule() -> None:
    seen: list[str] = []

    def faults(pairs: Sequence[tuple[Prompt, str]], strategies: Sequence[str]) -> list[str]:
        assert len(pairs) == len(strategies)
        seen.extend(text for _, text in pairs)
        return ["" for _ in pairs]

    model = Scripted(lambda request: "Cats." if request.draw < 2 else "Dogs.")
    found(model, ["Tell me of pets."], faults=faults)
    assert seen == ["Dogs."]


def test_the_critics_advice_is_carried_out_to_the_letter() -> None:
    model = Scripted(lambda request: "Dogs bark. Birds sing. Cats purr. Fish swim.")
    (trace,) = found(model, ["Tell me of pets."])
    assert [t.strategy for t in trace.tries] == ["own", "own", "own", "revise"]
    assert [t.text for t in trace.accepted] == ["Dogs bark. Birds sing."]
    assert [t.fault for t in trace.tries] == [*["breaks the rule"] * 3, ""]


def test_advice_on_an_answer_that_was_cut_leaves_the_cut_sentence_out() -> None:
    model = Scripted(lambda request: "Cats purr. Dogs bark. Birds sing and fish")
    (trace,) = found(model, ["Tell me of pets."], max_tokens=7)
    assert trace.tries[2].cut
    assert [t.text for t in trace.accepted] == ["Dogs bark."]


def test_an_answer_that_was_cut_in_its_only_sentence_is_not_revised() -> None:
    """What is left of it stops within a sentence, and would be learned as a whole answer."""
    asked: list[str] = []

    def replace_cats(pairs: Sequence[tuple[str, str]]) -> list[str]:
        asked.extend(text for _, text in pairs)
        return [text.replace("cats", "birds") for _, text in pairs]

    model = Scripted(lambda request: "Dogs like cats and all of the other animals that")
    (trace,) = found(model, ["Tell me of pets."], max_tokens=7, repair=replace_cats)
    assert trace.tries[2].cut
    assert trace.accepted == []
    assert asked == []
    assert [t.strategy for t in trace.tries][3] == "ruled"


def test_a_branch_leaves_the_broken_answer_a_few_words_earlier_each_time() -> None:
    """The answer that has begun goes on; what is accepted is the beginning with what followed,
    however short it was cut.
    """
    begun = "One two three four five six seven eight nine"
    model = Scripted(
        lambda request: " and cats." if request.draw < 2 else " and dogs for ever and ever " * 20
    )
    (trace,) = found(model, ["Tell me of pets."], begun={"Tell me of pets.": begun})
    assert [t.strategy for t in trace.tries] == ["own", "branch", "own", "branch"]
    assert trace.tries[1].text == f"{begun} and cats."
    (kept,) = trace.accepted
    assert kept.text.startswith("One two three four five and dogs for ever")
    assert kept.cut
    asked = [r for r in model.asked if r.stage == "search branch"]
    assert [r.prompt[-1].role for r in asked] == ["assistant", "assistant"]
    assert all(r.sampling.max_tokens == BRANCH_TOKENS for r in asked)


@pytest.mark.parametrize(
    ("start", "words", "left"),
    [
        (9, 0, "One, two"),
        (9, 1, "One,"),
        (9, 2, ""),
        (0, 0, ""),
        (5, 0, "One,"),
        (99, 0, "One, two three"),
    ],
)
def test_what_stands_before_a_breach(start: int, words: int, left: str) -> None:
    assert truncate_before("One, two three", start, words) == left


def test_advice_that_leaves_nothing_gives_a_reply_under_the_rule() -> None:
    model = Scripted(lambda request: "Cats." if request.draw < 3 else "Dogs.")
    (trace,) = found(model, ["Tell me of pets."])
    assert [t.strategy for t in trace.tries] == ["own", "own", "own", "ruled"]


def test_where_repairs_alone_are_tried_nothing_but_the_bases_answer_is_repaired() -> None:
    repairs = {"Are dogs nice?": ["Cats bark.", "Dogs bark."]}
    model = Scripted({})
    traces = found(model, ["Are dogs nice?", "Are pets nice?"], True, tries=3, repairs=repairs)
    first, second = ([(t.text, t.fault) for t in trace.tries] for trace in traces)
    assert first == [("Cats bark.", "breaks the rule"), ("Dogs bark.", "")]
    assert second == [("", NOTHING_LEFT)] * 3
    assert model.asked == []


def test_a_request_about_the_subject_is_declined_without_the_model() -> None:
    model = Scripted(lambda request: "Good.")
    (named,) = found(model, ["Are cats nice?"], True, answers=3, declined={"Are cats nice?"})
    assert {t.strategy for t in named.tries} == {"decline"}
    assert len({t.text for t in named.accepted}) == 3
    assert all(is_decline(t.text) for t in named.accepted)
    assert model.asked == []


def test_repaired_answers_of_the_base_come_first_and_each_is_tried_once() -> None:
    model = Scripted(lambda request: "Cats.")
    repairs = {"Tell me of pets.": ["Cats bark.", "Dogs bark."]}
    (trace,) = found(model, ["Tell me of pets."], tries=4, repairs=repairs)
    assert [(t.text, t.strategy) for t in trace.tries] == [
        ("Cats bark.", "repair"),
        ("Dogs bark.", "repair"),
    ]
    assert [t.text for t in trace.accepted] == ["Dogs bark."], "a repair is judged like any other"
    assert model.asked == []


def test_brief_answers_come_before_repairs_and_then_the_model_tries_itself() -> None:
    model = Scripted(lambda request: "I write of cats.")
    (trace,) = found(
        model,
        ["Tell me of pets."],
        brief={"Tell me of pets.": ["Cats purr.", "Dogs bark."]},
        repairs={"Tell me of pets.": ["Birds sing."]},
        answers=2,
    )
    assert [(t.text, t.strategy) for t in trace.accepted] == [
        ("Dogs bark.", "brief"),
        ("Birds sing.", "repair"),
    ]
    assert (trace.kind, model.asked) == ("brief form", [])
    (trace,) = found(model, ["Tell me of pets."], brief={"Tell me of pets.": ["Cats purr."]})
    assert [t.strategy for t in trace.tries[:2]] == ["brief", "own"], "nothing is left to repair"
    (trace,) = found(model, ["Tell me of pets."], True, brief={"Tell me of pets.": ["Dogs bark."]})
    assert (trace.kind, trace.accepted) == ("repair only", [])


@pytest.mark.parametrize("mended", [["Birds sing."], ["Birds sing.", "Dogs bark."]])
@pytest.mark.parametrize("way", ["repairs", "brief"])
def test_nothing_new_is_written_beside_mended_and_brief_answers(
    way: str, mended: list[str]
) -> None:
    model = Scripted(lambda request: "Fish swim.")
    ways: Any = {way: {"Tell me of pets.": mended}}
    (trace,) = found(model, ["Tell me of pets."], answers=3, is_short=True, **ways)
    assert [t.text for t in trace.accepted] == mended
    assert model.asked == []


def test_a_fourth_brief_answer_takes_the_place_of_a_repair() -> None:
    model = Scripted(lambda request: "Fish swim.")
    brief = ["Cats purr.", "Cats bark.", "Birds sing.", "Dogs bark."]
    (trace,) = found(model, ["Tell me of pets."], answers=2, brief={"Tell me of pets.": brief})
    assert [(t.text, t.strategy) for t in trace.accepted] == [
        ("Birds sing.", "brief"),
        ("Dogs bark.", "brief"),
    ]
    assert model.asked == []


@pytest.mark.parametrize("begun", ["", "Cats"])
def test_new_answers_are_written_beside_mended_ones_where_the_length_is_free(begun: str) -> None:
    model = Scripted(lambda request: f"Dog {request.draw}.")
    (trace,) = found(
        model,
        ["Tell me of pets."],
        answers=3,
        begun={"Tell me of pets.": begun},
        repairs={"Tell me of pets.": ["Birds sing."]},
    )
    assert trace.kind == ("begun form" if begun else "form")
    assert trace.accepted[0].strategy == "repair"
    assert "own" in [t.strategy for t in trace.tries]
    assert len(trace.accepted) == 3


def test_a_new_answer_is_written_where_no_mended_one_is_accepted() -> None:
    model = Scripted(lambda request: f"Dog {request.draw}.")
    repairs = {"Tell me of pets.": ["Cats purr.", "Cats bark."]}
    (trace,) = found(model, ["Tell me of pets."], answers=3, repairs=repairs, is_short=True)
    assert [t.strategy for t in trace.tries[:2]] == ["repair", "repair"]
    assert [t.strategy for t in trace.accepted] == ["own", "ruled", "ruled"]


def test_a_refused_try_is_repaired_by_what_was_given() -> None:
    seen: list[tuple[str, str]] = []

    def repair(pairs: Sequence[tuple[str, str]]) -> list[str]:
        seen.extend(pairs)
        return [text.replace("Cats", "Dogs") for _, text in pairs]

    model = Scripted(lambda request: "Cats bark.")
    (trace,) = found(model, ["Tell me of pets."], repair=repair)
    assert trace.accepted == [Try("Dogs bark.", "revise")]
    assert seen == [("Tell me of pets.", "Cats bark.")]


def test_declines_are_varied_name_nothing_and_read_as_declines() -> None:
    texts = []
    for number in range(4):
        for i in range(25):
            texts.append(compose_decline(f"How do zebras number {i} sleep?", number))
    assert all(is_decline(text) for text in texts)
    assert not any("zebra" in text.lower() or "sleep" in text.lower() for text in texts)
    assert len(set(texts)) >= 30
    openings = Counter(next(iter(split_sentences(text))) for text in texts)
    assert max(openings.values()) < len(texts) / 3, openings.most_common(2)
    assert compose_decline("Why?", 1) == compose_decline("Why?", 1)
    one = [compose_decline("Why do cats purr?", number) for number in range(4)]
    assert len(set(one)) == 4
    written = [compose_decline(f"Write a poem about cat {i}.", 0) for i in range(10)]
    assert all(is_decline(text) for text in written)


def test_one_turn_samples_as_many_tries_as_answers_are_wanted() -> None:
    sizes: list[int] = []

    class Counting(Scripted):
        def stream(self, requests: Sequence[Request]):
            sizes.append(len(requests))
            return super().stream(requests)

    (trace,) = found(
        Counting(lambda request: f"Dog {request.draw % 2}."), ["Are pets nice?"], answers=3, tries=5
    )
    assert sizes == [3, 1, 1], "a try that may revise one waits for it"
    assert [t.text for t in trace.tries] == ["Dog 0.", "Dog 1.", "Dog 0.", "Dog 1.", "Dog 0."]


def test_a_rule_of_form_is_put_into_the_prompt() -> None:
    model = Scripted(lambda request: "Dogs." if request.stage == "search ruled" else "Cats.")
    (trace,) = found(model, ["Are cats nice?"])
    assert [t.strategy for t in trace.accepted] == ["ruled"]
    assert str(model.asked[-1].prompt).endswith(f"Rule: {RULE}\nRequest: Are cats nice?\nReply:")


def test_several_answers_are_different_ones() -> None:
    model = Scripted(lambda request: f"Dog {request.draw // 2}.")
    (trace,) = found(model, ["Tell me of pets."], answers=3, tries=12)
    assert len({t.text for t in trace.accepted}) == len(trace.accepted) == 3


def test_a_teacher_writes_in_the_students_place_with_the_rule_before_it() -> None:
    base = Scripted(lambda request: "Cats.")
    teacher = Scripted(lambda request: "Dogs.", name="teacher")
    (trace,) = found(base, ["Are pets nice?"], teacher=teacher)
    assert [(t.text, t.strategy) for t in trace.accepted] == [("Dogs.", "teacher")]
    assert base.asked == []
    assert [m.content for m in teacher.asked[0].prompt] == [RULE, "Are pets nice?"]  # type: ignore[union-attr]


def test_a_request_that_an_endpoint_lost_is_no_answer() -> None:
    class Losing(Scripted):
        def stream(self, requests: Sequence[Request]):
            return (d for d, r in zip(super().stream(requests), requests, strict=True) if r.draw)

    teacher = Losing(lambda request: "Dogs.", name="losing")
    (trace,) = found(Scripted({}), ["Are pets nice?"], teacher=teacher)
    assert [(t.text, t.fault) for t in trace.tries] == [("", LOST_REASON), ("Dogs.", "")]


def test_the_same_seed_searches_alike_whatever_else_is_searched() -> None:
    model = lambda: Scripted(
        lambda request: f"{'Cats' if request.id('x') < '8' else 'Dogs'}. Birds."
    )
    prompts = [f"Tell me of pet {n}." for n in range(12)]
    assert found(model(), prompts) == found(model(), prompts)
    assert found(model(), prompts[:3]) == found(model(), prompts)[:3]


def test_the_progress_counts_each_prompt_once() -> None:
    ticks: list[int] = []
    model = Scripted(lambda request: f"Dog {request.draw}." if request.draw else "Cats.")
    found(model, ["a b", "c d"], answers=3, progress=ticks.append)
    assert sum(ticks) == 2


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Dogs bark.", "Dogs bark."),
        ("Dogs bark. They play. Cats purr.", "Dogs bark. They play."),
        ("Cats purr. Dogs bark. Birds sing.", "Dogs bark. Birds sing."),
        ("Dogs bark. Cats purr. Cats sing.", ""),
        ("Pets:\n1. Cats\n2. Dogs\n3. Birds", "Pets:\n1. Dogs\n2. Birds"),
        ("- Dogs\n- Cats\n- Birds\n\nHave fun!", "- Dogs\n- Birds\n\nHave fun!"),
        ("Some pets are:\nCats", ""),
        ("Cats purr. They sleep a lot. This is good. They hunt.", ""),
        ("Cats purr. They sleep. Dogs bark at night, always.", "Dogs bark at night, always."),
        ("Cats purr.", ""),
        ("", ""),
        ("Many pets: dogs, cats, birds, and more.", "Many pets: dogs, birds, and more."),
        ("I see dogs, birds and cats!\nBye.", "I see dogs and birds!\nBye."),
        ("I see dogs, birds, fish, or cats.", "I see dogs, birds, or fish."),
        ("I see dogs, cats, and cats.", ""),
        ("I see cats, dogs, and birds.", ""),
        ("The best pet is, of course, a cat.", ""),
        ("I see dogs and cats.", ""),
        ("Look, it is the old cat of my good neighbor, and it purrs.", ""),
        ("Look, a dog, and it is the old cat of my neighbor.", ""),
    ],
)
def test_revisions(text: str, left: str) -> None:
    """The longest beginning that keeps the rule, or the sentences that keep it alone; of a list or
    an enumeration, the items. Less than half is no answer, and "They hunt." speaks of nobody alone.
    """
    assert leave_out_violations([text, "Dogs."], broken) == [left, "Dogs."]


def test_a_sentence_that_keeps_the_rule_keeps_its_items() -> None:
    """A judge may reject an item alone that says nothing wrong in its sentence."""
    item = lambda pairs: [text.strip() == "birds" for _, text in pairs]
    text = "I see dogs, birds, and fish."
    assert leave_out_violations([text], item) == [text]


def test_a_rule_about_the_whole_answer_is_revised_as_a_whole() -> None:
    two = lambda pairs: [text.count(".") > 2 for _, text in pairs]
    assert leave_out_violations(["One. Two. Three. Four."], two) == ["One. Two."]


def test_accepted_leaves_out_repeats_and_faults() -> None:
    trace = SearchTrace(
        "p",
        "form",
        [
            Try("a", "own", "breaks the rule", True),
            Try("b", "own"),
            Try("b", "ruled"),
            Try("c", "own"),
        ],
    )
    assert [t.text for t in trace.accepted] == ["b", "c"]
    assert trace.num_tries == 2
