"""Try what a model folder wants to compute, in a process of its own: its chat template, and the
patterns of an adapter.

    python -P -m selfteach.models.try_in_child TASK CPU_S MEMORY_BYTES

Both are programs of somebody else. The process reads JSON from its standard input, and prints
{"fault"}: the reason why the template or the pattern cannot be used, or an empty text.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from selfteach.child_process import limit_resources, run_module
from selfteach.errors import UsageError
from selfteach.models.fetch_default_model import get_cache_folder
from selfteach.records import JsonMapping, JsonObject, digest

CPU_S = 5
WALL_S = 120
MEMORY_BYTES = 512 << 20
MAX_PROMPT_CHARS = 1 << 20
TEXT = "What is the color of the sky on a clear day? " * 40
USER = {"role": "user", "content": TEXT}
ANSWER = {"role": "assistant", "content": TEXT}
SYSTEM = {"role": "system", "content": TEXT}
CONVERSATIONS = (
    ([USER], True),
    ([SYSTEM, USER], True),
    ([USER, ANSWER], False),
    ([SYSTEM, USER, ANSWER, USER], True),
)
"""Conversations, and whether an answer follows."""
PATTERN_FORMS = {
    "target_modules": ("", ""),
    "exclude_modules": ("", ""),
    "modules_to_save": (r"(^|.*\.)", r"($|\..*)"),
    "layers_pattern": (r"(?:^|.*?\.)", r"\.(?P<idx>\d+)\."),
    "rank_pattern": (r"(.*\.)?(", ")$"),
    "alpha_pattern": (r"(.*\.)?(", ")$"),
}
"""Keys of adapter_config.json whose texts are regular expressions, and what PEFT puts around them.
"""
PLAIN_NAME = re.compile(r"[\w.-]*")
"""A name of modules, which matches in no time."""


def check_chat_template(template: Any, special_tokens: Mapping[str, str], folder: Path) -> None:
    """Refuse a chat template that takes too long or too much memory for short conversations, or
    that leaves out what a user says.

    A template that was found good is not tried again: the cache keeps its digest.

    Raises:
        UsageError: it is no template, beyond the bounds, or without the words of the user.
    """
    given = {"template": template, "special_tokens": dict(special_tokens)}
    memory = get_cache_folder() / "chat_templates" / digest(["tried with its words", given])
    if memory.is_file():
        return
    if fault := _try_task("template", given):
        raise UsageError(
            f"its chat template {fault}.", where=folder, cure="Use a model with another template."
        )
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.touch()


def check_adapter_patterns(settings: JsonMapping, names: Sequence[str], folder: Path) -> None:
    """Refuse an adapter with a regular expression that takes too long on a model's module names.

    Raises:
        UsageError: such a pattern, or one that is no regular expression.
    """
    for key, (before, after) in PATTERN_FORMS.items():
        texts = [text for text in _list_texts(settings.get(key)) if not PLAIN_NAME.fullmatch(text)]
        patterns = [f"{before}{text}{after}" for text in texts]
        if not patterns:
            continue
        if fault := _try_task("patterns", {"patterns": patterns, "names": list(names)}):
            raise UsageError(
                f'its "{key}" {fault}.',
                where=folder / "adapter_config.json",
                cure="List the names of the modules instead.",
            )


def _list_texts(value: Any) -> Iterator[str]:
    """Yield the texts of a value of adapter_config.json: a text, or the items or keys that are."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        yield from (item for item in value if isinstance(item, str))


def _try_task(task: str, given: JsonObject) -> str:
    data = json.dumps(given).encode()
    try:
        output = run_module(
            __name__,
            [task],
            cpu_s=CPU_S,
            memory_bytes=MEMORY_BYTES,
            wall_s=WALL_S,
            given=data,
        )
    except TimeoutError:
        output = b""
    if not output:
        return f"needs more than {CPU_S} s or {MEMORY_BYTES >> 20} MB for a short text"
    fault: str = json.loads(output)["fault"]
    return fault


def _render_template(given: JsonMapping) -> str:
    """Return the fault of a chat template. This runs in the child.

    A template may refuse a conversation: whoever renders it names that.
    """
    from jinja2 import TemplateSyntaxError

    try:
        template = _make_environment().from_string(given["template"])
    except (TemplateSyntaxError, TypeError, AttributeError) as fault:
        return f"cannot be read ({str(fault)[:80]})"
    for turns, answer_follows in CONVERSATIONS:
        try:
            rendered = _render_bounded(template, turns, answer_follows, given["special_tokens"])
        except MemoryError:
            raise
        except Exception:
            continue
        if len(rendered) > MAX_PROMPT_CHARS:
            return f"makes more than {MAX_PROMPT_CHARS:,} characters of a short text"
        if turns == [USER] and TEXT.strip() not in rendered:
            return "leaves out or changes the words of a user"
    return ""


def _render_bounded(
    template: Any, turns: Sequence[JsonMapping], answer_follows: bool, tokens: JsonMapping
) -> str:
    """Return a conversation in a template, or a beginning of more than MAX_PROMPT_CHARS."""
    rendered = ""
    for part in template.generate(
        messages=turns,
        tools=None,
        documents=None,
        add_generation_prompt=answer_follows,
        enable_thinking=False,
        **tokens,
    ):
        rendered += part
        if len(rendered) > MAX_PROMPT_CHARS:
            break
    return rendered


def _make_environment() -> Any:
    """Return an environment of templates like that of transformers."""
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """Read `{% generation %}`, which marks the answers."""

        tags = {"generation"}  # noqa: RUF012  # declared by the base

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise ValueError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, **options)
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment


def _match_patterns(given: JsonMapping) -> str:
    """Return the fault of regular expressions that PEFT matches with names. It runs in the child.

    PEFT matches some of them whole, and others with the beginning of a name.
    """
    for pattern in given["patterns"]:
        try:
            compiled = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as fault:
            return f"is no regular expression ({str(fault)[:80]})"
        for name in given["names"]:
            compiled.fullmatch(name)
            compiled.match(name)
    return ""


TASKS = {"template": _render_template, "patterns": _match_patterns}


def main(task: str, cpu_s: str, memory_bytes: str) -> None:
    """Try one template or some patterns, and print the fault. This runs in the child."""
    given = json.load(sys.stdin)
    limit_resources(int(cpu_s), int(memory_bytes))
    try:
        fault = TASKS[task](given)
    except MemoryError:
        fault = f"needs more than {int(memory_bytes) >> 20} MB for a short text"
    sys.stdout.write(json.dumps({"fault": fault}))


if __name__ == "__main__":
    main(*sys.argv[1:])
