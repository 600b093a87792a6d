"""What the fields Accept, Accept-Encoding and Accept-Language want most of what there is (RFC 9110, clause 12.5).

werkzeug can do it too, but takes 0.2 ms for the field Accept of a browser.
"""

from __future__ import annotations

from collections.abc import Sequence


def media_type(field: str, offered: Sequence[str]) -> str | None:
    """The media type that a field Accept wants most; None where it wants none of them.

    Among equals the one that is named more exactly, then the one named first, then the one offered first.
    """
    weights = _weights(field)
    names = list(weights)

    def rank(offer: str) -> tuple[float, int, int]:
        ranges = (offer, f"{offer.partition('/')[0]}/*", "*/*")
        found = [(-weights[name], vagueness, names.index(name)) for vagueness, name in enumerate(ranges)
                 if name in weights]
        return found[0] if found else (0.0, len(ranges), 0)

    best = min(offered, key=rank)
    return best if rank(best)[0] else None


def coding(field: str, offered: Sequence[str]) -> str | None:
    """The content coding that a field Accept-Encoding wants most, the one offered first among equals; None for none."""
    weights = _weights(field)
    given = {name: weights.get(name, weights.get("*", 0.0)) for name in offered}
    best = max(given, key=lambda name: given[name])
    return best if given[best] > 0 and given[best] >= weights.get("identity", 0.0) else None


def language(field: str, offered: Sequence[str]) -> str | None:
    """The language that a field Accept-Language wants most, whatever the region, the one named first among equals.

    None where it wants none of them. `offered` are primary subtags: pl, en.
    """
    weights = _weights(field)

    def rank(offer: str) -> tuple[float, int]:
        named = [(-weight, place) for place, (name, weight) in enumerate(weights.items())
                 if name.partition("-")[0] == offer]
        return min(named, default=(-weights.get("*", 0.0), len(weights)))

    best = min(offered, key=rank)
    return best if rank(best)[0] else None


def wanted(field: str) -> list[str]:
    """What a field names and wants, in lower case, the most wanted first, the one named first among equals."""
    weights = _weights(field)
    return sorted((name for name in weights if name and weights[name]), key=lambda name: -weights[name])


def _weights(field: str) -> dict[str, float]:
    """What a field names, in its order and in lower case, by weight: 0 to 1, and 0 for what is no weight.

    Other parameters are left out. Of what stands twice the higher weight counts.
    """
    weights: dict[str, float] = {}
    for part in field.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        given = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            weight = float(given)
        except ValueError:
            weight = 0.0
        weights[name] = max(weights.get(name, 0.0), weight if 0 <= weight <= 1 else 0.0)
    return weights
