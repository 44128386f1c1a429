"""The settings of `selfteach documents`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from selfteach.config.sections import Count, Method, Positive, Section, Share
from selfteach.config.training import Lora, Train


class Read(Section):
    """How documents are cut: pieces of at most `chunk_tokens` tokens, the document's first sentence
    carried along.
    """

    chunk_tokens: Annotated[int, Field(ge=32)] = 384


class Questions(Section):
    """What the model asks itself about each piece, in at most so many rounds.

    `held_out`: the share of the sentences whose questions are for the exam, where nobody brought
    questions. Nothing that overlaps with a question of the exam by `max_overlap` is learned from.
    """

    per_chunk: Positive = 24
    rounds: Positive = 2
    held_out: Share = 0.2
    max_overlap: Share = 0.7


class Select(Section):
    """Which questions become pairs: `draws` answers with the document and as many without it are
    held against the label by the `judge`.

    Learned is what is consistent (S_L <= tau_label) and unknown (S_K > tau_knowledge); without
    `filter` all that has a label. `nli` names an entailment model, for the judge of that name.
    `calibrate`: hold every judge against so many questions with known answers;
    `min_auroc`: what a judge must reach there to decide what `study.known=auto` leaves out.
    """

    judge: Literal["match", "prompted", "nli", "gain"] = "match"
    nli: str = ""
    draws: Positive = 5
    calibrate: Count = 60
    tau_label: Share = 0.5
    tau_knowledge: Share = 0.5
    min_auroc: Share = 0.75
    filter: bool = True


class Study(Section):
    """Study data: every sentence in many forms, at most `per_sentence` rows each and `per_document`
    from one document, so that none outweighs the others: fewer for each sentence of a long one.
    Every form can be switched off.

    `label`: a question is answered with the `sentence` that holds the answer, a short `statement`,
    or the bare `words`.
    `known`: also sentences whose every question was found known; `false` leaves them out, by the
    judge that selects, whatever it is worth; `auto` leaves out those that are surely known, by the
    judge that ranks best, where one reaches `select.min_auroc`.
    `distill`: the base that has the sentence in its prompt teaches its next words as well
    (train.distill_mix).
    `asked`: the model's questions; `brief`: in telegram style; `clauses`: with words that stand
    together; `reworded`: the same with words that the model treats alike; `in_place`: a question
    word in the answer's place; `backwards`: from the answer to the question; `gaps`,
    `halves`: a sentence with a gap, or its beginning; `topics`: what is known about a name in it;
    `recite`: what is known about the title.
    """

    label: Literal["sentence", "statement", "words"] = "sentence"
    distill: bool = False
    known: bool | Literal["auto"] = True
    per_sentence: Positive = 24
    per_document: Positive = 4000
    asked: bool = True
    brief: bool = True
    clauses: bool = True
    reworded: bool = True
    in_place: bool = True
    backwards: bool = True
    gaps: bool = True
    halves: bool = True
    topics: bool = True
    recite: bool = True


class Stages(Section):
    """Which trainings there are, one after the other: `general` (two of the base's own answers to
    one worked reading, first of all), the documents themselves (`study` data, the filtered
    `pairs`), and `healing` (the base's own answers once more).

    `own_tokens`: how long those answers may be; they are drawn whole, at temperature 1, to the
    prompts of `replay.general`.
    """

    general: bool = False
    own_tokens: Positive = 128
    study: bool = True
    pairs: bool = False
    healing: bool = False


class Replay(Section):
    """What must not change: the base's own answers to so many `general` prompts, their first
    `anchor_tokens` tokens.
    """

    general: Count = 600
    rounds: Positive = 6
    anchor_tokens: Positive = 24


class DocumentsExam(Section):
    """What is asked on held-out questions; `common` questions are those that many people can
    answer: what was known before.
    """

    questions: Positive = 200
    general: Count = 24
    common: Count = 60
    max_tokens: Positive = 64


class Documents(Method):
    """Everything that `selfteach documents` can be told."""

    max_bad_rows: Share = 0.1
    read: Read = Read()
    questions: Questions = Questions()
    select: Select = Select()
    study: Study = Study()
    stages: Stages = Stages()
    replay: Replay = Replay()
    train: Train = Train(
        beta=0.3, batch_size=8, lora=Lora(alpha=16), regmean=3.0, least={"general": 0.18}
    )
    exam: DocumentsExam = DocumentsExam()

    @model_validator(mode="after")
    def _fits(self) -> Documents:
        """Refuses what would have no effect, with the key that has one."""
        plain, train = Train(), self.train
        if train.objective != plain.objective:
            raise ValueError(
                "train.objective is not read here; stages.pairs=true adds dpo, "
                "study.distill=true distill, train.weights any other"
            )
        if train.trial_steps != plain.trial_steps:
            raise ValueError(
                "train.trial_steps is not read here: no objective is tried out; "
                "train.weights names them"
            )
        if train.on_policy:
            raise ValueError(
                "train.on_policy has nobody here who draws between steps; "
                "study.distill=true distils on what is written"
            )
        if self.select.nli and self.select.judge != "nli":
            raise ValueError(
                "select.nli names a model that nobody asks; set select.judge=nli as "
                "well, or give --nli alone"
            )
        if (self.stages.general or self.stages.healing) and train.adapter not in (
            "lora",
            "closed_form",
        ):
            raise ValueError(
                "stages.general and stages.healing join several trainings, which "
                f"{train.adapter} cannot; train lora"
            )
        if self.study.known == "auto" and not self.select.calibrate:
            raise ValueError(
                "study.known=auto trusts a judge that was calibrated; set "
                "select.calibrate to 30 or more"
            )
        return self
