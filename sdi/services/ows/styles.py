"""How each feature type is drawn: colours, weights and signs after the mapa zasadnicza, as data.

Networks have the colours that surveyors know: water blue, sewer brown, gas yellow, power red, heat magenta, telecom
orange. The order of `STYLES` is the drawing order, from the bottom up; what has no entry is drawn by `default_style`.
Widths and sizes are those of 1:1,000 and follow the scale within bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sdi.model.register import FeatureType
from sdi.services.ows.layers import Kind

BLACK, WHITE, GREY, DARK = "#000000", "#ffffff", "#9a9a9a", "#404040"

OPEN_SYMBOLS = frozenset({
    "manhole", "hydrant", "well", "valve", "grate", "lamp", "cabinet", "transformer", "mast", "outlet", "deciduous",
    "conifer", "bush", "cross", "monument", "fountain", "ex",
})
"""Symbols of lines, which have a colour and no fill."""

S500, S1000, S2000, S5000 = 750, 1_500, 3_000, 7_500
"""Largest scale denominators of what belongs on a map of 1:500, 1:1,000, 1:2,000 and 1:5,000: half-way to the next."""


@dataclass(frozen=True, slots=True)
class Look:
    """Fill, line and symbol; widths and sizes in pixels of 0.28 mm at 1:1,000."""

    line: str | None = None
    fill: str | None = None
    width: float = 1.0
    dash: tuple[int, ...] = ()
    """Lengths of dash and gap; a solid line without."""
    symbol: str = "circle"
    size: float = 6.0
    marks: tuple[str, float, float] | None = None
    """A symbol that is repeated along the line: its name, size and distance."""
    hatch: str | None = None
    """Colour of slanting lines over the fill."""
    max_scale: int | None = None
    """Largest scale denominator, where it is less than that of the style."""

    def styles(self, kind: Kind) -> list[str]:
        """The STYLE blocks for one kind of geometry."""
        if kind == "point":
            return [self._point()]
        edge = self._stroke("COLOR" if kind == "line" else "OUTLINECOLOR")
        if kind == "line":
            return [*edge, *self._marks()]
        fill = [f'STYLE COLOR "{self.fill}" END'] if self.fill else []
        hatch = [f'STYLE SYMBOL "hatch" COLOR "{self.hatch}" SIZE 8 WIDTH 0.6 ANGLE 45 END'] if self.hatch else []
        return fill + hatch + ([*edge, *self._marks()] if self.line else [])

    def _stroke(self, colour: str) -> list[str]:
        dash = f" PATTERN {' '.join(map(str, self.dash))} END" if self.dash else ""
        return [f'STYLE {colour} "{self.line or self.fill or BLACK}" WIDTH {self.width:g} '
                f"MINWIDTH {min(self.width, 0.5):g} MAXWIDTH {self.width * 1.3:g}{dash} LINECAP BUTT END"]

    def _marks(self) -> list[str]:
        if self.marks is None:
            return []
        name, size, gap = self.marks
        return [f'STYLE SYMBOL "{name}" SIZE {size:g} GAP -{gap:g} COLOR "{self.line or BLACK}" WIDTH 0.8 END']

    def _point(self) -> str:
        size = f"SIZE {self.size:g} MINSIZE {self.size * 0.6:g} MAXSIZE {self.size * 1.4:g}"
        if self.symbol in OPEN_SYMBOLS:
            return f'STYLE SYMBOL "{self.symbol}" {size} COLOR "{self.line or BLACK}" WIDTH {self.width:g} END'
        outline = f' OUTLINECOLOR "{self.line}" WIDTH {self.width:g}' if self.line else ""
        return f'STYLE SYMBOL "{self.symbol}" {size} COLOR "{self.fill or WHITE}"{outline} END'


@dataclass(frozen=True, slots=True)
class Label:
    """Text at an object, with attributes in square brackets, between two scale denominators."""

    text: str
    max_scale: int
    colour: str = BLACK
    size: float = 8.0
    priority: int = 5
    """Of labels that would overlap the one with the larger number stays; 1 to 10."""
    fits: bool = False
    """Only where it fits into its area."""
    min_scale: int = 0
    """From which scale denominator on: a name in the middle of a large area is in the way of what is small."""


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
    before: tuple[tuple[str, str, Look], ...] = ()
    """Attribute, code and look of what is drawn otherwise whatever `by` says, such as planned networks."""


def style_of(feature_type: FeatureType) -> Style:
    """The style of a feature type, without what it says of attributes that the type does not have."""
    style = STYLES.get(feature_type.name) or default_style(feature_type)
    names = feature_type.attributes
    if style.by not in names:
        style = replace(style, by=None, codes=())
    style = replace(style, before=tuple(case for case in style.before if case[0] in names))
    if style.label is not None and any(name not in names for name in attributes_of(style.label)):
        style = replace(style, label=None)
    return style


def attributes_of(label: Label) -> list[str]:
    """The attributes that a label shows."""
    return [part.split("]")[0] for part in label.text.split("[")[1:]]


def default_style(feature_type: FeatureType) -> Style:
    """Thin dark lines, light fill, small circles, labelled by the type's label attribute."""
    label = Label(f"[{feature_type.label}]", S1000) if feature_type.label else None
    return Style(Look(line=DARK, fill="#eeeeee"), 5_000, label)


def drawing_order(feature_type: FeatureType) -> int:
    """A number that is larger for what is drawn above; what has no style of its own comes first."""
    return _ORDER.get(feature_type.name, -1)


def _pipe(colour: str, text: str) -> Style:
    """A network's lines: planned ones dashed, disused ones crossed, house connections thinner and near only."""
    main, service = Look(line=colour, width=1.4), Look(line=colour, width=0.9, max_scale=S2000)
    return Style(
        main, 10_000, Label(text, S1000, colour, 7.0, priority=4), "funkcja", (("g", main), ("p", service)),
        before=(("status", "p", replace(main, width=1.0, dash=(6, 4))),
                ("eksploatacja", "n", replace(main, width=0.9, marks=("ex", 4, 40)))),
    )


def _device(colour: str, **symbols: str) -> Style:
    """A network's devices by their codes; others are small circles."""
    plain = Look(line=colour, fill=WHITE, width=0.9, size=5.0)
    return Style(plain, S2000, by="rodzaj_urzadzenia",
                 codes=tuple((code, replace(plain, symbol=name, size=SIZES.get(name, 8.0)))
                             for code, name in symbols.items()))


SIZES = {"valve": 5.0, "cabinet": 5.0, "square": 5.0, "circle": 5.0, "lamp": 6.0, "manhole": 7.0}
"""Sizes of symbols of devices (their height) other than 8."""

WATER, SEWER, POWER, GAS, HEAT, TELECOM = "#0000ff", "#803300", "#ff0000", "#bfa500", "#d200d2", "#ff7f00"
SPECIAL, UNIDENTIFIED = "#333333", "#808080"
GREEN, BROWN, SIGN = "#3c8c3c", "#8f5a2b", 11.0

_BUILDINGS = (
    ("m", "#f8dccb"), ("g", "#efe6d6"), ("t", "#e3e3e3"), ("k", "#e6dcf0"), ("z", "#f8d9e8"),
    ("b", "#dbe6f4"), ("h", "#faeec6"), ("p", "#dfd3cd"), ("s", "#e9eadd"), ("i", "#f2f2f2"),
)
"""Light fills by rodzaj według KŚT, so that the letter stays readable."""


def _building(fill: str) -> Look:
    return Look(line=BLACK, fill=fill, width=1.4)


def _sign(symbol: str, colour: str, size: float = SIGN) -> Look:
    return Look(line=colour, width=0.8, symbol=symbol, size=size)


def _mark(fill: str) -> Look:
    """A boundary point: filled where there is a mark on the ground."""
    return Look(line=BLACK, fill=fill, size=4.0, width=0.8)


STYLES: dict[str, Style] = {
    # BDOT500
    "zagospodarowanie_terenu": Style(
        Look(line="#8fbf80", fill="#edf6e8", width=0.6), S5000, by="rodzaj_obiektu", codes=(
            ("t", Look(fill="#eaf6e2")), ("z", Look(line="#5f9a4f", fill="#d3e8c6", width=0.8)),
            ("k", replace(_sign("bush", GREEN, 6.0), fill="#dff0d4")),
            ("c", Look(line=DARK, fill="#e6ebe0", width=0.8)),
            ("l", replace(_sign("deciduous", GREEN), max_scale=S1000)),
            ("g", replace(_sign("conifer", "#1f6b35"), max_scale=S1000)),
        )),
    "wody": Style(Look(line="#2a7fd4", fill="#cfe6fa"), 25_000, Label("[nazwa_wlasna]", S5000, "#1c5fa8", priority=6)),
    "komunikacja": Style(
        Look(line="#8c8c8c", fill="#e8e8e8", width=0.8), 10_000, by="rodzaj_obiektu", codes=(
            ("j", Look(line="#a0a0a0", fill="#e6e6e6", width=0.6)),
            ("c", Look(line="#b5b5b5", fill="#f4f1ec", width=0.6)),
            ("g", Look(line="#c98f8f", fill="#f7e4e0", width=0.6)),
            ("u", Look(line="#b5b5b5", fill="#efefef", width=0.6)),
            ("k", Look(line="#8c8c8c", width=0.6, max_scale=S1000)),
            ("r", Look(line="#2a7fd4", width=0.8, dash=(6, 3))),
            ("m", Look(line=BLACK, fill="#dcdcdc", width=1.6)), ("w", Look(line=BLACK, fill="#dcdcdc", width=1.6)),
            ("t", Look(line=BLACK, fill="#dcdcdc", width=1.4, marks=("tick", 6, 14))),
        )),
    "sport_i_rekreacja": Style(Look(line="#4f8f4f", fill="#d8ecc8", dash=(4, 2), width=0.8), S5000),
    "skarpy": Style(Look(line=BROWN, hatch=BROWN, width=0.8), S5000),
    "budowle": Style(
        Look(line=DARK, fill="#ececec", symbol="square", size=5.0, width=0.9), S2000, by="rodzaj_budowli", codes=(
            ("f", _sign("cross", DARK)), ("p", _sign("monument", DARK)), ("t", _sign("fountain", "#2a7fd4", 9.0)),
            ("n", Look(line=DARK, width=2.0, marks=("tick", 4, 10))), ("a", Look(line=DARK, width=0.9, dash=(5, 3))),
            ("o", Look(line=DARK, fill="#d0d0d0", symbol="triangle", size=9.0)),
        )),
    "ogrodzenia": Style(
        Look(line="#606060", width=0.6, marks=("tick", 3, 16)), S1000, by="rodzaj_ogrodzenia", codes=(
            ("b", Look(line="#606060", width=1.6, dash=(3, 2))), ("f", Look(line="#606060", width=1.6, dash=(1, 1))))),
    "bdot_bloki_budynkow": Style(Look(line=BLACK, dash=(4, 2), width=0.7), S1000,
                                 Label("[oznaczenie_bloku]", S500, size=7.0, priority=3, fits=True)),
    "bdot_budynki": Style(replace(_building("#f4ede8"), dash=(6, 3)), 25_000, Label("[rodzaj_kst]", S1000, priority=7)),
    "bdot_obiekty_zwiazane_z_budynkami": Style(Look(line=DARK, fill="#f8f8f8", width=0.7), S1000),
    "bdot_rzedne": Style(Look(fill=BROWN, size=3.0), S500, Label("[rzedna]", S500, BROWN, 6.5, priority=2)),
    # EGiB
    "uzytki": Style(Look(line=GREEN, width=0.8, dash=(2, 3)), S5000,
                    Label("[ofu]", S2000, "#2f7a2f", priority=5, fits=True)),
    "kontury_klasyfikacyjne": Style(Look(line="#a8842c", width=0.8, dash=(6, 3)), S5000,
                                    Label("[ozu][ozk]", S2000, "#8a6a1c", priority=5, fits=True)),
    "budynki": Style(_building("#f2f2f2"), 25_000, Label("[rodzaj][kondygnacje_nadziemne]", S1000, priority=8),
                     "rodzaj", tuple((code, _building(fill)) for code, fill in _BUILDINGS)),
    "bloki_budynkow": Style(Look(line=BLACK, width=0.7, dash=(4, 2)), S1000,
                            Label("[oznaczenie_bloku]", S500, size=7.0, priority=3, fits=True)),
    "obiekty_zwiazane_z_budynkiem": Style(Look(line=DARK, fill="#f8f8f8", width=0.7), S1000),
    "dzialki": Style(Look(line="#202020", width=0.9), 25_000,
                     Label("[numer_dzialki]", S5000, size=8.0, priority=9, fits=True)),
    "obreby": Style(Look(line="#7a1fa2", width=1.6, dash=(10, 4)), 200_000,
                    Label("[nazwa_wlasna]", 50_000, "#7a1fa2", 9.0, priority=10, min_scale=S5000)),
    "jednostki_ewidencyjne": Style(Look(line="#b3123f", width=2.4, dash=(14, 4, 3, 4)), None,
                                   Label("[nazwa_wlasna]", 500_000, "#b3123f", 10.0, priority=10, min_scale=S5000)),
    "punkty_graniczne": Style(_mark(WHITE), S1000, by="rodzaj_stabilizacji",
                              codes=(("3", _mark(BLACK)), ("4", _mark(BLACK)), ("5", _mark(GREY)))),
    "adresy": Style(Look(fill="#0b5394", size=2.5), S2000,
                    Label("[numer_porzadkowy]", S1000, "#0b5394", 7.5, priority=6)),
    # GESUT
    "urzadzenia_towarzyszace_liniowe": Style(Look(line=GREY, fill="#f2f2f2", width=0.8, dash=(6, 3)), S2000),
    "urzadzenia_towarzyszace_inne": _device(DARK, k="square", w="manhole", p="circle", y="circle", n="diamond"),
    "przewody_kanalizacyjne": _pipe(SEWER, "k[typ_przewodu][srednica]"),
    "przewody_wodociagowe": _pipe(WATER, "w[srednica]"),
    "przewody_gazowe": _pipe(GAS, "g[typ_przewodu][srednica]"),
    "przewody_cieplownicze": _pipe(HEAT, "c[typ_przewodu][srednica]"),
    "przewody_telekomunikacyjne": _pipe(TELECOM, "t"),
    "przewody_elektroenergetyczne": _pipe(POWER, "e[typ_przewodu]"),
    "przewody_specjalne": _pipe(SPECIAL, "s[srednica]"),
    "przewody_niezidentyfikowane": _pipe(UNIDENTIFIED, "x[srednica]"),
    "urzadzenia_kanalizacyjne": _device(SEWER, s="manhole", k="grate", l="grate", w="valve", e="outlet", n="diamond"),
    "urzadzenia_wodociagowe": _device(WATER, h="hydrant", w="valve", s="well", g="well", d="fountain"),
    "urzadzenia_gazowe": _device(GAS, w="valve", s="cabinet", n="diamond"),
    "urzadzenia_cieplownicze": _device(HEAT, w="valve"),
    "urzadzenia_telekomunikacyjne": _device(TELECOM, s="cabinet", w="mast", k="square"),
    "urzadzenia_elektroenergetyczne": _device(POWER, s="cabinet", t="transformer", o="lamp", m="lamp", a="mast"),
    "urzadzenia_specjalne": _device(SPECIAL),
    "urzadzenia_niezidentyfikowane": Style(Look(line=UNIDENTIFIED, fill=WHITE, width=0.9, size=5.0), S2000),
    "gesut_rzedne": Style(Look(fill=DARK, size=2.5), S500, Label("[rzedna]", S500, DARK, 6.5, priority=1)),
}

_ORDER = {name: number for number, name in enumerate(STYLES)}
