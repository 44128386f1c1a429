"""The language of a text: by its script, and for Latin, Cyrillic and Arabic by its common words.

The 21 languages of an answer need no model and no data file. Limits: it knows no others (Danish
looks like Swedish, Czech like Polish), needs about one sentence, and finds only the main language
of a mixed text. If it cannot decide, it returns all possible languages. A short rule is read by
py3langid.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import regex

MAX_ENGLISH = 0.02
"""The probability of English below which a short text is surely in another language."""

_WORDS = {
    "en": """
        the of and to in is that it was for on are as with his they at be this from have or
        by one had not but what all were when we there can an your which their you he she i
        would about so if will them more no do my has her him its a an some how who than then
        could should like make take good just only into your our it's i'm don't that's here's
        you're can't let's there's what's doesn't isn't me come""",
    "de": """
        der die das und ist nicht ein eine einen einem ich du er sie es wir ihr den dem des
        zu von mit auf für im sich auch als wie bei oder aber war sind hat kann wird nur
        noch aus nach wenn werden haben über sehr mehr""",
    "fr": """
        le la les de des du et est une un je tu il elle nous vous ils que qui dans pour pas
        sur avec au aux ce cette son sa ses mais ou où par plus ne se sont être avoir c'est
        d'un d'une très leur comme à été a me te""",
    "es": """
        el la los las de del y es que en un una por con no para su se al lo como más pero
        sus le ya o este sí porque esta entre cuando muy sin sobre también me hasta hay
        donde quien desde está son ser fue yo tú él ella a te mi aquí tienes hoy
        come""",
    "it": """
        il lo la i gli le di del della che e è un una per non con sono da in si come più ma
        anche al alla nel nella dei delle questo questa ha ho io tu lui lei noi essere stato
        molto quando cosa perché se ci a mi ti te""",
    "pt": """
        o a os as de do da dos das e é que em um uma para com não por mais no na nos nas se
        foi como mas ao ele ela seu sua ou quando muito já eu também só pelo pela até isso
        você são está ser ter me te come""",
    "nl": """
        de het een en van is dat in te niet op met voor zijn er aan die ik je hij zij we ze
        maar om ook als dan bij nog uit naar heeft worden door over deze dit kan wat was wel
        geen werd hebben meer""",
    "sv": """
        och att det i på är en som för av med den till inte har de ett om han hon jag du vi
        ni men så kan från eller var vid när också mycket efter där här hur alla sin sina
        blir skulle""",
    "pl": """
        i w na z do się nie to jest że jak o co po ale za od tak dla ich czy tym przez był
        była było są może tylko już jego jej ten ta oraz a które który która także przy bardzo""",
    "tr": """
        ve bir bu da de için ile çok ne var o gibi daha ben sen biz siz değil mi olarak ama
        kadar sonra en olan her şey ki ya veya nasıl zaman iyi olduğu""",
    "ru": """
        и в не на я что он с как это а по но из у за от так же то все она мы вы они бы для
        мне есть его её был было быть если или когда только очень уже их может""",
    "uk": """
        і в не на я що він з як це а та але із у за від так же то все вона ми ви вони для
        мені є його її був було бути якщо або коли тільки дуже вже їх може й до про""",
    "ar": """
        في من على إلى أن هذا هذه التي الذي ما لا هو هي كان عن مع أو كل ذلك بعد قد لم إن كما
        بين""",
    "fa": """
        در از به که این را با است برای آن یک می هم تا بر هر او ما من شما اند بود شد های نیست""",
}
_COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_SCRIPTS = {
    "Latin": ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "tr"),
    "Cyrillic": ("ru", "uk"),
    "Arabic": ("ar", "fa"),
    "Greek": ("el",),
    "Hebrew": ("he",),
    "Devanagari": ("hi",),
    "Thai": ("th",),
    "Hangul": ("ko",),
    "Kana": ("ja",),
    "Han": ("zh", "ja"),
}
_LETTERS = {
    script: regex.compile(rf"\p{{Script={script}}}") for script in _SCRIPTS if script != "Kana"
}
_LETTERS["Kana"] = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
SIGNS_A_WORD = 2
"""So many signs of Chinese, Japanese or Korean say about as much as a word."""
_SIGNS = ("Han", "Kana", "Hangul")
_WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)?")
LANGUAGES = tuple(dict.fromkeys(language for known in _SCRIPTS.values() for language in known))


def count_scripts(text: str) -> Counter[str]:
    """Count the letters of each known script; Han among Japanese syllables counts as "Kana"."""
    counts = Counter({script: len(pattern.findall(text)) for script, pattern in _LETTERS.items()})
    if counts["Kana"] * 10 > counts["Han"]:
        counts["Kana"] += counts.pop("Han")
    return +counts


def find_main_script(text: str) -> str:
    """Return the script of most letters of a text; Latin if none is known."""
    counts = count_scripts(text)
    return counts.most_common(1)[0][0] if counts else "Latin"


def _choose_script(text: str, counts: Counter[str]) -> str:
    """Return the script of most letters, or of the most signs of Chinese, Japanese or Korean where
    these are more than the words of the other: names in Latin letters are long.
    """
    script = counts.most_common(1)[0][0]
    signs = max(_SIGNS, key=counts.__getitem__)
    if script in (*_SIGNS, "Thai"):
        return script
    num_words = len(regex.findall(rf"[\p{{Script={script}}}\p{{M}}]+", text))
    return signs if counts[signs] > SIGNS_A_WORD * num_words else script


def detect_languages(text: str) -> frozenset[str]:
    """Return the possible languages of a text: one for a usual sentence, all for "42"."""
    counts = count_scripts(text)
    if not counts:
        return frozenset(LANGUAGES)
    script = _choose_script(text, counts)
    possible = ("zh",) if script == "Han" and counts["Han"] > 20 else _SCRIPTS[script]
    if len(possible) == 1 or script == "Han":
        return frozenset(possible)
    words = Counter(word.lower().replace("’", "'") for word in _WORD.findall(text))
    hits = [sum(map(words.__getitem__, _COMMON[language])) for language in possible]
    return frozenset(one for one, count in zip(possible, hits, strict=True) if count == max(hits))


@cache
def _load_identifier() -> Any:
    """Load py3langid's model, for the languages of the Latin script."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_SCRIPTS["Latin"])
    return identifier


def is_surely_foreign(text: str) -> bool:
    """Return whether a short text is surely in another language than English: it has another
    script, or English is as good as excluded.

    py3langid finds German, French and Spanish rules of three words, which the common words above
    do not (docs/log/). It unpacks its model into the temporary folder; without room there, no text
    of the Latin script is surely foreign.
    """
    if find_main_script(text) != "Latin":
        return True
    shares = dict(_rank_languages(text))
    return bool(shares) and shares["en"] < MAX_ENGLISH


def choose_language(text: str) -> str:
    """Return the language of a text. Of several possible ones it is English, or the likeliest where
    the text is surely foreign; "" where none is likely.
    """
    possible = detect_languages(text)
    if len(possible) == 1:
        return next(iter(possible))
    if "en" in possible and not is_surely_foreign(text):
        return "en"
    ranked = [language for language, _ in _rank_languages(text)]
    return ranked[0] if ranked and ranked[0] in possible else ""


def _rank_languages(text: str) -> list[tuple[str, float]]:
    """Return the languages of the Latin script, the likeliest first, with their shares; none where
    py3langid's model has no room.
    """
    try:
        return list(_load_identifier().rank(text))
    except OSError:
        return []
