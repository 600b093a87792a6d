"""Issues as partners read them: a view with the columns of a feature table, read by the same statements."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from sdi.model.issues import ISSUE_CODES, SEVERITIES
from sdi.model.register import Code
from sdi.model.text import Text
from sdi.store.columns import Column

ISSUES = "uwagi"
"""The name that the collection of issues has beside the feature types."""

ISSUE_VIEW = sql.Identifier("sdi", "current_issue")

ISSUE_TITLE = Text(pl="Uwagi do danych", en="Data issues")

ISSUE_ABSTRACT = Text(
    pl="Co jest nie tak z obiektami lub źródłami wczytanymi ostatnio: quarantined – obiekt wstrzymany"
       " i nieudostępniany, repaired – naprawiony i udostępniany, warning – udostępniany z zastrzeżeniem.",
    en="What is wrong with the objects or sources that were harvested last: quarantined – the object is set aside and"
       " not served, repaired – mended and served, warning – served with a reservation.",
)

ISSUE_TIME = "noted_at"

ISSUE_COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("source", "text", Text(pl="Źródło", en="Source")),
        Column("severity", "text", Text(pl="Waga", en="Severity")),
        Column("code", "text", Text(pl="Kod uwagi", en="Code of the issue")),
        Column("message", "text", Text(pl="Opis po angielsku", en="Message")),
        Column("message_pl", "text", Text(pl="Opis", en="Message in Polish")),
        Column("feature_type", "text", Text(pl="Typ obiektu", en="Feature type")),
        Column("object_id", "text", Text(pl="Identyfikator obiektu", en="Identifier of the object")),
        Column("field", "text", Text(pl="Pole", en="Field")),
        Column("position", "text", Text(pl="Miejsce w dostawie", en="Place in the delivery")),
        Column(ISSUE_TIME, "datetime", Text(pl="Data stwierdzenia", en="When it was found")),
        Column("county", "text", Text(pl="TERYT powiatu", en="TERYT code of the county")),
        Column("commune", "text", Text(pl="TERYT gminy", en="TERYT code of the commune")),
    )
}
"""What is shown of an issue; never the excerpt of the delivery."""

ISSUE_CODE_LISTS: Mapping[str, Mapping[str, Code]] = {"severity": SEVERITIES, "code": ISSUE_CODES}
"""What the values of these columns mean."""
