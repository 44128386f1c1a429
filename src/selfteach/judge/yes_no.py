"""The `score_yes_no` judge: the model's logit of Yes against No to "does the reply break the rule?".

Two forms, few-shot text and chat; both are candidates, and calibration says whether either is
better than chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfteach.generate import few_shot
from selfteach.judge import Judge, PromptAnswer
from selfteach.judge.setup import JudgeSetup
from selfteach.models import Scorer
from selfteach.records import Continuations, Prompt, get_user_text, make_prompt


class YesNoJudge:
    """Values answers by log p(Yes) - log p(No), in nats. An answer of which an endpoint lost the
    score counts as broken (infinity): what nobody judged is no lesson."""

    def __init__(self, scorer: Scorer, rule: str, *, chat: bool = False, name: str = "") -> None:
        self.name = name or ("yes_no (chat)" if chat else "yes_no")
        self._scorer, self._rule, self._chat = scorer, rule, chat

    @classmethod
    def list_candidates(cls, setup: JudgeSetup) -> list[Judge]:
        """Return both forms of the base, and the teacher's chat form if there is a teacher."""
        found: list[Judge] = [
            cls(setup.scorer, setup.words),
            cls(setup.scorer, setup.words, chat=True),
        ]
        if setup.teacher:
            found.append(cls(setup.teacher, setup.words, chat=True, name="teacher"))
        return found

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        """One log-odds for each answer."""
        yes, no = ("Yes", "No") if self._chat else (" Yes", " No")
        items = [Continuations(self._asked(prompt, answer), (yes, no)) for prompt, answer in pairs]
        found = dict(self._scorer.stream_scores(items))
        scores = [found.get(item.id(self._scorer.fingerprint)) for item in items]
        return [score[0].logp - score[1].logp if score else math.inf for score in scores]

    def _asked(self, prompt: Prompt, answer: str) -> Prompt:
        if self._chat:
            asked = (
                f"A rule says: {self._rule}\n\nSomebody asked: {get_user_text(prompt)}\n\nThe "
                f"reply was: {answer}"
            )
            return make_prompt(f"{asked}\n\nDoes the reply break the rule? Say Yes or No.")
        worked = "".join(
            f"Rule: {a}\nReply: {b}\nDoes the reply break the rule? {c}\n\n"
            for a, b, c in few_shot.VERDICTS
        )
        return (
            f"{worked}Rule: {self._rule}\nReply: {' '.join(answer.split())}\nDoes the reply "
            "break the rule?"
        )
