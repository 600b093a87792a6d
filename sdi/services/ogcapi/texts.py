"""What the pages say, in Polish and English, and the Polish titles of the links that pygeoapi writes."""

from __future__ import annotations

from sdi.model.text import Text

LINK_TITLES = {
    "This document as JSON": "Ten dokument jako JSON",
    "This document as GeoJSON": "Ten dokument jako GeoJSON",
    "This document as RDF (JSON-LD)": "Ten dokument jako RDF (JSON-LD)",
    "This document as HTML": "Ten dokument jako HTML",
    "The OpenAPI definition as JSON": "Definicja OpenAPI jako JSON",
    "The OpenAPI definition as HTML": "Definicja OpenAPI jako HTML",
    "Conformance": "Zgodność z normami",
    "Collections": "Kolekcje",
    "The landing page of this server as JSON": "Strona główna usługi jako JSON",
    "The landing page of this server as HTML": "Strona główna usługi jako HTML",
    "Schema of collection in JSON": "Schemat kolekcji jako JSON",
    "Schema of collection in HTML": "Schemat kolekcji jako HTML",
    "Queryables for this collection as JSON": "Właściwości do filtrowania jako JSON",
    "Queryables for this collection as HTML": "Właściwości do filtrowania jako HTML",
    "Items as GeoJSON": "Obiekty jako GeoJSON",
    "Items as RDF (GeoJSON-LD)": "Obiekty jako RDF (GeoJSON-LD)",
    "Items as HTML": "Obiekty jako HTML",
}
"""pygeoapi's wheel brings no translations of its own."""

NEXT_LINK = Text(pl="Obiekty (następne)", en="Items (next)")
PREVIOUS_LINK = Text(pl="Obiekty (poprzednie)", en="Items (prev)")

PAGES: dict[str, Text] = {
    "collections": Text(pl="Kolekcje", en="Collections"),
    "collection": Text(pl="Kolekcja", en="Collection"),
    "items": Text(pl="Obiekty", en="Features"),
    "conformance": Text(pl="Zgodność z normami", en="Conformance"),
    "queryables": Text(pl="Właściwości do filtrowania", en="Queryables"),
    "schema": Text(pl="Schemat", en="Schema"),
    "sortables": Text(pl="Właściwości do sortowania", en="Sortables"),
    "codes": Text(pl="kodów", en="codes"),
    "api": Text(pl="Opis interfejsu (OpenAPI)", en="API definition (OpenAPI)"),
    "api_note": Text(
        pl="Dokument w formacie OpenAPI 3.0 do użycia w narzędziach programistów:",
        en="The document in OpenAPI 3.0 for the tools of developers:"),
    "name": Text(pl="Nazwa", en="Name"),
    "title": Text(pl="Tytuł", en="Title"),
    "description": Text(pl="Opis", en="Description"),
    "type": Text(pl="Typ", en="Type"),
    "address": Text(pl="Adres", en="Address"),
    "property": Text(pl="Właściwość", en="Property"),
    "value": Text(pl="Wartość", en="Value"),
    "keywords": Text(pl="Słowa kluczowe", en="Keywords"),
    "extent": Text(pl="Zasięg (długość, szerokość)", en="Extent (longitude, latitude)"),
    "crs": Text(pl="Układy współrzędnych", en="Coordinate reference systems"),
    "storage_crs": Text(pl="Układ przechowywania", en="Storage CRS"),
    "links": Text(pl="Odnośniki", en="Links"),
    "contact": Text(pl="Kontakt", en="Contact"),
    "licence": Text(pl="Licencja", en="Licence"),
    "previous": Text(pl="poprzednie", en="previous"),
    "next": Text(pl="następne", en="next"),
    "matched": Text(pl="obiektów pasujących", en="features matched"),
    "shown": Text(pl="pokazano", en="shown"),
    "none": Text(pl="Żaden obiekt nie pasuje.", en="No feature matches."),
    "map": Text(pl="Położenie obiektów", en="Where the features are"),
    "error": Text(pl="Błąd", en="Error"),
    "id": Text(pl="Identyfikator", en="Identifier"),
    "other_language": Text(pl="English", en="Polski"),
}
"""By key, as the templates name them."""
