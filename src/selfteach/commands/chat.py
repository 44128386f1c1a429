"""`selfteach chat`: a conversation in the terminal. /reset forgets it, /adapter changes who
answers, /quit ends it; Ctrl-C while an answer is drawn drops that turn alone."""

from __future__ import annotations

import sys
from dataclasses import replace

from selfteach.commands.answer import Options, open_model
from selfteach.commands.screen import Screen, screen
from selfteach.errors import DataError, UsageError
from selfteach.models import Drawer
from selfteach.records import Message, Request, Sampling, clean
from selfteach.run.display import printable


def chat(options: Options) -> None:
    """Reads turns from stdin until it ends or /quit is typed."""
    with screen(None, debug=options.debug) as shown:
        drawer = open_model(options, shown)
        shown.display.finish()
        more = ", /adapter NAME lets another one of the run answer" if options.run else ""
        shown.display.say(
            f"/reset forgets the conversation, Ctrl-C drops an answer, /quit ends it{more}"
        )
        _talk(drawer, options, shown)


def _talk(drawer: Drawer, options: Options, shown: Screen) -> None:
    opening = (Message("system", clean(options.system)),) if options.system else ()
    turns: tuple[Message, ...] = opening
    seed = options.seed
    while True:
        print("> ", end="", file=shown.out, flush=True)
        line = sys.stdin.readline()
        text = clean(line).strip()
        if not line or text == "/quit":
            break
        if text == "/reset":
            turns, seed = opening, seed + 1
        elif text.split()[:1] == ["/adapter"] and options.run:
            drawer = _other(drawer, options, text.removeprefix("/adapter").strip(), shown)
        elif text:
            turns = (*turns, Message("user", text))
            reply = _reply(drawer, turns, replace(options, seed=seed), shown)
            turns = (*turns, Message("assistant", reply)) if reply is not None else turns[:-1]


def _other(drawer: Drawer, options: Options, name: str, shown: Screen) -> Drawer:
    """What draws with another adapter of the run; the same as before where there is none of that
    name. The conversation goes on.
    """
    try:
        found = open_model(replace(options, adapter=name), shown)
    except UsageError as fault:
        shown.say(str(fault))
        return drawer
    shown.display.finish()
    return found


def _reply(
    drawer: Drawer, turns: tuple[Message, ...], options: Options, shown: Screen
) -> str | None:
    """The answer, shown; None where there is none, so that its question is dropped too."""
    sampling = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    try:
        draw = next(iter(drawer.draw([Request("chat", turns, sampling, 0, options.seed)])))
    except DataError as fault:  # the conversation no longer fits
        shown.say(f"{fault} /reset begins a new one.")
        return None
    except KeyboardInterrupt:
        shown.say("this answer is dropped, and its question with it.")
        return None
    print(
        printable(draw.text) + ("..." if draw.finish == "length" else "") + "\n",
        file=shown.out,
        flush=True,
    )
    return draw.text
