"""Questions that rules make from a sentence and an answer."""

import pytest

from selfteach.generate.plain_questions import (
    find_plain_verb,
    make_clause_question,
    make_fronted_question,
)


@pytest.mark.parametrize(
    ("sentence", "answer", "question"),
    [
        (
            "In 1790, the mill was built by Ann Ames.",
            "1790",
            "When was the mill built by Ann Ames?",
        ),
        ("The mill was built by Ann Ames.", "Ann Ames", "Who was the mill built by?"),
        ("Ann Ames built the mill in Wyle.", "Ann Ames", "Who built the mill in Wyle?"),
        ("Ann Ames built the mill in Wyle.", "Wyle", "Where did Ann Ames build the mill?"),
        (
            "The mill burned in 1850, and Ann Ames sold the land to Hale in 1851.",
            "1851",
            "When did Ann Ames sell the land to Hale?",
        ),
        ("The mill has 12 large wheels.", "12", "How many large wheels does the mill have?"),
        ("The 2.3 ton mill had 3 wheels.", "3", "How many wheels did the 2.3 ton mill have?"),
        ("Ames has moved the mill to Wyle.", "Wyle", "Where has Ames moved the mill to?"),
        (
            "On May 2, 1790, Ames named the mill for Lord Hale.",
            "Lord Hale",
            "What did Ames name the mill for on May 2, 1790?",
        ),
    ],
)
def test_people_ask_so(sentence: str, answer: str, question: str) -> None:
    assert make_fronted_question(sentence, answer) == question


@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        ("It was built by Ann Ames in the north.", "Ann Ames"),
        ("There was a mill that Ann Ames built in 1790.", "1790"),
        ("The mill made an US-American flour in bags.", "US"),
        ("The old mill stood in Resolution 43/53 for years.", "43"),
        ('Ames said "the mill was built in 1790" to me.', "1790"),
        ("The mill is the pride of Wyle.", "the pride"),
        ("Die Mühle wurde 1790 gebaut.", "1790"),
        ("Мельница была построена в 1790 году.", "1790"),
        ("Sadly, it was the oldest mill in Wyle.", "Wyle"),
        ("The Broncos had a 12–4 record in that year.", "12"),
        ("Now.", "Now"),
        ("", "1790"),
    ],
)
def test_a_rule_that_does_not_fit_gives_no_question(sentence: str, answer: str) -> None:
    assert make_fronted_question(sentence, answer) == ""


def test_a_few_words_around_an_answer_are_asked() -> None:
    sentence = "After the flood, which took the bridge, the mill was sold by Ann Ames; it burned."
    assert make_clause_question(sentence, "Ann Ames", 2) == "mill was sold by who or what?"
    assert make_clause_question(sentence, "Ann Ames", 3) == "the mill was sold by who or what?"
    us = "In the United States, 45% of people live in towns."
    assert make_clause_question(us, "United States") == "where 45% of people live?"
    long = "The miller of Wyle made 12 kinds of bread, and sold them."
    assert make_clause_question(long, "12", 2) == "made how many kinds of bread?"
    assert make_clause_question(long, "12", 4) == "miller of Wyle made how many kinds of bread?"
    for sentence, answer in (
        ("He left in 1790; they stayed.", "1790"),
        ("The old Arab oil mills stood near the river Wyle.", "Arab"),
        ('He said "the old mill] was built by Ann Ames" to us.', "Ann Ames"),
        ("Мельница была построена в 1790 году у реки.", "1790"),
    ):
        assert make_clause_question(sentence, answer, 9) == ""


def test_a_number_is_no_part_of_a_longer_one() -> None:
    for sentence in ("The army of 3,000 men had 3 old generals.", "It led 1.3 million to 3 wars."):
        assert "3" not in make_clause_question(sentence, "3").replace("3,000", "").replace(
            "1.3", ""
        )


def test_words_around_an_answer_cut_no_name() -> None:
    """Two content words: a name counts as one, and is whole."""
    sentence = "The old Hale Mill Company sold 12 wheels to Ann Mary Ames in May."
    assert make_clause_question(sentence, "12", 2) == "sold how many wheels to Ann Mary Ames?"
    assert make_clause_question(sentence, "12", 3) == (
        "Hale Mill Company sold how many wheels to Ann Mary Ames?"
    )


@pytest.mark.parametrize(
    ("past", "plain"),
    [
        ("planned", "plan"),
        ("carried", "carry"),
        ("used", "use"),
        ("compiled", "compile"),
        ("created", "create"),
        ("requested", "request"),
        ("pulled", "pull"),
        ("took", "take"),
        ("red", ""),
        ("the", ""),
        ("need", ""),
        ("feed", ""),
        ("exceed", ""),
        ("fed", "feed"),
        ("bled", "bleed"),
        ("agreed", "agree"),
    ],
)
def test_verbs_get_their_plain_form(past: str, plain: str) -> None:
    assert find_plain_verb(past) == plain


PASTS = """
died:die added:add travelled:travel restored:restore succeeded:succeed explored:explore
flooded:flood promoted:promote voted:vote quoted:quote typed:type cited:cite visited:visit
united:unite ignited:ignite wasted:waste lasted:last ruined:ruin mentioned:mention fled:flee
belonged:belong changed:change ranged:range hanged:hang avenged:avenge curled:curl crawled:crawl
doubled:double looked:look evoked:evoke liked:like leaked:leak scored:score honored:honor
monitored:monitor poured:pour described:describe climbed:climb required:require squared:square
marketed:market completed:complete competed:compete abandoned:abandon postponed:postpone
convened:convene opened:open associated:associate treated:treat evaluated:evaluate
decided:decide avoided:avoid styled:style signaled:signal scaled:scale filled:fill passed:pass
severed:sever balloted:ballot panicked:panic buzzed:buzz seized:seize waltzed:waltz
bathed:bathe reached:reach hoped:hope hopped:hop
"""


@pytest.mark.parametrize("pair", PASTS.split())
def test_a_stem_gets_back_the_e_that_it_lost(pair: str) -> None:
    past, _, plain = pair.partition(":")
    assert find_plain_verb(past) == plain


@pytest.mark.parametrize(
    "sentence",
    [
        "The mill never opened in 1874.",
        "Only Ann Reed lived in Hale in 1874.",
        "Neither Ann Reed nor Bo Lind lived in Hale in 1874.",
    ],
)
def test_what_did_not_happen_is_not_asked(sentence: str) -> None:
    assert make_fronted_question(sentence, "1874") == ""


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("Ann Ames sold 60,000 bags in Wyle.", "Who sold 60,000 bags in Wyle?"),
        ("Ann Ames opened the mill at 6:30 on Mondays.", "Who opened the mill at 6:30 on Mondays?"),
        ("Ann Ames sold ten bags, 60 of them wet.", "Who sold ten bags?"),
        ("Ann Ames sold ten bags in Wyle: 60 were wet.", "Who sold ten bags in Wyle?"),
    ],
)
def test_a_question_tears_no_number_at_its_mark(sentence: str, question: str) -> None:
    assert make_fronted_question(sentence, "Ann Ames") == question
