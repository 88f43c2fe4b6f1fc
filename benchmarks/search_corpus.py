"""Plug-ins of a large market, with names and descriptions such as artists write, and what people look for in it. Same seed, same text."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

MEDIA = [
    "watercolour",
    "oil paint",
    "acrylic",
    "gouache",
    "ink",
    "charcoal",
    "graphite",
    "crayon",
    "chalk pastel",
    "linocut",
    "woodcut",
    "etching",
    "screen print",
    "risograph",
    "pixel art",
    "vector art",
    "low-poly models",
    "paper cuts",
    "collage",
    "embroidery",
    "knitting",
    "felt",
    "stained glass",
    "mosaic",
    "ceramic tiles",
    "clay",
    "plasticine",
    "bronze",
    "marble",
    "wood carving",
    "origami",
    "spray paint",
    "marker",
    "ballpoint pen",
    "fountain pen",
    "airbrush",
    "fresco",
    "tempera",
    "batik",
    "tapestry",
    "neon tubes",
    "light painting",
    "film photography",
    "instant photos",
    "tin toys",
    "building bricks",
    "blueprints",
    "maps",
    "botanical plates",
    "comic panels",
]
SUBJECTS = [
    "foxes",
    "herons",
    "owls",
    "cats",
    "dogs",
    "horses",
    "dragons",
    "knights",
    "witches",
    "robots",
    "astronauts",
    "mermaids",
    "pirates",
    "ghosts",
    "skeletons",
    "rabbits",
    "hedgehogs",
    "bears",
    "whales",
    "octopuses",
    "jellyfish",
    "beetles",
    "moths",
    "bees",
    "frogs",
    "snails",
    "mushrooms",
    "ferns",
    "roses",
    "sunflowers",
    "oaks",
    "pines",
    "mountains",
    "valleys",
    "rivers",
    "waterfalls",
    "harbours",
    "lighthouses",
    "ships",
    "trains",
    "bicycles",
    "balloons",
    "castles",
    "cottages",
    "cathedrals",
    "bridges",
    "markets",
    "kitchens",
    "libraries",
    "gardens",
    "deserts",
    "glaciers",
    "volcanoes",
    "storms",
    "clouds",
    "moons",
    "planets",
    "comets",
    "cities",
    "alleys",
    "rooftops",
    "cafés",
    "dancers",
    "musicians",
    "bakers",
    "fishermen",
    "children",
    "grandmothers",
    "masks",
    "teapots",
    "clocks",
    "keys",
    "lanterns",
    "umbrellas",
    "books",
    "shoes",
    "guitars",
    "cakes",
    "noodles",
    "lemons",
]
MOODS = [
    "quiet",
    "gloomy",
    "cheerful",
    "dreamy",
    "eerie",
    "cosy",
    "wild",
    "tender",
    "playful",
    "solemn",
    "nostalgic",
    "futuristic",
    "ancient",
    "delicate",
    "bold",
    "rough",
    "minimal",
    "ornate",
    "misty",
    "sunlit",
    "moonlit",
    "frosty",
    "golden",
    "faded",
    "bright",
    "muted",
    "dark",
    "pastel",
    "monochrome",
    "glowing",
    "dusty",
    "rainy",
    "tidy",
    "crooked",
    "gentle",
    "sharp",
]
PLACES = [
    "in the forest",
    "by the sea",
    "under water",
    "in outer space",
    "on old paper",
    "in a small town",
    "at night",
    "at dawn",
    "in winter",
    "in autumn",
    "in the Alps",
    "in Japan",
    "in Lisbon",
    "in Victorian London",
    "in a kitchen",
    "on stage",
    "in a dream",
    "behind glass",
    "at the market",
    "on the moon",
]
TECHNIQUES = [
    "with thick outlines",
    "with soft washes",
    "with hard shadows",
    "with fine hatching",
    "with visible fibres",
    "with gold leaf",
    "in two colours",
    "in sixteen colours",
    "with a wet brush",
    "with a palette knife",
    "with speed lines",
    "with wide margins",
    "with rounded corners",
    "with torn edges",
    "with heavy grain",
    "with tiny dots",
    "with one continuous line",
    "with flat shapes",
]
LIKENESSES = [
    "as in old picture books",
    "as on paperback covers",
    "as on a school blackboard",
    "as in early computer games",
    "as on concert posters",
    "as on playing cards",
    "as in newspapers of the thirties",
    "as on postage stamps",
    "as in church windows",
    "as on tea tins",
    "as in film posters",
    "as in field guides",
]
HABITS = [
    "who collects lost buttons",
    "who never sleeps",
    "who plays the drums",
    "who is afraid of the dark",
    "who brews tea",
    "who steals bread",
    "with a crooked hat",
    "with three eyes",
    "in a velvet coat",
    "in a round helmet",
    "with a wooden leg",
    "who paints fences at night",
    "who knits for the neighbours",
    "with a glowing tail",
    "who forgets every name",
    "who reads the stars",
]
FIRST = [
    "Ada",
    "Berta",
    "Cleo",
    "Dmitri",
    "Elif",
    "Farid",
    "Greta",
    "Hana",
    "Ivo",
    "Jun",
    "Kofi",
    "Lena",
    "Marek",
    "Nadia",
    "Omar",
    "Petra",
    "Quinn",
    "Rosa",
    "Sami",
    "Tove",
    "Uma",
    "Viktor",
    "Wanda",
    "Ximena",
    "Yara",
    "Zeno",
]
LAST = [
    "Adler",
    "Brandt",
    "Costa",
    "Dvorak",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Keller",
    "Lopez",
    "Moreau",
    "Novak",
    "Okafor",
    "Petit",
    "Quist",
    "Rossi",
    "Sato",
    "Tanaka",
    "Urban",
    "Vogel",
    "Weber",
    "Yilmaz",
    "Zhang",
]
_STARTS = [
    "ba",
    "ko",
    "mi",
    "ru",
    "sel",
    "tor",
    "wen",
    "lu",
    "fa",
    "gri",
    "hal",
    "jo",
    "ne",
    "or",
    "pim",
    "qua",
    "ri",
    "sa",
    "tul",
    "vel",
    "wi",
    "xa",
    "yor",
    "zi",
    "bram",
    "cor",
    "dun",
    "el",
    "fir",
    "gol",
]
_ENDS = [
    "ra",
    "lin",
    "mo",
    "ket",
    "dor",
    "wyn",
    "sa",
    "bel",
    "nik",
    "tho",
    "vane",
    "ro",
    "mi",
    "sel",
    "gar",
    "pip",
    "lo",
    "den",
    "ta",
    "kis",
    "bury",
    "wick",
    "field",
    "glow",
    "brush",
    "fold",
    "ink",
]


@dataclass(frozen=True)
class Wanted:
    """A search, and what sort of one it is."""

    sort: str
    text: str


@dataclass(frozen=True)
class Written:
    """A concept as its artist would write it."""

    name: str
    aliases: list[str]
    kind: str
    description: str


def concepts(count: int, seed: int = 25) -> Iterator[Written]:
    """Write so many concepts, three styles to each character."""
    pick = random.Random(seed)
    for number in range(count):
        name = _name(pick)
        if number % 4:
            subject = pick.choice(SUBJECTS)
            said = [
                f"{pick.choice(MOODS).capitalize()} {pick.choice(MEDIA)} {pick.choice(PLACES)}, {pick.choice(TECHNIQUES)}.",
                f"{subject.capitalize()} and {pick.choice(SUBJECTS)}, {pick.choice(LIKENESSES)}.",
                f"Made for {pick.choice(MOODS)} pictures of {pick.choice(SUBJECTS)}.",
            ]
            kind = "style"
        else:
            subject = pick.choice(SUBJECTS).removesuffix("s")
            said = [
                f"A {pick.choice(MOODS)} {subject} {pick.choice(HABITS)}.",
                f"Lives {pick.choice(PLACES)} among {pick.choice(SUBJECTS)}.",
                f"Drawn in {pick.choice(MEDIA)} {pick.choice(TECHNIQUES)}.",
            ]
            kind = "character"
        pick.shuffle(said)
        aliases = [f"{name.split()[0]} {subject}"] if number % 5 == 0 else []
        yield Written(name, aliases, kind, " ".join(said[: pick.randint(1, 3)]))


def people(count: int, seed: int = 26) -> list[str]:
    """Give the display names of so many artists."""
    pick = random.Random(seed)
    return [f"{pick.choice(FIRST)} {pick.choice(LAST)}" for _ in range(count)]


def searches(count: int, written: list[Written], artists: list[str], seed: int = 27) -> list[Wanted]:
    """Write searches as people type them: names, misspelt names, words, descriptions, artists."""
    pick = random.Random(seed)
    made = []
    for number in range(count):
        sort = ("name", "misspelt", "words", "description", "artist", "sentence")[number % 6]
        name = pick.choice(written).name
        text = {
            "name": name,
            "misspelt": _slip(name, pick),
            "words": f"{pick.choice(MOODS)} {pick.choice(SUBJECTS)}",
            "description": f"{pick.choice(MEDIA)} {pick.choice(SUBJECTS)} {pick.choice(PLACES)}",
            "artist": pick.choice(artists),
            "sentence": f"a {pick.choice(MOODS)} picture of {pick.choice(SUBJECTS)} {pick.choice(PLACES)} {pick.choice(TECHNIQUES)}",
        }[sort]
        made.append(Wanted(sort, text))
    return made


def _name(pick: random.Random) -> str:
    made = (
        pick.choice(_STARTS)
        + pick.choice(_ENDS)
        + (pick.choice(_STARTS) + pick.choice(_ENDS) if pick.random() < 0.4 else "")
    )
    more = pick.choice(
        (
            "",
            "",
            pick.choice(SUBJECTS).capitalize(),
            pick.choice(MOODS).capitalize(),
            f"No {pick.randint(2, 99)}",
        )
    )
    return f"{made.capitalize()} {more}".strip()


def _slip(name: str, pick: random.Random) -> str:
    """Leave a letter out, double one, or swap two."""
    at = pick.randrange(1, max(2, len(name) - 1))
    return pick.choice(
        (
            name[:at] + name[at + 1 :],
            name[:at] + name[at] + name[at:],
            name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :],
        )
    ).casefold()
