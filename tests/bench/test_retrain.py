"""Trainings with other settings: what a variant changes, what is done again, paired differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench.retrain import Job, change_examples, main

from selfteach.records import Example, make_prompt


class Letters:
    """Stand in for a model whose tokens are letters."""

    def encode_answer(self, text: str, end: bool = True) -> list[int]:
        return [*map(ord, text)] + [0] * end

    def decode(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))


def make_example(id: str, kind: str, chosen: str) -> Example:
    return Example(id, kind, make_prompt(f"Tell me of {id}."), chosen)


def make_row(variant: str, run: str, seed: int, flags: list[int], kl: float = 0.5) -> Any:
    figures = ("greedy broken", "T=1 broken", "needless neighbors", "needless general")
    row = {"rule": run[:-2], "run": run, "variant": variant, "seed": seed, "kl_nats": kl}
    return row | dict.fromkeys(figures, flags)


EXAMPLES = [
    make_example("a", "in_scope", "We close at six."),
    make_example("b", "near", "It is sunny."),
    make_example("c", "general", "Two."),
]


def test_anchors_are_shortened_and_lessons_are_not() -> None:
    found = change_examples(EXAMPLES, {"anchor_tokens": 5}, Letters())  # type: ignore[arg-type]
    assert [one.chosen for one in found] == ["We close at six.", "It is", "Two."]
    assert [one.source.get("cut") for one in found] == [None, ["chosen"], None]


def test_neighbors_are_there_once_more_with_ids_of_their_own() -> None:
    found = change_examples(EXAMPLES, {"short_copies": 2}, Letters())  # type: ignore[arg-type]
    assert [one.chosen for one in found] == ["We close at six.", "It is sunny.", "Two.", "It"]
    assert len({one.id for one in found}) == 4
    assert change_examples(EXAMPLES, {}, Letters()) == EXAMPLES  # type: ignore[arg-type]


def test_a_run_is_named_after_its_rule() -> None:
    assert Job(Path("runs/opening_hours-0"), "x", {}, 0, "embedded").rule == "opening_hours"
    assert Job(Path("runs/dogs"), "x", {}, 0, "embedded").rule == "dogs"


@pytest.mark.parametrize("other", [{"model": "big"}, {"changes": {"anchor_tokens": 4}}])
def test_lines_of_another_model_or_of_other_changes_are_not_gone_on_with(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    variants, out = tmp_path / "variants.yaml", tmp_path / "rows.jsonl"
    variants.write_text("short: {anchor_tokens: 8}\n", "utf-8")
    words = ["dogs-0", "--variants", str(variants), "--out", str(out)]
    own = {"model": "embedded", "changes": {"anchor_tokens": 8}}
    row = make_row("short", "dogs-0", 0, [0])
    for kept in (row, row | own):  # the first one is of before they were noted
        out.write_text(json.dumps(kept) + "\n", "utf-8")
        main(words)
    out.write_text(json.dumps(row | own | other) + "\n", "utf-8")
    with pytest.raises(SystemExit, match="'short' of dogs-0 with other settings; name another"):
        main(words)


def test_the_table_pairs_prompts_of_the_same_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        make_row("as it is", "dogs-0", 0, [1, 1, 0, 0]),
        make_row("as it is", "dogs-0", 1, [1, 0, 0, 0]),
        make_row("as it is", "cats-0", 0, [1, 1, 1, 1]),
        make_row("short", "dogs-0", 0, [0, 0, 0, 0], kl=0.25),
    ]
    out = tmp_path / "rows.jsonl"
    out.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    main(["--table", str(out)])
    first, other = capsys.readouterr().out.splitlines()
    assert first.startswith("as it is: 2 runs, greedy broken 68.8 %")
    assert other.startswith("short: 1 runs, greedy broken -37.5 [")  # 3 of 8, without the cats
    assert other.endswith("KL 0.5000 -> 0.2500")


def test_a_rule_that_holds_everywhere_has_no_neighbors_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [make_row(name, "brief-0", 0, [0, 1]) for name in ("as it is", "longer")]
    file = tmp_path / "rows.jsonl"
    lines = [json.dumps(row | {"needless neighbors": []}) for row in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    main(["--table", str(file)])
    shown = capsys.readouterr().out
    assert "greedy broken 50.0 %" in shown
    assert "neighbors" not in shown
