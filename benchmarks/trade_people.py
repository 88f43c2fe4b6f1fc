"""Honest and dishonest people of a simulated market, and what they buy within 30 days. The same seed gives the same market.

Nothing here knows the signs, or the points, of the market. Honest people do what looks bad: they share addresses and cards, love one artist,
spend nothing but credit, try plug-ins at weight 0.05, ask with few steps, and repeat themselves. Dishonest ones are sloppy or careful.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

DAYS = 30.0
ARTISTS, USERS = 80, 900
OF_EACH = 3
"""Schemes of each kind in a market."""
PRICES = (200_000, 500_000, 1_000_000, 2_000_000)
"""What those ask for whom nobody knows, honest or not."""
STEPS = 24
"""What the base is usually asked for."""


@dataclass
class Person:
    """An account. `joined`: days after the beginning; what was there before has a number below zero. Traces are names of things."""

    name: str
    joined: float
    traces: set[tuple[str, str]] = field(default_factory=set)
    credit: int = 0


@dataclass
class Artist:
    """Who sells one plug-in. `prices`: from which day on which price holds, in micro-euros."""

    person: Person
    prices: list[tuple[float, int]]
    love: float

    def price_at(self, day: float) -> int:
        return next(price for since, price in reversed(self.prices) if since <= day)


@dataclass(frozen=True)
class Purchase:
    """One request. `asked` numbers what was asked for: the same number is the same request again."""

    day: float
    buyer: Person
    artist: Artist
    steps: int
    weight: float
    asked: int
    washed: str = ""


@dataclass
class Simulated:
    """A market, with the truth about it: `schemes` has the kind of each scheme, by the names of the artists it pays."""

    artists: list[Artist]
    people: list[Person]
    purchases: list[Purchase]
    schemes: dict[str, str]


class World:
    """What the strategies write into."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.artists: list[Artist] = []
        self.people: list[Person] = []
        self.purchases: list[Purchase] = []
        self.schemes: dict[str, str] = {}
        self.things = 0
        self.asked = 0

    def thing(self, sort: str) -> tuple[str, str]:
        self.things += 1
        return sort, f"{sort} {self.things}"

    def person(self, joined: float | None = None, *, credit: int = 0) -> Person:
        """Somebody with a card, a device and an address of their own."""
        if joined is None:
            joined = self.chance.uniform(-200, DAYS - 3)
        traces = {self.thing(sort) for sort in ("card", "device", "address")}
        made = Person(f"Person {len(self.people)}", joined, traces, credit)
        self.people.append(made)
        return made

    def artist(self, love: float, *, joined: float | None = None) -> Artist:
        made = Artist(
            self.person(self.chance.uniform(-200, 5) if joined is None else joined),
            [(-999.0, round(self.chance.lognormvariate(-1.2, 0.8) * 1e6) + 20_000)],
            love,
        )
        self.artists.append(made)
        return made

    def day(self, buyer: Person) -> float:
        return self.chance.uniform(max(0.0, buyer.joined), DAYS)

    def new_request(self) -> int:
        self.asked += 1
        return self.asked

    def buy(
        self, buyer: Person, artist: Artist, habits: "Habits", *, washed: str = "", day: float | None = None
    ) -> None:
        if buyer is artist.person:
            return
        asked = self.asked if self.asked and self.chance.random() < habits.repeats else self.new_request()
        steps = self.chance.choice((1, 2, 4, 6, 8)) if self.chance.random() < habits.hurry else STEPS
        light = self.chance.random() < habits.light
        weight = self.chance.choice((0.05, 0.1)) if light else self.chance.uniform(0.5, 1.2)
        when = self.day(buyer) if day is None else day
        self.purchases.append(Purchase(when, buyer, artist, steps, weight, asked, washed))


@dataclass(frozen=True)
class Habits:
    """How often somebody asks with few steps, at a weight near zero, and for the same again."""

    hurry: float = 0.05
    light: float = 0.01
    repeats: float = 0.03


def simulate(seed: int, *, honest_alone: bool = False) -> Simulated:
    """Make a market."""
    world = World(seed)
    for place in range(ARTISTS):
        world.artist(1 / (place + 1) ** 0.9)
    _prices_move(world)
    _users(world)
    _artists_buy(world)
    _households(world)
    _schools(world)
    _newcomers(world)
    _clubs(world)
    _programs(world)
    _launches(world)
    if not honest_alone:
        for kind, begin in SCHEMES.items():
            for _ in range(OF_EACH):
                for artist in begin(world, kind):
                    world.schemes[artist.person.name] = kind
    world.purchases.sort(key=lambda each: each.day)
    return Simulated(world.artists, world.people, world.purchases, world.schemes)


# Honest people


def _prices_move(world: World) -> None:
    """A fifth of the artists raise their price as far as the market lets them, some several times, and some lower it again."""
    for artist in world.chance.sample(world.artists, ARTISTS // 5):
        day, price = world.chance.uniform(0, 20), artist.prices[0][1]
        for _ in range(world.chance.randint(1, 5)):
            price = round(price * world.chance.uniform(1.05, 1.25))
            artist.prices.append((day, price))
            day += world.chance.uniform(1, 4)
        if world.chance.random() < 0.3:
            artist.prices.append((day, artist.prices[0][1]))


def _habits(world: World) -> Habits:
    """Most are usual. Some look for a prompt with few steps, some try out weights, some draw the same again and again."""
    kind = world.chance.random()
    if kind < 0.07:
        return Habits(hurry=world.chance.uniform(0.4, 0.9))
    if kind < 0.12:
        return Habits(light=world.chance.uniform(0.1, 0.4))
    if kind < 0.15:
        return Habits(repeats=world.chance.uniform(0.2, 0.6))
    return Habits()


def _visit(
    world: World, buyer: Person, *, mostly: Artist | None = None, part: float = 0.0, devoted: bool = False
) -> None:
    """Buy for a while: mostly from one artist, or here and there. Who is devoted buys as much as who washes."""
    habits = _habits(world)
    known = world.chance.choices(
        world.artists, [each.love for each in world.artists], k=world.chance.randint(1, 6)
    )
    times = _many(world) if devoted else max(1, round(world.chance.lognormvariate(1.6, 1.1)))
    for _ in range(times):
        favourite = (
            mostly if mostly is not None and world.chance.random() < part else world.chance.choice(known)
        )
        world.buy(buyer, favourite, habits)


def _users(world: World) -> None:
    """A third of them have a favourite, a tenth nothing but one. A quarter came new, with credit to try the market."""
    for _ in range(USERS):
        new = world.chance.random() < 0.25
        buyer = world.person(
            world.chance.uniform(0, DAYS - 2) if new else None, credit=5_000_000 if new else 0
        )
        (favourite,) = world.chance.choices(world.artists, [each.love for each in world.artists])
        taste = world.chance.random()
        _visit(world, buyer, mostly=favourite, part=1.0 if taste < 0.1 else 0.8 if taste < 0.33 else 0.0)


def _artists_buy(world: World) -> None:
    """Half of the artists buy from others, and some pairs of friends buy from each other often."""
    for artist in world.chance.sample(world.artists, ARTISTS // 2):
        _visit(world, artist.person)
    for _ in range(4):
        one, other = world.chance.sample(world.artists, 2)
        for _ in range(world.chance.randint(4, 15)):
            world.buy(one.person, other, Habits())
            world.buy(other.person, one, Habits())


def _households(world: World) -> None:
    """Every fifth artist lives with somebody who buys here: at one address, half of them at one device, one in ten with one card."""
    for artist in world.chance.sample(world.artists, ARTISTS // 5):
        partner = world.person()
        shared = {"address"}
        if world.chance.random() < 0.5:
            shared.add("device")
        if world.chance.random() < 0.1:
            shared.add("card")
        _share(artist.person, [partner], shared)
        part = world.chance.choice((0.0, 0.2, 0.5, 0.9))
        _visit(world, partner, mostly=artist, part=part, devoted=world.chance.random() < 0.3)


def _schools(world: World) -> None:
    """Three schools or offices: one address, the same browser everywhere, and an artist among them."""
    for _ in range(3):
        artist = world.chance.choice(world.artists)
        pupils = [world.person() for _ in range(world.chance.randint(8, 30))]
        _share(artist.person, pupils, {"address", "device"})
        for pupil in pupils:
            _visit(world, pupil, mostly=artist, part=0.3)


def _newcomers(world: World) -> None:
    """Twelve artists whom nobody knows yet: one to four friends buy from them, and at every second's home somebody does."""
    for _ in range(12):
        artist = world.artist(0.001, joined=world.chance.uniform(-20, 15))
        artist.prices = [(-999.0, world.chance.choice(PRICES))]
        friends = [world.person() for _ in range(world.chance.randint(1, 4))]
        if world.chance.random() < 0.5:
            sorts = {"address"} | ({"device"} if world.chance.random() < 0.5 else set())
            sorts |= {"card"} if world.chance.random() < 0.1 else set()
            _share(artist.person, friends[:1], sorts)
        for friend in friends:
            part = world.chance.choice((0.3, 0.6, 1.0))
            _visit(world, friend, mostly=artist, part=part, devoted=world.chance.random() < 0.3)


def _clubs(world: World) -> None:
    """Three to five small artists who know each other, and buy from each other about as often as from the rest."""
    members = [world.artist(0.002) for _ in range(world.chance.randint(3, 5))]
    for member in members:
        for _ in range(world.chance.randint(5, 20)):
            inside = world.chance.random() < 0.5
            world.buy(
                member.person, world.chance.choice(members if inside else world.artists[:ARTISTS]), Habits()
            )


def _programs(world: World) -> None:
    """Two people whose program asks for pictures: with one plug-in alone, with few steps, and at times for the same again."""
    for _ in range(2):
        (artist,) = world.chance.choices(world.artists, [each.love for each in world.artists])
        owner, habits = world.person(), Habits(hurry=0.9, repeats=world.chance.uniform(0.0, 0.4))
        for _ in range(world.chance.randint(30, 80)):
            world.buy(owner, artist, habits)


def _launches(world: World) -> None:
    """Four artists whose followers join within hours, and most of whom try nothing but this artist, with the credit they got.

    Two of the artists are new.
    """
    new = [world.artist(0.001, joined=0.0) for _ in range(2)]
    for artist in [*new, *world.chance.sample(world.artists[:ARTISTS], 2)]:
        day = world.chance.uniform(1, 20)
        for _ in range(world.chance.randint(8, 25)):
            credit = 5_000_000 if world.chance.random() < 0.6 else 0
            follower = world.person(day + world.chance.uniform(0, 0.8), credit=credit)
            _visit(world, follower, mostly=artist, part=1.0 if world.chance.random() < 0.7 else 0.4)


def _share(one: Person, others: Sequence[Person], sorts: set[str]) -> None:
    for other in others:
        other.traces = {trace for trace in other.traces if trace[0] not in sorts}
        other.traces |= {trace for trace in one.traces if trace[0] in sorts}


# Dishonest people. Each gives the artists that its trade pays.


def _seller(world: World) -> Artist:
    """Somebody who washes has few honest customers, and some have none."""
    artist = world.artist(0.0, joined=world.chance.uniform(-30, 5))
    artist.prices = [(-999.0, world.chance.choice(PRICES))]
    for _ in range(world.chance.choice((0, 0, 2, 6, 15))):
        world.buy(world.chance.choice(world.people[:400]), artist, Habits())
    return artist


def _many(world: World) -> int:
    return world.chance.randint(15, 70)


def _own_account(*sorts: str, habits: Habits = Habits()) -> Callable[[World, str], list[Artist]]:
    """A second account of the artist's, which shares something with the first."""

    def begin(world: World, kind: str) -> list[Artist]:
        artist = _seller(world)
        second = world.person(world.chance.uniform(0, 10))
        _share(artist.person, [second], set(sorts))
        for _ in range(_many(world)):
            world.buy(second, artist, habits, washed=kind)
        for _ in range(world.chance.randint(0, 4)):
            world.buy(second, world.chance.choice(world.artists[:ARTISTS]), Habits())
        return [artist]

    return begin


def _farm(world: World, kind: str) -> list[Artist]:
    """Many accounts on one machine that is not the artist's."""
    artist, first = _seller(world), world.person(world.chance.uniform(0, 15))
    hands = [
        first,
        *(
            world.person(first.joined + world.chance.uniform(0, 4))
            for _ in range(world.chance.randint(3, 11))
        ),
    ]
    _share(first, hands[1:], {"device", "address"})
    for hand in hands:
        for _ in range(world.chance.randint(3, 12)):
            world.buy(hand, artist, Habits(hurry=0.3), washed=kind)
    return [artist]


def _credit_farm(world: World, kind: str) -> list[Artist]:
    """Accounts made for their credit alone, each on an address of its own, that turn it into earnings at once."""
    artist, day = _seller(world), world.chance.uniform(0, 20)
    for _ in range(world.chance.randint(5, 14)):
        hand = world.person(day + world.chance.uniform(0, 1.5), credit=5_000_000)
        hurry = world.chance.choice((0.0, 1.0))
        spent = 0
        while spent + artist.price_at(DAYS) < hand.credit:
            spent += artist.price_at(DAYS)
            world.buy(hand, artist, Habits(hurry=hurry, repeats=0.3), washed=kind)
    return [artist]


def _ring(world: World, kind: str) -> list[Artist]:
    """Two to five artists who pay each other in turn, and now and then somebody else."""
    members = [_seller(world) for _ in range(world.chance.randint(2, 5))]
    for _ in range(_many(world)):
        at = world.chance.randrange(len(members))
        world.buy(members[at].person, members[(at + 1) % len(members)], Habits(), washed=kind)
    for member in members:
        for _ in range(world.chance.randint(0, 4)):
            world.buy(member.person, world.chance.choice(world.artists[:ARTISTS]), Habits())
    return members


def _jump(world: World, kind: str) -> list[Artist]:
    """The price climbs by a quarter a day, an accomplice buys, and it falls again."""
    artist = _seller(world)
    day, price = world.chance.uniform(2, 15), artist.prices[0][1]
    for _ in range(world.chance.randint(3, 6)):
        price = round(price * 1.25)
        artist.prices.append((day, price))
        day += 1
    artist.prices.append((day + 2, artist.prices[0][1]))
    accomplice = world.person(world.chance.uniform(0, 2))
    habits = Habits(hurry=world.chance.choice((0.0, 0.8)), repeats=world.chance.choice((0.0, 0.7)))
    for _ in range(_many(world)):
        world.buy(accomplice, artist, habits, washed=kind, day=day - 1 + world.chance.uniform(0, 2.5))
    return [artist]


def _careful(world: World, kind: str) -> list[Artist]:
    """A second account that shares nothing, asks as anybody would, and spends a third on others."""
    artist, second = _seller(world), world.person()
    for _ in range(_many(world)):
        world.buy(second, artist, Habits(), washed=kind)
        if world.chance.random() < 0.5:
            world.buy(second, world.chance.choice(world.artists[:ARTISTS]), Habits())
    return [artist]


SCHEMES: dict[str, Callable[[World, str], list[Artist]]] = {
    "own_card": _own_account("card", "device", "address"),
    "own_device": _own_account("device", "address"),
    "own_address_hurried": _own_account("address", habits=Habits(hurry=0.8)),
    "repeated_by_a_program": _own_account(habits=Habits(hurry=1.0, repeats=0.9)),
    "near_zero_weight": _own_account(habits=Habits(light=1.0)),
    "farm_on_one_machine": _farm,
    "credit_farm": _credit_farm,
    "ring": _ring,
    "price_jump": _jump,
    "careful": _careful,
}
"""Each kind of scheme. A careful one leaves nothing but a customer who is fond of one artist."""
