"""The reading half: one folder per standard, each with a `Service` (see `sdi.services.contract`)."""

from __future__ import annotations

from importlib import import_module

from sdi.services.contract import Engines, Service

_CLASSES = {
    "ogcapi": ("sdi.services.ogcapi.app", "OgcApi"),
    "wms": ("sdi.services.ows.app", "Wms"),
    "wfs": ("sdi.services.wfs.app", "Wfs"),
    "csw": ("sdi.services.csw.app", "Csw"),
    "download": ("sdi.services.downloads.app", "Download"),
}
"""Protocol → module and class. A new standard is a folder and a line here."""


def classes() -> dict[str, type[Service]]:
    """Every service class by protocol."""
    return {protocol: getattr(import_module(module), name) for protocol, (module, name) in _CLASSES.items()}


def services(engines: Engines) -> dict[str, Service]:
    """Every service by protocol, built on the engines of this process."""
    return {protocol: service(engines) for protocol, service in classes().items()}
