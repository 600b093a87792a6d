"""GDAL as a writer of Arrow batches that come one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyogrio.raw import write_arrow


def write(schema: pa.Schema, batches: Iterator[pa.RecordBatch], path: Path, **options: Any) -> None:
    """Write a layer (`options` are those of pyogrio's write_arrow). Raises RuntimeError, and what `batches` raise."""
    failures: list[Exception] = []
    try:
        write_arrow(pa.RecordBatchReader.from_batches(schema, _noted(batches, failures)), path, **options)
    except RuntimeError as error:
        raise (failures[0] if failures else error) from None


def _noted(batches: Iterator[pa.RecordBatch], failures: list[Exception]) -> Iterator[pa.RecordBatch]:
    """The same batches; of what goes wrong with them GDAL would tell no more than that something did."""
    try:
        yield from batches
    except Exception as error:
        failures.append(error)
        raise
