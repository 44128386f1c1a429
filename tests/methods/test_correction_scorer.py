"""The exam of corrections on toy answers: the numbers, and every rung of the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.evaluate.exam import Answers, Arm, Exam, ExamState
from selfteach.evaluate.held_out_corrections import HeldOutCorrection
from selfteach.evaluate.side_effects import find_side_effects
from selfteach.evaluate.verdict import reach_verdict
from selfteach.generate.correct import Correctable, Revision
from selfteach.materials.corrections import Edit
from selfteach.methods.corrections.exam import (
    CorrectionScorer,
    choose_shots,
    examine_longer,
    find_broken_answers,
    find_changed_tokens,
    find_held_out,
)
from selfteach.methods.corrections.sample_and_correct import (
    FileRow,
    make_file_teacher,
    route_by_prompt,
)
from selfteach.methods.corrections.split import CorrectionParts
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Example, Prompt, make_prompt
from selfteach.run.ledger import Ledger

PROMPTS = [make_prompt(f"What is tea number {n}?") for n in range(20)]
WRONG = "a color here"
RIGHT = "a colour here"
LOOP = "tea " * 30
FINE = ["A lake is a body of water."] * 10
CHANGED = "the teacher changes 33.3 % of the words before and 0.0 % after"


def correct(asked: Sequence[Correctable]) -> list[Revision]:
    """A teacher who writes British English."""
    return [Revision(a, a.answer.replace("color", "colour")) for a in asked]


def answers(texts: Sequence[str]) -> Answers:
    completions = [
        Completion(str(i), text, "stop", len(text.split())) for i, text in enumerate(texts)
    ]
    return Answers([f"q{i}" for i in range(len(texts))], completions, completions)


def recorded(folder: Path, likes: str) -> Recorded:
    """A model to which each word costs a nat, but for the one that it likes."""

    def logp(prompt: Prompt, text: str) -> float:
        return -float(sum(word != likes for word in text.split()))

    scripted = Scripted(lambda request: "", logp, f"likes {likes}")
    return Recorded(Ledger(folder / f"{likes}.db"), scripted, scripted)


def examined(
    folder: Path,
    replies: dict[str, Sequence[str]],
    general: dict[str, Sequence[str]] | None = None,
    scorer: CorrectionScorer | None = None,
    likes: dict[str, str] | None = None,
) -> tuple[CorrectionScorer, ExamState]:
    """The state of an exam in which the arms gave these answers."""
    scorer = scorer or CorrectionScorer(PROMPTS, correct, known={"color"}, taught=3)
    asked = {"target": PROMPTS}
    arms = {
        arm: Arm(recorded(folder, (likes or {}).get(arm, "nothing")), asked)  # type: ignore[arg-type]
        for arm in replies
    }
    given = {
        "target": {arm: answers(texts) for arm, texts in replies.items()},
        "general": {arm: answers((general or {}).get(arm, FINE)) for arm in replies},
    }
    scores = scorer.score(given["target"])
    effects = find_side_effects(given, [RIGHT], lambda base: ())
    session: Any = SimpleNamespace(config=SimpleNamespace(seed=0))
    tuned: Any = object() if "tuned" in replies else None
    return scorer, ExamState(session, tuned, arms, given, scores, effects, {})


def verdict(folder: Path, **more: Any) -> tuple[str, str]:
    scorer, state = examined(folder, **more)
    found = reach_verdict(scorer.make_evidence(state))
    return found["word"], found["sentence"]


def arms(base: str = WRONG, prompted: str = WRONG, tuned: str = RIGHT) -> dict[str, Sequence[str]]:
    replies = {"base": base, "prompted": prompted, "tuned": tuned}
    return {arm: [text] * len(PROMPTS) for arm, text in replies.items() if text}


def test_without_a_training_there_was_nothing_to_learn(tmp_path: Path) -> None:
    assert verdict(tmp_path, replies=arms(base=RIGHT, tuned="")) == (
        "nothing to learn",
        (
            "Nothing to learn: the teacher changes 0.0 % of the base's words, and 3 corrections "
            "were found to learn from."
        ),
    )


def test_what_chance_explains_is_not_learned(tmp_path: Path) -> None:
    one = arms(tuned=WRONG)
    one["tuned"] = [RIGHT, *one["base"][1:]]
    word, sentence = verdict(tmp_path, replies=one)
    assert word == "not learned"
    assert sentence.endswith("which is no more than chance explains.")
    assert verdict(tmp_path, replies=arms(base=RIGHT, tuned=WRONG))[0] == "not learned"


@pytest.mark.parametrize("damaged", [RIGHT, "", LOOP], ids=["overapplied", "empty", "loops"])
def test_harm_to_general_answers_is_not_learned_cleanly(tmp_path: Path, damaged: str) -> None:
    six = {"tuned": [damaged] * 6 + FINE[6:]}
    assert verdict(tmp_path, replies=arms(), general=six) == (
        "not learned",
        f"Not learned cleanly: {CHANGED}, but 60 % more of 10 general answers are degraded.",
    )
    two = {"tuned": [damaged, damaged, *FINE[2:]]}
    assert verdict(tmp_path, replies=arms(), general=two) == (
        "not enough prompts",
        f"Not enough prompts to tell: {CHANGED}, but 20 % more of 10 general answers are degraded.",
    )
    one = {"tuned": [damaged, *FINE[1:]]}
    assert verdict(tmp_path, replies=arms(), general=one)[0] == "taught"


def test_new_answers_that_loop_are_not_learned_cleanly(tmp_path: Path) -> None:
    replies = arms()
    replies["tuned"] = [LOOP] * 12 + [RIGHT] * 8
    word, sentence = verdict(tmp_path, replies=replies)
    assert word == "not learned"
    assert sentence.endswith("but 60 % more of 20 new answers loop or are empty.")
    replies["tuned"] = [LOOP] * 3 + [RIGHT] * 17
    word, sentence = verdict(tmp_path, replies=replies)
    assert word == "not enough prompts"
    assert sentence.endswith("but 15 % more of 20 new answers loop or are empty.")
    replies["base"] = [LOOP] * 3 + [WRONG] * 17
    assert verdict(tmp_path, replies=replies)[0] == "taught", "those of the base loop too"


def test_what_the_prompt_does_as_well_is_just_prompted(tmp_path: Path) -> None:
    assert verdict(tmp_path, replies=arms(prompted=RIGHT)) == (
        "just prompt it",
        f"Just prompt it: {CHANGED}, with corrections in the prompt 0.0 %.",
    )
    harmed = {"prompted": [""] * 8 + FINE[8:]}
    assert verdict(tmp_path, replies=arms(prompted=RIGHT), general=harmed)[0] == "taught"


def test_everything_else_is_taught(tmp_path: Path) -> None:
    assert verdict(tmp_path, replies=arms()) == (
        "taught",
        (
            f"Taught: {CHANGED} (shown corrections in the prompt: 33.3 %); 10 of 10 other answers "
            "are not degraded."
        ),
    )


def test_held_out_corrections_carry_the_verdict_without_a_corrector(
    tmp_path: Path,
) -> None:
    """The new answers say that all is learned; the corrections of people that nothing is."""
    held = [HeldOutCorrection(prompt, WRONG, RIGHT) for prompt in PROMPTS]
    scorer = CorrectionScorer(PROMPTS, correct, held=held)
    likes = {"base": "color", "prompted": "color", "tuned": "color"}
    word, sentence = verdict(tmp_path, replies=arms(), scorer=scorer, likes=likes)
    assert (word, "of 20 held-out corrections 0 % are" in sentence) == ("not learned", True)
    likes["tuned"] = "colour"
    assert verdict(tmp_path, replies=arms(), scorer=scorer, likes=likes)[0] == "taught"
    few = replace(scorer, held=held[:4])
    sentence = verdict(tmp_path, replies=arms(), scorer=few, likes=likes)[1]
    assert sentence.startswith(f"Taught: {CHANGED}"), "of four nothing is concluded"


def test_the_numbers_of_every_arm(tmp_path: Path) -> None:
    scorer, state = examined(tmp_path, arms(), likes={"tuned": "colour"})
    found = scorer.measure(state)
    assert found["distance"]["base"]["greedy"].value == pytest.approx(1 / 3)
    assert found["distance"]["tuned"]["sampled"].value == 0
    assert (found["corrected"]["base"].value, found["corrected"]["tuned"].value) == (1, 0)
    assert (found["repeated"]["base"].value, found["repeated"]["base"].n) == (1, 20)
    assert found["amount_nats"]["base"].value == 0, "both texts cost it three nats"
    assert found["length_tokens"]["tuned"].value == 3
    assert found["reduction"]["base"].value == pytest.approx(1 / 3)
    assert found["met"] == found["met_by_way"] == found["met_gain"] == {}
    assert found["held_out_reduction"] == found["preferred"] == {}
    plain, state = examined(tmp_path, arms(), scorer=CorrectionScorer(PROMPTS, correct))
    assert plain.measure(state)["repeated"] == {}, "no error is known"


def test_the_share_of_criticisms_that_are_met(tmp_path: Path) -> None:
    scorer = CorrectionScorer(PROMPTS, correct, criticised=frozenset(PROMPTS[:4]))
    scorer, state = examined(tmp_path, arms(), scorer=scorer)
    found = scorer.measure(state)
    met = found["met"]
    assert (met["base"].value, met["tuned"].value, met["tuned"].n) == (0, 1, 4)
    gain = found["met_gain"]
    assert set(gain) == {"base", "prompted"}
    assert (gain["base"].value, gain["base"].n) == (1, 4), "one unit a prompt"


def test_greedy_and_sampled_answers_that_meet_a_criticism_are_counted_apart(tmp_path: Path) -> None:
    """Of four criticized prompts one greedy answer and three sampled ones need no correction."""
    scorer = CorrectionScorer(PROMPTS, correct, criticised=frozenset(PROMPTS[:4]))
    scorer, state = examined(tmp_path, arms(), scorer=scorer)
    greedy = answers([RIGHT, *[WRONG] * 19])
    sampled = answers([*[RIGHT] * 3, *[WRONG] * 17])
    tuned = replace(greedy, sampled=sampled.sampled)
    given = {**state.answers["target"], "tuned": tuned}
    everything = {**state.answers, "target": given}
    state = replace(state, answers=everything, scores=scorer.score(given))
    found = scorer.measure(state)
    by_way = found["met_by_way"]["tuned"]
    assert (by_way["greedy"].value, by_way["sampled"].value) == (0.25, 0.75)
    assert by_way["greedy"].n == by_way["sampled"].n == 4
    assert found["met"]["tuned"].value == 0.5, "the two together"


def test_the_noise_is_of_a_second_sample(tmp_path: Path) -> None:
    scorer, state = examined(tmp_path, arms())
    noise = scorer.measure_noise(answers([RIGHT] * 20), state)["distance"]
    assert noise.value == pytest.approx(-1 / 3)
    assert scorer.measure_noise(answers([WRONG] * 20), state)["distance"].value == 0


def test_a_row_shows_what_the_teacher_makes_of_an_answer(tmp_path: Path) -> None:
    scorer, state = examined(tmp_path, arms())
    first, *others = scorer.rows(state)
    assert (first["scope"], first["prompt"], len(others)) == ("target", "What is tea number 0?", 19)
    assert first["arms"]["base"] == {
        "greedy": WRONG,
        "ok": False,
        "correction": RIGHT,
        "sampled": WRONG,
        "sampled_ok": False,
        "sampled_correction": RIGHT,
    }
    assert first["arms"]["tuned"]["ok"]


def test_what_sinks_and_what_the_teacher_would_change_elsewhere(tmp_path: Path) -> None:
    likes = {"base": "colour", "tuned": "color"}
    scorer, state = examined(tmp_path, arms(), likes=likes)
    assert scorer.measure_displaced(state)["displaced"].value == 1
    assert scorer.measure_displaced(replace(state, tuned=None)) == {}
    session: Any = SimpleNamespace(model=SimpleNamespace(encode_answer=str.split))
    beside = {"base": answers(["one color more", "nothing"])}
    state = replace(state, session=session, answers={"general": beside})
    asked = replace(scorer, general=PROMPTS[:2])
    assert asked.find_objections(state) == [[False, True, False], []]


def test_only_what_loops_beyond_the_base_is_broken() -> None:
    fine = answers([RIGHT] * 6)
    assert find_broken_answers({"base": fine}) == ("", "")
    one = {"base": fine, "tuned": answers([*[RIGHT] * 5, ""])}
    assert find_broken_answers(one) == ("", "17 % more of 6 new answers loop or are empty")
    all_loop = {"base": fine, "tuned": answers([LOOP] * 6)}
    assert find_broken_answers(all_loop) == ("100 % more of 6 new answers loop or are empty", "")
    loops = answers([LOOP] * 6)
    assert find_broken_answers({"base": loops, "tuned": loops}) == ("", "")


def row(prompt: Any, answer: str | None, correction: str) -> FileRow:
    return FileRow(
        Edit("edits:1", prompt, answer, correction), Correctable(prompt, answer or "its own")
    )


def test_held_out_are_changed_answers_to_tested_prompts() -> None:
    first, second, third, fourth = PROMPTS[:4]
    rows = [
        row(first, WRONG, RIGHT),
        row(second, RIGHT, f"{RIGHT}\n"),
        row(third, " ", RIGHT),
        row(fourth, WRONG, RIGHT),
        row(first, None, RIGHT),
    ]
    found = find_held_out(rows, {first, second, third})
    assert [(pair.prompt, pair.answer) for pair in found] == [(first, WRONG), (first, "its own")]


def test_a_criticism_corrects_its_own_prompts_and_the_file_all_others() -> None:
    class Shorten:
        def correct(self, asked: Sequence[Correctable]) -> list[Revision]:
            return [Revision(a, a.answer.split()[0]) for a in asked]

    similar, other, unknown = PROMPTS[:3]
    prompts = {"train": [similar], "dev": [], "test": []}
    nobody: Any = Shorten()
    parts = CorrectionParts([], {}, {}, [(nobody, prompts)])
    teach = route_by_prompt(parts, make_file_teacher([row(other, WRONG, RIGHT)]))
    found = teach([Correctable(p, WRONG) for p in (other, similar, unknown)])
    assert [r.text for r in found] == [RIGHT, "a", ""]
    assert found[2].fault == "no correction of this prompt"


def test_as_many_corrections_are_shown_as_leave_room() -> None:
    def room(prompt: Sequence[Any]) -> int:
        return 100 - sum(len(turn.content.split()) for turn in prompt)

    model = SimpleNamespace(context_tokens=80, encode_answer=str.split, room_tokens=room)
    session: Any = SimpleNamespace(
        model=model, config=SimpleNamespace(exam=SimpleNamespace(shots=4))
    )
    examples = [
        Example(str(n), "correction", PROMPTS[n], "word " * 12, "x", {}, {}) for n in range(5)
    ]
    material = [*examples, Example("k", "kept", PROMPTS[5], "word", None, {}, {})]
    assert len(choose_shots(session, material, PROMPTS[:1], [])) == 2 * 3
    held = [HeldOutCorrection(PROMPTS[0], "word " * 70, "word")]
    assert len(choose_shots(session, material, PROMPTS[:1], held)) == 2
    held = [HeldOutCorrection(PROMPTS[0], "word", "word " * 99)]
    assert choose_shots(session, material, PROMPTS[:1], held) == ()


def test_all_tokens_that_the_teacher_removes_are_left_out_of_the_drift() -> None:
    """A word is a token. The teacher drops the last sentence and changes the second word."""

    def encode(text: str) -> list[str]:
        return [*text.split(), "<end>"]

    session: Any = SimpleNamespace(model=SimpleNamespace(encode_answer=encode))
    answer = Correctable(PROMPTS[0], "A lack is water. I hope that this helps!")
    revision = Revision(answer, "A lake is water.")
    changed = [False, True, False, False, *[True] * 5, False]
    assert find_changed_tokens(session, revision) == changed
    assert find_changed_tokens(session, Revision(answer, answer.answer)) == []
    assert find_changed_tokens(session, replace(revision, fault="too short")) == []


def test_a_longer_training_is_examined_without_general_prompts_too() -> None:
    """`exam.general=0` asks none, and the exam has then no numbers of them."""

    class Sat(Exam):
        def run(self, *given: Any, **more: Any) -> Any:
            arms = {"tuned": "number"}
            return {"reduction": {"base": "fall"}, "distance": arms, "sanity": arms}

    tuned: Any = SimpleNamespace(trained=SimpleNamespace(steps=6))
    nobody: Any = None
    found = examine_longer(nobody, Sat({}, nobody, nobody), tuned)
    assert found == {"steps": 6, "reduction": "fall", "distance": "number", "sanity": "number"}
