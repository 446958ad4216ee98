"""The arrows between modules run one way, and no file grows too long."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "custom_components.azure_realtime_audio"
REALTIME = f"{PACKAGE}.realtime"

# The floors of the house, the highest first. A module imports modules of its own floor and
# of lower ones. The longest prefix that fits a module tells its floor.
HOUSE_FLOORS = (
    (PACKAGE,),
    (
        f"{PACKAGE}.assist_satellite",
        f"{PACKAGE}.card_resource",
        f"{PACKAGE}.config_flow",
        f"{PACKAGE}.conversation",
        f"{PACKAGE}.diagnostics",
        f"{PACKAGE}.media_source",
        f"{PACKAGE}.repairs",
        f"{PACKAGE}.screen_websocket",
        f"{PACKAGE}.select",
        f"{PACKAGE}.sensor",
        f"{PACKAGE}.services",
        f"{PACKAGE}.stt",
        f"{PACKAGE}.tts",
        f"{PACKAGE}.watch_websocket",
        f"{PACKAGE}.websocket_api",
    ),
    (f"{PACKAGE}.actions", f"{PACKAGE}.entity", f"{PACKAGE}.flows"),
    (f"{PACKAGE}.answers",),
    (f"{PACKAGE}.data",),
    (f"{PACKAGE}.live",),
    (f"{PACKAGE}.voice",),
    (f"{PACKAGE}.assistant",),
    (f"{PACKAGE}.chat",),
    (f"{PACKAGE}.core_internals", f"{PACKAGE}.errors"),
    (REALTIME, f"{PACKAGE}.const"),
)

# The floors of the client library.
REALTIME_FLOORS = (
    (REALTIME,),
    (f"{REALTIME}.client",),
    (f"{REALTIME}.supervisor",),
    (f"{REALTIME}.command_channel",),
    (f"{REALTIME}.transport",),
    (f"{REALTIME}.options",),
    (f"{REALTIME}.protocol",),
    (f"{REALTIME}.response",),
    (
        f"{REALTIME}.audio",
        f"{REALTIME}.backoff",
        f"{REALTIME}.errors",
        f"{REALTIME}.listeners",
    ),
)

# The floors of the emulator.
EMULATOR_FLOORS = (
    ("emulator",),
    ("emulator.__main__", "emulator.server"),
    ("emulator.service",),
    ("emulator.settings",),
    ("emulator.faults", "emulator.model"),
    ("emulator.wire",),
)

# (modules below, what they must not import, the modules among them that may).
FORBIDDEN = (
    (REALTIME, "homeassistant", ()),
    (f"{REALTIME}.protocol", "aiohttp", ()),
    # Acknowledgements are futures, which their callers await.
    (f"{REALTIME}.protocol", "asyncio", (f"{REALTIME}.protocol.acknowledgements",)),
    (f"{REALTIME}.audio", "asyncio", ()),
    (PACKAGE, "emulator", ()),
    ("emulator", PACKAGE, ()),
)

# Where nothing may import past the front door.
FRONT_DOORS = {REALTIME: PACKAGE}

# Modules below these import each other in no circle.
NO_CIRCLES = (PACKAGE, "emulator")

# What takes longer to import than the integration.
SLOW_MODULES = ("av", "numpy")

MAX_BYTES = 28 * 1024
BOUNDED = ("benchmarks", "custom_components", "emulator", "script", "tests")


def module_name(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, names: set[str]) -> Iterator[str]:
    """Yield what a module imports, type hints included: modules, as far as ``names`` go."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                yield submodule if submodule in names else source


def read_imports(*folders: str) -> Mapping[str, set[str]]:
    """Return what each module below these folders imports."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    names = {module_name(path) for path in paths}
    return {module_name(path): set(imported(path, names)) for path in paths}


IMPORTS = read_imports("custom_components/azure_realtime_audio", "emulator")


def is_below(module: str, prefix: str) -> bool:
    """Return whether a module is this one or in it."""
    return f"{module}.".startswith(f"{prefix}.")


def floor(module: str, floors: tuple[tuple[str, ...], ...]) -> int | None:
    """Return the number of a module's floor, 0 for the highest."""
    fitting = [
        (len(prefix), number)
        for number, prefixes in enumerate(floors)
        for prefix in prefixes
        if is_below(module, prefix)
    ]
    return max(fitting)[1] if fitting else None


@pytest.mark.parametrize("floors", [HOUSE_FLOORS, REALTIME_FLOORS, EMULATOR_FLOORS])
def test_every_room_has_a_floor(floors: tuple[tuple[str, ...], ...]) -> None:
    """Only the front door is on the highest floor: a new module needs a line in the table."""
    [front_door] = floors[0]
    highest = [
        module
        for module in IMPORTS
        if is_below(module, front_door) and floor(module, floors) == 0
    ]
    assert highest == [front_door]


@pytest.mark.parametrize("floors", [HOUSE_FLOORS, REALTIME_FLOORS, EMULATOR_FLOORS])
def test_no_arrow_upwards(floors: tuple[tuple[str, ...], ...]) -> None:
    """A module knows nothing of the floors above it."""
    upwards = [
        f"{module} imports {source}"
        for module, sources in IMPORTS.items()
        for source in sources
        if (own := floor(module, floors)) is not None
        and (other := floor(source, floors)) is not None
        and other < own
    ]
    assert upwards == []


@pytest.mark.parametrize("package", NO_CIRCLES)
def test_no_circle(package: str) -> None:
    """Type hints count as imports."""
    graph = {
        module: {source for source in sources if source in IMPORTS} - {module}
        for module, sources in IMPORTS.items()
        if is_below(module, package)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as err:
        pytest.fail(f"A circle: {' -> '.join(err.args[1])}")


@pytest.mark.parametrize(("package", "forbidden", "exceptions"), FORBIDDEN)
def test_forbidden_imports(
    package: str, forbidden: str, exceptions: tuple[str, ...]
) -> None:
    """A package keeps its distance."""
    importers = {
        module
        for module, sources in IMPORTS.items()
        if is_below(module, package)
        and any(is_below(source, forbidden) for source in sources)
    }
    assert importers == set(exceptions)


@pytest.mark.parametrize(("door", "package"), FRONT_DOORS.items())
def test_front_door(door: str, package: str) -> None:
    """Modules outside use a package's own names."""
    reaches = [
        f"{module} imports {source}"
        for module, sources in IMPORTS.items()
        if is_below(module, package) and not is_below(module, door)
        for source in sources
        if is_below(source, door) and source != door
    ]
    assert reaches == []


def test_slow_modules_are_imported_late() -> None:
    """Set-up imports them in another thread; with the integration they would double its time."""
    importers = [
        module_name(path)
        for path in (ROOT / "custom_components").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (getattr(node, "module", None), *(each.name for each in node.names))
        if name in SLOW_MODULES
    ]
    assert importers == []


def test_no_file_is_too_long() -> None:
    """A file that is longer holds more than one topic."""
    paths = [path for folder in BOUNDED for path in (ROOT / folder).rglob("*.py")]
    too_long = {
        str(path.relative_to(ROOT)) for path in paths if path.stat().st_size > MAX_BYTES
    }
    assert too_long == set()
