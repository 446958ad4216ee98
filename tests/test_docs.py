"""The tests, files and headings that the documents name exist."""

from collections import defaultdict
import json
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).parents[1]


def files_by_test() -> dict[str, list[str]]:
    """Return the files in which a test of each name is."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(
            r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE
        ):
            found[name].append(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize(
    "document", sorted(path.name for path in (ROOT / "docs").glob("*.md"))
)
def test_tests_that_are_named(document: str) -> None:
    """A test that is named as the proof of a promise is where the document says."""
    text = (ROOT / "docs" / document).read_text()
    tests = files_by_test()
    for file, name in re.findall(r"([\w/]*test_\w+\.py)::(test_\w+)", text):
        assert any(found.endswith(file) for found in tests[name]), f"{file}::{name}"
    for name in re.findall(r"`(test_\w+)`", text):
        assert tests[name], name


@pytest.mark.parametrize(
    "document", sorted(path.name for path in (ROOT / "docs").glob("*.md"))
)
def test_modules_that_are_named(document: str) -> None:
    """A module that a document names is there."""
    text = (ROOT / "docs" / document).read_text()
    modules = [
        path.as_posix()
        for folder in ("benchmarks", "custom_components", "emulator", "script", "tests")
        for path in (ROOT / folder).rglob("*.py")
    ]
    for name in re.findall(r"`([\w/]+\.py)", text):
        assert any(module.endswith(f"/{name}") for module in modules), name


def test_labels_in_the_readme() -> None:
    """The tables of the forms name the fields and sections as the forms do."""
    texts = json.loads(
        (
            ROOT / "custom_components/azure_realtime_audio/translations/en.json"
        ).read_text()
    )
    readme = (ROOT / "README.md").read_text().partition("## Configure")[2]
    first, second = readme.split("|---|", 2)[1:]
    user = texts["config"]["step"]["user"]
    assistant = texts["config_subentries"]["conversation"]["step"]["assistant"]
    for table, step in (first, user), (second.partition("## ")[0], assistant):
        labels = set(step["data"].values())
        for section in step["sections"].values():
            labels |= {section["name"], *section["data"].values()}
        rows = re.findall(r"^\| (?!Setting)([^|]+?) \|", table, re.MULTILINE)
        assert len(rows) > 6
        for row in rows:
            section, _, names = row.rpartition("* > ")
            assert {section.removeprefix("*") or "Name", *names.split(", ")} <= labels


def test_files_in_the_readme() -> None:
    """A file of an example is where Home Assistant may read without being told so."""
    readme = (ROOT / "README.md").read_text()
    paths = re.findall(r"path: (\S+?)`", readme)
    assert paths
    assert all(path.startswith(("/media/", "/config/www/")) for path in paths)
