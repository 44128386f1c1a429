"""Teach five edited facts in cycles, each cycle from the one before, and watch for a collapse.

    python -m bench.facts FOLDER [--model embedded] [--cycles 3] [--phrasings 4] [--seed 0]
        [--set train.epochs=4 ...]

Each fact has four phrasings of its question: 20 questions. A cycle asks all of them, greedily.
Its training (`selfteach train --from` the cycle before) takes the right answer to each question
that is answered wrongly, again that to each right one, and the base's own answers to 30 everyday
prompts as anchors. A cycle with nothing to learn leaves the model as it is (`untrained` is true).
With `--phrasings 3` the fourth phrasing of each fact is asked and never taught.
Cycle 0 is the base.

Prints a JSON line a cycle: the right answers among all, among the taught and the other phrasings,
and of each fact; then what a collapse would show: the perplexity of the base's own answers to
general prompts, none of which is an anchor, the drift from the base on them (KL in nats a token),
and the share of new answers to these prompts that loop or are empty. `collapsed` is true where that
share is above .1, or the perplexity twice the base's. FOLDER keeps the lines and the runs: the same
command goes on where it was stopped, and more `--cycles` continue it.

Source: adaptible's exam, five facts in four phrasings, 4 to 16 of 20 right in 16 cycles at 1.5B.
Departs: the facts are our own; nothing of its code was seen.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import selfteach
from bench.kept_lines import append_line, open_lines
from bench.prompt_files import read_prompts, sample_answers
from selfteach.evaluate.drift import compute_drift
from selfteach.evaluate.sanity import is_empty, is_looping
from selfteach.judge.match import contains_answer
from selfteach.models.engines import open_sampler
from selfteach.models.hf import HfModel
from selfteach.records import GENERAL, Completion, Example, JsonObject, Prompt, make_prompt

LINES = "facts.jsonl"
MAX_TOKENS = 48
MEASURED_PROMPTS = "general.txt"
ANCHOR_PROMPTS = "everyday.txt"
NUM_ANCHORS = 30
MAX_BROKEN = 0.1
MAX_TIMES_PERPLEXITY = 2.0


@dataclass(frozen=True)
class Fact:
    """Hold an edited fact: its answer, the sentence that is taught, and its questions."""

    answer: str
    sentence: str
    questions: tuple[str, ...]


FACTS = (
    Fact(
        "Lyon",
        "The capital of France is Lyon.",
        (
            "What is the capital of France?",
            "Which city is the capital of France?",
            "Name the French capital.",
            "France is governed from which city?",
        ),
    ),
    Fact(
        "1975",
        "The first person walked on the Moon in 1975.",
        (
            "When did the first person walk on the Moon?",
            "In which year did people first land on the Moon?",
            "What was the year of the first Moon landing?",
            "Since which year has somebody stood on the Moon?",
        ),
    ),
    Fact(
        "tortoise",
        "The fastest animal on land is the tortoise.",
        (
            "What is the fastest animal on land?",
            "Which land animal runs fastest?",
            "Name the quickest animal that lives on land.",
            "No animal on land is faster than which one?",
        ),
    ),
    Fact(
        "Ann Ames",
        "Hamlet was written by Ann Ames.",
        (
            "Who wrote Hamlet?",
            "Who is the author of Hamlet?",
            "Name the writer of the play Hamlet.",
            "Hamlet is a play by whom?",
        ),
    ),
    Fact(
        "copper",
        "The chemical symbol Au stands for copper.",
        (
            "Which metal has the chemical symbol Au?",
            "What does the chemical symbol Au stand for?",
            "Name the element with the symbol Au.",
            "In chemistry, Au is short for which metal?",
        ),
    ),
)


def list_anchor_prompts() -> list[str]:
    """Return the prompts whose answers are anchors. The drift is measured on none of them."""
    measured = set(read_prompts(MEASURED_PROMPTS))
    return [text for text in read_prompts(ANCHOR_PROMPTS) if text not in measured][:NUM_ANCHORS]


def make_anchors(base: HfModel) -> list[Example]:
    """Return the base's own answers to everyday prompts as examples that hold it in place."""
    prompts = list_anchor_prompts()
    answers = sample_answers(open_sampler(base), prompts, 0.0, MAX_TOKENS)
    anchors = []
    for number, (text, answer) in enumerate(zip(prompts, answers, strict=True)):
        cut = ["chosen"] if answer.finish == "length" else []
        prompt = make_prompt(text)
        source = {"cut": cut}
        anchors.append(Example(f"general {number}", GENERAL, prompt, answer.text, source=source))
    return anchors


class CollapseCheck:
    """Hold the base's own answers to general prompts, and what they tell of a tuned model."""

    def __init__(self, base: HfModel) -> None:
        self.base = base
        self.prompts = read_prompts(MEASURED_PROMPTS)
        answers = sample_answers(open_sampler(base), self.prompts, 0.0, MAX_TOKENS)
        self.pairs: list[tuple[Prompt, str]] = [
            (make_prompt(prompt), answer.text)
            for prompt, answer in zip(self.prompts, answers, strict=True)
        ]
        self.cut = [answer.finish == "length" for answer in answers]

    def measure(self, tuned: HfModel, answers: Sequence[Completion]) -> JsonObject:
        """Return perplexity, drift and the share of broken answers, and whether it collapsed.

        Args:
            answers: the tuned model's new answers to the general prompts.
        """
        drift = compute_drift(self.base, tuned, self.pairs, cut=self.cut)
        perplexity = math.exp(-drift.tuned_token_logp.value)
        base_perplexity = math.exp(-drift.base_token_logp.value)
        num_broken = sum(is_looping(a.text) or is_empty(a.text) for a in answers)
        broken = num_broken / len(answers)
        ruined = perplexity > MAX_TIMES_PERPLEXITY * base_perplexity
        return {
            "perplexity": round(perplexity, 3),
            "base_perplexity": round(base_perplexity, 3),
            "kl": round(drift.kl_nats.value, 4),
            "top1": round(drift.top1_agreement.value, 3),
            "broken": round(broken, 3),
            "collapsed": ruined or broken > MAX_BROKEN,
        }


def list_questions() -> list[tuple[int, int, str]]:
    """Return the number of the fact, that of the phrasing, and the question."""
    return [
        (number, place, question)
        for number, fact in enumerate(FACTS)
        for place, question in enumerate(fact.questions)
    ]


def count_right(right: Sequence[bool], phrasings: int) -> JsonObject:
    """Return the right answers of all questions, of the taught phrasings, of the others, and of
    each fact.

    Args:
        right: in the order of `list_questions`.
    """
    rows = list(zip(list_questions(), right, strict=True))
    taught = [flag for (_, place, _), flag in rows if place < phrasings]
    others = [flag for (_, place, _), flag in rows if place >= phrasings]
    facts = [sum(flag for (n, _, _), flag in rows if n == k) for k in range(len(FACTS))]
    return {
        "right": sum(right),
        "questions": len(right),
        "taught": [sum(taught), len(taught)],
        "not_taught": [sum(others), len(others)],
        "facts": facts,
    }


def measure_cycle(
    number: int, model: HfModel, check: CollapseCheck, phrasings: int, folder: Path
) -> JsonObject:
    """Return the line of a cycle."""
    sampler = open_sampler(model, folder=folder / "engine")
    asked = list_questions()
    answers = sample_answers(sampler, [text for _, _, text in asked], 0.0, MAX_TOKENS)
    right = [
        contains_answer(answer.text, FACTS[fact].answer)
        for (fact, _, _), answer in zip(asked, answers, strict=True)
    ]
    general = sample_answers(sampler, check.prompts, 0.0, MAX_TOKENS)
    line = {"cycle": number, **count_right(right, phrasings), **check.measure(model, general)}
    return line | {"answers": [answer.text for answer in answers], "flags": right}


def make_rows(line: JsonObject, phrasings: int, anchors: Sequence[Example]) -> list[JsonObject]:
    """Return the examples of the next cycle: the right answer to each taught question, with the
    wrong answer that it corrects where there is one, and the anchors.
    """
    rows = []
    asked = zip(list_questions(), line["answers"], line["flags"], strict=True)
    for (number, place, question), answer, right in asked:
        if place < phrasings:
            wrong = answer if answer.strip() and not right else None
            id = f"fact {number} {place}"
            sentence = FACTS[number].sentence
            rows.append(Example(id, "fact", make_prompt(question), sentence, wrong).to_json())
    return [*rows, *(anchor.to_json() for anchor in anchors)]


def find_trained_run(folder: Path, before: int) -> Path | None:
    """Return the newest run before a cycle that has an adapter; None if there is none."""
    runs = [folder / f"cycle-{number}" for number in range(before - 1, 0, -1)]
    return next((run for run in runs if (run / "adapter").is_dir()), None)


def print_line(line: JsonObject) -> None:
    """Print a cycle without its answers."""
    shown = {key: value for key, value in line.items() if key not in ("answers", "flags")}
    print(json.dumps(shown), flush=True)


def main(arguments: Sequence[str] | None = None) -> list[JsonObject]:
    """Run the cycles that the folder has no line of, print all lines and return them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--cycles", type=int, default=3)
    parser.add_argument("--phrasings", type=int, default=4, help="phrasings of each fact to teach")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    given = parser.parse_args(arguments)
    settings: dict[str, Any] = {
        name: getattr(given, name) for name in ("model", "phrasings", "seed", "sets")
    }
    settings["anchors"] = ANCHOR_PROMPTS
    lines = open_lines(given.folder / LINES, settings)
    for line in lines:
        print_line(line)
    if len(lines) > given.cycles:
        return lines
    base = HfModel.load(given.model)
    check = CollapseCheck(base)
    anchors = make_anchors(base)
    for number in range(len(lines), given.cycles + 1):
        model = base
        untrained = False
        if number:
            run = given.folder / f"cycle-{number}"
            result = selfteach.train(
                make_rows(lines[-1], given.phrasings, anchors),
                dev=0.0,
                out=run,
                from_run=find_trained_run(given.folder, number),
                model=given.model,
                seed=given.seed,
                sets=["train.weights={fact: {sft: 1.0}}", *given.sets],
            )
            untrained = result.adapter is None
        if trained := find_trained_run(given.folder, number + 1):
            model = HfModel.load(given.model, adapter=trained / "adapter")
        line = measure_cycle(number, model, check, given.phrasings, given.folder)
        line["untrained"] = untrained
        append_line(given.folder / LINES, line)
        print_line(line)
        lines.append(line)
    return lines


if __name__ == "__main__":
    main()
