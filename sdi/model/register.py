"""What a county register holds: its feature types, their attributes, its code lists.

Read from `configs/registers/<register>.yaml`. The attributes named there are the allow-list: what is
not named is never read from a delivery.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Literal

from pydantic import Field, field_validator, model_validator

from sdi.model.text import Declared, Text

NAME = re.compile(r"[a-z][a-z0-9_]{1,58}\Z")
"""Names of registers, feature types and attributes; they are also names of schemas, tables and columns."""

RESERVED = frozenset({"fid", "id", "namespace", "county", "commune", "source", "version_id", "started_at",
                      "valid_from", "valid_to", "known_from", "known_to", "version", "content", "geom"})
"""Columns that every feature table has; no attribute may take their names."""

GeometryType = Literal["point", "line", "polygon", "any"]
AttributeType = Literal["text", "integer", "number", "boolean", "date", "datetime"]


class Code(Declared):
    """One value of a code list."""

    title: Text
    aliases: tuple[str, ...] = ()
    """Other spellings met in deliveries: words of the 2015 schemas, camelCase, full names."""


class Attribute(Declared):
    """One public attribute of a feature type: a column, a property, a field."""

    type: AttributeType = "text"
    title: Text
    gml: tuple[str, ...] = ()
    """Where GUGiK GML has it: slash-separated local names below the feature, first match wins."""
    wfs: tuple[str, ...] = ()
    """What county WFS services call it, compared without case and prefix, first match wins."""
    unit: str | None = None
    """Unit of measure as in the `uom` of the schema (ha, m2, mm, m)."""
    code_list: str | None = None
    """Name of a code list of the same register; aliases are mapped, unknown values become issues."""
    pattern: str | None = None
    """A regular expression: the value is its first group; no match gives no value."""
    reading: Literal["value", "href", "klasouzytek"] = "value"
    """How the GML element is read: its text, the target of its xlink:href, or EGB_Klasouzytek as text."""
    nothing: tuple[str, ...] = ()
    """Texts that stand where there is no value, compared without case: "Brak uprawnień"."""
    many: bool = False
    """The element repeats; values are joined by a comma and a space in the order of the delivery."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            groups = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if groups != 1:
            raise ValueError("the pattern must have exactly one group")
        return pattern


class FeatureType(Declared):
    """One class of a register. Its name is the collection, the layer, the WFS type and the table."""

    name: str = ""
    """Filled in from the key in the YAML."""
    register_id: str = ""
    """Filled in: the register that holds it."""
    title: Text
    abstract: Text
    gml: dict[str, dict[str, str]] = Field(default_factory=dict)
    """GUGiK GML classes of both generations, each with the attribute values that the class itself implies."""
    wfs: tuple[str, ...] = ()
    """Type names (local part) under which county WFS services deliver it."""
    geometry: GeometryType
    geometries: dict[str, GeometryType] = Field(default_factory=dict)
    """Further geometry properties kept beside `geom`; key = column, e.g. polilinia_kierunkowa."""
    geometry_gml: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """GML property local names per geometry column; `geom` defaults to `geometria`."""
    label: str | None = None
    """The attribute that names an object on a map and in lists."""
    key: str | None = None
    """The attribute that identifies an object where a source gives no IIP identifier (county WFS)."""
    commune_from: str | None = None
    """The attribute whose first six digits are the TERYT code of the commune; without it, location decides."""
    inspire_theme: str | None = None
    """INSPIRE theme code (CP, BU, AD, AU, US, TN, HY, LU, LC …)."""
    attributes: dict[str, Attribute]

    @property
    def table(self) -> tuple[str, str]:
        """Schema and name of the table of current objects; closed versions lie in `<name>_history`."""
        return self.register_id, self.name

    @property
    def geometry_columns(self) -> dict[str, GeometryType]:
        """All geometry columns, `geom` first."""
        return {"geom": self.geometry, **self.geometries}

    @model_validator(mode="after")
    def _names_resolve(self) -> FeatureType:
        for name in (*self.attributes, *self.geometries):
            if not NAME.match(name) or name in RESERVED:
                raise ValueError(f"{name!r} cannot be the name of a column")
        for role in ("label", "key", "commune_from"):
            name = getattr(self, role)
            if name is not None and name not in self.attributes:
                raise ValueError(f"{role}: {name!r} is not an attribute of this feature type")
        for class_name, implied in self.gml.items():
            for name in implied:
                if name not in self.attributes:
                    raise ValueError(f"gml.{class_name}: {name!r} is not an attribute of this feature type")
        for name in self.geometry_gml:
            if name not in self.geometry_columns:
                raise ValueError(f"geometry_gml: {name!r} is not a geometry of this feature type")
        return self


class Division(Declared):
    """An older GML class whose objects belong to several feature types, as the value of one property decides.

    Each of these feature types names the class under its own `gml`.
    """

    by: str
    """Local name of the deciding property."""
    into: dict[str, str]
    """Feature type by value of that property."""
    otherwise: str
    """Feature type of any other value, and of objects without the property."""


class Register(Declared):
    """One county register: EGiB, GESUT or BDOT500."""

    id: str = ""
    """Filled in from the file name; also the database schema."""
    title: Text
    abstract: Text
    legal_basis: Text
    """The regulation that defines the register, with its number in the journal of laws."""
    namespaces: tuple[str, ...]
    """XML namespaces of both generations of the exchange schema."""
    inspire_theme: str
    """INSPIRE theme code of the register as a data set."""
    topic_category: str
    """ISO 19115 MD_TopicCategoryCode."""
    keywords: tuple[Text, ...] = ()
    code_lists: dict[str, dict[str, Code]] = Field(default_factory=dict)
    divided: dict[str, Division] = Field(default_factory=dict)
    """GML classes that stand under `gml` of more than one feature type, and what decides between them."""
    not_read: dict[str, Literal["personal", "presentation", "administrative", "abstract", "withdrawn"]] = Field(
        default_factory=dict
    )
    """GML classes that are known and left out, each with the reason; any other unknown class is an issue.

    `withdrawn`: of the 2015 schema, with no place in the one in force.
    """
    not_read_attributes: dict[str, Literal["personal", "reference", "administrative", "withdrawn"]] = Field(
        default_factory=dict
    )
    """Properties (local names, any class) known and left out; any other unknown property is an issue.

    A feature type that names the property itself reads it all the same.
    """
    feature_types: dict[str, FeatureType]

    @model_validator(mode="before")
    @classmethod
    def _fill_names(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("feature_types"), dict):
            types = {
                name: {**body, "name": name, "register_id": data.get("id", "")} if isinstance(body, dict) else body
                for name, body in data["feature_types"].items()
            }
            return {**data, "feature_types": types}
        return data

    @model_validator(mode="after")
    def _codes_resolve(self) -> Register:
        for feature_type in self.feature_types.values():
            if not NAME.match(feature_type.name):
                raise ValueError(f"{feature_type.name!r} cannot be the name of a feature type")
            for name, attribute in feature_type.attributes.items():
                if attribute.code_list is not None and attribute.code_list not in self.code_lists:
                    raise ValueError(f"{feature_type.name}.{name}: no code list {attribute.code_list!r}")
        return self

    @model_validator(mode="after")
    def _classes_are_clear(self) -> Register:
        homes: dict[str, list[str]] = {}
        for feature_type in self.feature_types.values():
            for class_name in feature_type.gml:
                homes.setdefault(class_name, []).append(feature_type.name)
        for class_name, names in homes.items():
            if class_name in self.not_read:
                raise ValueError(f"{class_name} is both read ({', '.join(names)}) and not_read")
            if len(names) > 1 and class_name not in self.divided:
                raise ValueError(f"{class_name} stands under {' and '.join(names)}: say under `divided` what decides")
        for class_name, division in self.divided.items():
            targets = {*division.into.values(), division.otherwise}
            if targets != set(homes.get(class_name, ())):
                raise ValueError(f"divided.{class_name}: {sorted(targets)} do not name the class, or others do")
        return self

    @cached_property
    def by_class(self) -> dict[str, FeatureType]:
        """Feature types by the local name of their GML classes; of a divided class the one for any other value."""
        return {cls: ft for ft in self.feature_types.values() for cls in ft.gml} | {
            cls: self.feature_types[division.otherwise] for cls, division in self.divided.items()
        }

    def feature_type_of(self, class_name: str, value: Callable[[str], str | None]) -> FeatureType | None:
        """The feature type of an object; None where the class is not read.

        `value` gives the text of a property of the object by its local name, or None.
        """
        division = self.divided.get(class_name)
        if division is None:
            return self.by_class.get(class_name)
        return self.feature_types[division.into.get(value(division.by) or "", division.otherwise)]
