"""The words and the shape of metadata records, as content under `metadata/iso19139/`: templates, themes, services."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import TypeAdapter

from sdi.fingerprint import files
from sdi.model import yaml
from sdi.model.text import Declared, Text


class Named(Declared):
    """A name and the address that defines it."""

    name: str
    uri: str


class Format(Declared):
    """An encoding in which a service gives data."""

    name: str
    version: str


class Category(Text):
    """A class of Reg. 1205/2008, part D 4, in words."""

    code: str


class ServiceProfile(Declared):
    """What metadata says of the services of one protocol."""

    title: Text
    abstract: Text
    type: str
    """INSPIRE spatial data service type: view, download, discovery."""
    version: str
    category: Category
    operation: str
    """The operation by which a client begins."""
    data_operation: str | None = None
    """The operation that gives the data; None where a service has no data of its own."""
    link: str
    """The protocol by the name that catalogue clients know (OGC:WMS)."""
    protocol: Named
    format: Format | None = None
    function: str
    """CI_OnLineFunctionCode."""


class Profile:
    """The content of one `metadata/` folder."""

    def __init__(self, folder: Path) -> None:
        self.digest = files([folder])
        """Of all of it, taken first: a file that changes meanwhile is at worst read twice."""
        self.themes = TypeAdapter(dict[str, Text]).validate_python(yaml.read(folder / "themes.yaml").data)
        self.services = TypeAdapter(dict[str, ServiceProfile]).validate_python(yaml.read(folder / "services.yaml").data)
        self._environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)

    def render(self, kind: str, record: object) -> str:
        """The ISO 19139 XML of a record, without an XML declaration; text is escaped."""
        return self._environment.get_template(f"{kind}.xml.j2").render(record=record)


@cache
def profile(home: Path) -> Profile:
    """The profile of the node at `home`, read once per process. Raises OSError, ValidationError, YamlError."""
    return Profile(home / "metadata" / "iso19139")
