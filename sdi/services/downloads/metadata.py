"""What a file says of itself: whose data, under which licence, from which version and source."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from sdi.model.identity import dataset_record_id
from sdi.services.downloads.job import Declaration
from sdi.store.columns import Column
from sdi.store.snapshot import ARROW_TYPES, GEOMETRY, Snapshot


@dataclass(frozen=True, slots=True)
class About:
    """The words of one file, in the first language of its tenant."""

    title: str
    abstract: str
    facts: dict[str, str]
    """Further words by keys after Dublin Core."""
    record: str | None
    """The ISO 19139 record of the data set that the collection is a part of."""

    @property
    def description(self) -> str:
        """All in one text, for formats with no better place."""
        return "\n".join((self.abstract, *(f"{key}: {value}" for key, value in self.facts.items())))


def about(declaration: Declaration, taken: Snapshot) -> About:
    """The words for a snapshot of a declared collection."""
    tenant, feature_type = declaration.tenant, declaration.feature_type
    language = tenant.languages[0]
    record, lineage = taken.record or (None, "")
    identifier = dataset_record_id(declaration.public_url, tenant.id, feature_type.register_id)
    facts = {
        "publisher": tenant.contact.organisation.get(language),
        "contact": tenant.contact.email,
        "license": tenant.licence.title.get(language),
        "license_url": tenant.licence.url,
        "version": str(taken.edition.version),
        "modified": taken.edition.committed_at.isoformat(timespec="seconds"),
        "source": lineage,
        "legal_basis": declaration.legal_basis.get(language),
        "is_part_of": f"{declaration.register_title.get(language)} — {tenant.title.get(language)}",
        "identifier": identifier if record else "",
        "landing_page": declaration.addresses.landing,
    }
    return About(
        title=f"{feature_type.title.get(language)} — {tenant.title.get(language)}",
        abstract=feature_type.abstract.get(language),
        facts={key: value for key, value in facts.items() if value},
        record=record,
    )


def schema(columns: list[Column], language: str) -> pa.Schema:
    """The columns, with what GDAL takes for an alternative name and a comment, and GEOMETRY as WKB."""
    fields = [
        pa.field(column.name, ARROW_TYPES[column.type], metadata={
            "GDAL:OGR:alternative_name": column.title.get(language),
            "GDAL:OGR:comment": comment(column),
        })
        for column in columns
    ]
    return pa.schema([*fields, pa.field(GEOMETRY, pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})])


def comment(column: Column) -> str:
    """Both titles of a column, and its unit of measure."""
    unit = f" [{column.unit}]" if column.unit else ""
    return f"{column.title.pl} / {column.title.en}{unit}"
