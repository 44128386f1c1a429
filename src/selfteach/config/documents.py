"""The settings of `selfteach documents`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from selfteach.config.sections import (
    Count,
    KnowledgeJudge,
    MethodConfig,
    ModelTeacher,
    Positive,
    Section,
    Share,
)
from selfteach.config.training import DocumentsTrainConfig, LoraConfig


class ReadConfig(Section):
    """Reading and cutting of the documents."""

    chunk_tokens: Annotated[int, Field(ge=32)] = 384
    """Longest piece of a document, in tokens. Each piece begins with the document's first
    sentence."""


class QuestionsConfig(Section):
    """The questions that the model asks itself about each piece."""

    per_chunk: Positive = 24
    """Usable questions about each piece."""

    rounds: Positive = 2
    """Largest number of attempts at these questions."""

    exam_rounds: Count = 2
    """Further attempts, if the user brings no questions and the exam needs some."""

    held_out: Share = 0.5
    """Largest share of the facts that are only for the exam, if the user brings no questions. A
    fact is an answer, however it is asked for. Where no question is usable, the share of the
    sentences."""

    min_answerable: Share = 0.5
    """Smallest share of right answers to a question of the exam from its sentence and from its
    passage, if the user brings no questions. Questions below it are not asked."""

    max_overlap: Share = 0.7
    """Largest overlap with a question of the exam (ROUGE-L). Examples above it are not learned."""


class SelectConfig(Section):
    """The choice of the questions whose answers become training pairs."""

    judge: KnowledgeJudge = "match"
    """Judge of what is known: shared words (match), the model itself (prompted), an entailment
    model (nli), the document's gain (gain), disagreeing samples (entropy)."""

    nli: str = ""
    """Entailment model of the judge `nli`: a folder or a name. Empty needs another judge."""

    samples: Positive = 5
    """Answers that are sampled with the document, and as many without it."""

    calibrate: Count = 60
    """Questions with known answers on which every judge is calibrated. 0 skips the calibration."""

    tau_label: Share = 0.5
    """Highest score S_L of a reliable label: how far the answers with the document contradict
    it."""

    tau_knowledge: Share = 0.5
    """Highest score S_K of a known answer: how far the answers without the document contradict the
    label. Only questions above it are learned."""

    min_auroc: Share = 0.75
    """Smallest AUROC in the calibration of a judge that study.known=auto may use."""

    max_false_known: Share = 0.05
    """Largest share of the unknown questions of the calibration that study.known=auto may call
    known."""

    filter_pairs: bool = True
    """Whether only questions with a reliable label and an unknown answer become pairs. false takes
    every question with a label."""


class StudyConfig(Section):
    """The study data: every sentence in many forms."""

    distill: bool = False
    """Whether the base with the sentence in its prompt also teaches its next-token distribution.
    train.distill_mix sets the weight."""

    known: bool | Literal["auto"] = True
    """Whether sentences that the model already knows are included. false leaves out those that the
    judge calls known. `auto` leaves out those that the best calibrated judge calls known at
    a threshold with few errors (select.max_false_known)."""

    per_sentence: Positive = 24
    """Largest number of rows for one sentence."""

    whole_rows: Positive = 6
    """Rows of a sentence with the whole answer. The others hold its first tokens, which say what
    answers the question."""

    first_tokens: Positive = 8
    """First tokens of an answer in the other rows."""

    per_document: Positive = 4000
    """Largest number of rows for one document. A long document gets fewer rows a sentence."""

    asked: bool = True
    """Whether the questions that the model asked itself are rows, too."""

    reworded: bool = True
    """Whether questions with words that the model treats alike are rows, too."""


class StagesConfig(Section):
    """The trainings that follow each other."""

    general: bool = False
    """Whether a first training mixes questions about a passage in the prompt with the base's own
    answers to general prompts, two to one."""

    general_tokens: Positive = 128
    """Longest of the base's own answers, in tokens. They are sampled at temperature 1."""

    study: bool = True
    """Whether the study data is trained."""

    pairs: bool = False
    """Whether the filtered pairs are trained, with sft and dpo."""

    healing: bool = False
    """Whether the base's own answers to general prompts are trained once more at the end."""


class DocumentsAnchorsConfig(Section):
    """The anchors: beginnings of the base's own answers, which must not change."""

    general: Count | None = None
    """General prompts that the model asks itself for anchors. `null` is from 600 to 4000: so many
    that their share (train.min_share) needs no repeat. 0 makes none."""

    rounds: Positive = 6
    """Largest number of attempts at these prompts."""

    anchor_tokens: Positive = 24
    """First tokens of each answer that are kept."""


class DocumentsExamConfig(Section):
    """The questions of the exam."""

    questions: Positive = 200
    """Largest number of held-out questions about the documents."""

    general: Count = 24
    """General prompts, on which answers should stay as they were. 0 asks none."""

    common: Count = 60
    """Common-knowledge questions, which show what was forgotten. 0 asks none."""

    max_tokens: Positive = 64
    """Longest answer, in tokens."""


class DocumentsConfig(MethodConfig):
    """Every setting of `selfteach documents`."""

    teacher: ModelTeacher = ""
    """Stronger model that writes questions and answers: a server (URL#NAME), a folder, or a name on
    the Hugging Face Hub. Empty uses the model itself."""

    max_bad_rows: Share = 0.1
    """Share of unusable rows of one file above which the command stops."""

    read: ReadConfig = ReadConfig()
    questions: QuestionsConfig = QuestionsConfig()
    select: SelectConfig = SelectConfig()
    study: StudyConfig = StudyConfig()
    stages: StagesConfig = StagesConfig()
    anchors: DocumentsAnchorsConfig = DocumentsAnchorsConfig()
    train: DocumentsTrainConfig = DocumentsTrainConfig(
        beta=0.3,
        batch_size=8,
        epochs=6,
        lora=LoraConfig(rank=32, alpha=24),
        regmean=3.0,
        min_share={"general": 0.18},
    )
    exam: DocumentsExamConfig = DocumentsExamConfig()

    @model_validator(mode="after")
    def _check_choices(self) -> DocumentsConfig:
        """Refuse what would have no effect, with the key that has one."""
        adapter = self.train.adapter
        if self.select.nli and self.select.judge != "nli":
            raise ValueError(
                "select.nli names a model that is not used; set select.judge=nli as well"
            )
        if self.select.judge == "nli" and not self.select.nli:
            raise ValueError(
                "select.judge=nli needs an entailment model; set select.nli to its folder or name"
            )
        if (self.stages.general or self.stages.healing) and adapter not in (
            "lora",
            "closed_form",
        ):
            raise ValueError(
                "stages.general and stages.healing join several trainings, which "
                f"{adapter} cannot; train lora"
            )
        if self.study.known == "auto" and not self.select.calibrate:
            raise ValueError(
                "study.known=auto trusts a judge that was calibrated; set "
                "select.calibrate to 30 or more"
            )
        return self
