"""The provider that pygeoapi learns the properties of a collection from; features are read by `items`."""

from __future__ import annotations

from typing import Any

from pygeoapi.provider.base import BaseProvider

from sdi.model.register import AttributeType
from sdi.services.ogcapi.request import ASKED
from sdi.store.columns import ID, Column

JSON_TYPES: dict[AttributeType, dict[str, str]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}


class RegisterProvider(BaseProvider):  # type: ignore[misc]
    """One feature type of the tenant in ASKED; pygeoapi makes one per request."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self.asked = ASKED.get()
        self.columns = {ID.name: ID} | self.asked.reader.columns(self.data)
        self._fields = {name: self._field(column) for name, column in self.columns.items()}

    def get_fields(self) -> dict[str, Any]:
        """JSON Schema of each property, `id` first."""
        return dict(self._fields)

    def _field(self, column: Column) -> dict[str, Any]:
        unit = {"x-ogc-unit": column.unit} if column.unit else {}
        return {"title": column.title.get(self.asked.language), **JSON_TYPES[column.type], **unit}
