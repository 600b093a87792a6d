"""Kinds of county source, one small module each: the module's name is the `kind` in a source's YAML.

- `gml`: exchange files by the GUGiK schemas of 2021 and 2015: a file, a folder, a pattern or http(s) addresses;
- `ogcapi`: collections of an OGC API - Features, such as those of another node like this one, page by page;
- `vector`: GeoPackage, GeoParquet, FlatGeobuf and zipped Shapefile, such as the national exports, from where `gml` is;
- `wfs`: a county's WFS, page by page until done.

A module has a class `Harvester` that keeps the contract of `sdi.harvest.contract.Harvester`:

- `Parameters`: a pydantic model of the `parameters` block in the source's YAML;
- `version`: raised when the same bytes would be read differently;
- `gather()`: which units (files, pages) there are, in order;
- `fetch(unit, into)`: the raw bytes of one unit;
- `read(delivery)`: the objects in it, one at a time, confined to the allow-list of the register.

One that can read a delivery in parts, so that several processes share the work, keeps `Divisible` there as well.

What it has to say is in Polish and English: an `Issue` of an object, a `SourceError` where the delivery is of no use.

It imports `sdi.harvest`, `sdi.model` and `sdi.errors` only. Archive, staging, checks, commit, history, progress and
resuming are done for it.
"""
