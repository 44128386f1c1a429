"""Reading examples: the forms that trainers share, and what is refused, with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfteach.errors import DataError
from selfteach.files import write_jsonl
from selfteach.materials.examples import DEFAULT_KIND, Examples, read_example, read_examples
from selfteach.records import Example, Message, make_prompt

Q = "What is red?"
A = "Blood is."
B = "The sky is."
ASKED = [{"role": "user", "content": Q}]
ANSWERED = [{"role": "assistant", "content": A}]
ROWS: dict[str, dict[str, Any]] = {
    "messages": {"messages": ASKED + ANSWERED},
    "sharegpt": {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
    "conversational completion": {"prompt": ASKED, "completion": ANSWERED},
    "alpaca": {"instruction": Q, "input": "", "output": A},
    "chosen alone": {"prompt": Q, "chosen": A},
}


def read(tmp_path: Path, *rows: Any, **more: Any) -> Examples:
    path = tmp_path / "e.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    )
    return read_examples(path, **more)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_form_says_the_same(tmp_path: Path, row: dict[str, Any]) -> None:
    (found,) = read(tmp_path, row).examples
    assert (found.prompt, found.chosen, found.rejected, found.kind) == (
        make_prompt(Q),
        A,
        None,
        DEFAULT_KIND,
    )


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": Q, "chosen": A, "rejected": B},
        {"prompt": ASKED, "chosen": ANSWERED, "rejected": [{"role": "assistant", "content": B}]},
        {"chosen": ASKED + ANSWERED, "rejected": [*ASKED, {"role": "assistant", "content": B}]},
    ],
)
def test_pairs_with_their_prompt_or_with_it_inside(tmp_path: Path, row: dict[str, Any]) -> None:
    (found,) = read(tmp_path, row).examples
    assert (found.prompt, found.chosen, found.rejected) == (make_prompt(Q), A, B)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (
            {"rejected": [{"role": "user", "content": "Name a fish."}, *ANSWERED]},
            "chosen and rejected are answers to different conversations",
        ),
        (
            {"prompt": Q, "rejected": [*ASKED, *ANSWERED, {"role": "user", "content": "Why?"}]},
            "the last turn of its rejected answer is no answer",
        ),
        ({"prompt": Q, "chosen": ASKED}, "the last turn of its chosen answer is no answer"),
    ],
)
def test_what_is_no_pair_of_answers_to_one_prompt(changed: dict[str, Any], fault: str) -> None:
    row = {"chosen": ASKED + ANSWERED, "rejected": [{"role": "assistant", "content": B}]}
    assert read_example(row, "x:1")[0].rejected == B
    with pytest.raises(DataError, match=f"x:1: {fault}"):
        read_example({**row, **changed}, "x:1")


SAID = {"role": "assistant", "content": "Which red?"}
LIGHT = {"role": "user", "content": "A light."}
BRIEF = {"role": "system", "content": "Be brief."}
LONG = (*make_prompt(Q), Message("assistant", "Which red?"), *make_prompt("A light."))


@pytest.mark.parametrize("leading", [[*ASKED, SAID, LIGHT], [SAID, LIGHT]], ids=["whole", "rest"])
@pytest.mark.parametrize("prompt", [Q, ASKED], ids=["text", "messages"])
def test_an_answer_of_several_turns_keeps_its_own_question(prompt: Any, leading: list[Any]) -> None:
    """The last question is that of the answer, whether the turns repeat the prompt or not."""
    good, bad = [*leading, *ANSWERED], [*leading, {"role": "assistant", "content": B}]
    (found,) = read_example({"prompt": prompt, "chosen": good, "rejected": bad}, "x:1")
    assert (found.prompt, found.chosen, found.rejected) == (LONG, A, B)
    (found,) = read_example({"prompt": prompt, "chosen": good}, "x:1")
    assert (found.prompt, found.chosen) == (LONG, A)
    (found,) = read_example({"prompt": prompt, "completion": good}, "x:1")
    assert (found.prompt, found.chosen) == (LONG, A)


def test_a_system_message_on_one_side_is_kept() -> None:
    system = Message("system", "Be brief.")
    for row in (
        {"prompt": [BRIEF, *ASKED], "chosen": [*ASKED, SAID, LIGHT, *ANSWERED]},
        {"prompt": f"{Q}\n", "completion": [BRIEF, *ASKED, SAID, LIGHT, *ANSWERED]},
    ):
        assert read_example(row, "x:1")[0].prompt == (system, *LONG)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "A light.", "chosen": [*ASKED, SAID, LIGHT, *ANSWERED]},
        {"prompt": "Blue?", "chosen": ASKED + ANSWERED, "rejected": [*ASKED, SAID]},
        {"prompt": Q, "completion": [LIGHT, *ANSWERED]},
        {"prompt": [*ASKED, SAID, LIGHT], "completion": ASKED + ANSWERED},
        {"prompt": [BRIEF, *ASKED], "chosen": [{**BRIEF, "content": "Rhyme."}, *ASKED, *ANSWERED]},
    ],
)
def test_a_prompt_that_contradicts_the_answers_turns_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match='x:1: "prompt" is not the beginning of the conversation'):
        read_example(row, "x:1")


@pytest.mark.parametrize("rejected", [B, [{"role": "assistant", "content": B}]])
def test_a_rejected_answer_to_an_earlier_turn_is_refused(rejected: Any) -> None:
    row = {"prompt": Q, "chosen": [SAID, LIGHT, *ANSWERED], "rejected": rejected}
    with pytest.raises(DataError, match="answers to different conversations"):
        read_example(row, "x:1")


def test_the_words_of_a_tool_are_no_answer() -> None:
    with pytest.raises(DataError, match="the last turn of its chosen answer is no answer"):
        read_example({"prompt": Q, "chosen": [{"role": "tool", "content": "42"}]}, "x:1")


def test_the_empty_columns_of_other_forms_do_not_count() -> None:
    pair = {"prompt": "Tea?", "chosen": "A drink.", "rejected": "A color.", "messages": None}
    (found,) = read_example(pair, "x:1")
    assert (found.chosen, found.rejected) == ("A drink.", "A color.")
    text = {"prompt": "Tea is", "completion": "a drink.", "chosen": None, "conversations": ""}
    assert read_example(text, "x:1")[0].chosen == "a drink."


def test_texts_that_go_on_stay_texts(tmp_path: Path) -> None:
    """A prompt and a completion that are texts are trained as they stand, with the space between
    them; and come back from our own file.
    """
    (found,) = read(tmp_path, {"prompt": f"{Q}\n\nOutput:", "completion": f" {A}"}).examples
    assert (found.prompt, found.chosen, found.turns) == (
        f"{Q}\n\nOutput:",
        f" {A}",
        make_prompt(f"{Q}\n\nOutput:"),
    )
    assert (found.to_json()["prompt"], found.to_json()["chosen"]) == (f"{Q}\n\nOutput:", f" {A}")
    assert read(tmp_path, found.to_json()).examples == [found]
    (mixed,) = read(tmp_path, {"prompt": Q, "completion": ANSWERED}).examples
    assert mixed.prompt == make_prompt(Q)
    with pytest.raises(DataError, match="does not end with a question"):
        read(tmp_path, {"prompt": " ", "completion": A})


def test_every_turn_of_the_assistant_is_an_example(tmp_path: Path) -> None:
    first, second = read(
        tmp_path,
        {
            "id": 7,
            "messages": [*ASKED, *ANSWERED, {"role": "user", "content": "And blue?"}, *ANSWERED],
        },
    ).examples
    assert (first.id, second.id) == ("7", "7#1")
    assert second.prompt == (*make_prompt(Q), Message("assistant", A), *make_prompt("And blue?"))


def test_a_turn_that_goes_on_from_another_one_of_the_assistant_is_no_example() -> None:
    """The answers to questions beside it are read all the same."""
    more = [{"role": "user", "content": "And blue?"}, {"role": "assistant", "content": B}]
    turns = [*ASKED, *ANSWERED, {"role": "assistant", "content": "Roses too."}, *more]
    first, second = read_example({"messages": turns}, "x:1")
    assert (first.prompt, first.chosen) == (make_prompt(Q), A)
    assert [turn.content for turn in second.turns] == [Q, A, "Roses too.", "And blue?"]
    assert second.chosen == B
    with pytest.raises(DataError, match="no question that is followed by its answer"):
        read_example({"messages": [*ASKED, {"role": "system", "content": "Go."}, *ANSWERED]}, "x")


def test_a_turn_of_weight_0_is_no_example() -> None:
    """As in OpenAI's files; it stays in the prompts of later turns."""
    turns = [*ASKED, {**SAID, "weight": 0}, LIGHT, {**ANSWERED[0], "weight": 1}]
    (found,) = read_example({"messages": turns}, "x:1")
    assert (found.prompt, found.chosen) == (LONG, A)
    with pytest.raises(DataError, match='x:1: all of its answers have the "weight" 0'):
        read_example({"messages": turns[:2]}, "x:1")


@pytest.mark.parametrize("label", [False, "False", "false"])
@pytest.mark.parametrize("form", ROWS)
def test_a_bad_answer_without_a_good_one_is_refused(form: str, label: Any) -> None:
    """As KTO's, in JSON and in CSV."""
    assert read_example({**ROWS[form], "label": True}, "x:1")[0].chosen == A
    with pytest.raises(DataError, match="unpaired preferences are not read"):
        read_example({**ROWS[form], "label": label}, "x:1")
    pair = {"prompt": Q, "chosen": A, "rejected": B, "label": label}
    assert read_example(pair, "x:1")[0].rejected == B


@pytest.mark.parametrize(("given", "kept"), [("None", 1), ("n/a", 1), ("  x", 1), ("<noinput>", 0)])
def test_alpaca_rows_are_learned_as_they_are(given: str, kept: bool) -> None:
    """Indentation is part of code, and "None" may be the text to work on."""
    code = "    return x\n"
    row = {"instruction": "Translate:", "input": given, "output": code}
    prompt = make_prompt(f"Translate:\n\n{given}" if kept else "Translate:")
    (found,) = read_example(row, "x:1")
    assert (found.prompt, found.chosen) == (prompt, code)
    case = {"input": given, "output": code}
    (found,) = read_example({"instruction": "Translate:", "instances": [case]}, "x:1")
    assert (found.prompt, found.chosen) == (prompt, code)


def test_a_turn_that_is_no_object_is_refused() -> None:
    first, second = ROWS["sharegpt"]["conversations"]
    with pytest.raises(DataError, match="x:1: not a message: 'And"):
        read_example({"conversations": [first, "And?", second]}, "x:1")


def test_our_own_file_comes_back_as_it_was(tmp_path: Path) -> None:
    mine = [
        Example("a", "in_scope", make_prompt(Q), A, B, {"tries": 1.0}, {"cut": ["rejected"]}),
        Example("b", "near", make_prompt(Q), "Yes."),
    ]
    write_jsonl(tmp_path / "e.jsonl", (e.to_json() for e in mine))
    assert read_examples(tmp_path / "e.jsonl").examples == mine


def test_an_example_names_its_row_unless_the_row_names_another(tmp_path: Path) -> None:
    rows = [{"prompt": Q, "chosen": A}, {"prompt": Q, "completion": A}]
    own = {"prompt": Q, "chosen": B, "source": {"from": "edits.jsonl:3"}}
    found = read(tmp_path, *rows, {"messages": (ASKED + ANSWERED) * 2}, own).examples
    assert [example.source.get("from") for example in found] == [
        "e.jsonl:1",
        "e.jsonl:2",
        "e.jsonl:3",
        "edits.jsonl:3",
    ]


def test_a_repeated_row_is_left_out_and_named(tmp_path: Path) -> None:
    found = read(tmp_path, {"messages": ASKED + ANSWERED}, {"prompt": Q, "chosen": A})
    assert len(found.examples) == 1
    assert (found.outcomes["e.jsonl:2"].state, found.outcomes["e.jsonl:2"].reason) == (
        "dropped",
        "repeats another row",
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"prompt": Q, "chosen": "  "}, "an answer is empty"),
        ({"prompt": Q, "chosen": A, "rejected": ""}, "an answer is empty"),
        ({"prompt": Q, "chosen": A, "rejected": A}, "are the same"),
        ({"prompt": " ", "chosen": A}, "does not end with a question"),
        ({"prompt": ASKED + ANSWERED, "chosen": A}, "does not end with a question"),
        (
            {"prompt": [{"role": "system", "content": Q}], "completion": ANSWERED},
            "does not end with",
        ),
        ({"messages": ANSWERED}, "no question that is followed by its answer"),
        ({"chosen": A, "rejected": B}, "has no prompt"),
        ({"promt": Q, "completion": A}, "holds no example"),
        ({"prompt": 3, "chosen": A}, "must be a text or a list"),
        ({"prompt": Q, "chosen": 3}, "not an example"),
        ("{", "not JSON"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, row: Any, words: str) -> None:
    good = [{"prompt": f"{Q} {n}", "completion": A} for n in range(12)]
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, *good, row)
    assert "e.jsonl:13" in str(caught.value)
    found = read(tmp_path, *good, row, skip=True)
    assert len(found.examples) == 12
    assert found.outcomes["e.jsonl:13"].reason == "cannot be read"


def test_an_id_that_stands_twice_is_a_bad_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='the id "x" stands twice'):
        read(
            tmp_path,
            {"id": "x", "prompt": Q, "completion": A},
            {"id": "x", "prompt": Q, "completion": B},
        )


def test_an_empty_id_is_no_id(tmp_path: Path) -> None:
    rows = [{"id": " ", "prompt": f"{Q} {n}", "completion": A} for n in range(3)]
    found = read(tmp_path, {"id": "7", "prompt": Q, "completion": A}, *rows, rows[2] | {"id": ""})
    assert len(found.examples) == 4
    assert {len(one.id) for one in found.examples[1:]} == {len(found.examples[1].id)} != {0}
    assert [o.state for o in found.outcomes.values()] == ["accepted"] * 4 + ["dropped"]


@pytest.mark.parametrize("labels", [(1, 0), ("1", "0")])
def test_labels_of_good_and_bad_answers_are_refused(tmp_path: Path, labels: Any) -> None:
    rows = [{"prompt": f"{Q} {n}", "completion": A, "label": labels[n > 1]} for n in range(3)]
    with pytest.raises(DataError, match=r"of 1 row is 0, and 1 of the others.*Remove the bad"):
        read(tmp_path, *rows)
    assert len(read(tmp_path, *rows[:2]).examples) == 2
    classes = [row | {"label": n} for n, row in enumerate(rows)]
    assert len(read(tmp_path, *classes).examples) == 3, "three classes are no good and bad answers"


@pytest.mark.parametrize("column", ["source", "scores"])
def test_a_row_without_an_id_repeats_another_whatever_its_source_and_scores(
    tmp_path: Path, column: str
) -> None:
    rows = [{"prompt": Q, "chosen": A, column: {"number": number}} for number in (1, 2)]
    found = read(tmp_path, *rows)
    assert [getattr(example, column)["number"] for example in found.examples] == [1]
    assert [(outcome.state, outcome.reason) for outcome in found.outcomes.values()] == [
        ("accepted", ""),
        ("dropped", "repeats another row"),
    ]


def test_rows_without_ids_of_two_kinds_are_two_examples(tmp_path: Path) -> None:
    """The first keeps the id that its row has alone, so the ledger of an earlier run knows it."""
    rows = [{"prompt": Q, "chosen": A, "kind": kind} for kind in ("faq", "shop", "shop", "faq")]
    found = read(tmp_path, *rows)
    assert [example.kind for example in found.examples] == ["faq", "shop"]
    first, second = (example.id for example in found.examples)
    assert first == read(tmp_path, rows[0]).examples[0].id
    assert first != second
    assert [outcome.state for outcome in found.outcomes.values()] == [
        "accepted",
        "accepted",
        "dropped",
        "dropped",
    ]


@pytest.mark.parametrize("change", [{"kind": "shop"}, {"source": {"url": "b"}}, {"chosen": B}])
def test_one_given_id_of_two_contents_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    row = {"id": "x", "prompt": Q, "chosen": A, "source": {"url": "a"}}
    with pytest.raises(DataError, match='the id "x" stands twice'):
        read(tmp_path, row, {**row, **change})


def test_a_given_id_takes_no_example_without_one_away(tmp_path: Path) -> None:
    """A person changed the answer of an exported row and kept its id, the hash of what it was."""
    (exported,) = read(tmp_path, {"prompt": Q, "chosen": A}).examples
    changed = {**exported.to_json(), "chosen": B}
    found = read(tmp_path, changed, {"prompt": Q, "chosen": A})
    assert [example.chosen for example in found.examples] == [B, A]


def test_preferences_that_repeat_the_chosen_answer_as_messages_stay_pairs() -> None:
    """As UltraFeedback's."""
    row = {
        "prompt": Q,
        "chosen": ASKED + ANSWERED,
        "rejected": [*ASKED, {"role": "assistant", "content": B}],
        "messages": ASKED + ANSWERED,
    }
    (found,) = read_example(row, "x:1")
    assert (found.prompt, found.chosen, found.rejected) == (make_prompt(Q), A, B)
    (alone,) = read_example({**row, "rejected": None}, "x:1")
    assert (alone.chosen, alone.rejected) == (A, None)


def test_a_source_of_other_people_says_nothing_about_cut_answers() -> None:
    (found,) = read_example({"prompt": Q, "chosen": A, "source": {"cut": True, "page": 3}}, "x:1")
    assert found.source == {"page": 3}
    (own,) = read_example({"prompt": Q, "chosen": A, "source": {"cut": ["chosen"]}}, "x:1")
    assert own.source == {"cut": ["chosen"]}
