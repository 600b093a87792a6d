"""What chance gives an object: the same seed and the same name of the object always give the same."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TypeVar

from sdi.errors import SettingsError

T = TypeVar("T")


class Draw:
    """A UUID and sixteen independent numbers that belong to one name."""

    __slots__ = ("_numbers", "_uuid")

    def __init__(self, seed: int, name: str) -> None:
        digest = blake2b(f"{seed}:{name}".encode(), digest_size=48).digest()
        self._uuid = digest[:16]
        self._numbers: tuple[int, ...] = struct.unpack_from("16H", digest, 16)

    @property
    def uuid(self) -> str:
        """A text of UUID shape, as lokalnyId has it."""
        text = self._uuid.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def share(self, slot: int) -> float:
        """A number from 0 to below 1; each slot (0 to 15) is independent of the others."""
        return self._numbers[slot] / 65_536

    def whole(self, slot: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + self._numbers[slot] * (high - low + 1) // 65_536

    def of(self, slot: int, choices: Sequence[T]) -> T:
        """One of `choices`; one that stands there twice comes twice as often."""
        return choices[self._numbers[slot] * len(choices) // 65_536]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Seed, size and revision: all that a delivery depends on."""

    seed: int = 2177
    parcels: int = 4_000
    """Parcels of the whole region, roads included; the land stays the same and is divided more finely."""
    revision: float = 0.0
    """Per cent of the objects that differ from revision 0: changed, divided, gone, new."""

    def entity(self, name: str) -> Entity:
        """The object of that name as this scenario has it."""
        draw = Draw(self.seed, name)
        touched = draw.share(15) < self.revision / 100
        return Entity(draw, Draw(self.seed, name + "#revised") if touched else draw, touched, self._present(draw))

    def __post_init__(self) -> None:
        if not 100 <= self.parcels <= 500_000:
            raise SettingsError(f"{self.parcels} parcels: the sample region has from 100 to 500,000")
        if not 0 <= self.revision <= 100:
            raise SettingsError(f"revision {self.revision}: expected a share of the objects from 0 to 100 per cent")
        if self.seed < 0:
            raise SettingsError(f"seed {self.seed}: expected a whole number from 0")

    def _present(self, draw: Draw) -> bool:
        if draw.share(14) < 0.02:  # waits for a revision to appear in
            return draw.share(15) < self.revision / 8
        return draw.share(15) >= self.revision / 400


@dataclass(frozen=True, slots=True)
class Entity:
    """One object with an identity and a life in a register."""

    draw: Draw
    """Decides what stays: identity, shape, place."""
    facts: Draw
    """Decides attributes; another one in a revision that touched the object."""
    revised: bool
    present: bool
    """False: not in this delivery."""

    @property
    def lasting(self) -> Entity:
        """The same, but always present: land does not vanish, nor does what others refer to."""
        return replace(self, present=True)

    @property
    def started(self) -> str:
        """startObiekt, ISO 8601."""
        d = self.draw
        return f"{d.whole(0, 2003, 2022)}-{d.whole(1, 1, 12):02d}-{d.whole(2, 1, 28):02d}T{d.whole(3, 8, 15):02d}:30:00"

    @property
    def two_versions(self) -> bool:
        """Whether the delivery also holds the version before the current one."""
        return not self.revised and self.draw.share(13) < 0.01

    @property
    def version(self) -> str:
        """wersjaId and startWersjaObiekt of the current version."""
        if self.revised:
            return f"2025-{self.facts.whole(1, 1, 6):02d}-{self.facts.whole(2, 1, 28):02d}T11:15:00"
        if self.two_versions or self.draw.share(12) < 0.2:
            return f"2023-{self.draw.whole(1, 1, 12):02d}-{self.draw.whole(2, 1, 28):02d}T09:00:00"
        return self.started
