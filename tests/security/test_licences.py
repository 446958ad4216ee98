"""SECURITY.md tells the licence of everything that is installed for this project."""

from importlib.metadata import PackageMetadata, metadata
import json
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[2]
_FAMILY = re.compile(r"\b(L?GPL|MPL|Apache|MIT|BSD)\b")


def table() -> dict[str, str]:
    """Return the licence of each package, as SECURITY.md has it."""
    text = (ROOT / "SECURITY.md").read_text().partition("## Other people's work")[2]
    rows = re.findall(r"^\| ([\w-]+) \| (.+?) \|", text, re.MULTILINE)
    return {name: licence for name, licence in rows if name not in {"Package", "---"}}


def required() -> set[str]:
    """Return what is required, by name."""
    manifest = ROOT / "custom_components" / "azure_realtime_audio" / "manifest.json"
    lines = [
        *json.loads(manifest.read_text())["requirements"],
        *(ROOT / "requirements_test.txt").read_text().splitlines(),
    ]
    if "pip install" in (ROOT / "script" / "fuzz").read_text():
        lines.append("atheris")
    return {re.split(r"[^\w-]", line)[0] for line in lines if line.strip("# ")} - {""}


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
    assert set(table()) == required()


@pytest.mark.parametrize("name", sorted(required() - {"atheris"}))
def test_licence_is_the_packages_own(name: str) -> None:
    """Where the installed package tells its licence, the table tells the same."""
    families = stated(metadata(name))
    listed = set(_FAMILY.findall(table()[name]))
    assert listed
    assert not families or listed & families
