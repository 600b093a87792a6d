"""What schemathesis must know of our API that an OpenAPI document cannot say; see docs/acceptance.md."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

BEYOND_SCHEMA = re.compile(r"""("description":"|role="alert">)((filter|since|cursor|asOf|datetime|bbox|bbox-crs)\b|"""
                           r"there is no dataset version|nie ma wersji danych|crs: JSON-LD)")
"""What an answer says, as JSON or HTML, where a parameter was refused whose grammar, or dependence on another
parameter, no schema can hold."""

REFUSED = (400, 410)


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Without the largest `limit`, and with shorter filters.

    A larger `limit` is no error but means the largest (OGC 17-069r4, fc-limit-definition). The longest filters make
    addresses of more than 64 kB where all their characters are percent-encoded, which no request can have.
    """
    parameters = raw_schema["components"]["parameters"]
    parameters["filter"]["schema"]["maxLength"] = 1_000
    _without_maximum([raw_schema["paths"], parameters])


def _without_maximum(node: Any) -> None:
    if isinstance(node, dict):
        if node.get("name") == "limit":
            node["schema"].pop("maximum", None)
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            _without_maximum(part)


@schemathesis.check
def positive_data_acceptance_within_schema(ctx: Any, response: Any, case: Any) -> bool | None:
    """As positive_data_acceptance, but for parameters that are languages of their own."""
    if response.status_code in REFUSED and BEYOND_SCHEMA.search(response.text):
        return None
    return positive_data_acceptance(ctx, response, case)  # type: ignore[no-any-return]
