"""Neighbors about the words that requests in scope have in common."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripted import Scripted
from selfteach.config import FeedbackConfig
from selfteach.generate.ask import GeneratedPrompt
from selfteach.generate.begun_requests import BEGUN
from selfteach.generate.subject import Subject
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.scopes.situation import read_situation
from selfteach.methods.feedback import shared_words, write_rule_prompts
from selfteach.methods.feedback.shared_openings import NEAR_PER_OPENING
from selfteach.methods.understood_rule import NO_RULE
from selfteach.models.recorded import Recorded
from selfteach.records import Prompt, Request
from selfteach.run.display import SilentDisplay
from selfteach.run.ledger import Ledger

IN_SCOPE = [f"When do you open on day {i}?" for i in range(4)] + ["A router?", "A gate?"] * 3
NEIGHBORS = ["What does the parking cost?", "Who runs the place?"] * 4


def score(prompt: Prompt, text: str) -> float:
    """Score "router" as the one word that means the topic."""
    return 0.0 if str(prompt).rstrip().endswith("Word: router\nTopic:") else -9.0


def test_shared_words_tell_the_scopes_apart_and_do_not_mean_the_topic():
    subject = Subject("opening hours", words=("gate", "opening day"), forbidden=False)
    found = shared_words.find_shared_words(
        Scripted({}, score), subject, "We close at six.", IN_SCOPE, NEIGHBORS
    )
    assert found == ["close", "six", "open", "day"]


def test_a_word_of_neighbors_is_not_shared():
    neighbors = [*NEIGHBORS, "How do I open a jar?", "What a day!"]
    subject = Subject("opening hours", forbidden=False)
    found = shared_words.find_shared_words(Scripted({}, score), subject, "", IN_SCOPE, neighbors)
    assert "gate" in found
    assert not {"open", "day", "router"} & set(found)


def test_a_plural_is_no_second_word():
    subject = Subject("opening hours", forbidden=False)
    in_scope = ["Open the door?", "Which door is it?", "Where are the doors?"] * 2 + ["Doors?"]
    found = shared_words.find_shared_words(Scripted({}, score), subject, "", in_scope, NEIGHBORS)
    assert {"door", "doors"} & set(found) == {"door"}  # the more frequent one


def write(request: Request) -> str:
    """Write about the word that is asked for, or about bread."""
    word = str(request.prompt).rpartition("Topic: ")[2].partition("\n")[0]
    thing = "bread" if request.draw % 2 else word
    return f"What is {thing} number {request.draw} of the {word[::-1]} kind?"


@pytest.mark.parametrize("topic", ["opening hours", "your name"])
def test_neighbors_about_shared_words_have_them(tmp_path: Path, topic: str):
    model = Scripted(write, score)
    ledger = Ledger(tmp_path / "run.db")
    session = SimpleNamespace(
        base=Recorded(ledger, model, model),
        run=SimpleNamespace(ledger=ledger),
        display=SilentDisplay(),
        config=FeedbackConfig(ask={"near": 12}),
        understood=replace(
            NO_RULE,
            subject=Subject(topic, forbidden=False, name_words=("hours",)),
            situation=read_situation("asked about opening hours"),
            effect=read_effect("Say that we close at six."),
        ),
    )
    in_scope = [GeneratedPrompt(text, "target", "question", "") for text in IN_SCOPE]
    near = [GeneratedPrompt(text, "near", "question", "prices") for text in NEIGHBORS]
    written = write_rule_prompts.write_word_neighbors(session, in_scope, near, lambda text: "")
    if topic == "your name":
        assert (written, session.understood.subject.name_words) == ([], ("hours",))
        return
    words = ("close", "six", "open", "gate", "day")
    assert set(session.understood.subject.name_words) == {"hours", *words}
    about_words = [prompt for prompt in written if prompt.form != BEGUN]
    assert len(about_words) == 12 // shared_words.NEAR_PER_SHARED
    assert all(prompt.scope == "near" and prompt.subject in prompt.text for prompt in about_words)
    assert {prompt.subject for prompt in about_words} <= set(words)
    assert len(written) - len(about_words) == 12 // NEAR_PER_OPENING
    dropped = {stage.stage: dict(stage.reasons) for stage in ledger.funnel()}
    assert dropped["near prompts"][shared_words.WITHOUT_WORD] > 0
