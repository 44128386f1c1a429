"""The commonest frames of rules in German, French and Spanish."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from selfteach.materials.check_text import quote_value
from selfteach.materials.pictures import check_pictures


class ScopedText(NamedTuple):
    """Hold the two parts of a sentence. The scope is "" if it holds everywhere."""

    scope: str
    effect: str


class ForeignEffect(NamedTuple):
    """Hold what an answer must do, as `Effect` does."""

    check: str
    replacements: tuple[tuple[str, str], ...] = ()
    statement: str = ""
    topics: tuple[str, ...] = ()


class ForeignScope(NamedTuple):
    """Hold what a scope names: a kind of text, an addressee, a topic."""

    genre: str = ""
    addressee: str = ""
    topic: str = ""


# -------------------------------------------------------------------------------------------------
# scopes

_GENRES = {
    r"e-?mails?|mails?|courriels?|correos?(?: electrónicos?)?": "email",
    r"nachrichten|nachricht|messages?|mensajes?|whatsapps?": "message",
    r"sms|textnachrichten|textos?|textnachricht": "text message",
    r"briefen?|brief|lettres?|cartas?": "letter",
    r"rezepten?|rezept|recettes?|recetas?": "recipe",
    r"gedichten?|gedicht|poèmes?|poemas?": "poem",
    r"geschichten?|histoires?|contes?|cuentos?|historias?": "story",
    r"zusammenfassung(?:en)?|résumés?|resúmen(?:es)?|resumen": "summary",
    r"antworten|réponses?|respuestas?": "reply",
}
_GENRE = rf"(?:{'|'.join(_GENRES)})"
_DETERMINER = (
    r"(?:(?:meinen?|meiner|den|allen?|der|die|einer|einem|les|mes|des|tous|toutes|un|une|mon|ma|"
    r"los|"
    r"las|mis|todos|todas|una|mi|el|la|tus) )*"
)
_TO = r"(?:an|für|mit|zu|über|à|au|aux|pour|avec|sur|a|al|para|con|sobre)"
_CONDITIONS = (
    r"(?:(?:immer |jedes mal,? )?wenn|falls|sobald|quand|lorsque?|lorsqu'|si|dès que|"
    r"chaque fois qu(?:e |')|cuando|siempre que|cada vez que)"
)
_IMPERATIVES = (
    r"(?:höchstens|mindestens|maximal|weniger als|nicht mehr als|au plus|au maximum|moins de|au "
    r"moins|"
    r"pas plus de|pas d[e']|sans|como máximo|máximo|menos de|al menos|sin|vermeide|évite|évitez|"
    r"evita|"
    r"sprich|rede|reden sie|sprechen sie|antworten? sie|antworte|schreiben? sie|schreibe?|"
    r"verwenden? sie|verwende|benutzen? sie|benutze|nutze|sagen? sie|sage?|erwähnen? sie|erwähne|"
    r"bleibe?|fasse?|sei|beginne|fang|beende|ende|halte?|nenne?|mach|gib|empfiehl|füge|nie|niemals|"
    r"keine|bitte|ne|n'|réponds|répondez|écris|écrivez|utilise|utilisez|dis|dites|mentionne|reste|"
    r"sois|soyez|commence|termine|finis|parle|parlez|emploie|ajoute|recommande|jamais|no|nunca|"
    r"responde|responda|contesta|escribe|escriba|usa|use|utiliza|di|diga|menciona|sé|empieza|"
    r"comienza|habla|hable|añade|recomienda|mantén|siempre|toujours|immer|por favor|s'il)"
)
_STARTS = re.compile(rf"{_IMPERATIVES}(?![\w-])|n'", re.I)
_NATIVE = re.compile(
    r"\b(?:wenn|falls|sobald|nicht|keine?|niemals|über|und|ist|wird|meinen?|meine[rm]|quand|"
    r"lorsque|"
    r"lorsqu'|dès|pas|jamais|dans|avec|réponds|répondez|utilise|cuando|siempre|nunca|responde|usa|"
    r"hables?|en|los|las|mis|para|mit|bei|an|auf|antworte|schreibe?|verwende|benutze|sag|pour|des|"
    r"les|est|écris|por|escribe|di|sois|sé|sei|si)\b|[äöüßéèêàçñ¿¡]",
    re.I,
)
_PREFIX = re.compile(rf"{_CONDITIONS} ?(?P<scope>[^,]+(?:,[^,]+)*?), ?(?P<effect>.+)", re.I)
_PREFIX_IN = re.compile(
    rf"(?:in|bei|mit|für|dans|pour|avec|en|para|con) (?P<scope>.+?)(?:,| "
    rf")\s?(?P<effect>{_IMPERATIVES}"
    r"(?![\w-]).+)",
    re.I,
)
_SUFFIX = re.compile(rf"(?P<effect>.+?),? {_CONDITIONS} ?(?P<scope>.+)", re.I)
_SUFFIX_IN = re.compile(
    rf"(?P<effect>.+?),? (?:in|dans|en) (?P<scope>{_DETERMINER}{_GENRE}(?: {_TO} .+)?)", re.I
)


_MIDDLE_IN = re.compile(
    rf"(?P<verb>{_IMPERATIVES}(?: bitte| immer| toujours| siempre)?) (?:in|bei|dans|en) "
    rf"(?P<scope>{_DETERMINER}{_GENRE}(?: (?:an|für|à|aux?|pour|a|al|para) "
    r"(?:(?:meinen?|meine[rm]|die|das|den|der|mon|ma|mes|les?|la|mi|mis|los|las|el) |l')?[^\W\d_]+"
    r"(?: (?-i:[A-ZÄÖÜÉ])[\w-]+)*)?),? (?P<rest>.+)",
    re.I,
)


def split_other_language(text: str) -> ScopedText | None:
    """Split "Wenn SCOPE, EFFECT", "EFFECT quand SCOPE", "EFFECT en correos a SCOPE".

    The result is None for a sentence in another language.
    """
    if len(_NATIVE.findall(text)) < 2:
        return None
    text = re.sub(r"^(?:bitte|s'il (?:te|vous) plaît|por favor),? ", "", text, flags=re.I)
    if match := _MIDDLE_IN.fullmatch(text):
        return ScopedText(match["scope"], f"{match['verb']} {match['rest']}")
    for form in (_PREFIX, _PREFIX_IN, _SUFFIX, _SUFFIX_IN):
        match = form.fullmatch(text)
        if match and _STARTS.match(match["effect"].strip()):
            effect = re.sub(r"^(?:dann|alors|entonces) ", "", match["effect"].strip())
            return ScopedText(match["scope"].strip(), effect)
    return None


_SCOPE_TO = re.compile(
    rf"{_DETERMINER}(?P<genre>{_GENRE}) (?:an|für|à|au|aux|pour|a|al|para) (?P<who>.+)", re.I
)
_SCOPE_WRITE = re.compile(
    r"(?:ich |du |j'|je |tu |yo )?(?:an )?(?:(?P<before>.+?) (?:schreibe|schreibst|schreibt)|"
    r"(?:écris|écrit|écrire|écrivez|escribo|escribes|escribir|escribas?) (?:à|au|aux|a|al) "
    r"(?P<who>.+))",
    re.I,
)
_SCOPE_TOPIC = re.compile(
    r"(?:.*\b(?:nach|über|um) (?P<de>.+?) (?:gefragt (?:wird|werde|wirst)|fragt|frage|geht|"
    r"gesprochen wird|spreche|rede)|"
    r".*\b(?:demande|demandent|demandé|parle|parlent|interroge|question|questions)(?: sur| de| "
    r"du| des"
    r"| d'| les| la| le| l')+ ?(?P<fr>.+)|"
    r".*\b(?:pregunt\w+|hablen?|habla|preguntas?)(?: por| de| del| sobre| los| las| el| la)+ "
    r"(?P<es>.+)"
    r"|(?:réponses?|respuestas?|antworten|fragen)(?: über| zu| sur| sobre)+ (?P<of>.+))",
    re.I,
)


def read_other_scope(scope: str) -> ForeignScope | None:
    """Return what a German, French or Spanish scope names, or None."""
    if match := _SCOPE_TO.fullmatch(scope):
        return ForeignScope(_name_genre(match["genre"]), match["who"])
    if match := _SCOPE_TOPIC.fullmatch(scope):
        return ForeignScope(topic=match["de"] or match["fr"] or match["es"] or match["of"])
    if match := _SCOPE_WRITE.fullmatch(scope):
        return ForeignScope(addressee=match["before"] or match["who"])
    if match := re.fullmatch(rf"{_DETERMINER}(?P<genre>{_GENRE})", scope, re.I):
        return ForeignScope(_name_genre(match["genre"]))
    return None


def _name_genre(word: str) -> str:
    names = (name for form, name in _GENRES.items() if re.fullmatch(form, word, re.I))
    return next(names, "")


# -------------------------------------------------------------------------------------------------
# effects

_NUMBERS = {
    **dict.fromkeys(("ein", "eine", "einem", "einer", "einen", "un", "une", "una", "una sola"), 1),
    **dict.fromkeys(("einem einzigen", "einem kurzen", "une seule", "un solo"), 1),
    **dict.fromkeys(("zwei", "deux", "dos"), 2),
    **dict.fromkeys(("drei", "trois", "tres"), 3),
    **dict.fromkeys(("vier", "quatre", "cuatro"), 4),
    **dict.fromkeys(("fünf", "cinq", "cinco"), 5),
    **dict.fromkeys(("sechs", "six", "seis"), 6),
    **dict.fromkeys(("sieben", "sept", "siete"), 7),
    **dict.fromkeys(("acht", "huit", "ocho"), 8),
    **dict.fromkeys(("neun", "neuf", "nueve"), 9),
    **dict.fromkeys(("zehn", "dix", "diez"), 10),
    **dict.fromkeys(("zwanzig", "vingt", "veinte"), 20),
    **dict.fromkeys(("dreißig", "trente", "treinta"), 30),
    **dict.fromkeys(("vierzig", "quarante", "cuarenta"), 40),
    **dict.fromkeys(("fünfzig", "cinquante", "cincuenta"), 50),
}
_AT_LEAST = r"mindestens|wenigstens|au moins|au minimum|al menos|por lo menos|mínimo|como mínimo"
_UNDER = r"weniger als|unter|moins de|sous|menos de|bajo"
_EXACT = r"genau|exactement|exactamente"
_AT_MOST = (
    r"höchstens|maximal|nicht mehr als|bis zu|au plus|au maximum|maximum|pas plus de|jusqu'à|"
    r"como máximo|máximo|un máximo de|a lo sumo|no más de|hasta"
)
_UNITS = {
    r"wörtern?|worten?|wort|mots?|palabras?": "words",
    r"sätzen?|satz|phrases?|frases?|oración|oraciones": "sentences",
}
_COUNT = (
    rf"(?:(?P<bound>{_AT_LEAST}|{_UNDER}|{_EXACT}|{_AT_MOST}) )?(?:de )?"
    rf"(?P<count>\d{{1,4}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))}) "
    rf"(?P<unit>{'|'.join(_UNITS)})(?: (?P<after>{_AT_LEAST}|{_AT_MOST}))?"
)
_ANSWER = (
    r"(?:(?:bitte |immer |toujours |siempre )?(?:antworten? sie|antworte|schreiben? sie|schreibe?|"
    r"bleibe?|halte dich|verwende|verwenden sie|benutze|benutzen sie|réponds|répondez|écris|"
    r"écrivez|"
    r"utilise|utilisez|reste|emploie|responde|responda|contesta|conteste|escribe|escriba|usa|use|"
    r"utiliza|mantente)(?: immer| bitte| nur| toujours| siempre)?(?: (?:in|mit|auf|en|avec|dans|"
    r"con))?)"
)
_LANGUAGES = {
    "de": "deutsch|allemand|alemán",
    "en": "englisch|anglais|inglés",
    "fr": "französisch|français|francés",
    "es": "spanisch|espagnol|español",
    "it": "italienisch|italien|italiano",
}
_LANGUAGE = re.compile(
    rf"(?:{_ANSWER} )?(?:auf |en )?(?P<name>{'|'.join(_LANGUAGES.values())})", re.I
)
_TOPIC = re.compile(
    r"(?:(?:sprich|rede|sprechen sie|reden sie|schreibe?|erzähle?)(?: bitte)? (?:nicht|nie|niemals|"
    r"nicht mehr) (?:über|von) (?:das thema |den |die |das |dem |der )?(?P<de>.+)|"
    r"(?:erwähne|erwähnen sie)(?: bitte)? (?:(?:nie|niemals|nicht|keine?n?) (?P<de2>.+)|"
    r"(?P<de3>.+) "
    r"(?:nicht|nie))|"
    r"ne (?:parle|parlez|discute|discutez)(?: surtout)? (?:pas|jamais|plus) (?:de la |de l'|des "
    r"|du |"
    r"d'|de |sur )(?P<fr>.+)|"
    r"ne (?:mentionne|mentionnez) (?:pas|jamais|plus) (?:la |le |les |l')?(?P<fr2>.+)|"
    r"(?:no|nunca)(?: me)? (?:hables?|hablar|converses)(?: nunca)? (?:de los |de las |de la |"
    r"del |de |"
    r"sobre )(?P<es>.+)|"
    r"(?:no|nunca) menciones? (?:a |los |las |la |el |al )?(?P<es2>.+)|"
    r"(?:vermeide|vermeiden sie) (?:das thema |themen wie |es, über )?(?P<de4>.+?)(?: zu "
    r"(?:sprechen|"
    r"reden|schreiben))?|"
    r"évite[sz]? (?:(?:de parler|de discuter|le sujet|le thème|les sujets)(?: de la| de l'| des| "
    r"du| d'"
    r"| de) ?)(?P<fr3>.+)|"
    r"evit[ae] (?:hablar|mencionar|discutir|el tema|los temas)(?: de los| de las| de la| del| de| "
    r"sobre"
    r"| a)? (?P<es3>.+))",
    re.I,
)
_NO = (
    r"(?:(?:(?:bitte )?(?:verwenden? sie|verwende|benutzen? sie|benutze|nutze|schreibe?) )?"
    r"(?:keinerlei|keine|nie|niemals)|n'(?:utilise|utilisez|emploie|écris) (?:pas|jamais)|sans|pas|"
    r"(?:no|nunca) (?:uses?|utilices?|escribas?|pongas)|sin)(?: de| d'| des)?"
)
_USE = (
    r"(?:verwenden? sie|verwende|benutzen? sie|benutze|nutze|schreibe?|füge|utilise|utilisez|"
    r"ajoute|"
    r"emploie|mets|usa|use|utiliza|añade|pon)(?: immer| toujours| siempre)?"
)
_MARKS = {
    r"ausrufezeichen|points? d'exclamation|signos? de (?:exclamación|admiración)": 'contains "!"',
    r"fragezeichen|points? d'interrogation|signos? de interrogación": 'contains "?"',
    r"kommas?|virgules?|comas?": 'contains ","',
    r"zahlen|ziffern|chiffres|nombres|números|cifras|dígitos": r'regex "\\d"',
    r"emojis?|emoticons?|émojis?": r'regex "[\\p{Emoji_Presentation}\\uFE0F]"',
    r"listen|aufzählungen|stichpunkte|listes|puces|listas|viñetas": "format=list",
}
_MARK = re.compile(rf" ?(?P<mark>{'|'.join(_MARKS)})", re.I)
_HEART = re.compile(
    rf"{_USE} (?:(?:ein|einen|immer|un|une|des) )*(?:herz(?:-?emojis?|en|chen)?|"
    r"(?:emojis? (?:de )?|petit )?(?:cœurs?|coeurs?|coraz[oó]n(?:es|cito)?))(?: ein| hinzu)?",
    re.I,
)
_BRIEF = re.compile(
    r"(?:fass(?:e)? dich (?:bitte )?kurz|(?:sei|antworte|schreibe?) (?:bitte )?(?:kurz|knapp)|"
    r"sois (?:bref|brève|concise?)|soyez (?:bref|concis)|réponds brièvement|"
    r"sé (?:breve|conciso|concisa)|responde brevemente)",
    re.I,
)
_NOT_MORE = (
    r"(?:(?:antworte|schreibe?|verwende|benutze)(?: bitte)? (?:nie|niemals|nicht)(?: (?:in|mit))? "
    r"mehr als|(?:überschreite|übersteige) (?:nie|nicht)|ne dépass(?:e|ez) (?:pas|jamais)|"
    r"n'(?:utilise|utilisez|écris) (?:pas|jamais) plus de|(?:no|nunca) (?:uses?|escribas?|superes?|"
    r"excedas)(?: (?:más de|las|los))?|nie mehr als|jamais plus de|nunca más de)"
)
_MOST = re.compile(rf"{_NOT_MORE} (?P<count>\d{{1,4}}) (?P<unit>{'|'.join(_UNITS)})", re.I)
_ASKING_END = re.compile(
    r"(?:(?:beende|ende|schließe)(?: .+?)? mit einer (?:kurzen )?(?:rück)?frage|"
    r"(?:termine|finis)(?:z)?(?: .+?)? par une question|termina(?: .+?)? con una pregunta)",
    re.I,
)
_QUOTED = r"""["'«„‘](?P<value>[^"'»“”’]+)["'»“”’]"""
_BEGIN = re.compile(
    rf"(?:(?:beginne|fange?)(?: .+?)?(?: an)? mit|commence(?:z)?(?: .+?)? par|"
    rf"(?:empieza|comienza)(?: .+?)? con) {_QUOTED}(?: an)?",
    re.I,
)
_FINISH = re.compile(
    rf"(?:(?:beende|ende|schließe)(?: .+?)? mit|(?:termine|finis)(?:z)?(?: .+?)? par|"
    rf"termina(?: .+?)? con) {_QUOTED}",
    re.I,
)
_INSTEAD = re.compile(
    r"(?:schreibe?|sage?|écris|dis|escribe|di|usa|verwende|utilise) "
    r"""["'«„](?P<new>[^"'»“”]+)["'»“”] """
    r"(?:statt|anstatt|anstelle von|au lieu de|en lugar de|en vez de) "
    r"""["'«„](?P<old>[^"'»“”]+)["'»“”]""",
    re.I,
)
_SAY = re.compile(
    r"(?:(?:sage?|sagen sie|erwähne|antworte)(?: bitte)?,? dass (?P<de>.+)|"
    r"(?:dis|dites|réponds|mentionne)(?:-lui|-leur)? (?:que |qu')(?P<fr>.+)|"
    r"(?:di|diga|responde|menciona)(?:les?)? que (?P<es>.+))",
    re.I,
)


def read_other_effect(text: str) -> ForeignEffect | None:
    """Return the effect of a German, French or Spanish sentence of a known form, or None."""
    text = re.sub(r"^(?:bitte|s'il (?:te|vous) plaît|por favor),? ", "", text, flags=re.I)
    for form, build in _FORMS:
        match = form.fullmatch(text)
        if match and (found := build(match)):
            return ForeignEffect(found) if isinstance(found, str) else found
    return None


def _name_unit(word: str) -> str:
    """Return "words" for "Wörtern"."""
    return next(name for form, name in _UNITS.items() if re.fullmatch(form, word, re.I))


def _check_count(match: re.Match[str]) -> str:
    """Return the check of "höchstens 20 Wörter"; without a bound it is an upper one."""
    bound = (match["bound"] or match["after"] or "").lower()
    word = match["count"].lower()
    count = _NUMBERS[word] if word in _NUMBERS else int(word)
    unit = _name_unit(match["unit"])
    if re.fullmatch(_AT_LEAST, bound):
        return f"min_{unit}={count}"
    if re.fullmatch(_UNDER, bound):
        return f"max_{unit}={max(1, count - 1)}"
    exact = re.fullmatch(_EXACT, bound) or (unit == "sentences" and not bound)
    if count > 1 and exact:
        return f"min_{unit}={count} and max_{unit}={count}"
    return f"max_{unit}={count}"


_OWNER = re.compile(
    r"^(?:mein(?:e[nmrs]?)?|dein(?:e[nmrs]?)?|unser(?:e[nmrs]?)?|mon|ma|mes|ton|ta|tes|notre|nos|"
    r"mis?|"
    r"tus?|nuestr[oa]s?) ",
    re.I,
)


def _forbid_topics(match: re.Match[str]) -> ForeignEffect | None:
    """Return the effect of a forbidden subject; a star stands for the endings of its last word."""
    topic = _OWNER.sub("", next(value for value in match.groups() if value))
    parts = re.split(r",? (?:oder|und|noch|ou|et|ni|o|y) (?:von |über |de |des |du )?|, ", topic)
    if any(len(part.split()) > 3 or not re.fullmatch(r"[\w' -]+", part) for part in parts):
        return None
    found = [f'contains "{_to_stem(part)}"' for part in parts]
    check = f"not {found[0]}" if len(found) == 1 else f"not ({' or '.join(found)})"
    return ForeignEffect(check, topics=tuple(parts))


def _to_stem(phrase: str) -> str:
    cut = re.sub(r"(?:en|es|e|n|s)$", "", phrase)
    return f"{cut if len(cut) >= 4 else phrase}*"


def _check_mark(match: re.Match[str]) -> str:
    mark = next(check for form, check in _MARKS.items() if re.fullmatch(form, match["mark"], re.I))
    return f"not {mark}"


def _check_used(match: re.Match[str]) -> str:
    return _check_mark(match).removeprefix("not ")


def _check_language(match: re.Match[str]) -> str:
    named = [code for code, form in _LANGUAGES.items() if re.fullmatch(form, match["name"], re.I)]
    return f"language={named[0]}"


def _replace(match: re.Match[str]) -> ForeignEffect:
    return ForeignEffect(
        f"not contains {quote_value(match['old'])}", ((match["old"], match["new"]),)
    )


_LIGHT = frozenset(
    re.findall(
        r"\S+",
        "wir sie ist sind wird werden haben hat sein uns unser unsere nicht eine einen der die "
        "das dem den und oder für mit von nach innerhalb nous vous sont avons dans pour avec "
        "une des les est notre nos que qui pas son ses sur somos está están son estamos tenemos "
        "para con una los las del por nuestro nuestra que sin bis um heures uhr horas las",
    )
)


def _state(match: re.Match[str]) -> ForeignEffect | None:
    """Return the effect of what must be said: its numbers and its two longest words."""
    clause = match["de"] or match["fr"] or match["es"]
    words = re.findall(r"[^\W_]+", clause)
    numbers = [word for word in words if word.isdigit() or _is_number(word)]
    rest = [word for word in words if word not in numbers and word.lower() not in _LIGHT]
    longest = sorted((word for word in rest if len(word) > 3), key=len, reverse=True)[:2]
    found = [_find_word(word) for word in words if word in numbers or word in longest]
    if not found:
        return None
    sentence = _order_german(clause) if match["de"] else clause
    statement = sentence[:1].upper() + sentence[1:].rstrip(".") + "."
    return ForeignEffect(" and ".join(dict.fromkeys(found)), statement=statement)


def _is_number(word: str) -> bool:
    return _NUMBERS.get(word.lower(), 0) > 1


def _find_word(word: str) -> str:
    if _is_number(word):
        return f'(contains "{word.lower()}" or contains "{_NUMBERS[word.lower()]}")'
    return f'contains "{word}"' if word.isdigit() else f'contains "{_to_stem(word.lower())}"'


def _order_german(clause: str) -> str:
    """Return "wir um sechs schließen" as a main clause: its verb follows its subject."""
    words = clause.split()
    subject = 1 if words[0].lower() in ("wir", "es", "sie", "man", "ich", "er", "du") else 2
    if len(words) <= subject + 1:
        return clause
    return " ".join([*words[:subject], words[-1], *words[subject:-1]])


Build = Callable[[re.Match[str]], "ForeignEffect | str | None"]
_FORMS: list[tuple[re.Pattern[str], Build]] = [
    (re.compile(rf"(?:{_ANSWER} )?{_COUNT}", re.I), _check_count),
    (_MOST, lambda match: f"max_{_name_unit(match['unit'])}={match['count']}"),
    (_ASKING_END, lambda _: 'ends "?"'),
    (_LANGUAGE, _check_language),
    (_TOPIC, _forbid_topics),
    (re.compile(_NO + _MARK.pattern, re.I), _check_mark),
    (_HEART, lambda _: check_pictures(["heart", "kiss"])),
    (re.compile(rf"{_USE} (?:des |einige )?" + _MARK.pattern.strip(), re.I), _check_used),
    (_BRIEF, lambda _: "max_words=40"),
    (_BEGIN, lambda match: f"starts {quote_value(match['value'])}"),
    (_FINISH, lambda match: f"ends {quote_value(match['value'])}"),
    (_INSTEAD, _replace),
    (_SAY, _state),
]
