"""What can be wrong with an object or a source: the codes of issues, and what each means and asks for.

The message of an issue is technical and says what and where; its code says what that means and what to do.
"""

from __future__ import annotations

from typing import Literal, get_args

from sdi.model.register import Code
from sdi.model.text import Text

Severity = Literal["quarantined", "repaired", "warning"]


def _code(pl: str, en: str) -> Code:
    return Code(title=Text(pl=pl, en=en))


SEVERITIES: dict[str, Code] = {
    "quarantined": _code("obiekt wstrzymany, nieudostępniany", "set aside, not served"),
    "repaired": _code("obiekt naprawiony i udostępniany", "mended and served"),
    "warning": _code("udostępniane z zastrzeżeniem", "served with a reservation"),
}
assert set(SEVERITIES) == set(get_args(Severity))

ISSUE_CODES: dict[str, Code] = {
    # Who the object is.
    "missing-id": _code(
        "obiekt nie ma identyfikatora; należy go nadać w rejestrze",
        "the object has no identifier; the register must give it one"),
    "duplicate-id": _code(
        "ten sam obiekt w tej samej wersji przysłano kilka razy z różną treścią; udostępniono ostatni",
        "the same version of an object came several times with different content; the last one is served"),
    "foreign-id": _code(
        "identyfikator należy już do obiektu z innego źródła",
        "the identifier already belongs to an object of another source"),
    "foreign-commune": _code(
        "identyfikator wskazuje na inny powiat; gminę ustalono z położenia obiektu",
        "the identifier names another county; the commune was found by the object's location"),
    "unreadable-object": _code(
        "zapisu obiektu nie da się odczytać", "the record of the object cannot be read"),
    # Its geometry.
    "no-geometry": _code(
        "obiekt nie ma geometrii i nie widać go na mapie", "the object has no geometry and cannot be seen on a map"),
    "empty-geometry": _code("geometria obiektu nie ma współrzędnych", "the object's geometry has no coordinates"),
    "unreadable-geometry": _code(
        "geometrii nie da się odczytać; przyczynę podaje opis", "the geometry cannot be read; the message says why"),
    "wrong-geometry-type": _code(
        "geometria jest innego rodzaju, niż przewiduje rejestr",
        "the geometry is of another kind than the register has"),
    "invalid-geometry": _code(
        "geometria jest niepoprawna, na przykład granica przecina samą siebie; należy ją poprawić w rejestrze",
        "the geometry is invalid, such as a boundary that crosses itself; it should be mended in the register"),
    "impossible-coordinates": _code(
        "obiekt leżałby poza Polską: zły układ współrzędnych albo zamienione osie",
        "the object would lie outside of Poland: a wrong coordinate reference system, or axes in the wrong order"),
    "unknown-crs": _code("nieznany układ współrzędnych", "an unknown coordinate reference system"),
    # Its values.
    "bad-value": _code(
        "wartość nie pasuje do typu atrybutu; pozostawiono ją pustą",
        "a value is not of the attribute's type; it was left empty"),
    "unknown-code": _code(
        "wartości nie ma w słowniku rejestru; pozostawiono ją pustą",
        "a value is not in the register's code list; it was left empty"),
    "unreadable-time": _code("daty lub czasu nie da się odczytać", "a date or time cannot be read"),
    # What a delivery has that is not read.
    "unknown-class": _code(
        "klasy obiektu nie zna żaden zadeklarowany rejestr", "no declared register knows the object's class"),
    "unknown-namespace": _code(
        "przestrzeni nazw nie zna żaden zadeklarowany rejestr; klasy rozpoznano po nazwach",
        "no declared register knows the namespace; classes were told by their names"),
    "unknown-attribute": _code(
        "atrybut nie jest zadeklarowany i go nie odczytano", "an attribute is not declared and was not read"),
    "repeated-attribute": _code(
        "atrybut ma kilka wartości; odczytano pierwszą", "an attribute has several values; the first was read"),
    "unclear-column": _code(
        "skróconą nazwę kolumny można rozumieć na kilka sposobów; nie odczytano jej",
        "the cut name of a column can mean several attributes; it was not read"),
    "unread-layer": _code(
        "warstwa nie należy do typów obiektów tego źródła; nie odczytano jej",
        "a layer is of no feature type of this source; it was not read"),
    "unread-member": _code(
        "plik w archiwum nie jest dokumentem GML; nie odczytano go",
        "a file in the archive is no GML document; it was not read"),
    "reader-warning": _code(
        "uwaga programu, który odczytał plik; podaje ją opis",
        "a remark of the program that read the file; the message has it"),
    # What the checks of a whole delivery say.
    "source-delivers": _code(
        "dostawa jest pusta", "the delivery is empty"),
    "source-min": _code("przysłano mniej obiektów, niż oczekiwano", "fewer objects came than were expected"),
    "source-max": _code("przysłano więcej obiektów, niż oczekiwano", "more objects came than were expected"),
    "source-vanished": _code(
        "naraz zniknęło więcej obiektów, niż dopuszczono", "more objects vanished at once than may"),
    "source-outside": _code(
        "poza granicą powiatu leży więcej obiektów, niż dopuszczono",
        "more objects lie outside of the county than may"),
    "source-known": _code(
        "znanego obiektu nie ma w dostawie albo leży gdzie indziej",
        "a known object is not in the delivery, or lies elsewhere"),
    "source-axes": _code(
        "kolejności osi współrzędnych nie potwierdzono", "the order of the axes is not proven"),
    "source-fresh": _code(
        "dane są starsze, niż dopuszczono", "the data are older than they may be"),
    "source-quarantined": _code(
        "wstrzymano więcej obiektów, niż dopuszczono", "more objects were set aside than may be"),
    "source-tls": _code(
        "połączenie ze źródłem korzysta z wyjątku od sprawdzania certyfikatu",
        "the connection to the source uses an exception from the verification of certificates"),
}
"""By code; those of a whole source begin with `source-` and end with the name of the check."""
