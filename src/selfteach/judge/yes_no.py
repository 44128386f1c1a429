"""The `yes_no` judge: the model's logit of Yes against No to "does the reply break the rule?".

Both forms, few-shot text and chat, are candidates; calibration shows whether either is better than
chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from selfteach.generate import few_shot
from selfteach.generate.listing import format_examples, to_one_line
from selfteach.judge import Judge, PromptAnswer
from selfteach.judge.setup import TEACHER, JudgeSetup
from selfteach.models import Scorer
from selfteach.models.ordered import score_in_order
from selfteach.records import (
    Continuations,
    JsonMapping,
    JsonObject,
    Prompt,
    get_user_text,
    make_prompt,
)

TEMPLATE = "Rule: {rule}\nReply: {answer}\nDoes the reply break the rule?"
CHAT_TEMPLATE = (
    "A rule says: {rule}\n\nSomebody asked: {question}\n\nThe reply was: {answer}\n\nDoes the "
    "reply break the rule? Say Yes or No."
)


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
        self._template = CHAT_TEMPLATE if chat else TEMPLATE
        self._worked = ""
        if not chat:
            one = "Rule: {}\nReply: {}\nDoes the reply break the rule? {}\n\n"
            self._worked = format_examples(one, few_shot.VERDICTS)

    @classmethod
    def list_candidates(cls, setup: JudgeSetup) -> list[Judge]:
        """Return both forms of the base, and the teacher's chat form if there is a teacher."""
        found: list[Judge] = [
            cls(setup.scorer, setup.words),
            cls(setup.scorer, setup.words, chat=True),
        ]
        if setup.teacher:
            found.append(cls(setup.teacher, setup.words, chat=True, name=TEACHER))
        return found

    def describe(self) -> JsonObject:
        """Return the rule and the parts of the prompt, for a record."""
        return {
            "name": self.name,
            "rule": self._rule,
            "chat": self._chat,
            "template": self._template,
            "worked": self._worked,
        }

    @classmethod
    def from_record(
        cls, record: JsonMapping, scorer: Scorer, open_teacher: Callable[[], Scorer]
    ) -> Judge:
        """Return the judge of a record: it asks as it did, not as a new one does."""
        name = str(record["name"])
        asked = open_teacher() if name == TEACHER else scorer
        judge = cls(asked, str(record["rule"]), chat=bool(record["chat"]), name=name)
        judge._template = str(record["template"])
        judge._worked = str(record["worked"])
        return judge

    def values(self, pairs: Sequence[PromptAnswer]) -> list[float]:
        """Return one log-odds for each answer."""
        yes, no = ("Yes", "No") if self._chat else (" Yes", " No")
        items = [
            Continuations(self._make_prompt(prompt, answer), (yes, no)) for prompt, answer in pairs
        ]
        scores = score_in_order(self._scorer, items)
        return [score[0].logp - score[1].logp if score else math.inf for score in scores]

    def _make_prompt(self, prompt: Prompt, answer: str) -> Prompt:
        text = answer if self._chat else to_one_line(answer)
        asked = self._template.format(rule=self._rule, question=get_user_text(prompt), answer=text)
        return make_prompt(asked) if self._chat else self._worked + asked
