"""Readers of corrections: every form that people have, and what is reported of rows that do not
fit.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from selfteach import cli
from selfteach.commands.corrections import describe_material
from selfteach.commands.teach import print_plan
from selfteach.config import CorrectionsConfig as Settings
from selfteach.errors import DataError, UsageError
from selfteach.materials.columns import parse_columns
from selfteach.materials.corrections import (
    KEYS,
    Corrections,
    Edit,
    _drop_conflicts,
    find_quoted_places,
    read_corrections,
    read_edit,
    read_prompts,
)
from selfteach.materials.quoted_criticism import split_quoted_criticism
from selfteach.methods.corrections.read_corrections import (
    read_again,
    read_material,
    warn_of_few,
)
from selfteach.records import JsonObject, Message, get_user_text, make_prompt

TURN = lambda role, content: {"role": role, "content": content}
ASKED = make_prompt("What is tea?")


def write(folder: Path, *rows: Any, name: str = "edits.jsonl") -> Path:
    path = folder / name
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8"
    )
    return path


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "What is tea?", "answer": "A color.", "correction": "A drink."},
        {
            "prompt": [TURN("user", "What is tea?")],
            "answer": "A color.",
            "correction": "A drink.",
            "id": 7,
        },
        {"prompt": "What is tea?", "chosen": "A drink.", "rejected": "A color."},
        {
            "prompt": [TURN("user", "What is tea?")],
            "chosen": [TURN("assistant", "A drink.")],
            "rejected": [TURN("assistant", "A color.")],
        },
        {
            "chosen": [TURN("user", "What is tea?"), TURN("assistant", "A drink.")],
            "rejected": [TURN("user", "What is tea?"), TURN("assistant", "A color.")],
        },
        {
            "messages": [TURN("user", "What is tea?"), TURN("assistant", "A drink.")],
            "answer": "A color.",
        },
        {
            "messages": [
                TURN("user", "What is tea?"),
                {**TURN("assistant", "A drink."), "original": "A color."},
            ]
        },
    ],
)
def test_all_forms_say_the_same(row: dict[str, Any]) -> None:
    assert read_edit(row, "here") == Edit("here", ASKED, "A color.", "A drink.")


@pytest.mark.parametrize(
    ("row", "edit"),
    [
        (
            {"prompt": "What is tea?", "correction": "A drink."},
            Edit("here", ASKED, None, "A drink."),
        ),
        (
            {"prompt": "What is tea?", "answer": " ", "correction": "A drink."},
            Edit("here", ASKED, None, "A drink."),
        ),
        (
            {"prompt": "What is tea?", "answer": "A color.", "feedback": "wrong"},
            Edit("here", ASKED, "A color.", None, "wrong"),
        ),
        (
            {
                "messages": [
                    TURN("system", "Be brief."),
                    TURN("user", "Tea?"),
                    TURN("assistant", "A color."),
                ],
                "feedback": "wrong",
            },
            Edit(
                "here",
                (Message("system", "Be brief."), Message("user", "Tea?")),
                "A color.",
                None,
                "wrong",
            ),
        ),
    ],
)
def test_what_is_missing_is_sampled_and_what_is_criticised_waits(
    row: dict[str, Any], edit: Edit
) -> None:
    assert read_edit(row, "here") == edit


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "Tea?", "answer": "A color.", "correction": ""}, '"correction" is empty'),
        ({"prompt": "", "correction": "A drink."}, '"prompt" is empty'),
        (
            {"prompt": "Tea?", "answer": "A color.", "corection": "A drink."},
            'Did you mean "correction"',
        ),
        ({"prompt": "Tea?", "answer": 3, "correction": "A drink."}, '"answer" is not a text'),
        ({"prompt": "Tea?", "feedback": "too long"}, "needs the answer"),
        ({"chosen": "A drink.", "rejected": "A color."}, "has no prompt"),
        (
            {
                "chosen": [TURN("user", "U?"), TURN("assistant", "A.")],
                "rejected": [TURN("user", "T?"), TURN("assistant", "B.")],
            },
            "different",
        ),
        (
            {"messages": [TURN("assistant", "A drink."), TURN("user", "Thanks")]},
            "not the assistant's",
        ),
        ({"prompt": [TURN("tool", "Tea?")], "correction": "A drink."}, "not a message"),
        (
            {"prompt": [TURN("assistant", "Tea?")], "correction": "A drink."},
            "does not end with words of the user",
        ),
    ],
)
def test_a_row_that_says_nothing_is_named(row: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=r"^here: ") as fault:
        read_edit(row, "here")
    assert why in str(fault.value)


def test_csv_json_and_jsonl_are_the_same_material(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"What is {n}?", "answer": f'A "{n}",\nof color; so', "correction": f"A {n}."}
        for n in ("tea", "café", "milk")
    ]
    (tmp_path / "edits.json").write_text(json.dumps(rows), "utf-8")
    (tmp_path / "edits.csv").write_bytes(
        "\ufeffprompt;answer;correction\r\n".encode()
        + "".join(
            f'{r["prompt"]};"{r["answer"].replace(chr(34), chr(34) * 2)}";{r["correction"]}\r\n'
            for r in rows
        ).encode()
    )
    found = [
        read_corrections(path)
        for path in (write(tmp_path, *rows), tmp_path / "edits.json", tmp_path / "edits.csv")
    ]
    ids = [[edit.id for edit in part.edits] for part in found]
    assert ids[0] == ids[1] == ids[2]
    assert [edit.where for edit in found[2].edits] == ["edits.csv:2", "edits.csv:4", "edits.csv:6"]


@pytest.mark.parametrize("sign", ",;\t")
def test_the_line_that_tells_excel_what_parts_the_columns_is_no_row(
    sign: str, tmp_path: Path
) -> None:
    rows = [("prompt", "answer", "correction"), ("Tea?", "A color.", "A drink.")]
    path = tmp_path / "edits.csv"
    lines = [f"sep={sign}", *(sign.join(row) for row in rows)]
    path.write_text("\r\n".join(lines), "utf-8-sig")
    [edit] = read_corrections(path).edits
    assert (edit.where, edit.correction) == ("edits.csv:3", "A drink.")


@pytest.mark.parametrize("sign", ",;\t")
@pytest.mark.parametrize("above", ["", " ", ";;"])
def test_lines_without_a_text_above_the_names_of_the_columns_are_no_row(
    above: str, sign: str, tmp_path: Path
) -> None:
    rows = [("prompt", "answer", "correction"), ("Tea?", "A color.", "A drink.")]
    path = tmp_path / "edits.csv"
    lines = [above.replace(";", sign), *(sign.join(row) for row in rows)]
    path.write_text("\r\n".join(lines), "utf-8-sig")
    [edit] = read_corrections(path).edits
    assert (edit.where, edit.correction) == ("edits.csv:3", "A drink.")


def test_a_quotation_mark_that_is_never_closed_costs_every_row_behind_it(tmp_path: Path) -> None:
    """As one bad row they would be a small share, and half of the file would be left out."""
    rows = [f"Question {n}?,Answer {n}.,Better {n}." for n in range(40)]
    rows[20] = f'"{rows[20]}'
    path = tmp_path / "edits.csv"
    path.write_text("\n".join(["prompt,answer,correction", *rows, ""]), "utf-8")
    with pytest.raises(DataError, match=r"20 of 40 rows cannot be used") as fault:
        read_corrections(path, skip=True)
    assert "edits.csv:22: not CSV (unexpected end of data)" in str(fault.value)
    assert "edits.csv:23: in the row of line 22, which is not CSV" in str(fault.value)


def test_approvals_repeats_and_contradictions_are_distinguished(tmp_path: Path) -> None:
    tea = {"prompt": "Tea?", "answer": "A color.", "correction": "A drink."}
    path = write(
        tmp_path,
        tea,
        tea,
        {**tea, "correction": "A plant."},
        {"prompt": "Tea?", "answer": "A drink.", "correction": "A color."},
        {"prompt": "Tea?", "answer": "A stone.", "correction": "A drink."},
        {"prompt": "Milk?", "answer": "White.", "correction": "White."},
        {"prompt": "Ink?", "answer": "Blue.", "feedback": "too short"},
    )
    found = read_corrections(path)
    assert [edit.where for edit in found.edits] == [
        "edits.jsonl:3",
        "edits.jsonl:4",
        "edits.jsonl:5",
    ]
    assert [edit.where for edit in found.approved] == ["edits.jsonl:6"]
    assert [edit.where for edit in found.criticisms] == ["edits.jsonl:7"]
    dropped = {
        fate.id: (fate.reason, fate.body["fault"])
        for fate in found.outcomes.values()
        if fate.state == "dropped" and fate.body
    }
    assert dropped == {
        "edits.jsonl:1": (
            "contradicts another row",
            "edits.jsonl:3 corrects the same answer in another way",
        ),
        "edits.jsonl:2": (
            "contradicts another row",
            "edits.jsonl:3 corrects the same answer in another way",
        ),
    }
    assert len(found.outcomes) == 7
    assert found.describe_conflicts() == [
        "rows left out, because later rows contradict them: 2 (edits.jsonl:2, edits.jsonl:1)",
        "prompts with more than one correction, all of which are learned: 1",
    ]


def edit_rows(*ways: str) -> list[dict[str, str]]:
    """ "AB" corrects A into B."""
    return [{"prompt": "Tea?", "answer": f"The {a}.", "correction": f"The {b}."} for a, b in ways]


@pytest.mark.parametrize(
    ("ways", "kept", "why"),
    [
        (("AB", "AC"), [2], "edits.jsonl:2 corrects the same answer in another way"),
        (("AB", "AA"), [2], "edits.jsonl:2 corrects the same answer in another way"),
        (("AB", "BA"), [2], "edits.jsonl:2 takes it back"),
        (("AB", "BC", "CA"), [2, 3], "edits.jsonl:3 takes it back"),
        (("AB", "AC", "AB"), [3], "edits.jsonl:3 corrects the same answer in another way"),
        (("AB", "AB"), [2], "the same as edits.jsonl:2"),
        (
            ("AB", "BC", "CD", "BB"),
            [1, 3, 4],
            "edits.jsonl:4 corrects the same answer in another way",
        ),
        (("AB", "BC", "CD"), [1, 2, 3], ""),
        (("AB", "CB", "BB"), [1, 2, 3], ""),
    ],
)
def test_of_rows_that_contradict_each_other_the_last_one_counts(
    tmp_path: Path, ways: tuple[str, ...], kept: list[int], why: str
) -> None:
    found = read_corrections(write(tmp_path, *edit_rows(*ways)))
    assert sorted(int(edit.where.split(":")[1]) for edit in (*found.edits, *found.approved)) == kept
    assert (why in {(fate.body or {}).get("fault") for fate in found.outcomes.values()}) is bool(
        why
    )
    assert len(found.outcomes) == len(ways)


def test_a_criticised_answer_is_not_approved_though_its_correction_is_the_same(
    tmp_path: Path,
) -> None:
    answer = "A long answer."
    rows = [
        {"prompt": "Tea?", "answer": answer, "correction": answer, "feedback": "too long"},
        {"prompt": "Milk?", "answer": answer, "correction": answer},
        {
            "messages": [
                {"role": "user", "content": "Wool?"},
                {"role": "assistant", "content": f" {answer}\n", "original": f" {answer}\n"},
            ],
            "feedback": '"long": too vague',
        },
    ]
    found = read_corrections(write(tmp_path, *rows))
    assert [(e.where, e.feedback, e.quote, e.correction) for e in found.criticisms] == [
        ("edits.jsonl:1", "too long", "", None),
        ("edits.jsonl:3", "too vague", "long", None),
    ]
    assert [e.where for e in found.approved] == ["edits.jsonl:2"]
    assert found.edits == []


@pytest.mark.parametrize("is_approved_last", [True, False])
def test_of_an_approval_and_a_criticism_of_one_answer_the_last_one_counts(
    tmp_path: Path, is_approved_last: bool
) -> None:
    approval = {"prompt": "Tea?", "answer": "A drink.", "correction": "A drink."}
    criticism = {"prompt": "Tea?", "answer": "A drink.", "feedback": "too short"}
    rewritten = {"prompt": "Milk?", "answer": "A drink.", "correction": "A white drink."}
    both = [criticism, approval] if is_approved_last else [approval, criticism]
    beside = {**criticism, "prompt": "Milk?"}
    found = read_corrections(write(tmp_path, *both, rewritten, beside))
    assert [e.where for e in found.approved] == ["edits.jsonl:2"] * is_approved_last
    last = ["edits.jsonl:4"] if is_approved_last else ["edits.jsonl:2", "edits.jsonl:4"]
    assert [e.where for e in found.criticisms] == last
    fault = "approves of the answer" if is_approved_last else "criticizes the answer"
    assert found.outcomes["edits.jsonl:1"].body["fault"] == f"edits.jsonl:2 {fault}"
    assert found.describe_conflicts() == [
        "rows left out, because later rows contradict them: 1 (edits.jsonl:1)"
    ]


def drop_slowly(edits: list[Edit]) -> list[str]:
    """The places of what is kept, by following every chain to its end."""
    later: dict[str | None, Edit] = {}
    kept: list[str] = []
    for edit in reversed(edits):
        taken_back = False
        correction = edit.correction
        for _ in later:
            step = later.get(correction)
            if step is None or edit.unchanged:
                break
            taken_back |= step.correction == edit.answer
            correction = step.correction
        if edit.answer not in later and not taken_back:
            later[edit.answer] = edit
            kept.append(edit.where)
    return kept[::-1]


def test_chains_of_corrections_are_followed_to_their_end() -> None:
    dice = random.Random(5)
    for _ in range(300):
        ways = [dice.choices("ABCDEF", k=2) for _ in range(8)]
        edits = [Edit(str(n), ASKED, a, b) for n, (a, b) in enumerate(ways)]
        assert [edit.where for edit in _drop_conflicts(edits, {})] == drop_slowly(edits), ways


def test_a_long_chain_of_corrections_costs_little() -> None:
    """Following it from every row would take 18 million steps, about 20 s."""
    edits = [Edit(str(n), ASKED, str(n), str(n + 1)) for n in range(6000)]
    start = time.process_time()
    assert len(_drop_conflicts(edits, {})) == 6000
    assert len(_drop_conflicts([*edits, Edit("back", ASKED, "6000", "0")], {})) == 6000
    assert time.process_time() - start < 5


def test_prompts_are_read_line_by_line(tmp_path: Path) -> None:
    """A line that is too long is one bad row. A file of many lines ends at its first ones."""
    text = "Tea?\rMilk?\r\n" + "x" * (9 << 20) + "\n\udcff\nCoffee?"
    (tmp_path / "p.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    found = read_prompts(tmp_path / "p.txt", skip=True, max_bad_share=0.5)
    assert found.prompts == [make_prompt(name) for name in ("Tea?", "Milk?", "Coffee?")]
    bad = {where: row.body["fault"] for where, row in found.outcomes.items() if row.body}
    assert list(bad) == ["p.txt:3", "p.txt:4"]
    assert "longer than 8 MB" in bad["p.txt:3"]
    assert "not UTF-8" in bad["p.txt:4"]


def test_a_file_with_other_names_says_which_are_known(tmp_path: Path) -> None:
    (tmp_path / "edits.csv").write_text("question,reply,fixed\nTea?,A color.,A drink.\n", "utf-8")
    with pytest.raises(
        DataError,
        match=(
            r"edits.csv:2: has neither a correction nor a feedback. Its columns are question, "
            r"reply, fixed. A row is prompt, answer, correction;"
        ),
    ):
        read_corrections(tmp_path / "edits.csv")
    with pytest.raises(DataError, match=r'Did you mean "correction"\? Other names: '):
        read_corrections(
            write(tmp_path, {"prompt": "Tea?", "answer": "A color.", "corection": "A drink."})
        )
    with pytest.raises(
        DataError, match=r"edits.jsonl: is empty. A row is prompt, answer, correction;"
    ):
        read_corrections(write(tmp_path))


@pytest.mark.parametrize("more", [["--dry-run"], []])
@pytest.mark.parametrize(("count", "warned"), [(2, True), (49, True), (50, False)])
def test_few_corrections_are_warned_of_before_anything_is_paid(
    count: int,
    warned: bool,
    more: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = ({"prompt": f"Tea {n}?", "answer": "A color.", "correction": "A."} for n in range(count))
    monkeypatch.setattr("selfteach.commands.corrections.teach", lambda *_, **__: None)
    assert cli.run_command(["corrections", str(write(tmp_path, *rows)), *more]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == warned
    if warned:
        assert lines[0].startswith(f"selfteach: {count} different prompts are few: 50 or more")


def test_criticisms_bring_prompts_of_their_own(tmp_path: Path) -> None:
    row = {"prompt": "Tea?", "answer": "A color.", "feedback": "too short"}
    assert warn_of_few(read_corrections(write(tmp_path, row))) == ""


def test_a_dry_run_says_what_was_understood_and_what_repeats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tea = {"prompt": "Tea?", "answer": "A color.", "correction": "A drink."}
    hm = {
        "prompt": "Milk?",
        "answer": "White, white, white, white, white, white, white, white!",
        "feedback": "Too long, and no emoji",
    }
    poor = {"prompt": "Ink?", "answer": "Blue.", "feedback": "too stiff"}
    corrections = read_corrections(
        write(tmp_path, tea, tea, tea | {"correction": "A plant."}, hm, poor)
    )
    print_plan(describe_material(corrections, Settings()), as_json=False)
    printed = capsys.readouterr().out
    assert "edits.jsonl:1: edits.jsonl:3 corrects the same answer in another way\n" in printed
    assert (
        "rows left out, because later rows contradict them: 2 (edits.jsonl:2, edits.jsonl:1)"
        in printed
    )
    assert '"Too long, and no emoji", of 1 answer: max_words=5 and not regex' in printed
    assert '"too stiff", of 1 answer: its form is not recognized' in printed


UNION = dict.fromkeys(
    ("prompt", "answer", "correction", "feedback", "chosen", "rejected", "messages")
)


@pytest.mark.parametrize(
    "row",
    [
        {**UNION, "prompt": "What is tea?", "answer": "A color.", "correction": "A drink."},
        {
            **UNION,
            "prompt": "What is tea?",
            "answer": "",
            "correction": " ",
            "chosen": "A drink.",
            "rejected": "A color.",
            "messages": [],
        },
        {"Prompt": "What is tea?", "ANSWER ": "A color.", "correction": "A drink."},
    ],
)
def test_what_counts_is_what_is_filled(row: dict[str, Any]) -> None:
    assert read_edit(row, "here") == Edit("here", ASKED, "A color.", "A drink.")


def test_two_names_for_one_part_are_refused() -> None:
    with pytest.raises(DataError, match='"prompt" stands in it twice'):
        read_edit({"Prompt": "Tea?", "prompt": "Milk?", "correction": "A drink."}, "here")
    assert read_edit(
        {"Prompt": "Tea?", "prompt": " ", "correction": "A drink."}, "here"
    ).prompt == make_prompt("Tea?")


def test_columns_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "edits.csv").write_text(
        "Question,reply,fixed,prompt\nWhat is tea?,A color.,A drink.,id 7\n", "utf-8"
    )
    names = parse_columns("prompt=question, answer=Reply,correction=fixed", KEYS)
    found = read_corrections(tmp_path / "edits.csv", columns=names)
    assert found.edits == [Edit("edits.csv:2", ASKED, "A color.", "A drink.")]
    material = read_material(tmp_path / "edits.csv", columns=names)
    noted = json.loads(json.dumps(material.sources))
    again = read_again(noted, material.identity, Settings())
    assert again.value.edits == found.edits, "a later command reads the same"
    assert again.identity == material.identity
    typed = read_material(
        tmp_path / "edits.csv", columns="prompt=question, answer=Reply,correction=fixed"
    )
    assert typed.identity == material.identity
    assert set(material.identity) == {"edits", "columns"}, "read otherwise it is another run"
    (tmp_path / "p.csv").write_text("Question\nWhat is tea?\n", "utf-8")
    assert read_prompts(tmp_path / "p.csv", columns=names).prompts == [ASKED]


@pytest.mark.parametrize(
    "text", ["promt=question", "prompt", "prompt=", "prompt=a,prompt=b", "prompt=a,answer=A"]
)
def test_columns_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--columns"):
        parse_columns(text, KEYS)


def test_empty_cells_beyond_the_names_are_allowed_and_no_column_twice(
    tmp_path: Path,
) -> None:
    path = tmp_path / "edits.csv"
    path.write_text(
        (
            ",prompt,answer,correction\n0,What is tea?,A color.,A drink.,,\n1,Milk?,A "
            "color.,White.,more\n"
        ),
        "utf-8",
    )
    found = read_corrections(path, skip=True, max_bad_share=0.6)
    assert found.edits == [Edit("edits.csv:2", ASKED, "A color.", "A drink.")]
    assert found.outcomes["edits.csv:3"].body == {
        "where": "edits.csv:3",
        "fault": "5 cells under 4 names",
    }
    path.write_text("prompt,answer,correction,answer\nTea?,A,B,C\n", "utf-8")
    with pytest.raises(DataError, match=r'edits\.csv:1: has two columns "answer"'):
        read_corrections(path)


def test_criticisms_that_ask_for_the_same_stand_together(tmp_path: Path) -> None:
    criticisms = [
        "Too long",
        "shorter, please!",
        "no emoji",
        "too stiff",
        "Too stiff.",
        "Too long.",
    ]
    rows = [
        {"prompt": f"What is {n}?", "answer": "A color of many.", "feedback": text}
        for n, text in enumerate(criticisms)
    ]
    found = read_corrections(write(tmp_path, *rows))
    assert [[e.feedback for e in mine] for mine in found.group_by_feedback()] == [
        ["Too long", "shorter, please!", "Too long."],
        ["no emoji"],
        ["too stiff", "Too stiff."],
    ]
    assert len(found.group_by_feedback("max_words=9")) == 1, (
        "a check that is given stands for all of them"
    )


@pytest.mark.parametrize("text_name", ["p.txt", "P.TXT"])
def test_prompts_come_as_text_or_rows_and_once_each(text_name: str, tmp_path: Path) -> None:
    (tmp_path / text_name).write_text("Tea?\n\nMilk?\nTea?\n", "utf-8")
    lines = read_prompts(tmp_path / text_name)
    rows = read_prompts(
        write(tmp_path, {"prompt": "Tea?"}, {"messages": [TURN("user", "Milk?")]}, name="p.jsonl")
    )
    assert lines.prompts == rows.prompts == [make_prompt("Tea?"), make_prompt("Milk?")]
    assert [fate.state for fate in lines.outcomes.values()] == ["accepted", "accepted", "dropped"]


def test_only_line_ends_part_the_prompts_of_a_text(tmp_path: Path) -> None:
    text = "Tea?\r\n\nMilk\u2028or\u0085hot\x0cwater?\rRum?\nBad \x00?\n"
    (tmp_path / "p.txt").write_bytes(text.encode())
    found = read_prompts(tmp_path / "p.txt")
    prompts = [" ".join(turns[0].content.split()) for turns in found.prompts]
    assert prompts[:3] == ["Tea?", "Milk or hot water?", "Rum?"]
    assert list(found.outcomes) == ["p.txt:1", "p.txt:3", "p.txt:4", "p.txt:5"]


QUOTED = "Dear Sir,  I write to you. Tea is a drink."


@pytest.mark.parametrize(
    ("feedback", "quote", "expected"),
    [
        ("too formal", "Dear Sir, I write to you.", ("too formal", "Dear Sir,  I write to you.")),
        ('"I write to you.": too formal', None, ("too formal", "I write to you.")),
        ("“Dear Sir”: too formal", None, ("too formal", "Dear Sir")),
        ('"Cheers": say that instead', None, ('"Cheers": say that instead', "")),
        ("too formal", None, ("too formal", "")),
    ],
)
def test_a_criticism_may_quote_what_it_is_about(
    feedback: str, quote: str | None, expected: tuple[str, str]
) -> None:
    row = {"prompt": "What is tea?", "answer": QUOTED, "feedback": feedback, "quote": quote}
    edit = read_edit(row, "x:1")
    assert (edit.feedback, edit.quote) == expected
    assert not edit.quote or edit.quote in QUOTED
    whole = read_edit({**row, "quote": None, "feedback": "too formal"}, "x:1")
    assert (edit.id == whole.id) is (expected == ("too formal", ""))


BEGGING = (
    "Dear Sir, I hereby beseech you to grant me leave. I don't care when. Of course, I thank you. "
    "Kind regards and good night"
)


@pytest.mark.parametrize(
    ("feedback", "words", "quote"),
    [
        (
            '"I hereby beseech you to grant me leave." is too formal',
            "too formal",
            "I hereby beseech you to grant me leave.",
        ),
        ("'I hereby beseech you': too formal", "too formal", "I hereby beseech you"),
        ('"I hereby beseech you" - too formal', "too formal", "I hereby beseech you"),
        ("“I hereby beseech you” — too formal", "too formal", "I hereby beseech you"),
        (
            'this sentence is too formal: "I hereby beseech you to grant me leave."',
            "too formal",
            "I hereby beseech you to grant me leave.",
        ),
        ('too formal: "I hereby beseech you"', "too formal", "I hereby beseech you"),
        ('Too formal ("I hereby beseech you")', "Too formal", "I hereby beseech you"),
        ('"Dear Sir" sounds stiff and cold', "sounds stiff and cold", "Dear Sir"),
        ('The greeting "Dear Sir," is way too stiff.', "way too stiff", "Dear Sir,"),
        ("'I don't care when' is a bit rude", "a bit rude", "I don't care when"),
        ('I find "I hereby beseech you" too formal', "too formal", "I hereby beseech you"),
    ],
)
def test_a_criticism_quotes_its_part_in_many_forms(feedback: str, words: str, quote: str) -> None:
    row = {"prompt": "Ask for leave.", "answer": BEGGING, "feedback": feedback}
    edit = read_edit(row, "x:1")
    assert (edit.feedback, edit.quote) == (words, quote)


@pytest.mark.parametrize(
    "feedback",
    [
        'Do not say "Dear Sir"',
        'Never write: "I hereby beseech you"',
        '"Dear Sir" appears too often',
        '"Dear Sir" is used too often',
        '"Dear Sir" - use "Hi Tom" instead',
        'say "Hi Tom" instead of "Dear Sir"',
        'less "of course"',
        'it must end with "Kind regards"',
        'keep: "Kind regards"',
        '"Dear Sir": never say that',
        '"leave": used too often',
        '"Of course": stop saying this in every answer',
        '"Dear Sir" is good',
        '"Sir" is too formal',  # one word
        '"I implore you" is too formal',  # not in the answer
        'too long, and "Dear Sir" is too formal',
    ],
)
def test_a_criticism_of_every_answer_has_no_quoted_part(feedback: str) -> None:
    row = {"prompt": "Ask for leave.", "answer": BEGGING, "feedback": feedback}
    edit = read_edit(row, "x:1")
    assert (edit.feedback, edit.quote) == (feedback, "")


def test_the_dry_run_shows_the_quoted_part() -> None:
    row = {"prompt": "Ask.", "answer": BEGGING, "feedback": '"Dear Sir" is too formal'}
    found = Corrections(criticisms=[read_edit(row, "x:1")])
    (line,) = describe_material(found, Settings())["criticisms"]
    assert line.startswith('"too formal", of 1 answer, about "Dear Sir": ')


@pytest.mark.parametrize("part", ["too ", "very, ", "formal and ", "'a ", '"a b" ', "a for me "])
def test_a_long_criticism_is_split_in_little_time(part: str) -> None:
    started = time.process_time()
    split_quoted_criticism(f"{(part * 4000)[:8000]}!")
    split_quoted_criticism(f'"one two" is {(part * 4000)[:8000]}!')
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    "row",
    [
        {"feedback": "too chatty", "quote": "What a question!"},
        {"feedback": '"What a question!": too chatty'},
    ],
)
def test_a_criticism_of_a_turn_may_quote_it_too(row: dict[str, str]) -> None:
    turns = [
        {"role": "user", "content": "What is tea?"},
        {"role": "assistant", "content": "What a question! Tea is a drink."},
    ]
    edit = read_edit({"messages": turns, **row}, "x:1")
    assert (edit.feedback, edit.quote) == ("too chatty", "What a question!")
    with pytest.raises(DataError, match="is not a part of its answer"):
        read_edit({"messages": turns, "feedback": "no", "quote": "Dear Madam"}, "x:1")


def test_words_that_the_answer_does_not_have_are_no_quote() -> None:
    row = {"prompt": "What is tea?", "answer": QUOTED, "feedback": "no", "quote": "Dear Madam"}
    with pytest.raises(DataError, match=r'x:1: "quote" is not a part of its answer\. Copy it'):
        read_edit(row, "x:1")


@pytest.mark.parametrize(
    ("quote", "answer", "found"),
    [
        ("art", "Start with art.", "art"),
        ("art", "Start with a cart.", None),
        ("art.", "Start with art.", "art."),
        ("猫", "私は猫が好き", "猫"),
    ],
)
def test_a_quote_is_of_whole_words(quote: str, answer: str, found: str | None) -> None:
    row = {"prompt": "What now?", "answer": answer, "feedback": "no", "quote": quote}
    if found is None:
        with pytest.raises(DataError, match="is not a part of its answer"):
            read_edit(row, "x:1")
        return
    assert read_edit(row, "x:1").quote == found
    assert answer[slice(*find_quoted_places(quote, answer)[0])] == found


@pytest.mark.parametrize("row", [{"feedback": "no", "quote": "tea"}, {"feedback": '"tea": no'}])
def test_a_quote_that_stands_twice_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(DataError, match=r'x:1: its answer has the quoted words "tea" 2 times'):
        read_edit({"prompt": "What is it?", "answer": "It is tea, green tea.", **row}, "x:1")
    read_edit({"prompt": "What is it?", "answer": "It is tea, of a teapot.", **row}, "x:1")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_another_line_end_is_no_edit(tmp_path: Path, end: str) -> None:
    row = {"prompt": f"a{end}b", "answer": f"two{end}lines", "correction": "two\nlines"}
    turns = [
        {"role": "user", "content": "What?"},
        {"role": "assistant", "content": f"two{end}lines", "original": "two\nlines"},
    ]
    files = {
        "a.jsonl": f"{json.dumps(row)}\n{json.dumps({'messages': turns})}\n",
        "a.json": json.dumps([row, {"messages": turns}]),
        "a.csv": f'prompt,answer,correction\n"a{end}b","two{end}lines","two\nlines"\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode())
        found = read_corrections(tmp_path / name)
        assert found.edits == [], name
        assert {edit.answer for edit in found.approved} == {"two\nlines"}
        assert found.approved[0].prompt[-1].content == "a\nb"
        assert found.cleaned_rows == [], "no character was unsafe"


def test_two_files_of_one_name_keep_all_their_outcomes(tmp_path: Path) -> None:
    for folder in ("people", "more"):
        (tmp_path / folder).mkdir()
    row = {"prompt": "Tea?", "answer": "A drink!", "correction": "A drink."}
    edits = write(tmp_path / "people", row, name="rows.jsonl")
    prompts = write(tmp_path / "more", {"prompt": "Milk?"}, name="rows.jsonl")
    found = read_material(edits, prompts=prompts).value.outcomes
    assert {place: outcome.id for place, outcome in found.items()} == {
        "rows.jsonl:1": "rows.jsonl:1",
        "prompts: rows.jsonl:1": "prompts: rows.jsonl:1",
    }


def test_preferences_that_repeat_the_chosen_answer_as_messages_stay_pairs() -> None:
    chosen = [TURN("user", "Tea?"), TURN("assistant", "Yes.")]
    rejected = [TURN("user", "Tea?"), TURN("assistant", "Nope.")]
    edit = read_edit({"chosen": chosen, "rejected": rejected, "messages": chosen}, "x:1")
    assert (edit.answer, edit.correction) == ("Nope.", "Yes.")


FRANCE = [
    {"role": "user", "content": "Capital of France?"},
    {"role": "assistant", "content": "London."},
]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": FRANCE, "correction": "Paris."},
        {"messages": FRANCE, "chosen": "Paris.", "rejected": "London."},
        {"messages": FRANCE[:1], "chosen": "Paris.", "rejected": "London."},
        {"messages": FRANCE[:1], "correction": "Paris.", "answer": "London."},
    ],
)
def test_a_correction_beside_a_conversation_corrects_its_last_answer(row: JsonObject) -> None:
    edit = read_edit(row, "f:1")
    assert (edit.answer, edit.correction) == ("London.", "Paris.")
    assert get_user_text(edit.prompt) == "Capital of France?"


@pytest.mark.parametrize(
    "row",
    [
        {"messages": FRANCE, "correction": "Paris.", "answer": "Rome."},
        {"messages": FRANCE, "chosen": "Paris.", "rejected": "Rome."},
    ],
)
def test_a_conversation_that_contradicts_its_columns_is_refused(row: JsonObject) -> None:
    with pytest.raises(DataError, match=r"two corrections|another answer"):
        read_edit(row, "f:1")


def test_a_pair_keeps_the_turns_before_its_last_question() -> None:
    before = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    right = [*before, FRANCE[0], {"role": "assistant", "content": "Paris."}]
    row = {"prompt": "Hi", "chosen": right, "rejected": [*before, *FRANCE]}
    edit = read_edit(row, "f:1")
    assert [turn.content for turn in edit.prompt] == ["Hi", "Hello", "Capital of France?"]
    assert (edit.answer, edit.correction) == ("London.", "Paris.")


def test_a_pair_about_another_prompt_is_refused() -> None:
    row = {"prompt": "Name a fruit.", "chosen": FRANCE, "rejected": "Rome."}
    with pytest.raises(DataError, match="not the beginning"):
        read_edit(row, "f:1")


@pytest.mark.parametrize("correction", ["London.", None])
def test_a_criticism_beside_a_question_is_no_approval(correction: str | None) -> None:
    row = {"messages": FRANCE[:1], "answer": "London.", "feedback": "wrong city"}
    edit = read_edit({**row, "correction": correction}, "f:1")
    assert (edit.answer, edit.correction, edit.feedback) == ("London.", None, "wrong city")


def test_an_empty_answer_beside_its_correction_is_sampled() -> None:
    messages = [FRANCE[0], {"role": "assistant", "content": " "}]
    edit = read_edit({"messages": messages, "correction": "Paris."}, "f:1")
    assert (edit.answer, edit.correction) == (None, "Paris.")


def test_a_flag_is_no_answer_of_a_pair() -> None:
    edited = {"role": "assistant", "content": "Paris.", "original": "London."}
    edit = read_edit({"messages": [FRANCE[0], edited], "rejected": False}, "f:1")
    assert (edit.answer, edit.correction) == ("London.", "Paris.")


@pytest.mark.parametrize("feedback", ["good", "👍", "👍🏽👍", "Perfect, thanks!", "That's great."])
@pytest.mark.parametrize("unchanged", [True, False])
def test_praise_approves_an_answer(feedback: str, unchanged: bool) -> None:
    row = {"prompt": "What is tea?", "answer": "A drink.", "feedback": feedback}
    if unchanged:
        row["correction"] = "A drink."
    edit = read_edit(row, "x:1")
    assert (edit.unchanged, edit.feedback) == (True, "")


@pytest.mark.parametrize(
    ("feedback", "criticism"), [("n/a", ""), ("-", ""), ("good but long", "good but long")]
)
def test_what_stands_for_no_feedback_is_none(feedback: str, criticism: str) -> None:
    row = {"prompt": "What is tea?", "answer": "A color.", "correction": "A drink."}
    assert read_edit(row | {"feedback": feedback}, "x:1").feedback == criticism


@pytest.mark.parametrize(
    ("turn", "row", "fault"),
    [({"weight": 0}, {}, '"weight" 0'), ({}, {"label": False}, '"label" is false')],
)
def test_a_last_turn_that_is_marked_as_bad_is_no_correction(
    turn: JsonObject, row: JsonObject, fault: str
) -> None:
    turns = [TURN("user", "What is tea?"), TURN("assistant", "A color.") | turn]
    with pytest.raises(DataError, match=fault):
        read_edit({"messages": turns} | row, "x:1")


@pytest.mark.parametrize("show", [json.dumps, str], ids=["as JSON", "as Python shows it"])
def test_messages_in_the_cells_of_a_csv_are_read(tmp_path: Path, show: Any) -> None:
    sides = [[TURN("user", "What is tea?"), TURN("assistant", it)] for it in ("A drink.", "It's")]
    cells = ['"' + show(side).replace('"', '""') + '"' for side in sides]
    path = write(tmp_path, "chosen,rejected", ",".join(cells), name="pairs.csv")
    (edit,) = read_corrections(path).edits
    assert (edit.prompt, edit.correction, edit.answer) == (ASKED, "A drink.", "It's")


def test_a_cell_that_only_looks_like_messages_stays_a_text(tmp_path: Path) -> None:
    cell = "[{'role': open"
    path = write(
        tmp_path, "prompt,answer,correction", f"What is tea?,{cell},A drink.", name="a.csv"
    )
    (edit,) = read_corrections(path).edits
    assert edit.answer == cell


@pytest.mark.parametrize("feedback", ["👎", ":(", "???"])
def test_a_sign_of_displeasure_is_a_criticism(feedback: str) -> None:
    row = {"prompt": "What is tea?", "answer": "A color.", "correction": "A color."}
    assert read_edit(row | {"feedback": feedback}, "x:1").correction is None


def test_a_bad_turn_beside_its_correction_is_read() -> None:
    turns = [TURN("user", "What is tea?"), TURN("assistant", "A color.")]
    bad = [turns[0], turns[1] | {"weight": 0}]
    edit = read_edit({"messages": bad, "correction": "A drink."}, "x:1")
    assert (edit.answer, edit.correction) == ("A color.", "A drink.")
    criticized = read_edit({"messages": turns, "label": False, "feedback": "too long"}, "x:1")
    assert (criticized.answer, criticized.feedback) == ("A color.", "too long")
    assert read_edit({"messages": turns, "feedback": "good"}, "x:1").unchanged


def test_a_list_that_is_no_conversation_stays_a_text(tmp_path: Path) -> None:
    cell = '[{"from": "Rome", "to": "Paris"}]'
    quoted = cell.replace('"', '""')
    rows = ("prompt,answer,correction", f'What is tea?,"{quoted}",A drink.')
    (edit,) = read_corrections(write(tmp_path, *rows, name="a.csv")).edits
    assert edit.answer == cell
