"""Find what a rule says about the model's own instructions, which no answer is learned from."""

from __future__ import annotations

import re

_SECRET = (
    r"(?:to yourself|secret|private|hidden|confidential|geheim|vertraulich|für dich|secr[eèé]t\w*|"
    r"privé\w*|confidentiel\w*|pour toi|en secreto|privad\w+|confidencial\w*|segret\w+|riservat\w+)"
)
_NOUN = r"(?:instructions?|prompts?|guidelines|programming)"
_OWN = (
    r"(?:your|the (?:system|hidden|secret|initial|original)) "
    rf"(?:(?:own|exact|full|system|hidden|secret|initial|original) )*{_NOUN}"
)
_TELL = (
    r"(?:tell|say|reveal|repeat|mention|share|disclose|discuss|leak|expose|divulge|print|"
    r"talk about|speak about|explain|give away)"
)
_WHOM = r"(?: (?:to|with|anyone|anybody|nobody|no one|someone|people|users?|them|me|us|the user))*"
_ENGLISH = (
    rf"(?:keep|hold|treat|hide) (?:{_OWN}|the {_NOUN})(?: as)?(?: an?)? {_SECRET}|(?:hide|protect|"
    rf"guard|conceal) {_OWN}|your {_NOUN} (?:is|are|must|should|have to|has to)(?: (?:be|stay|"
    rf"remain|kept|always))* {_SECRET}|(?:reveal|disclose|leak|expose|divulge|give away) the "
    rf"{_NOUN}(?! (?!to\b|with\b|or\b|and\b|when\b|if\b|even\b)\w)|"
    rf"(?:let|allow)(?: \w+){{1,3}} (?:know|see|read|find out) {_OWN}|{_TELL}{_WHOM} (?:what|how|"
    rf"whatever|everything|anything) you (?:were|have been|had been) (?:told|prompted|instructed)|"
    rf"{_TELL}{_WHOM} (?:what|how|which) {_OWN} (?:is|are|says?|were|looks?)"
)
_TELL_ELSEWHERE = (
    r"(?:sprich|sprechen sie|rede|reden sie|sage?|erzähle?|verrate?|verraten sie|erwähne?|"
    r"wiederhole?|zeige?|ignoriere?|vergiss|offenbare?|parle[rz]?|révèle[rz]?|dis|dites|"
    r"mentionne[rz]?|répète[rz]?|montre[rz]?|partage[rz]?|divulgue[rz]?|ignore[rz]?|oublie[rz]?|"
    r"hables?|hablar|reveles?|revelar|digas?|menciones?|repitas?|muestres?|compartas?|ignor[ae]s?|"
    r"olvid[ae]s?|parl(?:are|i)|rivel(?:are|i)|dire|dica|menzion(?:are|i)|ripet(?:ere|i)|"
    r"mostr(?:are|i)|condivid(?:ere|i)|dimentica(?:re)?)"
)
_KEEP_ELSEWHERE = r"(?:behalte?|halte?|garde[rz]?|mantén|guarda|tieni)"
_OWN_ELSEWHERE = (
    r"(?:(?:deine|(?-i:Ihre)|eure)[nmrs]?|tes|ton|vos|votre|tus?|sus?|(?:tu[oae]|tuoi|"
    r"vostr[oaie])) (?:[\w-]+ )?(?:anweisung(?:en)?|instruktion(?:en)?|vorgaben|prompts?|"
    r"consignes?|instructions?|instrucciones|instrucción|indicaciones|istruzion[ei])"
)
_TOLD_ELSEWHERE = (
    r"(?:was (?:man )?(?:dir|ihnen) (?:gesagt|aufgetragen)|ce (?:qu['’]on|qui) t['’]a (?:été )?dit|"
    r"lo que te (?:han dicho|dijeron)|(?:ciò|quello) che ti (?:è stato|hanno) detto)"
)
_ELSEWHERE = (
    r"system-?(?:prompts?|nachricht|anweisung(?:en)?)|(?:prompts?|messages?|instructions|mensajes?|"
    r"instrucciones|messaggi?o?|istruzioni) (?:système|du système|del? sistema|di sistema)|"
    rf"{_TELL_ELSEWHERE}\b[^.!?\"]{{0,40}}? (?:{_OWN_ELSEWHERE}|{_TOLD_ELSEWHERE})|"
    rf"{_KEEP_ELSEWHERE} {_OWN_ELSEWHERE} {_SECRET}"
)
_INSTRUCTIONS = re.compile(
    rf"\b(?:system (?:prompt|message|instructions?)|{_ENGLISH}|{_ELSEWHERE}|"
    r"(?:ignore|forget|disregard|repeat|print|reveal) (?:everything|anything|all|whatever|the "
    r"(?:text|words|conversation)) (?:[a-z]+ ){0,6}(?:told|above|before|earlier|previously|so "
    r"far)|(?:ignore|forget|disregard|reveal|repeat|print|override|disclose|bypass|leak|discuss|"
    r"mention|talk about|follow|obey|share|show) (?:me |us |all |any |of |the )*(?:your|previous|"
    r"prior|above|earlier|preceding|initial|original|hidden|secret) (?:[a-z]+ "
    r"){0,2}(?:instructions?|prompts?|guidelines)|(?:tell|ask(?:s|ed)?|asking|told)(?: (?:anyone|"
    r"anybody|nobody|no one|someone|people|users?|me|us|them|you|the user|about|for))* (?:your|"
    r"the (?:system|hidden|secret|initial|original)) (?:own |exact |hidden |secret |initial |"
    r"original )?(?:instructions?|prompts?|guidelines|programming)|(?:reveal|mention|share|show|"
    r"repeat|disclose|ignore|forget|disregard|discuss|talk about|follow|obey|break) (?:this|these|"
    r"that|your|my|any of these) (?:rules?|instructions?|commands?)|(?:reveal|disclose|ignore|"
    r"forget|disregard|break) (?:the|all|all the) (?:rules?|instructions?|commands?)|(?:ignore|"
    r"forget|disregard|disobey) (?:whatever|what|everything|anything|all)(?: that)? (?:[a-z]+ "
    r"){1,3}(?:told|tells?|said|says?|taught|instructed|asked)(?: (?:to )?you)?)(?!\w)",
    re.I,
)


def find_own_instructions(text: str) -> str:
    """Return the words of a rule that are about the model's own instructions; or ""."""
    found = _INSTRUCTIONS.search(text)
    return found[0] if found else ""
