"""Say a German, French, Spanish or Italian infinitive as an imperative: "Kurz antworten." is read
as "Antworte kurz.", and "Ne pas utiliser d'emojis." as "N'utilise pas d'emojis.".
"""

from __future__ import annotations

import re

_LAST = {
    "antworten": "antworte",
    "anfangen": "beginne",
    "beenden": "beende",
    "beginnen": "beginne",
    "benutzen": "benutze",
    "bleiben": "bleibe",
    "enden": "beende",
    "enthalten": "verwende",
    "erwähnen": "erwähne",
    "haben": "verwende",
    "nennen": "nenne",
    "nutzen": "nutze",
    "reden": "rede",
    "sagen": "sage",
    "schreiben": "schreibe",
    "sein": "sei",
    "sprechen": "sprich",
    "vermeiden": "vermeide",
    "verwenden": "verwende",
}
"""German verbs. They stand at the end of a demand, and before what "du sollst" demands."""
_FIRST = {
    "commencer": "commence",
    "dépasser": "dépasse",
    "dire": "dis",
    "écrire": "écris",
    "employer": "emploie",
    "être": "sois",
    "éviter": "évite",
    "finir": "termine",
    "mentionner": "mentionne",
    "parler": "parle",
    "répondre": "réponds",
    "rester": "reste",
    "se terminer": "termine",
    "terminer": "termine",
    "utiliser": "utilise",
    "comenzar": "comienza",
    "contestar": "contesta",
    "empezar": "empieza",
    "escribir": "escribe",
    "evitar": "evita",
    "hablar": "habla",
    "mencionar": "menciona",
    "responder": "responde",
    "ser": "sé",
    "terminar": "termina",
    "usar": "usa",
    "utilizar": "utiliza",
    "essere": "sii",
    "evitare": "evita",
    "finire": "finisci",
    "iniziare": "inizia",
    "rispondere": "rispondi",
    "scrivere": "scrivi",
    "terminare": "termina",
    "usare": "usa",
    "utilizzare": "utilizza",
}
"""French, Spanish and Italian verbs."""
_DENIED = {
    "escribir": "escribas",
    "exceder": "excedas",
    "hablar": "hables",
    "mencionar": "menciones",
    "superar": "superes",
    "usar": "uses",
    "utilizar": "utilices",
}
"""Spanish verbs after "no"; an Italian one stays an infinitive."""
_ALWAYS = r"(?:(?:bitte|immer|toujours|siempre|sempre) )?"


def _list_choices(verbs: dict[str, str]) -> str:
    return "|".join(sorted(map(re.escape, verbs), key=len, reverse=True))


_AT_EDGE = re.compile(
    r"(?:(?:(?:schreib|setz|sag|verwend|benutz|nutz)(?:en sie|en|e)?|écri(?:s|re|vez)|mets|mettez|"
    r"ajoute[rz]?|dis|dites|utilise[rz]?|escrib(?:e|a|ir)|pon|ponga|di|diga|usar?|use|añade) )?"
    r"(?:(?:bitte|immer|toujours|siempre) )?(?:mit |avec |con )?"
    r"(?P<value>(?:[\"'«„])[^\"'«»„“”]+[\"'»“”]) "
    r"(?P<where>am (?:anfang|beginn|ende|schluss)|au (?:début|commencement)|à la fin|"
    r"al (?:principio|comienzo|inicio|final))",
    re.I,
)
"""Where something is written: "schreibe 'Hallo' am Anfang"."""
_ENDS = re.compile(r"ende|schluss|fin|final")
_GERMAN_END = re.compile(rf"{_ALWAYS}(?P<rest>.+) (?P<verb>{_list_choices(_LAST)})", re.I)
_GERMAN_START = re.compile(rf"(?P<verb>{_list_choices(_LAST)}) (?!sie\b)(?P<rest>.+)", re.I)
_FRENCH_BAN = re.compile(
    rf"ne (?P<not>pas|jamais|plus) (?P<verb>{_list_choices(_FIRST)}) (?P<rest>.+)", re.I
)
_SPANISH_BAN = re.compile(
    rf"(?P<not>no|nunca) (?P<verb>{_list_choices(_DENIED)}) (?P<rest>.+)", re.I
)
_VERB_FIRST = re.compile(rf"{_ALWAYS}(?P<verb>{_list_choices(_FIRST)}) (?P<rest>.+)", re.I)


def to_native_imperative(text: str) -> str:
    """Return a demand whose verb is an infinitive as an imperative; any other text as it is."""
    text = text.strip()
    if match := _AT_EDGE.fullmatch(text):
        verbs = {"am": "beginne mit", "au": "commence par", "al": "empieza con"}
        ends = {"am": "beende mit", "à": "termine par", "al": "termina con"}
        where, edge = match["where"].lower().split()[0], match["where"].lower()
        verb = (ends if _ENDS.search(edge) else verbs)[where]
        return f"{verb} {match['value']}"
    if match := _FRENCH_BAN.fullmatch(text):
        verb = _FIRST[match["verb"].lower()]
        ne = "n'" if verb[0] in "aeéiou" else "ne "
        return f"{ne}{verb} {match['not']} {match['rest']}"
    if match := _SPANISH_BAN.fullmatch(text):
        return f"{match['not']} {_DENIED[match['verb'].lower()]} {match['rest']}"
    if match := _VERB_FIRST.fullmatch(text):
        return f"{_FIRST[match['verb'].lower()]} {match['rest']}"
    if match := _GERMAN_END.fullmatch(text) or _GERMAN_START.fullmatch(text):
        return f"{_LAST[match['verb'].lower()]} {match['rest']}"
    return text
