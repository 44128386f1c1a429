"""The English words for usual people and subjects of German, French, Spanish and Italian rules.

The model writes its requests in English, so a neighbor must not be the rule's own addressee or
subject in translation: "my girlfriend" beside "meiner Freundin", soccer beside "Fußball".
"""

from __future__ import annotations

import re

_PEOPLE = {
    "girlfriend": "freundin copine novia ragazza fidanzata pareja liebste liebling chérie",
    "boyfriend": "freund copain novio ragazzo fidanzato pareja liebster chéri",
    "friend": (
        "freund freunde freunden freundin freundinnen kumpel kumpels ami amie amis amies pote "
        "potes copain copains copine copines amigo amiga amigos amigas amico amica amici amiche"
    ),
    "wife": "frau ehefrau gattin femme épouse mujer esposa moglie",
    "husband": "mann ehemann gatte gatten mari époux marido esposo marito",
    "partner": "partner partnerin conjoint conjointe compagnon compagne pareja compagno compagna",
    "boss": (
        "chef chefin chefs vorgesetzte vorgesetzten vorgesetzter patron patronne jefe jefa jefes "
        "capo cheffe supérieur supérieure"
    ),
    "manager": "manager managerin gerente directrice directeur gestor direttore direttrice leiter",
    "mother": "mutter mama mami mutti mère maman mamá madre mamma mère-grand",
    "father": "vater papa papi vati père papá padre papà babbo",
    "parents": "eltern parents padres genitori",
    "brother": "bruder brüder brüdern frère frères hermano hermanos fratello fratelli",
    "sister": "schwester schwestern sœur soeur sœurs soeurs hermana hermanas sorella sorelle",
    "son": "sohn söhne söhnen sohnes fils hijo hijos figlio figli",
    "daughter": "tochter töchter töchtern fille filles hija hijas figlia figlie",
    "children": "kind kinder kindern enfant enfants niño niños niña niñas bambino bambini hijos",
    "grandmother": "oma großmutter omi grand-mère mamie abuela abuelita nonna",
    "grandfather": "opa großvater opi grand-père papi abuelo abuelito nonno",
    "grandparents": "großeltern grands-parents abuelos nonni",
    "aunt": "tante tata tía zia",
    "uncle": "onkel oncle tonton tío zio",
    "cousin": "cousin cousine cousins cousinen vetter kusine primo prima primos cugino cugina",
    "family": "familie famille familia famiglia",
    "colleague": (
        "kollege kollegen kollegin kolleginnen collègue collègues colega colegas compañero "
        "compañera compañeros collega colleghi colleghe mitarbeiter mitarbeitern employés "
        "empleados dipendenti équipe equipo squadra team"
    ),
    "customer": (
        "kunde kunden kundin kundinnen client cliente clients clientes clientela clienti gäste "
        "gästen gast invités huéspedes huésped ospiti ospite"
    ),
    "client": "kunde kunden client cliente clients clientes clienti mandant mandanten",
    "neighbor": "nachbar nachbarn nachbarin voisin voisine voisins vecino vecina vecinos vicino",
    "landlord": (
        "vermieter vermieterin propriétaire bailleur casero casera propietario padrone proprietario"
    ),
    "tenant": "mieter mieterin mietern locataire locataires inquilino inquilinos inquilini",
    "teacher": (
        "lehrer lehrerin lehrern professeur prof maître maîtresse profesor profesora maestro "
        "maestra professore professoressa insegnante"
    ),
    "school": "schule école escuela colegio scuola",
    "doctor": "arzt ärztin ärzten médecin docteur doctor doctora médico médica dottore medico",
    "dentist": "zahnarzt zahnärztin dentiste dentista",
    "coach": "trainer trainerin entraîneur entrenador entrenadora allenatore",
    "bank": "bank banque banco banca",
    "lawyer": "anwalt anwältin avocat avocate abogado abogada avvocato",
    "insurance": "versicherung assurance seguro assicurazione",
    "roommate": "mitbewohner mitbewohnerin colocataire coloc coinquilino compañero",
    "team": "team équipe equipo squadra mannschaft",
    "hairdresser": "friseur friseurin friseurs coiffeur coiffeuse peluquero peluquera parrucchiere",
    "babysitter": "babysitter babysitterin nounou niñera",
    "city": "stadt gemeinde mairie ayuntamiento comune",
    "library": "bibliothek bücherei bibliothèque biblioteca",
    "hotel": "hotel hôtel albergo",
}
_SUBJECTS = {
    "soccer, football": "fußball fussball football foot fútbol futbol calcio",
    "opening hours, business hours": (
        "öffnungszeiten öffnungszeit horaires horario horarios orari orario"
    ),
    "prices, price, costs": "preis preise preisen prix tarif tarifs precio precios prezzo prezzi",
    "delivery, shipping": (
        "lieferung lieferungen versand livraison livraisons entrega envío envíos consegna "
        "spedizione"
    ),
    "refunds, refund": (
        "rückerstattung rückerstattungen erstattung remboursement remboursements reembolso "
        "reembolsos rimborso rimborsi"
    ),
    "returns": (
        "rückgabe rückgaben retoure retouren retour retours devolución devoluciones reso resi"
    ),
    "parking, car park": (
        "parkplatz parkplätze parkplätzen parken parking stationnement aparcamiento parcheggio"
    ),
    "discounts, discount": (
        "rabatt rabatte rabatten remise remises réductions descuento descuentos sconto sconti"
    ),
    "address": "adresse anschrift dirección indirizzo",
    "reservations, booking": (
        "reservierung reservierungen réservation réservations reserva reservas prenotazione "
        "prenotazioni"
    ),
    "warranty, guarantee": "garantie gewährleistung garantía garanzia",
    "payment, paying": "zahlung bezahlung paiement pago pagos pagamento pagamenti",
    "cats, cat": "katze katzen chat chats gato gatos gatto gatti",
    "dogs, dog": "hund hunde hunden chien chiens perro perros cane cani",
    "cars, car": "auto autos voiture voitures coche coches carro macchina macchine",
    "horses, horse": "pferd pferde pferden cheval chevaux caballo caballos cavallo cavalli",
    "politics": "politik politique política politica",
    "religion": "religion religión religione",
    "weather": "wetter météo clima tiempo meteo",
    "money": "geld argent dinero soldi denaro",
    "music": "musik musique música musica",
    "war": "krieg kriege guerre guerres guerra guerras guerre",
    "work": "arbeit travail trabajo lavoro",
    "school": "schule école escuela scuola",
    "food": "essen nourriture comida cibo",
    "coffee": "kaffee café caffè",
    "wine": "wein weine vin vins vino vinos vini",
    "beer": "bier biere bière bières cerveza cervezas birra birre",
    "alcohol": "alkohol alcool alcohol alcol",
    "health": "gesundheit santé salud salute",
    "taxes, tax": "steuer steuern impôt impôts impuesto impuestos tasse",
    "sports, sport": "sport sports deporte deportes",
    "tennis": "tennis tenis",
    "holidays, vacation": "urlaub ferien vacances vacaciones vacanze ferie",
    "travel": "reise reisen voyage voyages viaje viajes viaggi viaggio",
    "family": "familie famille familia famiglia",
    "death": "tod mort muerte morte",
    "sex": "sex sexe sexo sesso",
    "divorce": "scheidung scheidungen divorce divorcio divorzio",
    "elections, election": "wahl wahlen élection élections elecciones elección elezioni",
    "spiders, spider": "spinne spinnen araignée araignées araña arañas ragno ragni",
    "snakes, snake": "schlange schlangen serpent serpents serpiente serpientes serpente serpenti",
    "elephants, elephant": "elefant elefanten éléphant éléphants elefante elefantes elefanti",
    "diets, diet": "diät diäten régime régimes dieta dietas diete",
    "computers, computer": "computer rechner ordinateur ordinateurs ordenador ordenadores",
    "movies, films": "film filme filmen films película películas",
    "books, book": "buch bücher büchern livre livres libro libros libri",
    "cooking": "kochen cuisine cocina cucina",
    "dancing, dance": "tanzen tanz danse baile danza ballo",
    "business": "geschäft geschäfte affaires negocios affari",
    "science": "wissenschaft science ciencia scienza",
    "law": "recht droit derecho diritto",
    "art": "kunst art arte",
    "clothes, clothing": "kleidung kleider vêtements ropa vestiti",
    "games, game": "spiel spiele jeu jeux juego juegos gioco giochi",
}
_LEAD = re.compile(
    r"^(?:(?:der|die|das|den|dem|des|ein|eine[mnrs]?|mein(?:e[mnrs]?)?|unser(?:e[mnrs]?)?|le|"
    r"la|les|du|de|nos|notre|mon|ma|mes|el|los|las|mi|mis|nuestr[oa]s?|il|lo|i|gli|un|"
    r"une|una) |[ld]')+",
    re.I,
)
_TAIL = re.compile(r" (?:d['’]ouverture|de (?:apertura|atención)|d[i'] ?apertura)$", re.I)
"""What opening hours are of."""
_ENGLISH_PEOPLE: dict[str, tuple[str, ...]] = {}
for _name, _words in _PEOPLE.items():
    for _word in _words.split():
        _ENGLISH_PEOPLE[_word] = (*_ENGLISH_PEOPLE.get(_word, ()), _name)
_ENGLISH_SUBJECTS = {
    word: tuple(names.split(", ")) for names, words in _SUBJECTS.items() for word in words.split()
}


def list_english_people(text: str) -> tuple[str, ...]:
    """Return the English words for the people that a text names: "meiner Freundin" ->
    "girlfriend", "friend".
    """
    words = re.findall(r"[\w-]+", text.lower())
    return tuple(name for word in words for name in _ENGLISH_PEOPLE.get(word, ()))


def list_english_names(subject: str) -> tuple[str, ...]:
    """Return the English names of a subject, the usual one first; () of one that no table has."""
    bare = _TAIL.sub("", _LEAD.sub("", subject.replace("’", "'").strip().lower()))
    return _ENGLISH_SUBJECTS.get(bare, ())


def to_english_subject(subject: str) -> str:
    """Return the English name of a usual subject: "den Öffnungszeiten" -> "opening hours"; any
    other one stays.
    """
    return next(iter(list_english_names(subject)), subject)
