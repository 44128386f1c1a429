"""The rows of the result table: for each method its measures of exam.json, by arm."""

from __future__ import annotations

from collections.abc import Sequence

from selfteach.records import JsonMapping, JsonObject
from selfteach.report.labels import find_plug_in
from selfteach.report.read_run import get_path, iterate_mappings, read_measure

ARMS = ("base", "prompted", "tuned")
RowTable = Sequence[tuple[str, str, str]]
"""Label, meaning, and the path in exam.json; `*` is the place of the arm."""

GENERAL_ROW = (
    "General answers not degraded",
    "prompts about other topics: still answered as the base would",
    "general.*",
)
FEEDBACK_ROWS: RowTable = (
    (
        "Rule kept, greedy",
        "held-out prompts on which the base breaks the rule; the single most likely answer",
        "kept.*.greedy",
    ),
    (
        "Rule kept, T = 1",
        "the same prompts; one answer sampled at temperature 1",
        "kept.*.sampled",
    ),
    (
        "Near prompts not degraded",
        "similar prompts outside the rule: still answered as the base would",
        "near.*",
    ),
    GENERAL_ROW,
    (
        "Needless declines or effects",
        "answers that decline, or apply the rule, where it asks for nothing",
        "needless.*",
    ),
)
CORRECTIONS_ROWS: RowTable = (
    (
        "Words that the teacher changes, greedy",
        "edit distance to the teacher's correction; the single most likely answer",
        "distance.*.greedy",
    ),
    (
        "Words that the teacher changes, T = 1",
        "the same prompts; one answer sampled at temperature 1",
        "distance.*.sampled",
    ),
    (
        "Answers that are corrected",
        "share of the greedy answers in which the teacher changes anything",
        "corrected.*",
    ),
    (
        "Answers with a repeated error",
        "a word or mark that the corrections of the training always removed",
        "repeated.*",
    ),
    (
        "Held-out corrections preferred",
        "corrections by people: likelier, by token, than the original answer",
        "preferred.*",
    ),
    (
        "Criticism met",
        "new answers to prompts like the criticized ones, to which the criticism no longer applies",
        "met.*",
    ),
    (
        "Criticism met, greedy",
        "the same; the single most likely answer",
        "met_by_way.*.greedy",
    ),
    (
        "Criticism met, T = 1",
        "the same; one answer sampled at temperature 1",
        "met_by_way.*.sampled",
    ),
    GENERAL_ROW,
)
FILE_TEACHERS = ("the file", "a person")
FILE_ROWS: RowTable = (
    (
        "Words unlike the correction, greedy",
        "edit distance to the nearest known correction of the prompt; nobody corrected the answer",
        "distance.*.greedy",
    ),
    (
        "Words unlike the correction, T = 1",
        "edit distance to the nearest known correction of the prompt; nobody corrected the answer",
        "distance.*.sampled",
    ),
    (
        "Answers unlike the correction",
        "share of the greedy answers that are no known correction of their prompt",
        "corrected.*",
    ),
    *CORRECTIONS_ROWS[3:],
)
"""The rows of corrections if nobody could correct new answers."""


def make_pairwise_rows(key: str, opponent: str) -> RowTable:
    """Return the rows of a comparison in pairs: what was won, tied and lost, and position bias."""
    return (
        (f"Won against {opponent}", "both orders prefer the answer", f"{key}.*.won"),
        (f"Tied with {opponent}", "the orders disagree, or the answers are equal", f"{key}.*.tied"),
        (f"Lost against {opponent}", "both orders prefer the other answer", f"{key}.*.lost"),
        (
            f"Position bias, against {opponent}",
            "how often the answer shown first is preferred, minus one half; 0 is no bias",
            f"{key}.*.position_bias",
        ),
    )


DOCUMENTS_ROWS: RowTable = (
    (
        "Right answer contained",
        "held-out questions; the greedy answer contains a right one as whole words",
        "contains.*",
    ),
    (
        "Right at once",
        "the same, each answer cut to the mean length of the open-book answers",
        "contains_brief.*",
    ),
    (
        "Exact match",
        "the answer is a right one and nothing else",
        "exact.*",
    ),
    (
        "Token-F1",
        "the same answers: words shared with the best right answer; long answers score lower",
        "f1.*",
    ),
    (
        "Wrong when attempted",
        "share of the answers that do not decline and contain no right one",
        "wrong_when_attempted.*",
    ),
    (
        "Common questions",
        "questions that many people can answer: right before, and still right",
        "common.*",
    ),
    (
        "Win rate against the base",
        "by a judge that was calibrated, in both orders; a tie counts one half",
        "pairwise.*.win_rate",
    ),
    *make_pairwise_rows("pairwise", "the base"),
    (
        "Win rate against the open book",
        "the same judge; a tie counts one half",
        "against_prompted.*.win_rate",
    ),
    *make_pairwise_rows("against_prompted", "the open book"),
    GENERAL_ROW,
)
PART_LABELS = {"seed": "held-out seeds", "human": "tasks by people"}
TASK_MEAN_ROW = (
    "ROUGE-L, all tasks, mean",
    "the mean of greedy and T = 1 over all held-out questions, against a person's answers",
    "rouge_l_mean.*",
)
TASK_ROWS: RowTable = (
    (
        "ROUGE-L, {name}, greedy",
        "the single most likely answer against a person's",
        "rouge_l.{part}.*.greedy",
    ),
    (
        "ROUGE-L, {name}, T = 1",
        "one answer sampled at temperature 1",
        "rouge_l.{part}.*.sampled",
    ),
    (
        "ROUGE-1, {name}",
        "words in common with a person's answer, greedy",
        "rouge_1.{part}.*",
    ),
    (
        "ROUGE-2, {name}",
        "pairs of words in common with a person's answer, greedy",
        "rouge_2.{part}.*",
    ),
    (
        "Token-F1, {name}",
        "words in common with a person's answer, in any order",
        "token_f1.{part}.*",
    ),
    (
        "Right labels, {name}",
        "classification tasks whose label is exactly a person's",
        "exact.{part}.*",
    ),
)
"""The rows of tasks, once for each part of the exam."""
TASK_COMPARISON_ROWS: RowTable = (
    (
        "Win rate against the base",
        "judged in both orders; a tie counts one half",
        "pairwise.*.win_rate",
    ),
    (
        "The same at equal length",
        "the estimated win rate for answers of equal length",
        "pairwise.*.length_controlled",
    ),
    *make_pairwise_rows("pairwise", "the base"),
    (
        "Win rate against worked tasks in the prompt",
        "the same judge; a tie counts one half",
        "against_prompted.*.win_rate",
    ),
    *make_pairwise_rows("against_prompted", "worked tasks in the prompt"),
    (
        "Common knowledge",
        "60 common questions: share of wrong answers that are less likely than the right one",
        "retention.*",
    ),
    (
        "General answers not degraded",
        "prompts about other topics: neither empty nor looping",
        "general.*",
    ),
)
TRAIN_ROWS: RowTable = (
    (
        "Chosen answer likelier",
        "dev pairs whose chosen answer is the likelier one, by token",
        "preferred.*",
    ),
    (
        "Answer likelier than before",
        "dev examples whose answer became likelier than under the base",
        "risen.*",
    ),
)
ELSEWHERE_ROWS: RowTable = (
    (
        "Under another system prompt",
        "rule kept in conversations with a system prompt that training never used",
        "other_system.*",
    ),
    (
        "In the second turn",
        "rule kept when an unrelated turn comes before the question",
        "second_turn.*",
    ),
    (
        "Answered after a decline",
        "another request is answered when it follows a declined one",
        "after_decline.*",
    ),
)
"""The rule outside the form in which it was taught."""
SANITY_ROWS: RowTable = (
    ("Looping answers", "the same words over and over", "sanity.*.looping"),
    ("Empty answers", "no word at all", "sanity.*.empty"),
)
TABLES = {
    "feedback": FEEDBACK_ROWS,
    "corrections": CORRECTIONS_ROWS,
    "documents": DOCUMENTS_ROWS,
    "train": TRAIN_ROWS,
}


DECIDED_WORDS = ("taught", "not learned", "just prompt it")
DECIDING_PATHS = {
    "feedback": ("kept.",),
    "documents": ("contains.",),
    "tasks": ("rouge_l_mean.",),
}
"""The beginnings of the rows that the verdict compares, where a row of the table holds them."""


def read_arms(exam: JsonMapping, path: str) -> JsonObject:
    """Return the value of each arm under a path, for instance "kept.*.greedy"."""
    return {arm: get_path(exam, *path.replace("*", arm).split(".")) for arm in ARMS}


def make_rows(exam: JsonMapping, table: RowTable) -> list[JsonMapping]:
    """Return the rows of a table that were measured, with the measures of each arm.

    A row decides if the verdict compares it. Where harm decides, the verdict's sentence names it.
    """
    rows: list[JsonMapping] = []
    deciding = DECIDING_PATHS.get(str(exam.get("method") or "feedback"), ())
    harmed = get_path(exam, "verdict", "harm")
    decided = get_path(exam, "verdict", "word") in DECIDED_WORDS and not harmed
    for label, meaning, path in table:
        decides = decided and path.startswith(deciding) if deciding else False
        measures = {arm: read_measure(value) for arm, value in read_arms(exam, path).items()}
        if any(measures.values()):
            row = {"label": label, "meaning": meaning, "measures": measures}
            rows.append(row | {"decides": decides})
    return rows


def make_result_rows(exam: JsonMapping) -> list[JsonMapping]:
    """Return the rows of a method's result table; only those that were measured."""
    return make_rows(exam, choose_table(exam)) if exam else []


def choose_table(exam: JsonMapping) -> RowTable:
    """Return the table of a method."""
    method = str(exam.get("method") or "feedback")
    if method == "tasks":
        return [TASK_MEAN_ROW, *fill_parts(TASK_ROWS), *TASK_COMPARISON_ROWS]
    if method == "corrections" and exam.get("teacher") in FILE_TEACHERS:
        return FILE_ROWS
    return TABLES[method] if method in TABLES else list_plug_in_rows(exam, method)


def fill_parts(table: RowTable) -> list[tuple[str, str, str]]:
    """Return the rows of a table for each part of the exam of tasks."""
    return [
        (label.format(name=name), meaning, path.format(part=part))
        for part, name in PART_LABELS.items()
        for label, meaning, path in table
    ]


def list_plug_in_rows(exam: JsonMapping, method: str) -> list[tuple[str, str, str]]:
    """Return rows for a method of another package: every place of exam.json that has arms."""
    labels = getattr(find_plug_in(method), "labels", {})
    rows = []
    for path, tree in iterate_mappings(exam):
        name = ".".join(path)
        if path[0] != "sanity" and any(arm in tree for arm in ARMS):
            label = labels.get(name, name)
            rows.append((label, name, f"{name}.*"))
            rows.append((f"{label}, greedy", name, f"{name}.*.greedy"))
            rows.append((f"{label}, T = 1", name, f"{name}.*.sampled"))
    return rows
