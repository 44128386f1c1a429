"""What the page shows of tasks: how near new answers are to people's, who wins against the base,
and what the invented tasks are like.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfteach.report.figures import make_bars
from selfteach.report.read_run import get_path, list_objects, read_measure, read_number
from selfteach.report.sunburst import make_slices

ARMS = ("base", "prompted", "taught")
JsonObject = Mapping[str, Any]
PART_LABELS = {"seed": "held-out seeds", "human": "tasks of people"}


def make_result_rows(exam: JsonObject) -> list[JsonObject]:
    """The rows of the result table; those that were not measured are left out."""
    rows = []
    for part, name in PART_LABELS.items():
        rows += [
            _make_row(
                f"ROUGE-L, {name}, greedy",
                "the single most likely answer against a person's",
                exam,
                ("rouge_l", part),
                ("greedy",),
            ),
            _make_row(
                f"ROUGE-L, {name}, T = 1",
                "one answer sampled at temperature 1",
                exam,
                ("rouge_l", part),
                ("sampled",),
            ),
            _make_row(
                f"ROUGE-1, {name}",
                "words in common with a person's answer, greedy",
                exam,
                ("rouge_1", part),
                (),
            ),
            _make_row(
                f"ROUGE-2, {name}",
                "pairs of words in common with a person's answer, greedy",
                exam,
                ("rouge_2", part),
                (),
            ),
            _make_row(
                f"Token-F1, {name}",
                "words in common with a person's answer, whatever their order",
                exam,
                ("token_f1", part),
                (),
            ),
            _make_row(
                f"Right labels, {name}",
                "classification tasks whose label is exactly a person's",
                exam,
                ("exact", part),
                (),
            ),
        ]
    rows.append(
        _make_row(
            "Win rate against the base",
            "judged in both orders; a tie counts one half",
            exam,
            ("pairwise",),
            ("win_rate",),
        )
    )
    rows.append(
        _make_row(
            "The same at equal length",
            "what the win rate would be if answers were equally long",
            exam,
            ("pairwise",),
            ("length_controlled",),
        )
    )
    rows.append(
        _make_row(
            "Win rate against worked tasks in the prompt",
            "the same judge; a tie counts one half",
            exam,
            ("against_prompted",),
            ("win_rate",),
        )
    )
    rows.append(
        _make_row(
            "What everybody knows",
            "60 common questions: share of wrong answers that are less likely than the right one",
            exam,
            ("retention",),
            (),
        )
    )
    rows.append(
        _make_row(
            "General answers unharmed",
            "prompts about anything else: neither empty nor looping",
            exam,
            ("general",),
            (),
        )
    )
    return [row for row in rows if any(row["measures"].values())]


def _make_row(
    label: str, meaning: str, exam: JsonObject, before: tuple[str, ...], after: tuple[str, ...]
) -> JsonObject:
    return {
        "label": label,
        "meaning": meaning,
        "measures": {arm: read_measure(get_path(exam, *before, arm, *after)) for arm in ARMS},
    }


NUMBER_ROWS = (
    ("Loss on people's answers", "Nats a token; lower is better.", ("loss_nats",), ("value",)),
    ("BLEU", "Greedy answers, from 0 to 100, as sacrebleu has it.", ("bleu",), ("value",)),
    (
        "F1 of labels",
        (
            "Classifications: the mean over people's labels (macro); an answer that is "
            "none of them predicts none."
        ),
        ("labels",),
        ("macro", "f1"),
    ),
)
"""Numbers that are no shares: what they are called, what they mean, where exam.json has them."""


def make_number_rows(exam: JsonObject) -> list[tuple[str, str, Mapping[str, float | None]]]:
    """The label, the meaning and each arm's number of what is no share, for each part; only what
    was measured.
    """
    rows = [
        (
            f"{label}, {name}",
            meaning,
            {arm: read_number(get_path(exam, *before, part, arm, *after)) for arm in ARMS},
        )
        for label, meaning, before, after in NUMBER_ROWS
        for part, name in PART_LABELS.items()
    ]
    return [row for row in rows if any(value is not None for value in row[2].values())]


def describe_inspection(note: Any) -> JsonObject | None:
    """The note "inspection" with the widths of its bars, or None."""
    if not isinstance(note, Mapping) or not note.get("tasks"):
        return None
    verbs = list_objects(note.get("verbs"))
    return {
        **note,
        "near": make_bars(
            {
                f"{k / 10:.1f} to {(k + 1) / 10:.1f}": n
                for k, n in enumerate(get_path(note, "nearest_seed", "histogram") or [])
            }
        ),
        "verb_bars": [
            (row, width)
            for row, (_, _, width) in zip(
                verbs, make_bars({str(r.get("verb")): r.get("count") for r in verbs}), strict=False
            )
        ],
        "length_bars": {
            name: _make_length_bars(get_path(note, "lengths", name))
            for name in ("instruction", "input", "output")
        },
        "slices": make_slices(verbs),
        "label_bars": make_bars(
            {key.replace("_", " "): n for key, n in (note.get("labels") or {}).items()}
        ),
        "twins": list_objects(note.get("twins")),
        "read": list_objects(note.get("read")),
    }


def _make_length_bars(found: JsonObject) -> list[tuple[str, float, float]]:
    counts, width, most = (
        get_path(found, "histogram") or [],
        int(get_path(found, "width") or 1),
        int(get_path(found, "bins") or 0),
    )
    names = [
        f"{k * width + 1} to {(k + 1) * width}" if width > 1 else str(k + 1)
        for k in range(len(counts))
    ]
    if len(counts) == most:
        names[-1] = f"{(most - 1) * width + 1} or more"
    return make_bars(dict(zip(names, counts, strict=True)))
