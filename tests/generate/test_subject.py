"""What a rule is about: its words, its siblings, and what else a topic is called."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from scripted import Scripted
from selfteach.generate import few_shot
from selfteach.generate.subject import (
    NUM_NAME_LISTS,
    NUM_SIBLING_LISTS,
    Subject,
    compute_topic_probabilities,
    describe_asked_topic,
    describe_known_topic,
    extract_subject,
    is_new_name,
    join_subjects,
    leave_out_close_topics,
    leave_out_translations,
    list_asked_topics,
    list_name_words,
    names_topic,
)
from selfteach.generate.topic_breadth import find_threshold, is_broad_topic
from selfteach.generate.topic_members import measure_suggestion
from selfteach.records import Prompt, Request

SIBLINGS = ("rowing", "diving")


def teller(
    topic: str,
    words: str = "mast, harbour,",
    siblings: str = "rowing, diving,",
    foreign: Sequence[str] = (),
    famous: str = "",
) -> Scripted:
    """Names a topic, and lists; every word but `foreign` and SIBLINGS calls sailing to mind."""

    def script(request: Request) -> str:
        text = str(request.prompt)
        if text.endswith("\nTopic:"):
            return topic
        if text.endswith("Famous names and words:"):
            return famous
        if text.endswith("Words:"):
            return words
        return siblings if text.endswith("Other topics of the same kind:") else ""

    return Scripted(script, score(foreign))


def score(foreign: Sequence[str] = ()):
    def logp(prompt: Prompt, text: str) -> float:
        word = str(prompt).rpartition("Word: ")[2].partition("\n")[0]
        if text.lower() != " sailing":
            return -9.0
        return -12.0 if word in (*foreign, *SIBLINGS, "yachting cup") else -1.0

    return logp


def subject(model: Scripted, rule: str = "Do not talk about sailing.") -> Subject:
    return extract_subject(model, model, rule, 0)


def test_the_subject_with_its_words_and_siblings() -> None:
    assert subject(teller("sailing"), "Do not talk about Sailing.") == Subject(
        "sailing", ("mast", "harbour"), ("rowing", "diving"), candidates=("mast", "harbour")
    )


def test_famous_names_that_tell_the_topic_are_its_words() -> None:
    model = teller("sailing", famous="Nelson, regatta, pizza,", foreign=["pizza"])
    found = subject(model)
    assert found.words == ("mast", "harbour", "Nelson", "regatta")
    assert found.candidates == ("mast", "harbour", "Nelson", "regatta", "pizza")


def test_another_name_of_the_topic_is_no_sibling_but_a_candidate() -> None:
    listed = "rowing, yachting, dinghy sailing, yachting cup, diving,"
    found = subject(teller("sailing", siblings=listed))
    assert found.siblings == ("rowing", "diving")
    assert found.candidates == ("mast", "harbour", "yachting")


def test_the_probability_of_a_topic_is_among_siblings_and_everyday_topics() -> None:
    model = Scripted({}, score(["pizza"]))
    known, foreign = compute_topic_probabilities(model, "sailing", ["rowing"], ["mast", "pizza"])
    assert 0.9 < known < 1
    assert foreign < 0.1
    lost = Scripted({})
    lost.stream_scores = lambda items: ((item.id(lost.fingerprint), ()) for item in items)  # type: ignore[method-assign]
    assert compute_topic_probabilities(lost, "sailing", [], ["mast"]) == [0.0]


PARTS = ("mast", "harbour", "wind", "regatta", "cruising")


def suggest(
    breadth: str = "narrow",
    parts: Sequence[str] = PARTS,
    topic: str = "sailing",
    **nats: float,
) -> Scripted:
    """Writes one list for each label, and lets each word suggest sailing by so many nats. Lists of
    the words of sailing begin with the parts, which adds 12 nats to how strongly they belong to it.
    """
    lists = {
        "Other topics of the same kind:": "rowing, regatta, diving,",
        "also ask about:": "tea, rowing,",
        "Kinds of it:": "regatta, cruising, tea, sailing trips,",
        "Words:": "mast, harbour, wind,",
    }

    def script(request: Request) -> str:
        ends = [line for end, line in lists.items() if str(request.prompt).endswith(end)]
        return ends[0] if ends else ""

    def logp(prompt: Prompt, text: str) -> float:
        if text in (" broad", " narrow"):
            return -float(text != f" {breadth}")
        if text != f" {topic}":
            begins = text[1:] in parts and str(prompt).endswith(f"Topic: {topic}\nWords:")
            return -14.0 if begins else -20.0
        word = str(prompt).rpartition("Word: ")[2].partition("\n")[0]
        return -20.0 + nats.get(word.replace(" ", "_"), 0.0)

    return Scripted(script, logp)


def test_kinds_of_a_topic_where_a_rule_holds_suggest_it_strongly() -> None:
    """Regatta is listed as a sibling too, and tea as a kind: what they suggest decides. Cruising is
    none: it suggests the topic too weakly.
    """
    model = suggest(regatta=9, cruising=7, mast=10, wind=6, diving=4, tea=0.5, sailing_trips=12)
    found = describe_asked_topic(model, model, "sailing", 0)
    assert found.words == ("mast", "regatta")
    assert found.siblings == ("tea", "rowing", "diving")
    assert found.forbidden is False
    assert subject(teller("sailing")).forbidden is True
    assert Subject("").topic == ""


def test_what_the_same_people_ask_about_is_a_sibling_unless_it_is_nearly_a_synonym() -> None:
    """The topic's own name suggests it by 20 nats: mast, at 10, has half of that, and regatta is
    nearly a synonym. What the model lists as a kind is none if the same people ask about it.
    """
    model = suggest(sailing=20, mast=10, regatta=14, wind=9, diving=4)
    found = describe_asked_topic(model, model, "sailing", 0, ("mast", "regatta"))
    assert found.siblings == ("mast", "tea", "rowing", "diving")
    assert found.words == ("regatta", "wind")


def test_what_may_be_a_part_of_a_broad_topic_is_on_neither_side() -> None:
    """Diving and rowing may be parts of it: they are no siblings. Everyday topics fill the list."""
    model = suggest("broad", regatta=9, mast=10, diving=4, rowing=2.5, tea=0.5, travel=3)
    found = describe_asked_topic(model, model, "sailing", 0)
    assert set(found.words) == {*PARTS}
    assert found.siblings[:2] == ("tea", "work")
    assert len(found.siblings) == 12
    assert {"rowing", "diving", "travel"}.isdisjoint(found.siblings)
    narrow = suggest("narrow", regatta=9, mast=10, diving=4, rowing=2.5, tea=0.5, travel=3)
    siblings = describe_asked_topic(narrow, narrow, "sailing", 0).siblings
    assert siblings == ("tea", "rowing", "diving")


def test_a_part_that_hardly_suggests_a_broad_topic_is_no_sibling() -> None:
    """It begins lists of the topic's words: snow, of the weather. What the same people ask about
    stays.
    """
    found = {
        part: describe_asked_topic(model, model, "sailing", 0, ("tea",)).siblings
        for part in ("", "rowing", "tea")
        for model in [suggest("broad", [part], sailing=20, regatta=9, rowing=1.5, tea=0.5)]
    }
    assert found[""][:3] == ("tea", "rowing", "diving")
    assert found["rowing"][:2] == ("tea", "diving")
    assert "rowing" not in found["rowing"]
    assert found["tea"] == found[""]


def test_a_part_of_a_broad_topic_is_asked_about_though_it_hardly_suggests_it() -> None:
    """Of the weather, snow. What suggests the topic strongly follows, unless it does not belong."""
    nats = {"sailing": 20, "regatta": 9, "rowing": 1.5, "mast": 12, "tea": 6}
    model = suggest("broad", [*PARTS, "rowing"], **nats)
    words = describe_asked_topic(model, model, "sailing", 0).words
    assert words == ("regatta", "rowing", "mast", "harbour", "wind", "cruising")
    asked = describe_asked_topic(model, model, "sailing", 0, ("diving",)).words
    assert asked == ("mast", "regatta")


def test_what_belongs_to_a_topic_of_two_words_is_not_asked_about_for_that() -> None:
    """Doctors belong to "medical procedures", and are none."""
    for topic, has_part in (("sailing", True), ("sailing school", False)):
        model = suggest("broad", [*PARTS, "rowing"], topic, regatta=9, mast=12, rowing=1.5)
        words = describe_asked_topic(model, model, topic, 0).words
        assert ("rowing" in words) is has_part
        assert {"regatta", "mast"} <= {*words}


def test_what_does_not_belong_to_a_narrow_topic_is_no_kind_of_it() -> None:
    """The model lists tea among the kinds, and tea suggests the topic: a cat, of dogs."""
    nats = {"regatta": 9, "mast": 10, "tea": 8}
    for parts, words in (
        (PARTS, ("mast", "regatta")),
        ((*PARTS, "tea"), ("mast", "regatta", "tea")),
    ):
        model = suggest(parts=parts, **nats)
        assert describe_asked_topic(model, model, "sailing", 0).words == words


def test_a_topic_that_no_name_suggests_has_no_kinds() -> None:
    model = suggest(regatta=3, mast=2)
    found = describe_asked_topic(model, model, "sailing", 0)
    assert (found.words, found.siblings) == ((), ("tea", "rowing", "diving"))


def test_parts_of_a_broad_topic_suggest_it_and_its_siblings_do_not() -> None:
    """The model lists fleets and docks among the siblings: the one is a part, the other neither.
    Cruising begins the topic's lists of words, though it does not suggest its name.
    """
    nats = {"regatta": 10.0, "harbour": 4.5, "wind": 3.5, "fleets": 7.0, "docks": 5.0}
    lists = {
        "Words:": "regatta, harbour, wind,",
        "kind:": "fleets, docks, cruising, rowing, yachts,",
    }

    def script(request: Request) -> str:
        text = str(request.prompt)
        if "yachts" in text:
            return "Yachts are a part of sailing."
        if text.endswith("\nTopic:"):
            return "sailing"
        return next((line for end, line in lists.items() if text.endswith(end)), "")

    def logp(prompt: Prompt, text: str) -> float:
        if text in (" broad", " narrow"):
            return -float(text == " narrow")
        if text == " cruising" and str(prompt).endswith("Topic: sailing\nWords:"):
            return -16.0
        word = str(prompt).rpartition("Word: ")[2].partition("\n")[0]
        return -20.0 + nats.get(word, 0.0) * (text == " sailing")

    found = subject(Scripted(script, logp))
    assert found.words == found.kinds == ("yachts", "regatta", "fleets", "harbour")
    assert found.siblings[0] == "rowing"
    assert len(found.siblings) == 12
    assert {"docks", "wind", "yachts", "cruising"}.isdisjoint(found.siblings)


@pytest.mark.parametrize("broad", [True, False])
def test_a_topic_is_broad_where_the_model_says_so(broad: bool) -> None:
    def logp(prompt: Prompt, text: str) -> float:
        asked = str(prompt).rpartition("\n")[2]
        assert asked.removesuffix(":") not in str(prompt).removesuffix(asked)
        return -1.0 if (text == " broad") is broad else -2.0

    assert is_broad_topic(Scripted({}, logp), "Politics") is broad
    lost = Scripted({})
    lost.stream_scores = lambda items: ((item.id(lost.fingerprint), ()) for item in items)  # type: ignore[method-assign]
    assert not is_broad_topic(lost, "politics")


def test_a_model_that_prefers_broad_is_held_against_the_worked_topics() -> None:
    """The second model prefers "broad" by a nat: with a threshold of 0 it calls football broad."""
    broad = {about.lower() for about, label in few_shot.TOPIC_BREADTHS if label == "broad"}
    own = {"football": 0.8, "politics": 3.0}

    def logp(prompt: Prompt, text: str) -> float:
        about = str(prompt).rpartition("\n")[2].removesuffix(":")
        return own.get(about, 2.0 if about in broad else 0.5) * (text == " broad")

    assert not is_broad_topic(Scripted({}, logp), "Football")
    assert is_broad_topic(Scripted({}, logp), "Politics")


def test_the_threshold_of_breadth_is_wrong_least_often_and_near_zero() -> None:
    assert find_threshold([]) == 0
    assert find_threshold([(-1.0, False), (2.0, True)]) == 0
    assert find_threshold([(0.5, False), (1.0, False), (2.0, True), (4.0, True)]) == 1.5
    assert find_threshold([(-3.0, False), (-2.0, True), (-1.0, True), (1.0, True)]) == -2.5


@pytest.mark.parametrize(
    ("topic", "naming", "others"),
    [
        ("AI", ["ai", "AI tools", "AI-generated art", "the AI's answer"], ["email", "Spain"]),
        ("dogs", ["bulldog", "a dog", "dog food"], ["wolves"]),
        ("C++", ["c++ templates"], ["c"]),
        ("fish", ["goldfish", "fishing"], ["birds"]),
        ("猫", ["猫の餌"], ["犬"]),
    ],
)
def test_a_short_topic_is_a_word_of_a_name(
    topic: str, naming: list[str], others: list[str]
) -> None:
    assert [name for name in naming if not names_topic(name, topic)] == []
    assert [name for name in others if names_topic(name, topic)] == []


def test_a_part_of_a_topic_is_no_name_beside_it() -> None:
    assert names_topic("guide dogs", "cats or dogs")
    assert not names_topic("cows", "cats or dogs")
    assert is_new_name("cows", "cats or dogs", ())
    assert not is_new_name("dogs", "cats or dogs", ())


def test_what_belongs_to_one_of_two_topics_is_no_sibling_of_the_other() -> None:
    politics = Subject("politics", ("election",), ("religion", "Islam", "art"), kinds=("election",))
    religion = Subject("religion", ("Islam", "prayer"), ("politics", "music"), candidates=("Mass",))
    both = join_subjects("politics or religion", [politics, religion])
    assert both.words == ("election", "Islam", "prayer")
    assert both.siblings == ("music", "art")
    assert (both.kinds, both.candidates) == (("election",), ("Mass",))
    assert both.forbidden


def test_a_lost_score_changes_no_other_suggestion() -> None:
    model = suggest(mast=5, harbor=3)
    known = measure_suggestion(model, "sailing", ["harbor"])
    lost = {"violin", "mast"}  # a word of another topic, and a name
    stream = model.stream_scores

    def lose(items):  # type: ignore[no-untyped-def]
        asked = {item.id(model.fingerprint): str(item.prompt) for item in items}
        for id, scores in stream(items):
            word = asked[id].rpartition("Word: ")[2].partition("\n")[0]
            yield id, (() if word in lost else scores)

    model.stream_scores = lose  # type: ignore[method-assign]
    found = measure_suggestion(model, "sailing", ["mast", "harbor"])
    assert found == [-math.inf, pytest.approx(known[0])]


def test_a_suggestion_is_what_a_name_adds_to_words_of_other_topics() -> None:
    model = suggest(mast=5, violin=2)
    added = 5 - 2 / sum(len(listed.split(", ")) for _, listed in few_shot.KINDS)
    assert measure_suggestion(model, "sailing", ["mast"]) == pytest.approx([added])


@pytest.mark.parametrize("named", ["none", " None.", "", "  ", "sailing boats", "the sea"])
def test_a_subject_that_is_not_in_the_rule_is_not_believed(named: str) -> None:
    assert subject(teller(named)) == Subject("")


def test_lists_keep_short_names_the_frequent_first_without_the_topic() -> None:
    lists = iter(
        [
            *["oar, rowing, en"] * NUM_SIBLING_LISTS,
            "mast, oar, half a wor",
            "oar, Sailing, a name of four words, cut o",
            *["mast, oar,"] * (NUM_NAME_LISTS - 3),
            "keel, pizza, oar,",
            *["Nelson, the fleet, cut"] * NUM_NAME_LISTS,
            *["Nelson, Drake, cut"] * NUM_NAME_LISTS,
            *[""] * NUM_NAME_LISTS * 2,
        ]
    )

    def answer(request: Request) -> str:
        if request.stage == "explain":
            return "Nobody knows."
        return "sailing" if str(request.prompt).endswith("\nTopic:") else next(lists)

    model = Scripted(answer, score(["pizza"]))
    names = ("oar", "mast", "Nelson", "the fleet", "Drake", "keel")  # pizza tells something else
    assert subject(model) == Subject("sailing", names, ("rowing",), candidates=names)


def test_a_word_that_calls_other_topics_to_mind_is_no_word_of_the_subject() -> None:
    named = lambda *foreign: subject(teller("sailing", foreign=foreign)).words
    assert (named("mast"), named("mast", "harbour"), named()) == (
        ("harbour",),
        (),
        ("mast", "harbour"),
    )


def test_what_the_model_is_asked_about_itself_has_the_other_such_topics_beside_it() -> None:
    subject = describe_known_topic("your name")
    assert not subject.forbidden
    assert set(subject.siblings) == {*few_shot.SELF_TOPICS} - {"your name"}


def test_a_name_that_is_listed_under_every_label_is_a_kind_though_others_suggest_more() -> None:
    """Wind suggests sailing by 5 nats, a regatta by 12: less than MIN_KIND_SHARE of it."""

    def script(request: Request) -> str:
        asked = str(request.prompt)
        return "wind, regatta," if asked.endswith(("Words:", "Kinds of it:", "words:")) else ""

    def logp(prompt: Prompt, text: str) -> float:
        if text != " sailing":
            return -14.0 if str(prompt).endswith("Topic: sailing\nWords:") else -20.0
        word = str(prompt).rpartition("Word: ")[2].partition("\n")[0]
        return -20.0 + {"wind": 5.0, "regatta": 12.0}.get(word, 0.0)

    model = Scripted(script, logp)
    assert describe_asked_topic(model, model, "sailing", 0).words == ("wind", "regatta")


@pytest.mark.parametrize(("audience", "topic"), [("hotel guests", "towels"), ("pupils", "grades")])
def test_what_a_known_audience_asks_about_needs_no_model(audience: str, topic: str) -> None:
    model = Scripted(lambda request: "")
    assert topic in list_asked_topics(model, audience, 0)
    assert not model.asked


def test_what_another_audience_asks_about_is_listed_by_the_model() -> None:
    model = Scripted(
        lambda request: "the tour, zoo maps, the zoo visitors, a map" + ", x" * request.draw
    )
    assert list_asked_topics(model, "zoo visitors", 0)[:2] == ["the tour", "zoo maps"]
    assert "the zoo visitors" not in list_asked_topics(model, "zoo visitors", 0)
    assert str(model.asked[0].prompt).endswith("Topic: zoo visitors\nThey ask about:")


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("opening hours", ("opening", "hours")),
        ("medical procedures", ("medical", "procedures")),
        ("refunds", ()),
        ("the wifi", ()),
        ("toasts or speeches", ()),
        ("prices, parking or gift cards", ()),
        ("e-mail lists", ()),
    ],
)
def test_the_words_of_a_name_of_one_thing(topic: str, words: tuple[str, ...]) -> None:
    assert list_name_words(topic) == words


def test_a_word_that_names_a_kind_alone_is_no_neighbor() -> None:
    kinds = ["surgery", "Procedure", "medical cases"]
    assert list_name_words("medical procedures", kinds) == ("medical",)


def test_no_neighbor_is_the_subject_in_english() -> None:
    names = ("soccer", "football clubs", "tennis", "swimming")
    assert leave_out_translations("Fußball", names) == ["tennis", "swimming"]
    assert leave_out_translations("el fútbol", names) == ["tennis", "swimming"]
    assert leave_out_translations("chess", names) == list(names)


def test_other_topics_that_suggest_a_part_of_a_topic_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strength = {"prices": 6.0, "discounts": 6.0, "costs": 5.0, "deals": 4.0, "dogs": 1.0}

    def measure(scorer: object, topic: str, names: Sequence[str]) -> list[float]:
        near = {"prices": {"prices", "costs"}, "discounts": {"discounts", "deals"}}[topic]
        return [strength[name] if name in near else 0.0 for name in names]

    monkeypatch.setattr("selfteach.generate.subject.measure_suggestion", measure)
    others = ["costs", "deals", "dogs"]
    found = leave_out_close_topics(Scripted(""), "prices or discounts", others)
    assert found == ["dogs"]
    assert leave_out_close_topics(Scripted(""), "prices", others) == ["deals", "dogs"]
