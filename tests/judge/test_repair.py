"""Repair: natural examples of every condition, wanted and unwanted; and what holds for any text."""

# ruff: noqa: E501
import pytest
import regex
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from selfteach.errors import UsageError
from selfteach.judge.check import Condition, NegatedCheck, parse_check
from selfteach.judge.condition_repairs import REPAIRS
from selfteach.judge.conditions import CONDITIONS, FORMATS, PHRASES, _search
from selfteach.judge.repair import MAX_REPAIRS, MAX_STEPS, repair_answer
from selfteach.judge.sentence_edits import drop_cut_off_end
from selfteach.judge.word_edits import replace_words
from selfteach.materials.rules.rule import suggest_check
from selfteach.number_words import (
    parse_number,
    spell_number,
    spell_numbers,
    spell_ordinal,
    spell_year,
    write_digits,
)
from selfteach.sentences import split_pieces

LETTER = "Hi Jared,\n\nThe report is done. I will send it today.\n\nBest,\nTom"
BOLD = suggest_check("No bold text.")
ITALICS = suggest_check("Do not use italics.")
HALF_DAYS = suggest_check("Use the 12-hour clock.")
WHOLE_DAYS = suggest_check("Use the 24-hour clock.")
UNQUOTED = suggest_check("No quotation marks.")
PLAIN = suggest_check("No markdown.")
NO_BREAKS = suggest_check("No line breaks.")
SLASHED = suggest_check("Write dates as DD/MM/YYYY.")
QUESTION = suggest_check("End with a question.")
LIONS = "Lions and elephants live in Africa. Elephants are big. Lions eat meat."


def repair(check, answer, **options):
    return repair_answer(parse_check(check), answer, **options)


@pytest.mark.parametrize(
    ("check", "answer", "expected"),
    [
        # bounds
        ("max_words=9", "It is big. It eats leaves. It sleeps little at night.", "It is big. It eats leaves."),
        ("max_words=5", "Giraffes eat leaves, because they can reach them.", "Giraffes eat leaves."),
        ("max_words=6", "If it rains, they stay under trees because of it.", "They stay under trees."),
        ("max_words=9", LETTER, "Hi Jared,\n\nThe report is done.\n\nBest,\nTom"),
        ("max_words=8", LETTER.replace("Best,\nTom", ""), "Hi Jared,\n\nThe report is done."),
        ("max_sentences=1", "It is big. It eats leaves.", "It is big."),
        ("max_sentences=1", "It is by J. K. Rowling. I like it.", "It is by J. K. Rowling."),
        ("max_sentences=1", "Dr. Smith came. He left.", "Dr. Smith came."),
        ("max_sentences=2", "A one. A two! A three? A fo", "A one. A two!"),
        ("max_sentences=1", "I like these:\n- apples\n- pears\n- plums", "I like these: apples, pears and plums."),
        ("not min_words=4", "It is big. It eats.", "It is big."),
        ("max_characters=12", "It is big. It eats.", "It is big."),
        ("not min_sentences=2", "It is big. It eats.", "It is big."),
        ("max_words=8", "猫はマットの上にいます。犬は庭にいます。", None),
        ("max_sentences=1", "猫がいます。犬もいます。", "猫がいます。"),
        # edges
        ("starts Ahoy", "The sky is blue.", "Ahoy! The sky is blue."),
        ("starts Ahoy", "Hello there, how are you?", "Ahoy there, how are you?"),
        ("starts Ahoy", "I am fine.", "Ahoy, I am fine."),
        ("starts Ahoy", "Paris is in France.", "Ahoy! Paris is in France."),
        ("starts Ahoy", "Hello Tom, how are you?", "Ahoy, how are you?"),
        ('starts "I think"', "The sky is blue.", "I think the sky is blue."),
        ('starts "In short"', "Paris is big.", "In short: Paris is big."),
        ('starts "Well,"', "The sky is blue.", "Well, the sky is blue."),
        ('starts "Dear Jared"', LETTER, LETTER.replace("Hi", "Dear")),
        ('starts "Dear Jared"', "It is done.", "Dear Jared,\n\nIt is done."),
        ("not starts Sure", "Sure, here is the plan. Go.", "Here is the plan. Go."),
        ("not starts I", "I think that dogs bark.", "Dogs bark."),
        ("not starts I", "I am glad. Dogs bark.", "Dogs bark."),
        ('ends "Over and out"', "It rains. It als", "It rains. Over and out."),
        ('ends "?"', "It rains. Does it? Yes.", "It rains. Does it?"),
        ('ends "!"', "It rains.", "It rains!"),
        ('ends "😊"', "It rains.", "It rains. 😊"),
        ('not ends "?"', "It rains. Does that help?", "It rains."),
        ('not ends "!"', "It rains!", "It rains."),
        ("not ends okay", "It rains, okay?", "It rains."),
        # what is contained
        ('contains "❤️"', "I miss you.", "I miss you. ❤️"),
        ('contains "❤️"', "I miss you.\n\nLove,\nTom", "I miss you. ❤️\n\nLove,\nTom"),
        ('contains "!"', "I miss you.", "I miss you!"),
        ('contains "&"', "You and me.", "You & me."),
        ("contains six", "We close soon.", None),
        ("not contains elephant", LIONS, "Lions live in Africa. Lions eat meat."),
        ("not contains elephant", "I like cats, African elephants, and dogs.", "I like cats and dogs."),
        ("not contains cat", "Cats, dogs and birds are pets.", "Dogs and birds are pets."),
        ("not contains apple", "They eat apples, pears and plums.", None),
        ("not contains sorry", "I feel sorry, sad and tired.", None),
        ("not contains elephant", "Cats eat meat, while elephants eat grass.", "Cats eat meat."),
        ("not contains elephant", "Elephants are big.", None),
        ("not contains pear", "1. Eat an apple.\n2. Eat a pear.\n3. Eat a plum.", "1. Eat an apple.\n2. Eat a plum."),
        ("not contains fig", "1. Fig.\n2. Tea.\n3. Egg.", "1. Tea.\n2. Egg."),
        ("not contains fig", "3. Tea.\n4. Fig.\n5. Egg.", "3. Tea.\n4. Egg."),
        ("not contains fig", "Eat:\n1. Tea.\n2. Fig.\n3. Egg.\nBuy:\n1. Ham.\n2. Pie.", "Eat:\n1. Tea.\n2. Egg.\nBuy:\n1. Ham.\n2. Pie."),
        ("not contains fig", "1. Tea.\n   1. Fig.\n   2. Ham.\n2. Pie.", "1. Tea.\n   1. Ham.\n2. Pie."),
        ('not contains "!"', "Hi! It rains!", "Hi. It rains."),
        ('not contains "!"', "¡Hola! ¿Qué tal?", "Hola. ¿Qué tal?"),
        ('not contains "?"', "¿Cómo estás?", "Cómo estás."),
        ('not contains "..."', "Well... it depends... On the day...", "Well, it depends. On the day."),
        ('not contains "?"', "It rains. Does it? It does.", "It rains. It does."),
        ('not contains ","', "Well, it rains.", "Well it rains."),
        (r'regex "[❤💋]"', "I miss you.", "I miss you. ❤️"),
        (r'regex "\d"', "I have three cats.", "I have 3 cats."),
        (r'not regex "\d"', "In 1990 I had 12 cats, 2.5% of 1,000.", "In nineteen ninety I had twelve cats, two point five percent of one thousand."),
        (r'not regex "\d"', "1. Eat.\n2. Sleep.", "- Eat.\n- Sleep."),
        (r'not regex "\d"', "Ich habe 3 Katzen, und die sind nicht alt. Das ist gut.", "Das ist gut."),
        (r'not regex "\p{Lu}"', "The Sky.", "the sky."),
        (r'not regex "\p{Ll}"', "The Sky.", "THE SKY."),
        (r'not regex "[\p{Emoji_Presentation}\uFE0F]"', "Hi 😊 you ❤️. Bye 🎉!", "Hi you. Bye!"),
        (r'not regex "[()]"', "It (a cat) sat.", "It sat."),
        (r'not regex "(?i)\bcar\b"', "I have a car. It is red.", "It is red."),
        # formats and languages
        ("format=list", "Mix it. Eat it.", "- Mix it.\n- Eat it."),
        ("format=numbered", "Mix it. Eat it.", "1. Mix it.\n2. Eat it."),
        ("format=numbered", "Do:\n- mix\n- eat", "Do:\n1. mix\n2. eat"),
        ("not format=numbered", "I like:\n1. cats\n2. dogs", "I like: cats and dogs."),
        ('format="no list"', "Do this:\n1. Mix it well.\n2. Eat it.", "Do this. Mix it well. Eat it."),
        ('format="no list"', "**1. Eat well:** Eat fruit.\n\n**2. Sleep:** Rest.", "**Eat well:** Eat fruit. **Sleep:** Rest."),
        ('format="no list"', "1、多喝水。\n2、早点睡觉。", "多喝水。早点睡觉。"),
        ("not contains fig", "**1. Fig:** A.\n**2. Tea:** B.", "**1. Tea:** B."),
        ("not format=list", "I like:\n- cats\n- dogs", "I like: cats and dogs."),
        ("format=json", 'He said "hi".', '{"answer": "He said \\"hi\\"."}'),
        ("not format=json", '{"a": "hi", "b": ["you"]}', "Hi. You."),
        ("starts Answer:", "The cat sat.", "Answer: The cat sat."),
        ('starts "Dear Sir"', "Subject: Meeting\n\nIt is on Monday.", "Subject: Meeting\n\nDear Sir,\n\nIt is on Monday."),
        ("contains 😊", "Subject: Hi\n\nIt rains.", "Subject: Hi\n\n😊 It rains."),
        ('starts "Yes" or starts "No"', "Paris is in France.", None),
        ('ends "Tom"', "It is on Monday.\n\nBest regards,\n[Your Name]", "It is on Monday.\n\nBest regards,\nTom"),
        ('ends "Tom"', "It is on Monday.\n\nBest,", "It is on Monday.\n\nBest,\nTom"),
        ('ends "Have a nice day"', "It is late.\n\nBest regards,\nTom", "It is late.\n\nBest regards,\nTom\nHave a nice day"),
        ('contains "😊" and ends "!"', "They eat grass.", "😊 They eat grass!"),
        ('ends "Kind regards, Anna"', "It is on Monday.\n\nBest,\nJo", "It is on Monday.\n\nKind regards, Anna"),
        ('ends "?"', "```\nx = 1\n```", "```\nx = 1\n```\n\nDoes that help?"),
        ('contains "!"', "| a | b |\n| c | d |", None),
        ("not contains :", "Look:\n```py\nif x:\n    y\n```", None),
        (r'not regex "\d"', "Roses are red,\nsugar is sweet,\nand 2 of us are too.", "Roses are red,\nsugar is sweet,\nand two of us are too."),
        (r'not regex "\d"', "It rains.\n2 of us went.", "It rains.\nTwo of us went."),
        ("not contains meeting", "Thank you. The meeting is on Monday.\n\nBest,\nJulia", "Thank you.\n\nBest,\nJulia"),
        ('ends "."', "Is it good?", None),
        ("not contains !", "我喜欢鱼！你喜欢猫吗？", "我喜欢鱼。你喜欢猫吗？"),
        ("format=code", "Here:\n```py\nx = 1\n```\nThis sets x.", "```py\nx = 1\n```"),
        ("format=code", "One:\n```\na\n```\ntwo:\n```\nb", "```\na\n```\n\n```\nb"),
        ("format=code", "It is `x`.", None),
        ("not format=code", "```\nx\n```", None),
        ("language=de", "It is the sky.", None),
        ("spelling=british", "Colors of the theater.", "Colours of the theatre."),
        ("spelling=american", "The GREY centre.", "The GRAY center."),
        ("not language=en", "It is the sky.", None),
        ("min_words=9", "It rains.", None),
        ("min_sentences=2", "It rains.", None),
        # joined checks
        ('max_sentences=2 and ends "Over and out"', "It is big. It eats. It runs.", "It is big. Over and out."),
        ("starts Ahoy and max_words=4", "It is big. It eats leaves.", "Ahoy, it is big."),
        ("starts Ahoy and max_sentences=1", "Tea is a plant. It is old.", "Ahoy: Tea is a plant."),
        ("max_sentences=1 and starts Ahoy", "The tea is hot. Wait.", "Ahoy, the tea is hot."),
        ("max_sentences=1", "Yes. The sky is blue. Go.", "Yes, the sky is blue."),
        ("max_sentences=2", "Yes. The sky is blue. Go.", "Yes. The sky is blue."),
        ('contains "&" or contains "❤️"', "You and me.", "You & me."),
        ('not (contains "!" or contains rain)', "Hi! It is dry. It may rain!", "Hi. It is dry."),
        (BOLD, "**Elephants** are big.", "Elephants are big."),
        (BOLD, "**Note:** cats are *big*. They eat.", "Note: cats are *big*. They eat."),
        (BOLD, "Tips:\n\n1. **Tea**: it helps.\n2. __Sleep__ well.", "Tips:\n\n1. Tea: it helps.\n2. Sleep well."),
        (BOLD, "Use `f(**a, **b)` and **x**.", "Use `f(**a, **b)` and x."),
        (BOLD, "<strong>Hi</strong> <b>you</b>.", "Hi you."),
        (r'not regex "(?m)^[*]"', "*Hi* you.", "Hi you."),
        (ITALICS, "The book *Moby Dick* is **long**.", "The book Moby Dick is **long**."),
        ('not contains "‘"', "He said ‘don’t go’.", "He said don’t go."),
        (r'not regex "(?i)\d ?[ap]m\b"', "7 am is early.", "7:00 is early."),
        (r'not regex "\d ?° ?F\b"', "It is 70°F today.", None),
        (r'not regex "\d\.\d{3,}"', "The result is 2.71828.", None),
        (r'not regex "(?<!\d)[0-9](?!\d)"', "I have 3 of 12 cats.", "I have three of 12 cats."),
        ('not contains ":"', "We meet at 5:30.", "We meet at five thirty."),
        (HALF_DAYS, "It opens at 17:00.", "It opens at 5:00 PM."),
        (WHOLE_DAYS, "The meeting is at 2 PM on Friday.", "The meeting is at 14:00 on Friday."),
        (WHOLE_DAYS, "Open 9am-5:30pm and 12 am to 12.15 p.m. daily.", "Open 9:00-17:30 and 0:00 to 12:15 daily."),
        (WHOLE_DAYS, "It closes at 5 p.m. Be there by 3 p.m.", "It closes at 17:00. Be there by 15:00."),
        (WHOLE_DAYS, "Come from 9 to 5 pm or 1-2 P.M. (not 3 p.m.).", "Come from 9:00 to 17:00 or 13:00-14:00 (not 15:00)."),
        (WHOLE_DAYS, "At 5 p.m. I left.", "At 17:00 I left."),
        (WHOLE_DAYS, "Day 1 - 9 AM: rise.", "Day 1 - 9:00: rise."),
        (UNQUOTED, "Er las »Faust« und »Wer?« gern.", "Er las Faust und Wer? gern."),
        (UNQUOTED, "« Oui », dit-il. «Non.» Han sa »hej» nu.", "Oui, dit-il. Non. Han sa hej nu."),
        ("ends 'Over to you:'", "Options: A, B.", "Options: A, B. Over to you:"),
        ("not contains tea and not contains .", "Here are tips:\n\n- Tea helps.", None),
        (r'not regex "\d"', "Ideas:\n\n(1) Go out.\n(2) Come in.", "Ideas:\n\n- Go out.\n- Come in."),
        (r'not regex "\d"', "(2) persons came.", "(Two) persons came."),
        (r'not regex "\d"', "**1.** Go.\n**2. Come** in.", "- Go.\n- **Come** in."),
        (PLAIN, "if __name__ == '__main__':\n    __main()__", "if __name__ == '__main__':\n    main()"),
        (BOLD, "__Set__ __name__ first.", "Set __name__ first."),
        (r'not regex "(?m)^$"', "One.\n\nTwo is good.", "Two is good."),
        (QUESTION, "Voglio andare a casa. Andiamo a mangiare a Roma.", None),
        (QUESTION, "Me encanta la música.", "Me encanta la música. ¿Quieres saber más?"),
        ("not contains tea", "Here are tips:\n\n- Tea helps.", None),
        (NO_BREAKS, "Paris is big.\n\nIt is old.", "Paris is big. It is old."),
        (NO_BREAKS, "Here are tips:\n1. Eat well.\n2. Sleep.", "Here are tips. Eat well. Sleep."),
        (NO_BREAKS, "Roses are red,\nViolets are blue", "Roses are red, Violets are blue"),
        (NO_BREAKS, "One\nTwo", "One. Two"),
        (NO_BREAKS, "## Cats\n\nCats are nice.", "Cats. Cats are nice."),
        (NO_BREAKS, "**Tips:**\n- Eat\n- Rest", "Tips: Eat and Rest."),
        (NO_BREAKS, "Here are tips:\n1. Eat well\n2. Sleep", "Here are tips: Eat well and Sleep."),
        (NO_BREAKS, "> One\n\n---\n\nTwo", "One. Two"),
        ("not ends ?", "It is red. Is that all?", "It is red."),
        ("not ends ?", "How can I help you?", None),
        (SLASHED, "On July 4, 1776, the shop opened.", "The shop opened."),
        (SLASHED, "On May 5, 2024 the shop opened.", None),
        ("not contains however", "It is, however, red and blue.", "It is red and blue."),
        ("not contains unfortunately", "We are, unfortunately, closed.", "We are closed."),
        ("not contains July", "I like June, July, and August.", "I like June and August."),
        ("not contains Italy", "I saw Rome, Italy, Spain and Cuba.", "I saw Rome, Spain and Cuba."),
        ("not contains daily", "A quick, daily, easy walk.", "A quick, easy walk."),
        ("not contains however", "It does, however, it is red.", "It does, it is red."),
        ("max_words=7", "It cost a lot, 5000 euros in fact, for a car.", "It cost a lot."),
        ("not ends !", "It rains! 😊", "It rains. 😊"),
        ("not starts Sure", "😊 Sure, here is it.", "Here is it."),
        ("language=en and not contains Katze", "It is the sky. Das ist die Katze.", "It is the sky."),
    ],
)  # fmt: skip
def test_the_nearest_repair(check, answer, expected):
    found = repair(check, answer)
    assert expected in found if expected else found == [], found


@pytest.mark.parametrize(
    "answer",
    [
        "Well-known authors write.",
        "Well water is clean.",
        "Certainly not. It is late.",
        "Of course not, it is late.",
        "Hello Kitty lives in London. She is a cat.",
        "Hi there I think that the best thing would be to go home.",
    ],
)
def test_a_word_that_its_sentence_goes_on_after_is_no_greeting(answer: str) -> None:
    found = repair("starts Ahoy", answer)
    assert found
    assert all(text.endswith(answer) for text in found)


@pytest.mark.parametrize(
    ("check", "first"),
    [
        ("not starts I", "I'm glad to help."),
        ("not starts It", "It's a large animal."),
        ("not starts Well", "Well-known authors write."),
        ("not starts 1", "1.5 kg are enough."),
        ("not starts I", "I believe in honesty."),
        ("not starts I", "I know how to help you."),
        ("not starts I", "I guess so."),
    ],
)
def test_a_beginning_goes_only_where_a_sentence_is_left(check: str, first: str) -> None:
    assert repair(check, f"{first} The sky is blue.") == ["The sky is blue."]


def test_what_somebody_thinks_of_stays() -> None:
    found = repair("not starts I", "I think that is a good idea. Go on.")
    assert found == ["That is a good idea. Go on.", "Go on."]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Dr. Smith came. He waits.", "Dr. Smith came! He waits."),
        ("1. Apples are red.\n2. Figs are not.", "1. Apples are red!\n2. Figs are not."),
        ("Eat fruit, e.g. apples. Good.", "Eat fruit, e.g. apples! Good."),
    ],
)
def test_a_mark_goes_to_the_end_of_a_sentence(answer: str, expected: str) -> None:
    assert set(repair('contains "!"', answer)) == {expected, f"{answer[:-1]}!"}


@pytest.mark.parametrize(
    "answer",
    [
        "IT jobs pay well.",
        "US troops helped us.",
        "Sie können parken.",
        "May is warm.",
        "Will sang.",
    ],
)
def test_a_name_keeps_its_capital_after_a_comma(answer: str) -> None:
    assert all(text.endswith(answer) for text in repair("starts Ahoy", answer))


def test_every_condition_says_how_it_is_repaired():
    assert set(REPAIRS) == set(CONDITIONS)


def test_the_least_change_comes_first():
    found = repair("max_sentences=3", "It is big. It eats leaves. It sleeps. It runs.")
    assert found[0] == "It is big. It eats leaves. It sleeps."
    assert [len(text) for text in found] == sorted(map(len, found), reverse=True)


def test_replacements_keep_case_article_and_plural():
    check = 'not contains "and"'
    assert repair(check, "You and me.", replacements=[("and", "&")])[0] == "You & me."
    assert repair(check, "Sand. And you.", replacements=[("and", "or")])[0] == "Sand. Or you."
    changed = replace_words("A car, cars, CARS, a card.", [("car", "automobile")])
    assert changed == "An automobile, automobiles, AUTOMOBILES, a card."
    assert replace_words("in order  to go", [("in order to", "to")]) == "to go"
    assert replace_words("1 + 2", [("+", "plus"), ("", "x")]) == "1 plus 2"


@pytest.mark.parametrize(
    ("mark", "answer"),
    [
        (",", "It weighs 1,5 kg."),
        (",", "Es wiegt 1,5 kg, und das ist nicht viel."),
        ("-", "Solve x-1 for me."),
        ("-", "Open my-file.txt first."),
        ("(", "The formula is a(b + c)."),
        ("(", "We are open daily (except Sundays)."),
        ("(", "Call (555) 123 now."),
        ("[", "Print a[0] first."),
        ("!", "Here a != b holds."),
        ("!", "So 5! = 120 holds."),
        ("*", "It is 2*3 or 2 * 3."),
        ("/", "Drive 50 km/h there."),
        ("/", "Bring tea and/or milk."),
        ("_", "Use my_variable there."),
        (":", "Mix it 3 : 4 again."),
        ("~", "It takes ~5 hours."),
        ("#", "Use C# there."),
        ("#", "It is the #1 song."),
    ],
)
def test_a_mark_stays_where_the_text_without_it_is_another(mark, answer):
    assert repair(f'not regex "{regex.escape(mark)}"', answer) == []


@pytest.mark.parametrize(
    ("mark", "answer", "expected"),
    [
        (",", "It has 1,500 and 2,000,000 of them.", "It has 1500 and 2000000 of them."),
        (",", "On May 5, 2024, we met them.", "On May 5 2024 we met them."),
        ("-", "It takes 10-20 minutes.", "It takes 10 to 20 minutes."),
        ("-", "It was from 1939-1945.", "It was from 1939 to 1945."),
        ("-", "It was -5 degrees.", "It was minus 5 degrees."),
        ("-", "My well-known e-mail is a 5-year plan.", "My well known e mail is a 5 year plan."),
        ("-", "We won 3-1.", "We won three to one."),
        (
            "—",
            "I think it ran 1939—1945.",
            "I think it ran nineteen thirty-nine to nineteen forty-five.",
        ),
        ("–", "Bake it for 10–20 minutes.", "Bake it for 10-20 minutes."),
        ("(", "It (a cat of 1,5 kg) sat.", "It sat."),
        ("!", "Great! **Wow!** Bonjour !", "Great. **Wow.** Bonjour."),
        ("*", "**Note:** *all* is well.", "Note: all is well."),
        ("/", "Ask your brother/sister.", "Ask your brother or sister."),
        ("_", "It is _very_ good.", "It is very good."),
        ("&", "Ask about R&D.", "Ask about R and D."),
    ],
)
def test_a_mark_is_written_otherwise_where_that_says_the_same(mark, answer, expected):
    assert repair(f'not regex "{regex.escape(mark)}"', answer)[0] == expected


def test_a_negative_number_is_spelled_with_its_sign():
    assert repair(r'not regex "\d"', "I think it was -5 degrees.") == [
        "I think it was minus five degrees."
    ]


def test_a_clause_is_not_cut_within_a_number():
    assert repair("max_words=3", "It weighs 1,5 kg today.") == []


def test_an_article_goes_by_the_sound():
    replaced = replace_words(
        "A man on a bus an hour ago.", [("man", "unicorn"), ("bus", "honest car")]
    )
    assert replaced == "A unicorn on an honest car an hour ago."
    assert replace_words("an hour", [("hour", "day")]) == "a day"
    assert replace_words("SEE A CAR", [("car", "automobile")]) == "SEE AN AUTOMOBILE"
    assert replace_words("A BMW is fast", [("BMW", "Audi")]) == "An AUDI is fast"
    assert replace_words("a user", [("user", "owner")]) == "an owner"
    assert replace_words("an owner", [("owner", "European")]) == "a European"
    assert replace_words("an apple", [("apple", "uninteresting fig")]) == "an uninteresting fig"


def test_a_statement_replaces_its_like_or_stands_beside_the_answer():
    six = {"statement": "We close at six."}
    answer = "We are open daily. We close at five. Come by!"
    assert repair("contains six", answer, **six) == [
        answer.replace("five", "six"),
        "We close at six.",
    ]
    assert repair("contains six", "Come by!", **six) == [
        "We close at six. Come by!",
        "Come by! We close at six.",
        "We close at six.",
    ]
    assert repair("contains six and max_words=4", "Come by!", **six) == ["We close at six."]


def test_which_emoji_is_added_depends_on_the_answer_alone():
    check = r'regex "[😊🎉😄👍]"'
    answers = [f"I have {count} cats." for count in range(20)]
    first = [repair(check, answer)[0] for answer in answers]
    assert first == [repair(check, answer)[0] for answer in answers]
    chosen = {text[0] for text in first}
    assert chosen <= set("😊🎉😄👍"), "the earliest place comes first"
    assert len(chosen) > 2


def test_an_answer_cut_off_in_a_sentence_ends_with_a_whole_one():
    assert drop_cut_off_end("It rains. It is") == "It rains."
    assert drop_cut_off_end(LETTER) == LETTER
    assert drop_cut_off_end("It is") == "It is"
    assert repair("not contains rain", "It is dry. It may rain. It is") == ["It is dry."]


def test_a_search_that_takes_too_long_gives_no_repair(monkeypatch):
    monkeypatch.setattr("selfteach.judge.conditions.PATTERN_TIMEOUT_S", 0.01)
    pattern = regex.compile("(a+)+$")
    slow = Condition("regex", "(a+)+$", lambda answer: _search(pattern, answer))
    assert repair_answer(NegatedCheck(slow), "a" * 5000 + "!") == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("5kg", "five kg"), ("the 1990s", "the nineteen nineties"), ("$5 million", "five million dollars"),
        ("H2O", "H two O"), ("555-1234", "five five five one two three four"), ("(3-4)", "(three to four)"),
        ("1995-1998", "nineteen ninety-five to nineteen ninety-eight"), ("the 80s", "the eighties"),
        ("the 4th-grade", "the fourth-grade"), ("2.5 %", "two point five percent"),
        ("9:00 AM", "nine AM"), ("9:00AM", "nine AM"), ("12:00", "twelve o'clock"), ("10:05", "ten oh five"),
        ("6:30 p.m.", "six thirty p.m."), ("17:00", "five PM"), ("9:30-10:45", "nine thirty to ten forty-five"),
        ("$1", "one dollar"), ("$1 million", "one million dollars"), ("US$5 million", "five million dollars"),
        ("1-800-555-1234", "one eight zero zero five five five one two three four"),
        ("1,000.5", "one thousand point five"), ("-5 or so", "minus five or so"),
        ("10%-20%", "ten to twenty percent"), ("$5-$10", "five dollars to ten dollars"),
        ("$5-10", "five dollars to ten dollars"), ("US$5-10 million", "five to ten million dollars"),
        ("$1,000–$2,500", "one thousand dollars to two thousand five hundred dollars"),
        ("$100-$20", "one hundred dollars-twenty dollars"), ("$5-10%", "five dollars-ten percent"),
        ("$5—10 people", "five dollars—ten people"), ("$5-10k", "five dollars-ten k"),
        ("50%-50%", "fifty percent-fifty percent"), ("50%-20%", "fifty percent-twenty percent"),
    ],
)  # fmt: skip
def test_a_number_is_spelled_with_what_stands_next_to_it(number, words):
    found = repair(r'not regex "\d"', f"I think that it is {number} for you and me.")
    assert found[0] == f"I think that it is {words} for you and me."


@pytest.mark.parametrize(
    "number",
    ["10-4=6", "1/2", "24/7", "007", "192.168.0.1", "2024-01-15", "01-15-2024", "2:1", "0:30",
     "25:00", "13:00 PM", "7:00:00", "A$5", "€5", "5€", "$10-4=6", "1-2-3",
     ".5", "$.99", "-.5", "(.25)", "~.5", ".5-.75"],
)  # fmt: skip
def test_numbers_in_a_form_that_is_not_known_are_not_spelled(number):
    assert spell_numbers(f"It is {number}.") == f"It is {number}."
    answer = f"I think that it is {number} for you and me. That is fine."
    assert repair(r'not regex "\d"', answer)[0] == "That is fine."


def test_marks_that_are_left_out_leave_the_space_between_words():
    assert repair('not contains "#"', "# Use tea and #fun.")[0] == "Use tea and fun."
    assert repair('not contains "$"', "It is $5 million.")[0] == "It is 5 million dollars."


def test_a_number_in_words_is_read_back():
    numbers = [0, 7, 13, 25, 60, 99, 100, 110, 125, 999]
    assert [parse_number(spell_number(number)) for number in numbers] == numbers
    assert [parse_number(text) for text in ("40", "a hundred and ten", "Sixty")] == [40, 110, 60]
    assert [parse_number(text) for text in ("ſix", "sıx", "SİX")] == [6, 6, 6]


def test_numbers_in_words():
    assert [spell_number(number) for number in (0, 42, 105, 1_000_001)] == [
        "zero", "forty-two", "one hundred five", "one million one",
    ]  # fmt: skip
    assert [spell_year(year) for year in (1905, 1900, 1999, 2000, 2024)] == [
        "nineteen oh five", "nineteen hundred", "nineteen ninety-nine", "two thousand",
        "twenty twenty-four",
    ]  # fmt: skip
    assert [spell_ordinal(number) for number in (1, 12, 20, 23, 100)] == [
        "first", "twelfth", "twentieth", "twenty-third", "one hundredth",
    ]  # fmt: skip
    assert write_digits("One of three, twenty-two") == "One of 3, twenty-two"
    assert write_digits("Two hundred and two, one hundred TWO, two") == (
        "2 hundred and two, one hundred TWO, 2"
    )


CHECKS = [
    "max_words=4", "max_words=0", "min_words=3", "not min_words=2", "max_sentences=1",
    "not min_sentences=1", "starts Ahoy", 'starts "- "', "not starts a", 'starts "I am"',
    'ends "?"', 'ends "x y"', 'not ends "."', "not ends b", "contains a", 'contains "❤️"',
    'contains "—"', "not contains a", 'not contains "."', r'regex "[❤😘]\s*$"', r'not regex "\d"',
    r'not regex "\p{Lu}"', r'not regex "[\p{P}]"', r'not regex "\s"', "format=list",
    'format="no list"', "format=json", "not format=json", "format=code", "language=en", "not language=de",
    "spelling=british",
]  # fmt: skip
checks = st.recursive(
    st.sampled_from(CHECKS),
    lambda inner: st.one_of(
        inner.map(lambda check: f"not ({check})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) and ({pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) or ({pair[1]})"),
    ),
    max_leaves=4,
)
written = st.lists(
    st.sampled_from(
        ["A", "a cat", "Sure,", "I think", "12", "1.", "- b", "\n", ".", "!", "?", ", and ", "(b)",
         "❤️", "👍🏽", "Dr.", ":", "猫。", '{"a": "b"}', "…", "Best,\nTom", " "]
    ), max_size=10
).map(" ".join)  # fmt: skip


def check_repairs(check, answer, statement):
    parsed = parse_check(check)
    found = repair_answer(parsed, answer, [("a", "b"), ("and", "&")], statement)
    assert found == repair_answer(parsed, answer, [("a", "b"), ("and", "&")], statement)
    assert all(map(parsed.keeps, found))
    if parsed.keeps(answer):
        assert found == [answer]
    else:
        assert all(any(map(str.isalpha, text)) and text == text.strip() for text in found)
        assert len(set(found)) == len(found) <= MAX_REPAIRS


texts = st.one_of(written, st.text(max_size=40))
statements = st.sampled_from(["", "We close."])


@given(checks, texts, statements)
@example("max_words=0", ". A", "")
@settings(max_examples=20, deadline=None)
def test_whatever_the_text_a_repair_meets_the_check(check, answer, statement):
    check_repairs(check, answer, statement)


@pytest.mark.slow
@given(checks, texts, statements)
@settings(deadline=None)
def test_in_many_texts_a_repair_meets_the_check(check, answer, statement):
    check_repairs(check, answer, statement)


KNOWN_VALUES = {
    "language": ["de", "en", "zh"],
    "spelling": ["american", "british"],
    "format": sorted(FORMATS),
    **{name: [] for name in PHRASES},
}
"""The values that a condition takes; any text, if there are none; a number for the others."""


def write_values(name: str) -> st.SearchStrategy[tuple[str, str]]:
    """Return (name, value) of a condition."""
    known = KNOWN_VALUES.get(name, ["0", "3", "40"])
    values = st.sampled_from(known) if known else st.text(min_size=1, max_size=8)
    return values.map(lambda value: (name, value))


@given(st.sampled_from(sorted(CONDITIONS)).flatmap(write_values), st.text(max_size=30))
@settings(max_examples=20, deadline=None)
def test_whatever_the_value_a_repair_meets_the_check(named, answer):
    name, value = named
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    try:
        check = parse_check(f'{name}="{quoted}"')
        other = parse_check(f'not {name}="{quoted}"')
    except UsageError:
        assume(False)
    for one in (check, other):
        assert all(map(one.keeps, repair_answer(one, answer, [(value, answer)], value)))


@given(st.one_of(written, st.text(max_size=60)))
@settings(max_examples=30, deadline=None)
def test_the_pieces_of_a_text_are_the_text(text):
    assert "".join(split_pieces(text)) == text


def test_a_nested_check_takes_a_bounded_number_of_steps(monkeypatch):
    calls = []

    def count_calls(value, text, meets):
        calls.append(text)
        return iter([f"{text} zebra", f"zebra {text}", f"{text} horse"])

    monkeypatch.setitem(REPAIRS, "contains", (count_calls, count_calls))
    check = "contains a1"
    for number in range(8):
        check = f"({check} or contains zebra) and (contains b{number} or contains horse)"
    assert repair(f"{check} and contains never", "It rains.") == []
    assert len(calls) <= 2 * MAX_STEPS


def test_a_long_answer_is_not_repaired():
    assert repair("max_words=2", "It rains. " * 1000) == []
    assert repair("min_words=2", "It rains. " * 1000) == ["It rains. " * 1000]


def test_words_that_are_replaced_are_the_only_change_where_they_are_enough() -> None:
    check = parse_check('not contains "and"')
    pairs = (("and", "&"),)
    text = "Anna and Ben are away. Call Tim and Eva."
    assert repair_answer(check, text, pairs) == ["Anna & Ben are away. Call Tim & Eva."]
    both = parse_check('not contains "and" and max_words=4')
    assert repair_answer(both, text, pairs) != [text.replace("and", "&")]
    assert all(both.keeps(found) for found in repair_answer(both, text, pairs))


@pytest.mark.parametrize(
    ("check", "answer", "expected"),
    [
        ('not contains "!"', "Well... yes!", "Well... yes."),
        ('not contains "!"', "Hm ... fine! Ok.", "Hm ... fine. Ok."),
        ('not contains "!"', "Wait...! Go on.", "Wait... Go on."),
        ('not regex "[0-9]"', "I have 3 cats and ...", "I have three cats and ..."),
        (
            'not contains "!"',
            "Great!\n\n```python\nx  = f('a  b', .5,.6)\n```",
            "Great.\n\n```python\nx  = f('a  b', .5,.6)\n```",
        ),
        (
            'not contains "!"',
            "| a  | b |\n|---|---|\n| x!  | y |",
            "| a  | b |\n|---|---|\n| x.  | y |",
        ),
        ('not contains "!"', "Sure! Here are three tips :)", "Sure. Here are three tips :)"),
        ('not contains "-"', "Tips:\n\n- Eat.\n- Sleep.", "Tips:\n\nEat.\nSleep."),
        ('not ends "!"', "Ok!!", "Ok."),
        ('not ends "!"', "Ok! !", "Ok."),
    ],
)
def test_a_change_leaves_what_it_does_not_concern(check: str, answer: str, expected: str) -> None:
    """Ellipses, code and tables stay as they are written; a mark goes however often it stands."""
    assert repair(check, answer)[0] == expected


def test_the_end_of_code_and_of_a_table_is_not_cut_off() -> None:
    code = "Done!\n\n```\nfoo.\n```"
    assert drop_cut_off_end(code) == code
    table = "| a |\n|---|\n| x!  | y |"
    assert drop_cut_off_end(table) == table
    assert drop_cut_off_end("It rains. And the") == "It rains."


def test_hashtags_are_words_of_the_text_and_as_few_as_the_check_wants():
    two = r'regex "#\\w(?:(?!#\\w)[\\s\\S])*#\\w"'
    assert repair(two, "My puppy loves the ocean.") == ["My puppy loves the ocean. #puppy #loves"]
    assert repair('contains "#"', "My puppy sleeps.") == ["My puppy sleeps. #sleeps"]
    letter = "Dear Tom,\n\nThe puppy is here.\n\nBest regards,\nAnna"
    last = repair(r'regex "#\\w+\\W*$"', letter)
    assert last == [f"{letter} #puppy"], "no words of its closing"
    assert repair(two, "My cat.") == [], "it has not two long words"
    assert repair(two, "Look, a puppy:\n```\nprint(1)\n```") == [], "code stays alone"
    assert repair(two, "My #puppy loves it.") == ["My #puppy loves it. #loves"]


def test_hashtags_stand_behind_the_sentences_that_a_short_text_has():
    check = 'contains "#"'
    puppy = "My puppy sleeps."
    rest = "The ocean is " + "very " * 20 + "deep."
    assert repair(check, f"{puppy} Look. {rest}") == [f"{puppy} Look. #sleeps"]
    assert repair(check, rest) == [f"{rest} #ocean"], "24 words have room"
    assert repair(check, f"Very {rest}") == [f"Very {rest} #ocean"], "25 have"
    assert repair(check, f"So very {rest}") == [], "26 have not, and no sentence ends sooner"
    assert repair(check, "My puppy sleeps") == ["My puppy sleeps #sleeps"], "no full stop"
    unfinished = " ".join(["ocean"] * 26)
    assert repair(check, unfinished) == []


def test_what_is_written_for_a_word_is_not_replaced_again() -> None:
    pairs = [("customer", "client"), ("client", "partner")]
    assert replace_words("Customers and a client.", pairs) == "Clients and a partner."


def test_the_owners_of_something_stay_its_owners() -> None:
    pairs = [("kids", "children"), ("employees", "colleagues")]
    assert replace_words("The kids’ toys, the employees' room.", pairs) == (
        "The children’s toys, the colleagues' room."
    )
    assert replace_words("We say 'hello kids' here.", pairs) == "We say 'hello children' here."


def test_a_word_in_what_is_written_for_it_is_not_replaced() -> None:
    pairs = [("email", "email address"), ("member", "team member"), ("Acme", "Acme Inc.")]
    answer = "Email addresses of team members: email the member of Acme Inc., not of Acme."
    expected = "Email addresses of team members: email address the team member of Acme Inc., not of"
    assert replace_words(answer, pairs) == f"{expected} Acme Inc."


def test_words_that_differ_in_capitals_are_written_as_the_right_ones() -> None:
    pairs = [("Github", "GitHub"), ("Ebay", "eBay"), ("OK", "ok")]
    assert replace_words("Ebay is OK. I like Github.", pairs) == "eBay is ok. I like GitHub."
    house = [("the white house", "the White House")]
    assert replace_words("The white house is big.", house) == "The White House is big."


def test_a_short_name_in_capitals_stays_beside_what_is_added_to_it() -> None:
    pairs = [("IT", "IT department"), ("US", "the US"), ("PDF", "PDF file")]
    answer = "US law. It tells us of IT and a PDF in US cities."
    expected = "The US law. It tells us of IT department and a PDF file in the US cities."
    assert replace_words(answer, pairs) == expected


def test_a_name_keeps_its_capitals_where_the_old_one_is_its_first_word() -> None:
    assert replace_words("ACME sells it.", [("ACME", "Acme Cloud")]) == "Acme Cloud sells it."
    assert replace_words("EMAIL ME.", [("email", "email address")]) == "EMAIL ADDRESS ME."
