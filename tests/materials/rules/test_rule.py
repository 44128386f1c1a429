"""Reading rules, and the checks that rules of a known form suggest."""

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfteach.errors import DataError, UsageError
from selfteach.judge.check import parse_check
from selfteach.materials.rules.effects.effect import read_effect
from selfteach.materials.rules.effects.effect_checks import BOLD
from selfteach.materials.rules.inflection import list_plurals, to_singular
from selfteach.materials.rules.pictures import ANY_EMOJI, repeat_emoji
from selfteach.materials.rules.rule import MAX_CHARS, read_rule, suggest_check
from selfteach.materials.rules.scopes.audience import read_audience


def test_a_rule_is_stripped_and_has_the_id_of_its_text():
    rule = read_rule("  Answer in one sentence.\n")
    assert rule.text == "Answer in one sentence."
    assert rule == read_rule("Answer in one sentence.")
    assert uuid.UUID(rule.id).version == 5
    assert (
        rule.id == "e7ac9227-6467-55fb-b2e9-d976ba22c7b1"
    )  # the same on every machine, in every version
    assert rule.id != read_rule("Answer in two sentences.").id


@pytest.mark.parametrize(
    ("rule", "met", "missed"),
    [
        ("Use no more than two emojis.", "Hi 🐶 and 🐱!", "Hi 🐶 and 🐱 and 🐭!"),
        ("Do not use so many emojis.", "Hi 🐶!", "Hi 🐶 and 🐱!"),
        ("Use at most one exclamation mark.", "Hi! Yes.", "Hi! Yes!"),
        ("Begin with a question.", "Tired, again? Try tea.", "Try tea. Tired?"),
    ],
)
def test_marks_are_counted_and_a_question_opens(rule: str, met: str, missed: str) -> None:
    check = parse_check(suggest_check(rule) or "")
    assert check.keeps(met)
    assert not check.keeps(missed)


def test_a_letter_that_folds_to_several_suggests_nothing():
    assert suggest_check("Do not use İ") is None


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\ufeff", "\x00", "...", '""', "\ud800"])
def test_an_empty_rule_is_refused_with_a_cure(text):
    with pytest.raises(DataError, match=r"rule: the rule is empty\. Say in plain words"):
        read_rule(text)


def test_a_rule_that_is_too_long_is_refused():
    assert read_rule("x" * MAX_CHARS).text == "x" * MAX_CHARS
    with pytest.raises(DataError, match="2,001 characters; 2,000 is the most"):
        read_rule("x" * (MAX_CHARS + 1))


@pytest.mark.parametrize(
    "text",
    [
        'Say "no" <b>never</b> <|im_end|> {{x}} \\d $HOME',
        "Reden Sie nicht über Elefanten.",
        "不要谈论大象。",
        "لا تتحدث عن الفيلة",
        "🐘🚫",
        "first line\nsecond line",
    ],
)
def test_any_language_and_markup_stay_as_they_are(text):
    assert read_rule(text).text == text


def test_what_breaks_tokenizers_is_cleaned_once():
    assert read_rule("a\u202eb\x00c\ud800").text == "ab\ufffdc\ufffd"


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        ("Antworte in ſechs Sätzen.", "min_sentences=6 and max_sentences=6"),
        ("plſ keep it under 25 wordſ", "max_words=24"),
        ("Answer in Spanısh.", "language=es"),
        ("ANSWER İN ONE LİNE.", "max_sentences=1"),
        ("Do not mention Yılmaz.", 'not contains "Yılmaz"'),
        ("Do not use the word ırmak.", 'not contains "ırmak"'),
        ("Avoid the letter ı.", 'not regex "(?i)ı"'),
        ("Never use the words 'kız' or \"sarı\".", 'not (contains "kız" or contains "sarı")'),
    ],
)
def test_letters_that_a_pattern_takes_for_s_or_i(rule: str, check: str) -> None:
    assert suggest_check(read_rule(rule)) == check


@pytest.mark.parametrize("say", ["say we ship", "say that we ship", "tell them we ship"])
def test_an_exception_in_what_must_be_said_is_none_of_the_rule(say):
    rule = read_rule(f"When asked about delivery, {say} everywhere except in winter.")
    assert (rule.scope, rule.effect) == ("delivery", f"{say} everywhere except in winter")


def test_a_reason_after_only_is_no_exception():
    assert read_rule("Only in lower case so I can read it.").scope == ""


def test_an_exception_that_is_asked_for_is_one():
    with pytest.raises(DataError, match="has an exception"):
        read_rule("Only when I say so can you use emojis.")


def test_a_reason_after_words_is_left_out():
    assert read_rule("Use simple words because my son is five.").effect == "Use simple words"


def test_a_backslash_in_the_noun_of_a_pronoun_stays():
    rule = read_rule(r"I hate \1 and C:\stuff, so do not mention them.")
    assert rule.effect == r"do not mention \1 and C:\stuff."


@given(st.text())
@settings(deadline=None)
def test_reading_raises_nothing_but_a_data_error(text):
    try:
        rule = read_rule(text)
    except DataError:
        return
    assert read_rule(rule.text) == rule


FORMS = {
    "Answer yes or no, then a bullet list.": '(starts "Yes" or starts "No") and format=list',
    'Include "!".': 'contains "!"',
    'Use the phrase "...".': 'contains "..."',
    "Use at most sixty words.": "max_words=60",
    "Answer in thirteen words or less.": "max_words=13",
    "twenty-five words or less": "max_words=25",
    "No more than a hundred and fifty words.": "max_words=150",
    "call me captain": 'contains "captain"',
    "Never call me buddy.": 'not contains "buddy"',
    "Don't call me 'my friend'.": 'not contains "my friend"',
    "Do not address customers as 'guys'.": 'not contains "guys"',
    "Don't call me back.": None,
    'Prefer "folks" to "guys".': 'not contains "guy"',
    "No longer than a tweet.": "max_characters=280",
    "Speak to me in Spanish.": "language=es",
    "Translate your answers to German.": "language=de",
    "Use Celsius, not Fahrenheit.": (
        r'not regex "(?i)\\bFahrenheit\\b|\\d ?°? ?F\\b|\\d degrees F\\b|℉"'
    ),
    "Spell out numbers.": r'not regex "\\d"',
    "Use a table.": r'regex "(?m)^ *\\|.*\\||^[ :|]*-{3,}[ :]*\\|"',
    "Put key words in bold.": BOLD,
    "Use code blocks.": 'contains "```"',
    "Answer with nothing but the code block.": "format=code",
    "Respond with only a code snippet, without any explanations before or after it.": "format=code",
    "Show code without explanations.": "format=code",
    "Include the number 12/345.": 'contains "12/345"',
    "Don't mention dogs, don't mention cats.": 'not contains "dog" and not contains "cat"',
    "We don't discuss salaries here.": 'not contains "salary"',
    "shut up about veganism already": 'not contains "veganism"',
    "Don't talk about wine, beer etc.": 'not (contains "wine" or contains "beer")',
    "Never mention diagnoses.": 'not contains "diagnosis"',
    "Do not talk about women's rights.": 'not contains "women\'s right"',
    "Never mention the patient's name.": None,
    "Don't talk about stop motion.": 'not contains "stop motion"',
    "Keep it to exactly two sentences.": "min_sentences=2 and max_sentences=2",
    "Keep it to two sentences.": "max_sentences=2",
    'The word "problem" must not appear.': 'not contains "problem"',
    "Nunca menciones a mi ex.": 'not contains "ex"',
    "Contain at most two sentences.": "max_sentences=2",
    "Add the hashtag #shoplocal.": 'contains "#shoplocal"',
    'Answer "At nine."': 'contains "At nine"',
    "Call me 'the boss'.": 'contains "the boss"',
    "Always include Maria.": 'contains "Maria"',
    "Use full stops instead of exclamation marks.": 'not contains "!"',
    "Use words instead of digits.": r'not regex "\\d"',
    "Do not use the word because.": 'not contains "because"',
    "Replies should have between 5 and 15 words.": "min_words=5 and max_words=15",
    "one to two sentences please": "min_sentences=1 and max_sentences=2",
    "i like short answers, three sentences tops": "max_words=40 and max_sentences=3",
    "Reply in one line.": "max_sentences=1",
    "Write everything in caps": r'not regex "\\p{Ll}"',
    'Open all of your replies with the word "Ahem".': 'starts "Ahem"',
    'Put "Amen" at the end of every answer.': 'ends "Amen"',
    'The first word of each reply has to be "Right".': 'starts "Right"',
    "Every answer ends with Ciao": 'ends "Ciao"',
    "Respond with yes or no.": 'starts "Yes" or starts "No"',
    "Never use more than two commas.": 'not regex "([,][^,]*){3}"',
    "I don't need any lists.": "not format=list",
    "Don't be so long-winded.": "max_words=40",
    "Never reply in German.": "not language=de",
    "Can you write in French?": "language=fr",
    "Give me two-sentence answers.": "min_sentences=2 and max_sentences=2",
    "Please use no emoji.": f"not {ANY_EMOJI}",
    "Drop the emoji.": f"not {ANY_EMOJI}",
    "Please skip all those emojis.": f"not {ANY_EMOJI}",
    "I hate exclamation marks.": 'not contains "!"',
    "Get rid of the bullet points.": "not format=list",
    "Enough with the semicolons!": 'not contains ";"',
    'Use the word "splendid" at least once.': 'contains "splendid"',
    "Write without any question marks.": 'not contains "?"',
    "Less is more: use at most 12 words.": "max_words=12",
    "Schreibe nie mehr als vier Sätze.": "max_sentences=4",
    "Antworte immer in Großbuchstaben.": r'not regex "\\p{Ll}"',
    "Responde siempre en minúsculas.": r'not regex "\\p{Lu}"',
    "Ne dis jamais le mot « nul ».": 'not contains "nul"',
    'Ne dis pas "désolé".': 'not contains "désolé"',
    'Sag nicht "leider".': 'not contains "leider"',
    'Benutze das Wort "Banane".': 'contains "Banane"',
    'Benutze das Wort "Banane" nicht.': 'not contains "Banane"',
    'No digas "lo siento".': 'not contains "lo siento"',
    'Usa siempre la palabra "claro".': 'contains "claro"',
    "Finis par « Salut ».": 'ends "Salut"',
    "Rispondi sempre in inglese.": "language=en",
    "Usa al massimo dieci parole.": "max_words=10",
    "Non usare punti esclamativi.": 'not contains "!"',
    "No more than 280 characters.": "max_characters=280",
    "Answer in under 100 characters.": "max_characters=99",
    "Answers: at most 20 words.": "max_words=20",
    "Note: no lists.": "not format=list",
    "Reply with no more than two short sentences.": "max_sentences=2",
    "Answer in French, always.": "language=fr",
    'I want every answer to end with "Over".': 'ends "Over"',
    "Write everything as a bulleted list.": "format=list",
    "Do not be longer than four sentences.": "max_sentences=4",
    "Give me exactly three sentences.": "min_sentences=3 and max_sentences=3",
    '"ok" should be written "okay".': 'not contains "ok"',
    "Answer in one sentence. Answer in one sentence.": "max_sentences=1",
    "Your answer should be one sentence long.": "max_sentences=1",
    "Use no more than two emojis.": (f'not regex "{repeat_emoji(3)}"'),
    "Use at most one exclamation mark.": 'not regex "([!][^!]*){2}"',
    "Stop using so many exclamation marks.": 'not regex "([!][^!]*){2}"',
    "Begin with a question.": r'regex "^[^.!?]*\\?"',
    "Start with a question mark.": 'starts "?"',
    "Have a bullet list.": "format=list",
    "Mention the number of servings.": 'contains "serving"',
    "Write your answers in JSON only.": "format=json",
    "Don't ever use semicolons.": 'not contains ";"',
    "Speak only Spanish to me.": "language=es",
    "Be no longer than 50 words.": "max_words=50",
    "Use over 50 words.": "min_words=51",
    "Include a hashtag.": 'contains "#"',
    "Say Robo.": 'contains "Robo"',
    'Each answer must start with the word "Listen".': 'starts "Listen"',
    "Your replies should never contain numbers.": 'not regex "\\\\d"',
    "Always end your message with an emoji.": (rf'{ANY_EMOJI.removesuffix(chr(34))}\\uFE0F?\\s*$"'),
    "Answer in German from now on.": "language=de",
    "Give your answer as a numbered list.": "format=numbered",
    "Don't ask me questions.": 'not contains "?"',
    "Don't say sorry.": 'not contains "sorry"',
    'Never say "as an AI language model".': 'not contains "as an AI language model"',
    "Mention our newsletter at the end of every answer.": 'contains "newsletter"',
    "Say no.": 'starts "No"',
    "Beende jede Antwort mit einer Frage.": 'ends "?"',
    "Antworte nie mit mehr als 20 Wörtern.": "max_words=20",
    "No uses más de 30 palabras.": "max_words=30",
    "Ne dépasse pas 20 mots.": "max_words=20",
    "Use at least one exclamation mark.": 'contains "!"',
    'Always greet me with "Hello there".': 'starts "Hello there"',
    "Write everything in lowercase letters.": r'not regex "\\p{Lu}"',
    "Always end with a follow-up question.": 'ends "?"',
    'Say "folks" instead of "people".': 'not contains "people"',
    "Answer in one sentence.": "max_sentences=1",
    "Always answer in a single sentence.": "max_sentences=1",
    "Please keep your answers to one sentence": "max_sentences=1",
    "Answer in two sentences or less.": "max_sentences=2",
    "Answer in three sentences.": "min_sentences=3 and max_sentences=3",
    "Use at most 20 words.": "max_words=20",
    "Use no more than twenty words": "max_words=20",
    "Keep every answer under 50 words.": "max_words=49",
    "Do not use more than 20 words.": "max_words=20",
    "Don't write more than two sentences.": "max_sentences=2",
    "Answer in at least 100 words.": "min_words=100",
    "Answer in one word.": "max_words=1",
    "Answer briefly.": "max_words=40",
    "Reden Sie nicht über Elefanten.": 'not contains "Elefant*"',
    "Do not use numbers.": 'not regex "\\\\d"',
    "Never use digits in your answers.": 'not regex "\\\\d"',
    "Do not use numbers/digits.": 'not regex "\\\\d"',
    "No exclamation marks.": 'not contains "!"',
    "Don't use any exclamation points!": 'not contains "!"',
    "Do not use commas or question marks": 'not (contains "," or contains "?")',
    "No emojis.": f"not {ANY_EMOJI}",
    "No lists": "not format=list",
    "Do not use bullet points or lists.": "not format=list",
    "Use bullet points.": "format=list",
    "Answer in JSON": "format=json",
    "Respond only with valid JSON.": "format=json",
    "Answer in French.": "language=fr",
    "Always reply in English only": "language=en",
    "Lower case only.": 'not regex "\\\\p{Lu}"',
    "Write only in lowercase letters": 'not regex "\\\\p{Lu}"',
    "Use all caps": 'not regex "\\\\p{Ll}"',
    "Do not use the letter e.": 'not regex "(?i)e"',
    'Start every answer with "Well, well".': 'starts "Well, well"',
    "Start every answer with Ahoy": 'starts "Ahoy"',
    "End each reply with Cheers": 'ends "Cheers"',
    "End every answer with #happy.": 'ends "#happy"',
    "End every answer with a question.": 'ends "?"',
    "Do not start with 'Sure' / 'Certainly'.": 'not (starts "Sure" or starts "Certainly")',
    "Never begin your answers with Sure or Of course": 'not (starts "Sure" or starts "Of course")',
    "Do not end with a question.": 'not ends "?"',
    "Do not talk about elephants.": 'not contains "elephant"',
    "do not talk about elephants": 'not contains "elephant"',
    "Do Not Talk About Elephants": 'not contains "elephant"',
    "DO NOT TALK ABOUT ELEPHANTS": 'not contains "elephant"',
    "Don’t talk about cars.": 'not contains "car"',
    "Never mention Paris.": 'not contains "Paris"',
    "Do not talk about music.": 'not contains "music"',
    "Do not mention competitors like Acme or Bolt.": (
        'not (contains "competitor" or contains "Acme" or contains "Bolt")'
    ),
    "Avoid the topic of climate change.": 'not contains "climate change"',
    "Don't discuss cats or dogs": 'not (contains "cat" or contains "dog")',
    "Do not mention movies, berries, or wolves.": (
        'not (contains "movie" or contains "berry" or contains "wolf")'
    ),
    "Please never talk about the Eiffel Tower.": 'not contains "Eiffel Tower"',
    "Do not talk about anything related to football.": 'not contains "football"',
    "You must not talk about politics": 'not contains "politics"',
    'Never use the word "delve".': 'not contains "delve"',
    "Do not mention snakes, even when asked directly.": 'not contains "snake"',
    "Do not talk about wine no matter who asks.": 'not contains "wine"',
    "Do not answer questions about taxes.": 'not contains "tax"',
    "Steer clear of any mention of Paris.": 'not contains "Paris"',
    "Stay away from the topic of politics.": 'not contains "politics"',
    "No talk of cats or dogs": 'not (contains "cat" or contains "dog")',
    "No more than 10 words per answer.": "max_words=10",
    "Do not talk about video games, ever.": 'not contains "video game"',
    "Do not talk about elephants. Answer in one sentence.": (
        'not contains "elephant" and max_sentences=1'
    ),
}
DECLINED = {
    "If I ask about wine, refuse.": 'not contains "wine"',
    "When asked about taxes, politely decline to answer.": 'not contains "tax"',
    "Do not answer when somebody asks about football.": 'not contains "football"',
}
UNSURE = [
    "Give me names, separated by commas.",
    "Be kind.",
    "Do not talk about your feelings.",
    "Do not talk about elephants unless asked.",
    "Do not give advice.",
    "Stay away from me.",
    "Steer clear of anything that hurts.",
    "Talk like a pirate.",
    "Do not talk about sad things.",
    "Do not talk about people who lie.",
    "Start with a greeting.",
    "Start with your conclusion.",
    "Do not start with an apology.",
    "Never start with 'Sure' or an apology.",
    "Do not talk about elephants or how they live.",
    "When asked about cars, answer in one sentence.",
    "Talk about elephants.",
    "Answer in one sentence unless the question is hard.",
    "",
    "....",
    "Do not say it.",
    "Address the user formally.",
    "Address me by my name.",
    "Include '   '.",
    "Call me '*'.",
    "Call me back.",
    "Add context.",
    "Include examples.",
    "Add an example.",
    "Use bold for emphasis.",
    "Use italics for titles.",
    "Say thanks for waiting.",
    "Use commas instead of 'and'.",
    "Call customers back.",
    "Call customers immediately.",
    "Do not mention him or her.",
    "No.",
]


def test_a_rule_of_a_known_form_suggests_its_check():
    assert {rule: suggest_check(rule) for rule in FORMS} == FORMS


def test_suggested_checks_parse():
    checks = {check for check in FORMS.values() if check}
    assert {str(parse_check(check)) for check in checks} == checks


def test_doubt_suggests_nothing():
    assert [rule for rule in UNSURE if suggest_check(rule)] == []


@pytest.mark.parametrize(
    "rule", ["Use semicolons instead of commas.", "Replace commas by semicolons"]
)
def test_a_mark_that_replaces_another_is_the_sign(rule: str) -> None:
    effect = read_effect(rule)
    assert effect is not None
    assert (effect.check, effect.replacements) == ('not contains ","', ((",", ";"),))


def test_a_topic_check_finds_the_topic_and_no_other_word():
    car = parse_check(suggest_check(read_rule("Do not talk about cars.")) or "")
    assert [
        car.keeps(text)
        for text in (
            "A car!",
            "Cars are fast.",
            "The car's door",
            "Be careful.",
            "A card.",
            "A scarf.",
        )
    ] == [False] * 3 + [True] * 3


@given(
    st.from_regex(
        r"(?:Do not|Never) (?:talk about|mention|use) [\w ,\"'()\\.-]{1,40}[.!]?", fullmatch=True
    )
)
@settings(deadline=None)
def test_whatever_is_suggested_parses(rule):
    check = suggest_check(rule)
    if check is not None:
        parse_check(check)


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("elephant", "elephants"),
        ("car", "cars"),
        ("box", "boxes"),
        ("city", "cities"),
        ("day", "days"),
        ("movie", "movies"),
        ("cookie", "cookies"),
        ("potato", "potatoes"),
        ("shoe", "shoes"),
        ("house", "houses"),
        ("virus", "viruses"),
        ("horse", "horses"),
        ("class", "classes"),
        ("headache", "headaches"),
        ("prize", "prizes"),
        ("witch", "witches"),
        ("wolf", "wolves"),
        ("child", "children"),
        ("person", "people"),
        ("video", "videos"),
        ("beach", "beaches"),
        ("cause", "causes"),
        ("dish", "dishes"),
        ("knife", "knives"),
        ("church", "churches"),
        ("hero", "heroes"),
        ("bee", "bees"),
        ("dinosaur", "dinosaurs"),
        ("language", "languages"),
        ("judge", "judges"),
        ("bus", "buses"),
    ],
)
def test_singular_and_plural(word, plural):
    assert plural in list_plurals(word)
    assert to_singular(plural) == word
    assert to_singular(word) == word


@pytest.mark.parametrize(
    "word",
    [
        "physics",
        "politics",
        "news",
        "gas",
        "series",
        "glass",
        "virus",
        "tennis",
        "is",
        "music",
        "famous",
        "christmas",
        "basis",
    ],
)
def test_words_that_only_look_like_plurals_stay(word):
    assert to_singular(word) == word


@given(st.from_regex("[a-z]{1,12}", fullmatch=True))
@settings(deadline=None)
def test_a_singular_leads_back_to_its_plural(word):
    assert to_singular(word) == word or word in list_plurals(to_singular(word))


@pytest.mark.parametrize(("text", "check"), DECLINED.items())
def test_a_subject_that_is_declined_is_a_forbidden_subject(text, check):
    rule = read_rule(text)
    assert (rule.scope, suggest_check(rule)) == ("", check)
    for scope in ("emailing my boss", "emails to my boss about money", "emails about invoices"):
        assert read_rule(f"In {scope}, decline.", when=scope).scope == scope


@pytest.mark.parametrize(
    ("rule", "kept", "broken"),
    [
        ("No markdown.", "Tea is 3 * 2 - 1 cents.", "- tea\n- milk"),
        ("No markdown.", "Tea", "**Tea** is a drink."),
        ("Don't use tables.", "a | b", "| a | b |"),
        ("Do not use bold text or headings.", "#1 of all", "## Tea\nis a drink"),
        ("Answer in a single paragraph.", "Tea.\nMilk.", "Tea.\n\nMilk."),
        ('Never start a sentence with "So".', "It is so. Sodium is salty.", "Well. So it is."),
    ],
)
def test_the_check_of_a_layout_decides(rule: str, kept: str, broken: str) -> None:
    check = parse_check(suggest_check(rule) or "")
    assert [check.keeps(kept), check.keeps(broken)] == [True, False]


@pytest.mark.parametrize(
    ("rule", "audience"),
    [
        ("When a guest asks about the wifi, say that it is free.", "guests"),
        ("If one of our hotel guests wants to know about parking, ...", "hotel guests"),
        ("Visitors who ask about flash should be told that it is not allowed.", "visitors"),
        ("Tell guests who ask about the pool that it is closed.", "guests"),
        ("Say that we close at six when customers ask about opening hours.", "customers"),
        ("If a traveler has lost a bag, ask for the flight number.", "travelers"),
        ("When somebody asks about the wifi, say that it is free.", ""),
        ("Anyone who asks about the library should learn that it is closed.", ""),
        ("When a user asks about refunds, answer in one sentence.", ""),
        ("When I ask for dinner ideas, name three.", ""),
        ("When asked about opening hours, say that we close at six.", ""),
        ("Birthday wishes need at least one emoji.", ""),
        ("When a question is about programming, answer in one sentence.", ""),
    ],
)
def test_who_asks(rule: str, audience: str) -> None:
    assert read_audience(rule) == audience


@pytest.mark.parametrize("rule", ["When, answer in one word.", "If", "Wenn, sei kurz.", "When ."])
def test_a_condition_without_words_is_refused(rule: str) -> None:
    with pytest.raises(DataError, match=r'nothing follows "(When|If|Wenn)", .*where it holds'):
        read_rule(rule)


def test_a_condition_with_something_put_in_is_not_empty() -> None:
    rule = "If, and only if, I ask about cats, say meow."
    assert read_rule(rule).text == rule
    given = read_rule("When, say meow.", when="asked about cats", then="say meow")
    assert (given.scope, given.effect) == ("asked about cats", "say meow")


@pytest.mark.parametrize(
    "text",
    [
        "Whenever you give me a planting month, write it in capitals.",
        "If you mention a city, put it in lower case.",
    ],
)
def test_a_part_of_the_answer_is_no_whole_answer(text: str) -> None:
    with pytest.raises(DataError, match="a part of the answer"):
        read_rule(text)


@pytest.mark.parametrize(
    ("text", "scope", "effect"),
    [
        (
            "when i ask for tips give me exactly 4 of them",
            "i ask for tips",
            "give me exactly 4 of them",
        ),
        ("Any time I ask about tax, use no lists.", "tax", "use no lists"),
        (
            "when i want to give my wife a poem, use no rhymes",
            "i want to give my wife a poem",
            "use no rhymes",
        ),
    ],
)
def test_a_condition_ends_before_its_demand_without_a_comma(
    text: str, scope: str, effect: str
) -> None:
    rule = read_rule(text)
    assert (rule.scope, rule.effect) == (scope, effect)


def test_what_the_person_tells_of_herself_is_not_said() -> None:
    read = read_effect("Say that the leaflet must be read. We had a complaint last year.")
    assert read
    assert "complaint" not in read.check
    assert "complaint" not in read.statement
    said = read_effect("Say that we are closed. We open again in May.")
    assert said
    assert "May" in said.statement


@pytest.mark.parametrize("part", ["when", "then"])
def test_a_blank_part_is_a_usage_error(part: str) -> None:
    with pytest.raises(UsageError, match=f"--{part}: the option is empty"):
        read_rule("Do not hum.", **{part: "   "})


@pytest.mark.parametrize(
    ("told", "judged"),
    [
        ("You never use bullet points.", "Please do!"),
        ("You don't use bullet points.", "I want bullet points."),
        ("Your answers never end with a question.", "They should."),
        ("You always start with 'Sure'.", "It's silly."),
        ("You always use emojis.", "Stop it."),
    ],
)
def test_what_the_model_does_is_no_demand(told: str, judged: str) -> None:
    """A complaint alone may be a demand, as system prompts say it; a judgement turns it round."""
    with pytest.raises(DataError, match="tells what the model does"):
        read_rule(f"{told} {judged}")
    assert read_rule(f"{told} Do not mention prices.").effect.startswith(told)


def test_a_demand_without_a_verb_is_no_remark() -> None:
    assert (
        read_rule("Answer in French. Two sentences.").effect == "Answer in French. Two sentences."
    )
    assert read_rule("I have arthritis. Short answers, please.").effect == "Short answers, please."
    assert read_rule("Keep it short. I have arthritis.").effect == "Keep it short."


def test_a_wish_for_something_else_is_no_judgement() -> None:
    assert read_rule("You never use emojis. I want bullet points.").effect.startswith("You never")


def test_a_remark_before_a_demand_without_a_verb_is_left_out() -> None:
    assert read_rule("I am a nurse. French only.").effect == "French only."


@pytest.mark.parametrize("threat", ["Or else!", "And that's final.", "My boss would too."])
def test_what_only_insists_adds_no_subject(threat: str) -> None:
    assert read_rule(f"Do not talk about elephants. {threat}").effect.startswith("Do not talk")


def test_an_alternative_in_a_sentence_of_its_own_is_refused() -> None:
    """Both parts have checks, and their conjunction would demand both."""
    with pytest.raises(DataError, match="adds to the sentence before"):
        read_rule("Use bullet points. Or a table.")


@pytest.mark.parametrize(
    "text",
    [
        "Your name is Max and you were made by Acme.",
        "Your name is Max. You were made by Acme.",
        "You are Max, an assistant made by Acme.",
        "You're Max, made by Acme.",
    ],
)
def test_name_and_maker_are_the_answers_to_two_questions(text: str) -> None:
    with pytest.raises(DataError, match="different conditions") as caught:
        read_rule(text)
    assert '"When asked for your name, say that your name is Max"' in str(caught.value)
    assert '"When asked who made you, say that you were made by Acme"' in str(caught.value)


def test_a_fragment_without_a_check_is_no_part_of_what_is_said() -> None:
    with pytest.raises(DataError, match="different conditions"):
        read_rule("If a guest asks about breakfast, say that it is at nine. No small talk.")
    rule = read_rule("If a guest asks about breakfast, say that it is at nine. No emoji.")
    assert rule.scope == "breakfast"
    assert rule.effect.endswith("No emoji")


@pytest.mark.parametrize("second", ["Tigers neither.", "Or tigers.", "Same for tigers."])
def test_a_subject_in_a_sentence_of_its_own_is_refused(second: str) -> None:
    with pytest.raises(DataError, match="adds to the sentence before"):
        read_rule(f"Do not talk about elephants. {second}")


def test_a_word_that_is_wanted_and_unwanted_is_a_contradiction() -> None:
    with pytest.raises(DataError, match="contradicts itself"):
        read_rule('Say "client" instead of "customer" and "partner" instead of "client".')


@pytest.mark.parametrize(
    "rule",
    [
        "Never talk about politics and do not use exclamation marks.",
        "Do not talk about politics. Keep answers under 20 words.",
        'Never talk about politics, and end with "Bye".',
    ],
)
def test_only_the_topic_s_part_of_a_check_names_it(rule: str) -> None:
    effect = read_effect(rule)
    assert effect is not None
    assert effect.names == 'not contains "politics"' != effect.check
