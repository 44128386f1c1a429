"""`selfteach chat`: a conversation in the terminal. A line that begins with / is a command.

With `--student` the conversation teaches: what is said becomes a job of the student, as on its
server, and a process at low priority works on it meanwhile.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from selfteach.commands.answer import AnswerOptions, open_model
from selfteach.commands.screen import Screen, open_screen
from selfteach.commands.student_option import check_student_option
from selfteach.errors import DataError, IntegrityError, UsageError
from selfteach.models import Sampler
from selfteach.models.ordered import sample_each
from selfteach.records import Completion, Message, Request
from selfteach.results import check_answering_model
from selfteach.run.display import replace_control_chars
from selfteach.text import clean_text

if TYPE_CHECKING:
    from selfteach.commands.chat_student import TaughtStudent

ADAPTER_COMMAND = "/adapter NAME"
COMMANDS = {
    "/help": "lists these commands",
    "/reset": "forgets the conversation",
    ADAPTER_COMMAND: "answers with another adapter of the run",
    "/exit, /quit": "end the chat",
}


def run_chat(options: AnswerOptions, student: str | None = None, config: str = "") -> None:
    """Read turns from stdin until it ends or /exit is typed.

    Args:
        config: the preset or the file of settings of the rules that are taught.

    Raises:
        UsageError: a student and a run are given, or settings that nothing has or wants.
    """
    options.make_sampling()  # refuses before a model is loaded
    beside = "--run" if options.run else "--adapter" if options.adapter else ""
    check_student_option(student, config, "in the chat", beside=beside)
    if student is None:
        check_answering_model(options.run, options.model, options.adapter)
    with open_screen(None, debug=options.debug) as screen:
        if student is None:
            sampler = open_model(options, screen)
            screen.display.finish()
            _converse(sampler, options, screen)
            return
        from selfteach.commands.chat_student import open_taught_student

        with open_taught_student(student, options, screen, config) as taught:
            _converse(taught.sampler, options, screen, taught)


def _converse(
    sampler: Sampler,
    options: AnswerOptions,
    screen: Screen,
    taught: TaughtStudent | None = None,
) -> None:
    screen.display.print_line("/help lists the commands, Ctrl-C drops an answer")
    opening = (Message("system", clean_text(options.system)),) if options.system else ()
    turns: tuple[Message, ...] = opening
    cut = False  # whether the last answer stopped at its token limit
    seed = options.seed
    while True:
        print("> ", end="", file=screen.out, flush=True)
        line = sys.stdin.readline()
        text = clean_text(line).strip()
        if line and not sys.stdin.isatty():  # a terminal shows what is typed
            print(replace_control_chars(text), file=screen.out, flush=True)
        word, _, rest = text.partition(" ")
        if taught:
            sampler = taught.follow_jobs()
        if not line or word in ("/quit", "/exit"):
            break
        if word == "/reset":
            turns = opening
            seed += 1
        elif word == "/adapter" and options.run:
            sampler = _switch_adapter(sampler, options, rest.strip(), screen)
        elif taught and word in taught.words:
            sampler = taught.run_command(word, rest.strip(), turns, cut=cut)
        elif word.startswith("/"):
            _list_commands("" if word == "/help" else word, options, screen, taught)
        elif text:
            asked = (*turns, Message("user", text))
            answer = _print_answer(sampler, asked, replace(options, seed=seed), screen)
            if answer is not None:
                turns = (*asked, Message("assistant", answer.text))
                cut = answer.finish == "length"


def _list_commands(
    unknown: str, options: AnswerOptions, screen: Screen, taught: TaughtStudent | None
) -> None:
    """Print the commands; first the word that is none of them, if there is one."""
    if unknown:
        screen.print_line(f"there is no command {unknown}; nothing was asked.")
    known = {**(taught.commands if taught else {}), **COMMANDS}
    for words, meaning in known.items():
        if words != ADAPTER_COMMAND or options.run:
            screen.print_line(f"{words:15} {meaning}")


def _switch_adapter(sampler: Sampler, options: AnswerOptions, name: str, screen: Screen) -> Sampler:
    """Return a sampler with another adapter of the run; the same one if that is not there, or not
    whole.
    """
    try:
        found = open_model(replace(options, adapter=name), screen)
    except (IntegrityError, UsageError) as fault:
        screen.display.finish()
        screen.print_line(str(fault))
        return sampler
    screen.display.finish()
    return found


def _print_answer(
    sampler: Sampler, turns: tuple[Message, ...], options: AnswerOptions, screen: Screen
) -> Completion | None:
    """Print the answer and return it; None means that there is none."""
    request = Request("chat", turns, options.make_sampling(), 0, options.seed)
    try:
        (completion,) = sample_each(sampler, [request], ["the conversation"])
    except DataError as fault:  # the conversation no longer fits
        screen.print_line(f"{fault} /reset begins a new one.")
        return None
    except KeyboardInterrupt:
        screen.print_line("this answer is dropped, and its question with it.")
        return None
    text = replace_control_chars(completion.text)
    end = "..." if completion.finish == "length" else ""
    print(text + end + "\n", file=screen.out, flush=True)
    return completion
