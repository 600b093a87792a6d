"""A whole real region: what is committed is what the commands make, and how they behave."""

from __future__ import annotations

import csv
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sdi.cli import main
from sdi.db.database import Database
from sdi.demo.chance import Scenario
from sdi.demo.county_wfs import county_wfs
from sdi.demo.geopackage import write_geopackage
from sdi.demo.survey import Survey
from sdi.model import yaml

HOME = Path(__file__).parents[2]
REGION = "kujawsko-pomorskie"
Sdi = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An SDI home of the test's own with the project's declarations; the working directory lies in it."""
    for name in ("configs", "metadata"):
        shutil.copytree(HOME / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDI_VAR", str(tmp_path / "var"))
    yield tmp_path


@pytest.fixture
def sdi(home: Path, capsys: pytest.CaptureFixture[str]) -> Sdi:
    """Run a verb on the region as a user would: its exit code and all that it says."""

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["--home", str(home), "--region", REGION, *arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def folder(home: Path, name: str = "") -> Path:
    return home / "configs" / "regions" / REGION / name


def contents(home: Path) -> dict[str, bytes]:
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in folder(home).rglob("*") if path.is_file()}


def test_the_region_is_whole_short_and_without_mistakes(home: Path, sdi: Sdi) -> None:
    assert sdi("check") == (0, f"{REGION}: 23 sources, 167 partners, 2 feature types; no mistakes\n")
    codes = [yaml.read(path).data["teryt"] for path in folder(home, "partners").iterdir()]
    assert sorted(map(len, codes)) == [4] * 23 + [6] * 144 and len(set(codes)) == 167
    for path in [*folder(home, "partners").iterdir(), *folder(home, "sources").iterdir()]:
        most = 15 if path.parent.name == "partners" else 20
        assert len(path.read_text(encoding="utf-8").splitlines()) <= most, path


def test_adding_everything_again_changes_nothing(home: Path, sdi: Sdi) -> None:
    before = contents(home)
    code, said = sdi("partner", "add", "--all")
    assert code == 0
    assert said == "167 units: 0 partners written, 0 replaced, 167 as they are, 0 with contents of their own\n"
    assert contents(home) == before


def test_the_partners_are_what_the_command_makes(home: Path, sdi: Sdi) -> None:
    before = contents(home)
    shutil.rmtree(folder(home, "partners"))
    code, said = sdi("partner", "add", "--all")
    assert code == 0 and "167 partners written" in said
    assert contents(home) == before


def test_units_and_sources_are_what_the_commands_make_of_the_lists(home: Path, sdi: Sdi, shared: Path) -> None:
    """The sources from the list of 2026, the units from the boundaries; English names stand in units.geojson only."""
    before = contents(home)
    shutil.rmtree(folder(home, "sources"))
    listed = home / "counties.csv"
    with (shared / "data/sources/egib-plbuildings_wfs_endpoints.csv").open(encoding="utf-8") as given, \
            listed.open("w", encoding="utf-8", newline="") as made:
        writer = csv.writer(made)
        writer.writerow(["teryt", "url", "crs"])
        writer.writerows([row["teryt"], row["endpoint"], row["custom_crs"]]
                         for row in csv.DictReader(given) if row["teryt"].startswith("04"))
    code, said = sdi("source", "add", "--from", str(listed), "--outside-max", "0.1")
    assert code == 0 and said.count(": written\n") == 23
    admin = sorted((shared / "data/admin").glob("04_*.geojson"))
    code, said = sdi("region", "units", *map(str, admin))
    assert code == 0 and "as it is, nothing to change: 23 counties, 144 communes" in said
    assert contents(home) == before


def test_a_partner_is_added_published_data_and_all_with_one_command(home: Path, sdi: Sdi) -> None:
    path = folder(home, "partners/lysomice.yaml")
    text = path.read_text(encoding="utf-8")
    path.unlink()
    code, said = sdi("partner", "add", "0415062")
    assert code == 0
    assert said == (f"configs/regions/{REGION}/partners/lysomice.yaml: written\n"
                    f"next: sdi --region {REGION} check && sdi --region {REGION} publish\n")
    assert path.read_text(encoding="utf-8") == text
    assert sdi("partner", "add", "041506") == (
        0, f"configs/regions/{REGION}/partners/lysomice.yaml: as it is, nothing to change\n")
    assert sdi("check")[0] == 0


def test_a_partner_with_all_options_is_what_was_said_and_passes_the_check(home: Path, sdi: Sdi) -> None:
    folder(home, "partners/lysomice.yaml").unlink()
    code, _ = sdi("partner", "add", "041506", "--id", "mapa", "--title-pl", "Łysomice: mapa", "--title-en", "no",
                  "--organisation-pl", "Urząd Gminy", "--organisation-en", "Office", "--email", "a@example.org",
                  "--registers", "dzialki", "--services", "wms", "ogcapi")
    assert code == 0
    path = folder(home, "partners/mapa.yaml")
    assert yaml.read(path).data == {
        "teryt": "041506", "title": {"pl": "Łysomice: mapa", "en": "no"}, "registers": ["dzialki"],
        "services": ["wms", "ogcapi"],
        "contact": {"organisation": {"pl": "Urząd Gminy", "en": "Office"}, "email": "a@example.org"},
    }
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 15
    assert sdi("check")[0] == 0


def test_a_file_of_ones_own_is_kept_unless_forced(home: Path, sdi: Sdi) -> None:
    path = folder(home, "partners/lysomice.yaml")
    own = path.read_text(encoding="utf-8").replace("Gmina Łysomice", "Gmina Łysomice (mapa)")
    path.write_text(own, encoding="utf-8")
    code, said = sdi("partner", "add", "041506")
    assert code == 1 and "--force replaces it" in said
    assert "-title: {pl: Gmina Łysomice (mapa), en" in said and "+title: {pl: Gmina Łysomice, en" in said
    assert path.read_text(encoding="utf-8") == own
    code, said = sdi("partner", "add", "--all")
    assert code == 1 and "166 as they are, 1 with contents of their own" in said
    assert "-title: {pl: Gmina Łysomice (mapa), en" in said and "+title: {pl: Gmina Łysomice, en" in said
    assert path.read_text(encoding="utf-8") == own
    code, said = sdi("partner", "add", "041506", "--force")
    assert code == 0 and "replaced" in said and path.read_text(encoding="utf-8") != own


@pytest.mark.parametrize(("arguments", "message"), [
    (("partner", "add", "0415992"), "no TERYT code of a county or commune of this region; did you mean 0415"),
    (("partner", "add", "toruń"), "did you mean 0415 (powiat toruński), 0463 (Toruń), 046301 (Toruń)"),
    (("partner", "add", "041506", "--id", "torun", "--force"), "torun.yaml is the partner with TERYT 046301"),
    (("partner", "add", "041506", "--id", "Łysomice"), "use a-z, 0-9 and hyphens"),
    (("partner", "add", "041506", "--id", "metrics"), "--id 'metrics': is taken by the node itself; choose another"),
    (("partner", "add", "04150600"), "04150600: no TERYT code of a county or commune of this region; did you mean 041"),
    (("partner", "add", "041506٢"), "041506٢: no TERYT code of a county or commune of this region; did you mean 041"),
    (("partner", "add", "041506", "--email", "a@b"), "a contact has all of"),
    (("partner", "add", "041506", "--email", "nie mail", "--organisation-pl", "a", "--organisation-en", "a", "--force"),
     "`contact.email`: expected an e-mail address"),
    (("partner", "add", "041506", "--registers", "drogi"), "there are: bdot500, egib, gesut"),
    (("partner", "add"), "say the TERYT code of a unit, or --all"),
    (("partner", "add", "--all", "--id", "a"), "--id: of one partner"),
    (("source", "add", "0415"), "--url is missing"),
    (("source", "add", "041506", "--url", "https://a/ggp"), "no TERYT code of a county of this region"),
    (("source", "add", "0415", "--url", "ftp://a/ggp"),
     "0415-egib: `parameters.url`: expected an http:// or https:// address"),
    (("source", "add", "0415", "--family", "ggp", "--url", "https://a/ggp?map=a/b&SERVICE=WFS&request=x&Version=1.1.0"),
     "the address says SERVICE, request, Version, which harvesting decides; write https://a/ggp?map=a/b"),
    (("source", "add", "0415", "--url", "https://a/ggp", "--register", "gesut"), "do not deliver the register 'gesut'"),
    (("source", "add", "0415", "--url", "https://a/ggp", "--outside-max", "7"), "0415-egib: `expect.outside_max`"),
])
def test_what_cannot_be_is_refused_with_what_to_do_and_nothing_is_written(
    home: Path, sdi: Sdi, arguments: tuple[str, ...], message: str
) -> None:
    for path in folder(home, "partners").iterdir():  # reading 167 files takes its time
        if path.stem not in ("lysomice", "torun"):
            path.unlink()
    before = contents(home)
    code, said = sdi(*arguments)
    assert code == 1 and message in said
    assert contents(home) == before


def test_a_list_with_one_mistake_writes_nothing_and_names_all(home: Path, sdi: Sdi) -> None:
    before = contents(home)
    rows = "teryt,url\n0401,https://new.example/ggp\n9901,https://a/ggp\n0402,https://b/unknown\n0401,https://c/ggp\n"
    (home / "list.csv").write_text(rows, encoding="utf-8")
    code, said = sdi("source", "add", "--from", "list.csv", "--force")
    assert code == 1 and contents(home) == before
    for message in ("9901: no TERYT code", "0402 https://b/unknown: which family", "0401-egib: stands in"):
        assert message in said


def test_a_moved_endpoint_is_shown_and_replaced_only_by_force(home: Path, sdi: Sdi) -> None:
    (home / "list.csv").write_text("teryt,url\n0415,https://new.example/iip/ows\n", encoding="utf-8")
    arguments = ("source", "add", "--from", "list.csv", "--outside-max", "0.1")
    code, said = sdi(*arguments)
    assert code == 1 and "-  url: https://torunski-wms.webewid.pl" in said and "+  url: https://new.example" in said
    assert sdi(*arguments, "--force")[0] == 0
    assert sdi("check")[0] == 0
    assert "https://new.example/iip/ows" in sdi("source", "list")[1]


def test_units_are_shown_as_they_differ_and_replaced_only_by_force(home: Path, sdi: Sdi) -> None:
    path = folder(home, "units.geojson")
    text = path.read_text(encoding="utf-8")
    (home / "new.geojson").write_text(text.replace('"name": "Łysomice"', '"name": "Nowe"'), encoding="utf-8")
    (home / "empty.geojson").write_text('{"type": "FeatureCollection", "features": []}', encoding="utf-8")
    code, said = sdi("region", "units", "empty.geojson", "--force")
    assert code == 1 and "empty.geojson: no county or commune in it" in said
    code, said = sdi("region", "units", "new.geojson")
    assert code == 1 and "left as it is" in said and path.read_text(encoding="utf-8") == text
    assert '"name": "Łysomice"' in said and '"name": "Nowe"' in said
    assert max(map(len, said.splitlines()[1:])) <= 121
    assert sdi("region", "units", "new.geojson", "--force")[0] == 0
    assert '"name": "Nowe"' in path.read_text(encoding="utf-8")


def test_the_lists_name_everything(sdi: Sdi, home: Path) -> None:
    code, said = sdi("source", "list")
    assert code == 0 and said.count("-egib") == 23
    assert said.count("webewid ") == 13 and said.count("geoportal2 ") == 8 and said.count(" ggp ") == 2
    folder(home, "partners/torun.yaml").write_text("teryt: 1\n", encoding="utf-8")
    code, said = sdi("partner", "list")
    assert code == 0 and "Powiat toruński" in said and "has mistakes: see sdi check" in said
    assert len(said.splitlines()) == 2 + 167


def test_without_a_network_each_source_fails_by_itself_and_says_what_to_do(
    home: Path, sdi: Sdi, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two counties refuse the connection, one after the other; waits between attempts are cut short."""
    with socket.socket() as taken:  # bound and never listening: connections are refused, and nobody else can have it
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for county, path in (("0401", "/map/geoportal/wfs.php"), ("0415", "/iip/ows")):
            assert sdi("source", "add", county, "--url", dead + path, "--force")[0] == 0
        monkeypatch.setenv("SDI_DATABASE_URL", database.url)
        pause = time.sleep
        monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.01)))
        code, said = sdi("harvest", "0401-egib", "0415-egib")
    assert code == 1
    first, second = said.index("0401-egib"), said.index("0415-egib")
    for part, path in ((said[first:second], "/map/geoportal/wfs.php"), (said[second:], "/iip/ows")):
        assert dead + path in part and "is the address right, is the server up?" in part
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a county's MapServer with 240 parcels and 15 buildings."""
    data = tmp_path_factory.mktemp("county") / "egib.gpkg"
    assert write_geopackage(Survey(Scenario(parcels=600)), "0404", data) == {"dzialki": 240, "budynki": 15}
    with county_wfs(data) as address:
        yield address


@pytest.mark.parametrize("family", ["giportal", "webewid"])
def test_a_family_of_mapservers_is_read_with_its_axis_order(
    home: Path, database: Database, county: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], family: str,
) -> None:
    """WFS 2.0.0 by pages, 1.1.0 at once with the northing first; wrongly read, all would lie outside of the county."""
    monkeypatch.setenv("SDI_DATABASE_URL", database.url)
    demo = ["--home", str(home), "--region", "demo"]
    assert main([*demo, "source", "add", "0404", "--url", county, "--family", family, "--force"]) == 0
    path = home / "configs/regions/demo/sources/0404-egib.yaml"
    text = path.read_text(encoding="utf-8").replace("min: {dzialki: 10000, budynki: 5000}", "outside_max: 0")
    path.write_text(text.replace("geometry: geometry", "geometry: msGeometry"), encoding="utf-8")
    assert main([*demo, "harvest", "0404-egib"]) == 0, capsys.readouterr()
    with database.connect("harvest") as connection:
        counts = connection.execute(
            "select count(*), count(geom), count(*) filter (where commune is null) from egib.dzialki").fetchone()
    assert counts == (240, 240, 0)
