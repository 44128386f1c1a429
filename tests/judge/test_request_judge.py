"""The judge of requests: names first, then scores whose threshold comes from requests of known
side; where scores tell nothing, names alone count.
"""

from __future__ import annotations

import math
from dataclasses import replace

from scripted import Scripted
from selfteach.generate.subject import Subject
from selfteach.judge.calibrate import MAX_FALSE_POSITIVES
from selfteach.judge.check import parse_check
from selfteach.judge.request_judge import (
    MAX_ASKED,
    RequestJudge,
    calibrate_likeness,
    calibrate_request_judge,
    compute_log_odds,
)
from selfteach.records import Prompt

CATS = Subject("cats", siblings=("dogs",))
NAMES = parse_check('not contains "cat"')
ABOUT = [f"Why do they purr number {i}?" for i in range(20)]
ELSEWHERE = [f"What is {i} and {i}?" for i in range(20)]


def scorer(tells: bool = True) -> Scripted:
    """Requests with "purr" or "whiskers" call cats to mind."""

    def logp(prompt: Prompt, text: str) -> float:
        request = str(prompt).rpartition("Request: ")[2]
        near = tells and ("purr" in request or "whiskers" in request)
        return -1.0 if (text == " cats") is near else -6.0 - len(request) / 100

    return Scripted({}, logp)


def test_scores_find_what_no_name_finds() -> None:
    judge, report = calibrate_request_judge(scorer(), CATS, NAMES, ABOUT, ELSEWHERE)
    assert report["auroc"] == 1.0
    assert (report["about"], report["elsewhere"]) == (20, 20)
    texts = ["Do cats fly?", "What are whiskers for?", "What is tea?"]
    assert judge.find_about(texts) == [True, True, False]


def test_a_judge_that_tells_nothing_leaves_the_names() -> None:
    judge, report = calibrate_request_judge(scorer(tells=False), CATS, NAMES, ABOUT, ELSEWHERE)
    assert report["auroc"] < 0.75
    assert math.isinf(judge.threshold)
    texts = ["Do cats fly?", "What are whiskers for?"]
    assert judge.find_about(texts) == [True, False]


def test_without_requests_of_both_sides_names_alone_decide() -> None:
    for about, elsewhere in ((ABOUT, []), ([], ELSEWHERE), ([], [])):
        judge, report = calibrate_request_judge(scorer(), CATS, NAMES, about, elsewhere)
        assert judge.find_about(["What are whiskers for?", "A cat?"]) == [False, True]
        assert "auroc" not in report


def test_few_requests_about_something_else_are_taken_for_the_topics() -> None:
    mixed = [*ELSEWHERE[:19], "What else do they purr at?"]
    judge, _ = calibrate_request_judge(scorer(), CATS, None, ABOUT, mixed)
    assert sum(judge.find_about(mixed)) <= MAX_FALSE_POSITIVES * len(mixed)


def test_nothing_is_scored_where_every_request_is_named() -> None:
    def fail(prompt: Prompt, text: str) -> float:
        raise AssertionError(text)

    judge = RequestJudge(Scripted({}, fail), CATS, NAMES, 0.0)
    assert judge.find_about(["A cat?", "Two cats?"]) == [True, True]
    assert judge.find_about([]) == []
    assert judge.find_strays(["A cat?", "Is tea hot?"]) == [False, False]


def test_what_names_the_topic_need_not_read_like_worked_requests() -> None:
    def fits(prompt: Prompt, text: str) -> float:
        return 9.0 if text == f" {CATS.topic}" else 0.0

    judge = RequestJudge(
        Scripted({}, fits), CATS, NAMES, 0.0, find_alike=lambda texts: ["purr" in t for t in texts]
    )
    texts = ["A cat, please.", "What purrs?", "What barks?"]
    assert judge.find_about(texts) == [True, True, True]
    assert judge.find_surely_about(texts) == [True, True, False]


def test_the_answer_tells_apart_what_shares_the_topic() -> None:
    """Both requests call cats to mind; only one of them is answered by the rule's answer."""

    def logp(prompt: Prompt, text: str) -> float:
        if str(prompt).endswith("Answer:"):
            assert "Request: Can I bring my puppy?\nAnswer: Dogs stay free.\n" in str(prompt)
            return -2.0 if "Request: When do they purr" in str(prompt) else -9.0
        return -1.0 if text == " cats" else -6.0

    judge = RequestJudge(Scripted({}, logp), CATS, NAMES, 0.0, "At six.")
    texts = ["When do they purr?", "Why do they purr?", "A cat?"]
    assert judge.find_about(texts) == [True, False, True]
    assert replace(judge, answer="").find_about(texts) == [True] * 3


def test_without_a_kind_the_answer_alone_must_fit() -> None:
    def logp(prompt: Prompt, text: str) -> float:
        if str(prompt).endswith("Answer:"):
            return -2.0 if "Request: When do they" in str(prompt) else -6.0
        return -1.0 if text == " cats" else -9.0

    kinds = parse_check('not contains "tabby"')
    judge = RequestJudge(Scripted({}, logp), CATS, NAMES, 0.0, "At six.", kinds, 0.0)
    texts = ["When do they purr?", "Why do they purr?", "Why does a tabby purr?"]
    assert judge.find_about(texts) == [True, True, True]
    assert replace(judge, least_answer=-5.0).find_about(texts) == [True, False, True]


def test_a_request_strays_only_if_it_fits_neither_topic_nor_answer() -> None:
    topic = {"Purr?": -1.0, "At six?": -9.0, "Sea?": -9.0, "A cat?": -9.0}
    answer = {"Purr?": -9.0, "At six?": -1.0, "Sea?": -9.0, "A cat?": -9.0}

    def logp(prompt: Prompt, text: str) -> float:
        asked = str(prompt).split("Request: ")[-1].split("\n")[0]
        if str(prompt).endswith("Answer:"):
            return answer[asked]
        return topic[asked] if text == " cats" else -4.0

    judge = RequestJudge(
        Scripted({}, logp), CATS, NAMES, 0.0, "At six.", far_total=-8.0, far_answer=-5.0
    )
    assert judge.find_strays(list(topic)) == [False, False, True, False], "a name is never far"
    unanswered = replace(judge, answer="", far_total=0.0, far_answer=math.inf)
    assert unanswered.find_strays(list(topic)) == [False, True, True, False]
    assert replace(judge, far_total=-math.inf).find_strays(list(topic)) == [False] * 4
    assert judge.find_strays([]) == []
    unscored = replace(judge, scorer=Scripted({}, lambda prompt, text: -math.inf))
    assert unscored.find_strays(["Sea?"]) == [False], "nothing says what it is about"


def test_a_neighbor_is_doubtful_from_a_total_on() -> None:
    def logp(prompt: Prompt, text: str) -> float:
        return (-1.0 if "Purr?" in str(prompt) else -9.0) if text == " cats" else -4.0

    judge = RequestJudge(Scripted({}, logp), CATS, NAMES, math.inf)
    texts = ["Purr?", "Sea?", "A cat?"]
    assert judge.find_doubtful(texts) == [False] * 3, "without a bound nothing is scored"
    assert replace(judge, doubt=0.0).find_doubtful(texts) == [True, False, True]


def test_log_odds_are_of_the_first_against_the_mean_of_the_others() -> None:
    found = compute_log_odds([math.log(0.6), math.log(0.1), math.log(0.3)])
    assert math.isclose(found, math.log(0.6 / 0.2))
    assert compute_log_odds([]) == -math.inf


def test_requests_like_those_that_were_asked_are_found() -> None:
    """The topic of the worked requests that is nearest is not taken for something else."""

    def logp(prompt: Prompt, text: str) -> float:
        shared = set(str(prompt).lower().split()) & set(text.lower().split())
        return float(len(shared - {"request:", "a", "the"})) - 20.0

    model = Scripted({}, logp)
    asked = ["How do I grow red tomatoes?", "What is the name of a bee?"]
    judge = calibrate_likeness(model, asked)
    texts = ["How do I grow green tomatoes?", "What is the name of a bee queen?", "Sing a song."]
    assert judge.find_like(texts) == [True, True, False]
    assert judge.find_like([]) == []
    assert len(calibrate_likeness(model, asked * 10).asked) <= MAX_ASKED
    assert calibrate_likeness(model, asked[:1]).find_like(texts) == [True, False, False]
