"""Text to token ids and back, for every engine: template, control tokens, end of turn, padding.

Untrusted text never becomes a control token (invariant 8). The spelling of a control token inside a
turn is tokenized in two pieces. The model then reads the characters, and no turn begins or ends
there. The same holds for a spelling that becomes one when the tokenizer folds case or width.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from selfteach.disk import convert_disk_errors
from selfteach.errors import DataError, SelfteachError, UsageError, get_first_line
from selfteach.models.check_safety import ABOUT_FILE, write_about
from selfteach.models.time_limit import limit_processor_time
from selfteach.records import JsonMapping, Message, Prompt, Turns, get_user_text
from selfteach.text import clean_text

TokenIds = TypeVar("TokenIds", list[int], tuple[int, ...])
PLAIN_NAME = "selfteach-plain"
PLAIN_TEMPLATE = (
    "{% for message in messages %}### {{ message['role'] | capitalize }}\n{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}### Assistant\n{% endif %}"
)
"""The template for a model without one. `save_supplied_template` saves it beside the adapter, so
that other programs render the same."""

TEMPLATE_DAY = datetime(2024, 7, 26)
"""The day that a chat template writes where it asks for today's: what a run learns and measures
must not depend on when. It is the day that the templates of Llama 3 write without a clock."""
TEMPLATE_DAY_TEXT = f"{TEMPLATE_DAY:%d %b %Y}"
"""The same day, as the templates of Llama 3 write it."""
_ASKED_DAY = re.compile(r"""strftime_now\s*\(\s*(["'])([^"']*)\1\s*\)""")
"""How a template asks for today's date."""


def fix_day(template: Any) -> str | None:
    """Return a chat template with TEMPLATE_DAY where it asks for today's date; None if it does not.

    Args:
        template: a text, or several by name; that of conversations is "default".
    """
    text = template.get("default") if isinstance(template, dict) else template
    if not text or not _ASKED_DAY.search(text):
        return None
    return _ASKED_DAY.sub(lambda asked: json.dumps(TEMPLATE_DAY.strftime(asked[2])), text)


def render_turns(tokenizer: Any, turns: Sequence[JsonMapping], *, answer_follows: bool) -> str:
    """Return turns in the tokenizer's chat template, on the same day whenever it is asked."""
    rendered: str = tokenizer.apply_chat_template(
        turns,
        chat_template=fix_day(tokenizer.chat_template),
        tokenize=False,
        add_generation_prompt=answer_follows,
        # Templates of reasoning models read it, others ignore it; answers are short here.
        enable_thinking=False,
    )
    return rendered


def save_supplied_template(tokenizer: Any, adapter: Path) -> None:
    """Save the tokenizer beside an adapter, if its template was supplied here.

    `selfteach.json` then names the template. A base with a template of its own needs no second
    copy.
    """
    if tokenizer is None or tokenizer.chat_template != PLAIN_TEMPLATE:
        return
    with convert_disk_errors(adapter):
        tokenizer.save_pretrained(adapter)
    facts = json.loads((adapter / ABOUT_FILE).read_text("utf-8"))
    write_about(adapter, facts | {"template": PLAIN_NAME})


SPACE_MARK = "\u2581"
"""How SentencePiece writes a space in a token."""
STANDS_BEFORE = "\n:."
"""Characters that a text may follow, so that it is no beginning."""
TOO_LONG = "prompt longer than the context"
NO_TOKENS = "prompt without tokens"
PRIVATE_USE = range(0xE000, 0xF900)
NO_MARK = "prompt with every private-use character"
TOO_SLOW = "the model's chat template takes too long on this conversation"
MAX_TEMPLATE_S = 5.0
"""Processor time that a template may take on one conversation."""
MAX_SLOW_PROMPTS = 10
"""So many conversations on which the template takes too long show that the model is of no use."""
MAX_ADDED_CHARS = 1 << 20
"""How much longer than its texts a conversation may become."""
TOO_LONG_WITH_TEXT = "longer than the context"


class UnfitPrompt(DataError):
    """Report a prompt, or a text after it, that the model cannot take; other prompts are not
    concerned.

    Attributes:
        reason: why, in a few words.
    """

    def __init__(self, reason: str, detail: str, *, where: object = "", cure: str = "") -> None:
        super().__init__(f"{reason}: {detail}.", where=where, cure=cure)
        self.reason = reason


class _TooManyTokens(Exception):
    """Report that a text has more tokens than there is room for."""


class ChatTokenizer:
    """Represent one tokenizer with its template.

    Attributes:
        notes: one line for each missing part that was supplied.
    """

    def __init__(self, tokenizer: Any, generation_ends: Sequence[int] = ()) -> None:
        self.tokenizer = tokenizer
        self.notes: list[str] = []
        if tokenizer.eos_token_id is None:
            raise UsageError(
                "the tokenizer has no end-of-sequence token.",
                cure="Set eos_token in its tokenizer_config.json.",
            )
        self.template = "model's own"
        if not tokenizer.chat_template:
            tokenizer.chat_template = PLAIN_TEMPLATE
            self.template = PLAIN_NAME
            self.notes.append(
                f'the model has no chat template: "{PLAIN_NAME}" is used, and saved '
                "with the adapter"
            )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
            self.notes.append(
                "the tokenizer has no pad token: the end of sequence pads, and still "
                "counts in the loss where it ends an answer"
            )
        if fix_day(tokenizer.chat_template):
            self.notes.append(
                f"the model's chat template writes today's date: here always {TEMPLATE_DAY_TEXT}, "
                "so that no result depends on the day"
            )
        self._num_slow = 0
        self._last: tuple[Prompt | None, list[int]] = (None, [])
        self._control_ids = _find_control_tokens(tokenizer)
        self._control = _make_control_pattern(self._control_ids)
        self._is_normalized = _has_normalized_control_tokens(tokenizer, self._control_ids)
        self.end_of_turn = self._find_end_of_turn()
        self.end_ids = {tokenizer.eos_token_id, self.end_of_turn, *generation_ends}

    def encode(self, prompt: Prompt, room_tokens: int | None = None) -> list[int]:
        """Return the token ids of a prompt: plain text, or messages with the answer's header.

        Messages without a user's turn are followed by the header of that turn: the model then
        writes the request (Magpie, arXiv 2406.08464). Messages that end with the assistant's turn
        are an answer that has begun and continues.

        Several samples of a prompt are encoded one after another: the last prompt's ids are kept.

        Args:
            room_tokens: a prompt that has more is refused, a hostile one of many pieces early.

        Raises:
            UnfitPrompt: it has more, or the template refuses it.
        """
        known, ids = self._last
        try:
            if prompt != known:
                ids = self._encode(prompt, room_tokens)
            if room_tokens is not None and len(ids) > room_tokens:
                raise _TooManyTokens
        except _TooManyTokens:
            raise UnfitPrompt(
                TOO_LONG,
                f"the model takes {room_tokens} tokens with the answer",
                where=repr(get_user_text(prompt)[:60]),
                cure="Shorten it; prompts are never cut in silence.",
            ) from None
        self._last = (prompt, ids)
        return list(ids)

    def _encode(self, prompt: Prompt, room: int | None) -> list[int]:
        if isinstance(prompt, str):
            return self._start + self._split_encode(prompt, room)
        num_begun = _count_begun(prompt)
        turns, begun = prompt[: len(prompt) - num_begun], prompt[len(prompt) - num_begun :]
        if any(turn.role == "user" for turn in turns):
            ids = self._render(turns, answer_follows=True, room=room)
        else:
            ids = self._user_header(turns, room)
        return ids + [id for turn in begun for id in self._split_encode(turn.content, room)]

    def count_added(self, prompt: Prompt, bare: Prompt) -> int:
        """Return how many tokens of material a prompt has, compared with one without it.

        A rule in the system message counts alone. Without it a template may put a system message
        of its own there, which may be longer than the rule.
        """
        turns = () if isinstance(prompt, str) else prompt
        rules = [turn.content for turn in turns if turn.role == "system"]
        if rules:
            return sum(len(self._split_encode(rule)) for rule in rules)
        return len(self.encode(prompt)) - len(self.encode(bare))

    def encode_begun(self, prompt: Prompt) -> list[int]:
        """Return the token ids of the answer that a prompt begins; none if it begins none."""
        if isinstance(prompt, str):
            return []
        begun = prompt[len(prompt) - _count_begun(prompt) :]
        return [id for turn in begun for id in self.encode_answer(turn.content, end=False)]

    def fold_refused_system(self, prompt: Prompt) -> Prompt:
        """Return a prompt as the template takes it: a system message that it refuses is put before
        the first user turn, as `encode` does.
        """
        return prompt if isinstance(prompt, str) else tuple(self._take(prompt, True)[0])

    def encode_answer(self, text: str, end: bool = True, after: Prompt = "") -> list[int]:
        """Return the token ids of an answer; `end` appends the token that ends a turn.

        Args:
            after: the prompt. In a plain text the answer begins no text: tokenizers that mark the
                beginning of one with a space add none there.
        """
        goes_on = bool(after) and isinstance(after, str) and self._marks_beginning
        pieces = self._cut(text)
        first = self._tokenize_within if goes_on else self._tokenize
        ids = [id for piece in pieces[:1] for id in first(piece)]
        ids += [id for piece in pieces[1:] for id in self._tokenize(piece)]
        return ids + ([self.end_of_turn] if end else [])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of an answer without control tokens, cleaned by `clean_text`."""
        return clean_text(
            self.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def find_user_span(self, prompt: Prompt) -> tuple[list[int], int, int]:
        """Return a prompt's token ids, and start and end of its last user turn in them."""
        ids = self.encode(prompt)
        if isinstance(prompt, str):
            return ids, len(self._start), len(ids)
        last = max((i for i, m in enumerate(prompt) if m.role == "user"), default=len(prompt) - 1)
        empty = self.encode(
            (*prompt[:last], replace(prompt[last], content=""), *prompt[last + 1 :])
        )
        start = count_common_prefix(ids, empty)
        tail = min(
            count_common_prefix(ids[::-1], empty[::-1]), len(ids) - start, len(empty) - start
        )
        return (ids, start, len(ids) - tail) if len(ids) - tail > start else (ids, 0, len(ids))

    @cached_property
    def _start(self) -> list[int]:
        """Return the tokens that the tokenizer puts before plain text, if any."""
        ids = self._tokenize("a", special=True)
        return ids[: ids.index(self._tokenize("a")[0])]

    def _tokenize(self, text: str, special: bool = False) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=special)["input_ids"])

    @cached_property
    def _marks_beginning(self) -> bool:
        """Return whether the tokenizer puts a space before a text, as Mistral's and Phi-3's do.

        Byte-level ones write a space otherwise.
        """
        first = self.tokenizer.convert_ids_to_tokens(self._tokenize("a")[:1])
        return bool(first) and str(first[0]).startswith(SPACE_MARK)

    def _tokenize_within(self, text: str) -> list[int]:
        """Tokenize a text as it stands inside another one: after a character whose tokens are then
        cut off. A character that melts into the text or vanishes before it is of no use.
        """
        alone = self._tokenize(text)
        refused = set(self._control_ids.values()).difference(alone)  # an unknown word is one, too
        for character in STANDS_BEFORE:
            before = self._tokenize(character)
            ids = self._tokenize(character + text)
            if before and ids[: len(before)] == before and not refused.intersection(ids):
                return ids[len(before) :]
        return alone

    def _split_encode(self, text: str, room: int | None = None) -> list[int]:
        """Tokenize text so that no control token comes out of it."""
        return self._tokenize_pieces(self._cut(text), room)

    def _tokenize_pieces(self, pieces: Sequence[str], room: int | None) -> list[int]:
        """Return the token ids of pieces.

        Raises:
            _TooManyTokens: there are more than `room`. The pieces after that are not tokenized.
        """
        ids: list[int] = []
        for piece in pieces:
            ids += self._tokenize(piece)
            if room is not None and len(ids) > room:
                raise _TooManyTokens
        return ids

    def _cut(self, text: str) -> list[str]:
        """Return pieces of a text that make no control token when each is tokenized alone."""
        cuts = [0, *(match.start() + 1 for match in self._control.finditer(text)), len(text)]
        pieces = [text[start:stop] for start, stop in pairwise(cuts) if stop > start]
        if not self._is_normalized:
            return pieces
        return [half for piece in pieces for half in self._halve(piece)]

    def _halve(self, text: str) -> list[str]:
        """Cut a text in halves until none makes a control token.

        A tokenizer may fold case and width, or drop characters, before it looks for these.
        """
        if not set(self._control_ids.values()).intersection(self._tokenize(text)):
            return [text]
        if len(text) == 1:
            return ["\ufffd"]
        middle = len(text) // 2
        return self._halve(text[:middle]) + self._halve(text[middle:])

    def _render(
        self,
        turns: Sequence[Message],
        answer_follows: bool,
        before: str = "",
        room: int | None = None,
    ) -> list[int]:
        """Return the token ids of turns in the template, up to the last `before` if it is given."""
        texts = "".join(turn.content for turn in turns)
        # Marks replace hostile texts during templating; afterwards each is tokenized in pieces.
        mark = _find_mark(texts)
        found: list[list[str]] = []

        def swap(text: str) -> str:
            pieces = self._cut(text)
            if pieces in ([], [text]):
                return text
            found.append(pieces)
            return f"{mark}{len(found) - 1}{mark}"

        def swap_hostile(text: str) -> str:
            if self._is_normalized:
                return swap(text)
            return self._control.sub(lambda match: swap(match.group()), text)

        safe = [replace(turn, content=swap_hostile(turn.content)) for turn in turns]
        rendered = self._template(safe, answer_follows)
        if before:
            rendered = rendered.rpartition(before)[0]
        joined = [""]
        for position, part in enumerate(rendered.split(mark)):
            first, *others = found[int(part)] if position % 2 else [part]
            joined[-1] += first
            joined += others
        return self._tokenize_pieces(joined, room)

    def _user_header(self, turns: Sequence[Message], room: int | None = None) -> list[int]:
        """Return the template's tokens before the words of the user's next turn."""
        words = "xyzzy"
        asked = [*turns, Message("user", words)]
        return self._render(asked, answer_follows=False, before=words, room=room)

    def _template(self, turns: Sequence[Message], answer_follows: bool) -> str:
        return self._take(turns, answer_follows)[1]

    def _take(
        self, turns: Sequence[Message], answer_follows: bool
    ) -> tuple[Sequence[Message], str]:
        """Return the turns that the template takes, and what it makes of them."""
        refusal = ""
        for given in (turns, _fold_system(turns)):
            try:
                rendered = self._apply(given, answer_follows)
            except TimeoutError as fault:
                raise self._make_slow_error(turns, fault) from None
            except Exception as fault:  # a template is a program and may raise anything
                refusal = get_first_line(fault)
                continue
            note = (
                "the model's chat template takes no system message: it is put before the "
                "first user turn"
            )
            if len(given) < len(turns) and note not in self.notes:
                self.notes.append(note)
            return given, rendered
        raise UnfitPrompt(
            "the model's chat template refuses this conversation",
            refusal,
            where=repr(get_user_text(tuple(turns))[:60]),
            cure="Use a model whose template takes it.",
        )

    def _apply(self, turns: Sequence[Message], answer_follows: bool) -> str:
        given = [asdict(turn) for turn in turns]
        with limit_processor_time(MAX_TEMPLATE_S):
            rendered = render_turns(self.tokenizer, given, answer_follows=answer_follows)
        if len(rendered) > MAX_ADDED_CHARS + sum(len(turn.content) for turn in turns):
            raise ValueError(f"it adds more than {MAX_ADDED_CHARS:,} characters")
        return rendered

    def _make_slow_error(self, turns: Sequence[Message], fault: TimeoutError) -> SelfteachError:
        """Return the error of a conversation on which the template takes too long."""
        self._num_slow += 1
        cure = "Use a model whose template takes it."
        if self._num_slow > MAX_SLOW_PROMPTS:
            return UsageError(f"{TOO_SLOW}, and on {MAX_SLOW_PROMPTS} before it.", cure=cure)
        where = repr(get_user_text(tuple(turns))[:60])
        return UnfitPrompt(TOO_SLOW, str(fault), where=where, cure=cure)

    def _find_end_of_turn(self) -> int:
        """Return the control token that the template puts after an answer, else the end of
        sequence.
        """
        words = "xyzzy"
        turns = (Message("user", "a"), Message("assistant", words))
        try:
            rendered = self._template(turns, answer_follows=False)
        except UnfitPrompt:
            rendered = ""
        tail = rendered.rpartition(words)[2] if words in rendered else ""
        control = set(self._control_ids.values())
        return next(
            (id for id in self._tokenize(tail) if id in control), int(self.tokenizer.eos_token_id)
        )


def list_end_ids(ends: int | Sequence[int] | None) -> list[int]:
    """Return the tokens of `eos_token_id`, which is one token, several, or none."""
    if ends is None:
        return []
    return [ends] if isinstance(ends, int) else list(ends)


def count_common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the number of tokens that two sequences begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def count_shared_prefix(prompts: Sequence[TokenIds], own_tokens: int = 1) -> int:
    """Return the number of tokens that all prompts begin with, so that each keeps some of its own.

    All prompts lie between the least and the greatest of them.
    """
    common = count_common_prefix(min(prompts), max(prompts))
    return max(0, min(common, min(map(len, prompts)) - own_tokens))


def _find_mark(text: str) -> str:
    """Return a private-use character that is not in a text.

    Raises:
        UnfitPrompt: all of them are.
    """
    used = set(text)
    for mark in map(chr, PRIVATE_USE):
        if mark not in used:
            return mark
    raise UnfitPrompt(
        NO_MARK, "none is left to mark control tokens with", cure="Remove some of them."
    )


def _fold_system(turns: Sequence[Message]) -> tuple[Message, ...]:
    if len(turns) < 2 or turns[0].role != "system":
        return tuple(turns)
    places = (n for n, turn in enumerate(turns) if turn.role == "user")
    first = next(places, 1)
    folded = replace(turns[first], content=f"{turns[0].content}\n\n{turns[first].content}")
    return (*turns[1:first], folded, *turns[first + 1 :])


def _count_begun(prompt: Turns) -> int:
    """Return how many turns at the end of a prompt are an answer that has begun."""
    count = 0
    while count < len(prompt) and prompt[-1 - count].role == "assistant":
        count += 1
    return count


def _find_control_tokens(tokenizer: Any) -> dict[str, int]:
    """Return the control tokens by their spelling, with their ids: special tokens, and added ones
    that look like markup. Not all special tokens are named as the end, the padding or the like.
    """
    named = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
    added = {
        str(token): id
        for id, token in tokenizer.added_tokens_decoder.items()
        if token.special or re.fullmatch(r"(?s)[<\[].*[>\]]", str(token))
    }
    return named | added


def _has_normalized_control_tokens(tokenizer: Any, control: Container[str]) -> bool:
    """Return whether other spellings than its own may become a control token: the tokenizer
    normalizes a text before it looks for some of them.
    """
    core = getattr(tokenizer, "backend_tokenizer", None)
    if core is None or core.normalizer is None:
        return False
    added = tokenizer.added_tokens_decoder.values()
    return any(token.normalized and str(token) in control for token in added)


def _make_control_pattern(spellings: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of the spellings that must never come out of user text."""
    long = sorted((s for s in spellings if len(s) > 1), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, long)) or "(?!)")  # the latter matches nothing
