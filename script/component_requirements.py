"""Print what Home Assistant would install by itself while it runs.

Home Assistant installs the requirements of a component when it first loads it; tests
switch that off, and a demo should not wait for it. This reads them from the manifests,
for everything Home Assistant sets up by default, for the components named on the
command line, and for all they depend on. Run it in the repository, with the Python that
has Home Assistant.
"""

import json
from pathlib import Path
import sys

import homeassistant
from homeassistant.bootstrap import CORE_INTEGRATIONS, DEFAULT_INTEGRATIONS

FOLDERS = [
    Path("custom_components"),
    *(Path(path, "components") for path in homeassistant.__path__),
]


def requirements(names: list[str]) -> set[str]:
    """Return the requirements of the named components and of their dependencies."""
    found: set[str] = set()
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        for folder in FOLDERS:
            if (file := folder / name / "manifest.json").is_file():
                manifest = json.loads(file.read_text("utf-8"))
                found.update(manifest.get("requirements", []))
                names += manifest.get("dependencies", [])
                break
    return found


print(
    *sorted(requirements([*CORE_INTEGRATIONS, *DEFAULT_INTEGRATIONS, *sys.argv[1:]])),
    sep="\n",
)
