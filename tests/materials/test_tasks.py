"""Reading tasks in every form that people have; the seeds of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from selfteach.dedup.overlap import OverlapIndex
from selfteach.errors import DataError
from selfteach.materials.rows import BadLine, refuse_bad_rows
from selfteach.materials.tasks import (
    OWN_SEEDS,
    Instance,
    list_classifications,
    read_task,
    read_tasks,
)

SHARED = Path(__file__).parents[3] / "shared" / "data"
FORMS: dict[str, dict[str, Any]] = {
    "self-instruct": {
        "instruction": "Add.",
        "instances": [{"input": "1 2", "output": "3"}],
        "is_classification": False,
    },
    "alpaca": {"instruction": "Add.", "input": "1 2", "output": "3"},
    "sharegpt": {
        "conversations": [
            {"from": "system", "value": "Add."},
            {"from": "human", "value": "1 2"},
            {"from": "gpt", "value": "3"},
        ]
    },
    "messages": {
        "messages": [
            {"role": "system", "content": "Add."},
            {"role": "user", "content": "1 2"},
            {"role": "assistant", "content": "3"},
        ]
    },
    "prompt": {
        "prompt": [{"role": "system", "content": "Add."}, {"role": "user", "content": "1 2"}],
        "completion": [{"role": "assistant", "content": "3"}],
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form: str) -> None:
    task = read_task(FORMS[form], "x:1")
    assert (task.instruction, task.instances) == ("Add.", (Instance("1 2", "3"),))


def test_without_a_system_message_the_question_is_the_instruction() -> None:
    task = read_task({"prompt": "What is tea?", "completion": "A drink."}, "x:1")
    assert (task.instruction, task.instances) == ("What is tea?", (Instance("", "A drink."),))


def make_exchange(question: str, system: str) -> dict[str, Any]:
    turns = [("system", system), ("user", question), ("assistant", f"Answer to {question}")]
    return {"messages": [{"role": role, "content": text} for role, text in turns if text]}


def test_a_system_message_that_many_rows_share_is_no_instruction(tmp_path: Path) -> None:
    """Of 16 conversations five have one message, more than a fourth; three have "Add."."""
    helpful = "You are a helpful assistant."
    rows = [make_exchange(f"What is {n}?", helpful) for n in range(5)]
    rows += [make_exchange(f"{n} {n}", "Add.") for n in range(3)]
    rows += [make_exchange(f"Why is {n}?", "") for n in range(8)]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = read_tasks(path)
    assert [task.instruction for task in found.seeds] == [
        *(f"What is {n}?" for n in range(5)),
        "Add.",
        *(f"Why is {n}?" for n in range(8)),
    ]
    assert len(found.seeds[5].instances) == 3
    assert found.seeds[0].instances == (Instance("", "Answer to What is 0?"),)
    (note,) = found.cleaned_rows
    assert note.where == "t.jsonl:1"
    assert note.fault.startswith(f'5 rows share the system message "{helpful}"')


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "What is tea?", "completion": "A drink.", "messages": None},
        {"prompt": "What is tea?", "completion": "A drink.", "conversations": "", "instances": ""},
        {"instruction": "What is tea?", "output": "A drink.", "is_classification": " "},
        {"instruction": None, "messages": make_exchange("What is tea?", "")["messages"]},
    ],
)
def test_the_empty_columns_of_other_forms_do_not_count(row: dict[str, Any]) -> None:
    task = read_task(row, "x:1")
    assert (task.instruction, task.classification) == ("What is tea?", None)


def test_a_file_of_tabs_may_have_commas_in_its_names(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("instruction\toutput\tnotes, dates, authors\nAdd.\t3\tx\n")
    (task,) = read_tasks(path).seeds
    assert (task.instruction, task.instances) == ("Add.", (Instance("", "3"),))
    path.write_text("instruction,output\nAdd.,3\n")
    assert len(read_tasks(path).seeds) == 1, "commas in spite of its name"


@pytest.mark.parametrize("word", ["<noinput>", "None", " N/A. ", "", None])
def test_words_that_say_there_is_no_input(word: str | None) -> None:
    assert (
        read_task({"instruction": "Add.", "input": word, "output": "3"}, "x:1").instances[0].input
        == ""
    )


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"instruction": "", "instances": [{"output": "x"}]}, '"instruction" is empty'),
        ({"instruction": "Add.", "instances": []}, "no list of cases"),
        ({"instruction": "Add.", "instances": ["3"]}, "something other than"),
        (
            {"instruction": "Add.", "instances": [{"input": "1", "output": " "}]},
            '"output" is empty',
        ),
        ({"instruction": "Add.", "input": 3, "output": "x"}, '"input" is not a text'),
        (
            {"instruction": "Add.", "output": "x", "is_classification": "perhaps"},
            "neither true nor false",
        ),
        ({"conversations": [{"from": "gpt", "value": "3"}]}, "no question"),
        ({"conversations": "x"}, "must be a text or a list"),
        ({"instructions": "Add.", "result": "3"}, "holds no task"),
    ],
)
def test_a_row_that_is_no_task_is_named(row: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        read_task(row, "x:7")
    assert "x:7" in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_a_bad_answer_is_no_seed(form: str) -> None:
    """As KTO's, in JSON and in CSV."""
    assert read_task({**FORMS[form], "label": True}, "x:1").instances[0].output == "3"
    for label in (False, "False"):
        with pytest.raises(DataError, match="would be learned as a good one"):
            read_task({**FORMS[form], "label": label}, "x:1")


def test_a_completion_that_the_user_says_is_no_answer() -> None:
    asked = [{"role": "user", "content": "Is it 3?"}]
    with pytest.raises(DataError, match="completion answer is no answer"):
        read_task({"prompt": "1 + 2?", "completion": asked}, "x:1")


def test_a_mistyped_key_is_guessed() -> None:
    with pytest.raises(DataError, match='Did you mean "instruction"'):
        read_task({"instructions": "Add."}, "x:1")


def test_rows_of_one_instruction_become_one_task_and_repeats_are_reported(tmp_path: Path) -> None:
    rows = [{"instruction": "Add.", "input": str(n), "output": str(n)} for n in (1, 2, 1)]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = read_tasks(path)
    assert [len(task.instances) for task in found.seeds] == [2]
    assert [(f.state, f.reason) for f in found.outcomes.values()] == [
        ("accepted", ""),
        ("accepted", ""),
        ("dropped", "repeats another row"),
    ]


def test_our_own_seeds_are_diverse_and_labelled() -> None:
    seeds = read_tasks().seeds
    labels = [flag for _, flag in list_classifications(seeds)]
    assert len(labels) == len(seeds) >= 40
    assert 12 <= sum(labels) <= len(seeds) - 12
    texts = [task.instruction for task in seeds]
    assert all(
        OverlapIndex(texts[:i] + texts[i + 1 :]).nearest(text).similarity < 0.6
        for i, text in enumerate(texts)
    )
    assert sum(not case.input for task in seeds for case in task.instances) >= 5
    assert OWN_SEEDS.is_file()


@pytest.mark.skipif(not SHARED.exists(), reason="the data folder beside the checkout is not there")
def test_self_instruct_s_own_files_work_as_they_are() -> None:
    assert len(read_tasks(SHARED / "seed_tasks.jsonl").seeds) == 175
    assert (
        sum(
            len(task.instances)
            for task in read_tasks(SHARED / "user_oriented_instructions.jsonl").seeds
        )
        == 252
    )


def test_a_comma_in_a_quoted_name_parts_no_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('instruction;output;"notes, of, people"\nAdd.;Done;x\n')
    (task,) = read_tasks(tmp_path / "t.csv").seeds
    assert task.instances == (Instance("", "Done"),)


def test_dolly_s_rows_are_tasks() -> None:
    row = {"instruction": "Sum it up.", "context": "A long text.", "response": "Short."}
    assert read_task({**row, "category": "x"}, "here").instances == (
        Instance("A long text.", "Short."),
    )
    own = {**row, "input": "Mine.", "output": "My own."}
    assert read_task(own, "here").instances == (Instance("Mine.", "My own."),)


def test_cases_in_two_places_are_refused() -> None:
    cases = [{"input": "1", "output": "2"}]
    row = {"instruction": "Add one.", "instances": cases, "input": "3", "output": "4"}
    with pytest.raises(DataError, match="beside them"):
        read_task(row, "here")
    assert read_task({**row, "input": "", "output": ""}, "here").instances


def test_an_input_that_is_taken_for_none_is_noted(tmp_path: Path) -> None:
    row = {"instruction": "Translate the word.", "input": "None", "output": "Keine"}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n" + json.dumps({**row, "input": "<noinput>"}))
    notes = [note.fault for note in read_tasks(file).cleaned_rows]
    assert notes == ['its input "None" is taken for none']


def test_a_column_that_is_not_there_is_missing() -> None:
    with pytest.raises(DataError, match=r'"output" is missing\. Its columns are instruction, '):
        read_task({"instruction": "Add one.", "answer": "2"}, "here")


def test_messages_may_be_blocks_of_text() -> None:
    blocks = [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]
    turns = [{"role": "user", "content": blocks}, {"role": "assistant", "content": "Hello"}]
    assert read_task({"messages": turns}, "here").instruction == "Hi there"
    picture = [{"type": "image", "url": "x"}]
    with pytest.raises(DataError, match="which is a text"):
        read_task({"messages": [{"role": "user", "content": picture}, turns[1]]}, "here")


def test_leaving_bad_rows_out_is_a_cure_for_few_of_them_only() -> None:
    bad = [BadLine("here:1", "is bad"), BadLine("here:2", "is worse")]
    with pytest.raises(DataError, match="continues without them"):
        refuse_bad_rows(Path("rows.jsonl"), bad, 20, False, 0.1)
    with pytest.raises(DataError, match="leaves out at most 10%"):
        refuse_bad_rows(Path("rows.jsonl"), bad, 19, False, 0.1)


def test_an_answer_is_put_to_its_own_question() -> None:
    completion = [
        {"role": "assistant", "content": "Water."},
        {"role": "user", "content": "And snow?"},
        {"role": "assistant", "content": "Frozen water."},
    ]
    task = read_task({"prompt": "What is rain?", "completion": completion}, "x:1")
    assert (task.instruction, task.instances[0].output) == ("What is rain?", "Water.")


def test_an_answer_of_weight_0_is_no_output() -> None:
    turns = [
        {"role": "user", "content": "Name a tea."},
        {"role": "assistant", "content": "Coffee.", "weight": 0},
        {"role": "user", "content": "No, name a tea."},
        {"role": "assistant", "content": "Assam."},
    ]
    task = read_task({"messages": turns}, "x:1")
    assert (task.instruction, task.instances[0].output) == ("No, name a tea.", "Assam.")
