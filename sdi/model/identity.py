"""Identifiers that every service must agree on: records, data sets, addresses."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5


def dataset_record_id(public_url: str, tenant_id: str, register_id: str) -> str:
    """The file identifier of the ISO 19139 record of one register as one tenant publishes it."""
    return str(uuid5(NAMESPACE_URL, f"{public_url}/{tenant_id}/dataset/{register_id}"))


def service_record_id(public_url: str, tenant_id: str, protocol: str) -> str:
    """The file identifier of the ISO 19139 record of one service of one tenant."""
    return str(uuid5(NAMESPACE_URL, f"{public_url}/{tenant_id}/service/{protocol}"))


def dataset_identifier(public_url: str, tenant_id: str, register_id: str) -> tuple[str, str]:
    """INSPIRE's unique resource identifier of one register as one tenant publishes it: code and namespace."""
    return f"{tenant_id}.{register_id}", f"{public_url}/"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The public addresses of one tenant; `public_url` without a trailing slash."""

    public_url: str
    tenant_id: str

    @property
    def landing(self) -> str:
        """The tenant's landing page."""
        return f"{self.public_url}/{self.tenant_id}/"

    def service(self, protocol: str) -> str:
        """Where a service answers: the base of all its requests, without a query."""
        return f"{self.landing}{protocol}"

    def collection(self, feature_type: str) -> str:
        """The OGC API collection of a feature type."""
        return f"{self.service('ogcapi')}/collections/{feature_type}"

    def capabilities(self, protocol: str) -> str:
        """GetCapabilities of an OWS (wms, wfs, csw), in the version we prefer; the landing page of an OGC API."""
        versions = {"wms": "WMS&version=1.3.0", "wfs": "WFS&version=2.0.0", "csw": "CSW&version=2.0.2"}
        if protocol not in versions:
            return f"{self.service(protocol)}/"
        return f"{self.service(protocol)}?service={versions[protocol]}&request=GetCapabilities"

    def record(self, identifier: str) -> str:
        """GetRecordById of a metadata record in this tenant's catalogue, as ISO 19139."""
        return (
            f"{self.service('csw')}?service=CSW&version=2.0.2&request=GetRecordById&elementSetName=full"
            f"&outputSchema=http://www.isotc211.org/2005/gmd&id={identifier}"
        )
