"""An invented country: its towns, its practices, its professionals, and the two national files.

Sizes, shares and defects are those that the real files are known to have: 535,000 mailboxes of
which 15 % of organisations, doctors with several boxes or none, boxes that hang on the number
alone, homonyms, doubled rows, towns written in four ways. Nobody in it exists: RPPS numbers begin
with 1099, which is not issued, and domains end in ``.example``.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from engine.model.people import luhn_ok

_SURNAMES = """
MARTIN BERNARD THOMAS PETIT ROBERT RICHARD DURAND DUBOIS MOREAU LAURENT SIMON MICHEL LEFEBVRE LEROY
ROUX DAVID BERTRAND MOREL FOURNIER GIRARD BONNET DUPONT LAMBERT FONTAINE ROUSSEAU VINCENT MULLER
LEFEVRE FAURE ANDRE MERCIER BLANC GUERIN BOYER GARNIER CHEVALIER FRANCOIS LEGRAND GAUTHIER GARCIA
PERRIN ROBIN CLEMENT MORIN NICOLAS HENRY ROUSSEL MATHIEU GAUTIER MASSON MARCHAND DUVAL DENIS DUMONT
MARIE LEMAIRE NOEL MEYER DUFOUR MEUNIER BRUN BLANCHARD GIRAUD JOLY RIVIERE LUCAS BRUNET GAILLARD
BARBIER ARNAUD MARTINEZ GERARD ROCHE RENARD SCHMITT ROY LEROUX COLIN VIDAL CARON PICARD ROGER FABRE
AUBERT LEMOINE RENAUD DUMAS LACROIX OLIVIER PHILIPPE BOURGEOIS PIERRE BENOIT REY LECLERC PAYET
ROLLAND LECLERCQ GUILLAUME LECOMTE LOPEZ JEAN DUPUY GUILLOT HUBERT BERGER CARPENTIER SANCHEZ DUPUIS
MOULIN LOUIS DESCHAMPS HUET VASSEUR PEREZ BOUCHER FLEURY ROYER KLEIN JACQUET ADAM PARIS POIRIER
MARTY AUBRY GUYOT CARRE CHARLES RENAULT CHARPENTIER MENARD MAILLARD BARON BERTIN BAILLY HERVE
SCHNEIDER FERNANDEZ COLLET LEGER BOUVIER JULIEN PREVOST MILLET PERROT DANIEL COUSIN GERMAIN BRETON
BESSON LANGLOIS REMY LE-GALL PELLETIER LEVEQUE PERRIER LEBLANC BARRE LEBRUN MARCHAL WEBER MALLET
HAMON BOULANGER JACOB MONNIER MICHAUD RODRIGUEZ GUICHARD GILLET ETIENNE GRONDIN POULAIN TESSIER
CHEVALLIER COLLIN CHAUVIN DA-SILVA BOUCHET GAY LEMAITRE BENARD MARECHAL HUMBERT REYNAUD ANTOINE
HOARAU PERRET BARTHELEMY CORDIER PICHON LEJEUNE GILBERT LAMY DELAUNAY PASQUIER CARLIER LAPORTE
"""
SURNAMES = _SURNAMES.split()
_GIVEN = """
JEAN MARIE PHILIPPE NATHALIE MICHEL ISABELLE ALAIN SYLVIE PATRICK CATHERINE NICOLAS CHRISTINE
CHRISTOPHE VALERIE PIERRE SANDRINE FREDERIC STEPHANIE LAURENT SOPHIE STEPHANE SANDRA DAVID CELINE
PASCAL VERONIQUE JULIEN JULIE ERIC FRANCOISE THIERRY ANNE OLIVIER CORINNE SEBASTIEN LAURENCE DANIEL
AURELIE BERNARD MARTINE DOMINIQUE VIRGINIE CHRISTIAN CHRISTELLE FRANCOIS PATRICIA BRUNO DELPHINE
DIDIER FLORENCE VINCENT CAROLINE JEROME EMILIE FABRICE AGNES GUILLAUME CLAIRE FRANCK KARINE ANTHONY
ELODIE CEDRIC MELANIE THOMAS MONIQUE BENOIT JACQUELINE MAXIME HELENE ALEXANDRE EMMANUELLE GILLES
CAMILLE BENJAMIN CHANTAL ROMAIN MARION SERGE LAETITIA JACQUES BRIGITTE MATHIEU MANON HERVE PAULINE
ARNAUD AUDREY ROMUALD CECILE LUDOVIC LUCIE FABIEN CHLOE YVES BEATRICE JONATHAN ANNIE GERARD ODILE
LOUIS JEANNE PAUL PAULE ADRIEN ALICE SIMON MARGAUX HUGO LEA LUC ELISE MARC LUCILE ANTOINE MATHILDE
GREGORY CHARLOTTE XAVIER JUSTINE DAMIEN ANAIS YANN SARAH REMI OCEANE ALEXIS LAURA QUENTIN AMELIE
MICKAEL VANESSA JOEL ELISABETH REGIS COLETTE ROGER SOLENE RENE FANNY BAPTISTE ARMELLE ETIENNE
GAELLE TRISTAN NOEMIE EMMANUEL VIVIANE FLORIAN INES KEVIN SABINE GUY GENEVIEVE CLEMENT MYRIAM
"""
GIVEN = _GIVEN.split()
_ONSETS = "B BR C CH CL D DR F FL G GR H J L M N P PR QU R S T TR V VR GU BL CR"
_VOWELS = "A E I O U OU AI AU EAU EU OI IE AN EN ON IN"
_CODAS = "L LLE R RD RT S T TTE X N NT ND C QUE CHE GE GNE VE SSE Z ZE M MME BE DE LET NEAU"
_TOWN_ENDS = "SUR-LYRE EN-BRAY LES-BAINS SUR-MER LA-FORET DU-MONT L-ABBAYE SOUS-BOIS"
ONSETS, VOWELS, CODAS = _ONSETS.split(), _VOWELS.split(), _CODAS.split()
TOWN_ENDS = _TOWN_ENDS.split()
_WAYS = ("Rue", "Avenue", "Place", "Boulevard", "Chemin")
_HOSPITAL_WORDS = ("CENTRE HOSPITALIER DE", "CHU DE", "CLINIQUE DE", "HOPITAL PRIVE DE")
_OTHER_WORDS = ("CPAM DE", "MSA DE", "CENTRE PENITENTIAIRE DE", "SANTE AU TRAVAIL DE", "EHPAD DE")
_OPERATORS = (
    "medecin", "cabinets", "maison-sante", "interop-apicrypt", "pro", "sante-nord", "sante-sud",
)  # fmt: skip

BOX_HEADER = (
    "Type de BAL|Adresse BAL|Type Identifiant PP|Identifiant PP|Identification nationale PP|"
    "Type identifiant structure|Identification Structure|Service de rattachement|"
    "Civilité d'exercice|Nom d'exercice|Prénom d'exercice|Catégorie profession|"
    "Libellé de catégorie profession|Code Profession|Libellé Profession|Code savoir-faire|"
    "Libellé savoir-faire|Dématérialisation|Raison Sociale structure BAL|"
    "Enseigne commerciale structure BAL|L2COMPLEMENTLOCALISATION structure BAL|"
    "L3COMPLEMENTDISTRIBUTION structure BAL|L4NUMEROVOIE structure BAL|"
    "L4COMPLEMENTNUMEROVOIE structure BAL|NL4TYPEVOIE structure BAL|"
    "L4LIBELLEVOIE structure BAL|L5LIEUDITMENTION structure BAL|"
    "L6LIGNEACHEMINEMENT structure BAL|Code postal structure BAL|Département structure BAL|"
    "Pays structure BAL"
)
PRACTICE_HEADER = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|"
    "Libellé civilité d'exercice|Code civilité|Libellé civilité|Nom d'exercice|Prénom d'exercice|"
    "Code profession|Libellé profession|Code catégorie professionnelle|"
    "Libellé catégorie professionnelle|Code type savoir-faire|Libellé type savoir-faire|"
    "Code savoir-faire|Libellé savoir-faire|Code mode exercice|Libellé mode exercice|"
    "Numéro SIRET site|Numéro SIREN site|Numéro FINESS site|"
    "Numéro FINESS établissement juridique|Identifiant technique de la structure|"
    "Raison sociale site|Enseigne commerciale site|Complément destinataire (coord. structure)|"
    "Complément point géographique (coord. structure)|Numéro Voie (coord. structure)|"
    "Indice répétition voie (coord. structure)|Code type de voie (coord. structure)|"
    "Libellé type de voie (coord. structure)|Libellé Voie (coord. structure)|"
    "Mention distribution (coord. structure)|Bureau cedex (coord. structure)|"
    "Code postal (coord. structure)|Code commune (coord. structure)|"
    "Libellé commune (coord. structure)|Code pays (coord. structure)|"
    "Libellé pays (coord. structure)|Téléphone (coord. structure)|"
    "Téléphone 2 (coord. structure)|Télécopie (coord. structure)|"
    "Adresse e-mail (coord. structure)|Code Département (structure)|"
    "Libellé Département (structure)|Ancien identifiant de la structure|"
    "Autorité d'enregistrement|Code secteur d'activité|Libellé secteur d'activité|"
    "Code section tableau pharmaciens|Libellé section tableau pharmaciens|Code rôle|"
    "Libellé rôle|Code genre activité|Libellé genre activité"
)


@dataclass(frozen=True, slots=True)
class Town:
    name: str
    postal: tuple[str, ...]
    commune: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where people practise. ``kind``: practice, hospital, other."""

    structure: str
    name: str
    town: Town
    postal: str
    street: str
    phone: str
    kind: str


@dataclass(frozen=True, slots=True)
class Doctor:
    rpps: str
    family: str
    given: str
    profession: str
    general: bool
    places: tuple[Place, ...]
    boxes: tuple[tuple[str, Place | None], ...] = field(default=())


def rpps(number: int) -> str:
    """The RPPS of an invented professional: 1099, six digits, and the key that holds."""
    head = f"1099{number:06}"
    return next(head + key for key in "0123456789" if luhn_ok(head + key))


class Country:
    """All of it from one seed: the same seed gives the same files, byte for byte."""

    def __init__(self, doctors: int, others: int, organisations: int, seed: int = 5) -> None:
        self._dice = random.Random(seed)
        self._organisations = organisations
        scale = max(doctors + others, 2000)
        self._names = self._surnames(scale // 4)
        common = [1 / (rank + 40) for rank in range(len(SURNAMES))]
        rare = [1 / (rank + 400) for rank in range(len(self._names) - len(SURNAMES))]
        # One in four bears one of the 240 most common names (in France one in five does).
        share = sum(rare) / 3 / sum(common)
        self._name_weights = list(accumulate([one * share for one in common] + rare))
        self._given_weights = list(accumulate(1 / (rank + 15) for rank in range(len(GIVEN))))
        self.towns = self._towns(max(scale // 130, 40))
        self._town_weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.towns))))
        self.places = self._places(scale // 3)
        numbers = self._dice.sample(range(1_000_000), doctors + others)
        self.doctors = [self._doctor(rpps(one), "10") for one in numbers[:doctors]]
        self._others = numbers[doctors:]

    def _surnames(self, count: int) -> list[str]:
        names = dict.fromkeys(SURNAMES)
        while len(names) < count + len(SURNAMES):
            syllables = self._dice.randint(1, 2)
            name = "".join(
                self._dice.choice(ONSETS) + self._dice.choice(VOWELS) for _ in range(syllables)
            ) + self._dice.choice(ONSETS) + self._dice.choice(("A", "E", "I", "O")) \
                + self._dice.choice(CODAS)  # fmt: skip
            prefix = self._dice.random()
            names["LE " + name if prefix < 0.03 else "DE " + name if prefix < 0.05 else name] = None
        return list(names)

    def _towns(self, count: int) -> list[Town]:
        names: dict[str, None] = {}
        while len(names) < count:
            base = (self._dice.choice(ONSETS) + self._dice.choice(VOWELS)
                    + self._dice.choice(ONSETS) + self._dice.choice(VOWELS)
                    + self._dice.choice(CODAS))  # fmt: skip
            turn = self._dice.random()
            if turn < 0.2:
                base = "SAINT-" + self._dice.choice(GIVEN)
                base += "-" + self._dice.choice(TOWN_ENDS) if turn < 0.1 else ""
            elif turn < 0.4:
                base += "-" + self._dice.choice(TOWN_ENDS)
            names[base] = None
        towns = []
        for rank, name in enumerate(names):
            department = self._dice.randint(1, 95)
            codes = 20 if rank == 0 else 9 if rank < 3 else 3 if rank < 20 else 1
            first = self._dice.randint(0, 99) * 10
            postal = tuple(f"{department:02}{(first + n) % 1000:03}" for n in range(codes))
            towns.append(Town(name, postal, f"{department:02}{rank % 1000:03}"))
        return towns

    def _places(self, count: int) -> list[Place]:
        places = []
        for number in range(count):
            town = self._town()
            turn = self._dice.random()
            kind = "practice" if turn < 0.82 else "hospital" if turn < 0.93 else "other"
            words = {"hospital": _HOSPITAL_WORDS, "other": _OTHER_WORDS}.get(kind)
            name = (
                f"{self._dice.choice(words)} {town.name}" if words
                else self._dice.choice(("CABINET DU DR " + self._dice.choice(self._names),
                                        "MAISON DE SANTE DE " + town.name, "SCM DES " + town.name,
                                        "CABINET MEDICAL " + self._dice.choice(TOWN_ENDS)))
            )  # fmt: skip
            places.append(
                Place(
                    f"R1{number:010}", name, town, self._dice.choice(town.postal),
                    f"{self._dice.randint(1, 180)}|{self._dice.choice(_WAYS)}|"
                    f"DE {self._dice.choice(self._names)}",
                    f"0{self._dice.randint(1, 5)}{self._dice.randint(0, 99_999_999):08}", kind,
                )
            )  # fmt: skip
        return places

    def _town(self) -> Town:
        return self._dice.choices(self.towns, cum_weights=self._town_weights)[0]

    def _family(self) -> str:
        name = self._dice.choices(self._names, cum_weights=self._name_weights)[0]
        turn = self._dice.random()
        if turn < 0.05:
            name += "-" + self._dice.choices(self._names, cum_weights=self._name_weights)[0]
        return name

    def _given(self) -> str:
        name = self._dice.choices(GIVEN, cum_weights=self._given_weights)[0]
        if self._dice.random() < 0.09:
            name = self._dice.choice(("JEAN", "MARIE", "ANNE")) + "-" + name
        return name

    def _doctor(self, number: str, profession: str) -> Doctor:
        family, given = self._family(), self._given()
        count = self._dice.choices((1, 2, 3), (75, 20, 5))[0]
        places = tuple(self._dice.choice(self.places) for _ in range(count))
        boxes: list[tuple[str, Place | None]] = []
        for place in self._dice.choices(
            (None, *places), k=self._dice.choices((0, 1, 2), (9, 66, 25))[0]
        ):
            if place is None or place.kind == "practice":
                domain = f"{self._dice.choice(_OPERATORS)}.mssante.example"
            else:
                domain = f"{place.structure.lower()}.mssante.example"
            local = f"{given}.{family}".lower().replace(" ", "").replace("-", "")
            boxes.append((f"{local}.{number[4:9]}{len(boxes)}@{domain}", place))
        return Doctor(
            number, family, given, profession, self._dice.random() < 0.45, places, tuple(boxes)
        )

    @cached_property
    def others(self) -> list[Doctor]:
        """Nurses, pharmacists, dentists…"""
        professions = ("60", "21", "40", "50", "70")
        return [self._doctor(rpps(one), self._dice.choice(professions)) for one in self._others]

    def box_lines(self) -> Iterator[str]:
        """The extraction of mailboxes, its header first, some rows doubled as in the real one."""
        dice = random.Random(7)
        yield BOX_HEADER
        for who in (*self.doctors, *self.others):
            for address, place in who.boxes:
                line = _box_line("PER", address, who, place, dice)
                yield line
                if dice.random() < 0.0003:
                    yield line
        for number in range(self._organisations):
            place = self.places[number % len(self.places)]
            address = f"secretariat{number}@{place.structure.lower()}.mssante.example"
            yield _box_line("ORG", address, None, place, dice)

    def practice_lines(self) -> Iterator[str]:
        """The professionals' file, its header first; each line ends with one more separator."""
        yield PRACTICE_HEADER
        for who in (*self.doctors, *self.others):
            for place in who.places:
                yield _practice_line(who, place)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Both files, plain."""
        boxes = folder / "Extraction_Correspondance_MSSante_202611240730.txt"
        practices = folder / "PS_LibreAcces_Personne_activite_202611240730.txt"
        for path, lines in ((boxes, self.box_lines()), (practices, self.practice_lines())):
            with path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(line + "\n" for line in lines)
        return boxes, practices


_LABELS = {
    "10": "Médecin", "60": "Infirmier", "21": "Pharmacien", "40": "Chirurgien-Dentiste",
    "50": "Sage-Femme", "70": "Masseur-Kinésithérapeute",
}  # fmt: skip


def _skill(who: Doctor) -> tuple[str, str]:
    if who.profession != "10":
        return "", ""
    if who.general:
        return "SM26", "Qualifié en Médecine Générale (SM)"
    return "SM04", "Cardiologie et maladies vasculaires (SM)"


def _written(town: Town, postal: str, dice: random.Random) -> str:
    """A town as an address line has it."""
    turn = dice.random()
    name = town.name.replace("SAINT-", "ST ") if turn < 0.3 else town.name
    name = name.replace("-", " ") if turn < 0.6 else name
    return f"{postal} {name} CEDEX" if turn > 0.95 else f"{postal} {name}" if turn > 0.5 else name


def _box_line(
    kind: str, address: str, who: Doctor | None, place: Place | None, dice: random.Random
) -> str:
    person = ["", "", "", "", "", "", "", "", "", "", ""]
    if who is not None:
        code, label = _skill(who)
        person = [
            "DR", who.family, who.given, "C", "Civil", who.profession, _LABELS[who.profession],
            code, label, "O", "",
        ]  # fmt: skip
    else:
        person[9] = "O"
    identity = ["8", who.rpps, "8" + who.rpps] if who is not None else ["", "", ""]
    where = ["", ""] if place is None else ["TECH", place.structure]
    structure = [""] * 12
    if place is not None:
        number, way, street = place.street.split("|")
        structure = [
            "", "", "", number, "", way, street, "", _written(place.town, place.postal, dice),
            place.postal, place.postal[:2], "FRANCE",
        ]  # fmt: skip
    name = place.name if place is not None else ""
    cells = [kind, address, *identity, *where, "", *person[:10], name, *structure]
    return "|".join(cells)


def _practice_line(who: Doctor, place: Place) -> str:
    code, label = _skill(who)
    number, way, street = place.street.split("|")
    private = place.kind == "practice"
    sector = {
        "practice": ("SA07", "Cabinet individuel"),
        "hospital": ("SA01", "Etablissement public de santé"),
        "other": ("SA99", "Autre"),
    }[place.kind]  # fmt: skip
    phone = " ".join(place.phone[n : n + 2] for n in range(0, 10, 2))
    cells = [
        "8", who.rpps, "8" + who.rpps, "DR", "Docteur", "M", "Monsieur", who.family, who.given,
        who.profession, _LABELS[who.profession], "C", "Civil", "S" if code else "", "", code, label,
        "L" if private else "S", "Libéral" if private else "Salarié", "", "", "", "",
        place.structure, place.name, "", "", "", number, "", "", way, street, "",
        place.town.name, place.postal, place.town.commune, place.town.name, "FR", "FRANCE", phone,
        "", "", "", place.postal[:2], "", "", "ARS", *sector, "", "", "", "", "", "", "",
    ]  # fmt: skip
    return "|".join(cells)
