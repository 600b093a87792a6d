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
}
"""pygeoapi's wheel brings no translations of its own."""

NEXT_LINK = Text(pl="Obiekty (następne)", en="Items (next)")
PREVIOUS_LINK = Text(pl="Obiekty (poprzednie)", en="Items (prev)")

PAGES: dict[str, Text] = {
    "skip": Text(pl="Przejdź do treści", en="Skip to content"),
    "path": Text(pl="Ścieżka", en="Path"),
    "languages": Text(pl="Język", en="Language"),
    "collections": Text(pl="Kolekcje", en="Collections"),
    "collection": Text(pl="Kolekcja", en="Collection"),
    "registers": Text(pl="Rejestry", en="Registers"),
    "about": Text(pl="opis i pliki", en="about and files"),
    "more": Text(pl="Więcej", en="More"),
    "browse": Text(pl="Przeglądaj obiekty", en="Browse the features"),
    "items": Text(pl="Obiekty", en="Features"),
    "objects": Text(pl="Obiekty", en="Features"),
    "harvested": Text(pl="Zebrano", en="Harvested"),
    "quality": Text(pl="Jakość danych", en="Data quality"),
    "for_programs": Text(pl="Dla programów", en="For programs"),
    "elsewhere": Text(pl="Metadane i inne usługi", en="Metadata and other services"),
    "conformance": Text(pl="Zgodność z normami", en="Conformance"),
    "conformance_note": Text(pl="Klasy zgodności norm OGC, które spełnia ta usługa.",
                             en="The conformance classes of OGC standards that this service keeps."),
    "queryables": Text(pl="Właściwości do filtrowania", en="Queryables"),
    "queryables_note": Text(pl="Po tych właściwościach można filtrować: parametrem o ich nazwie i w CQL2.",
                            en="What can be filtered by: with a parameter of that name, and in CQL2."),
    "schema": Text(pl="Schemat", en="Schema"),
    "schema_note": Text(pl="Właściwości, które mają obiekty.", en="The properties that features have."),
    "sortables": Text(pl="Właściwości do sortowania", en="Sortables"),
    "sortables_note": Text(pl="Po tych właściwościach można sortować parametrem sortby.",
                           en="What can be sorted by, with the parameter sortby."),
    "code_list": Text(pl="Słownik", en="Code list"),
    "codes": Text(pl="kody", en="codes"),
    "code": Text(pl="Kod", en="Code"),
    "unit": Text(pl="Jednostka", en="Unit"),
    "api": Text(pl="Opis interfejsu (OpenAPI)", en="API definition (OpenAPI)"),
    "api_note": Text(
        pl="Dokument OpenAPI 3.0 dla narzędzi programistów wymienia każdy parametr i każdą odpowiedź. Najważniejsze"
           " adresy:",
        en="The OpenAPI 3.0 document for the tools of developers names every parameter and answer. The most important"
           " addresses:"),
    "example": Text(pl="Przykład", en="Example"),
    "name": Text(pl="Nazwa", en="Name"),
    "title": Text(pl="Tytuł", en="Title"),
    "description": Text(pl="Opis", en="Description"),
    "type": Text(pl="Typ", en="Type"),
    "relation": Text(pl="Relacja", en="Relation"),
    "address": Text(pl="Adres", en="Address"),
    "keywords": Text(pl="Słowa kluczowe", en="Keywords"),
    "extent": Text(pl="Zasięg (długość, szerokość)", en="Extent (longitude, latitude)"),
    "crs": Text(pl="Układy współrzędnych", en="Coordinate reference systems"),
    "storage_crs": Text(pl="Układ przechowywania", en="Storage CRS"),
    "all_links": Text(pl="Wszystkie odnośniki tego dokumentu", en="All links of this document"),
    "contact": Text(pl="Kontakt", en="Contact"),
    "licence": Text(pl="Licencja", en="Licence"),
    "files": Text(pl="Cała kolekcja jako plik", en="The whole collection as a file"),
    "file": Text(pl="Plik", en="File"),
    "size": Text(pl="Rozmiar", en="Size"),
    "on_demand": Text(pl="powstanie przy pobraniu", en="made when asked for"),
    "search": Text(pl="Szukaj", en="Search"),
    "search_hint": Text(pl="numer, nazwa lub identyfikator", en="number, name or identifier"),
    "find": Text(pl="Pokaż", en="Show"),
    "page_size": Text(pl="Na stronie", en="Per page"),
    "filters": Text(pl="Filtry", en="Filters"),
    "filters_hint": Text(pl="W polach tekstowych gwiazdka zastępuje dowolne znaki, np. Nowa*.",
                         en="In text fields an asterisk stands for any characters, such as Nowa*."),
    "any": Text(pl="dowolne", en="any"),
    "from": Text(pl="od", en="from"),
    "to": Text(pl="do", en="to"),
    "bbox": Text(pl="Obszar", en="Area"),
    "bbox_hint": Text(pl="zachód, południe, wschód, północ w stopniach", en="west, south, east, north in degrees"),
    "bbox_axes": Text(pl="dolny i górny narożnik, w kolejności osi układu",
                      en="lower and upper corner, in the axis order of its CRS"),
    "bbox_crs": Text(pl="Układ obszaru", en="CRS of the area"),
    "valid": Text(pl="Ważne w dniu", en="Valid on"),
    "as_of": Text(pl="Według stanu wiedzy z", en="As it was known at"),
    "as_of_hint": Text(pl="dnia (RRRR-MM-DD), chwili lub wersji danych (jej numer)",
                       en="a day (YYYY-MM-DD), a time or a dataset version (its number)"),
    "cql": Text(pl="Warunek CQL2", en="CQL2 condition"),
    "cql_hint": Text(pl="Łączy się z polami powyżej. Nazwy:", en="Holds together with the fields above. Names:"),
    "active": Text(pl="Aktywne warunki", en="Active conditions"),
    "remove": Text(pl="Usuń warunek", en="Remove the condition"),
    "remove_all": Text(pl="Usuń wszystkie", en="Remove all"),
    "pages": Text(pl="Strony wyników", en="Pages of results"),
    "pages_below": Text(pl="Strony wyników, pod tabelą", en="Pages of results, below the table"),
    "previous": Text(pl="Poprzednie", en="Previous"),
    "next": Text(pl="Następne", en="Next"),
    "found": Text(pl="Znaleziono obiektów:", en="Features found:"),
    "found_many": Text(pl="Znaleziono bardzo wiele obiektów.", en="Very many features found."),
    "shown": Text(pl="Na tej stronie:", en="On this page:"),
    "table": Text(pl="Tabela obiektów", en="Table of features"),
    "sort": Text(pl="Sortuj po tej kolumnie", en="Sort by this column"),
    "empty": Text(pl="Na tej stronie puste:", en="Empty on this page:"),
    "first_page": Text(pl="Pierwsza strona", en="First page"),
    "take": Text(pl="Pobierz", en="Take it with you"),
    "whole": Text(pl="Cała kolekcja:", en="The whole collection:"),
    "map": Text(pl="Położenie obiektów", en="Where the features are"),
    "map_hint": Text(pl="Mapa z danych tej usługi.", en="The map shows the data of this service."),
    "no_place": Text(pl="Obiekt nie ma geometrii.", en="The feature has no geometry."),
    "properties": Text(pl="Właściwości", en="Properties"),
    "shared": Text(pl="Pochodzenie", en="Origin"),
    "history": Text(pl="Historia obiektu", en="History of the feature"),
    "version": Text(pl="Wersja", en="Version"),
    "valid_from": Text(pl="Ważna od", en="Valid from"),
    "known_from": Text(pl="Znana od", en="Known from"),
    "known_to": Text(pl="Znana do", en="Known to"),
    "state": Text(pl="Stan", en="State"),
    "on_this_page": Text(pl="na tej stronie", en="on this page"),
    "as_known": Text(pl="Obiekt według stanu wiedzy z", en="The feature as it was known at"),
    "last_known": Text(pl="Ostatni znany stan", en="Its last known state"),
    "now": Text(pl="Pokaż stan obecny", en="Show it as it is now"),
    "id": Text(pl="Identyfikator", en="Identifier"),
    "tiles": Text(pl="Kafle wektorowe", en="Vector tiles"),
    "tiles_note": Text(
        pl="Mapa pocięta na kwadraty dla przeglądarek map i QGIS; każdy kafel jest tak świeży jak dane. Zestawy różnią"
           " się układem współrzędnych:",
        en="A map cut into squares for web maps and QGIS; every tile is as fresh as the data. The tilesets differ in"
           " their coordinate reference system:"),
    "tileset": Text(pl="Zestaw kafli", en="Tileset"),
    "tile_address": Text(pl="Adres kafla", en="Address of a tile"),
    "tile_use": Text(
        pl="W QGIS: Warstwa › Dodaj warstwę › Dodaj warstwę kafli wektorowych, z adresem stylu. Na stronie WWW"
           " z MapLibre GL JS:",
        en="In QGIS: Layer › Add Layer › Add Vector Tile Layer, with the address of the style. On a web page with"
           " MapLibre GL JS:"),
    "tile_limits": Text(pl="Kafle, w których coś jest", en="The tiles that hold something"),
    "tile_rows": Text(pl="Wiersze", en="Rows"),
    "tile_columns": Text(pl="Kolumny", en="Columns"),
    "tile_size": Text(pl="Kafel [piksele]", en="Tile [pixels]"),
    "no_tile_map": Text(pl="Mapa jest na stronie zestawu", en="The map is on the page of the tileset"),
    "grid": Text(pl="Siatka kafli", en="Tile matrix set"),
    "grids": Text(pl="Siatki kafli", en="Tile matrix sets"),
    "grids_note": Text(pl="Siatka mówi, jak mapa jest pocięta na kafle na kolejnych poziomach.",
                       en="A tile matrix set says how the map is cut into tiles at each level."),
    "level": Text(pl="Poziom", en="Level"),
    "levels": Text(pl="Poziomy", en="Levels"),
    "scale": Text(pl="Skala", en="Scale"),
    "cell_size": Text(pl="Piksel [m]", en="Pixel [m]"),
    "matrix_size": Text(pl="Kafli w poziomie × w pionie", en="Tiles across × down"),
    "origin": Text(pl="Lewy górny narożnik", en="Upper left corner"),
    "layers": Text(pl="Warstwy", en="Layers"),
    "layer": Text(pl="Warstwa", en="Layer"),
    "crs_one": Text(pl="Układ współrzędnych", en="Coordinate reference system"),
    "error": Text(pl="Błąd", en="Error"),
    "other_language": Text(pl="English", en="Polski"),
}
"""By key, as the templates name them."""

GRIDS = {
    "WebMercatorQuad": Text(pl="Siatka map internetowych (Web Mercator)", en="The grid of web maps (Web Mercator)"),
    "PL1992": Text(pl="Siatka geoportalu krajowego (PL-1992)", en="The grid of the national geoportal (PL-1992)"),
}
"""Titles of the tile matrix sets."""

ERRORS = {
    "NotFound": Text(pl="Nie znaleziono", en="Not found"),
    "InvalidParameterValue": Text(pl="Zapytanie jest błędne", en="The question is wrong"),
    "MethodNotAllowed": Text(pl="Metoda nie jest obsługiwana", en="The method is not supported"),
    "Gone": Text(pl="Tej strony wyników już nie ma", en="This page of results is no more"),
    "NoApplicableCode": Text(pl="Usługa nie może teraz odpowiedzieć", en="The service cannot answer now"),
}
"""Headings of the pages that say what is wrong, by code."""

TYPES = {
    "string": Text(pl="tekst", en="text"),
    "integer": Text(pl="liczba całkowita", en="whole number"),
    "number": Text(pl="liczba", en="number"),
    "boolean": Text(pl="tak lub nie", en="yes or no"),
    "date": Text(pl="data", en="date"),
    "date-time": Text(pl="data i czas", en="date and time"),
    "geometry": Text(pl="geometria", en="geometry"),
}
"""Types and formats of JSON Schema."""

RESOURCES = {
    "": Text(pl="Strona główna usługi", en="Landing page of the service"),
    "/conformance": Text(pl="Spełniane klasy zgodności", en="Conformance classes that are kept"),
    "/collections": Text(pl="Wszystkie kolekcje", en="All collections"),
    "/collections/{collectionId}": Text(pl="Opis kolekcji, odnośniki, pliki", en="A collection, its links and files"),
    "/collections/{collectionId}/schema": Text(pl="Właściwości obiektów", en="Properties of the features"),
    "/collections/{collectionId}/queryables": Text(pl="Właściwości do filtrowania", en="What can be filtered by"),
    "/collections/{collectionId}/sortables": Text(pl="Właściwości do sortowania", en="What can be sorted by"),
    "/collections/{collectionId}/items": Text(pl="Obiekty, strona po stronie", en="Features, page by page"),
    "/collections/{collectionId}/items/{featureId}": Text(pl="Jeden obiekt", en="One feature"),
    "/collections/{collectionId}/changes": Text(pl="Zmiany, do prowadzenia kopii", en="Changes, to keep a copy"),
    "/collections/{collectionId}/tiles": Text(pl="Kafle wektorowe kolekcji", en="Vector tiles of a collection"),
    "/tiles": Text(pl="Kafle wektorowe wszystkich kolekcji", en="Vector tiles of all collections"),
    "/tileMatrixSets": Text(pl="Siatki kafli", en="Tile matrix sets"),
}
"""Paths of the API that the page about it explains."""

MAP = {
    "Map.Title": Text(pl="Mapa: strzałki przesuwają, plus i minus zmieniają skalę",
                      en="Map: arrow keys move it, plus and minus change its scale"),
    "NavigationControl.ZoomIn": Text(pl="Przybliż", en="Zoom in"),
    "NavigationControl.ZoomOut": Text(pl="Oddal", en="Zoom out"),
    "FullscreenControl.Enter": Text(pl="Na cały ekran", en="Full screen"),
    "FullscreenControl.Exit": Text(pl="Zakończ pełny ekran", en="Leave full screen"),
    "AttributionControl.ToggleAttribution": Text(pl="Pokaż lub ukryj źródło danych", en="Show or hide the data source"),
    "CooperativeGesturesHandler.WindowsHelpText": Text(
        pl="Przytrzymaj Ctrl i przewijaj, aby zmienić skalę", en="Hold Ctrl and scroll to zoom"),
    "CooperativeGesturesHandler.MacHelpText": Text(
        pl="Przytrzymaj ⌘ i przewijaj, aby zmienić skalę", en="Hold ⌘ and scroll to zoom"),
    "CooperativeGesturesHandler.MobileHelpText": Text(
        pl="Przesuwaj mapę dwoma palcami", en="Move the map with two fingers"),
    "licence": Text(pl="Licencja", en="Licence"),
    "here": Text(pl="Tylko to, co na mapie", en="Only what is on the map"),
}
"""What the map says: by MapLibre's own keys, and the rest by ours."""
