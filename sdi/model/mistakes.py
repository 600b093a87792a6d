"""What pydantic finds wrong with a value, in plain words of both languages."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from sdi.errors import told
from sdi.model.text import Text

PATTERNS = {
    r"^[0-9]{4}$": Text(pl="oczekiwano 4 cyfr", en="expected 4 digits"),
    r"^[0-9]{6}$": Text(pl="oczekiwano 6 cyfr", en="expected 6 digits"),
    r"^[1-9]$": Text(pl="oczekiwano jednej cyfry od 1 do 9", en="expected one digit from 1 to 9"),
    r"^[^@\s]+@[^@\s]+$": Text(pl="oczekiwano adresu e-mail", en="expected an e-mail address"),
    r"^https?://[^\s/]+": Text(
        pl="oczekiwano adresu http:// albo https://", en="expected an http:// or https:// address"),
}
_WHOLE = Text(pl="oczekiwano liczby całkowitej", en="expected a whole number")
_NUMBER = Text(pl="oczekiwano liczby", en="expected a number")
_LIST = Text(pl="oczekiwano listy: [a, b]", en="expected a list: [a, b]")
_FIELDS = Text(pl="oczekiwano pól z wartościami: {pole: wartość}", en="expected fields with values: {field: value}")
_BOOL = Text(pl="oczekiwano true albo false", en="expected true or false")
KINDS = {
    "missing": Text(pl="brakuje tego pola", en="the field is missing"),
    "extra_forbidden": Text(pl="nieznane pole", en="unknown field"),
    "string_type": Text(pl="oczekiwano tekstu", en="expected a text"),
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE,
    "float_type": _NUMBER, "float_parsing": _NUMBER,
    "bool_type": _BOOL, "bool_parsing": _BOOL,
    "tuple_type": _LIST, "list_type": _LIST,
    "dict_type": _FIELDS, "model_type": _FIELDS, "model_attributes_type": _FIELDS,
}
LIMITS = {
    "greater_than": ("gt", "więcej niż", "more than"), "greater_than_equal": ("ge", "co najmniej", "at least"),
    "less_than": ("lt", "mniej niż", "less than"), "less_than_equal": ("le", "co najwyżej", "at most"),
}


def mistakes(error: ValidationError, below: str = "") -> list[Text]:
    """All that is wrong, each with its field; `below`: what the fields stand in, such as `parameters.`."""
    return [mistake(detail).at(f"`{below}{'.'.join(map(str, detail['loc']))}`") for detail in error.errors()]


def mistake(detail: Any) -> Text:
    """One of the details of a ValidationError; what we have no words for, in those of pydantic."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return told(context["error"])
    if kind == "string_pattern_mismatch" and context["pattern"] in PATTERNS:
        return PATTERNS[context["pattern"]]
    if kind == "literal_error":
        choices = context["expected"].replace(" or ", ", ")
        return Text(pl=f"oczekiwano jednego z: {choices}", en=f"expected one of {choices}")
    if kind in LIMITS:
        name, pl, en = LIMITS[kind]
        limit = str(context[name]).removesuffix(".0")
        return Text(pl=f"oczekiwano {pl} {limit}", en=f"expected {en} {limit}")
    return KINDS.get(kind) or Text.verbatim(str(detail["msg"]))
