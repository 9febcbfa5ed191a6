"""What the shop sells: a catalogue that is the same at every start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

SIZES = (
    "175/70 R13",
    "185/65 R15",
    "195/65 R15",
    "205/55 R16",
    "215/55 R17",
    "215/60 R17",
    "225/45 R17",
    "235/55 R18",
    "255/50 R19",
)
SEASONS = ("summer", "winter", "all-season")
_MODELS = {
    "summer": (("Nokian", "Hakka Blue 3", 118), ("Premiorri", "Solazo", 74)),
    "winter": (("Nokian", "Hakkapeliitta R5", 132), ("Rosava", "Snowgard", 70)),
    "all-season": (("Michelin", "CrossClimate 2", 141), ("Hankook", "Kinergy 4S2", 103)),
}
"""Brand, model and a price level: hryvnias per inch of rim at a width of 205 mm."""


@dataclass(frozen=True, slots=True)
class Tyre:
    """One kind of tyre. `price` is in whole hryvnias for one piece, `stock` in pieces."""

    id: str
    brand: str
    model: str
    size: str
    season: str
    price: int
    stock: int

    @property
    def name(self) -> str:
        """As a salesperson would say it."""
        return f"{self.brand} {self.model}, {self.size}, {self.season}"


def seeded() -> tuple[Tyre, ...]:
    """The demo's catalogue: every size in every season but a few, some of them out of stock."""
    return tuple(_tyres())


def _tyres() -> Iterator[Tyre]:
    for row, size in enumerate(SIZES):
        for column, season in enumerate(SEASONS):
            if (row + column) % 7 == 6:  # no shop has everything
                continue
            for rank, (brand, model, level) in enumerate(_MODELS[season]):
                if rank and (row + column) % 3 == 0:
                    continue
                number = 100 + row * 10 + column * 2 + rank
                yield Tyre(f"T{number}", brand, model, size, season, _price(size, level), _stock(number))


def _price(size: str, level: int) -> int:
    width, rim = int(size[:3]), int(size[-2:])
    return max(1, round(level * rim * width / 205 / 10) * 10)


def _stock(number: int) -> int:
    """Deterministic and uneven; each ninth is out of stock."""
    return 0 if number % 9 == 0 else 2 + number * 7 % 39


@dataclass(frozen=True, slots=True)
class Words:
    """The values by which tyres can be asked for."""

    sizes: tuple[str, ...]
    seasons: tuple[str, ...]
    brands: tuple[str, ...]


def words(tyres: Iterable[Tyre]) -> Words:
    """The sizes, seasons and brands of a catalogue, each once."""
    listed = list(tyres)
    return Words(
        tuple(sorted({tyre.size for tyre in listed})),
        tuple(season for season in SEASONS if any(tyre.season == season for tyre in listed)),
        tuple(sorted({tyre.brand for tyre in listed})),
    )


def squeezed(text: str) -> str:
    """Letters and digits alone, small: `205/55 R16` and `205 55r16` are the same size."""
    return "".join(char for char in text.lower() if char.isalnum())
