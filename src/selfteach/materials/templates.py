"""Prompt templates: a row with named columns becomes a prompt and its answer.

One template is sampled for each example. A template is a text with {column} in it. Values are
inserted once: braces in a value have no meaning. A *chat* template is a turn of the user; a
*completion* template is plain text that the model continues.

Source: Alpaca (tatsu-lab/stanford_alpaca, train.py) and Self-Instruct (arXiv 2212.10560, 2.3:
several templates, so that the model does not depend on one of them) for the idea. The words are our
own, except those of `alpaca`, which models know.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from selfteach.errors import UsageError
from selfteach.records import Prompt, make_prompt
from selfteach.registry import did_you_mean

_COLUMN = re.compile(r"\{(\w+(?:[ -]\w+)*)\}")
"""A column in a template, in words. Other braces, as of JSON or of a formula, stay text."""
OWN_TEMPLATE = "own"
"""The name of a template of the user's own."""


@dataclass(frozen=True, slots=True)
class Template:
    """Hold a template.

    `form` is a turn of the user, or plain text to continue. `answer` is the part that is learned.
    """

    name: str
    form: Literal["chat", "completion"]
    prompt: str
    answer: str = "{output}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of the template, in their order."""
        return tuple(dict.fromkeys(_COLUMN.findall(self.prompt + self.answer)))

    def fits(self, row: Mapping[str, str]) -> bool:
        """Tell whether the row has all columns of the template, none of them empty."""
        return all(row.get(column, "").strip() for column in self.columns)

    def fill(self, row: Mapping[str, str]) -> tuple[Prompt, str]:
        """Return the prompt and the answer of a row."""
        prompt = fill_template(self.prompt, row)
        answer = fill_template(self.answer, row)
        if self.form == "chat":
            return make_prompt(prompt), answer
        return prompt, f" {answer}" if prompt[-1:].strip() else answer


def fill_template(text: str, row: Mapping[str, str]) -> str:
    """Return a text with its columns replaced. A column inside a value is not replaced."""
    return _COLUMN.sub(lambda found: row[found.group(1)], text)


LIBRARY = (
    Template("plain", "chat", "{instruction}"),
    Template("plain", "chat", "{instruction}\n\n{input}"),
    Template("line", "chat", "{instruction}\n{input}"),
    Template("labelled", "chat", "Task: {instruction}\nInput: {input}"),
    Template("input-first", "chat", "{input}\n\n{instruction}"),
    Template("quoted", "chat", '{instruction}\n\n"""\n{input}\n"""'),
    Template("sections", "completion", "### Task\n{instruction}\n\n### Answer\n"),
    Template(
        "sections", "completion", "### Task\n{instruction}\n\n### Input\n{input}\n\n### Answer\n"
    ),
    Template("output", "completion", "{instruction}\n\nOutput:"),
    Template("output", "completion", "{instruction}\n\nInput: {input}\nOutput:"),
    Template(
        "alpaca",
        "completion",
        "Below is an instruction that describes a task. Write a response that "
        "appropriately completes the "
        "request.\n\n### Instruction:\n{instruction}\n\n### Response:\n",
    ),
    Template(
        "alpaca",
        "completion",
        "Below is an instruction that describes a task, paired with an input that "
        "provides further context. "
        "Write a response that appropriately completes the request.\n\n### "
        "Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
    ),
)
"""Templates with and without an input, for chat and for completion. Two of the same name are one
template with and without an input.
"""


def get_templates(names: Sequence[str]) -> tuple[Template, ...]:
    """Return the templates of these names.

    Raises:
        UsageError: a name is unknown; the message offers the nearest one.
    """
    known = [template.name for template in LIBRARY]
    for name in names:
        if name not in known:
            raise UsageError(
                f'there is no template "{name}".', where="templates", cure=did_you_mean(name, known)
            )
    return tuple(template for template in LIBRARY if template.name in names)


def make_template(
    prompt: str, answer: str, form: Literal["chat", "completion"] = "chat"
) -> Template:
    """Make a template of the user's own.

    Raises:
        UsageError: the prompt or the answer has no column.
    """
    if not _COLUMN.search(prompt) or not _COLUMN.search(answer):
        raise UsageError(
            "a template needs a column in its prompt and in its answer.",
            where="--prompt, --answer",
            cure='Name columns in braces: --prompt "Translate: {german}" --answer "{english}".',
        )
    return Template(OWN_TEMPLATE, form, prompt, answer)


def sample_template(
    templates: Iterable[Template], row: Mapping[str, str], seed: int, key: str
) -> Template | None:
    """Sample one of the templates that fit a row, by (seed, key). Return None if none fits.

    Only templates with the most columns are candidates, so that an input is used.
    """
    fitting = [template for template in templates if template.fits(row)]
    most = max((len(template.columns) for template in fitting), default=0)
    fitting = [template for template in fitting if len(template.columns) == most]
    return random.Random(f"template {seed} {key}").choice(fitting) if fitting else None
