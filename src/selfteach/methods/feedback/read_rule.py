"""The material of feedback: one rule in plain words."""

from __future__ import annotations

import re

from selfteach.config import FeedbackConfig
from selfteach.errors import DataError, UsageError, describe_kind
from selfteach.judge.check import NAMES_OF_CHECK, parse_check, refuse_long_check
from selfteach.judge.language import find_main_script, is_surely_foreign
from selfteach.judge.setup import refuse_unknown_judge
from selfteach.materials.rules.clash import find_clash, find_empty_bound
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.forbidden_topics import forbids_topic_in_part
from selfteach.materials.rules.rule import clean_rule, suggest_check
from selfteach.materials.rules.scopes.scope import join_lines
from selfteach.methods.feedback.understand_rule import check_rule
from selfteach.methods.method import Material
from selfteach.records import JsonMapping
from selfteach.text import shorten_text

AUTO_JUDGE = "auto"
MANNER = re.compile(
    r"(?!.*\b(?:lines?|paragraphs?|words?|sentences?|away from|clear of)\b)"
    r"(?:always |please )*(?:be|stay|remain|sound|sei|seid|sois|soyez|sé|sea)"
    r"(?: (?:always|more|very|immer|sehr|toujours|très|siempre|muy|and|und|et|y))*"
    r"(?: (?!an? |the |in |on |at )[^\W\d]+,?){1,3}[.!]?",
    re.I,
)
"""A sentence that names nothing but a manner: "Be kind and patient."."""
ADVICE = re.compile(
    r"(?:please |you )*(?:(?:must not|should not|may not|do not|don't|never|avoid|stop|refuse to|"
    r"refrain from) (?:ever )?(?:give|giving|offer|offering|provide|providing)(?: (?:me|us|them|"
    r"people|users|customers|anyone))?(?: any| an)?|"
    r"(?:give(?: (?:me|us|them|people))? |offer )?no) (?:[a-z]+ ){0,2}"
    r"(?:advice|tips|recommendations?|opinions?)(?:,? please)?[.!]?",
    re.I,
)
"""A sentence that forbids what any words can say: "Do not give medical advice."."""
NOTHING = re.compile(
    r"(?:(?:always|please|just|simply) )*(?:answer|reply|respond|speak|talk|write|say something|"
    r"do (?:your|the) (?:job|task)|antworte|réponds?|responde)"
    r"(?: (?:me|us|to me|the user|(?:to )?(?:all |every |any |the |my |a )*(?:questions?|prompts?|"
    r"requests?|messages?)|as (?:usual|always|before)|as (?:well|best)(?: as)? you can|well|"
    r"properly|correctly|normally|something|please))*[.!]?",
    re.I,
)
"""A sentence that asks for what every answer does: "Answer the question."."""
OR_DECIDE = (
    "or what decides it: --check TEXT, --teacher URL#NAME (a stronger model says it plainly, or "
    "judges), or --set judge.name=yes_no (the base judges itself)"
)


def read_material(rule: str) -> Material:
    """Read a rule; the text itself is part of the run's identity.

    Raises:
        DataError: nothing is left of it, or it is no longer a rule but a document.
        UsageError: it is no text.
    """
    if not isinstance(rule, str):
        raise UsageError(f"the rule is {describe_kind(rule)}.", cure="Give a text.")
    text = join_lines(clean_rule(rule))
    return Material(text, text, {"rule": text})


def read_again(
    sources: JsonMapping | None, identity: JsonMapping, config: FeedbackConfig
) -> Material:
    """Read the material of an earlier run again, from its identity."""
    return read_material(identity["rule"])


def check_settings(config: FeedbackConfig, rule: str) -> None:
    """Refuse a check or a rule that cannot be read, before any work is done.

    Raises:
        UsageError: see `selfteach.judge.check.parse_check`, `refuse_impossible_check` and
            `refuse_judge_beside_check`; or a name is empty or refused too, no judge has its
            name, or nothing is to be learned from.
        DataError: see `check_rule` and `refuse_undecidable`.
    """
    refuse_unfit_names(config)
    if not config.ask.train_share:
        raise UsageError(
            "leaves no request to learn from.",
            where="ask.train_share=0",
            cure="Give a share above 0.",
        )
    if config.check:
        refuse_long_check(config.check)
        parse_check(config.check)
        refuse_impossible_check(config.check)
        refuse_judge_beside_check(config.judge.name)
    refuse_unknown_judge(config.judge.name, ["rule"], has_teacher=bool(config.teacher))
    effect = check_rule(rule, config).effect
    if not config.check and (suggested := suggest_check(effect)):
        parse_check(suggested)
    if not config.check and not config.teacher and config.judge.name == AUTO_JUDGE:
        refuse_undecidable(effect)


def refuse_unfit_names(config: FeedbackConfig) -> None:
    """Refuse a name of the subject that is empty, before it is looked for in every answer, and one
    that is given both as a name and as none.

    Raises:
        UsageError: a name is.
    """
    for option, names in (("--also", config.also), ("--not", config.not_also)):
        if not all(name.strip("* \t\n") for name in names):
            raise UsageError(
                "a name is empty.",
                where=option,
                cure=f"Name the subject in a word or two, for instance {option} soccer.",
            )
    refused = {name.strip().lower() for name in config.not_also}
    both = [name for name in config.also if name.strip().lower() in refused]
    if both:
        raise UsageError(
            f'"{shorten_text(both[0])}" is named by --also and by --not.',
            cure="Leave out one of the two.",
        )


def refuse_impossible_check(check: str) -> None:
    """Refuse a check that no answer can meet.

    Raises:
        UsageError: two of its conditions contradict each other, or one leaves no words.
    """
    if bound := find_empty_bound(check):
        raise UsageError(
            f"no answer in words can meet the check: it demands {bound}.",
            where="check",
            cure="Allow at least one word.",
        )
    if pair := find_clash(check, check):
        raise UsageError(
            f"no answer can meet the check: it demands {pair[0]} and {pair[1]}.",
            where="check",
            cure='Leave out one of the two conditions, or join them with "or".',
        )


def refuse_judge_beside_check(name: str) -> None:
    """Refuse a judge by name where a check decides alone.

    Raises:
        UsageError: the name is that of another judge.
    """
    if name not in NAMES_OF_CHECK:
        raise UsageError(
            f"--check decides alone, so the judge {name} would never be asked.",
            where="judge.name",
            cure="Leave out one of the two.",
        )


def refuse_undecidable(effect: str) -> None:
    """Refuse an effect that nothing here can decide, before minutes are spent on finding that out.

    Raises:
        DataError: it asks for nothing, states a manner alone or forbids a topic in part, or its
            language is not read.
    """
    if read_effect(effect):
        return
    if NOTHING.fullmatch(effect.strip()):
        raise DataError(
            f'"{shorten_text(effect.strip())}" asks for nothing: every answer does it.',
            cure=f'Say what is to change, for instance "Answer in one sentence.", {OR_DECIDE}.',
        )
    if find_main_script(effect) != "Latin":  # a rule in Chinese has no spaces
        raise make_foreign_error(effect)
    if len(effect.split()) == 1:
        raise DataError(
            f'"{shorten_text(effect.strip())}" says too little: one word is no rule.',
            cure=f'Say what to do in a sentence, for instance "Answer in rhyme.", {OR_DECIDE}.',
        )
    if MANNER.fullmatch(effect.strip()):
        raise DataError(
            f'"{shorten_text(effect.strip())}" names a manner, and no program can check a manner.',
            cure=f'Say what an answer must do, for instance "End with a thank you.", {OR_DECIDE}.',
        )
    if ADVICE.fullmatch(effect.strip()):
        raise DataError(
            f'"{shorten_text(effect.strip())}" forbids what any words can say, and no program '
            "can check that.",
            cure=f'Name the subject, for instance "Do not talk about medicine.", {OR_DECIDE}.',
        )
    if forbids_topic_in_part(effect):
        raise DataError(
            f'"{shorten_text(effect.strip())}" forbids a subject only in part (together, twice, at '
            "length or unasked), and no program can check that.",
            cure=(
                'Name what must not come up at all, for instance "Do not mention elephants.", '
                f"{OR_DECIDE}."
            ),
        )
    if is_surely_foreign(effect):
        raise make_foreign_error(effect)


def make_foreign_error(effect: str) -> DataError:
    """Return the error of an effect in a language whose forms are not read."""
    return DataError(
        f'"{shorten_text(effect)}" is not in English, and its form is not recognized.',
        cure=f"Say the rule in English, {OR_DECIDE}.",
    )
