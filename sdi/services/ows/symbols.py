"""Symbols of the map as MapServer's vectors: by name their strokes, in a square with x to the right and y down."""

from __future__ import annotations

from dataclasses import dataclass

Stroke = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A drawing of strokes, or of filled polygons; without strokes a filled circle."""

    strokes: tuple[Stroke, ...] = ()
    filled: bool = False

    def text(self, name: str) -> str:
        """The SYMBOL block."""
        if not self.strokes:
            return f'SYMBOL NAME "{name}" TYPE ELLIPSE POINTS 1 1 END FILLED TRUE END'
        points = " -99 -99 ".join(" ".join(f"{x:g} {y:g}" for x, y in stroke) for stroke in self.strokes)
        filled = " FILLED TRUE" if self.filled else ""
        return f'SYMBOL NAME "{name}" TYPE VECTOR POINTS {points} END{filled} ANCHORPOINT 0.5 0.5 END'


def _box(x0: float, y0: float, x1: float, y1: float) -> Stroke:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))


_RING: Stroke = (
    (1, 0), (1.5, 0.13), (1.87, 0.5), (2, 1), (1.87, 1.5), (1.5, 1.87), (1, 2), (0.5, 1.87), (0.13, 1.5), (0, 1),
    (0.13, 0.5), (0.5, 0.13), (1, 0),
)

SYMBOLS: dict[str, Symbol] = {
    "circle": Symbol(),
    "square": Symbol((_box(0, 0, 1, 1),), filled=True),
    "triangle": Symbol((((0, 1), (0.5, 0), (1, 1), (0, 1)),), filled=True),
    "diamond": Symbol((((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5), (0.5, 0)),), filled=True),
    "manhole": Symbol((_RING, ((0.5, 1), (1.5, 1)))),
    "hydrant": Symbol((_RING, ((0.3, 0.3), (1.7, 1.7)), ((1.7, 0.3), (0.3, 1.7)))),
    "well": Symbol((_RING, ((1, 0.4), (1, 1.6)), ((0.4, 1), (1.6, 1)))),
    "valve": Symbol((((0, 0), (0, 1), (2, 0), (2, 1), (0, 0)),)),
    "grate": Symbol((_box(0, 0, 2, 2), ((0.66, 0), (0.66, 2)), ((1.33, 0), (1.33, 2)))),
    "lamp": Symbol((((1, 0), (1, 2)), ((0, 1), (2, 1)), ((0.3, 0.3), (1.7, 1.7)), ((0.3, 1.7), (1.7, 0.3)))),
    "cabinet": Symbol((_box(0, 0, 2, 1), ((0, 0), (2, 1)))),
    "transformer": Symbol((_box(0, 0, 2, 2), ((1.2, 0.2), (0.7, 1.1), (1.3, 0.9), (0.8, 1.8)))),
    "mast": Symbol((((0, 2), (1, 0), (2, 2), (0, 2)), ((1, 0), (1, 2)))),
    "outlet": Symbol((((0, 0), (2, 1), (0, 2)),)),
    "deciduous": Symbol((
        ((1, 2.4), (1, 1.2)), ((0.4, 2.4), (1.6, 2.4)),
        ((0.5, 1.3), (0.1, 0.9), (0.3, 0.4), (0.7, 0.3), (1, 0), (1.3, 0.3), (1.7, 0.4), (1.9, 0.9), (1.5, 1.3),
         (0.5, 1.3)),
    )),
    "conifer": Symbol((((1, 2.4), (1, 0)), ((0.4, 2.4), (1.6, 2.4)), ((0.2, 1.8), (1, 1), (1.8, 1.8)),
                       ((0.4, 1.2), (1, 0.5), (1.6, 1.2)))),
    "bush": Symbol((((0, 1), (0.2, 0.4), (0.6, 0.4), (1, 0), (1.4, 0.4), (1.8, 0.4), (2, 1), (0, 1)),)),
    "cross": Symbol((((1, 0), (1, 3)), ((0, 1), (2, 1)))),
    "monument": Symbol((((0, 3), (2, 3)), ((0.5, 3), (0.8, 0.5), (1, 0), (1.2, 0.5), (1.5, 3)))),
    "fountain": Symbol((_RING, ((1, 0.5), (1, 1.5)), ((0.6, 0.8), (1, 0.5), (1.4, 0.8)))),
    "tick": Symbol((((0, 0), (0, 2)),)),
    "ex": Symbol((((0, 0), (2, 2)), ((0, 2), (2, 0)))),
    "hatch": Symbol((((0, 1), (1, 0)),)),
}
