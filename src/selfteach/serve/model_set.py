"""The models that a server offers by name: the base, lessons, and a student.

A model is the base with the sum of some lessons. Requests that run keep the lessons that they began
with; later ones get those of the moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from selfteach.errors import UsageError
from selfteach.models.check_safety import check_adapter
from selfteach.models.hf import HfModel
from selfteach.models.lora_layers import read_lora_layers
from selfteach.records import Prompt
from selfteach.run.finished import ADAPTER_FOLDER
from selfteach.serve.batch_engine import BatchEngine
from selfteach.serve.lesson_rows import BASE, LessonRows, LessonWeights, RowLessons, read_weights
from selfteach.serve.lessons import BASE_NAME, STACK_SIGN, ServedLesson
from selfteach.serve.proof import Candidate, LessonProof, prove_lessons, read_proof_prompts
from selfteach.students.folder import find_part, read_student
from selfteach.students.state import LESSONS_FOLDER, Part, StudentState


@dataclass
class ModelSet:
    """Hold the served models.

    Attributes:
        base: the folder of the base.
        models: the lessons of each model, by its name; replaced as a whole, never changed.
        tell: what is called with the names of the models when they have changed.
    """

    hf: HfModel
    base: Path
    rows: LessonRows
    engine: BatchEngine
    models: Mapping[str, RowLessons] = field(default_factory=lambda: {BASE_NAME: BASE})
    tell: Callable[[Sequence[str]], object] = lambda names: None

    @staticmethod
    def open(
        name: str, folder: Path, max_waiting: int, say: Callable[[str], None] = print
    ) -> ModelSet:
        """Load a base, and begin to compute.

        It is in float32, in which a row does not depend on the other rows of its batch.
        """
        hf = HfModel.load(name, dtype="float32", progress=say)
        rows = LessonRows(hf.module)
        engine = BatchEngine(hf, rows, max_waiting)
        engine.start()
        return ModelSet(hf, folder, rows, engine)

    def load_weights(self, adapter: Path) -> LessonWeights:
        """Read the LoRA of a lesson.

        Raises:
            UsageError: it is no plain LoRA, or a tensor of it has no place.
            IntegrityError: it is of another base.
        """
        check_adapter(adapter, self.hf.fingerprint)
        layers = read_lora_layers(self.hf.module, adapter)
        return read_weights(layers, next(self.hf.module.parameters()))

    def add_lessons(self, lessons: Sequence[ServedLesson]) -> list[LessonProof]:
        """Prove lessons and the sum of all of them, and offer them.

        Raises:
            IntegrityError: one is of another base, changes nothing, or answers wrongly.
        """
        candidates = []
        for lesson in lessons:
            weights = self.load_weights(lesson.adapter)
            prompts = read_proof_prompts(lesson.run)
            candidates.append(Candidate(lesson.name, (weights,), [lesson.adapter], prompts))
        if len(candidates) > 1:
            candidates.append(_stack(candidates))
        proofs = self.prove(candidates)
        own = {candidate.name: candidate.lessons for candidate in candidates}
        self.offer({**self.models, **own})
        return proofs

    def offer(self, models: Mapping[str, RowLessons]) -> None:
        """Replace the models, and tell their names."""
        self.models = models
        self.tell(list(models))

    def prove(self, candidates: Sequence[Candidate]) -> list[LessonProof]:
        """Compare lessons with PEFT."""
        return prove_lessons(self.base, candidates, self.rows, self.engine)


def _stack(candidates: Sequence[Candidate]) -> Candidate:
    """Return the exact sum of lessons under their names, asked a prompt of each."""
    name = STACK_SIGN.join(candidate.name for candidate in candidates)
    lessons = tuple(chain.from_iterable(candidate.lessons for candidate in candidates))
    adapters = list(chain.from_iterable(candidate.adapters for candidate in candidates))
    prompts = [candidate.prompts[0] for candidate in candidates]
    return Candidate(name, lessons, adapters, prompts)


class ServedStudent:
    """Represent a student whose lessons are served, as they come and go.

        NAME          the sum of the lessons that are on
        NAME/LESSON   each lesson alone, on or off

    Attributes:
        state: what is served now.
    """

    def __init__(self, folder: Path, models: ModelSet) -> None:
        self.folder = folder
        self.name = folder.resolve().name
        self.state: StudentState | None = None
        self._models = models
        self._weights: dict[str, LessonWeights] = {}
        self._refreshing = threading.Lock()
        if self.name == BASE_NAME:
            raise UsageError(
                f'the name "{BASE_NAME}" is taken.', where=folder, cure="Rename the folder."
            )

    def refresh(self) -> list[LessonProof]:
        """Serve what the student's database holds now; lessons that are new are proven first.

        Raises:
            IntegrityError: an adapter is not the one that was taught, changes nothing, or answers
                wrongly; the models stay as they were.
        """
        with self._refreshing:
            state = read_student(self.folder)
            if state == self.state:
                return []
            state.check_base(self._models.hf.fingerprint, self.folder)
            weights: dict[str, LessonWeights] = {}
            for part in [*(lesson.alone for lesson in state.lessons), *state.list_parts()]:
                known = weights.get(part.adapter_sum) or self._weights.get(part.adapter_sum)
                weights[part.adapter_sum] = known or self._load(part)
            stack = tuple(weights[part.adapter_sum] for part in state.list_parts())
            proofs = self._models.prove(self._list_candidates(state, weights, stack))
            models: dict[str, RowLessons] = {BASE_NAME: BASE, self.name: stack}
            for lesson in state.lessons:
                models[f"{self.name}/{lesson.name}"] = (weights[lesson.adapter_sum],)
            self._models.offer(models)
            self._weights = weights
            self.state = state
            return proofs

    def _list_candidates(
        self, state: StudentState, weights: Mapping[str, LessonWeights], stack: RowLessons
    ) -> list[Candidate]:
        """Return the new lessons, and their sum with the others where it is new."""
        found = []
        prompts: list[Prompt] = []
        for lesson in state.lessons:
            if lesson.adapter_sum in self._weights:
                continue
            folder = self.folder / LESSONS_FOLDER / lesson.name
            own = read_proof_prompts(folder)
            prompts += own[:1]
            name = f"{self.name}/{lesson.name}"
            found.append(
                Candidate(name, (weights[lesson.adapter_sum],), [folder / ADAPTER_FOLDER], own)
            )
        alone = {lesson.adapter_sum for lesson in state.lessons}
        is_other = len(stack) > 1 or not alone.issuperset(state.list_part_sums())
        if is_other and not set(stack) <= set(self._weights.values()):
            adapter = self.folder / ADAPTER_FOLDER
            asked = prompts or read_proof_prompts(self.folder)
            found.append(Candidate(self.name, stack, [adapter], asked))
        return found

    def _load(self, part: Part) -> LessonWeights:
        return self._models.load_weights(find_part(self.folder, part))
