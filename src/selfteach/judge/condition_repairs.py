"""How each condition of a check is repaired, wanted and unwanted (docs/reference/checks.md).

A repair takes the condition's value, a text, and whether a text meets the goal. It yields changed
texts, and its caller keeps those that meet the goal. `REPAIRS` at the end names them all.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import regex

from selfteach.exact_texts import CODE_BLOCK, begins_block, is_open
from selfteach.judge.language import choose_language
from selfteach.judge.mark_edits import rewrite_marks
from selfteach.judge.occasion import list_content_words
from selfteach.judge.sentence_edits import (
    LIST_ITEM,
    SIGNATURE,
    add_sentence,
    capitalize,
    close_sentence,
    cut_after_sentence,
    cut_at_clause,
    cut_item_mark,
    drop_cut_off_end,
    ends_block,
    join_sentences,
    renumber_items,
    split_closing,
    split_subject,
)
from selfteach.judge.word_edits import Meets, change_case, drop_from_enumeration
from selfteach.materials.rules.spelling import respell
from selfteach.number_words import write_digits
from selfteach.sentences import PICTURE, ends_sentence, split_pieces
from selfteach.text import BULLETS

Repair = Callable[[str, str, Meets], Iterator[str]]


def repair_nothing(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield no text: nobody can add true words or another language by a small change."""
    return iter(())


# -------------------------------------------------------------------------------------------------
# bounds


def _meets_after(lead: str, meets: Meets, text: str) -> bool:
    return meets(lead + text)


def shorten(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text cut after a sentence, or after a clause of the first sentence that is too much.

    A salutation or an interjection before that sentence stays.
    """
    if joined := _join_lone_word(text, meets):
        yield from cut_after_sentence(joined, meets)
    yield from cut_after_sentence(text, meets)
    if inline := _write_list_inline(text):
        yield inline
    body, closing = split_closing(text)
    lead = ""
    for piece in split_pieces(body):
        if not meets(lead + piece):
            for cut in cut_at_clause(piece, partial(_meets_after, lead, meets)):
                if not is_open(lead + cut):
                    yield lead + cut + closing
                    yield lead + cut
            return
        lead += piece


# -------------------------------------------------------------------------------------------------
# the beginning

_GREETING = re.compile(
    r"(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening)|sure|certainly|of course|"
    r"absolutely|okay|ok|well|hallo|guten tag|bonjour|salut|hola)\b",
    re.I,
)
_SALUTATION = re.compile(
    r"(?:dear|hi|hello|hey|hallo|liebe[r]?|cher|chère|hola)\b(?: [^\s,!.:]+){0,3} ?"
    r"(?=[,!:\n]|$)",
    re.I,
)
_GREETING_END = re.compile(r"[^\S\n]*(?:[,.;:!?…–—\n]|$)")
_LETTER_STARTS = ("dear ", "liebe", "cher ", "chère ", "querid")
_PRONOUN = re.compile(r"(?:i|we|my|our|it|they|you|the|this|that)\b", re.I)
_OPENING = re.compile(
    r"(?:i|we|my|our|it|they|you|the|this|that|in|as|to|for|on|by|at|from|with)\b", re.I
)
"""The first word of a phrase that a sentence goes on after: "I think", "In short"."""
_LOWERABLE_WORDS = """
    a an the this that these those it its they their there here he she his her we our you your
    my in on at for to from with by as if when while because although after before since most
    many some all both each every one two three yes no not what which who where why how is are
    was were do does did can could might would should to let please thank thanks der
    die das ein eine es er wir ich in im auf für mit wenn als weil man le la les un une il
    elle on nous vous je ce c'est cette dans pour si el los las una es son hay en para con si yo
    este esta
"""
_LOWERABLE = frozenset(_LOWERABLE_WORDS.split())
_KEPT_CAPITAL = frozenset({"I", "I'm", "I’m", "I'll", "I’ll", "I've", "I’ve", "I'd", "I’d"})


def fit_first_letter(text: str) -> str | None:
    """Return a text as it goes on after a comma; None if its first word can be a name or a noun:
    "Apple" is one, also where the text has an apple.
    """
    first = re.match(r"[\w'’]+", text)
    if first is None or first[0] in _KEPT_CAPITAL or not first[0][0].isupper():
        return text
    word, rest = first[0], text[first.end() :]
    if word[1:] != word[1:].lower():  # "IT", "McKay"
        return text
    if re.search(rf"(?<=[a-z,] ){re.escape(word)}\b", rest):
        return text
    return word[0].lower() + text[1:] if word.lower() in _LOWERABLE else None


def _join_lone_word(text: str, meets: Meets) -> str:
    """Return "Yes, it is. ..." for "Yes! It is. ..."; "" where no word is a sentence of its own, or
    where both sentences have room.
    """
    pieces = split_pieces(text.lstrip())
    word = re.fullmatch(r"([^\W\d_]+)[.!]\s+", pieces[0]) if len(pieces) > 1 else None
    if word is None or meets("".join(pieces[:2]).rstrip()):
        return ""
    rest = "".join(pieces[1:])
    fitting = fit_first_letter(rest)
    return f"{word[1]}, {fitting}" if fitting else f"{word[1]}: {rest}"


def _find_greetings(text: str) -> list[re.Match[str]]:
    """Return the greeting of a text, without its name and with it: "Hello" and "Hello Tom".

    A word that its sentence goes on after is none: "Well water is clean.", "Certainly not.".
    """
    word = _GREETING.match(text)
    salutation = _SALUTATION.match(text)
    if word and not salutation and not _GREETING_END.match(text, word.end()):
        return []
    return [found for found in (word, salutation) if found]


def start_with(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text with the value before it, or in place of its greeting, below a subject line."""
    subject, body = split_subject(text.strip())
    for started in _start_body(" ".join(value.split()), body):
        yield subject + started


def _start_body(lead: str, text: str) -> Iterator[str]:
    if text[:1].isupper():
        lead = capitalize(lead)
    if begins_block(text):
        mark = "," if lead.lower().startswith(_LETTER_STARTS) else "!"
        if not lead[-1].isalnum():
            yield f"{lead}\n\n{text}"
        elif not _OPENING.match(lead):
            yield f"{lead}{mark}\n\n{text}"
        return
    greetings = _find_greetings(text)
    fitting = fit_first_letter(text)
    is_interjection = lead[-1].isalnum() and not _OPENING.match(lead)
    if greetings and is_interjection:
        for found in greetings[-1:] if " " in lead else greetings:
            yield lead + text[found.end() :]
    elif lead.lower().startswith(_LETTER_STARTS):
        yield f"{lead.rstrip(',')},\n\n{text}"
    elif is_interjection:
        if fitting:
            yield f"{lead}, {fitting}"
        yield f"{lead}! {text}"
        yield f"{lead}. {text}"
    elif lead.endswith(","):
        yield f"{lead} {fitting or text}"
    elif not lead[-1].isalnum():
        yield f"{lead} {text}"
        if lead[-1] in _OPENERS:
            yield lead + text
    elif _PRONOUN.match(lead):
        yield f"{lead} {fitting or text}"
    else:
        yield f"{lead}, {fitting}" if fitting else f"{lead}: {text}"


_OPENERS = "\"'“‘«„(([{*_`#¡¿"
"""Marks that stand before a word without a space."""
_OPINION = re.compile(
    r"I (?:(?:think|believe|guess|suppose|would say|am sure|'d say)(?: that)?|know that),? "
    r"(?!(?:of|in|about|so|not|how|what|where|when|why|who|which|whether|if|to|you|him|her|me|us|"
    r"them|is|was|would|will|can|could|should|may|might|has|had|makes)\b)(?=\w)",
    re.I,
)
"""What may go before a sentence; not "I believe in ...", "I know how ..."."""


def drop_start(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text without its first words up to a mark, or without its first sentence."""
    text = text.strip()
    words = r"\s+".join(regex.escape(word) for word in value.split())
    marks = r"(?:[—–]|[^\w\s]++(?!\w))"  # not those within "I'm", "Well-known" and "1.5"
    lead = regex.match(rf"(?:[\s\"'“‘*_#>]|{PICTURE})*{words}{marks}\s*", text, regex.I)
    if lead:
        yield capitalize(text[lead.end() :])
    if regex.search(PICTURE, value) and text.startswith(value.strip()):
        yield text[len(value.strip()) :]
    if opinion := _OPINION.match(text):
        yield capitalize(text[opinion.end() :])
    pieces = split_pieces(text)
    for count in range(1, len(pieces)):
        rest = "".join(pieces[count:])
        if meets(rest):
            yield rest
            return


# -------------------------------------------------------------------------------------------------
# the end

_QUESTIONS = {
    "en": ("Does that help?", "What do you think?", "Would you like to know more?"),
    "de": ("Hilft dir das?", "Was meinst du?", "Möchtest du mehr wissen?"),
    "fr": ("Cela vous aide-t-il ?", "Qu'en pensez-vous ?", "Voulez-vous en savoir plus ?"),
    "es": ("¿Te ayuda esto?", "¿Qué te parece?", "¿Quieres saber más?"),
}


def end_with(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text with the value as its end, or cut where a sentence ends so."""
    text = drop_cut_off_end(text).rstrip()
    yield from cut_after_sentence(text, meets)
    tail = " ".join(value.split())
    if not any(map(str.isalnum, tail)):
        yield from _add_mark(tail, text)
    if regex.search(PICTURE, tail):
        yield f"{text} {tail}"
    elif any(map(str.isalnum, tail)):
        body, closing = split_closing(text)
        if closing:
            yield from _sign(tail, body, closing)
        sentence = close_sentence(capitalize(tail)) if tail[-1].isalnum() else capitalize(tail)
        yield add_sentence(text, sentence)
        yield join_sentences(close_sentence(text), sentence)


_SIGN_OFF = re.compile(
    r"\b(?:regards|wishes|best|sincerely|yours|cheers|love|thanks|gr(?:ü|ue)(?:ße|sse|ss|ß)n?|"
    r"cordialement|saludos)\b",
    re.I,
)


def _sign(tail: str, body: str, closing: str) -> Iterator[str]:
    """Yield a letter with a signature, or with the name that it is signed with: the tail. Any other
    tail is a line below.
    """
    if _SIGN_OFF.search(tail):
        yield f"{body.rstrip()}\n\n{tail}"
        return
    lines = closing.split("\n")
    is_name = SIGNATURE.fullmatch(tail) is not None
    is_signed = any(_SIGN_OFF.search(line) for line in lines[:-1])
    if is_name and is_signed and SIGNATURE.fullmatch(lines[-1].strip()):
        yield body + "\n".join([*lines[:-1], tail])
    else:
        yield f"{body}{closing}\n{tail}"


def drop_end(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text without the words at its end, or without its last sentence."""
    text = text.rstrip()
    tail = value.strip()
    is_mark = not any(map(str.isalnum, tail))
    if is_mark and tail not in ("?", "？"):  # a question without its mark is one
        yield rewrite_end(text, tail)
    elif not is_mark:
        words = r"\s+".join(regex.escape(word) for word in tail.split())
        bare = regex.sub(rf"[\s\"'“‘]*(?:[,;:—]|\s[–-])\s*{words}\W*$", "", text, flags=regex.I)
        if bare != text:
            yield close_sentence(bare)
    yield from cut_after_sentence(text, meets)


def rewrite_end(text: str, mark: str) -> str:
    """Return a text with another mark at its end, however often the mark stands there. Emoji behind
    it stay where a full stop takes its place.
    """
    pictures = regex.search(rf"(?r)(?:\s*{PICTURE})*\s*\Z", text)
    end = pictures.start() if pictures else len(text)
    bare = re.sub(rf"(?:{re.escape(mark)}\s*)+\Z", "", text[:end]).rstrip()
    if mark in ("!", "…", "...", ":", ";", ","):
        return close_sentence(bare) + text[end:]
    return bare


# -------------------------------------------------------------------------------------------------
# how words are spelled


def write_spelling(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text in the spelling of a variety of English."""
    yield respell(value, drop_cut_off_end(text))


# -------------------------------------------------------------------------------------------------
# what a text contains

_FRIENDLY = "😊 🙂 ✨ 👍 🌟 🎉 😄 😀 🙌 💡 👋 😃"
_AFFECTION = "❤️ 💕 😘 💖 😍 🥰 💋 💗 💙 💚 💛 🧡 💜 💞 💓 💝 💘 🖤 🤍 😗 😙 😚"
_OTHER_PICTURES = (
    "😁 😂 🤣 😉 😎 🤗 🤔 😅 😇 😢 😭 👏 🙏 💪 ✌️ 🎊 🥳 🔥 ⭐ ☀️ 🌈 🌸 🌹 🌻 🌺 💐 🍀 🐱 🐶 🐘 🦁 🍕 "
    "🍎 ☕ 🎂 🎁 🎵 ⚽ 🏆 🚀 ✈️ 🚗 🏠 📚 📌 ✅ ✔️ ☑️ ❌ ⚠️ ❗ ❓ 💯 ⏰ 📅 ☺️ ♥️ 🌍 🌱 💬 📝"
)
_PICTURES = f"{_FRIENDLY} {_AFFECTION} {_OTHER_PICTURES}".split()
_COLORED = {picture[0]: picture for picture in _PICTURES if picture.endswith("\ufe0f")}
"""Signs that are shown as emoji only with a variation selector behind them."""
_MARKS = ("!", "?", "…", "...", ";", "—", "–", "&", ":)")
MAX_MEMBERS = 3
"""Emoji that take turns."""
MAX_REPEATS = 3
"""The longest run of one emoji that is tried."""
MAX_HASHTAGS = 5
MIN_HASHTAG_LETTERS = 4
MAX_TAGGED_WORDS = 25
"""How long a text with hashtags behind it may be. A small model's greedy answer often never ends,
so it would not come to hashtags behind a long text (docs/log/2026-11-rules.md).
"""
_NO_HASHTAGS = frozenset(
    """
    because therefore although without through something everything nothing anything someone
    everyone happened understand understands really always never already sometimes tomorrow
    yesterday however besides another himself herself itself themselves yourself
    """.split()  # noqa: SIM905
)


def add_item(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text with an emoji, a hashtag or a mark that it must contain.

    A word has no place that fits; only a statement brings it.
    """
    if value.strip() == "#":
        yield from _add_hashtags(text, meets)
    elif regex.search(PICTURE, value) and not any(map(str.isalpha, value)):
        yield from _place_picture(value.strip(), text, meets)
    elif not any(map(str.isalnum, value)):
        yield from _add_mark(value.strip(), text)


def add_member(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text with emoji, hashtags, marks or digits that a regular expression finds.

    Emoji that the expression names come first, the best known ones before the others. A few of
    them take turns: a small model learns few signs sooner than many.
    """
    pictures = regex.findall(PICTURE, value.replace(BULLETS, ""))
    named = [_COLORED.get(picture, picture) for picture in pictures]
    for repeats in range(1, MAX_REPEATS + 1):
        runs = [picture * repeats for picture in dict.fromkeys([*named, *_PICTURES])]
        members = [run for run in runs if meets(run)]
        if members:
            wanted = {picture * repeats for picture in named}
            own = [member for member in members if member in wanted]
            known = [run for run in runs if run in members and run not in own]
            ranked = sorted(own, key=lambda run: _rank_picture(run[: len(run) // repeats]))
            for member in _rotate((ranked or known)[:MAX_MEMBERS], text):
                yield from _place_picture(member, text, meets)
            break
    for mark in _MARKS:
        if meets(mark):
            yield from _add_mark(mark, text)
    if "#" in value:
        yield from _add_hashtags(text, meets)
    yield write_digits(text)


def _add_hashtags(text: str, meets: Meets) -> Iterator[str]:
    """Yield a text with as few hashtags behind it as it must have: the longest of its own words.

    A long text ends sooner: after the last sentence that has room.
    """
    whole = _cut_to_length(drop_cut_off_end(text).rstrip(), MAX_TAGGED_WORDS)
    if not whole or ends_block(whole):
        return
    body, closing = split_closing(whole)
    unfit = set(re.findall(r"#(\w+)", text.casefold())) | _NO_HASHTAGS
    plain = re.sub(r"\S*['’:/@]\w\S*", " ", body)  # no halves of "shouldn't", no addresses
    words = [word for word in list_content_words(plain) if word.isalpha() and word not in unfit]
    long = [word for word in dict.fromkeys(words) if len(word) >= MIN_HASHTAG_LETTERS]
    tags = [f"#{word}" for word in sorted(long, key=len, reverse=True)[:MAX_HASHTAGS]]
    for count in range(1, len(tags) + 1):
        run = " ".join(tags[:count])
        placed = [join_sentences(body.rstrip(), run) + closing, f"{whole} {run}"]
        if any(map(meets, placed)):
            yield from dict.fromkeys(placed)
            break


def _cut_to_length(text: str, most_words: int) -> str:
    """Return the longest beginning of a text that has room and ends a sentence; "" if none does."""

    def has_room(beginning: str) -> bool:
        return len(beginning.split()) <= most_words

    return text if has_room(text) else next(cut_after_sentence(text, has_room), "")


def _rank_picture(picture: str) -> int:
    """Return the place of an emoji among the best known ones."""
    return _PICTURES.index(picture) if picture in _PICTURES else len(_PICTURES)


def _rotate(items: Sequence[str], text: str) -> list[str]:
    """Return items in an order that depends on the text alone."""
    start = zlib.crc32(text.encode("utf-8", "surrogatepass")) % len(items)
    return [*items[start:], *items[:start]]


def _place_picture(picture: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text with an emoji before it, after its last sentence, and after its first.

    Before it comes first: there a single token decides, which is what a model learns soonest. A
    subject line stays above it, if the goal allows that.
    """
    body, closing = split_closing(drop_cut_off_end(text).rstrip())
    subject, message = split_subject(body)
    below = f"{subject}{join_sentences(picture, message)}{closing}"
    yield below if meets(below) else f"{join_sentences(picture, body)}{closing}"
    yield join_sentences(body.rstrip(), picture) + closing
    first = split_pieces(message)[:1]
    if first and first[0] != message and not begins_block(message):
        sentence = first[0].rstrip()
        yield f"{subject}{sentence} {picture}{message[len(sentence) :]}{closing}"
    if closing:
        yield f"{body}{closing} {picture}"


def _add_mark(mark: str, text: str) -> Iterator[str]:
    """Yield a text with a mark at a place that fits."""
    body, closing = split_closing(drop_cut_off_end(text).rstrip())
    if mark == "?":
        questions = _QUESTIONS.get(choose_language(body), ())
        for question in _rotate(questions, text) if questions else ():
            yield add_sentence(f"{body}{closing}", question)
    elif mark in ("!", "…", "...", "."):
        bare = re.sub(r"[.!…,;:。！]*\s*$", "", body)
        if not regex.search(rf"(?:[?？]|{PICTURE})$", bare) and not ends_block(text):
            yield bare + mark + closing
        first = "".join(split_pieces(body)[:1]).rstrip()
        if first.endswith(".") and not first.endswith(".."):  # "Dr. Smith came." is one sentence
            yield first[:-1] + mark + body[len(first) :] + closing
    elif mark == "&":
        yield re.sub(r"\band\b", "&", text, count=1)
    elif mark in (";", "—", "–"):
        space = "" if mark == ";" else " "
        yield re.sub(r",(?= (?:and|but|so|which|or)\b)", space + mark, text, count=1)
        yield re.sub(r",(?= )", space + mark, text, count=1)
    elif not regex.search(PICTURE, mark):
        yield f"{body} {mark}{closing}"


def remove_text(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text without what breaks the goal.

    Marks, numbers and emoji are rewritten; an item of an enumeration, a clause or a sentence that
    holds the words is dropped. What breaks it within a code block has no repair.
    """
    blocks = CODE_BLOCK.findall(text)
    if blocks and not all(map(meets, [*blocks, *"\n".join(blocks).split("\n")])):
        return
    plain = rewrite_marks(text, meets)
    yield plain
    if meets("a b") and not meets("a\nb"):
        yield _join_lines(plain)
    yield from change_case(text, meets)
    yield from change_case(plain, meets)
    rest = _drop_sentences(text, meets)
    yield rest
    yield _edit_sentences(text, meets)
    yield _edit_sentences(plain, meets)
    if not meets("?") and not rest:
        yield re.sub(r"[?？]+", ".", plain.replace("¿", ""))


def _drop_sentences(text: str, meets: Meets) -> str:
    """Return a text without the sentences that break the goal."""
    pieces = split_pieces(text)
    return _join_kept([piece if meets(piece) else "" for piece in pieces], pieces, text)


def _join_kept(kept: Sequence[str], pieces: Sequence[str], text: str) -> str:
    """Return what is kept of each piece of a text. Where the last sentence of a paragraph is
    dropped, the paragraph ends before it.
    """
    found = ""
    for own, piece in zip(kept, pieces, strict=True):
        space = piece[len(piece.rstrip()) :]
        if own:
            found += own
        elif found and space.count("\n") > found[len(found.rstrip()) :].count("\n"):
            found = found.rstrip() + space
    return renumber_items(found, text).strip()


def _edit_sentences(text: str, meets: Meets) -> str:
    """Return a text whose breaking sentences lose an item or a clause; if none fits, they go."""
    pieces = split_pieces(text)
    kept = []
    for piece in pieces:
        if meets(piece):
            kept.append(piece)
            continue
        bare = piece.rstrip()
        shorter = next(drop_from_enumeration(bare, meets), None)
        shorter = shorter or next(cut_at_clause(bare, meets), None)
        kept.append(shorter + piece[len(bare) :] if shorter else "")
    return _join_kept(kept, pieces, text)


# -------------------------------------------------------------------------------------------------
# formats

MAX_INLINE_WORDS = 6
"""A list is written as one sentence where no item has more words."""


def write_format(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text as a list, a numbered list, without a list, as a JSON object, or its code
    blocks alone.
    """
    if value in ("list", "numbered", "no list") and CODE_BLOCK.search(text):
        return
    if value == "list":
        yield _write_list(text)
    elif value == "numbered":
        yield _number_items(text if LIST_ITEM.search(text) else _write_list(text))
    elif value == "no list":
        yield _write_list_inline(text) or ""
        yield _write_sentences(text)
    elif value == "json":
        yield json.dumps({"answer": text.strip()}, ensure_ascii=False)
    elif value == "code" and (blocks := CODE_BLOCK.findall(text)):
        yield "\n\n".join(block.strip() for block in blocks)


def write_other_format(value: str, text: str, meets: Meets) -> Iterator[str]:
    """Yield a text without the format: a list becomes sentences, a JSON object its texts."""
    if value in ("list", "numbered"):
        yield from write_format("no list", text, meets)
    elif value == "no list":
        yield from write_format("list", text, meets)
    elif value == "json":
        yield " ".join(_list_json_texts(text))


def _write_list(text: str) -> str:
    """Return a text with each sentence as an item; a line that ends with a colon stays."""
    body, closing = split_closing(text)
    lines = []
    for piece in split_pieces(body):
        sentence = piece.strip()
        is_plain = not any(map(str.isalnum, sentence)) or sentence.endswith(":")
        lines.append(sentence if is_plain else f"- {sentence}")
    return "\n".join(lines) + closing


def _number_items(text: str) -> str:
    """Return a text whose list items are numbered, from 1 on."""
    lines = []
    count = 0
    for line in text.splitlines():
        is_item = LIST_ITEM.match(line) is not None
        count += is_item
        lines.append(f"{count}. {cut_item_mark(line)}" if is_item else line)
    return "\n".join(lines)


def _write_sentences(text: str) -> str:
    """Return a text whose list items are sentences, each behind the line before it."""
    joined = ""
    for line in text.splitlines():
        if not LIST_ITEM.match(line):
            joined += ("\n" if joined else "") + line
            continue
        before = joined.rstrip()
        if before.endswith(":"):
            before = before[:-1] + "."
        sentence = capitalize(close_sentence(cut_item_mark(line).strip()))
        joined = join_sentences(before, sentence)
    return joined


_LINE_MARKUP = re.compile(r"^[ \t]*(?:(?:>[ \t]+)+|[-*_=]{3,}[ \t]*$)", re.M)
"""The mark of a quotation, and a rule between paragraphs."""
_HEADING = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+(?P<marked>.+)|(?P<mark>\*\*|__)(?P<bold>(?:(?!(?P=mark)).)+)"
    r"(?P=mark)[ \t]*$)",
    re.M,
)


def _join_lines(text: str) -> str:
    """Return a text in one line: headings, items and lines without a mark become sentences."""
    text = _HEADING.sub(_write_heading, _LINE_MARKUP.sub("", text))
    items = [line for line in text.splitlines() if LIST_ITEM.match(line)]
    inline = None if any(map(ends_sentence, items)) else _write_list_inline(text)
    joined = ""
    for line in (inline or _write_sentences(text)).splitlines():
        begins = joined[-1:].isalnum() and line.lstrip()[:1].isupper()
        joined = join_sentences(close_sentence(joined) if begins else joined, line)
    return joined


def _write_heading(found: re.Match[str]) -> str:
    """Return a heading as a sentence, or as what leads to the next one: "Tips:"."""
    words = (found["marked"] or found["bold"]).strip("#*_ \t")
    return close_sentence(words) if words[-1:].isalnum() else words


def _write_list_inline(text: str) -> str | None:
    """Return a list of short items as one sentence: "Three fruits: apples, pears and plums."."""
    lines = [line for line in text.splitlines() if line.strip()]
    flags = [LIST_ITEM.match(line) is not None for line in lines]
    if True not in flags or not flags.index(True):
        return None
    first = flags.index(True)
    after = first + flags[first:].index(False) if False in flags[first:] else len(lines)
    items = [cut_item_mark(line).strip().rstrip(".;,") for line in lines[first:after]]
    lead = lines[first - 1].rstrip()
    is_short = all(len(item.split()) <= MAX_INLINE_WORDS for item in items)
    if not lead.endswith(":") or not is_short or True in flags[after:]:
        return None
    fitting = [fit_first_letter(item) or item for item in items]
    last = f" and {fitting[-1]}" if len(fitting) > 1 else fitting[-1]
    sentence = close_sentence(f"{lead} {', '.join(fitting[:-1])}{last}")
    return "\n".join([*lines[: first - 1], sentence, *lines[after:]])


def _list_json_texts(text: str) -> list[str]:
    """Return the texts in a JSON document, in their order, each a sentence."""
    bare = re.sub(r"\A```(?i:json)?\s*\n|\n```\Z", "", text.strip())
    try:
        content = json.loads(bare)
    except (ValueError, RecursionError):
        return []
    found: list[str] = []
    left = [content]
    while left:
        here = left.pop()
        if isinstance(here, str) and here.strip():
            found.append(close_sentence(capitalize(here.strip())))
        elif isinstance(here, dict | list):
            values = list(here.values()) if isinstance(here, dict) else here
            left.extend(reversed(values))
    return found


REPAIRS: dict[str, tuple[Repair, Repair]] = {
    "contains": (add_item, remove_text),
    "regex": (add_member, remove_text),
    "starts": (start_with, drop_start),
    "ends": (end_with, drop_end),
    "max_words": (shorten, repair_nothing),
    "min_words": (repair_nothing, shorten),
    "max_characters": (shorten, repair_nothing),
    "min_characters": (repair_nothing, shorten),
    "max_sentences": (shorten, repair_nothing),
    "min_sentences": (repair_nothing, shorten),
    "max_paragraphs": (shorten, repair_nothing),
    "min_paragraphs": (repair_nothing, shorten),
    "language": (repair_nothing, repair_nothing),
    "spelling": (write_spelling, repair_nothing),
    "format": (write_format, write_other_format),
}
"""The repairs of each condition: where it is wanted, and where it is unwanted."""
