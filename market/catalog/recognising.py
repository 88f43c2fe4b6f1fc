"""Recognise a picture that is on the market already, altered: find those that may be it, and compare them.

Points with like surroundings find pictures that share a part; the shape of what is drawn finds those that have few points. Few are then
compared, the likeliest first, so that one upload costs a bounded time however many pictures there are.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from market.accounts.models import User
from market.catalog.models import LookPoint, PictureLook, Work
from market.catalog.models.looks import half_vector
from pictures.alike import Found, Probe, compare, is_alike
from pictures.looks import Look, NotALook, mirrored, orientations, reduced, shape_of

log = logging.getLogger(__name__)

POINTS_KEPT = 96  # of a look, to find it by: the strongest
NEIGHBOURS = 8  # of each point
FAR = 0.2  # the cosine distance from which on a point is no neighbour
BY_POINTS, BY_SHAPE = 12, 6  # the most pictures that are compared

# Points of a copy are turned and stretched alike, so that their votes fall together: for the same eighth of a turn, and the same size
# up to a factor of two (weak geometric consistency: Jegou, Douze and Schmid, 2008). A near neighbour has more to say.
_BY_POINTS = """
    WITH asked AS (
        SELECT * FROM unnest(%s::text[], %s::float[], %s::float[], %s::boolean[]) AS t (surroundings, size, direction, mirrored)
    ), votes AS (
        SELECT near.look_id, sum(exp(-near.far / 0.03)) AS votes
          FROM asked CROSS JOIN LATERAL (
            SELECT point.look_id, point.size, point.direction, point.surroundings <=> asked.surroundings::halfvec AS far
              FROM catalog_lookpoint point JOIN catalog_picturelook look ON look.id = point.look_id
             WHERE look.artist_id IS DISTINCT FROM %s AND (look.artist_id IS NOT NULL OR %s)
             ORDER BY point.surroundings <=> asked.surroundings::halfvec LIMIT %s
          ) near
         WHERE near.far < %s
         GROUP BY near.look_id, asked.mirrored, round(ln(near.size / asked.size) / ln(2)),
                  round((near.direction - asked.direction) / (pi() / 4) + 16)::integer %% 8
    )
    SELECT look_id FROM votes GROUP BY look_id ORDER BY max(votes.votes) DESC, look_id LIMIT %s
"""
_BY_SHAPE = """
    SELECT near.id FROM unnest(%s::text[]) AS asked (shape)
    CROSS JOIN LATERAL (
        SELECT look.id, look.shape <=> asked.shape::halfvec AS far FROM catalog_picturelook look
         WHERE look.artist_id IS DISTINCT FROM %s AND (look.artist_id IS NOT NULL OR %s)
           AND look.shape IS NOT NULL
         ORDER BY look.shape <=> asked.shape::halfvec LIMIT %s
    ) near
    GROUP BY near.id ORDER BY min(near.far), near.id LIMIT %s
"""
# An index of neighbours goes on until enough rows pass the filter, or it has seen so many: one's own points, which do not, would be seen
# for every point that is asked about. Small tables are no reason to leave the index.
_SETTINGS = (
    "SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = 40; "
    "SET LOCAL hnsw.max_scan_tuples = 300"
)


@dataclass(frozen=True)
class Recognised:
    """The picture that was recognised, and how alike it is."""

    look: PictureLook
    found: Found


def keep_look(look: Look, pixels_sha256: str, work: Work | None = None) -> PictureLook:
    """Keep the look of a work, or of a picture that the market made. Call it in a transaction."""
    shape = shape_of(look)
    kept = PictureLook.objects.create(
        work=work,
        artist_id=None if work is None else work.artist_id,
        pixels_sha256=pixels_sha256,
        shape=shape.ravel().tolist() if shape.any() else None,
        packed=zlib.compress(look.packed()),
    )
    short = reduced(look.descriptions[:POINTS_KEPT])
    LookPoint.objects.bulk_create(
        LookPoint(look=kept, surroundings=each.tolist(), size=float(point[2]), direction=float(point[3]))
        for each, point in zip(short, look.points, strict=False)
    )
    return kept


def recognise(probe: Probe, pixels_sha256: str, *, but: User, made_here: bool = True) -> Recognised | None:
    """Find a picture of anybody but one artist that is shown by a picture that is asked about, or None.

    Without `made_here` pictures that the market made are left out.
    """
    same = PictureLook.objects.filter(pixels_sha256=pixels_sha256).exclude(artist=but.pk)
    for look in (same if made_here else same.exclude(work=None)).select_related("work")[:1]:
        return Recognised(look, Found(1.0, 1.0, 1.0))
    for look in _candidates(probe.look, but, made_here):
        try:
            known = look.look
        except (NotALook, zlib.error):
            log.error("the look %s cannot be read", look.pk)
            continue
        found = compare(probe, known)
        if is_alike(found, known):
            return Recognised(look, found)
    return None


def _candidates(look: Look, but: User, made_here: bool) -> Iterator[PictureLook]:
    """Give what may be the same picture, the likeliest first. Points are asked for only when shapes found nothing: they take longer."""
    others = PictureLook.objects.exclude(artist=but.pk)
    if not (others if made_here else others.exclude(artist=None)).exists():
        return  # the index would be searched to its end for every point
    seen: set[int] = set()
    for near in (_by_shape, _by_points):
        ids = [each for each in near(look, but, made_here) if each not in seen]
        seen.update(ids)
        known = PictureLook.objects.select_related("work").in_bulk(ids)
        yield from (known[each] for each in ids if each in known)


def _by_shape(look: Look, but: User, made_here: bool) -> list[int]:
    shape = shape_of(look)
    shapes = [half_vector(each.ravel().tolist()) for each in orientations(shape)] if shape.any() else []
    return _ids(_BY_SHAPE, [shapes, but.pk, made_here, BY_SHAPE, BY_SHAPE])


def _by_points(look: Look, but: User, made_here: bool) -> list[int]:
    both = [(look, False), (mirrored(look), True)]
    surroundings = [half_vector(each.tolist()) for of, _ in both for each in reduced(of.descriptions)]
    sizes = [float(each) for of, _ in both for each in of.points[:, 2]]
    directions = [float(each) for of, _ in both for each in of.points[:, 3]]
    flags = [flag for of, flag in both for _ in of.points]
    asked = [surroundings, sizes, directions, flags]
    return _ids(_BY_POINTS, [*asked, but.pk, made_here, NEIGHBOURS, FAR, BY_POINTS])


def _ids(query: str, parameters: list[Any]) -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTINGS)
        cursor.execute(query, parameters)
        return [each for (each,) in cursor.fetchall()]
