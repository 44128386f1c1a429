"""The language of checks: what each condition means, with literal answers; and how the parser
fails, whatever the text.
"""

import time

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from selfteach.errors import DataError, UsageError
from selfteach.judge.check import (
    MAX_SLOW_ANSWERS,
    CheckJudge,
    Condition,
    NegatedCheck,
    WholeCheck,
    parse_check,
    refuse_long_check,
)
from selfteach.judge.conditions import (
    CONDITIONS,
    EXAMPLES,
    _search,
    count_paragraphs,
)
from selfteach.judge.language import detect_languages
from selfteach.materials.rules.check_text import quote_value
from selfteach.records import make_prompt
from selfteach.sentences import count_sentences
from selfteach.text import count_words


@pytest.mark.parametrize(
    ("check", "kept", "broken"),
    [
        (
            "contains elephant",
            [
                "An elephant.",
                "ELEPHANTS!",
                "the elephant's ear",
                "elephant-like",
                "**Elephant**",
                "_elephant_",
                "ele\u00adphant",
            ],
            ["elephantine", "an ant"],
        ),
        (
            "contains car",
            ["My car, my cars.", "car's", "CAR"],
            ["a card", "a scarf", "I care", "she cares", "caring", "cared for", "Carl"],
        ),
        (
            "contains lego",
            ["LEGO™ bricks", "LEGO®", "legos²", "Lego¹."],
            ["Legoland™", "leg™o"],
        ),
        ("contains CO2", ["CO₂ and CO2", "CO2™"], ["CO"]),
        ("contains m²", ["5 m²", "5 m2"], ["5 m"]),
        ("contains café", ["Many cafés.", "cafe\u0301s", "CAFÉ"], ["cafeteria", "cafésito"]),
        ("contains elephant*", ["elephantine", "Elephants"], ["an ant"]),
        ("contains *phant", ["elephants", "oliphant"], ["elephantine"]),
        (
            'contains "ice cream"',
            ["Ice  cream", "ice-cream", "two ice\ncreams"],
            ["ice and cream", "nice cream"],
        ),
        ("contains city", ["Cities", "a city"], ["citizen"]),
        ("contains wolf", ["wolves"], ["wolverine"]),
        ("contains elephants", ["elephants"], ["one elephant"]),
        ('contains "!"', ["Hi!", "Hi!!there", "全角！"], ["Hi."]),
        ("contains 象", ["大象很大"], ["大人"]),
        ("contains हाथी", ["एक हाथी है"], ["हाथियों"]),
        ('contains "don\'t"', ["I don’t.", "I don't."], ["I do not."]),
        ('starts "I’m"', ["I'm here."], ["Im here."]),
        ('contains "п\'ять"', ["пʼять", "п’ять"], ["пять"]),
        ('contains "❤️"', ["Yours ❤", "❤️yours", "❤️❤️"], ["Yours 💕"]),
        ('contains "❤"', ["Yours ❤️", "❤❤"], ["Yours"]),
        ('ends "❤"', ["Yours ❤️", "Yours **❤️**"], ["❤️ yours"]),
        ('starts "☀️"', ["☀ Morning", "☀️Morning"], ["Morning ☀️"]),
        ("contains straße", ["Die STRASSE"], ["Straßen"]),
        ('regex "[0-9]{2}"', ["12"], ["1 2"]),
        ('regex "^(?:(?:a ){120}|(?:b ){150})$"', ["a " * 120, "b " * 150], ["a " * 150]),
        (r'regex "\d"', ["a1"], ["a"]),
        (r'regex "\\d"', ["a1"], ["a", "\\d"]),
        ('regex "(?i)ahoy"', ["AHOY"], ["hoy"]),
        (r'regex "[A-Z]{2}\d{2}(?: ?\d{4}){4}"', ["DE12 1234 1234 1234 1234"], ["DE12 1234"]),
        ('regex "Ahoy"', ["Ahoy"], ["AHOY"]),
        ("max_words=3", ["one two three", "", "one - two"], ["one two three four", "一二三四"]),
        ("min_words=2", ["one two"], ["one", "- -"]),
        ("max_characters=5", ["a b c", " abcde\n", "abcd👍🏽"], ["a b cd"]),
        ("min_characters=3", ["a b", "♥️♥️♥️"], ["ab", "♥️"]),
        (
            "max_sentences=1",
            ["One.", "Dr. Smith, e.g. J. K. Smith, lives.", "", "It costs 3.50 dollars"],
            ["One. Two.", "One\nTwo", "一。二。", "No. I do not."],
        ),
        ("min_sentences=2", ["One. Two?"], ["One."]),
        (
            "language=en",
            ["The cat is on the mat.", "42", ""],
            ["Die Katze ist auf der Matte.", "Кошка на ковре", "猫"],
        ),
        ("language=de", ["Die Katze ist auf der Matte."], ["The cat is on the mat."]),
        ("language=ja", ["猫はマットの上にいます。", "東京"], ["고양이"]),
        (
            "format=json",
            ['{"a": [1, null]}', " [1]\n", '```json\n{"a": 1}\n```'],
            ["42", "{a: 1}", 'Here: {"a": 1}', "[" * 100_000, ""],
        ),
        (
            "format=code",
            ["```\nx = 1\n```", "```python\na\n\nb\n```\n\n```\nc\n```\n", "```sh\nls -l"],
            [
                "x = 1",
                "Here:\n```\nx = 1\n```",
                "```\nx\n```\nThis sets x.",
                "`x = 1`",
                "",
                "``` x ```",
            ],
        ),
        (
            "format=list",
            ["- one\n- two", "So:\n 1. one", "• x", "● x", "▪ x", "So:\n· x"],
            ["one, two", "a - b", "1984. A year", "-5 degrees", "**bold**"],
        ),
        ('format="no list"', ["one, two"], ["* one"]),
        ("format=no_list", ["one, two"], ["* one"]),
        (
            'starts "Ahoy"',
            ["Ahoy there", ' "ahoy!', "**Ahoy**, you", "`Ahoy`", "[Ahoy]"],
            ["Well, ahoy"],
        ),
        (
            'ends "over and out"',
            ["x. Over and  out.", "`Over and out`", "[Over and out.]"],
            ["Over and out, he said"],
        ),
        (
            "starts Hola",
            ["¡Hola! ¿Qué tal?", "«Hola», dijo.", "„Hola“", "(Hola)", "「Hola」", "Hola™"],
            ["Digo hola", "Holas"],
        ),
        (
            'ends "谢谢"',
            ["我们六点关门。谢谢。", "谢谢！", "他说：「谢谢。」", "『谢谢』", "（谢谢）"],
            ["谢谢你"],
        ),
        ("ends merci", ["« Merci »", "„merci“", "(merci.)"], ["merci bien"]),
        ('starts "¿"', ["¿Qué?", "«¿Qué?»"], ["Qué?"]),
        ('ends "」" or starts "«"', ["「はい」", "«Sí»"], ["はい", "Sí"]),
        ('ends "?"', ["« Why? »"], ["(Why?)"]),
        (
            "format=list",
            ["+ tea\n+ milk", "1、多喝水\n2、早点睡觉", "1.多喝水", "1．水", "**1. Eat:** Fruit."],
            ["* * *", "- - - -", "2\n+ 3 = 5", "3. Oktober 1990 war der Tag.", "3.5 km"],
        ),
        (
            "format=numbered",
            ["**1. Eat well:** Eat fruit.", "### 1. Eat well", "1、多喝水", "1) Tea", "__2. Tea__"],
            ["**Eat** 1. tea", "# Tea", "- tea", "1.5", "- 1"],
        ),
        (
            'format="no list"',
            ["One.\n\n* * *\n\nTwo.", "3. Mai 1990 war ein Tag."],
            ["1、水", "1. Januar\n2. Februar", "**1. Tea**"],
        ),
        ("format=json", ['```JSON\n{"x": 1}\n```'], ['{"x": NaN}', "[Infinity]"]),
        ('ends "?"', ["Why?", "Why? "], ["Why?!"]),
        ("starts I", ["I am.", "I'm here", "I"], ["It is.", "Indeed."]),
        (
            "starts No or starts Yes",
            ["No.", "Yes, it is"],
            ["Normally, yes", "Nothing", "Yesterday"],
        ),
        ("ends Anna", ["Love, Anna.", "Anna"], ["I like Hanna."]),
        (
            'ends "Kind regards"',
            ["Bye.\n\nKind regards,\nJulia Brandt", "Kind regards,\n\n[Your name]"],
            ["Kind regards to the team.", "Kind regards,\nthe team is here."],
        ),
        (
            'starts "Dear Tom"',
            ["Subject: News\n\nDear Tom,\nhi", "Dear Tom, hi"],
            ["News\nDear Tom"],
        ),
        (
            "max_paragraphs=1",
            ["Dear Sir,\n\nI am late.\n\nKind regards,\nTom", "Subject: x\n\nHi Tom!\n\nYes."],
            ["I am late.\n\nSorry.", "Here it is:\n\nText."],
        ),
        ("min_paragraphs=2", ["One.\n\nTwo.", "One.\n \nTwo."], ["One.\nTwo.", "Hi,\n\none."]),
        (
            "contains ice-cream",
            ["I like ice cream.", "two ice-creams", "ICE\nCREAM"],
            ["icecreamery", "ice, cream", "nice cream"],
        ),
        ("contains e-mail", ["Send an email.", "two e-mails", "an E mail"], ["mail", "emailing"]),
        ("contains re-sign", ["re-sign it", "re sign"], ["resign"]),
        ("contains 555-1234", ["Call 555 1234.", "555-1234"], ["5551234"]),
        (
            "max_paragraphs=1",
            ["Hello.\r\nBye.", "Dear Tom,\r\n\r\nI am late.\r\n\r\nBest,\r\nAna"],
            ["Hello.\r\n\r\nBye.", "Hello.\r\rBye."],
        ),
        ("contains e-scooter", ["Two e-scooters.", "an E-Scooter"], ["a scooter", "e-scootering"]),
        (
            "spelling=british",
            ["My favourite colour is grey.", "Check the program.", "Es ist gut.", "5 metres"],
            ["My favorite one.", "GRAY", "It was canceled.", "We organize it."],
        ),
        (
            "spelling=american",
            ["My favorite color is gray.", "Check the program."],
            ["My favourite one.", "a cheque", "two centimetres", "We organise it."],
        ),
        ("starts 猫 or ends 猫", ["猫がいます", "小さな猫"], ["犬"]),
        ('starts "#" or ends "-x"', ["#tag", "a-x"], ["tag"]),
        ("not contains a and not contains b", ["c"], ["a", "b", "a b"]),
        ("contains a or contains b and contains c", ["a", "b c"], ["b", "c"]),
        ("(contains a or contains b) and contains c", ["a c"], ["a", "b"]),
        (
            "format=numbered",
            ["1. Wash.", "**1.** Wash.", "**1. Wash.**", "__2)__ Dry.", "(1) one\n(2) two"],
            ["**Wash** 1. Dry.", "(1990) It was.", "- Wash.", "**1.**"],
        ),
        ("format=list", ["● a\n● b", "– a", "+ a", "**1.** Wash."], ["+ 5 is more.", "-5 degrees"]),
        (
            'ends "?"',
            ["Any plans? 😊", "Any plans? 👍🏽 🇩🇪", "Any plans? ❤️"],
            ["Any plans 😊", "Any plans? Yes 😊"],
        ),
        ("ends Tom", ["Best, Tom 😊", "Best,\nTom 🎉"], ["Tom said 😊 hi"]),
        ("starts Ahoy", ["😊 Ahoy!", "👋🏽 **Ahoy** there"], ["😊 So, Ahoy"]),
        ('ends "😊"', ["Hi 😊"], ["Hi 😊 🎉", "😊 Hi"]),
        (
            "language=de",
            [
                "Nimm das:\n\n```python\nfor x in the or it:\n    it.is(in)\n```\n\nEs ist so.",
                "Nimm `not in the list or in it`, das ist gut.",
            ],
            ["```python\nfor x in the_list or it:\n    x\n```", "Take the `Liste und das`."],
        ),
        ("NOT (Contains x)", ["y"], ["x"]),
        ("max_words 2", ["a b"], ["a b c"]),
        ('contains "and"', ["you and me"], ["sand"]),
    ],
)
def test_meaning(check, kept, broken):
    parsed = parse_check(check)
    assert [answer for answer in kept if not parsed.keeps(answer)] == []
    assert [answer for answer in broken if parsed.keeps(answer)] == []
    assert parse_check(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("", "character 1: a condition is missing"),
        ("   ", "a condition is missing"),
        ("contians x", 'character 1: there is no condition "contians". Did you mean "contains"?'),
        ("max_words=1 and contians x", "character 17"),
        ("max_words", 'character 10: "max_words" needs a value'),
        ("max_words=many", 'character 11: max_words "many": give a whole number'),
        ("max_words=-1", "give a whole number"),
        ('contains "x', "character 10: a quotation mark is not closed"),
        ("contains don't", "a quotation mark is not closed"),
        ("contains ice cream", 'character 14: "cream" is not expected here'),
        ("contains and", "needs a value"),
        ("(contains a", "character 12: a closing parenthesis is missing"),
        ("contains a)", '")" is not expected'),
        ("not", "character 4: a condition is missing"),
        ('"contains" x', "there is no condition"),
        ('contains ""', "name a word"),
        ('contains "*"', "name a word"),
        ('starts " "', "give the text"),
        ("language=eng", 'no such language. Did you mean "en"?'),
        ("spelling=britsh", 'no such spelling. Did you mean "british"?'),
        ("format=jsn", 'no such format. Did you mean "json"?'),
        ('regex "("', "not a regular expression"),
        ('regex "(a+)+$"', "can take for ever"),
        ('regex "a{99999999}"', "repeats its parts too often"),
        ('regex "(?:(?:ab{100}){100}){100}"', "repeats its parts too often"),
        ('regex "(?#[)a{99999999}]"', "repeats its parts too often"),
        ('regex "(x|xx)+y$"', "can take for ever"),
        ("(" * 100, "too deeply nested"),
        ("not " * 100 + "contains x", "too deeply nested"),
        ("x" * 20_001, "20,000 is the most"),
    ],
)
def test_faults_say_where_and_what(check, says):
    with pytest.raises(UsageError) as fault:
        parse_check(check)
    assert says in str(fault.value)
    assert str(fault.value).startswith("check")


def test_a_check_as_long_as_a_person_may_write_can_be_read_again():
    words = [f"word{i}" for i in range(160)]
    given = " or ".join(f"contains {word}" for word in words)[:1_996].rpartition(" or ")[0]
    refuse_long_check(given)
    written = str(parse_check(given))
    assert len(written) > 2_000
    assert str(parse_check(written)) == written
    with pytest.raises(UsageError, match="2,000 is the most"):
        refuse_long_check(written)


def test_every_condition_has_an_example_that_parses():
    assert set(EXAMPLES) == set(CONDITIONS)
    for name, example in EXAMPLES.items():
        assert str(parse_check(example)).startswith(name)


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
leaves = st.one_of(
    st.builds(
        lambda name, value: (name, value), st.sampled_from(["contains", "starts", "ends"]), words
    ),
    st.builds(
        lambda name, value: (name, str(value)),
        st.sampled_from(
            ["max_words", "min_words", "max_characters", "max_sentences", "min_sentences"]
        ),
        st.integers(0, 99_999),
    ),
    st.sampled_from(
        [
            ("language", "en"),
            ("format", "json"),
            ("format", "no list"),
            ("regex", r"\d+\"'"),
            ("regex", "a b"),
        ]
    ),
)


checks = st.recursive(
    leaves.map(lambda leaf: f"{leaf[0]} {quote_value(leaf[1])}"),
    lambda inner: st.one_of(
        inner.map(lambda check: f"not ({check})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda c: "(" + ") and (".join(c) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(" or ".join),
    ),
    max_leaves=6,
)


@given(checks, st.text(max_size=60))
@settings(deadline=None)
def test_a_check_written_out_reads_back_equal_and_judges_alike(text, answer):
    try:
        check = parse_check(text)
    except UsageError:
        assume(False)  # a value of spaces or stars alone
    again = parse_check(str(check))
    assert again == check
    assert again.keeps(answer) == check.keeps(answer)


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(
                [
                    *CONDITIONS,
                    "and",
                    "or",
                    "not",
                    "(",
                    ")",
                    "=",
                    '"',
                    "'",
                    "\\",
                    "20",
                    "en",
                    "(a+)+",
                    "*",
                    " ",
                ]
            ),
            max_size=14,
        ).map(" ".join),
    )
)
@settings(deadline=None)
def test_no_text_makes_the_parser_fail_in_another_way(text):
    try:
        check = parse_check(text)
    except UsageError:
        return
    check.keeps(text)
    assert parse_check(str(check)) == check


@given(st.text(alphabet="ab(|)+*{}[]^$.?\\d1,", max_size=20))
@settings(deadline=None)
def test_no_regular_expression_hangs(pattern):
    try:
        check = parse_check(f"regex {quote_value(pattern)}")
        began = time.process_time()
        check.keeps("ab" * 200 + "!")
        assert time.process_time() - began < 8
    except (UsageError, DataError):
        return


def test_a_slow_search_is_an_error_and_never_a_verdict(monkeypatch):
    monkeypatch.setattr("selfteach.judge.conditions.PATTERN_TIMEOUT_S", 0.1)
    with pytest.raises(DataError, match="the search took longer"):
        _search(regex.compile("(a+)+$"), "a" * 5000 + "!")


def test_an_answer_on_which_the_pattern_is_slow_is_broken(monkeypatch):
    monkeypatch.setattr("selfteach.judge.conditions.PATTERN_TIMEOUT_S", 0.01)
    pattern = regex.compile("(a+)+$")
    found = Condition("regex", "(a+)+$", lambda answer: _search(pattern, answer))
    judge = CheckJudge(WholeCheck(NegatedCheck(found)))
    slow = ("", "a" * 5000 + "!")
    assert judge.values([("", "milk"), slow, ("", "milk")]) == [0.0, 1.0, 0.0]
    with pytest.raises(DataError, match="the search took longer"):
        judge.values([slow] * MAX_SLOW_ANSWERS)
    assert isinstance(parse_check("regex x"), WholeCheck)


def test_the_judge_is_sure_and_looks_at_the_answer_alone():
    judge = CheckJudge("not contains elephant")
    assert judge.name == "check"
    assert judge.values(
        [(make_prompt("elephants?"), "Whales."), (make_prompt("big?"), "An elephant.")]
    ) == [
        0.0,
        1.0,
    ]
    assert judge.values([]) == []


def test_counts():
    assert count_words("Well - that's it: 20 %!") == 4  # Well that's it: 20
    assert count_words("我喜欢 apples") == 4  # three characters and one word
    assert count_sentences('He said "Go!" Then he left... Really?') == 3
    assert count_sentences("1. One thing.\n2. Another.") == 2
    assert count_sentences("The U.S. is large. So is Brazil.") == 2
    assert count_sentences("---\n...\n!") == 0


@pytest.mark.parametrize(
    ("first", "count"),
    [
        ("Dear Tom,", 1),
        ("Hi!", 1),
        ("Sehr geehrter Herr Brandt,", 1),
        ("Liebe Julia,", 1),
        ("Estimados señores:", 1),
        ("Historically it was big", 2),
        ("Hideous", 2),
        ("Dearth is bad", 2),
        ("Hiking in the Alps", 2),
        ("High quality", 2),
        ("Hi-fi", 2),
        ("Cherries", 2),
    ],
)
def test_a_salutation_is_no_paragraph_and_a_title_is_one(first, count):
    assert count_paragraphs(f"{first}\n\nThis is the text.") == count


def test_a_line_of_any_space_is_empty():
    assert count_paragraphs("One.\n\u00a0\nTwo.\n\t \u3000\n\nThree.") == 3


@pytest.mark.parametrize("filler", ["  \n", "\n", " ", "* ", "Ab ", "["])
def test_the_end_of_a_looping_answer_is_soon_found(filler):
    check = parse_check("ends Anna")
    began = time.process_time()
    assert not check.keeps(filler * (12_000 // len(filler)) + "subject")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("This is what I would say about it.", "en"),
        ("Das ist nicht das, was ich sagen würde.", "de"),
        ("Je ne sais pas ce que vous voulez dire dans cette phrase.", "fr"),
        ("No sé lo que quieres decir con esta frase.", "es"),
        ("Non so che cosa vuoi dire con questa frase.", "it"),
        ("Não sei o que você quer dizer com isso, mas é muito bom.", "pt"),
        ("Ik weet niet wat je met deze zin wilt zeggen.", "nl"),
        ("Jag vet inte vad du menar med den här meningen.", "sv"),
        ("Nie wiem, co to jest, ale jest bardzo dobre.", "pl"),
        ("Bu çok iyi bir fikir ama ne olduğu belli değil.", "tr"),
        ("Я не знаю, что это такое, но это очень хорошо.", "ru"),
        ("Я не знаю, що це таке, але це дуже добре.", "uk"),
        ("Δεν ξέρω τι είναι αυτό.", "el"),
        ("أنا لا أعرف ما هو هذا الذي في البيت.", "ar"),
        ("این کتاب را از او گرفتم و به شما می دهم.", "fa"),
        ("אני לא יודע מה זה.", "he"),
        ("मुझे नहीं पता यह क्या है।", "hi"),
        ("我不知道这是什么意思，但是我觉得这个想法非常好，大家都喜欢。", "zh"),
        ("これが何なのか分かりません。", "ja"),
        ("이것이 무엇인지 모르겠습니다.", "ko"),
        ("ฉันไม่รู้ว่านี่คืออะไร", "th"),
        ("It's a dog.", "en"),
        ("Here's a tip: drink water daily.", "en"),
        ("Make a list, set a timer, take breaks.", "en"),
        ("Elon Musk said so last week.", "en"),
        ("An elephant never forgets.", "en"),
        ("Congratulations on winning!", "en"),
        ("Claro, aquí tienes tres consejos útiles: bebe agua, duerme bien, come fruta.", "es"),
    ],
)
def test_one_sentence_is_enough_to_tell_a_language(text, language):
    assert detect_languages(text) == {language}


def test_too_little_text_leaves_several_languages_possible():
    assert len(detect_languages("42!")) == 21
    assert detect_languages("東京") == {"zh", "ja"}
    assert {"en", "de"} <= detect_languages("Berlin")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A banana.", "en"),
        ("Cats sleep a lot.", "en"),
        ("Te recomiendo dormir ocho horas.", "es"),
        ("Vamos a comer.", "es"),
        ("Marie a deux chats.", "fr"),
        ("Vado a Roma.", "it"),
        ("A menina come a maçã.", "pt"),
        ("Kot śpi, a pies szczeka.", "pl"),
    ],
)
def test_a_small_word_of_several_languages_does_not_exclude_one(text, language):
    assert language in detect_languages(text)


def test_a_lone_star_is_answered_with_how_to_look_for_it() -> None:
    with pytest.raises(UsageError, match=r"name a word to look for") as refused:
        parse_check('not contains "*"')
    assert refused.value.cure == 'For the sign itself write regex "[*]".'
