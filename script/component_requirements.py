"""Print what Home Assistant installs at run time and a test run does not.

Home Assistant installs the requirements of a component when it first loads it; the test suite
switches that off. This reads them from the manifests of the installed Home Assistant, for the
components named on the command line and everything those depend on.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
import sys


def requirements(components: Path, names: list[str]) -> set[str]:
    """Return the pinned requirements of the named components and of their dependencies."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        manifest = json.loads((components / name / "manifest.json").read_text("utf-8"))
        found.update(manifest.get("requirements", []))
        waiting += manifest.get("dependencies", [])
    return found


def main() -> None:
    """Print one requirement a line."""
    spec = importlib.util.find_spec("homeassistant")
    assert spec is not None and spec.origin is not None, (
        "Home Assistant is not installed"
    )
    print(
        "\n".join(
            sorted(requirements(Path(spec.origin).parent / "components", sys.argv[1:]))
        )
    )


if __name__ == "__main__":
    main()
