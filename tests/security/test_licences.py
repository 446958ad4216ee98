"""SECURITY.md tells the licence of everything that is installed for this project."""

from importlib.metadata import PackageMetadata, distributions, metadata
import json
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[2]
OFFICIAL_CLIENTS = ROOT / "tests" / "official_clients"
_FAMILY = re.compile(r"\b(L?GPL|MPL|Apache|MIT|BSD|PSF)\b")


def table() -> dict[str, str]:
    """Return the licence of each package, as SECURITY.md has it."""
    text = (ROOT / "SECURITY.md").read_text().partition("## Other people's work")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", text, re.MULTILINE)
    return {
        name: licence
        for names, licence in rows
        for name in names.split(", ")
        if name not in {"Package", "---"}
    }


def from_pypi() -> set[str]:
    """Return what is required of PyPI, by name."""
    manifest = ROOT / "custom_components" / "azure_realtime_audio" / "manifest.json"
    lines = [
        *json.loads(manifest.read_text())["requirements"],
        *(ROOT / "requirements_test.txt").read_text().splitlines(),
        *(OFFICIAL_CLIENTS / "requirements.txt").read_text().splitlines(),
    ]
    for script in ("debian.sh", "fuzz", "setup"):
        text = (ROOT / "script" / script).read_text()
        lines += re.findall(r'pip.*install .*"\$\S+" "?([a-z]+)', text)
    return {re.split(r"[^\w-]", line)[0] for line in lines if line.strip("# ")} - {""}


def from_npm() -> dict[str, str]:
    """Return what is required of npm, and the licence of each as npm knows it."""
    lock = json.loads((OFFICIAL_CLIENTS / "package-lock.json").read_text())["packages"]
    required = json.loads((OFFICIAL_CLIENTS / "package.json").read_text())
    names = required["dependencies"]
    return {name: lock[f"node_modules/{name}"]["license"] for name in names}


def from_debian() -> set[str]:
    """Return what is required of Debian, by name."""
    setup = (ROOT / "script" / "setup").read_text()
    unpack = (ROOT / "script" / "debian.sh").read_text().replace("\\\n", "")
    (unpacked,) = re.findall(
        r'^ +debian_unpack "\$new" (.+?) \|\|', unpack, re.MULTILINE
    )
    return {*re.findall(r"missing\+=\((\S+)\)", setup), *unpacked.split()}


def installed() -> set[str]:
    """Return what of PyPI is here, as after script/setup: the rest has its own environment."""
    here = {package.metadata["Name"] for package in distributions()}
    return from_pypi() & here


def stated(package: PackageMetadata) -> set[str]:
    """Return the families of licences that a package names itself."""
    classifiers = [
        line for line in package.get_all("Classifier") or () if "License" in line
    ]
    fields = (package.get(key) or "" for key in ("License-Expression", "License"))
    lines = [*classifiers, *(field.partition("\n")[0] for field in fields)]
    return {family for line in lines for family in _FAMILY.findall(line)}


def test_every_package_is_listed() -> None:
    """And none that is not required any more."""
    assert set(table()) == from_pypi() | set(from_npm()) | from_debian()


@pytest.mark.parametrize("name", sorted(installed()))
def test_licence_is_the_packages_own(name: str) -> None:
    """Where the installed package tells its licence, the table tells the same."""
    families = stated(metadata(name))
    listed = set(_FAMILY.findall(table()[name]))
    assert listed
    assert not families or listed & families


def test_licence_is_what_npm_knows() -> None:
    """The lock file has it, whether or not the packages are here."""
    assert from_npm() == {name: table()[name] for name in from_npm()}
