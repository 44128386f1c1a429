"""A Modelfile for Ollama: the model's exact chat template, its stop words and its parameters.

Ollama renders Go templates, and model folders have Jinja templates. The text around each turn is
read off rendered conversations, and a Go template is written from it. If these parts do not render
other conversations exactly as the Jinja template does, the export is refused: a model with another
template answers badly without any error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from selfteach.errors import UsageError
from selfteach.models.tokens import render_turns
from selfteach.models.write_gguf import adds_bos
from selfteach.records import Message

MARKS = {"system": "qzsys", "user": "qzusr", "assistant": "qzasst"}
"""Words that no template contains."""
CONVERSATIONS: Sequence[tuple[Message, ...]] = (
    (Message("user", "Hello."),),
    (Message("system", "Be brief."), Message("user", "Hello.")),
    (Message("user", "One?"), Message("assistant", "Two."), Message("user", "Three?")),
    (
        Message("system", "Be brief."),
        Message("user", "One?"),
        Message("assistant", "Two."),
        Message("user", "Three?"),
        Message("assistant", "Four."),
        Message("user", "Five?"),
    ),
)
"""Conversations that the parts must render as the template does."""
FORBIDDEN = ("{{", "}}", '"""')
MODELFILE = '''# Ollama: `ollama create NAME -f Modelfile` in this folder.
FROM ./{gguf}
TEMPLATE """{template}"""
{system}{stops}
# As in the exam: greedy, and nothing is penalized.
PARAMETER temperature 0
PARAMETER repeat_penalty 1.0
PARAMETER num_ctx {context}
'''


@dataclass(frozen=True)
class TemplateParts:
    """Hold the text around the turns of each role.

    Attributes:
        start: the text before the first turn.
        around: for each role, the text before and after its content.
        default_system: the system message of a conversation without one, or an empty text.
        answer: the header of the answer to come.
    """

    start: str
    around: dict[str, tuple[str, str]]
    default_system: str
    answer: str

    def render(self, turns: Sequence[Message]) -> str:
        """Return the text of a conversation with the header of the answer."""
        given = list(turns)
        if self.default_system and given[0].role != "system":
            given.insert(0, Message("system", self.default_system))
        parts = [self.start]
        for turn in given:
            before, after = self.around[turn.role]
            parts += [before, turn.content, after]
        return "".join([*parts, self.answer])

    def without_beginning(self, token: str) -> TemplateParts:
        """Return the parts without a token that begins every text."""
        before, after = self.around["system"]
        if self.default_system:  # the text begins with the system message
            before = before.removeprefix(token)
        around = {**self.around, "system": (before, after)}
        return replace(self, start=self.start.removeprefix(token), around=around)

    def to_go(self) -> str:
        """Return the parts as a Go template of Ollama."""
        cases = []
        for keyword, role in zip(("if", "else if", "else if"), MARKS, strict=True):
            before, after = self.around[role]
            cases.append(f'{{{{ {keyword} eq .Role "{role}" }}}}{before}{{{{ .Content }}}}{after}')
        turns = "".join(cases)
        return (
            f"{self.start}{{{{ range .Messages }}}}{turns}{{{{ end }}}}{{{{ end }}}}{self.answer}"
        )


def find_template_parts(tokenizer: Any) -> TemplateParts:
    """Return the parts of a tokenizer's chat template.

    Raises:
        UsageError: the template does more than to put text around each turn.
    """
    try:
        parts = _read_parts(tokenizer)
        same = all(parts.render(turns) == _render(tokenizer, turns) for turns in CONVERSATIONS)
    except Exception as fault:  # a template is a program and may raise anything
        raise _make_template_error() from fault
    texts = [parts.start, parts.answer, parts.default_system]
    for around in parts.around.values():
        texts += around
    if not same or any(word in text for word in FORBIDDEN for text in texts):
        raise _make_template_error()
    return parts


def write_modelfile(
    tokenizer: Any, end_texts: Sequence[str], gguf: str, context_tokens: int
) -> str:
    """Return the text of a Modelfile.

    Ollama itself puts a token before the text where the GGUF file says that the tokenizer does: in
    the template it would be there twice.

    Args:
        end_texts: the texts of the tokens that end an answer.
        gguf: the name of the weights' file beside it.

    Raises:
        UsageError: the template cannot be written for Ollama.
    """
    parts = find_template_parts(tokenizer)
    if adds_bos(tokenizer):
        parts = parts.without_beginning(tokenizer.bos_token)
    system = f'SYSTEM """{parts.default_system}"""\n' if parts.default_system else ""
    stops = "\n".join(f'PARAMETER stop "{text}"' for text in end_texts)
    return MODELFILE.format(
        gguf=gguf, template=parts.to_go(), system=system, stops=stops, context=context_tokens
    )


def _read_parts(tokenizer: Any) -> TemplateParts:
    """Read the parts off conversations of marks."""
    system = Message("system", MARKS["system"])
    user = Message("user", MARKS["user"])
    answer = Message("assistant", MARKS["assistant"])
    plain = _render(tokenizer, (user,), answer_follows=False)
    header = _render(tokenizer, (user,)).removeprefix(plain)
    whole = _render(tokenizer, (system, user, answer, user), answer_follows=False)
    pair = _render(tokenizer, (system, user, answer), answer_follows=False)
    second_user = whole.removeprefix(pair)
    before_user, _, after_user = second_user.partition(user.content)
    head, _, rest = whole.partition(system.content)
    after_system, _, rest = rest.partition(before_user + user.content + after_user)
    before_answer, _, after_answer = rest.partition(answer.content)
    after_answer = after_answer.removesuffix(second_user)
    start, before_system = "", head
    opening, _, _ = plain.partition(user.content)
    default_system = ""
    if opening != before_user:
        inner = opening.removesuffix(before_user)
        if inner.startswith(head) and after_system and inner.endswith(after_system):
            default_system = inner.removeprefix(head).removesuffix(after_system)
        else:  # a token that begins every text
            start = inner
            before_system = head.removeprefix(start)
    around = {
        "system": (before_system, after_system),
        "user": (before_user, after_user),
        "assistant": (before_answer, after_answer),
    }
    return TemplateParts(start, around, default_system, header)


def _render(tokenizer: Any, turns: Sequence[Message], answer_follows: bool = True) -> str:
    return render_turns(tokenizer, list(map(asdict, turns)), answer_follows=answer_follows)


def _make_template_error() -> UsageError:
    return UsageError(
        "its chat template does more than to put text around each turn, which a Modelfile of "
        "selfteach cannot express.",
        cure="Export with --to gguf: llama.cpp and LM Studio use the template in that file.",
    )
