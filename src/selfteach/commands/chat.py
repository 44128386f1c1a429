"""`selfteach chat`: a conversation in the terminal. /reset forgets it, /adapter changes who
answers, /quit ends it; Ctrl-C while an answer is drawn drops that turn alone."""

from __future__ import annotations

import sys
from dataclasses import replace

from selfteach.commands.answer import AnswerOptions, open_model
from selfteach.commands.screen import Screen, open_screen
from selfteach.errors import DataError, UsageError
from selfteach.models import Sampler
from selfteach.records import Message, Request, SamplingParams
from selfteach.run.display import replace_control_chars
from selfteach.text import clean_text


def run_chat(options: AnswerOptions) -> None:
    """Reads turns from stdin until it ends or /quit is typed."""
    with open_screen(None, debug=options.debug) as shown:
        drawer = open_model(options, shown)
        shown.display.finish()
        more = ", /adapter NAME lets another one of the run answer" if options.run else ""
        shown.display.print_line(
            f"/reset forgets the conversation, Ctrl-C drops an answer, /quit ends it{more}"
        )
        _converse(drawer, options, shown)


def _converse(sampler: Sampler, options: AnswerOptions, shown: Screen) -> None:
    opening = (Message("system", clean_text(options.system)),) if options.system else ()
    turns: tuple[Message, ...] = opening
    seed = options.seed
    while True:
        print("> ", end="", file=shown.out, flush=True)
        line = sys.stdin.readline()
        text = clean_text(line).strip()
        if not line or text == "/quit":
            break
        if text == "/reset":
            turns, seed = opening, seed + 1
        elif text.split()[:1] == ["/adapter"] and options.run:
            sampler = _switch_adapter(
                sampler, options, text.removeprefix("/adapter").strip(), shown
            )
        elif text:
            turns = (*turns, Message("user", text))
            reply = _reply(sampler, turns, replace(options, seed=seed), shown)
            turns = (*turns, Message("assistant", reply)) if reply is not None else turns[:-1]


def _switch_adapter(sampler: Sampler, options: AnswerOptions, name: str, shown: Screen) -> Sampler:
    """What draws with another adapter of the run; the same as before where there is none of that
    name. The conversation goes on.
    """
    try:
        found = open_model(replace(options, adapter=name), shown)
    except UsageError as fault:
        shown.print_line(str(fault))
        return sampler
    shown.display.finish()
    return found


def _reply(
    sampler: Sampler, turns: tuple[Message, ...], options: AnswerOptions, shown: Screen
) -> str | None:
    """The answer, shown; None where there is none, so that its question is dropped too."""
    sampling = SamplingParams(temperature=options.temperature, max_tokens=options.max_tokens)
    try:
        draw = next(iter(sampler.stream([Request("chat", turns, sampling, 0, options.seed)])))
    except DataError as fault:  # the conversation no longer fits
        shown.print_line(f"{fault} /reset begins a new one.")
        return None
    except KeyboardInterrupt:
        shown.print_line("this answer is dropped, and its question with it.")
        return None
    print(
        replace_control_chars(draw.text) + ("..." if draw.finish == "length" else "") + "\n",
        file=shown.out,
        flush=True,
    )
    return draw.text
