"""Prompt templates: any row with named columns becomes a prompt and its answer. One template is
drawn for each example.

A template is a text with {column} in it. Values are put in once, as they are: braces in a value
mean nothing. A *chat* template is the words of a user's turn; a *completion* template is plain text
that the model goes on with.

Source: Alpaca (tatsu-lab/stanford_alpaca, train.py) and Self-Instruct (arXiv 2212.10560, 2.3:
several templates, so that the model does not hang on one of them) for the idea; the words are our
own, but for `alpaca`, whose words models know.
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

_COLUMN = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """`form`: a user's turn, or plain text to be continued. `answer` is the part that is learned."""

    name: str
    form: Literal["chat", "completion"]
    prompt: str
    answer: str = "{output}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs, in the order in which they stand."""
        return tuple(dict.fromkeys(_COLUMN.findall(self.prompt + self.answer)))

    def fits(self, row: Mapping[str, str]) -> bool:
        """Whether the row has all of its columns, none of them empty."""
        return all(row.get(column, "").strip() for column in self.columns)

    def fill(self, row: Mapping[str, str]) -> tuple[Prompt, str]:
        """The prompt and the answer of a row."""
        asked = fill_template(self.prompt, row)
        answer = fill_template(self.answer, row)
        return (
            (make_prompt(asked), answer)
            if self.form == "chat"
            else (asked, f" {answer}" if asked[-1:].strip() else answer)
        )


def fill_template(text: str, row: Mapping[str, str]) -> str:
    """A text with its columns replaced, once: what a value holds is not looked at again."""
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
        "Instruction:\n{instruction}\n\n### Input:\n{input}\n\n"
        "### Response:\n",
    ),
)
"""With and without an input, for chat and for completion. Those of one name are one template in
both states.
"""


def get_templates(names: Sequence[str]) -> tuple[Template, ...]:
    """The templates of these names.

    Raises:
        UsageError: there is none of a name; the message offers the nearest one.
    """
    known = dict.fromkeys(template.name for template in LIBRARY)
    for name in names:
        if name not in known:
            raise UsageError(
                f'there is no template "{name}".', where="templates", cure=did_you_mean(name, known)
            )
    return tuple(template for template in LIBRARY if template.name in names)


def make_template(
    prompt: str, answer: str, form: Literal["chat", "completion"] = "chat"
) -> Template:
    """A template of the user's own.

    Raises:
        UsageError: no column in it, or an answer without one.
    """
    if not _COLUMN.search(prompt) or not _COLUMN.search(answer):
        raise UsageError(
            "a template needs a column in its prompt and in its answer.",
            where="--prompt, --answer",
            cure='Name columns in braces: --prompt "Translate: {german}" --answer "{english}".',
        )
    return Template("own", form, prompt, answer)


def sample_template(
    templates: Iterable[Template], row: Mapping[str, str], seed: int, key: str
) -> Template | None:
    """One of the templates that fit a row, drawn by (seed, key); None where none fits.

    Of templates that fit, only those that use the most columns are taken: an input that is there is
    shown.
    """
    fitting = [template for template in templates if template.fits(row)]
    most = max((len(template.columns) for template in fitting), default=0)
    fitting = [template for template in fitting if len(template.columns) == most]
    return random.Random(f"template {seed} {key}").choice(fitting) if fitting else None
