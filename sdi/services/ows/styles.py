"""How each feature type is drawn: colours and weights after the mapa zasadnicza, as data.

Networks have the colours that surveyors know: water blue, sewer brown, gas yellow, power red, heat magenta, telecom
orange. The order of `STYLES` is the drawing order, from the bottom up; what has no entry is drawn by `default_style`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sdi.model.register import FeatureType
from sdi.services.ows.layers import Kind

BLACK, WHITE, GREY, DARK = "#000000", "#ffffff", "#9a9a9a", "#404040"


@dataclass(frozen=True, slots=True)
class Look:
    """Fill, line and symbol; widths and sizes in pixels at 91 dpi."""

    line: str | None = None
    fill: str | None = None
    width: float = 1.0
    dash: tuple[int, ...] = ()
    """Lengths of dash and gap; a solid line without."""
    symbol: str = "circle"
    size: float = 6.0

    def styles(self, kind: Kind) -> list[str]:
        """The STYLE blocks for one kind of geometry."""
        line = f'COLOR "{self.line or self.fill or BLACK}" WIDTH {self.width:g}'
        dash = f" PATTERN {' '.join(map(str, self.dash))} END" if self.dash else ""
        if kind == "line":
            return [f"STYLE {line}{dash} LINECAP BUTT END"]
        if kind == "point":
            outline = f' OUTLINECOLOR "{self.line}" WIDTH {self.width:g}' if self.line else ""
            return [f'STYLE SYMBOL "{self.symbol}" SIZE {self.size:g} COLOR "{self.fill or WHITE}"{outline} END']
        fill = [f'STYLE COLOR "{self.fill}" END'] if self.fill else []
        outline = line.replace("COLOR", "OUTLINECOLOR", 1)
        return fill + ([f"STYLE {outline}{dash} END"] if self.line else [])


@dataclass(frozen=True, slots=True)
class Label:
    """Text at an object, with attributes in square brackets, up to a scale denominator."""

    text: str
    max_scale: int
    colour: str = BLACK
    size: float = 8.0


@dataclass(frozen=True, slots=True)
class Style:
    """How a feature type is drawn: one look, or one for each code of an attribute and `look` for all other codes."""

    look: Look
    max_scale: int | None = 10_000
    """Largest scale denominator at which it is drawn; None: at every scale."""
    label: Label | None = None
    by: str | None = None
    """The attribute whose code chooses among `codes`."""
    codes: tuple[tuple[str, Look], ...] = ()


def style_of(feature_type: FeatureType) -> Style:
    """The style of a feature type, without what it says of attributes that the type does not have."""
    style = STYLES.get(feature_type.name) or default_style(feature_type)
    names = feature_type.attributes
    if style.by not in names:
        style = replace(style, by=None, codes=())
    if style.label is not None and any(name not in names for name in attributes_of(style.label)):
        style = replace(style, label=None)
    return style


def attributes_of(label: Label) -> list[str]:
    """The attributes that a label shows."""
    return [part.split("]")[0] for part in label.text.split("[")[1:]]


def default_style(feature_type: FeatureType) -> Style:
    """Thin dark lines, light fill, small circles, labelled by the type's label attribute."""
    label = Label(f"[{feature_type.label}]", 1_000) if feature_type.label else None
    return Style(Look(line=DARK, fill="#eeeeee"), 5_000, label)


def drawing_order(feature_type: FeatureType) -> int:
    """A number that is larger for what is drawn above; what has no style of its own comes first."""
    return _ORDER.get(feature_type.name, -1)


def _pipe(colour: str, letter: str, attribute: str | None = "srednica") -> Style:
    label = Label(f"{letter}[{attribute}]" if attribute else letter, 1_000, colour, 7.0)
    main, service = Look(line=colour, width=2.0), Look(line=colour, width=1.2)
    return Style(service, 10_000, label, "funkcja", (("g", main), ("p", service)))


def _device(colour: str, symbol: str = "circle") -> Style:
    return Style(Look(line=colour, fill=WHITE, width=1.2, symbol=symbol, size=7.0), 2_500)


WATER, SEWER, POWER, GAS, HEAT, TELECOM = "#0000ff", "#803300", "#ff0000", "#bfbf00", "#d200d2", "#ff9100"
SPECIAL, UNIDENTIFIED = "#333333", "#808080"

_BUILDINGS = (
    ("m", "#f4c7b0"), ("g", "#e6d8bf"), ("t", "#d9d9d9"), ("k", "#d8c8e8"), ("z", "#f3c6dc"),
    ("b", "#c9d8ec"), ("h", "#f6e3a8"), ("p", "#cdbfb7"), ("s", "#dfe0cf"), ("i", "#eeeeee"),
)
"""Light fills by rodzaj według KŚT, so that the letter stays readable."""


def _building(fill: str) -> Look:
    return Look(line=BLACK, fill=fill, width=1.4)


STYLES: dict[str, Style] = {
    # BDOT500
    "zagospodarowanie_terenu": Style(Look(line="#5f9a4f", fill="#dcefd2", width=0.8), 5_000),
    "wody": Style(Look(line="#2a7fd4", fill="#cfe6fa"), 25_000),
    "komunikacja": Style(Look(line="#8c8c8c", fill="#dedede"), 10_000),
    "sport_i_rekreacja": Style(Look(line="#4f8f4f", fill="#c9e3b4", dash=(4, 2)), 5_000),
    "skarpy": Style(Look(line="#8f5a2b", fill="#f0e2d0", width=0.8), 5_000),
    "budowle": Style(Look(line=DARK, fill="#e4e4e4", symbol="square"), 5_000),
    "ogrodzenia": Style(Look(line=DARK, width=0.8, dash=(8, 2, 2, 2)), 2_500),
    "bdot_bloki_budynkow": Style(Look(line=BLACK, dash=(4, 2), width=0.8), 2_500),
    "bdot_budynki": Style(_building("#efe6df"), 25_000),
    "bdot_obiekty_zwiazane_z_budynkami": Style(Look(line=DARK, fill="#f5f5f5", width=0.8), 2_500),
    "bdot_rzedne": Style(Look(fill="#8f5a2b", size=3.0), 1_000, Label("[rzedna]", 1_000, "#8f5a2b", 7.0)),
    # EGiB
    "uzytki": Style(Look(line="#3c8c3c", width=1.0, dash=(2, 3)), 5_000, Label("[ofu]", 2_500, "#2f7a2f")),
    "kontury_klasyfikacyjne": Style(Look(line="#a8842c", width=0.8, dash=(6, 3)), 5_000,
                                    Label("[ozu][ozk]", 2_500, "#8a6a1c")),
    "budynki": Style(_building("#eeeeee"), 25_000, Label("[rodzaj][kondygnacje_nadziemne]", 1_500), "rodzaj",
                     tuple((code, _building(fill)) for code, fill in _BUILDINGS)),
    "bloki_budynkow": Style(Look(line=BLACK, width=0.8, dash=(4, 2)), 2_500),
    "obiekty_zwiazane_z_budynkiem": Style(Look(line=DARK, fill="#f5f5f5", width=0.8), 2_500),
    "dzialki": Style(Look(line="#202020", width=1.0), 25_000, Label("[numer_dzialki]", 2_500)),
    "obreby": Style(Look(line="#7a1fa2", width=1.6, dash=(10, 4)), 200_000, Label("[nazwa_wlasna]", 50_000, "#7a1fa2")),
    "jednostki_ewidencyjne": Style(Look(line="#b3123f", width=2.4, dash=(14, 4, 3, 4)), None,
                                   Label("[nazwa_wlasna]", 500_000, "#b3123f", 9.0)),
    "punkty_graniczne": Style(Look(line=BLACK, fill=WHITE, size=4.0), 1_000),
    "adresy": Style(Look(fill="#0b5394", size=4.0), 2_500, Label("[numer_porzadkowy]", 2_500, "#0b5394")),
    # GESUT
    "urzadzenia_towarzyszace_liniowe": Style(Look(line=GREY, fill="#f2f2f2", width=0.8, dash=(6, 3)), 2_500),
    "urzadzenia_towarzyszace_inne": _device(DARK, "square"),
    "przewody_kanalizacyjne": _pipe(SEWER, "k"),
    "przewody_wodociagowe": _pipe(WATER, "w"),
    "przewody_gazowe": _pipe(GAS, "g"),
    "przewody_cieplownicze": _pipe(HEAT, "c"),
    "przewody_telekomunikacyjne": _pipe(TELECOM, "t", None),
    "przewody_elektroenergetyczne": _pipe(POWER, "e", None),
    "przewody_specjalne": _pipe(SPECIAL, "s"),
    "przewody_niezidentyfikowane": _pipe(UNIDENTIFIED, "x"),
    "urzadzenia_kanalizacyjne": _device(SEWER),
    "urzadzenia_wodociagowe": _device(WATER),
    "urzadzenia_gazowe": _device(GAS),
    "urzadzenia_cieplownicze": _device(HEAT, "square"),
    "urzadzenia_telekomunikacyjne": _device(TELECOM, "square"),
    "urzadzenia_elektroenergetyczne": _device(POWER, "square"),
    "urzadzenia_specjalne": _device(SPECIAL),
    "urzadzenia_niezidentyfikowane": _device(UNIDENTIFIED),
    "gesut_rzedne": Style(Look(fill=DARK, size=3.0), 1_000, Label("[rzedna]", 1_000, DARK, 7.0)),
}

_ORDER = {name: number for number, name in enumerate(STYLES)}
