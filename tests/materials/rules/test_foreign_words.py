"""The English words for people and subjects of rules in other languages."""

from __future__ import annotations

import pytest

from selfteach.materials.rules.languages.foreign_words import (
    list_english_names,
    list_english_people,
    to_english_subject,
)
from selfteach.materials.rules.rule import read_rule, suggest_check
from selfteach.materials.rules.scopes.situation import Situation, read_situation


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("meiner Freundin", "girlfriend"),
        ("meinem Chef", "boss"),
        ("mi jefe", "boss"),
        ("meine Mutter", "mother"),
        ("ma grand-mère", "grandmother"),
        ("mio marito", "husband"),
        ("unsere Kunden", "customer"),
    ],
)
def test_people_have_an_english_word(text: str, name: str) -> None:
    assert name in list_english_people(text)


def test_a_name_has_no_english_word() -> None:
    assert list_english_people("Maddie") == ()


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("den Öffnungszeiten", "opening hours"),
        ("les horaires d'ouverture", "opening hours"),
        ("horario de apertura", "opening hours"),
        ("il prezzo", "prices"),
        ("Fußball", "soccer"),
        ("Schmetterlinge", "Schmetterlinge"),
        ("opening hours", "opening hours"),
    ],
)
def test_a_usual_subject_has_its_english_name(subject: str, name: str) -> None:
    assert to_english_subject(subject) == name


def test_a_subject_may_have_several_english_names() -> None:
    assert list_english_names("el fútbol") == ("soccer", "football")


@pytest.mark.parametrize(
    ("rule", "situation", "check"),
    [
        (
            "In Texten an meine Mutter bleibe unter 20 Wörtern.",
            Situation("writing", "text message", "meine Mutter", ("meine Mutter",)),
            "max_words=19",
        ),
        (
            "Dans les e-mails à mon chef, reste en dessous de 40 mots.",
            Situation("writing", "email", "mon chef", ("mon chef",)),
            "max_words=39",
        ),
        (
            "Cuando le escriba a mi novia, usa menos de 30 palabras.",
            Situation("writing", "", "mi novia", ("mi novia",)),
            "max_words=29",
        ),
        (
            "Cuando le escriba un correo a mi jefe, usa menos de 30 palabras.",
            Situation("writing", "email", "mi jefe", ("mi jefe",)),
            "max_words=29",
        ),
    ],
)
def test_writing_to_somebody_in_another_language(
    rule: str, situation: Situation, check: str
) -> None:
    read = read_rule(rule)
    assert read_situation(read.scope) == situation
    assert suggest_check(read) == check


def test_any_text_is_no_text_message() -> None:
    assert read_situation("Texten").genre == ""


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("Benutze in Texten keine Emojis.", suggest_check("no emojis")),
        ("Verwende in deinen Texten keine Emojis.", suggest_check("no emojis")),
        ("In Texten benutze keine Emojis.", suggest_check("no emojis")),
        ("Schreibe in Antworten keine Listen.", "not format=list"),
    ],
)
def test_what_holds_in_any_text_holds_everywhere(text: str, check: str) -> None:
    rule = read_rule(text)
    assert (rule.scope, suggest_check(rule)) == ("", check)
