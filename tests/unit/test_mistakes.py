"""What is wrong with a value is said in plain words of both languages."""

from typing import Any

import pytest
from pydantic import ValidationError

from harvesters.wfs import WfsParameters
from sdi.model.mistakes import mistake

URL = "https://example.org/wfs"


@pytest.mark.parametrize(("parameters", "pl", "en"), [
    ({}, "brakuje tego pola", "the field is missing"),
    ({"url": "example.org"}, "oczekiwano adresu http:// albo https://", "expected an http:// or https:// address"),
    ({"url": URL, "colour": 1}, "nieznane pole", "unknown field"),
    ({"url": URL, "crs": "x"}, "oczekiwano liczby całkowitej", "expected a whole number"),
    ({"url": URL, "crs": 1}, "oczekiwano co najmniej 1024", "expected at least 1024"),
    ({"url": URL, "timeout_s": 0}, "oczekiwano więcej niż 0", "expected more than 0"),
    ({"url": URL, "headers": "x"}, "oczekiwano pól z wartościami: {pole: wartość}",
     "expected fields with values: {field: value}"),
    ({"url": URL, "paging": "x"}, "oczekiwano jednego z: 'startindex', 'none'",
     "expected one of 'startindex', 'none'"),
    ({"url": f"{URL}?service=WFS&REQUEST=GetCapabilities&version=1.1.0"},
     f"adres podaje service, REQUEST, version, o czym decyduje pobieranie; wpisz {URL}",
     f"the address says service, REQUEST, version, which harvesting decides; write {URL}"),
    ({"url": f"{URL}?map=/a.map&service=WFS"},
     f"adres podaje service, o czym decyduje pobieranie; wpisz {URL}?map=/a.map",
     f"the address says service, which harvesting decides; write {URL}?map=/a.map"),
])
def test_the_words(parameters: dict[str, Any], pl: str, en: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WfsParameters.model_validate(parameters)
    (found,) = [mistake(detail) for detail in caught.value.errors()]
    assert (found.pl, found.en) == (pl, en)


@pytest.mark.parametrize("url", [URL, f"{URL}?", f"{URL}?map=/a.map", f"{URL}?versions=1"])
def test_an_address_without_a_request_is_taken_as_it_is(url: str) -> None:
    assert WfsParameters(url=url).url == url
