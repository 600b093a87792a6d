"""The house rules that can be read from the files: who imports whom, what is documented."""

import ast
import fnmatch
import importlib
import importlib.metadata
import inspect
import pkgutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import harvesters
from sdi.cli import verbs

HOME = Path(__file__).parents[2]


def modules(package: str) -> list[Path]:
    """The files of a package, or the one of a module."""
    place = HOME / package.replace(".", "/")
    return sorted(place.rglob("*.py")) or [place.with_suffix(".py")]


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever the import stands; `from a import b` is `a.b`."""
    yield from imports_of(path.read_text(encoding="utf-8"), path.relative_to(HOME).parent.parts)


def imports_of(source: str, package: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = (*package[: len(package) - level + 1], *([module] if module else [])) if level else (module,)
                yield from (".".join((*filter(None, base), name.name)) for name in names)
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]) if (
                isinstance(function, ast.Attribute) and function.attr == "import_module"
            ):
                yield name


def below(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_imports_are_seen_in_every_spelling() -> None:
    source = "import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\ndef h(): importlib.import_module('i')\n"
    assert list(imports_of(source, ("p", "q"))) == ["a.b", "c.d", "p.q.e", "p.f.g", "i"]


@pytest.mark.parametrize("path", modules("harvesters"), ids=lambda path: path.name)
def test_harvesters_know_only_the_contract_and_the_model(path: Path) -> None:
    wrong = [name for name in imports(path)
             if below(name, "sdi") and not below(name, "sdi.harvest", "sdi.model", "sdi.errors")]
    assert wrong == []


def test_the_node_reaches_harvesters_through_the_registry_only() -> None:
    doors = {path.relative_to(HOME).as_posix() for path in modules("sdi")
             if any(below(name, "harvesters") for name in imports(path))}
    assert doors == {"sdi/harvest/registry.py"}


@pytest.mark.parametrize("package", ["sdi.services", "sdi.gateway"])
def test_reading_never_imports_writing(package: str) -> None:
    files = modules(package)
    assert files
    wrong = [(path.name, name) for path in files for name in imports(path)
             if below(name, "sdi.harvest", "sdi.worker", "harvesters")]
    assert wrong == []


def test_the_reading_half_has_no_cycle() -> None:
    """Services, then the gateway over them, then what publishes and serves: none imports what stands on it."""
    storeys = ["sdi.services", "sdi.gateway", "sdi.publish", "sdi.serve", "sdi.cli"]
    wrong = [(path.name, name) for storey, package in enumerate(storeys) for path in modules(package)
             for name in imports(path) if below(name, *storeys[storey + 1:])]
    assert wrong == []


def test_the_model_stands_on_nothing_of_ours() -> None:
    wrong = [(path.name, name) for path in modules("sdi.model") for name in imports(path)
             if below(name, "sdi") and not below(name, "sdi.model", "sdi.errors")]
    assert wrong == []


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_verb_has_a_help_text_options_and_a_run(verb: str) -> None:
    module = importlib.import_module(f"sdi.cli.{verb.replace('-', '_')}")
    assert module.__doc__ and module.__doc__.partition("\n")[0].endswith(".")
    assert list(inspect.signature(module.configure).parameters) == ["parser"]
    assert list(inspect.signature(module.run).parameters) == ["settings", "options"]


def test_an_installed_package_has_all_its_files() -> None:
    """Files beside the code are installed by their suffix; a new sort of file must be named in pyproject.toml."""
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = ["*.py", *project["tool"]["setuptools"]["package-data"]["*"]]
    files = [path for package in ("sdi", "harvesters") for path in (HOME / package).rglob("*")
             if path.is_file() and "__pycache__" not in path.parts]
    assert [path for path in files if not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)] == []


def kinds() -> list[str]:
    return sorted(name for _, name, _ in pkgutil.iter_modules(harvesters.__path__) if not name.startswith("_"))


def test_there_are_kinds_of_source() -> None:
    assert kinds()


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_source_is_documented_and_keeps_the_contract(kind: str) -> None:
    assert f"`{kind}`" in (harvesters.__doc__ or ""), "name it in the list of kinds in harvesters/__init__.py"
    module = importlib.import_module(f"harvesters.{kind}")
    assert module.__doc__
    harvester = module.Harvester
    assert harvester.Parameters.model_config.get("extra") == "forbid"
    assert isinstance(harvester.version, str)
    assert all(callable(getattr(harvester, step)) for step in ("gather", "fetch", "read"))


@pytest.mark.parametrize(
    ("packages", "files"),
    [(("sdi", "harvesters"), ("requirements.txt",)), (("tests",), ("requirements.txt", "requirements-dev.txt"))],
)
def test_every_library_that_is_imported_is_pinned(packages: tuple[str, ...], files: tuple[str, ...]) -> None:
    pins = "\n".join((HOME / file).read_text(encoding="utf-8") for file in files)
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in pins.splitlines() if "==" in line}
    installed = importlib.metadata.packages_distributions()
    top_levels = {name.partition(".")[0] for package in packages for path in modules(package) for name in imports(path)}
    # QGIS brings its own Python, schemathesis has its own environment: they run what clients of `make acceptance` are.
    foreign = top_levels - set(sys.stdlib_module_names) - {"sdi", "harvesters", "tests", "qgis", "schemathesis"}
    missing = {name for name in foreign
               if not pinned & {found.lower().replace("_", "-") for found in installed.get(name, [])}}
    assert missing == set()


def test_the_image_has_every_folder_of_content() -> None:
    copied = (HOME / "Dockerfile").read_text(encoding="utf-8").splitlines()
    let_in = (HOME / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for folder in ("configs", "metadata", "tiles"):
        assert (HOME / folder).is_dir()
        assert f"COPY {folder} {folder}" in copied and f"!{folder}" in let_in
