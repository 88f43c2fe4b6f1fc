"""The search for plug-ins, of the catalogue, the studio and the API: words, spellings and meanings, fused in one query.

Each leg ranks at most DEEP plug-ins by what it knows: all of the words, names spelt alike, vectors near to what was typed.
Reciprocal rank fusion adds weight / (RRF + place) of each leg. Popularity is a leg over what the others found, so it finds nothing
by itself. `docs/explanation/search.md` says what is ranked how, and `python -m benchmarks search` measures it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import EmptyResultSet
from django.db import connection, models, transaction
from django.db.models import F, Func, Value

from market.catalog.models.plugins import PlugInQuerySet
from market.catalog.models.vectors import written
from market.word_vectors import exists, vectors

MOST_TYPED = 200
"""The most letters of a search. What comes after is not looked at."""
DEEP = 200
"""How many plug-ins each leg finds at most. All legs together show the best of a market, not everything in it."""
NEAR = 100
"""How many the vectors find: what is farther than so many others is hardly what was meant."""
RANKED = 2000
"""How many plug-ins with the words are ranked. A word that more have says little, and to rank them all would take long."""
RARE = 300
"""From how many plug-ins on a word is too common to count by itself."""
WORD_LENGTH = 60
"""The longest word that is looked for by itself. No name is longer."""
WORDS = 6
"""How many words are looked for one by one."""
TERMS = 4
"""How many terms are compared with names letter by letter."""
NAMESAKES = 30
"""How many artists are found by their names."""
NAME_WORDS = 3
"""The most words that are compared with names as a whole."""


@dataclass(frozen=True)
class Tuning:
    """What the ranking was tuned by, on the searches of `benchmarks/searches` whose part is `tuning`."""

    rrf: int = 20
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "words": 1.0,
            "some_words": 0.5,
            "names": 1.0,
            "artists": 0.5,
            "meaning": 1.0,
            "popularity": 0.05,
        }
    )
    spelt_alike: float = 0.5
    """Word similarity from which a name counts as a misspelling of what was typed."""
    means_alike: float = 0.12
    """The cosine from which a concept counts as what was meant."""
    as_alike_as_best: float = 0.5
    """The least part of the best concept's cosine that others need. What is called by its name brings little else along."""
    neighbours: int = 400
    """How many candidates the graph of neighbours keeps in mind (`hnsw.ef_search`)."""


TUNING = Tuning()

_LEGS = {
    # The innermost query stops early, whatever order it finds rows in.
    "words": """
SELECT id, rank() OVER (ORDER BY likeness DESC) AS place FROM (
    SELECT id, ts_rank(document, query, 1) AS likeness FROM (
        SELECT offered.id, concept.search_document AS document, asked.query
          FROM (SELECT websearch_to_tsquery('english', %(words)s) || websearch_to_tsquery('simple', %(words)s)
                       || to_tsquery('simple', %(begun)s) AS query) asked,
               ({offered}) offered JOIN catalog_concept concept ON concept.id = offered.concept_id
         WHERE concept.search_document @@ asked.query LIMIT {ranked}) matched
     ORDER BY likeness DESC, id LIMIT {deep}) best""",
    # What few have in their text says more than what many have. Where a word is cut off, too many have it.
    "some_words": """
SELECT id, rank() OVER (ORDER BY telling DESC) AS place FROM (
    SELECT id, sum(ln({rare}::float / bearers)) AS telling FROM (
        SELECT word, id, count(*) OVER (PARTITION BY word) AS bearers
          FROM unnest(%(each)s::text[]) word, LATERAL (
               SELECT offered.id FROM ({offered}) offered JOIN catalog_concept concept ON concept.id = offered.concept_id
                WHERE concept.search_document @@ plainto_tsquery('english', word) LIMIT {rare}) has) counted
     WHERE bearers < {rare} GROUP BY id ORDER BY telling DESC, id LIMIT {deep}) best""",
    # A term that is written somewhere is not misspelt. Only what is on offer is asked: what is not would show through in what is found.
    "names": """
SELECT id, rank() OVER (ORDER BY likeness DESC) AS place FROM (
    SELECT offered.id, max(likeness) AS likeness
      FROM (SELECT term FROM unnest(%(terms)s::text[]) term WHERE NOT EXISTS (
                SELECT FROM ({offered}) known JOIN catalog_concept concept ON concept.id = known.concept_id
                 WHERE concept.search_document @@ (plainto_tsquery('english', term) || plainto_tsquery('simple', term))) OFFSET 0) unwritten
           CROSS JOIN LATERAL (
           SELECT concept.id, word_similarity(term, concept.search_names) AS likeness
             FROM catalog_concept concept WHERE concept.search_names %%> term OFFSET 0) spelt
      JOIN ({offered}) offered ON offered.concept_id = spelt.id
     GROUP BY offered.id ORDER BY likeness DESC, offered.id LIMIT {deep}) best""",
    "artists": """
SELECT id, rank() OVER (ORDER BY likeness DESC) AS place FROM (
    SELECT offered.id, likeness
      FROM (SELECT artist.id, max(word_similarity(term, artist.display_name)) AS likeness
              FROM unnest(%(terms)s::text[]) term JOIN accounts_user artist ON artist.display_name %%> term
             WHERE artist.roles @> ARRAY['artist']::varchar[]
             GROUP BY artist.id ORDER BY likeness DESC, artist.id LIMIT {namesakes}) named
      JOIN ({offered}) offered ON offered.owner_id = named.id
     ORDER BY likeness DESC, offered.id LIMIT {deep}) best""",
    "meaning": """
SELECT id, rank() OVER (ORDER BY alike DESC) AS place FROM (
    SELECT id, alike, max(alike) OVER () AS most FROM (
        SELECT offered.id, 1 - (meant.vector <=> %(vector)s::vector) AS alike
          FROM catalog_conceptvector meant JOIN ({offered}) offered ON offered.concept_id = meant.concept_id
         ORDER BY meant.vector <=> %(vector)s::vector LIMIT {near}) nearest) compared
 WHERE alike >= {least} AND alike >= {share} * most""",
}

_SCORED = "SELECT id, {weight} / ({rrf} + place) AS score FROM {leg}"
_FUSED = """
WITH {legs},
found AS (SELECT id, sum(score) AS score FROM ({scores}) scored GROUP BY id),
liked AS (
    SELECT found.id, rank() OVER (ORDER BY ln(1 + used.people) + 2 * ln(1 + used.came_back) + ln(1 + used.pictures) / 4 DESC) AS place
      FROM found JOIN catalog_popularity used ON used.plugin_id = found.id WHERE used.people > 0)
SELECT found.id FROM found LEFT JOIN liked USING (id)
 ORDER BY found.score + COALESCE({popularity} / ({rrf} + liked.place), 0) DESC, found.id DESC
"""


@dataclass(frozen=True)
class Typed:
    """What was typed, as the legs need it. An empty part leaves its leg out."""

    words: str
    begun: str = ""
    """A name of which the beginning was typed, as PostgreSQL reads a query."""
    each: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    vector: str = ""

    @property
    def legs(self) -> list[str]:
        have = {
            "words": self.words,
            "some_words": self.each,
            "names": self.terms,
            "artists": self.terms,
            "meaning": self.vector,
        }
        return [leg for leg, part in have.items() if part]


def search(plugins: PlugInQuerySet, text: str, tuning: Tuning = TUNING) -> PlugInQuerySet:
    """Give those of some plug-ins that answer what was typed, the best match first.

    It finds nothing beyond the plug-ins it is given, so who may see what is settled by them.
    """
    typed = read(text)
    found = ranked(plugins, typed, tuning) if typed else []
    places = Func(
        Value(found, ArrayField(models.BigIntegerField())),
        F("pk"),
        function="array_position",
        output_field=models.IntegerField(),
    )
    return plugins.filter(pk__in=found).annotate(place=places).order_by("place")


def ranked(
    plugins: PlugInQuerySet, typed: Typed, tuning: Tuning = TUNING, legs: Sequence[str] | None = None
) -> list[int]:
    """Give the ids of those of some plug-ins that were found, the best match first. legs: those to use; all if None."""
    try:
        offered, which = plugins.order_by().values("id", "concept_id", "owner_id").query.sql_with_params()
    except EmptyResultSet:
        return []
    used = [leg for leg in typed.legs if legs is None or leg in legs]
    if not used:
        return []
    sql, parameters = _written(used, offered, list(which), typed, tuning)
    with transaction.atomic(), connection.cursor() as cursor:
        # For this transaction alone. An index of neighbours goes on until enough of them are on offer.
        cursor.execute(
            "SELECT set_config('pg_trgm.word_similarity_threshold', %s, true), set_config('hnsw.ef_search', %s, true), "
            "set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('random_page_cost', '1.1', true)",
            [str(tuning.spelt_alike), str(tuning.neighbours)],
        )
        cursor.execute(sql, parameters)
        return [pk for (pk,) in cursor.fetchall()]


def _written(
    legs: Sequence[str], offered: str, which: list[Any], typed: Typed, tuning: Tuning
) -> tuple[str, list[Any]]:
    """Write the query, and its parameters in the order in which they stand there."""
    values = {
        "words": typed.words,
        "begun": typed.begun,
        "each": list(typed.each),
        "terms": list(typed.terms),
        "vector": typed.vector,
    }
    bounds = {
        "ranked": str(RANKED),
        "near": str(NEAR),
        "rare": str(RARE),
        "namesakes": str(NAMESAKES),
        "deep": str(DEEP),
        "least": str(tuning.means_alike),
        "share": str(tuning.as_alike_as_best),
        "offered": offered,
    }
    parts, parameters = [], []
    for leg in legs:
        sql = ""
        for piece in re.split(r"(%\(\w+\)s|\{\w+\})", _LEGS[leg]):
            if piece.startswith("%("):
                parameters.append(values[piece[2:-2]])
                sql += "%s"
            elif piece.startswith("{"):
                parameters += which if piece == "{offered}" else []
                sql += bounds[piece[1:-1]]
            else:
                sql += piece
        parts.append(f"{leg} AS ({sql})")
    scores = " UNION ALL ".join(
        _SCORED.format(weight=tuning.weights[leg], rrf=tuning.rrf, leg=leg) for leg in legs
    )
    popularity = tuning.weights["popularity"]
    fused = _FUSED.format(legs=",\n".join(parts), scores=scores, popularity=popularity, rrf=tuning.rrf)
    return fused, parameters


@lru_cache(maxsize=256)
def read(text: str) -> Typed | None:
    """Read what was typed. None if there is nothing to look for. Quotes, and a minus before a word, ask for just what was typed."""
    # What a database cannot hold: half of a pair of surrogates, and NUL.
    text = text.encode("utf-8", "ignore").decode().replace("\x00", " ")
    text = " ".join(text[:MOST_TYPED].split())
    if not text:
        return None
    words = re.findall(r"[^\W_]+", text.casefold())
    if '"' in text or re.search(r"(?:^|\s)-\w", text):
        return Typed(words=text)
    # A word too long for an index of words is no word.
    words = [word for word in words if len(word) <= WORD_LENGTH]
    rare = [word for word in words if len(word) > 2 and not exists(word)]
    # A sentence is no misspelt name, and shares three letters with thousands.
    whole = [text.casefold()] if 0 < len(words) <= NAME_WORDS else []
    terms = list(dict.fromkeys([*whole, *rare]))
    return Typed(
        words=text,
        # A and B are the weights of names and aliases.
        begun=" & ".join([*(f"{word}:AB" for word in words[:-1]), f"{words[-1]}:*AB"]) if whole else "",
        each=tuple(dict.fromkeys(words))[:WORDS] if len(words) > 1 else (),
        terms=tuple(terms[:TERMS]),
        vector=written(vectors([text])[0].tolist()) if words else "",
    )
