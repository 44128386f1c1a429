"""The `yes_no` judge: the model's logit of Yes against No to "does the reply break the rule?".

Both forms, few-shot text and chat, are candidates; calibration shows whether either is better than
chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfteach.generate import few_shot
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.judge import Judge, PromptAnswer
from selfteach.judge.setup import JudgeSetup
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import Continuations, Prompt, get_user_text, make_prompt


class YesNoJudge:
    """Score answers by log p(Yes) - log p(No), in nats.

    An answer without a score counts as broken (infinity): it is not trained on. An endpoint lost
    the score, or the answer does not fit into the context.
    """

    def __init__(self, scorer: Scorer, rule: str, *, chat: bool = False, name: str = "") -> None:
        self.name = name or ("yes_no (chat)" if chat else "yes_no")
        self._scorer = scorer
        self._rule = rule
        self._chat = chat

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
        """Return one log-odds for each answer."""
        yes, no = ("Yes", "No") if self._chat else (" Yes", " No")
        items = [
            Continuations(self._make_prompt(prompt, answer), (yes, no)) for prompt, answer in pairs
        ]
        scores = score_in_order(self._scorer, items)
        return [score[0].logp - score[1].logp if score else math.inf for score in scores]

    def _make_prompt(self, prompt: Prompt, answer: str) -> Prompt:
        if self._chat:
            return make_prompt(
                f"A rule says: {self._rule}\n\nSomebody asked: {get_user_text(prompt)}\n\nThe "
                f"reply was: {answer}\n\nDoes the reply break the rule? Say Yes or No."
            )
        template = "Rule: {}\nReply: {}\nDoes the reply break the rule?"
        worked = format_examples(template + " {}\n\n", few_shot.VERDICTS)
        return worked + template.format(self._rule, to_one_line(answer))
