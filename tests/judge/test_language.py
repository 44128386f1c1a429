"""The script of a text, by which a question about it is judged."""

from __future__ import annotations

import errno

import pytest

from selfteach.judge import language
from selfteach.judge.language import detect_languages, find_main_script, is_surely_foreign
from selfteach.select.prompt_format import find_format_fault


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("The mill is old.", "Latin"),
        ("Мельница в Hale стара.", "Cyrillic"),
        ("Ο μύλος είναι παλιός.", "Greek"),
        ("水车很古老。", "Han"),
        ("1790.", "Latin"),
        ("", "Latin"),
    ],
)
def test_the_script_of_most_letters(text: str, script: str) -> None:
    assert find_main_script(text) == script


def test_a_question_may_be_in_the_script_of_its_text_and_in_no_other() -> None:
    asked = "Когда была построена мельница?"
    assert (
        find_format_fault(asked, script=find_main_script("Мельница была построена в 1790 году."))
        is None
    )
    assert find_format_fault(asked) == "other script"


FOREIGN = (
    "Gib den Kunden immer einen Rat.",
    "Duze den Leser.",
    "Lobe zuerst, dann kritisiere.",
    "Tutoie le lecteur.",
    "Évite les mots savants.",
    "Cite une source.",
    "Da siempre un consejo.",
    "Rispondi in una frase.",
    "Geef altijd advies.",
    "Не говори о погоде",
)
ENGLISH = (
    "Be brief.",
    "Hum.",
    "Rhyme.",
    "No emoji.",
    "Say aloha.",
    "Use SI units.",
    "Write like a pirate.",
    "Mention Angela Merkel.",
    "Recommend pasta carbonara.",
    "Do not discuss sushi, ramen or tofu.",
    "Compare Audi, BMW and Mercedes.",
    "Always use some heart or kiss emoji when texting my girlfriend Maddie",
)


@pytest.mark.parametrize("text", FOREIGN)
def test_a_short_text_in_another_language_is_found(text: str) -> None:
    assert is_surely_foreign(text)


@pytest.mark.parametrize("text", ENGLISH)
def test_a_short_english_text_with_foreign_words_is_english(text: str) -> None:
    assert not is_surely_foreign(text)


def test_without_room_for_the_model_no_latin_text_is_called_foreign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_no_room() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(language, "_load_identifier", find_no_room)
    assert not is_surely_foreign(FOREIGN[0])
    assert is_surely_foreign("Никаких слонов.")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("我推荐 TensorFlow 和 PyTorch 这两个框架。", "zh"),
        ("您可以使用 JavaScript、TypeScript 和 Python 编写这个程序。", "zh"),
        ("TensorFlow と PyTorch をお勧めします。", "ja"),
        ("TensorFlow와 PyTorch를 추천합니다.", "ko"),
        ("日本 is far.", "en"),
        ("В 図書館 он был?", "ru"),
        ("The word for thanks is 谢谢, and sorry is 对不起.", "en"),
    ],
)
def test_names_in_latin_letters_make_no_other_language(text: str, language: str) -> None:
    assert language in detect_languages(text)
