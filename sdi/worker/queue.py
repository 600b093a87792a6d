"""The queue of harvests: procrastinate on the node's database, in a schema of its own."""

from __future__ import annotations

from urllib.parse import urlsplit

from procrastinate import App, PsycopgConnector
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sdi.db.database import Database
from sdi.model.region import Region, Source

CONNECTIONS = 4
"""Most connections of one worker to the queue; harvests have their own."""


def queue(database: Database) -> App:
    """The queue, to be opened by the caller; it works as the role that harvests."""
    conninfo = database.conninfo("harvest")
    options = f"{conninfo_to_dict(conninfo)['options']} -c search_path=queue"
    return App(connector=PsycopgConnector(
        conninfo=make_conninfo(conninfo, options=options, application_name="sdi-worker"),
        min_size=1, max_size=CONNECTIONS,
    ))


def queueing_lock(source: str) -> str:
    """No two jobs with this wait at once: a source stands in the queue once."""
    return f"harvest {source}"


def lock(source: Source, region: Region) -> str:
    """No two jobs with this run at once: that of one of the host's places, or of a source without a host.

    A host has `per_host` places, over which its sources are spread in their order.
    """
    name = host(source)
    if name is None:
        return f"source {source.id}"
    neighbours = sorted(other.id for other in region.sources.values() if host(other) == name)
    return f"host {name} {neighbours.index(source.id) % region.file.harvest.per_host}"


def host(source: Source) -> str | None:
    """The host that a source is fetched from, lower case, without its port; None for files."""
    given = source.parameters.get("url")
    for url in given if isinstance(given, list | tuple) else [given]:
        try:
            name = urlsplit(url).hostname if isinstance(url, str) else None
        except ValueError:
            continue
        if name:
            return name
    return None
