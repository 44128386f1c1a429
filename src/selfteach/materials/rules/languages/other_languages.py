"""The commonest frames of rules in German, French, Spanish and Italian."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from selfteach.materials.rules.check_text import join_checks, quote_value
from selfteach.materials.rules.effects.effect_checks import Build, Effect
from selfteach.materials.rules.forbidden_topics import none_of
from selfteach.materials.rules.languages.foreign_words import to_english_subject
from selfteach.materials.rules.languages.native_imperatives import to_native_imperative
from selfteach.materials.rules.pictures import ANY_EMOJI, check_pictures


class ScopedText(NamedTuple):
    """Hold the two parts of a sentence. The scope is "" if it holds everywhere."""

    scope: str
    effect: str


class ForeignScope(NamedTuple):
    """Hold what a scope names: a kind of text, an addressee, a topic."""

    genre: str = ""
    addressee: str = ""
    topic: str = ""


# -------------------------------------------------------------------------------------------------
# scopes

_GENRES = {
    r"e-?mails?|mails?|courriels?|correos?(?: electrónicos?)?": "email",
    r"nachrichten|nachricht|messages?|mensajes?|whatsapps?|messagg[io]": "message",
    r"sms|textnachrichten|textos?|textnachricht|texten": "text message",
    r"briefen?|brief|lettres?|cartas?|letter[ae]": "letter",
    r"rezepten?|rezept|recettes?|recetas?|ricett[ae]": "recipe",
    r"gedichten?|gedicht|poèmes?|poemas?|poesi[ae]": "poem",
    r"geschichten?|histoires?|contes?|cuentos?|historias?|stori[ae]|raccont[io]": "story",
    r"zusammenfassung(?:en)?|résumés?|resúmen(?:es)?|resumen|riassunt[io]": "summary",
    r"antworten|réponses?|respuestas?|rispost[ae]": "reply",
    r"produktbeschreibung(?:en)?|descriptions? de produits?|descripci(?:ón|ones) de productos?": (
        "product description"
    ),
}
_GENRE = rf"(?:{'|'.join(_GENRES)})"
_DETERMINER = (
    r"(?:(?:meinen?|meiner|jede[nrs]?|chaque|cada|den|allen?|der|die|einer|einem|les|mes|des|tous|"
    r"toutes|un|une|mon|ma|los|las|mis|todos|todas|una|mi|el|la|tus|gli|le|i|tutti|tutte|ogni|nei|"
    r"nelle|negli) )*"
)
_TO = (
    r"(?:an|für|zu|über|à|au|aux|pour|sur|a|al|para|sobre|alla|ai|alle|per|su|"
    r"(?:mit|avec|con)(?! [\"'«„]))"
)
_CONDITIONS = (
    r"(?:(?:(?:immer |jedes mal,? )?wenn|falls|sobald|quand|lorsque?|si|dès que|"
    r"chaque fois que|cuando|siempre que|cada vez que|quando|se|ogni volta che|appena)\b|"
    r"(?:lorsqu|chaque fois qu|dès qu)')"
)
_IMPERATIVES = (
    r"(?:höchstens|mindestens|maximal|weniger als|nicht mehr als|au plus|au maximum|moins de|au "
    r"moins|pas plus de|pas d[e']|sans|como máximo|máximo|menos de|al menos|sin|vermeide|évite|"
    r"évitez|evita|sprich|rede|reden sie|sprechen sie|antworten? sie|antworte|schreiben? sie|"
    r"schreibe?|verwenden? sie|verwende|benutzen? sie|benutze|nutze|sagen? sie|sage?|erwähnen? sie|"
    r"erwähne|bleibe?|fasse?|sei|beginne|fang|beende|ende|halte?|nenne?|mach|gib|empfiehl|füge|nie|"
    r"niemals|keine|bitte|ne|n'|réponds|répondez|écris|écrivez|utilise|utilisez|dis|dites|"
    r"mentionne|reste|sois|soyez|commence|termine|finis|parle|parlez|emploie|ajoute|recommande|"
    r"jamais|no|nunca|responde|responda|contesta|escribe|escriba|usa|use|utiliza|di|diga|menciona|"
    r"sé|empieza|comienza|habla|hable|añade|recomienda|mantén|siempre|toujours|immer|por favor|"
    r"s'il|rispondi|risponda|scrivi|scriva|usa|usi|utilizza|di'|dì|dica|menziona|sii|inizia|"
    r"comincia|finisci|termina|concludi|parla|parli|aggiungi|consiglia|rimani|resta|non|mai|sempre|"
    r"al massimo|massimo|almeno|senza|evita|chiedi|metti)"
)
_STARTS = re.compile(rf"{_IMPERATIVES}(?![\w-])|n'", re.I)
_NATIVE = re.compile(
    r"\b(?:nie|das|dass|der|die|wort|wenn|falls|sobald|nicht|keine?|niemals|über|und|ist|wird|"
    r"meinen?|meine[rm]|quand|lorsque|lorsqu'|dès|pas|jamais|dans|avec|réponds|répondez|utilise|"
    r"cuando|siempre|nunca|responde|usa|hables?|en|los|las|mis|para|mit|bei|an|auf|antworte|"
    r"schreibe?|beantworten?|verwende|benutze|sag|pour|des|les|est|écris|por|escribe|di|sois|sé|"
    r"sei|si|quando|non|mai|sempre|rispondi|scrivi|scrivo|al|alla|nei|nelle|qualcuno|che|mio|mia|massimo|"
    r"ich|du|je|tu|jemand|quelqu|alguien|mon|ma)\b|[äöüßéèêàçñ¿¡ìòù]",
    re.I,
)
MIN_NATIVE = 2
"""So many words of other languages make a sentence one of them; some are English words too."""
_SURELY_NATIVE = re.compile(
    r"^[^\"'«„]*\b(?:wenn|nicht|beantworten?|niemals|keine?[nr]?|quand|jamais|réponds|cuando|"
    r"siempre|nunca|rispondi|quando|sempre)\b",
    re.I,
)
_ENGLISH = re.compile(
    r"\b(?:the|an|to|do not|don't|not|never|always|when|if|use (?:an?|no)|with|and|of|is|are|my|"
    r"our|your|please|answer|write|keep|start|end|every|all|should|must|in (?:e-?mails|texts|"
    r"messages|letters|an?|the|my|our)|emails|texts|letters)\b",
    re.I,
)
"""Words of an English rule; some of them are words elsewhere too."""
_QUOTATION = re.compile(r"\"[^\"]*\"|«[^»]*»|„[^“”]*[“”]")
_EVERYWHERE = re.compile(
    r"^(?:(?:in|dans|en|nelle) (?:(?:allen|toutes|todas|tutte|deinen|ihren|tes|vos|tus|sus|le|tue|"
    r"sue|las|les) )*(?:antworten|réponses|respuestas|risposte)|"
    r"(?:wenn|falls|si|se|quand|cuando) (?:es |c'est |sea )?(?:möglich|nötig|possible|nécessaire|"
    r"posible|necesario|possibile|necessario)),? ",
    re.I,
)
"""What restricts a demand to nothing: "in all your answers", "if possible"."""
_PREFIX = re.compile(rf"{_CONDITIONS} ?(?P<scope>[^,]+(?:,[^,]+)*?), ?(?P<effect>.+)", re.I)
_PREFIX_IN = re.compile(
    rf"(?:in|bei|mit|für|dans|pour|avec|en|para|con|nei|nelle|negli|per|"
    rf"auf(?= fragen (?:zu|nach|über))|aux?(?= questions sur)|"
    rf"a (?:las|los)(?= preguntas sobre)) (?P<scope>.+?)(?:,| )\s?"
    rf"(?P<effect>{_IMPERATIVES}(?![\w-]).+)",
    re.I,
)
_SUFFIX = re.compile(rf"(?P<effect>.+?),? {_CONDITIONS} ?(?P<scope>.+)", re.I)
_SUFFIX_IN = re.compile(
    rf"(?P<effect>.+?),? (?:in|dans|en|nei|nelle|negli) (?P<scope>{_DETERMINER}{_GENRE}(?: {_TO} "
    rf".+)?)",
    re.I,
)


_NO_DE = r"(?:nicht|keine?[mnrs]?|nie|niemals)"
_IN_TURN = re.compile(
    r"(?:in|bei|auf|mit|für|dans|pour|en|para|con|nei|nelle|per) (?P<scope>.+?),? (?:(?:sollst|"
    r"solltest) du|(?:sollen|sollten) sie|(?:musst du|müssen sie)"
    rf"(?!.* {_NO_DE} )|(?:darfst du|dürfen sie)(?=.* {_NO_DE} )|"
    r"tu (?:dois|devrais)|vous (?:devez|devriez)|(?:tu|vous) (?P<ne>ne) (?:dois|devrais|devez|"
    r"devriez)|(?:(?P<no>no|nunca|non) )?(?:debes|deberías|devi|dovresti)|(?<! no )tienes que) "
    r"(?:bitte )?(?P<rest>.+)",
    re.I,
)
"""A condition before "du sollst": "In E-Mails an Kim sollst du keine Emojis verwenden."."""
_NEED_NOT = re.compile(rf".+ (?:musst du|müssen sie) (?:.+ )?{_NO_DE} .+", re.I)
"""What is only allowed: "In E-Mails an Kim musst du keine Emojis verwenden."."""
_USUALLY = r"(?: (?:bitte|immer|stets|toujours|siempre|sempre))*"
_ANSWERED = re.compile(
    r"(?P<verb>beantworten? sie|beantworte|réponds|répondez|responde|responda|rispondi)(?: à| a)? "
    r"(?P<scope>(?:(?:alle|aux|toutes|les|las|los|le|alle|tutte) )*(?:fragen|questions|preguntas|"
    r"domande) (?:zu[mr]?|über|nach|sur|sobre|sul?|sull[aeo]|sugli|sui) .+?)"
    rf"{_USUALLY}",
    re.I,
)
"""Before how questions are answered: "Beantworte Fragen zu Wein (in einem Satz)."."""
_WRITTEN = re.compile(
    r"(?P<verb>schreiben? sie|schreibe?|écris|écrivez|escribe|escriba|scrivi|scriva) "
    rf"(?P<scope>{_DETERMINER}{_GENRE}(?: {_TO} .+?)?){_USUALLY}",
    re.I,
)
"""Before how texts are written: "Schreib Nachrichten an Kim (ohne Emojis)."."""
_HOW = re.compile(r" (?=(?:in|mit|auf|ohne|en|avec|sans|con|sin|senza|por) )", re.I)
_DENIES = re.compile(
    r" (?:nur|nicht|nie|niemals|keine?[nr]?|pas|jamais|seulement|no|nunca|jamás|solo|sólo|non|"
    r"mai)$",
    re.I,
)
_EDGED_TEXTS = re.compile(
    r"(?P<verb>beginne|beende|commencez?|termine[zr]?|finis|empieza|comienza|termina|inizia|"
    r"comincia|finisci) "
    rf"(?P<scope>{_DETERMINER}{_GENRE}(?: {_TO} .+?)?) (?P<rest>(?:mit|par|con) [\"'«„].+)",
    re.I,
)
"""Texts that begin or end with something: 'Beende jede SMS an Lukas mit "Bis bald".'."""
_EVERY_ANSWER = re.compile(
    rf"{_DETERMINER}(?:antwort(?:en)?|réponses?|respuestas?|rispost[ae]|nachrichten?)", re.I
)
_MIDDLE_IN = re.compile(
    rf"(?P<verb>{_IMPERATIVES}(?: bitte| immer| toujours| siempre)?) (?:in|bei|dans|en) "
    rf"(?P<scope>(?:deinen |ihren |tes |vos |tus |sus )?{_DETERMINER}{_GENRE}(?: (?:an|für|à|aux?|"
    r"pour|a|al|para) (?:(?:meinen?|meine[rm]|die|das|den|der|mon|ma|mes|les?|la|mi|mis|los|las|"
    r"el) |l')?[^\W\d_]+"
    r"(?: (?-i:[A-ZÄÖÜÉ])[\w-]+)*)?),? (?P<rest>.+)",
    re.I,
)


_SHOULD = re.compile(
    rf"(?P<scope>{_DETERMINER}{_GENRE}(?: {_TO} .+?)?)(?: ne)? (?:soll(?:en|te|ten)?|müssen|muss|"
    r"dürfen|darf|doivent|doit|devraient|devrait|deben|debe|deberían|tienen que|tiene que|devono|"
    r"deve|dovrebbero) (?:immer |toujours |siempre |sempre )?(?P<rest>.+?)(?: (?P<verb>enden|"
    r"beginnen|anfangen|sein|haben|bleiben|enthalten))?",
    re.I,
)
"""Texts that should be something: 'E-Mails an Kunden sollen mit "Gruß" enden.'."""
_BARE_TEXTS = re.compile(
    rf"(?P<scope>{_DETERMINER}{_GENRE}(?: (?:an|für|à|aux?|pour|a|para|per) .+?)?) (?:bitte "
    r")?(?:nur |immer |toujours |siempre |sempre )?(?P<rest>(?:mit|ohne|auf|in|avec|sans|en|con|"
    r"sin|senza) .+)",
    re.I,
)
_AT_MOST_FR = re.compile(r"^pas (?:dépasser|faire plus de|contenir plus de|avoir plus de) ", re.I)


def split_other_language(text: str, starts_english: Callable[[str], bool]) -> ScopedText | None:
    """Split "Wenn SCOPE, EFFECT", "EFFECT quand SCOPE", "EFFECT en correos a SCOPE".

    The result is None for a sentence in another language, and for one whose condition is a clause
    of no known form ("wenn Schweine fliegen"): it names no subject.

    Args:
        starts_english: tells whether a text begins as an English effect: a condition in one
            language may stand before an effect in the other.
    """
    found = _split_sentence(text, starts_english)
    return ScopedText("", found.effect) if found and _ANY_TEXTS.fullmatch(found.scope) else found


_ALL_TEXTS = (
    r"(?:(?:allen?|deinen|ihren|den|toutes|tes|vos|les|todas|tus|sus|las|tutte|le|tue|sue) )*"
    r"(?:texten|antworten|réponses|respuestas|risposte)"
)
_ANY_TEXTS = re.compile(_ALL_TEXTS, re.I)
"""Texts of any kind: what holds in them holds everywhere."""
_IN_ANY_TEXTS = re.compile(
    rf"^(?:in|dans|en|nelle) {_ALL_TEXTS},? |"
    rf" (?:in|dans|en|nelle) {_ALL_TEXTS}(?! (?:an|auf|zu|für|über|à|aux?|sur|a|al|sobre|de)\b)"
    r"(?=[ .!]|$)",
    re.I,
)


def _split_sentence(text: str, starts_english: Callable[[str], bool]) -> ScopedText | None:
    """Return the parts of a sentence, with a scope that may name any text."""
    match = _EDGED_TEXTS.fullmatch(_PLEASE.sub("", text))
    if match and not _EVERY_ANSWER.fullmatch(match["scope"]):
        return ScopedText(match["scope"], f"{match['verb']} {match['rest']}")
    if not _is_foreign(text):
        return None
    text = _EVEN_IF.sub("", _EVERYWHERE.sub("", _PLEASE.sub("", text)))
    if _NEED_NOT.fullmatch(text):
        return None
    if (match := _IN_TURN.fullmatch(text)) and _is_read(match["scope"]):
        rest = re.sub("^(pas|jamais) ", r"ne \1 ", match["rest"]) if match["ne"] else match["rest"]
        rest = f"{match['no']} {rest}" if match["no"] else rest
        return ScopedText(match["scope"], to_native_imperative(rest))
    if found := _split_how(text):
        return found
    if match := _SHOULD.fullmatch(text):
        effect = f"{match['verb'] or ''} {_AT_MOST_FR.sub('au plus ', match['rest'])}".strip()
        return ScopedText(match["scope"], to_native_imperative(effect))
    if match := _BARE_TEXTS.fullmatch(text):
        return ScopedText(match["scope"], match["rest"])
    if match := _MIDDLE_IN.fullmatch(text):
        return ScopedText(match["scope"], f"{match['verb']} {match['rest']}")
    for form in (_PREFIX, _PREFIX_IN, _SUFFIX, _SUFFIX_IN):
        match = form.fullmatch(text)
        if match is None:
            continue
        effect = re.sub(r"^(?:dann|alors|entonces|allora) ", "", match["effect"].strip())
        effect = to_native_imperative(effect)
        is_clause = form in (_PREFIX, _SUFFIX)
        if _STARTS.match(effect) or (is_clause and starts_english(effect)):
            scope = match["scope"].strip()
            return None if is_clause and not _is_read(scope) else ScopedText(scope, effect)
    return None


def _split_how(text: str) -> ScopedText | None:
    """Split "Beantworte SCOPE in einem Satz" and "Schreib SCOPE ohne Emojis".

    "in" may also belong to the scope ("Fragen zu Wein in Italien"): the effect is the longest that
    is read. If none is, there must be only one "in".
    """
    found = []
    for place in _HOW.finditer(text):
        head, rest = text[: place.start()], text[place.end() :]
        match = _ANSWERED.fullmatch(head) or _WRITTEN.fullmatch(head)
        if match and not _DENIES.search(head):
            verb = re.sub("^beantworte", "antworte", match["verb"], flags=re.I)
            effect = to_native_imperative(f"{verb} {rest}")
            found.append(ScopedText(match["scope"], effect))
    read = next((one for one in found if read_other_effect(one.effect)), None)
    return read or (found[0] if len(found) == 1 and not _HOW.search(found[0].scope) else None)


def _is_foreign(text: str) -> bool:
    """Return whether a sentence is surely of another language than English."""
    native = len(_NATIVE.findall(text))
    is_native = native >= MIN_NATIVE or _SURELY_NATIVE.search(text) is not None
    return is_native and len(_ENGLISH.findall(_QUOTATION.sub("", text))) <= native


def _is_read(clause: str) -> bool:
    """Return whether a clause after "wenn" or "quand" is of a known form."""
    return read_other_scope(clause) is not None


def find_unread_condition(text: str) -> str:
    """Return the clause of a sentence that holds only where something of no known form is so, with
    its conjunction: "wenn ich traurig bin"; or "".
    """
    text = _QUOTATION.sub('""', _PLEASE.sub("", text.rstrip(" .!")))
    text = _EVEN_IF.sub("", _EVERYWHERE.sub("", text))
    if not _is_foreign(text):
        return ""
    for form in (_PREFIX, _SUFFIX):
        match = form.fullmatch(text)
        if match and _STARTS.match(match["effect"].strip()) and not _is_read(match["scope"]):
            return text.replace(match["effect"], "", 1).strip(" ,")
    return ""


_EVEN_IF = re.compile(
    r",? (?:auch|selbst|sogar) wenn .+|,? même (?:si|quand) .+|,? (?:aunque|incluso (?:si|"
    r"cuando)) .+|,? anche (?:se|quando) .+|,? (?:wenn|falls|si|se|quand|cuando) (?:(?:es|"
    r"c['’]est|sea|è) )?(?:irgend )?(?:möglich|nötig|possible|nécessaire|posible|necesario|"
    r"possibile|necessario)$",
    re.I,
)
"""What changes nothing: "auch wenn ich Englisch schreibe", "wenn möglich"."""
_PLEASE = re.compile(
    r"^(?:bitte|s'il (?:te|vous) plaît|por favor|per favore|per piacere|ti prego),? |"
    r",? (?:bitte|danke|s'il (?:te|vous) pla[iî]t|merci|por favor|gracias|per favore|per piacere|"
    r"grazie)$",
    re.I,
)
_SCOPE_TO = re.compile(
    rf"{_DETERMINER}(?P<genre>{_GENRE}) (?:an|für|à|au|aux|pour|a|al|para|ai|alla|alle|per) "
    r"(?P<who>.+)",
    re.I,
)
_SCOPE_WRITE = re.compile(
    r"(?:ich |du |wir |j'|je |tu |yo )?(?:an )?"
    rf"(?:(?P<before>.+?)(?: {_DETERMINER}(?:eine )?(?P<genre>{_GENRE}))? "
    r"(?:schreibe|schreibst|schreibt|schreiben)|(?:l[ei]s? |leur |lui |gli )?(?:écris|écrit|"
    r"écrire|écrivez|escribo|escribes|escribir|escribas?|scrivo|scrivi|scrivere) "
    rf"(?:{_DETERMINER}(?P<what>{_GENRE}) )?(?:à|aux?|ad?|al(?:la|le|lo)?|ai) (?P<who>.+))",
    re.I,
)
_SCOPE_TOPIC = re.compile(
    r"(?:.*\b(?:nach|über|um) (?P<de>.+?) (?:gefragt (?:wird|werde|wirst)|fragt|fragen?|geht|"
    r"gesprochen wird|spreche|rede)|.*\b(?:demande|demandent|demandé|parle|parlent|interroge|"
    r"question|questions)(?: sur| de| du| des| d'| les| la| le| l')+(?:(?<=')| )(?P<fr>.+)|"
    r".*\b(?:pregunt\w+|hablen?|habla|preguntas?)(?: por| de| del| sobre| los| las| el| la)+ "
    r"(?P<es>.+)|(?:.*\b)?(?:chied\w+|domand\w+|parl\w+)(?: di| del| dei| degli| della| delle|"
    r" sul?| sull[aeo]| sui| sugli| per| gli| le| la| il| lo| i| dell'| l')+(?:(?<=')| )(?P<it>.+)|"
    r"(?:ich |jemand |du )?(?:nach) (?P<de2>.+?) frag(?:e|t|st)|(?:es )?um (?P<de3>.+?) geht|"
    r"(?:réponses?|respuestas?|antworten|fragen)(?: über| zu[mr]?| nach| sur| sobre)+ "
    r"(?:(?:dem|der|den|die|das|les?|la|los|las|el) )?(?P<of>.+))",
    re.I,
)


def read_other_scope(scope: str) -> ForeignScope | None:
    """Return what a German, French, Spanish or Italian scope names, or None. A usual subject has
    its English name, because requests are written in English.
    """
    if match := _SCOPE_TO.fullmatch(scope):
        return ForeignScope(_name_genre(match["genre"]), match["who"])
    if match := _SCOPE_TOPIC.fullmatch(scope):
        return ForeignScope(topic=to_english_subject(next(filter(None, match.groups()))))
    if match := _SCOPE_WRITE.fullmatch(scope):
        genre = match["genre"] or match["what"] or ""
        return ForeignScope(_name_genre(genre), match["before"] or match["who"])
    match = re.fullmatch(rf"{_DETERMINER}(?P<genre>{_GENRE})", scope, re.I)
    if match and match["genre"].lower() != "texten":  # any text
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
    **dict.fromkeys(("un solo", "una", "un'", "una sola"), 1),
    **dict.fromkeys(("zwei", "deux", "dos", "due"), 2),
    **dict.fromkeys(("drei", "trois", "tres", "tre"), 3),
    **dict.fromkeys(("vier", "quatre", "cuatro", "quattro"), 4),
    **dict.fromkeys(("fünf", "cinq", "cinco", "cinque"), 5),
    **dict.fromkeys(("sechs", "six", "seis", "sei"), 6),
    **dict.fromkeys(("sieben", "sept", "siete", "sette"), 7),
    **dict.fromkeys(("acht", "huit", "ocho", "otto"), 8),
    **dict.fromkeys(("neun", "neuf", "nueve", "nove"), 9),
    **dict.fromkeys(("zehn", "dix", "diez", "dieci"), 10),
    **dict.fromkeys(("zwanzig", "vingt", "veinte", "venti"), 20),
    **dict.fromkeys(("dreißig", "trente", "treinta", "trenta"), 30),
    **dict.fromkeys(("vierzig", "quarante", "cuarenta", "quaranta"), 40),
    **dict.fromkeys(("fünfzig", "cinquante", "cincuenta", "cinquanta"), 50),
}
_AT_LEAST = (
    r"mindestens|wenigstens|au moins|au minimum|al menos|por lo menos|mínimo|como mínimo|almeno|"
    r"minimo"
)
_UNDER = (
    r"weniger als|unterhalb von|unter|moins de|(?:en|au)[ -]dessous de|sous|por debajo de|"
    r"al di sotto d(?:i|elle)|menos de|bajo|meno di|sotto le|sotto"
)
_EXACT = r"genau|exactement|exactamente|esattamente"
_AT_MOST = (
    r"höchstens|maximal|nicht mehr als|bis zu|au plus|au maximum|maximum|pas plus de|jusqu'à|"
    r"como máximo|máximo|un máximo de|a lo sumo|no más de|hasta|al massimo|massimo|non più di|"
    r"fino a|un massimo di"
)
_UNITS = {
    r"wörtern?|worten?|wort|mots?|palabras?|parol[ae]": "words",
    r"sätzen?|satz|phrases?|frases?|oración|oraciones|fras[ei]": "sentences",
    r"absätzen?|absatz|paragraphes?|párrafos?|paragraf[io]": "paragraphs",
    r"zeichen|caractères?|caracter(?:es)?|caratter[ei]": "characters",
    r"zeilen?|lignes?|líneas?|rig[ah]e?": "lines",
}
_ANY_NUMBER = rf"(?:\d{{1,4}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_RANGE = (
    rf"(?:(?:zwischen|entre|tra|fra) (?P<least>{_ANY_NUMBER}) (?:und|et|y|e)|"
    rf"(?:de |da |von )?(?P<from>{_ANY_NUMBER}) (?:bis|à|a)) (?P<most>{_ANY_NUMBER}) "
    rf"(?P<unit>{'|'.join(_UNITS)})"
)
_COUNT = (
    rf"(?:(?P<bound>{_AT_LEAST}|{_UNDER}|{_EXACT}|{_AT_MOST}) )?(?:de )?"
    rf"(?P<count>{_ANY_NUMBER}) (?P<unit>{'|'.join(_UNITS)})(?: (?P<after>{_AT_LEAST}|{_AT_MOST}))?"
    r"(?: (?:pro|par|por|per|je) (?:antwort|réponse|respuesta|risposta))?"
)
_ANSWER = (
    r"(?:(?:bitte |immer |toujours |siempre |sempre )*(?:antworten? sie|antworte|schreiben? sie|"
    r"schreibe?|bleibe?|halte dich|tenir|verwende|verwenden sie|benutze|benutzen sie|réponds|"
    r"répondez|écris|écrivez|utilise|utilisez|reste|emploie|responde|responda|contesta|conteste|"
    r"escribe|"
    r"escriba|usa|use|utiliza|mantente|rispondi|risponda|scrivi|scriva|utilizza|parla|sprich|parle|"
    r"habla)(?: (?:mir|me|mi|sie))?(?: immer| bitte| nur| toujours| siempre| sempre| solo| "
    r"seulement)*(?: (?:in|mit|auf|en|avec|dans|con|usando|sotto))?)"
)
_LANGUAGES = {
    "de": "deutsch|allemand|alemán|tedesco",
    "en": "englisch|anglais|inglés|inglese",
    "fr": "französisch|français|francés|francese",
    "es": "spanisch|espagnol|español|spagnolo",
    "it": "italienisch|italien|italiano",
}
_LANGUAGE = re.compile(
    rf"(?:{_ANSWER} )?(?:auf |en )?(?P<name>{'|'.join(_LANGUAGES.values())})", re.I
)
_TOPIC = re.compile(
    r"(?:(?:ich (?:möchte|will)(?: wirklich)? (?:nicht|nie),? dass (?:du|wir|sie) |(?:bitte "
    r")?(?:nicht|nie|niemals|nicht mehr) |du sollst (?:nicht|nie) |wir wollen (?:nicht|nie) "
    r")(?:mehr )?(?:über|von) (?:den |die |das |dem |der )?(?P<de5>.+?) (?:sprichst|redest|"
    r"schreibst|sprechen|reden|schreiben|diskutieren)|(?:kein(?:e|en)? (?:wort|worte|gespräche?|"
    r"bemerkung(?:en)?)|nichts(?: mehr)?)(?: mehr)? (?:über|von|zu[rm]?) (?:den |die |das |dem |"
    r"der )?(?P<de6>.+)|(?:on|nous) ne (?:parle|parlons|discute|discutons) (?:pas|jamais|plus) "
    r"(?:de la |de l'|des |du |d'|de )(?P<fr4>.+?)(?: ici)?|(?:je ne (?:veux|souhaite) (?:pas|"
    r"plus) (?:que tu parles|que vous parliez|entendre parler) )(?:de la |de l'|des |du |d'|de "
    r")(?P<fr5>.+)|(?:plus un mot|pas un mot) sur (?:la |le |les |l')?(?P<fr6>.+)|no quiero "
    r"(?:que hables|que menciones|oír hablar|hablar)(?: de los| de las| de la| del| de| sobre| "
    r"a)? (?P<es4>.+)|non (?:parlare|parli|parlarmi|discutere|menzionare|nominare|parliamo)(?: "
    r"mai| più)*(?: dei| degli| delle| della| del| dell'| di| d'| il| la| lo| le| i| gli)? "
    r"?(?P<it>.+)|evita (?:di )?(?:parlare|menzionare|discutere|nominare|l'argomento|il tema)(?: "
    r"dei| degli| delle| della| del| dell'| di)? ?(?P<it2>.+)|(?:non voglio (?:che tu parli|"
    r"sentire parlare|parlare)|niente|nessuna parola)(?: dei| degli| delle| della| del| dell'| di|"
    r" su)? ?(?P<it3>.+)|(?:sprich|rede|sprechen sie|reden sie|schreibe?|erzähle?)(?: bitte)? "
    r"(?:nicht|nie|niemals|nicht mehr) (?:über|von) (?:das thema |den |die |das |dem |der "
    r")?(?P<de>.+)|(?:erwähne|erwähnen sie)(?: bitte)? (?:(?:nie|niemals|nicht|keine?n?) (?:den |"
    r"die |das |dem |der )?(?P<de2>.+)|(?:den |die |das |dem |der )?(?P<de3>.+) (?:nicht|nie))|ne "
    r"(?:parle|parlez|discute|discutez)(?: surtout)? (?:pas|jamais|plus) (?:de la |de l'|des |du |"
    r"d'|de |sur )(?P<fr>.+)|ne (?:mentionne|mentionnez) (?:pas|jamais|plus) (?:la |le |les |"
    r"l')?(?P<fr2>.+)|(?:no|nunca)(?: me)? (?:hables?|hablar|converses)(?: nunca)? (?:de los |de "
    r"las |de la |del |de |sobre )(?P<es>.+)|(?:no|nunca) menciones? (?:a |los |las |la |el |al "
    r")?(?P<es2>.+)|(?:vermeide|vermeiden sie) (?:das thema |themen wie |es, über "
    r")?(?P<de4>.+?)(?: zu (?:sprechen|reden|schreiben))?|évite[sz]? (?:(?:de parler|de discuter|"
    r"le sujet|le thème|les sujets)(?: de la| de l'| des| du| d'| de) ?)(?P<fr3>.+)|evit[ae] "
    r"(?:hablar|mencionar|discutir|el tema|los temas)(?: de los| de las| de la| del| de| sobre| "
    r"a)? (?P<es3>.+))",
    re.I,
)
_NO = (
    r"(?:(?:(?:bitte )?(?:verwenden? sie|verwende|benutzen? sie|benutze|nutze|schreibe?) "
    r")?(?:keinerlei|keine|nie|niemals)|vermeide|évite[sz]? les|evita (?:los|las|i|gli|le)|"
    r"n'(?:utilise|utilisez|emploie|écris) (?:pas|jamais)|pas|(?:no|nunca) (?:uses?|"
    r"utilices?|escribas?|pongas)|non (?:usare|usi|utilizzare|scrivere|mettere)(?: mai)?|"
    rf"(?:{_ANSWER} )?(?:ohne|sans|sin|senza)|niente)(?: de| d'| des)?"
)
_USE = (
    r"(?:verwenden? sie|verwende|benutzen? sie|benutze|nutze|schreibe?|füge|utilise|utilisez|"
    r"ajoute|emploie|mets|usa|use|utiliza|añade|pon|utilizza|aggiungi|metti|inserisci)"
    r"(?: immer| toujours| siempre| sempre)?"
)
_MARKS = {
    (
        r"ausrufezeichen|points? d'exclamation|signos? de (?:exclamación|admiración)|"
        r"punt[io] esclamativ[io]"
    ): 'contains "!"',
    (
        r"fragezeichen|points? d'interrogation|signos? de interrogación|punt[io] interrogativ[io]"
    ): 'contains "?"',
    r"kommas?|virgules?|comas?|virgol[ae]": 'contains ","',
    r"zahlen|ziffern|chiffres|nombres|números|cifras|dígitos|numeri|cifre": r'regex "\\d"',
    r"emojis?|emoticons?|émojis?|faccine": ANY_EMOJI,
    r"listen|aufzählungen|stichpunkte|listes|puces|listas|viñetas|elenchi|liste": "format=list",
}
_UPPER = (
    r"großbuchstaben|groß|majuscules|lettres majuscules|mayúsculas|letras mayúsculas|maiuscol[oie]|"
    r"lettere maiuscole"
)
_LOWER = (
    r"kleinbuchstaben|klein|minuscules|lettres minuscules|minúsculas|letras minúsculas|"
    r"minuscol[oie]|lettere minuscole"
)
_CASE = re.compile(
    rf"(?:{_ANSWER} )?(?:alles |tout |todo |tutto )?(?:in |en |con |auf )?"
    rf"(?:(?P<upper>{_UPPER})|(?P<lower>{_LOWER}))",
    re.I,
)
_MARK = re.compile(rf" ?(?P<mark>{'|'.join(_MARKS)})", re.I)
_HEART = re.compile(
    rf"(?:{_USE} )?(?:(?:ein|einen|immer|bitte|toujours|siempre|sempre|un|une|des) "
    rf")*(?:herz(?:-?emojis?|en|chen)?|"
    r"(?:emojis? (?:de )?|petit )?(?:cœurs?|coeurs?|coraz[oó]n(?:es|cito)?|cuor(?:e|i|icino)))(?: "
    r"ein| hinzu)?",
    re.I,
)
_BRIEF = re.compile(
    r"(?:(?:fasse?|halte?) (?:dich|(?:alle )?deine antworten) (?:bitte )?(?:kurz|knapp)|"
    r"(?:sei|antworte|schreibe?) (?:(?:bitte|immer) )*(?:kurz|knapp)|"
    r"sois (?:bref|brève|concise?)|soyez (?:bref|concis)|réponds brièvement|"
    r"sé (?:breve|conciso|concisa)|responde brevemente|sii (?:breve|conciso|concisa)|"
    r"rispondi brevemente)",
    re.I,
)
_NOT_MORE = (
    r"(?:(?:antworte|schreibe?|verwende|benutze)(?: bitte)? (?:nie|niemals|nicht)(?: (?:in|mit))? "
    r"mehr als|(?:überschreite|übersteige) (?:nie|nicht)|ne dépass(?:e|ez) (?:pas|jamais)|"
    r"n'(?:utilise|utilisez|écris) (?:pas|jamais) plus de|(?:no|nunca) (?:uses?|escribas?|superes?|"
    r"excedas)(?: (?:más de|las|los))?|(?:no|nunca) (?:te )?pases? de|nie mehr als|jamais plus "
    r"de|nunca más de|non (?:usare|scrivere|superare|usi)(?: mai)?(?: più di| le)?|mai più di)"
)
_MOST = re.compile(
    rf"{_NOT_MORE} (?P<count>{_ANY_NUMBER}) (?P<unit>{'|'.join(_UNITS)})",
    re.I,
)
_NEGATIONS = (
    r"(?:(?:nie|niemals|nicht|keine?\w*|jamais|pas|nunca|no|mai|non)\b|"
    r"(?:ohne|sans|sin|senza)\b(?! (?:ausnahme|exception|excepción|eccezion)))"
)
_GAP = rf"(?: (?!{_NEGATIONS})(?:[^\s\"'«„]|(?<=\w)['’](?=\w))+)*?"
"""Any words between verb and object but those that deny: "beende nie eine Antwort mit ..."."""
_ASKING_END = re.compile(
    rf"(?:(?:beende|ende|schließe){_GAP} mit einer (?:kurzen )?(?:rück)?frage|"
    rf"(?:termine|finis)(?:z)?{_GAP} par une question|termina{_GAP} con una pregunta|"
    rf"(?:termina|finisci|concludi){_GAP} con una domanda)",
    re.I,
)
_QUOTED = r"""["'«„‘](?P<value>[^"'»“”’]+)["'»“”’]"""
_BEGIN = re.compile(
    rf"(?:(?:beginne|fange?){_GAP}(?: an)? mit|commence(?:z)?{_GAP} par|"
    rf"(?:empieza|comienza|inizia|comincia){_GAP} con) {_QUOTED}(?: an)?",
    re.I,
)
_FINISH = re.compile(
    rf"(?:(?:beende|ende|schließe){_GAP} mit|(?:termine|finis)(?:z)?{_GAP} par|"
    rf"(?:termina|finisci|concludi){_GAP} con) {_QUOTED}",
    re.I,
)
_INSTEAD = re.compile(
    r"(?:schreibe?|sage?|écris|dis|escribe|di'?|usa|verwende|utilise|scrivi) "
    r"""["'«„](?P<new>[^"'»“”]+)["'»“”] """
    r"(?:statt|anstatt|anstelle von|au lieu de|en lugar de|en vez de|invece di|al posto di) "
    r"""["'«„](?P<old>[^"'»“”]+)["'»“”]""",
    re.I,
)
_NO_WORD = re.compile(
    r"(?:(?:sage?|verwende|benutze|schreibe?)(?: bitte)? (?:nie|niemals|nicht)(?: das wort)?|"
    r"(?:vermeide|vermeiden sie) (?:das wort|den ausdruck|wörter wie)|évite[sz]? le mot|evit[ae] "
    r"(?:la palabra|la parola)|n(?:e |')(?:dis|dites|utilise|utilisez|emploie|écris) (?:jamais|"
    r"pas)(?: le mot)?|(?:no|nunca) (?:digas|uses|utilices|escribas)(?: nunca)?(?: la palabra)?|"
    rf"non (?:dire|usare|scrivere)(?: mai)?(?: la parola)?) {_QUOTED}",
    re.I,
)
_NO_WORD_IN_GERMAN = re.compile(
    rf"(?:benutze|verwende|sage?|schreibe?) das wort {_QUOTED} (?:nie|niemals|nicht)", re.I
)
"""The word that says no comes last: 'Benutze das Wort "leider" nicht.'."""
_WORD = re.compile(
    r"(?:(?:benutze|verwende|sage?|schreibe?|erwähne|nenne)(?: immer| stets)? das wort|"
    r"(?:utilise|utilisez|dis|dites|emploie|écris|mentionne)(?: toujours)? le mot|"
    r"(?:usa|utiliza|di|escribe|menciona)(?: siempre)? la palabra|"
    rf"(?:usa|di'|dì|scrivi|menziona)(?: sempre)? la parola) {_QUOTED}",
    re.I,
)
_SAY = re.compile(
    r"(?:(?:sage?|sagen sie|erwähne|antworte)(?: bitte)?,? dass (?P<de>.+)|"
    r"(?:dis|dites|réponds|mentionne)(?:-lui|-leur)? (?:que |qu')(?P<fr>.+)|"
    r"(?:di|diga|responde|menciona)(?:les?)? que (?P<es>.+)|"
    r"(?:di'|dì|dica|rispondi|menziona)(?: loro)? che (?P<it>.+))",
    re.I,
)


def read_other_effect(text: str) -> Effect | None:
    """Return the effect of a German, French, Spanish or Italian sentence of a known form."""
    text = _EVEN_IF.sub("", _EVERYWHERE.sub("", _PLEASE.sub("", text)))
    return _read_demand(text) or _read_joined(text)


def _read_joined(text: str) -> Effect | None:
    """Return the effect of two demands that "und", "et", "y" or "e" joins: both must be read.

    The second one may go on with the verb of the first: "auf Deutsch und in einem Satz".
    """
    if not _is_foreign(text):
        return None
    verb = text.partition(" ")[0]
    hidden = _QUOTATION.sub(lambda quotation: "_" * len(quotation[0]), text)
    for joint in islice(_JOINT.finditer(hidden), MAX_JOINTS):
        first, rest = _read_demand(text[: joint.start()]), text[joint.end() :]
        goes_on = re.match(r"(?:in|auf|en|dans|con) ", rest, re.I)
        second = read_other_effect(f"{verb} {rest}" if goes_on else rest) if first else None
        if first is None or second is None or _names_languages(first.check, second.check):
            continue
        return Effect(
            join_checks([first.check, second.check]),
            first.replacements + second.replacements,
            demands_more=not (first.only_replaces and second.only_replaces),
            statement=f"{first.statement} {second.statement}".strip(),
            topics=first.topics + second.topics,
        )
    return None


_JOINT = re.compile(r",? (?:und|et|y|e|aber|mais|pero|ma) |, ", re.I)
MAX_JOINTS = 4
"""So many times demands may be joined."""


def _names_languages(first: str, second: str) -> bool:
    """Return whether two checks want a language each: "auf Deutsch und Englisch" is no demand."""
    return first.startswith("language=") and "language=" in second


def _read_demand(text: str) -> Effect | None:
    """Return the effect of one demand."""
    bare = text if _QUOTATION.search(text) else _IN_ANY_TEXTS.sub("", text)
    for said in dict.fromkeys((text, to_native_imperative(text), bare)):
        for form, build in _FORMS:
            match = form.fullmatch(said)
            if match and (found := build(match)):
                return Effect(found) if isinstance(found, str) else found
    return None


def _name_unit(word: str) -> str:
    """Return "words" for "Wörtern"."""
    return next(name for form, name in _UNITS.items() if re.fullmatch(form, word, re.I))


def _parse_count(word: str) -> int:
    return _NUMBERS[word.lower()] if word.lower() in _NUMBERS else int(word)


def _bound_most(unit: str, count: int) -> str:
    """Return the check of "at most `count`"; of lines it is that no line with text follows them."""
    if unit != "lines":
        return f"max_{unit}={count}"
    return rf'not regex "(?m)^[ \\t]*+\\S(?:[^\\n]*+\\n\\s*+){{{count}}}\\S"'


def _check_range(match: re.Match[str]) -> str | None:
    """Return the check of "zwischen 20 und 40 Wörter"."""
    least, most = _parse_count(match["least"] or match["from"]), _parse_count(match["most"])
    unit = _name_unit(match["unit"])
    return f"min_{unit}={least} and max_{unit}={most}" if least < most and unit != "lines" else None


def _check_count(match: re.Match[str]) -> str | None:
    """Return the check of "höchstens 20 Wörter"; without a bound it is an upper one."""
    bound = (match["bound"] or match["after"] or "").lower()
    count = _parse_count(match["count"])
    unit = _name_unit(match["unit"])
    if unit == "lines":
        is_most = re.fullmatch(_AT_MOST, bound)
        return _bound_most(unit, count) if is_most else None
    if re.fullmatch(_AT_LEAST, bound):
        return f"min_{unit}={count}"
    if re.fullmatch(_UNDER, bound):
        return f"max_{unit}={max(1, count - 1)}"
    exact = re.fullmatch(_EXACT, bound) or (unit in ("sentences", "paragraphs") and not bound)
    if count > 1 and exact:
        return f"min_{unit}={count} and max_{unit}={count}"
    return f"max_{unit}={count}"


_OWNER = re.compile(
    r"^(?:mein(?:e[nmrs]?)?|dein(?:e[nmrs]?)?|unser(?:e[nmrs]?)?|mon|ma|mes|ton|ta|tes|notre|nos|"
    r"mis?|tus?|nuestr[oa]s?|(?:il |la |i |le )?(?:mi[oa]|miei|mie|tu[oa]|nostr[oaie])) ",
    re.I,
)


_PART_OF_TEXT = re.compile(
    r"\w*(?:sätze|wörter|begriffe|wiederholungen)$|\b(?:fragen|rückfragen|gegenfragen|absätze|"
    r"abkürzungen|anglizismen|floskeln|phrasen|ausdrücke|satzzeichen|sonderzeichen|klammern|"
    r"überschriften|metaphern|adjektive|passiv)$|\b(?:nicht|nie)\b",
    re.I,
)
"""What texts are made of in German: "lange Sätze"; and a word that denies the demand."""


_LISTENERS = re.compile(
    r" (?:(?<!streit )(?<!ärger )(?<!sex )(?<!vertrag )(?<!beziehung )(?<!probleme )mit (?:mir|"
    r"niemandem)|con nadie|conmigo|avec (?:moi|personne)|con (?:me|nessuno))$",
    re.I,
)
"""With whom a subject is not talked about, which is no part of it: "Geld mit mir"."""
_WITH_PEOPLE = re.compile(
    r" (?:mit (?:uns|ihm|ihr|ihnen|jemandem|anderen|fremden|(?:den |meinen |unseren )?(?:kindern|"
    r"kunden|gästen|kollegen|schülern|patienten|nachbarn|eltern|mitarbeitern))|con (?:(?:l[oa]s "
    r"|mis |nuestr[oa]s )?(?:clientes|niñ[oa]s|colegas|alumn[oa]s|pacientes|vecin[oa]s|padres)|"
    r"(?:i |gli )?(?:clienti|bambini|colleghi|alunni|pazienti))|avec (?:(?:les |mes |nos |des )?"
    r"(?:clients|enfants|collègues|élèves|patients|voisins|parents)))$",
    re.I,
)
"""People who may be the other side of a subject, or those that it is not talked about with."""
_ALLOWED = re.compile(
    r",? (?:sondern|aber|sino|pero|mais|ma) (?:(?:nur|lieber|solo|sólo|seulement) )?(?:über|von|"
    r"vom|del?|des|du|d['’]|sobre|sur|di) ?[\w '-]+$",
    re.I,
)
"""What is talked about in place of a subject: "über Politik, sondern über Sport"."""
_TURN = re.compile(r"(?:sondern|sino|mais|aber|pero|ma)\b", re.I)
"""What begins another demand, which is no subject."""


def _forbid_topics(match: re.Match[str]) -> Effect | None:
    """Return the effect of a forbidden subject; a star stands for the endings of its last word."""
    topic = _ALLOWED.sub("", next(value for value in match.groups() if value))
    topic = _LISTENERS.sub("", _OWNER.sub("", topic))
    if _WITH_PEOPLE.search(topic):
        return None
    if re.match(r"(?:das wort|den ausdruck|wörter|ausdrücke)\b", topic, re.I) or re.search(
        "[\"'«„]", topic
    ):
        return None
    if any(re.fullmatch(form, topic, re.I) for form in _MARKS):
        return None
    parts = re.split(
        r",? (?:oder|und|noch|ou|et|ni|o|y|e|né) (?:von |über |de |des |du )?|, ", topic
    )
    if any(re.fullmatch(form, part, re.I) for form in _MARKS for part in parts):
        return None
    if any(_PART_OF_TEXT.search(part) or _TURN.match(part) for part in parts):
        return None
    if any(len(part.split()) > 3 or not re.fullmatch(r"[\w' -]+", part) for part in parts):
        return None
    found = [f'contains "{_to_stem(part)}"' for part in parts]
    return Effect(none_of(found), topics=tuple(parts), names=none_of(found))


MAX_WHOLE = 3
"""Letters of a word that is looked for as it is: "ex" is no beginning of "excelente"."""


def _to_stem(phrase: str) -> str:
    cut = re.sub(r"(?:en|es|e|n|s)$", "", phrase)
    if len(phrase) <= MAX_WHOLE:
        return phrase
    return f"{cut if len(cut) >= 4 else phrase}*"


def _check_mark(match: re.Match[str]) -> str:
    mark = next(check for form, check in _MARKS.items() if re.fullmatch(form, match["mark"], re.I))
    return f"not {mark}"


_REFUSES = re.compile(
    r"(?:.*\b)?(?:vermeide|évite[sz]?|evita|kein\w*|ohne|nie|niemals|pas|jamais|sans|no|nunca|sin|non|"
    r"senza|niente)\b|n'",
    re.I,
)


def _check_no_mark(match: re.Match[str]) -> str | None:
    """Return the check of a forbidden mark; a mark that is only named forbids nothing."""
    return _check_mark(match) if _REFUSES.match(match[0]) else None


def _check_used(match: re.Match[str]) -> str:
    return _check_mark(match).removeprefix("not ")


def _check_language(match: re.Match[str]) -> str:
    named = [code for code, form in _LANGUAGES.items() if re.fullmatch(form, match["name"], re.I)]
    return f"language={named[0]}"


def _check_case(match: re.Match[str]) -> str:
    """Return the check of "in Großbuchstaben"."""
    return r'not regex "\\p{Ll}"' if match["upper"] else r'not regex "\\p{Lu}"'


def _replace(match: re.Match[str]) -> Effect:
    old, new = match["old"].strip(), match["new"].strip()
    stem = _to_stem(old) if len(old.split()) == 1 and old.isalpha() else old
    return Effect(f"not contains {quote_value(stem)}", ((old, new),))


_LIGHT = frozenset(
    re.findall(
        r"\S+",
        "wir sie ist sind wird werden haben hat sein uns unser unsere nicht eine einen der die "
        "das dem den und oder für mit von nach innerhalb nous vous sont avons dans pour avec "
        "une des les est notre nos que qui pas son ses sur somos está están son estamos tenemos "
        "para con una los las del por nuestro nuestra que sin bis um heures uhr horas las noi "
        "sommes siamo sono abbiamo nostro nostra alle alla dei delle degli della per ore kostet "
        "kosten coûte coûtent cuesta cuestan costa costano",
    )
)


_MODAL = re.compile(
    r"(?:kann|können|darf|dürfen|muss|müssen|soll(?:en)?|wird|werden|haben|sind)", re.I
)
"""A German verb at the end of a clause that does not say what is so: "trinken kann"."""


_IS = re.compile(r"\b(?:ist|sind|est|sont|es|son|está\w*|è|sono)\b", re.I)
"""What parts a subject from what it is, which alone is denied: "la livraison est gratuite"."""


def _state(match: re.Match[str]) -> Effect | None:
    """Return the effect of what must be said: its numbers and its two longest words."""
    language, clause = next(item for item in match.groupdict().items() if item[1])
    if named := _OWN_NAME.fullmatch(clause):
        name = next(filter(None, named.groups()))
        return Effect(f"contains {quote_value(name)}", statement=f"{name}.")
    words = re.findall(r"[^\W_]+", clause)
    numbers = [word for word in words if word.isdigit() or _is_number(word)]
    rest = [word for word in words if word not in numbers and word.lower() not in _LIGHT]
    longest = sorted((word for word in rest if len(word) > 3), key=len, reverse=True)[:2]
    denies = re.search(rf"\b{_NEGATIONS}", clause, re.I) is not None
    chosen = [word for word in words if word in numbers or word in longest]
    said = [word for word in chosen if word not in numbers and not _MODAL.fullmatch(word)]
    claimed = [] if denies else said[-1:] if _IS.search(clause) else said
    found = [
        _find_claim(word, language) if word in claimed else _find_word(word) for word in chosen
    ]
    parted = _SEPARABLE.fullmatch(words[-1]) if language == "de" and words else None
    if parted and words[-1] in longest:
        found[-1] = _find_parted(parted["prefix"], parted["verb"])
    if not found:
        return None
    if denies:
        found.append(_SAYS_NO)
    sentence = _order_german(clause) if language == "de" else clause
    statement = sentence[:1].upper() + sentence[1:].rstrip(".") + "."
    return Effect(" and ".join(dict.fromkeys(found)), statement=statement)


_DENYING = {
    "de": r"\\b(?:nicht(?! (?:nur|bloß))|nie|niemals|kein\\w*|ohne(?! (?:Zweifel|Problem)))\\b",
    "fr": r"\\b(?:ne|pas|jamais|sans(?! (?:doute|problème|souci))|aucune?)\\b|\\bn['’]\\w+",
    "es": (
        r"\\b(?:no(?! (?:solo|sólo|olvid\\w+|hay problema))|nunca(?! olvid)|tampoco|"
        r"sin(?! (?:duda|problema|falta)))\\b"
    ),
    "it": r"\\b(?:non(?! (?:solo|dimentic\\w+))|mai|senza(?! (?:dubbio|problemi)))\\b",
}
"""The patterns of what denies the words that follow."""
_BETWEEN = (
    r"(?: (?!(?:und|aber|sondern|weil|denn|et|mais|car|y|pero|sino|porque|e|ma|perché)\\b)"
    r"[\\w'’-]+){0,3} (?:[dlmstc]['’])?"
)
"""The pattern of what may stand between a denial and what it denies: no other clause."""
_DENIED_BEHIND = {
    "de": r"(?! (?:\\w+ ){0,2}(?:nicht|nie|niemals)(?: mehr)?(?:[.,;!?]|$))",
    "fr": r"(?! (?:pas|jamais)\\b)",
}


def _find_claim(word: str, language: str) -> str:
    """Return the condition that finds a word of a clause that no denial stands before or behind."""
    if word.isdigit() or _is_number(word):
        return _find_word(word)
    found = _to_stem(word.lower()).replace("*", r"\\w*")
    behind = _DENIED_BEHIND.get(language, "")
    return rf'regex "(?im)(?<!(?:{_DENYING[language]}){_BETWEEN})\\b{found}\\b{behind}"'


_SEPARABLE = re.compile(
    r"(?!antwort|abonn|absolv|absorb|abstrah|analys|ander|angel|anim|annull|einig|herrsch|hinder|"
    r"hinter|mittel|zucker)(?P<prefix>zurück|zusammen|auseinander|voraus|vorbei|"
    r"her(?:an|auf|aus|ein|um|unter|vor)|hin(?:auf|aus|ein|unter|weg|zu)|"
    r"ab|an|auf|aus|ein|fest|her|hin|mit|nach|statt|vor|weg|zu)(?P<verb>[a-zäöüß]{3,}(?:t|en))"
)
"""A verb whose first part stands at the end of a main clause: "aushängt", "es hängt ... aus"."""


def _find_parted(prefix: str, verb: str) -> str:
    """Return the condition that finds a German verb in one word or in two."""
    stem = re.sub("(?:t|en)$", "", verb)
    return rf'regex "(?i)\\b(?:{prefix}{stem}\\w*|{stem}\\w*\\b[^.!?]*\\b{prefix})\\b"'


_OWN_NAME = re.compile(
    r"du ((?-i:[A-ZÄÖÜ]\w+(?: [A-ZÄÖÜ]\w+)*)) (?:heißt|bist)|t'appelles (.+)|"
    r"tu es ((?-i:[A-ZÉ]\w+))|(?:te llamas|eres) ((?-i:[A-ZÁÉ]\w+))",
    re.I,
)
"""What the model is called."""
_SAYS_NO = 'regex "(?i)\\\\b(?:nicht|nie|niemals|kein\\\\w*|pas|jamais|no|nunca|non|mai)\\\\b"'
"""The condition that finds a word that says no."""


def _is_number(word: str) -> bool:
    return _NUMBERS.get(word.lower(), 0) > 1


def _find_word(word: str) -> str:
    if _is_number(word):
        return f'(contains "{word.lower()}" or contains "{_NUMBERS[word.lower()]}")'
    return f'contains "{word}"' if word.isdigit() else f'contains "{_to_stem(word.lower())}"'


def _check_no_word(match: re.Match[str]) -> str:
    """Return the check of 'Sag nicht "leider".'."""
    return f"not contains {quote_value(match['value'].strip())}"


def _order_german(clause: str) -> str:
    """Return "wir um sechs schließen" as a main clause: its verb follows its subject."""
    words = clause.split()
    subject = 1 if words[0].lower() in ("wir", "es", "sie", "man", "ich", "er", "du") else 2
    if len(words) <= subject + 1:
        return clause
    parted = _SEPARABLE.fullmatch(words[-1])
    verb, end = (parted["verb"], [parted["prefix"]]) if parted else (words[-1], [])
    return " ".join([*words[:subject], verb, *words[subject:-1], *end])


_FORMS: list[tuple[re.Pattern[str], Build]] = [
    (re.compile(rf"(?:{_ANSWER} )?{_COUNT}", re.I), _check_count),
    (re.compile(rf"(?:{_ANSWER} )?{_RANGE}", re.I), _check_range),
    (_MOST, lambda match: _bound_most(_name_unit(match["unit"]), _parse_count(match["count"]))),
    (_ASKING_END, lambda _: 'ends "?"'),
    (_LANGUAGE, _check_language),
    (_CASE, _check_case),
    (_NO_WORD, _check_no_word),
    (_NO_WORD_IN_GERMAN, _check_no_word),
    (_WORD, lambda match: f"contains {quote_value(match['value'].strip())}"),
    (_TOPIC, _forbid_topics),
    (
        re.compile(
            rf"(?:ich (?:will|möchte|mag|brauche) |je ne veux |no quiero (?:ver )?|non voglio "
            rf"(?:vedere )?)?(?:{_NO}|de |d'|pas d'|pas de )?{_MARK.pattern}(?: (?:mehr "
            rf")?(?:sehen|lesen|haben|verwenden|benutzen))?",
            re.I,
        ),
        _check_no_mark,
    ),
    (_HEART, lambda _: check_pictures(["heart", "kiss"])),
    (
        re.compile(
            rf"{_USE} (?:(?:des|einige|mindestens|almeno|au moins|al menos|ein|einen|un|une|una) )*"
            + _MARK.pattern.strip(),
            re.I,
        ),
        _check_used,
    ),
    (_BRIEF, lambda _: "max_words=40"),
    (_BEGIN, lambda match: f"starts {quote_value(match['value'].strip())}"),
    (_FINISH, lambda match: f"ends {quote_value(match['value'].strip())}"),
    (_INSTEAD, _replace),
    (_SAY, _state),
]
