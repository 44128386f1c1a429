"""Agreement of short answers by their words: exact match, containment, token-F1, other numbers, and
clusters.

Source: SQuAD's evaluation script (Rajpurkar et al. 2016; `evaluate-v1.1.py`: normalize_answer,
exact_match_score, f1_score); discrete semantic entropy (Farquhar et al. 2024, Nature 630, with
clusters by token-F1 here where they have entailment).
Departs: accents and letters of every script are kept as they are, compared in one Unicode form
(NFKC), and text of scripts without spaces is cut into characters. Every currency's sign is left
out, as the dollar's is there, and so are signs that nobody sees. Of "A", "+" and "The" the script
leaves nothing, so that an empty answer equals each of them; such answers are compared as they are
written. On other ASCII text everything equals the script. Whether an answer contains another is no
part of it: there the sign and the decimal mark of a number stay, and words also end at a dash, an
apostrophe, a slash, or a sign or a unit beside a number ("20 °C" is "20°C", "9 am" is "9am",
"35 mm" is "35-mm"), "12 500" is "12,500", and a Korean noun may have a particle. A number is one
word: "12,500" does not contain "12". Signs that make another name of a word stay, too: "C++", "C#",
the grade "A+".
"""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import regex

from selfteach.number_words import NUMBER, parse_number
from selfteach.text import UNSPACED

SAME_F1 = 0.5
"""The token-F1 from which on two answers count as the same."""
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_UNWRITTEN = regex.compile(r"[\p{P}\p{Sc}\p{Cf}]")
"""Punctuation and currency beyond ASCII, and signs that nobody sees, such as soft hyphens."""
_EDGES = regex.compile(r"^[\p{P}\p{S}\s]+|(?:(?!(?<=\p{L})[+#])[\p{P}\p{S}\s])+$")
_UNSPACED = regex.compile(rf"({UNSPACED}\p{{M}}*)")


_SIGN = "\ue000"
_MARK = "\ue001"
"""Signs for private use that stand for the sign and the decimal mark of a number."""
_KEPT_SIGNS = {"+": "\ue002", "#": "\ue003"}
"""The same for signs that make another name of a word."""
_NAME_SIGN = regex.compile(r"(?<=\p{L})\+{2,}(?!\p{L})|(?<=(?<![^\W_])\p{L})[+#](?![\p{L}+])")
"""The signs of "C++", "A+" and "C#"; not of "LGBTQ+"."""
_NEGATIVE = regex.compile(r"(?<![^\W_]|\))(?:[-−]|minus )(?=\d)")
_DECIMAL = regex.compile(r"(?<![\d.,:])(\d+)(?:[.,](?!\d{3}(?!\d))|:)(?=\d+(?![.,:]?\d))")
"""The mark of "3.5", "3,5" and "6:30"; not of "1,000", nor of dates."""
_UNITS = (
    r"(?:[ap]\.?m|[kcm]?m|km/h|k[mp]h|mph|mi|ft|yd|[km]?g|lbs?|oz|[cm]?l|min|hrs?|h|ms|[kmgt]b|"
    r"[kmg]?hz|kwh?|mwh?|bn)"
)
"""Units that may stand at their number; not the letters of names, as in "iPhone 5s" and "4K"."""
_UNIT = regex.compile(rf"(?<=\d)[-‐‑]?(?={_UNITS}[23]?(?![^\W_]))")
_WORD_END = regex.compile(
    rf"(?:(?![-‐‑]|(?<=n)['’]t\b)[\p{{P}}/|]|(?<=\d(?: {_UNITS})?)[-‐‑](?=\d))"
)
"""A mark between two words: "Oslo—a city", "Norway's", "1889-1891", "9 am-5 pm"; not "well-known",
"can't".
"""
_SYMBOL = regex.compile(
    r"[®©]|(?<=\d\s?)(?![\x00-\x7f])\p{S}|(?![\x00-\x7f])\p{S}(?=\s?\d)",
)
"""A sign that stands at a word, or at a number: "20 °C", "≈500", "5×7"."""
_GROUPED = regex.compile(
    r"(?<![\d.,:])\d{1,3}(?:(?P<gap>[ .,'’])\d{3})(?:(?P=gap)\d{3})*(?!\d|:\d|[.,]\d{3}\b)"
)
"""A number whose thousands are apart: "12 500", "12,500"."""
_NUMBER_WORD = re.compile(rf"(?<!\bno )(?!one (?:of|day|another)\b)\b(?:{NUMBER})\b", re.I)
"""A number in words, or a part of one in digits; not "one of them", "no one"."""
_SCALES = {"thousand": 3, "million": 6, "billion": 9}
"""Words behind a number, and how many zeros each stands for."""
_DIGITS = regex.compile(
    rf"(?<![^\W_])({_SIGN}?)(?:0(?=\d))*+(\d+)(?:{_MARK}(\d+))?(?: ({'|'.join(_SCALES)})\b)?"
)
"""A number in a text of `read_words`, with its scale."""
_PARTICLES = (
    "은|는|이|가|을|를|에|에서|에게|한테|께서|의|로|으로|와|과|랑|이랑|도|만|까지|부터|보다|처럼|이나|나|이며|이고|이라고|라고|"
    "이다|이라는|라는|입니다|이었습니다|였습니다|이었다|였다|이에요|예요|인|일|였던|이었던"
)
"""What Korean writes at a noun."""
_KOREAN_END = regex.compile(r"\p{Hangul} $")
_TRADEMARK = regex.compile("[™℠]")


@lru_cache(maxsize=8192)
def normalize_answer(text: str) -> str:
    """Return the text in lower case, without punctuation, articles and double spaces."""
    lowered = text.lower().translate(_PUNCTUATION)
    if not lowered.isascii():
        plain = _UNWRITTEN.sub("", unicodedata.normalize("NFKC", lowered))
        lowered = _UNSPACED.sub(r" \1 ", plain)
    return " ".join(_ARTICLES.sub(" ", lowered).split())


@lru_cache(maxsize=8192)
def read_words(text: str) -> tuple[str, str]:
    """Return the normalized text with a space at each end and with its numbers as they are: once
    with the marks within words left out, once with spaces for them.
    """
    text = unicodedata.normalize("NFKC", _TRADEMARK.sub(" ", text))
    text = _UNIT.sub(" ", _NAME_SIGN.sub(_keep_sign, text).lower())
    text = _NEGATIVE.sub(_SIGN, text)
    text = _GROUPED.sub(lambda number: number[0].replace(number["gap"], ""), text)
    text = _DECIMAL.sub(rf"\1{_MARK}", text)
    divided = _WORD_END.sub(" ", _SYMBOL.sub(" ", text))
    joined, apart = (normalize_answer(one) for one in (text, divided))
    return f" {joined} ", f" {apart} "


def _keep_sign(found: regex.Match[str]) -> str:
    """Return what stands for the signs of a name; a number after it is a word of its own."""
    text: str = found[0]
    gap = " " if found.string[found.end() :][:1].isdigit() else ""
    return "".join(_KEPT_SIGNS[sign] for sign in text) + gap


def make_comparable(text: str) -> str:
    """Return the normalized text; where nothing of it is left, the text without case and the
    punctuation around it; where nothing is left again, its signs.

    "The mill." is "mill", "A." and "(a)" are "a", "+" is "+".
    """
    if words := normalize_answer(text):
        return words
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return _EDGES.sub("", folded) or folded


def exact_match(answer: str, gold: str) -> bool:
    """Return whether the comparable answer is the gold one."""
    return make_comparable(answer) == make_comparable(gold)


def contains_answer(answer: str, gold: str) -> bool:
    """Return whether the answer contains the gold words one after another, as whole words.

    No answer contains an empty gold answer. An article or a sign ("A", "+") is contained where the
    answer has it as it is written, apart from other words: "Vitamin A", but not "a vitamin".
    """
    if normalize_answer(gold):
        pairs = zip(read_words(gold), read_words(answer), strict=True)
        return any(words.strip() and has_words(text, words) for words, text in pairs)
    bare = gold.strip()
    if not bare:
        return False
    apart = rf"(?<!\w){re.escape(bare)}(?!\w|[+#]+(?!\w))"
    return exact_match(answer, gold) or re.search(apart, answer) is not None


def has_words(text: str, words: str) -> bool:
    """Return whether a normalized text has the words; in Korean the last may have a particle."""
    if words in text:
        return True
    if not _KOREAN_END.search(words):
        return False
    return regex.search(rf"{regex.escape(words.rstrip())}(?:{_PARTICLES}) ", text) is not None


def list_stems(word: str) -> list[str]:
    """Return what a normalized word is without a Korean particle, once for each that may end it."""
    stems = [word.removesuffix(particle) for particle in _PARTICLES.split("|")]
    return [stem for stem in stems if stem != word and _KOREAN_END.search(f"{stem} ")]


def token_f1(answer: str, gold: str) -> float:
    """Return F1 of the words that two answers share, with their counts, in [0, 1].

    Two empty answers have F1 = 0.

    With n shared words of a and g: precision n/a, recall n/g, F1 = 2 n / (a + g).
    """
    left = Counter(make_comparable(answer).split())
    right = Counter(make_comparable(gold).split())
    shared = (left & right).total()
    return 2 * shared / (left.total() + right.total()) if shared else 0.0


def find_numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text as they are compared: "1,500" and "1500" are one, and so are
    "nine" and "9". English words below a thousand are read, and a scale behind a number.
    """
    written = _NUMBER_WORD.sub(_write_number, text)
    return frozenset(map(_join_number, _DIGITS.finditer(read_words(written)[1])))


def _write_number(found: re.Match[str]) -> str:
    """Return a number in words in digits, and digits as they are."""
    has_digits = any(map(str.isdecimal, found[0]))
    return found[0] if has_digits else str(parse_number(found[0]))


def _join_number(found: regex.Match[str]) -> str:
    sign, whole, part, scale = found.groups(default="")
    zeros = _SCALES.get(scale, 0)
    if zeros >= len(part):
        whole, part = f"{whole}{part:0<{zeros}}".lstrip("0") or "0", ""
    number = f"{whole}.{part}" if part else whole
    return f"{'-' if sign else ''}{number}{f' {scale}' if part and zeros else ''}"


def have_other_numbers(answer: str, other: str, question: str = "") -> bool:
    """Return whether both answers have numbers, and none in common. Those of the question do not
    count.
    """
    asked = find_numbers(question)
    own, others = find_numbers(answer) - asked, find_numbers(other) - asked
    return bool(own and others) and own.isdisjoint(others)


def token_recall(answer: str, text: str) -> float:
    """Return the share of an answer's words, with their counts, that a text contains.

    It is 0 for an answer without words.
    """
    words = Counter(normalize_answer(answer).split())
    shared = (words & Counter(normalize_answer(text).split())).total()
    return shared / words.total() if words else 0.0


def share_words(answer: str, other: str) -> bool:
    """Return whether two answers are the same by their words: a token-F1 of at least SAME_F1, or no
    words in both.
    """
    return token_f1(answer, other) >= SAME_F1 or exact_match(answer, other)


def are_alike(answer: str, other: str) -> bool:
    """Return whether two answers share enough words, and no numbers keep them apart."""
    return share_words(answer, other) and not have_other_numbers(answer, other)


def cluster_answers(
    answers: Sequence[str], alike: Callable[[str, str], bool] = are_alike
) -> list[int]:
    """Return a label for each answer: it joins the first cluster whose first answer is like it.

    Empty answers are one cluster.
    """
    firsts: list[str] = []
    labels = []
    for answer in answers:
        found = [alike(answer, one) for one in firsts]
        if True not in found:
            firsts.append(answer)
            found.append(True)
        labels.append(found.index(True))
    return labels


def semantic_entropy(
    answers: Sequence[str], alike: Callable[[str, str], bool] = are_alike
) -> float:
    """Return the entropy of the clusters' shares in nats: 0 if all agree, log K if none do.

    H = - sum_c (n_c / K) log (n_c / K)
    """
    counts = Counter(cluster_answers(answers, alike)).values()
    return sum(n / len(answers) * math.log(len(answers) / n) for n in counts)
