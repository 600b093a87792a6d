"""What the process that makes a file is told: all that decides what will stand in it, besides the data."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from sdi.model.identity import Addresses
from sdi.model.region import Region, Tenant
from sdi.model.register import FeatureType
from sdi.model.text import Declared, Text


class Declaration(Declared):
    """A collection as a tenant publishes it."""

    public_url: str
    """No trailing slash."""
    tenant: Tenant
    """With this one feature type."""
    register_title: Text
    legal_basis: Text

    @classmethod
    def of(cls, region: Region, public_url: str, tenant: Tenant, feature_type: FeatureType) -> Declaration:
        """What is declared of one feature type of a tenant."""
        register = region.registers[feature_type.register_id]
        return cls(public_url=public_url, tenant=tenant.model_copy(update={"feature_types": (feature_type,)}),
                   register_title=register.title, legal_basis=register.legal_basis)

    @property
    def feature_type(self) -> FeatureType:
        """The collection."""
        return self.tenant.feature_types[0]

    @property
    def addresses(self) -> Addresses:
        """The tenant's public addresses."""
        return Addresses(self.public_url, self.tenant.id)

    @property
    def digest(self) -> str:
        """Equal where the files say the same."""
        said = self.model_dump_json(exclude={"tenant": {"bounds", "services"}})
        return sha256(said.encode()).hexdigest()[:16]


class Job(Declared):
    """One file to be made."""

    conninfo: str
    """libpq conninfo of the serving role."""
    downloads: Path
    """`var/downloads`."""
    max_bytes: int
    """What all files there may take."""
    declaration: Declaration
    digest: str
    """Of the declaration, as published: it is part of the file's name."""
    extension: str
    """Of its format."""
    last_use: float | None = None
    """Of the edition before, in seconds since 1970, where nobody waits for this one."""

    @property
    def folder(self) -> Path:
        """Where the tenant's files lie."""
        return self.downloads / self.declaration.tenant.id
