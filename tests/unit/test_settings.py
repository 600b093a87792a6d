"""The environment is read once, and every mistake names its variable."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sdi.errors import SettingsError
from sdi.settings import Settings

HOME = Path(__file__).parents[2]


def test_defaults_depend_on_the_home_only() -> None:
    settings = Settings.from_environment({"SDI_HOME": str(HOME)})
    assert (settings.home, settings.var, settings.region) == (HOME, HOME / "var", "demo")
    assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 8080, "http://localhost:8080")
    assert settings.database_url is None
    assert settings.region_folder == HOME / "configs" / "regions" / "demo"


def test_the_environment_counts_and_options_win() -> None:
    environ = {"SDI_HOME": str(HOME), "SDI_PORT": "9000", "SDI_REGION": "samples", "SDI_DATABASE_URL": "postgresql:///x"}
    settings = Settings.from_environment(environ, region="demo", home=None)
    assert (settings.port, settings.public_url, settings.region) == (9000, "http://localhost:9000", "demo")
    assert settings.database_url == "postgresql:///x"


def test_an_empty_variable_is_an_unset_one() -> None:
    assert Settings.from_environment({"SDI_HOME": str(HOME), "SDI_PORT": "", "SDI_DATABASE_URL": ""}).port == 8080


def test_the_public_address_has_no_trailing_slash() -> None:
    environ = {"SDI_HOME": str(HOME), "SDI_PUBLIC_URL": "https://geo.example.org/sdi/"}
    assert Settings.from_environment(environ).public_url == "https://geo.example.org/sdi"


@pytest.mark.parametrize(
    ("name", "value"),
    [("SDI_PORT", "0"), ("SDI_PORT", "65536"), ("SDI_PORT", "http"), ("SDI_PORT", "²"), ("SDI_WEB_WORKERS", "-1"),
     ("SDI_MAP_WORKERS", "1000"), ("SDI_PUBLIC_URL", "geo.example.org")],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"{name}='{value}': expected"):
        Settings.from_environment({"SDI_HOME": str(HOME), name: value})


def test_a_home_without_configs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no folder `configs` here; run sdi in the SDI home or set SDI_HOME"):
        Settings.from_environment({"SDI_HOME": str(tmp_path)})


def test_every_variable_is_documented() -> None:
    """Each setting, and each variable that code or declarations name, has a row in docs/settings.md."""
    documented = set(re.findall(r"^\| `(SDI_[A-Z_]+)`", (HOME / "docs" / "settings.md").read_text("utf-8"), re.M))
    used = {f"SDI_{field.name.upper()}" for field in fields(Settings)}
    for folder in ("sdi", "harvesters", "configs"):
        for path in (HOME / folder).rglob("*"):
            if path.suffix in (".py", ".yaml"):
                used |= set(re.findall(r"\bSDI_[A-Z_]+[A-Z]\b", path.read_text("utf-8")))
    assert used == documented
