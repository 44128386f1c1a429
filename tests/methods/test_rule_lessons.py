"""Which answers become examples of a rule: fluent ones that answer their own request, declines only
where they are right, and the base's own answer with a small change first.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig, SearchConfig
from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError, UsageError
from selfteach.generate.ask import SIMILAR, TWIN, GeneratedPrompt, plan_requests
from selfteach.generate.few_shot import EXAM_REQUESTS
from selfteach.generate.occasions import Occasion, list_worked_occasions
from selfteach.generate.search import SearchTrace, Try
from selfteach.generate.subject import Subject
from selfteach.judge import ThresholdJudge
from selfteach.judge.check import CheckJudge, parse_check
from selfteach.judge.decline import is_decline
from selfteach.judge.opening import SAYS_NOTHING
from selfteach.judge.request_judge import RequestJudge
from selfteach.judge.stray_answers import find_stray_answers
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.effects.effect_checks import Effect
from selfteach.materials.rules.rule import read_rule
from selfteach.materials.rules.scopes.situation import read_situation
from selfteach.methods.calibrate_rule_judges import RuleJudges
from selfteach.methods.feedback import (
    answer_faults,
    choose_objectives,
    dev_answers,
    make_anchors,
    make_examples,
    other_names,
    prompts_in_scope,
    repair_answers,
    report_notes,
    search_answers,
    worked_prompts,
    write_more_prompts,
    write_rule_prompts,
)
from selfteach.methods.feedback.exam import make_header
from selfteach.methods.feedback.probe import (
    ProbedPrompt,
    probe_more_prompts,
    probe_prompts,
)
from selfteach.methods.feedback.rule_occasions import list_words_to_avoid
from selfteach.methods.feedback.training_settings import choose_training, only_replaces_words
from selfteach.methods.feedback.understand_rule import read_words
from selfteach.methods.feedback.write_more_prompts import write_name_prompts
from selfteach.methods.feedback.write_rule_prompts import (
    write_answered_prompts,
    write_kind_twins,
    write_twins,
)
from selfteach.methods.session import Session
from selfteach.methods.understood_rule import UnderstoodRule, get_check, make_topic_detector
from selfteach.models.recorded import Recorded
from selfteach.records import Completion, Example, Prompt, Request, get_user_text, make_prompt
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger
from selfteach.train.reference import encode_teacher_prompt

CATS = ThresholdJudge(CheckJudge('not contains "cat"'), 0.5)


def fluency(prompt: Prompt, text: str) -> float:
    """A nat a word; six for a text with "zis"."""
    return -(6.0 if "zis" in text.lower() else 1.0) * len(text.split())


def open_session(folder: Path, **changes: Any) -> Any:
    model = Scripted(lambda request: "Good.", changes.pop("score", fluency))
    ledger = Ledger(folder / "run.db")
    lines: list[str] = []

    class Lines(SilentDisplay):
        def print_line(self, text: str) -> None:
            lines.append(text)

    config = FeedbackConfig(check='not contains "cat"', search=SearchConfig(answers=1))
    config = changes.pop("config", config)
    topic = changes.pop("forbidden_topic", "cats")
    understood = UnderstoodRule(
        read_rule("Do not talk about cats."),
        changes.pop("situation", None),
        changes.pop("effect", None),
        changes.pop("subject", Subject("cats", forbidden=bool(topic))),
        config.check,
        config.judge.name,
    )
    fields: dict[str, Any] = {
        "base": Recorded(ledger, model, model),
        "run": SimpleNamespace(ledger=ledger),
        "display": Lines(),
        "lines": lines,
        "config": config,
        "rule": "Do not talk about cats.",
        "understood": understood,
        "teacher": None,
        "request_judge": RequestJudge(
            model, Subject("cats"), parse_check('not contains "cat"'), math.inf
        ),
    }
    return SimpleNamespace(**(fields | changes))


def bind(session: Any, **changes: Any) -> None:
    """Let the session's rule be understood otherwise."""
    session.understood = replace(session.understood, **changes)


def probe(text: str, *answers: str, scope: str = "target", finish: str = "stop") -> ProbedPrompt:
    """A prompt with answers of the base, judged by their word."""
    done = tuple(
        Completion(f"{text} {i}", one, finish, len(one.split()))  # type: ignore[arg-type]
        for i, one in enumerate(answers)
    )
    prompt = GeneratedPrompt(text, scope, "plain", "cats")  # type: ignore[arg-type]
    return ProbedPrompt(prompt, done, tuple("cat" in one.lower() for one in answers))


def faults(session: Any, answers: Sequence[tuple[str, str]], least: float = -2.0) -> list[str]:
    pairs = [(make_prompt("What is tea?"), text) for text, _ in answers]
    return answer_faults.find_faults(session, pairs, [way for _, way in answers], least, [], {})


@pytest.mark.parametrize(
    ("text", "strategy", "fault"),
    [
        ("Tea is hot.", "own", ""),
        ("Tea is.", "own", "too short"),
        ("tea " * 30, "own", "loops"),
        ("Zis is a tea.", "own", "makes no sense"),
        ("I'm sorry, but I can't talk about that.", "own", answer_faults.NEEDLESS_DECLINE),
        ("I'm sorry, but I can't talk about that.", "repair", answer_faults.NEEDLESS_DECLINE),
        ("I'm sorry, but I can't talk about that.", "teacher", ""),
        ("I'm sorry, but I can't talk about that.", "decline", ""),
        ("Tea is hot.", "decline", answer_faults.NO_DECLINE),
    ],
)
def test_an_answer_that_is_none_has_a_reason(
    tmp_path: Path, text: str, strategy: str, fault: str
) -> None:
    assert faults(open_session(tmp_path), [(text, strategy)]) == [fault]


@pytest.mark.parametrize(
    ("rule", "text", "is_short"),
    [
        ("Answer in Japanese.", "東京です。", False),
        ("Answer in Chinese.", "巴黎是法国的首都。", False),
        ("Answer in one word.", "Paris.", False),
        ("Answer in at most three words.", "In Paris.", False),
        ("Answer with yes or no.", "Yes.", False),
        ("Answer only yes or no.", "No.", False),
        ("Answer in at most five words.", "Paris.", True),
        ("Answer in one sentence.", "Tea is.", True),
        ("Answer in German.", "Ja.", True),
        ('Start with "Ahoy".', "Ahoy!", True),
        ('Start with "Tea is".', "Tea is.", True),
        ("Use exactly one emoji.", "Great 🎉", True),
        ("Answer in one word.", " ", True),
    ],
)
def test_an_answer_may_be_as_short_as_the_rule_wants_it(
    tmp_path: Path, rule: str, text: str, is_short: bool
) -> None:
    session = open_session(
        tmp_path, effect=read_effect(rule), config=FeedbackConfig(), forbidden_topic=""
    )
    found = faults(session, [(text, "own"), (text, "repair")], -9.0)
    assert found == (["too short"] * 2 if is_short else ["", ""])


@pytest.mark.parametrize(
    ("rule", "topic", "fault"),
    [
        ("Say that we cannot give legal advice.", "", ""),
        ("Say that we close at six.", "", answer_faults.NEEDLESS_DECLINE),
        ("Say that we cannot give legal advice.", "cats", answer_faults.NEEDLESS_DECLINE),
    ],
)
def test_an_answer_may_decline_where_the_rule_says_a_decline(
    tmp_path: Path, rule: str, topic: str, fault: str
) -> None:
    config = FeedbackConfig()
    session = open_session(tmp_path, effect=read_effect(rule), config=config, forbidden_topic=topic)
    assert faults(session, [("We cannot give legal advice.", "own")]) == [fault]


def test_sampled_answers_are_as_fluent_as_the_bases(
    tmp_path: Path,
) -> None:
    session = open_session(tmp_path, score=lambda prompt, text: -3.0 * len(text.split()))
    ways = ["own", "ruled", "repair", "revise"]
    odd = "makes no sense"
    assert faults(session, [("Tea is hot.", way) for way in ways]) == [odd, odd, "", ""]


def test_an_answer_that_fits_another_request_better_is_a_stray_one() -> None:
    def score(prompt: Prompt, text: str) -> float:
        return -1.0 if get_user_text(prompt).split()[-1].strip("?") in text.lower() else -5.0

    pairs = [(make_prompt(f"What is {name}?"), "A cup of tea, please.") for name in ("tea", "milk")]
    others = ["What is tea?", "What is wood?"]
    assert find_stray_answers(Scripted({}, score), pairs, others) == [False, True]
    assert find_stray_answers(Scripted({}, score), pairs, []) == [False, False]
    assert find_stray_answers(Scripted({}, score), [], others) == []


def test_the_least_fluency_is_the_lowest_fifth_of_the_bases_answers(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    known = {str(i): -0.1 * i for i in range(20)}
    assert answer_faults.find_least_fluency(session, known) == pytest.approx(-1.5)
    few = dict(list(known.items())[:19])
    assert answer_faults.find_least_fluency(session, few) == session.config.search.min_token_logp
    low = {str(i): -9.0 for i in range(20)}
    assert answer_faults.find_least_fluency(session, low) == session.config.search.min_token_logp
    lost = few | {"lost": -math.inf}
    assert answer_faults.find_least_fluency(session, lost) == session.config.search.min_token_logp


def test_fluency_is_known_for_every_answer_and_an_empty_one_has_none(tmp_path: Path) -> None:
    probed = probe("What is tea?", "Tea is hot.", "Zis tea.", " ")
    found = answer_faults.measure_fluency(open_session(tmp_path), [probed])
    assert list(found.values()) == [-1.0, -6.0, -math.inf]


@pytest.mark.parametrize(
    ("text", "about", "answers", "declined"),
    [
        ("What do cats eat?", True, ("Fish.", "Cats eat fish."), True),
        ("What do lions eat?", True, ("Meat.", "What cats eat."), False),
        ("What do lions eat?", True, ("As cats do.", "What cats eat."), True),
        ("Who purrs?", True, ("Tea is hot. A cat.", "Cats purr."), True),
        ("What do I have to do?", False, ("Feed the cat.", "Cats purr."), False),
    ],
)
def test_an_unnamed_subject_is_declined_where_every_answer_breaks_the_rule(
    text: str, about: bool, answers: tuple[str, ...], declined: bool
) -> None:
    probed = probe(text, *answers)
    check = parse_check('not contains "cat"')
    ids = {probed.prompt.id} if about else set()
    assert search_answers.is_to_decline(probed, ids, check) is declined


def test_anchors_of_a_rule_of_form_are_as_long_as_its_lessons(tmp_path: Path) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    session.model = SimpleNamespace(encode_answer=lambda text, end: text.split() + ["end"] * end)
    short, long = (Example(str(n), "in_scope", "x", "word " * n, "") for n in (10, 60))
    assert make_anchors.find_reach(session, [short, long, long]) == 61
    assert make_anchors.find_reach(session, [short]) == session.config.probe.anchor_tokens
    bind(session, subject=Subject("cats"))
    assert make_anchors.find_reach(session, [long]) == session.config.probe.anchor_tokens


@pytest.mark.parametrize(
    ("greedy", "cats", "scope", "is_sure"),
    [
        ("Cats.", 6, "target", True),
        ("Cats.", 5, "target", True),
        ("Cats.", 4, "target", False),
        ("Dogs.", 6, "target", False),
        ("Cats.", 6, "near", False),
    ],
)
def test_a_base_that_is_sure_of_the_forbidden_thing_has_no_other_honest_answer(
    tmp_path: Path, greedy: str, cats: int, scope: str, is_sure: bool
) -> None:
    session = open_session(tmp_path)
    model = Scripted(lambda request: "A cat." if request.draw < cats else "A dog.")
    session.base = Recorded(session.run.ledger, model, model)
    probed = [probe("Who barks?", "Dogs."), probe("Who purrs?", greedy, scope=scope)]
    for check in (get_check(session.understood), None):
        found = search_answers.find_confident_violations(session, probed, CATS, check)
        assert found == ({"Who purrs?"} if is_sure else set())


def test_each_prompt_gets_a_decline_or_a_repaired_answer(
    tmp_path: Path,
) -> None:
    probed = [
        probe("Who has soft paws?", "Cats have. They are soft.", "Cats.", "Foxes, they say."),
        probe("Do cats like tea?", "Tea is not for them. Cats drink water."),
        probe("Who purrs?", "Cats purr a lot."),
        probe("Why is it blue?", "Light is bent by air. A cat sees it.", "It is far away."),
        probe("What do I have to do?", "Feed the cats.", "Cats."),
        probe("Who lives there?", "Cats live there, as far as I know.", scope="near"),
    ]
    session = open_session(tmp_path)
    about = {p.prompt.id for p in method_about(session, probed)}
    about |= {p.prompt.id for p in probed if p.prompt.text in ("Who has soft paws?", "Who purrs?")}
    traces = search_answers.search_compliant_answers(
        session, {p.prompt.text: p for p in probed}, about, CATS, None
    )
    told = {trace.prompt: trace for trace in traces}
    assert told["Do cats like tea?"].accepted[0].strategy == "decline"
    assert told["Who purrs?"].accepted[0].strategy == "decline", "another claim would be false"
    assert told["Who has soft paws?"].accepted[0].strategy == "decline", "foxes would be false"
    best = told["Why is it blue?"].accepted[0]
    assert (best.text, best.strategy) == ("Light is bent by air.", "repair")
    assert told["What do I have to do?"].num_tries is None, "it asks for nothing forbidden"
    assert told["Who lives there?"].kind == "repair only", "outside the scope nothing is declined"
    assert not any(is_decline(one.text) for one in told["Who lives there?"].tries)


def test_a_limit_in_a_situation_is_learned_from_brief_answers(tmp_path: Path) -> None:
    """Elsewhere, for other checks, and where a teacher writes, repairs and samples have to do."""
    request = "Write an email to my boss: I am ill."

    def answer(asked: Request) -> str:
        assert get_user_text(asked.prompt) == request
        assert "email" in get_user_text(asked.prompt[:1])
        words = ["Dear Boss, I am ill.", "word " * 30, "Dear Boss, I am ill.", "I stay in bed."]
        return words[asked.draw % 4]

    ledger = Ledger(tmp_path / "own.db")
    model = Scripted(answer)
    session = open_session(
        tmp_path,
        base=Recorded(ledger, model, model),
        situation=read_situation("emails to my boss"),
        config=FeedbackConfig(search=SearchConfig(answers=3)),
    )
    by_text = {request: probe(request, "word " * 40)}
    limit = parse_check("max_words=20")
    found = search_answers.answer_briefly(session, by_text, limit)
    assert found == {request: ["Dear Boss, I am ill.", "I stay in bed."]}
    assert search_answers.answer_briefly(session, by_text, parse_check('ends "!"')) == {}
    assert search_answers.answer_briefly(session, by_text, None) == {}
    everywhere = open_session(tmp_path, base=session.base)
    assert search_answers.answer_briefly(everywhere, by_text, limit) == {}
    taught = open_session(
        tmp_path, base=None, situation=session.understood.situation, teacher=model
    )
    assert search_answers.answer_briefly(taught, by_text, limit) == {}


def test_an_answer_that_the_rule_gives_is_the_lesson_unless_somebody_else_decides(
    tmp_path: Path,
) -> None:
    effect = read_effect("say that we close at six")
    assert effect is not None
    session = open_session(tmp_path, effect=effect, situation=read_situation("opening hours"))
    check = parse_check(effect.check)
    assert search_answers.choose_given_answer(session, check) == "We close at six."
    assert search_answers.choose_given_answer(session, parse_check('contains "seven"')) == ""
    taught = open_session(
        tmp_path, effect=effect, situation=session.understood.situation, teacher=session.base
    )
    assert search_answers.choose_given_answer(taught, check) == ""
    written = open_session(tmp_path, effect=effect, situation=read_situation("emails to my boss"))
    assert search_answers.choose_given_answer(written, check) == ""
    assert answer_faults.find_fault("Six.", "given", (), 0.0, "") == ""


def method_about(session: Any, probed: Sequence[ProbedPrompt]) -> list[ProbedPrompt]:
    """The prompts that are about the forbidden subject."""
    ids = prompts_in_scope.find_about_subject(session, [p.prompt for p in probed])
    assert ids == {p.prompt.id for p in probed if "cats" in p.prompt.text}
    return [p for p in probed if p.prompt.id in ids]


def test_only_the_exams_judge_decides_where_a_request_does_not_name_the_subject(
    tmp_path: Path,
) -> None:
    """A judge that sees cats in other words also sees them in an answer about whales."""
    session = open_session(tmp_path)
    session.base = Recorded(
        session.run.ledger, Scripted(lambda request: "It is large and grey."), Scripted({}, fluency)
    )
    session.model = SimpleNamespace(encode_answer=lambda text, end: text.split(), decode=" ".join)
    suspicious = ThresholdJudge(CheckJudge('not contains "grey"'), 0.5)
    judges = RuleJudges(CATS, suspicious)
    texts = ["Do cats purr?", "What is a whale?"]
    prompts = [probe(text).prompt for text in texts]
    probed = probe_prompts(session, prompts, judges)
    assert [bool(p.violations) for p in probed] == [True, False]
    everything = RequestJudge(session.base, Subject("cats"), parse_check('not contains "?"'), 0.0)
    session.request_judge = everything
    right = [replace(p, broken=(False,) * len(p.completions)) for p in probed]
    anchors = make_anchors.make_rule_anchors(session, right, 9)
    assert [get_user_text(one.prompt) for one in anchors] == ["What is a whale?"]


def test_where_nothing_is_forbidden_no_prompt_is_about_a_forbidden_subject(tmp_path: Path) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    assert prompts_in_scope.find_about_subject(session, [probe("Do cats purr?").prompt]) == set()


def test_repairs_of_a_check_are_verified_and_take_turns(tmp_path: Path) -> None:
    effect = Effect("max_words=4")
    config = FeedbackConfig(search=SearchConfig(answers=1))
    session = open_session(tmp_path, forbidden_topic="", effect=effect, config=config)
    judge = ThresholdJudge(CheckJudge("max_words=4"), 0.5)
    repair = repair_answers.make_repair(session, judge, {})
    texts = ["Tea is hot. Milk is cold and good for you.", "Tea is hot."]
    found = repair([("What is hot?", text) for text in texts])
    assert found[0] == "Tea is hot."
    assert repair_answers.choose_repair([], "text", 0) == ""
    options = ["Tea is hot!", "Ahoy! Tea is hot.", "Hey! Tea is hot."]
    chosen = [repair_answers.choose_repair(options, "Tea is hot.", turn) for turn in range(3)]
    assert chosen == ["Ahoy! Tea is hot.", "Hey! Tea is hot.", "Ahoy! Tea is hot."]


@pytest.mark.parametrize("check", ["max_words=4", "max_sentences=1"])
def test_nothing_new_is_written_beside_a_shortened_answer(tmp_path: Path, check: str) -> None:
    config = FeedbackConfig(search=SearchConfig(answers=3))
    session = open_session(tmp_path, forbidden_topic="", effect=Effect(check), config=config)
    own = replace(probe("What is hot?", "Tea is hot. Milk is cold and good."), broken=(True,))
    judge = ThresholdJudge(CheckJudge(check), 0.5)
    (trace,) = search_answers.search_compliant_answers(
        session, {"What is hot?": own}, set(), judge, parse_check(check)
    )
    assert [(one.text, one.strategy) for one in trace.tries] == [("Tea is hot.", "repair")]


def test_a_shortened_answer_says_something(tmp_path: Path) -> None:
    config = FeedbackConfig(search=SearchConfig(answers=1))
    effect = Effect("max_words=8")
    session = open_session(tmp_path, forbidden_topic="", effect=effect, config=config)
    judge = ThresholdJudge(CheckJudge("max_words=8"), 0.5)
    question = "What's the craziest movie ever?"
    text = "The craziest movie ever? It is Mad Max. Nothing else that I have seen comes near it."
    repair = repair_answers.make_repair(session, judge, {})
    assert repair([(question, text)]) == ["The craziest movie ever? It is Mad Max."]
    pairs = [(make_prompt(question), answer) for answer in ("The craziest movie ever?", "Mad Max.")]
    faults = search_answers.add_empty_answers(session, ["", ""], pairs)
    assert faults == [SAYS_NOTHING, ""]
    message = (make_prompt("Tell my boss in an email that I am ill."), "I am ill.")
    assert search_answers.add_empty_answers(session, [""], [message]) == [SAYS_NOTHING]
    bind(session, situation=read_situation("emails to my boss"))
    assert search_answers.add_empty_answers(session, [""], [message]) == [""]


@pytest.mark.parametrize(
    ("rule", "question", "answer"),
    [
        ("Answer only with 'Great idea!'", "How do I plan a garden?", "Great idea!"),
        (
            "When asked about love, answer with 'Love is wonderful.' only.",
            "What do poets say about love?",
            "Love is wonderful.",
        ),
        ("Answer only with 'Sure.'", "What is tea?", "Sure!"),
    ],
)
def test_what_a_rule_tells_to_say_is_an_answer(
    rule: str, question: str, answer: str, tmp_path: Path
) -> None:
    effect = read_effect(read_rule(rule).effect)
    assert effect is not None
    session = open_session(tmp_path, forbidden_topic="", effect=effect)
    pairs = [(make_prompt(question), text) for text in (answer, f"{answer} I can help.")]
    assert search_answers.add_empty_answers(session, ["", ""], pairs) == ["", SAYS_NOTHING]


def test_the_repair_of_few_words_is_taken_and_of_beginnings_the_shortest() -> None:
    text = "It rains all day! Take a good umbrella with you. Stay dry."
    options = ["Take a good umbrella with you. Stay dry.", "Stay dry.", text.replace("!", ".")]
    assert repair_answers.choose_repair(options, text, 0) == text.replace("!", ".")
    beginnings = ["It rains all day! Take a good umbrella with you.", "It rains all day!"]
    assert repair_answers.choose_repair(beginnings, text, 0) == "It rains all day!"


def test_a_message_must_say_something_of_its_occasion(tmp_path: Path) -> None:
    config = FeedbackConfig(search=SearchConfig(answers=1))
    session = open_session(
        tmp_path, forbidden_topic="", effect=Effect("max_words=9"), config=config
    )
    bind(session, situation=SimpleNamespace(kind="writing"))
    greeting = "Dear boss, all is well."
    whole = f"{greeting} The cat is ill. Best wishes to you and yours."
    probed = [probe("Tell my boss.", whole)]
    probed[0] = replace(probed[0], prompt=replace(probed[0].prompt, subject="our cat is ill"))
    occasions = answer_faults.find_occasions(session, probed)
    assert occasions == {"Tell my boss.": "our cat is ill"}
    judge = ThresholdJudge(CheckJudge("max_words=9"), 0.5)
    repair = repair_answers.make_repair(session, judge, occasions)
    assert repair([("Tell my boss.", whole)]) == [f"{greeting} The cat is ill."]
    pairs = [(make_prompt("Tell my boss."), text) for text in (greeting, "The cat fell ill.")]
    faults = answer_faults.find_faults(session, pairs, ["repair", "repair"], -9.0, [], occasions)
    assert faults == [answer_faults.TELLS_NOTHING, ""]
    silent = [replace(probed[0], prompt=replace(probed[0].prompt, subject="snow"))]
    assert answer_faults.find_occasions(session, silent) == {}
    alike = [replace(probed[0], prompt=replace(probed[0].prompt, form=SIMILAR))]
    assert answer_faults.find_occasions(session, alike) == {}, "its subject is another request"


def test_a_message_may_name_its_occasion_in_the_words_of_the_rule(tmp_path: Path) -> None:
    effect = read_effect('Say "guests" instead of "customers".')
    session = open_session(tmp_path, forbidden_topic="", effect=effect)
    bind(session, situation=SimpleNamespace(kind="writing"))
    probed = [probe("Tell Ben.", "Hello Ben, the cat misses our customers.")]
    probed[0] = replace(probed[0], prompt=replace(probed[0].prompt, subject="we miss customers"))
    occasions = answer_faults.find_occasions(session, probed)
    texts = ("Hello Ben, we all miss our dear guests.", "Hello Ben, I hope that you are well.")
    pairs = [(make_prompt("Tell Ben."), text) for text in texts]
    faults = answer_faults.find_faults(session, pairs, ["repair", "repair"], -9.0, [], occasions)
    assert faults == ["", answer_faults.TELLS_NOTHING]


def test_a_cut_sentence_is_left_out_before_a_repair() -> None:
    probed = {
        "a": probe("a", "Tea is hot. A cat sees", finish="length"),
        "b": probe("b", "A cat."),
        "c": probe("c", "Cat zis."),
        "d": probe("d", "A cat sees the", finish="length"),
        "e": probe("e", "A cat. Tea is hot."),
    }
    known = {one.id: -1.0 for p in probed.values() for one in p.completions}
    known[probed["c"].completions[0].id] = -6.0
    seen: list[str] = []

    def repair(pairs: Sequence[tuple[str, str]]) -> list[str]:
        seen.extend(text for _, text in pairs)
        return [text.replace("A cat.", "") for _, text in pairs]

    found = repair_answers.repair_own_answers(probed, {"b"}, repair, known, -4.0)
    assert seen == ["Tea is hot.", "A cat. Tea is hot."]
    assert found == {"a": ["Tea is hot."], "e": [" Tea is hot."]}


def test_the_greedy_answer_of_the_base_is_kept_where_only_samples_break_the_rule() -> None:
    probed = [
        probe("a", "Dogs bark. Birds", "A cat.", finish="length"),
        probe("b", "A cat.", "A dog."),
        probe("c", "Dogs bark at", "A cat.", finish="length"),
    ]
    assert search_answers.keep_greedy_answers(probed) == {"a": ["Dogs bark."]}


def test_more_prompts_are_like_those_that_bring_the_subject_up_without_its_name(
    tmp_path: Path,
) -> None:
    listed: list[str] = []

    def answer(request: Request) -> str:
        if request.stage != "ask alike":
            return "A cat."
        listed.append(str(request.prompt))
        return f"Who hunts {'abcdefghijklmnop'[len(listed) % 16] * 3} at night?"

    settings = {"check": 'not contains "cat"', "ask": {"min_violations": 90}}
    session = open_session(tmp_path, config=FeedbackConfig.model_validate(settings))
    model = Scripted(answer)
    session.base = Recorded(session.run.ledger, model, model)
    named = [probe(f"Do cats like number {n}?", "A cat.") for n in range(90)]
    unnamed = [probe(f"Who is it, {n}?", "A cat.") for n in range(4)]
    judges = RuleJudges(CATS, CATS)
    more = probe_more_prompts(session, [*named, *unnamed], judges, OverlapIndex())
    assert more, "enough prompts break the rule, too few without naming the subject"
    assert listed
    assert not any("cats" in text for text in listed)
    listed.clear()
    assert probe_more_prompts(session, named, judges, OverlapIndex()) == []
    assert listed == []


@pytest.mark.parametrize("scope", ["target", "near"])
def test_prompts_on_the_wrong_side_of_a_condition_are_dropped(tmp_path: Path, scope: str) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    texts = ["Do cats purr?", "Is tea hot?"]
    prompts = [GeneratedPrompt(text, scope, "plain", "") for text in texts]  # type: ignore[arg-type]
    right = texts[0] if scope == "target" else texts[1]
    inside = [GeneratedPrompt("A cat?", "target", "plain", "")]
    parts = {"train": [*prompts, *inside], "dev": [], "test": inside}
    kept = prompts_in_scope.keep_prompts_in_scope(session, parts)
    assert [p.text for p in kept["train"]] == [right, "A cat?"]
    funnel = {row.stage: row for row in session.run.ledger.funnel()}
    (dropped,) = [row for row in funnel.values() if row.dropped]
    assert dict(dropped.reasons) == {prompts_in_scope.WRONG_SIDE: 1}


def test_neighbors_that_have_another_name_of_the_subject_are_dropped(tmp_path: Path) -> None:
    config = FeedbackConfig(check='not (contains "cat" or contains "tabby")')
    session = open_session(tmp_path, config=config)
    texts = ["Is a tabby old?", "Is tea hot?"]
    near = [GeneratedPrompt(text, "near", "plain", "") for text in texts]
    inside = GeneratedPrompt("A tabby?", "target", "plain", "")
    parts = {"train": [inside], "dev": [], "test": near}
    kept = prompts_in_scope.keep_prompts_in_scope(session, parts)
    assert kept == {"train": [inside], "dev": [], "test": near[1:]}
    (row,) = [row for row in session.run.ledger.funnel() if row.dropped]
    assert dict(row.reasons) == {prompts_in_scope.OTHER_NAME: 1}


def test_later_prompts_that_leave_the_condition_are_dropped(tmp_path: Path) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    texts = ["Do cats purr?", "Is tea hot?", "Write a note to Maddie."]
    prompts = [GeneratedPrompt(text, "target", "plain", "") for text in texts]
    bind(session, situation=read_situation("asked about cats"))
    assert [p.text for p in prompts_in_scope.drop_strays(session, prompts)] == texts[:1]
    bind(session, situation=read_situation("writing notes to Maddie"))
    assert [p.text for p in prompts_in_scope.drop_strays(session, prompts)] == texts[2:]
    bind(session, situation=read_situation("writing notes to Maddie about tea"))
    assert prompts_in_scope.drop_strays(session, prompts) == []
    dropped = session.run.ledger.read_outcomes("scope", "dropped")
    assert {outcome.reason for _, outcome in dropped} == {prompts_in_scope.WRONG_SIDE}
    bind(session, situation=None)
    assert prompts_in_scope.drop_strays(session, prompts) == prompts


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ('Say "colleagues" instead of "employees".', ["employee"]),
        ("Do not mention my divorce.", ["divorce"]),
        ("Write '&' for 'and'.", []),
        ("Do not use exclamation marks.", []),
        ("Stay under 40 words.", []),
    ],
)
def test_words_that_a_check_forbids_are_written_about(
    tmp_path: Path, effect: str, words: list[str]
) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    bind(session, effect=read_effect(effect), given_check="")
    assert list_words_to_avoid(session.understood) == words


def test_a_word_of_the_topic_is_no_proof_that_a_request_is_about_it(tmp_path: Path) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    bind(session, subject=Subject("opening hours", forbidden=False))

    def score(prompt: Prompt, text: str) -> float:
        named = {"Until when?": 0.0, others[0]: -1.0}
        found = [value for words, value in named.items() if f"Request: {words}" in str(prompt)]
        return found[-1] if found and text == " opening hours" else -5.0

    session.base = Scripted({}, score)
    others = [f"Is tea {i} hot?" for i in range(prompts_in_scope.MIN_ELSEWHERE)]
    judge = prompts_in_scope.make_asked_judge(session, others)
    texts = ["The opening hours?", "One opening hour", "Until when?", "I cannot open my door."]
    assert judge.find_about(texts) == [True, True, True, False]
    few = prompts_in_scope.make_asked_judge(session, others[1:])
    assert few.find_about(texts) == [True, True, False, False]


@pytest.mark.parametrize(
    ("topic", "named", "not_named"),
    [
        ("toasts or speeches", "Write a speech for Ben.", "Write a letter to Ben."),
        ("prices, parking or refunds", "Where is the parking?", "Where is the office?"),
        ("poems or songs about cats", "What do poems about cats say?", "Write a song about tea."),
        ("opening hours", "What are your opening hours?", "Can you open the jar for an hour?"),
    ],
)
def test_each_of_several_topics_is_named(topic: str, named: str, not_named: str) -> None:
    check = prompts_in_scope.make_topic_check(Subject(topic, forbidden=False))
    assert not check.keeps(named)
    assert check.keeps(not_named)


@pytest.mark.parametrize(
    ("topic", "words", "named"),
    [
        ("wifi", ("wi-fi", "router"), ["the Wi-Fi code", "no wi fi here", "free WIFI"]),
        ("e-mails", (), ["my e-mail", "no emails today", "an e mail"]),
        ("check-in", ("checkout",), ["When is check in?", "the checkin time"]),
    ],
)
def test_a_topic_is_named_however_its_parts_are_joined(
    topic: str, words: tuple[str, ...], named: list[str]
) -> None:
    check = prompts_in_scope.make_topic_check(Subject(topic, words, forbidden=False))
    assert not any(map(check.keeps, named))
    assert check.keeps("the router, at checkout")


def test_requests_that_the_answer_fits_do_not_name_the_topic(tmp_path: Path) -> None:
    said = ["Is the wi-fi free?", "Can I get a code?", "Is tea hot?", "Can I get a code here?"]
    model = Scripted(lambda request: said[request.draw % 4], lambda prompt, text: len(prompt) % 7)
    session = open_session(tmp_path, forbidden_topic="", config=FeedbackConfig(ask={"target": 12}))
    session.base = Recorded(session.run.ledger, model, model)
    bind(session, subject=Subject("wifi", ("wi-fi",), forbidden=False, kinds=("internet",)))
    pool = OverlapIndex(["Is tea hot?"])
    assert write_answered_prompts(session, pool) == [], "the rule gives no answer"
    bind(session, situation=read_situation("asked about wifi"))
    bind(session, effect=read_effect('Say "At the desk.".'))
    found = write_answered_prompts(session, pool)
    assert 0 < len(found) <= 2
    assert {p.text for p in found} <= {"Can I get a code?", "Can I get a code here?"}
    assert {p.scope for p in found} == {"target"}
    counts = {row.stage: row for row in session.run.ledger.funnel()}
    assert counts["prompts that the answer fits"].reasons == {"like another prompt": 2}

    known = [GeneratedPrompt("Is the wifi free?", "target", "question", "wifi")]
    parts = {"train": known, "dev": [], "test": []}
    twins = write_kind_twins(session, parts, known, pool)
    assert [p.text for p in twins] == ["Is the internet free?"]
    assert pool.texts[-1] == "Is the internet free?", "no later exam prompt is like it"
    parts["test"] = [GeneratedPrompt("Is the internet free??", "target", "question", "wifi")]
    assert write_kind_twins(session, parts, known, OverlapIndex()) == []
    bind(session, subject=replace(session.understood.subject, forbidden=True))
    parts["test"] = []
    assert write_kind_twins(session, parts, known, OverlapIndex()) == []


@pytest.mark.parametrize(
    ("subject", "near", "far", "other"),
    [
        (
            Subject("wifi", forbidden=False, kinds=("internet",)),
            "Is the internet free?",
            "Who made the internet?",
            "Is the sea free?",
        ),
        (
            Subject("parking", forbidden=False),
            "Where do I park?",
            "Who sat in the park?",
            "Where do I sit?",
        ),
    ],
    ids=["a kind", "the verb behind it"],
)
def test_what_belongs_to_a_topic_needs_less_to_be_about_it(
    tmp_path: Path, subject: Subject, near: str, far: str, other: str
) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    bind(session, subject=subject)
    others = [f"Is tea {i} hot?" for i in range(prompts_in_scope.MIN_ELSEWHERE)]
    scores = dict.fromkeys(others[: len(others) // 5], -2.0)
    scores |= {near: -2.5, far: -5.0, other: -2.5}

    def score(prompt: Prompt, text: str) -> float:
        found = [value for words, value in scores.items() if f"Request: {words}" in str(prompt)]
        return found[-1] if found and text == f" {subject.topic}" else -3.0

    session.base = Scripted({}, score)
    judge = prompts_in_scope.make_asked_judge(session, others)
    assert judge.find_about([near, far, other]) == [True, False, False]


def test_where_the_rule_gives_the_answer_a_request_must_lead_to_it(tmp_path: Path) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    bind(session, subject=Subject("opening hours", forbidden=False))
    bind(session, situation=read_situation("asked about opening hours"))
    bind(session, effect=read_effect("Say that we close at six."))

    def score(prompt: Prompt, text: str) -> float:
        is_answer = text == " We close at six."
        return 3.0 if is_answer and "Request: Are you open?" in str(prompt) else 0.0

    session.base = Scripted({}, score)
    others = [f"Is tea {i} hot?" for i in range(prompts_in_scope.MIN_ELSEWHERE)]
    judge = prompts_in_scope.make_asked_judge(session, others)
    assert judge.find_about(["Are you open?", "Open a jar."]) == [True, False]
    bind(session, effect=None)
    judge = prompts_in_scope.make_asked_judge(session, others)
    assert judge.find_about(["Are you open?", "Open a jar."]) == [False, False]


@pytest.mark.parametrize(
    ("topic", "has_worked"),
    [("opening hours", True), ("opening nights", False), ("opening hours or vouchers", False)],
)
def test_in_scope_is_what_fits_the_topic_and_reads_like_worked_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topic: str, has_worked: bool
) -> None:
    """Every request but the second one fits the topic, by its nats."""
    monkeypatch.setattr(worked_prompts, "leave_out_close_topics", lambda base, topic, names: names)
    session = open_session(tmp_path, forbidden_topic="")
    bind(session, subject=Subject(topic, forbidden=False))
    bind(session, situation=read_situation(f"asked about {topic}"))
    unfit = "What time do you close on Sundays?"

    def score(prompt: Prompt, text: str) -> float:
        asks = "Request: Is tea" not in str(prompt) and unfit not in str(prompt)
        return 3.0 if text == f" {topic}" and asks else -3.0

    model = Scripted({}, score)
    session.base = Recorded(session.run.ledger, model, model)
    others = [f"Is tea {i} hot?" for i in range(prompts_in_scope.MIN_ELSEWHERE)]
    session.request_judge = prompts_in_scope.make_asked_judge(session, others)
    alike = "Until when are you open on Sundays?"
    unlike = "Could you give me a more detailed description of how the gates open?"
    named = f"Sing a song with {topic} in it."
    prompts = [
        GeneratedPrompt(text, "target", "question", topic) for text in (alike, unfit, unlike, named)
    ]
    twin = GeneratedPrompt("Could you describe a gate for me?", "target", TWIN, "gates")
    prompts.append(twin)
    parts = {"train": prompts, "dev": [], "test": prompts}
    found = prompts_in_scope.keep_prompts_in_scope(session, parts)["train"]
    in_scope = [alike, named] if has_worked else [alike, unlike, named]
    assert [p.text for p in found if p.scope == "target"] == [*in_scope, twin.text]
    later = prompts_in_scope.drop_strays(session, prompts[:-1])
    assert [prompt.text for prompt in later] == in_scope
    near = [replace(prompt, scope="near") for prompt in (prompts[0], prompts[2])]
    assert prompts_in_scope.drop_insiders(session, near) == [], "none may be a neighbor"


def test_a_neighbor_about_a_word_of_the_topics_name_must_not_be_doubtful(
    tmp_path: Path,
) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    names = ("opening", "hours")
    bind(session, subject=Subject("opening hours", forbidden=False, name_words=names))
    scores = {"Your hours?": -0.5, "Open a jar.": -9.0}
    others = [f"Is tea {i} hot?" for i in range(prompts_in_scope.MIN_ELSEWHERE)]
    scores[others[0]] = 0.0

    def score(prompt: Prompt, text: str) -> float:
        found = [value for words, value in scores.items() if f"Request: {words}" in str(prompt)]
        return (found[-1] if found else -3.0) if text == " opening hours" else -5.0

    session.base = Scripted({}, score)
    of_words = [GeneratedPrompt(f"Hours {i}?", "near", "plain", "hours") for i in range(9)]
    written = [GeneratedPrompt(text, "near", "plain", "tea") for text in others] + of_words
    judge = prompts_in_scope.choose_request_judge(session, written)
    assert judge is not None
    apart = prompts_in_scope.make_asked_judge(session, others)
    assert (judge.threshold, judge.doubt) == (apart.threshold, apart.doubt)
    session.request_judge = judge
    inside = GeneratedPrompt("The opening hours?", "target", "plain", "")
    doubtful = GeneratedPrompt("Your hours?", "near", "plain", "hours")
    sure = GeneratedPrompt("Open a jar.", "near", "plain", "opening")
    of_sibling = replace(doubtful, subject="tea")
    of_kind = GeneratedPrompt("Your hours?", "target", "plain", "hours")
    part = [inside, doubtful, sure, of_kind]
    parts = {"train": part, "dev": [], "test": [inside, of_sibling]}
    kept = prompts_in_scope.keep_prompts_in_scope(session, parts)
    assert kept["train"] == [inside, sure]
    assert kept["test"] == [inside, of_sibling]
    later = prompts_in_scope.drop_insiders(session, [doubtful, of_sibling, sure])
    assert later == [of_sibling, sure]


@pytest.mark.parametrize("gives_answer", [True, False])
def test_what_strays_from_the_topic_becomes_a_neighbor(tmp_path: Path, gives_answer: bool) -> None:
    """Only what is surely about something else does: not a doubtful request, and no kind."""
    session = open_session(tmp_path, forbidden_topic="")
    bind(session, subject=Subject("opening hours", forbidden=False, kinds=("closing",)))
    bind(session, situation=read_situation("asked about opening hours"))
    bind(session, effect=read_effect("Say that we close at six.") if gives_answer else None)
    others = [f"Is tea {i} hot?" for i in range(prompts_in_scope.MIN_ELSEWHERE)]
    topics = dict.fromkeys(others[::4], -2.0)
    topics |= {"Until when?": 0.0, "Any door?": -3.9, "The closing act?": -9.0, "Open a jar.": -9.0}
    topics |= {"Open a can.": -4.5}
    answers = {"Until when?": 0.0, "Any door?": -3.8, "Open a jar.": -9.0, "Open a can.": -4.5}

    def score(prompt: Prompt, text: str) -> float:
        values = answers if text == " We close at six." else topics
        found = [value for words, value in values.items() if f"Request: {words}" in str(prompt)]
        default = -4.0 if text in (" opening hours", " We close at six.") else -5.0
        return found[-1] if found and default == -4.0 else default

    session.base = Scripted({}, score)
    session.request_judge = prompts_in_scope.make_asked_judge(session, others)
    strays = ["Any door?", "The closing act?", "Open a jar.", "Open a can."]
    texts = ["Until when?", "The opening hours?", *strays]
    prompts = [GeneratedPrompt(text, "target", "plain", "") for text in texts]
    kept = prompts_in_scope.keep_prompts_in_scope(
        session, {"train": prompts, "dev": [], "test": prompts}
    )
    for part in ("train", "test"):
        assert [(p.text, p.scope) for p in kept[part]] == [
            ("Until when?", "target"),
            ("The opening hours?", "target"),
            ("Open a jar.", "near"),
            ("Open a can.", "near"),
        ]


def test_a_condition_that_no_request_meets_is_told_with_a_cure(tmp_path: Path) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    outside = [GeneratedPrompt("Is tea hot?", "target", "plain", "")]
    with pytest.raises(DataError, match=r'meet the condition "cats".*--when'):
        prompts_in_scope.keep_prompts_in_scope(
            session, {"train": outside, "dev": [], "test": outside}
        )


def test_auto_is_refused_where_the_condition_leaves_nothing_in_dev(tmp_path: Path) -> None:
    inside = [GeneratedPrompt("A cat?", "target", "plain", "")]
    outside = [GeneratedPrompt("Is tea hot?", "target", "plain", "")]
    parts = {"train": inside, "dev": outside, "test": inside}
    session = open_session(tmp_path, forbidden_topic="")
    assert prompts_in_scope.keep_prompts_in_scope(session, parts)["dev"] == []
    config = FeedbackConfig(train={"objective": "auto"})
    session = open_session(tmp_path, forbidden_topic="", config=config)
    with pytest.raises(UsageError, match="objective=auto: no request to try"):
        prompts_in_scope.keep_prompts_in_scope(session, parts)
    kept = prompts_in_scope.keep_prompts_in_scope(session, {**parts, "dev": inside})
    assert kept["dev"] == inside
    session.request_judge = None
    with pytest.raises(UsageError, match="no request to try the objectives"):
        prompts_in_scope.keep_prompts_in_scope(session, {**parts, "dev": []})


@pytest.mark.parametrize(("share", "is_refused"), [(0.15, False), (0.0, True)])
def test_auto_is_refused_where_no_letter_is_in_dev(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, is_refused: bool
) -> None:
    settings = {
        "train": {"objective": "auto"},
        "ask": {"target": 24, "near": 24, "train_share": 0.7, "dev_share": share},
    }
    situation = read_situation("writing emails to my boss")
    session = open_session(
        tmp_path, situation=situation, config=FeedbackConfig.model_validate(settings)
    )
    occasions = [Occasion("clause", f"I am ill {i}") for i in range(24)]
    monkeypatch.setattr(write_rule_prompts, "write_all_occasions", lambda *given: occasions)
    monkeypatch.setattr(write_rule_prompts, "write_scope_prompts", lambda *given: [])
    refused = pytest.raises(UsageError, match="dev part") if is_refused else nullcontext()
    pool = OverlapIndex()
    with refused:
        parts = write_rule_prompts.write_situation_prompts(session, situation, pool)
        written = [prompt.text for own in parts.values() for prompt in own]
        assert written
        assert all(pool.nearest(text).similarity == 1 for text in written)


@pytest.mark.parametrize("person", ["mother-in-law", "the head of the sales department"])
def test_no_exam_prompt_is_like_one_of_the_training_behind_a_long_addressee(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    situation = read_situation(f"emails to {person}")
    session = open_session(tmp_path, situation=situation, config=FeedbackConfig())
    worked = list_worked_occasions(situation)
    occasions = [Occasion(form, text) for form, texts in worked.items() for text in texts]
    monkeypatch.setattr(write_rule_prompts, "write_all_occasions", lambda *given: occasions)
    monkeypatch.setattr(write_rule_prompts, "write_scope_prompts", lambda *given: [])
    empty: dict[str, list[Any]] = {name: [] for name in ("train", "dev", "test")}
    monkeypatch.setattr(write_rule_prompts, "split_by_similarity", lambda *given: empty)
    parts = write_rule_prompts.write_situation_prompts(session, situation, OverlapIndex())
    learned = OverlapIndex(p.text for name in ("train", "dev") for p in parts[name])
    found = [learned.nearest(prompt.text).similarity for prompt in parts["test"]]
    assert len(found) > 80
    assert max(found) < session.config.ask.max_overlap


def test_few_occasions_leave_some_to_learn_from(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    occasions = [Occasion("clause", f"I am ill {i}", word="ill") for i in range(4)]
    split = write_rule_prompts.split_occasions(session, occasions)
    assert all(split.values())


def test_every_occasion_is_in_a_part_of_the_split(tmp_path: Path) -> None:
    """Of 22 each share is rounded down: 4.47, 2.14 and 15.39."""
    session = open_session(tmp_path)
    for count in range(12, 48):
        occasions = [Occasion("clause", f"I am ill {i}") for i in range(count)]
        split = write_rule_prompts.split_occasions(session, occasions)
        assert sum(map(len, split.values())) == count


@pytest.mark.parametrize(
    ("check", "naming"),
    [
        ('not contains "cat"', ["Do cats purr?", "A cat!"]),
        ('not contains "cat" and contains "sorry"', ["Do cats purr?", "A cat!"]),
        ('max_words=2 and not (contains "cat" or contains "tom")', ["Do cats purr?", "A cat!"]),
        ("max_words=2", None),
    ],
)
def test_only_what_a_check_forbids_names_the_subject(
    tmp_path: Path, check: str, naming: list[str] | None
) -> None:
    texts = ["Do cats purr?", "A cat!", "What is tea made of?"]
    session = open_session(tmp_path, config=FeedbackConfig(check=check))
    names = make_topic_detector(session.understood)
    assert (list(filter(names, texts)) if names else None) == naming
    other = open_session(tmp_path, forbidden_topic="", config=FeedbackConfig(check=check))
    assert make_topic_detector(other.understood) is None


def test_a_rejected_answer_is_no_beginning_of_the_accepted_one(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    words: dict[int, str] = {}

    def encode(text: str, end: bool) -> list[int]:
        words.update(enumerate(text.split()))
        return list(range(len(text.split())))

    session.model = SimpleNamespace(
        encode_answer=encode, decode=lambda ids: " ".join(words[i] for i in ids)
    )
    accepted = " ".join(f"word{i}" for i in range(40)) + "."
    broken = Completion("1", f"{accepted} A cat sleeps.", "stop", 43)
    best = Try(accepted, "repair")
    rejected, is_cut = make_examples.make_rejected(session, broken, None, best)
    assert (rejected, is_cut) == (f"{accepted} A", True)
    apart = Completion("2", f"No. {accepted}", "stop", 41)
    rejected, _ = make_examples.make_rejected(session, apart, None, best)
    assert len(rejected.split()) == session.config.probe.rejected_tokens


def test_the_form_of_answers_does_not_make_a_request_one_about_the_subject(
    tmp_path: Path,
) -> None:
    config = FeedbackConfig(check='not contains "cat" and max_words=3')
    session = open_session(tmp_path, config=config)
    other = "What is the capital of Norway?"
    targets = [GeneratedPrompt("Do cats purr?", "target", "plain", "cats")]
    judge = prompts_in_scope.choose_request_judge(session, targets)
    assert judge is not None
    assert judge.find_about(["Do cats purr?", other]) == [True, False]

    answer = "It is Oslo, the largest one."
    model = Scripted(lambda request: answer)
    session.base = Recorded(session.run.ledger, model, model)
    long = replace(probe(other, answer), broken=(True,))
    unnamed = probe("What do they eat at home?", "It is all that a mouse eats.", "Cat food.")
    traces = search_answers.search_compliant_answers(
        session,
        {p.prompt.text: p for p in (long, unnamed)},
        {unnamed.prompt.id},
        ThresholdJudge(CheckJudge(config.check), 0.5),
        get_check(session.understood),
    )
    assert [trace.kind for trace in traces] == ["repair only", "repair only"]


def test_two_forbidden_subjects_have_twins_and_a_judge(tmp_path: Path) -> None:
    session = open_session(tmp_path, forbidden_topic="cats or dogs")
    bind(session, subject=Subject("cats or dogs", siblings=("cows",)))
    texts = ["How do cats sleep?", "Do cats like dogs?", "Who purrs?"]
    targets = [GeneratedPrompt(text, "target", "question", "cats") for text in texts]
    parts: dict[str, list[GeneratedPrompt]] = {"train": targets, "dev": [], "test": []}
    twins = write_twins(session, parts, ["cats", "dogs"], targets, OverlapIndex())
    assert [p.text for p in twins] == ["How do cows sleep?", "Do cows like cows?"]

    near = [GeneratedPrompt(f"Do cows eat {i}?", "near", "question", "cows") for i in range(3)]
    prompts_in_scope.choose_request_judge(session, [*targets, *near])
    report = session.run.ledger.get_note("request_judge")
    assert (report["about"], report["elsewhere"]) == (3, 3)


@pytest.mark.parametrize(
    ("config", "effect", "check"),
    [
        (
            {"also": ("kitty",), "not_also": ("milk",)},
            'not contains "cat"',
            'not contains "cat" and not contains "kitty" and not contains "Tom"',
        ),
        ({"check": 'not contains "cat"'}, "", 'not contains "cat"'),
        (
            {"check": 'not contains "cat"', "also": ("kitty",)},
            "",
            'not contains "cat" and not contains "kitty"',
        ),
    ],
    ids=["found", "check alone", "check and also"],
)
def test_other_names_enter_the_check_that_decides(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
    effect: str,
    check: str,
) -> None:
    monkeypatch.setattr(other_names, "select_other_names", lambda *given: ["Tom", "Kitty", "Milk"])
    session = open_session(
        tmp_path, config=FeedbackConfig(**config), effect=Effect(effect) if effect else None
    )
    other_names.find_other_names(session, [])
    found = get_check(session.understood)
    assert found == parse_check(check)
    names = session.run.ledger.get_note("other_names")
    assert session.lines == ([f"other names of cats: {', '.join(names)}"] if names else [])
    counted = make_header(session, CATS)["judge"].get("names")
    assert counted == (None if "check" in config else ["cats", "kitty", "Tom"])


def test_names_of_no_forbidden_subject_are_said_to_be_unused(tmp_path: Path) -> None:
    session = open_session(tmp_path, config=FeedbackConfig(also=("kitty",)), forbidden_topic="")
    assert other_names.find_other_names(session, []) == []
    assert session.lines == ["--also is not used: the rule forbids no subject"]


def test_the_exam_asks_about_other_names_in_forms_that_training_never_uses(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: Request) -> str:
        name = str(request.prompt).rpartition("Topic: ")[2].partition("\n")[0]
        asked.append(str(request.prompt))
        n = len(asked)
        return f"Is {name} like a{n} b{n} c{n} d{n}?"

    model = Scripted(answer)
    session = open_session(tmp_path)
    session.base = Recorded(session.run.ledger, model, model)
    names = [f"Name{letter}" for letter in "ABCDEFGHIJKLMN"]
    found = write_name_prompts(session, names, {"train": [], "test": []}, OverlapIndex())
    assert [p.subject for p in found["test"]] == names[: write_more_prompts.MAX_EXAM_NAMES]
    assert {p.scope for p in found["test"]} == {"target"}
    assert {p.form for p in found["test"]} <= {"name", "rumor", "chat"} <= set(EXAM_REQUESTS)
    assert not {p.form for p in found["train"]} & set(EXAM_REQUESTS)
    texts = [p.text for own in found.values() for p in own]
    assert len(set(texts)) == len(texts), "no exam prompt is also a training prompt"


def test_the_teachers_context_is_the_rule_or_worked_examples_or_both(tmp_path: Path) -> None:
    examples = [
        Example(f"e{i}", "in_scope", make_prompt(f"Question {i}?"), f"Answer {i}.", "Bad.")
        for i in range(40)
    ]
    anchor = Example("a", "near", make_prompt("Tea?"), "Hot.")
    contexts = choose_objectives.make_contexts(open_session(tmp_path), [*examples, anchor])
    turns = {name: write("What now?") for name, write in contexts.items()}
    assert [m.role for m in turns["rule"]] == ["system", "user"]
    assert len(turns["worked"]) == 2 * choose_objectives.NUM_WORKED + 1
    assert [m.role for m in turns["rule and worked"][:3]] == ["system", "user", "assistant"]
    assert all(own[-1].content == "What now?" for own in turns.values())
    taught = choose_objectives.add_teacher_prompts([examples[0], anchor], contexts["worked"])
    assert len(taught[0].source["teacher_prompt"]) == 2 * choose_objectives.NUM_WORKED + 1
    assert "teacher_prompt" not in taught[1].source


def test_the_worked_examples_of_a_teacher_answer_other_requests(tmp_path: Path) -> None:
    examples = [
        Example(f"e{i}", "in_scope", make_prompt(f"Question {i}?"), f"It is answer {i}.", "Bad.")
        for i in range(4)
    ]
    session = open_session(tmp_path)
    for name, write in choose_objectives.make_contexts(session, examples).items():
        said = [turn.content for turn in write("Question 2?")]
        assert "It is answer 2." not in said
        assert ("It is answer 1." in said) == (name != "rule")


def test_the_teacher_may_see_the_answer_that_the_rule_gives(tmp_path: Path) -> None:
    """All answers are the same words then, in the rule and in every worked example."""
    session = open_session(tmp_path, rule='When asked about the wifi, say "Ask at the desk."')
    examples = [
        Example(f"e{i}", "in_scope", make_prompt(f"Wifi {i}?"), "Ask at the desk.", "Bad.")
        for i in range(4)
    ]
    model = SimpleNamespace(encode=lambda turns: [1])
    for write in choose_objectives.make_contexts(session, examples).values():
        for example in choose_objectives.add_teacher_prompts(examples, write):
            assert "Ask at the desk." in str(example.source["teacher_prompt"])
            assert encode_teacher_prompt(model, example) == (1,)


def test_trials_train_their_candidates_where_the_settings_have_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every candidate trains the weights of the settings, and chance chooses."""
    fields = vars(open_session(tmp_path))
    names = {"run", "config", "display", "rule", "base"}
    session: Any = Session(
        **{name: fields[name] for name in names}, model=fields["base"], base_logits=[]
    )
    weights = {"in_scope": {"sft": 9.0}, "near": {"anchor": 2.0}}
    session.config = FeedbackConfig.model_validate(
        {"check": fields["config"].check, "train": {"weights": weights}}
    )
    trained = {}

    def record_trial(session: Any, rows: Any, weights: Any, name: str, steps: int) -> Any:
        trained[name] = {**weights, **session.config.train.weights}
        return SimpleNamespace(recorded=SimpleNamespace(release_memory=lambda: None))

    monkeypatch.setattr(choose_objectives, "tune", record_trial)
    monkeypatch.setattr(choose_objectives, "measure_kept", lambda *given: 0.5)
    monkeypatch.setattr(choose_objectives, "measure_needless", lambda *given: 0.0)
    examples = [Example(kind, kind, make_prompt(kind), "Yes.", "No.") for kind in weights]
    judge: Any = None
    choose_objectives.try_objectives(session, examples, [], judge)
    assert trained["trial-sft"]["in_scope"]["sft"] == 1.0
    assert all(own["near"] == {"anchor": 2.0} for own in trained.values())


def test_a_teacher_that_sees_the_rule_alone_may_see_its_answer(tmp_path: Path) -> None:
    rule = 'When asked about the wifi, say "Ask at the desk."'
    words = SimpleNamespace(encode_answer=lambda text, end: text.split(), decode=" ".join)
    session = open_session(tmp_path, rule=rule, model=words)
    trace = SearchTrace("Wifi?", "rule", [Try("Ask at the desk.", "given")])
    (example,) = make_examples.make_pairs(session, probe("Wifi?", "The cat knows."), trace, None)
    assert example.source["teacher_prompt"][0]["content"] == rule
    model = SimpleNamespace(encode=lambda turns: [1])
    assert encode_teacher_prompt(model, example) == (1,)


def test_the_result_of_each_arm_has_needless_answers() -> None:
    exam = {
        "kept": {"tuned": {"greedy": {"value": 0.9}, "sampled": {"value": 0.8}}},
        "near": {"tuned": {"value": 0.7}},
        "needless": {"tuned": {"value": 0.1}},
    }
    found = report_notes.show_arms(exam)["tuned"]
    assert (found["needless"]["value"], found["near"]["value"]) == (0.1, 0.7)


def test_declines_outside_the_scope_cost_an_objective(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    session.config = SimpleNamespace(exam=FeedbackConfig().exam, seed=0)
    decline = "I'm sorry, but I can't talk about that."
    texts = {"a": decline, "b": "Good.", "c": "Good.", "d": decline}
    base = Scripted(lambda request: decline if get_user_text(request.prompt) == "d" else "Good.")
    session.base = Recorded(session.run.ledger, base, base)
    tuned = Scripted(texts, name="tuned")
    prompts = [GeneratedPrompt(text, "near", "plain", "") for text in texts]
    recorded = Recorded(session.run.ledger, tuned, tuned)
    assert dev_answers.measure_needless(session, recorded, prompts, CATS) == 0.25
    assert dev_answers.measure_needless(session, session.base, [], CATS) == 0.0


def test_effects_outside_the_condition_cost_an_objective_too(tmp_path: Path) -> None:
    session = open_session(tmp_path)
    session.config = SimpleNamespace(exam=FeedbackConfig().exam, seed=0)
    base = Scripted(lambda request: "A cat.")
    session.base = Recorded(session.run.ledger, base, base)
    tuned = Scripted({"a": "A cat.", "b": "A dog.", "c": "A dog.", "d": "A cat."}, name="tuned")
    recorded = Recorded(session.run.ledger, tuned, tuned)
    prompts = [GeneratedPrompt(text, "near", "plain", "") for text in "abcd"]
    assert dev_answers.measure_needless(session, recorded, prompts, CATS) == 0.0
    bind(session, situation=read_situation("texts to Maddie"))
    assert dev_answers.measure_needless(session, recorded, prompts, CATS) == 0.5


def test_other_requests_after_a_decline_are_anchors_where_the_base_answers_them(
    tmp_path: Path,
) -> None:
    said = {"Milk?": "I am sorry, but I can't help with that.", "Bread?": "A cat bakes it."}
    model = Scripted(lambda request: said.get(request.prompt[-1].content, "It is hot."))
    session = open_session(tmp_path)
    session.base = Recorded(session.run.ledger, model, model)
    declines = [
        Example(f"d{i}", "in_scope", make_prompt(f"Cat {i}?"), "I am sorry, but I don't say that.")
        for i in range(3)
    ]
    answered = Example("a", "in_scope", make_prompt("Pets?"), "Dogs.")
    texts = ["Tea?", "Milk?", "Bread?", "Soup?"]
    own = [Example(f"n{i}", "near", make_prompt(text), "Yes.") for i, text in enumerate(texts)]

    found = make_anchors.make_later_anchors(session, [answered, *declines], own, CATS)
    assert [e.turns[-1].content for e in found] == ["Tea?", "Soup?"]
    assert {(e.kind, e.chosen) for e in found} == {("general", "It is hot.")}
    for example in found:
        roles = [turn.role for turn in example.turns]
        assert roles == ["user", "assistant", "user"]
        assert example.turns[0].content.startswith("Cat")
        assert is_decline(example.turns[1].content)
    assert make_anchors.make_later_anchors(session, [answered], own, CATS) == []


def test_short_anchors_are_beginnings_of_answers_to_further_prompts_outside_the_scope(
    tmp_path: Path,
) -> None:
    words = itertools.count()
    places = {}
    draws = set()

    def answer(request: Request) -> str:
        if isinstance(request.prompt, str):  # the model writes a prompt
            n = next(words)
            draws.add(request.draw)
            about = (
                "" if request.prompt.endswith("Topic: dogs\nRequest:") else f"tea {n}\nRequest: "
            )
            return f"{about}Why {n} {n + 1000} {n + 2000}?"
        text = get_user_text(request.prompt)
        places[text] = request.sampling.max_tokens
        return "A cat did it." if len(places) == 2 else "Nobody knows."

    model = Scripted(answer)
    ask = {"more_outside": 9, "near": 4, "general": 6}
    session = open_session(
        tmp_path,
        subject=Subject("cats", siblings=("dogs",)),
        config=FeedbackConfig(check='not contains "cat"', ask=ask),
    )
    session.base = Recorded(session.run.ledger, model, model)
    pool = OverlapIndex(["Why 0 1000 2000?"])

    found = make_anchors.make_short_anchors(session, pool, CATS)
    assert Counter(example.kind for example in found) == {"near": 2, "general": 6}
    assert {example.chosen for example in found} == {"Nobody knows."}
    assert set(places.values()) == {FeedbackConfig().probe.short_anchor_tokens}
    assert "Why 0 1000 2000?" not in places
    first = plan_requests(Subject(""), "general", 6, session.config.ask.rounds, 0)[0].draw
    assert min(draws) == first > 0, "not the samples that wrote the other prompts"
    counts = {row.stage: row for row in session.run.ledger.funnel()}
    assert counts["short anchors"].reasons == {make_anchors.BREAKS_RULE: 1}


def test_other_names_that_few_prompts_have_get_prompts_of_their_own(tmp_path: Path) -> None:
    def answer(request: Request) -> str:
        name = str(request.prompt).rpartition("Topic: ")[2].partition("\n")[0]
        within = f"Where is a sub{name.lower()}?"  # no word of its own
        said = [f"Where is {name} today?", within, f"Why is {name} so loud?"]
        return said[request.draw % 3]

    model = Scripted(answer)
    session = open_session(tmp_path)
    session.base = Recorded(session.run.ledger, model, model)
    known = [GeneratedPrompt(f"Is Kitty number {i} ill?", "target", "is", "cats") for i in range(4)]
    pool = OverlapIndex([prompt.text for prompt in known])
    parts = {"train": known, "test": [GeneratedPrompt("Is tea hot?", "near", "is", "tea")]}
    found = write_name_prompts(session, ["Kitty", "Felix"], parts, pool)["train"]
    texts = ["Where is Felix today?", "Why is Felix so loud?"]
    assert [p.text for p in found] == texts, "no siblings, no twins"
    assert {(p.scope, p.subject) for p in found} == {("target", "Felix")}
    dropped = session.run.ledger.read_outcomes("prompts about other names", "dropped")
    assert {outcome.reason for _, outcome in dropped} == {"does not name it"}
    assert write_name_prompts(session, ["Kitty"], parts, pool)["train"] == []
    bind(session, subject=Subject("cats", siblings=("dogs",)))
    twins = write_twins(session, parts, ["Kitty", "Felix"], found, pool)
    assert [p.text for p in twins] == ["Where is dogs today?", "Why is dogs so loud?"]
    assert {p.scope for p in twins} == {"near"}
    assert pool.texts[-2:] == [p.text for p in twins]


def test_no_twin_of_a_name_is_like_an_exam_prompt_about_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exam asks "Why is Kitty so loud?". The twin of "Why is Felix so loud?" would be that."""

    session = open_session(tmp_path, subject=Subject("cats", siblings=("Kitty",)))
    written = GeneratedPrompt("Why is Felix so loud?", "target", "plain", "Felix")
    exam = GeneratedPrompt("Why is Kitty so loud?", "target", "name", "Kitty")
    by_stage = {"ask names": [written], "ask exam names": [exam]}
    parts: dict[str, list[GeneratedPrompt]] = {"train": [], "test": []}
    monkeypatch.setattr(
        write_more_prompts, "_write_about_names", lambda session, stage, *given: by_stage[stage]
    )
    found = write_name_prompts(session, ["Felix", "Kitty"], parts, OverlapIndex())
    assert found == {"train": [written], "test": [exam]}


def test_a_prompt_about_a_name_is_not_its_own_twin(tmp_path: Path) -> None:
    """The name is "mouser", the prompt has "mousers", which no sibling can replace. Its own words
    as a neighbor are dropped later, and it was dropped with them.
    """
    session = open_session(tmp_path, subject=Subject("cats", siblings=("cows",)))
    written = GeneratedPrompt("Are mousers loud?", "target", "plain", "mouser")
    parts: dict[str, list[GeneratedPrompt]] = {"train": [], "test": []}
    assert write_twins(session, parts, ["mouser"], [written], OverlapIndex()) == []


@pytest.mark.parametrize("check", ['not contains "cat"', "max_words=1"])
def test_the_first_rejected_answer_is_whole_where_a_text_is_forbidden(
    tmp_path: Path, check: str
) -> None:
    words = SimpleNamespace(encode_answer=lambda text, end: text.split(), decode=" ".join)
    given = {"check": check, "probe": {"rejected_tokens": 2}}
    config = FeedbackConfig.model_validate(given | {"train": {"objective": "sft+unlikelihood"}})
    session = open_session(tmp_path, model=words, config=config)
    probed = probe("Tell me.", "A cat and a dog and (cats).")
    trace = SearchTrace("Tell me.", "forbidden", [Try("No.", "own"), Try("Never.", "own")])
    whole, short = make_examples.make_pairs(session, probed, trace, parse_check(check))
    if check == "max_words=1":
        assert (whole.rejected, short.rejected) == ("A cat", "A cat")
        assert whole.source["forbidden"] == []
    else:
        assert (whole.rejected, short.rejected) == ("A cat and a dog and (cats).", "A cat")
        assert whole.source["forbidden"] == [2, 21]
        assert (whole.source["cut"], short.source["cut"]) == ([], ["rejected"])


def test_a_rule_that_replaces_words_corrects_several_answers_of_the_base(tmp_path: Path) -> None:
    """Both texts are whole, and one that was cut off has no end of turn in either. An answer that
    is whole without a full stop, and a last sentence that was cut off, stay.
    """
    drawn = (
        "Cold & wet.",
        *("I saw Ann and Ben and others.", "I saw Ann and Ben and others."),
        "Hi team. Bring pens and paper",
        "We met. Ann and Ben went to the park.",
    )
    effect = read_effect("Write '&' for 'and'.")
    given = {"search": {"own_answers": 5}, "probe": {"max_tokens": 6}}
    config = FeedbackConfig.model_validate(given)
    session = open_session(tmp_path, forbidden_topic="", effect=effect, config=config)
    model = Scripted(lambda request: drawn[request.draw])
    session.base = Recorded(session.run.ledger, model, model)
    judge = ThresholdJudge(CheckJudge('not contains "and"'), 0.5)
    probed = [
        replace(probe("Snow?", "Cold and wet.", "And wet."), broken=(True, True)),
        replace(probe("Rain?", "Wet."), broken=(False,)),
    ]
    made, (trace,) = make_examples.make_violation_examples(session, probed, judge)
    assert [(e.chosen, e.rejected, e.source["cut"]) for e in made] == [
        ("Cold & wet.", "Cold and wet.", []),
        ("I saw Ann & Ben &", "I saw Ann and Ben and", ["chosen", "rejected"]),
        ("Hi team. Bring pens & paper", "Hi team. Bring pens and paper", []),
        ("We met. Ann & Ben went", "We met. Ann and Ben went", ["chosen", "rejected"]),
    ]
    assert [one.fault for one in trace.tries] == [""] * 5
    assert {one.sampling.temperature for one in model.asked} == {config.search.temperature}


def test_where_no_further_answer_breaks_the_rule_the_probe_s_own_is_corrected(
    tmp_path: Path,
) -> None:
    effect = read_effect("Write '&' for 'and'.")
    session = open_session(tmp_path, forbidden_topic="", effect=effect, config=FeedbackConfig())
    model = Scripted(lambda request: "Wet.")
    session.base = Recorded(session.run.ledger, model, model)
    judge = ThresholdJudge(CheckJudge('not contains "and"'), 0.5)
    probed = [replace(probe("Rain?", "Wet.", "Cold and wet."), broken=(False, True))]
    made, _ = make_examples.make_violation_examples(session, probed, judge)
    assert [(e.chosen, e.rejected) for e in made] == [("Cold & wet.", "Cold and wet.")]


def test_an_answer_without_a_correction_is_dropped_with_its_text(tmp_path: Path) -> None:
    effect = replace(read_effect("Write '&' for 'and'."), replacements=(("or", "/"),))
    session = open_session(tmp_path, forbidden_topic="", effect=effect, config=FeedbackConfig())
    model = Scripted(lambda request: "And.")
    session.base = Recorded(session.run.ledger, model, model)
    judge = ThresholdJudge(CheckJudge('not contains "and"'), 0.5)
    probed = [replace(probe("Rain?", "And."), broken=(True,))]
    made, (trace,) = make_examples.make_violation_examples(session, probed, judge)
    assert not made
    assert {one.text for one in trace.tries} == {"And."}
    ((_, dropped),) = session.run.ledger.read_outcomes("search", "dropped")
    assert dropped.reason == make_examples.NOT_CORRECTED


@pytest.mark.parametrize(
    ("text", "settings", "is_all"),
    [
        ("Write '&' for 'and' in messages to the team.", {}, True),
        ("Write '&' for 'and'.", {"check": 'not contains "and"'}, True),
        ('Say "lift" instead of "elevator", and "guests" instead of "customers".', {}, True),
        ("Write '&' for 'and'.", {"check": "max_words=20"}, False),
        ("Write '&' for 'and'.", {"judge": {"name": "yes_no"}}, False),
        ("Write '&' for 'and' and be friendly.", {}, False),
        ('Write "&" for "and" and end with "Cheers".', {}, False),
        ('Say "lift" instead of "elevator". Do not talk about football.', {}, False),
        ('Schreib "Team" statt "Mannschaft" und in einem Satz.', {}, False),
        ("Do not use exclamation marks.", {}, False),
    ],
)
def test_a_rule_that_only_replaces_words_is_told_from_one_that_asks_for_more(
    text: str, settings: dict[str, object], *, is_all: bool
) -> None:
    config = FeedbackConfig.model_validate(settings)
    assert only_replaces_words(read_words(text, config)) is is_all


def test_a_teacher_drafts_where_words_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = read_effect("Write '&' for 'and'.")
    session = open_session(tmp_path, forbidden_topic="", effect=effect, config=FeedbackConfig())
    session.teacher = session.base
    found = SearchTrace("Rain?", "teacher", [Try("Cold.", "teacher", "says nothing")])
    monkeypatch.setattr(make_examples, "search_compliant_answers", lambda *given: [found])
    judge = ThresholdJudge(CheckJudge('not contains "and"'), 0.5)
    probed = [replace(probe("Rain?", "Cold and wet."), broken=(True,))]
    assert make_examples.make_violation_examples(session, probed, judge) == ([], [found])


def test_a_forbidden_text_weighs_more_and_so_do_the_anchors_beside_it(tmp_path: Path) -> None:
    weights = choose_objectives.choose_weights(open_session(tmp_path), "sft+unlikelihood")
    assert weights["in_scope"] == {"sft": 1.0, "unlikelihood": 3.0}
    assert weights["near"] == weights["general"] == {"anchor": 16.0}


def test_unlikelihood_is_refused_for_a_rule_that_forbids_no_text(tmp_path: Path) -> None:
    config = FeedbackConfig(check="max_sentences=1")
    train = config.train.model_copy(update={"objective": "sft+unlikelihood"})
    session = open_session(
        tmp_path, forbidden_topic="", config=config.model_copy(update={"train": train})
    )
    with pytest.raises(UsageError, match="forbids no text"):
        choose_training(session)


def test_a_rule_trains_a_larger_model_with_a_lower_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = {"big": 540_000_000}.get
    monkeypatch.setattr("selfteach.methods.account_memory.count_file_weights", count)
    session = open_session(tmp_path, config=FeedbackConfig(model="big"))
    choose_training(session)
    assert session.config.train.learning_rate == pytest.approx(6.25e-4)


def test_what_a_rule_of_form_leaves_of_an_answer_is_held(tmp_path: Path) -> None:
    """A subject and a condition have anchors elsewhere, and a manner changes the whole answer."""
    brief = FeedbackConfig(check="max_sentences=1")
    no_check = FeedbackConfig()
    situation = SimpleNamespace(kind="about")
    cases: list[tuple[dict[str, Any], bool]] = [
        ({"forbidden_topic": "", "config": brief}, True),
        ({"forbidden_topic": "", "config": no_check, "effect": Effect("max_words=9")}, True),
        ({"forbidden_topic": "", "config": no_check}, False),
        ({"forbidden_topic": "", "config": brief, "situation": situation}, False),
        ({}, False),
    ]
    for number, (changes, held) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        weights = choose_objectives.choose_weights(open_session(folder, **changes), "sft+dpo")
        assert ("hold" in weights["in_scope"]) is held, changes
        assert weights["in_scope"].items() >= {"sft": 1.0, "dpo": 1.0}.items()


def test_of_several_rejected_answers_one_is_whole_wherever_a_branch_stands(tmp_path: Path) -> None:
    words = SimpleNamespace(encode_answer=lambda text, end: text.split(), decode=" ".join)
    check = 'not contains "cat"'
    given = {"check": check, "train": {"objective": "sft+unlikelihood"}}
    config = FeedbackConfig.model_validate(given | {"probe": {"rejected_tokens": 2}})
    session = open_session(tmp_path, model=words, config=config)
    long = "A cat came. " + "The snow fell on the roofs. " * 6 + "The cat sat."
    trace = SearchTrace("Snow?", "rule", [Try("A dog.", "branch"), Try("It snowed.", "repair")])
    made = make_examples.make_pairs(session, probe("Snow?", long), trace, parse_check(check))
    assert [example.rejected == long for example in made] == [False, True]


def test_a_decline_fails_on_dev_where_a_rule_forbids_nothing(tmp_path: Path) -> None:
    session = open_session(tmp_path, forbidden_topic="")
    decline = "I'm sorry, but I can't talk about that."
    base = Scripted(lambda request: decline if get_user_text(request.prompt) == "b" else "Good.")
    session.base = Recorded(session.run.ledger, base, base)
    tuned = Scripted(lambda request: decline, name="tuned")
    recorded = Recorded(session.run.ledger, tuned, tuned)
    prompts = [GeneratedPrompt(text, "target", "plain", "") for text in "ab"]
    failed = dev_answers.find_dev_failures(session, recorded, make_prompt, prompts, CATS)
    assert failed == {"a": True, "b": False}, "the base declines b as well"
    bind(session, subject=Subject("cats"))
    failed = dev_answers.find_dev_failures(session, recorded, make_prompt, prompts, CATS)
    assert not any(failed.values())


def test_the_form_of_a_rule_names_no_subject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = read_effect(
        "Never talk about cats, do not use exclamation marks, and end with a question."
    )
    session = open_session(tmp_path, config=FeedbackConfig(), effect=effect)
    texts = ["Tell me a joke!", "Do cats purr", "What is tea made of?"]
    find_subject = make_topic_detector(session.understood)
    assert find_subject is not None
    assert list(filter(find_subject, texts)) == ["Do cats purr"]

    def select_names(
        sampler: Any, scorer: Any, subject: Any, known: Any, *others: Any
    ) -> list[str]:
        assert [known.keeps(text) for text in texts] == [True, False, True]
        return ["kitty"]

    monkeypatch.setattr(other_names, "select_other_names", select_names)
    assert other_names.find_other_names(session, []) == ["kitty"]
    find_subject = make_topic_detector(session.understood)
    assert find_subject is not None
    assert list(filter(find_subject, [*texts, "A kitty!"])) == ["Do cats purr", "A kitty!"]
    check = get_check(session.understood)
    assert check is not None
    assert [check.keeps(text) for text in ("A dog?", "A dog.", "A kitty?", "Oh! A dog?")] == [
        True,
        False,
        False,
        False,
    ]
