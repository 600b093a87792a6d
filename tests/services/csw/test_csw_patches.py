"""Each test fails when pycsw has mended what sdi.services.csw.patches stands in for: then the patch can go."""

from __future__ import annotations

import inspect
import re
import warnings
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from lark import UnexpectedInput
from lxml import etree
from pycsw import server
from pycsw.core import util
from pycsw.core.util import bbox2wktpolygon
from pygeofilter.parsers import ecql

from sdi.services.csw import patches

OGC = {"ogc": "http://www.opengis.net/ogc", "gml": "http://www.opengis.net/gml"}
QUERYABLES = {"csw:AnyText": {"dbcol": "anytext"}, "a": {"dbcol": "a"}, "pycsw:BoundingBox": "wkt_geometry"}


def upstream(name: str) -> ModuleType:
    """A module of pycsw as it is delivered, beside the patched one."""
    found = import_module(name).__file__
    spec = spec_from_file_location(f"unpatched_{name.rpartition('.')[2]}", found)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module


def filter_of(inner: str) -> etree._Element:
    return etree.fromstring(f'<ogc:Filter xmlns:ogc="{OGC["ogc"]}" xmlns:gml="{OGC["gml"]}">{inner}</ogc:Filter>')


def equal(literal: str) -> str:
    return (f"<ogc:PropertyIsEqualTo><ogc:PropertyName>a</ogc:PropertyName><ogc:Literal>{literal}</ogc:Literal>"
            "</ogc:PropertyIsEqualTo>")


def test_nested_operators_are_mixed_up() -> None:
    nested = filter_of(f"<ogc:And><ogc:Or>{equal('1')}{equal('2')}</ogc:Or><ogc:Or>{equal('3')}{equal('4')}</ogc:Or>"
                       "</ogc:And>")
    where, _ = upstream("pycsw.ogc.fes.fes1").parse(nested, QUERYABLES, "postgresql", OGC)
    assert where.count(":pvalue") == 6
    ours, values = patches.parse_filter(nested, QUERYABLES)
    assert (ours.count("%s"), values) == (4, ["1", "2", "3", "4"])


def test_boxes_are_rounded() -> None:
    assert "18.12 52.13" in bbox2wktpolygon("18.1234,52.1256,18.2,52.2")


def test_cql_is_split_at_words() -> None:
    cql2fes = upstream("pycsw.ogc.csw.cql").cql2fes
    filters = cql2fes("a = '1' or a = '2' and a = '3'", OGC)
    assert len(list(filters.iter(f"{{{OGC['ogc']}}}PropertyIsEqualTo"))) == 2


def test_schemas_are_parsed_for_every_post(client: httpx.Client) -> None:
    for version in ("csw2", "csw3"):
        module = upstream(f"pycsw.ogc.csw.{version}")
        assert "etree.XMLSchema(file=schema)" in inspect.getsource(getattr(module, version.title()).parse_postdata)
    body = (b'<csw:GetCapabilities xmlns:csw="http://www.opengis.net/cat/csw/2.0.2" service="CSW"/>')
    answers = [client.post("/lubicz/csw", content=body) for _ in range(3)]
    assert all("Capabilities" in answer.text and answer.status_code == 200 for answer in answers)
    assert patches._Etree.XMLSchema.cache_info().hits >= 2


def test_csw_3_filters_by_place(client: httpx.Client) -> None:
    folder = Path(server.__file__).parent / "core" / "schemas" / "ogc" / "cat" / "csw" / "3.0"
    body = (
        b'<csw30:GetRecords xmlns:csw30="http://www.opengis.net/cat/csw/3.0" xmlns:fes="http://www.opengis.net/fes/2.0"'
        b' xmlns:gml="http://www.opengis.net/gml/3.2" service="CSW" version="3.0.0">'
        b'<csw30:Query typeNames="csw30:Record"><csw30:ElementSetName>full</csw30:ElementSetName>'
        b'<csw30:Constraint version="2.0"><fes:Filter><fes:BBOX>'
        b'<fes:ValueReference>ows:BoundingBox</fes:ValueReference><gml:Envelope srsName="urn:ogc:def:crs:EPSG::4326">'
        b"<gml:lowerCorner>53.0 18.63</gml:lowerCorner><gml:upperCorner>53.01 18.64</gml:upperCorner></gml:Envelope>"
        b"</fes:BBOX></fes:Filter></csw30:Constraint></csw30:Query></csw30:GetRecords>")
    upstream_schema = etree.XMLSchema(file=str(folder / "cswGetRecords.xsd"))
    assert not upstream_schema.validate(etree.fromstring(body))
    answer = client.post("/lubicz/csw", content=body)
    results = next(etree.fromstring(answer.content).iter("{*}SearchResults"))
    assert results.get("numberOfRecordsMatched") == "1"


def test_inspire_capabilities_have_no_metadata_url() -> None:
    profile = upstream("pycsw.plugins.profiles.apiso.apiso").APISO
    assert "MetadataUrl" not in inspect.getsource(profile.get_extendedcapabilities)


def test_brief_and_summary_iso_records_are_made_up() -> None:
    source = inspect.getsource(upstream("pycsw.plugins.profiles.apiso.apiso").APISO.write_record)
    assert "util.nspath_eval(restagname, self.namespaces), id=idval)" in source  # a UUID is no xs:ID


def test_atom_has_sources_as_text_and_protocols_as_types() -> None:
    source = inspect.getsource(upstream("pycsw.plugins.outputschemas.atom").write_record)
    assert "type=linkset[2]" in source and "'pycsw:Source'" in source


def test_templates_of_opensearch_are_no_addresses() -> None:
    source = inspect.getsource(upstream("pycsw.opensearch").OpenSearch._csw3_2_os)
    assert "%%2B" in source and "'eo:cloudCover': '{eo:cloudCover?}'" in source


def test_ecql_has_one_precedence_and_no_negated_brackets() -> None:
    tree = ecql.parse("a = 1 OR b = 2 AND c = 3")
    assert type(tree).__name__ == "And"
    with pytest.raises(UnexpectedInput):
        ecql.parse("NOT (a = 1 OR b = 2)")


def test_ecql_knows_no_quote_within_a_text() -> None:
    with pytest.raises(UnexpectedInput):
        ecql.parse("a = 'it''s'")


def test_what_is_wrong_with_cql_is_kept_secret() -> None:
    for version in ("csw2", "csw3"):
        source = inspect.getsource(upstream(f"pycsw.ogc.csw.{version}"))
        assert "'constraint', 'Invalid Filter syntax')" in source and "return 'Invalid CQL request'" in source


def test_beyond_the_last_record_comes_the_first() -> None:
    source = inspect.getsource(upstream("pycsw.ogc.csw.csw2").Csw2.getrecords)
    assert re.search(r"startposition'\]\):\s+returned = '0'\s+nextrecord = '1'", source)


def test_dif_asks_for_a_function_that_is_gone() -> None:
    assert "util.jsonify_links" in inspect.getsource(upstream("pycsw.plugins.outputschemas.dif"))
    assert not hasattr(util, "jsonify_links")
