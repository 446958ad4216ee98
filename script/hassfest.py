"""Check the integration against the rules of hassfest and of HACS that need no network.

hassfest is not on the package index and the HACS action asks GitHub, so both run in the
project's workflow only. This script restates their rules (hassfest as of summer 2026, HACS as
of 2026-08-07) to find a mistake before a push. Not checked here: whether the GitHub
repository is archived, has a description, topics, issues and releases, and whether its
licence is recognised.
"""

import ast
from collections.abc import Callable, Iterator
import json
from pathlib import Path
import re
import string
import struct
import sys
from typing import Any
from urllib.parse import urlparse

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from awesomeversion.exceptions import AwesomeVersionException

# Before voluptuous, which it replaces.
from homeassistant.const import Platform
from homeassistant.helpers import config_validation as cv, selector
from homeassistant.helpers.icon import convert_shorthand_service_icon
from homeassistant.util.yaml import load_yaml_dict
import voluptuous as vol
from voluptuous.humanize import humanize_error

ROOT = Path(__file__).parent.parent
DOMAIN = "azure_realtime_audio"
INTEGRATION = ROOT / "custom_components" / DOMAIN

# Components that may be imported without being declared in the manifest.
UNDECLARED_COMPONENTS = {
    *(str(platform) for platform in Platform),
    *[
        "alert",
        "automation",
        "conversation",
        "default_config",
        "device_automation",
        "frontend",
    ],
    *["group", "homeassistant", "input_boolean", "input_button", "input_datetime"],
    *[
        "input_number",
        "input_select",
        "input_text",
        "media_source",
        "mjpeg",
        "onboarding",
    ],
    *[
        "panel_custom",
        "persistent_notification",
        "person",
        "script",
        "shopping_list",
        "stream",
    ],
    *[
        "sun",
        "system_health",
        "system_log",
        "timer",
        "webhook",
        "websocket_api",
        "zone",
    ],
}
TRANSLATION_KEY = re.compile(r"^(?!.+[_-]{2})(?![_-])[a-z0-9-_]+(?<![_-])$")
ADDRESS = re.compile(
    r"((ftps?|scp|https?|mqtts?|socks5?|socket)://|www\.)[a-z0-9]+([\-.][a-z0-9]+)*",
    re.IGNORECASE,
)
BRAND_FILES = {
    f"{prefix}{kind}{scale}.png"
    for prefix in ("", "dark_")
    for kind in ("icon", "logo")
    for scale in ("", "@2x")
}

type Json = dict[str, Any]
type Problems = Iterator[str]


def load(path: Path) -> Json:
    """Return a JSON object, or an empty one where there is no such file."""
    if not path.is_file():
        return {}
    content: Json = json.loads(path.read_text("utf-8"))
    return content


def violations(schema: vol.Schema, data: Json) -> Problems:
    """Yield the violations of the schema in the data."""
    try:
        schema(data)
    except vol.Invalid as error:
        yield humanize_error(data, error)


# Manifest


def version(value: str) -> str:
    """Validate a version of any scheme that Home Assistant accepts."""
    try:
        AwesomeVersion(
            value,
            ensure_strategy=[
                AwesomeVersionStrategy.CALVER,
                AwesomeVersionStrategy.SEMVER,
                AwesomeVersionStrategy.SIMPLEVER,
                AwesomeVersionStrategy.BUILDVER,
                AwesomeVersionStrategy.PEP440,
            ],
        )
    except AwesomeVersionException as error:
        raise vol.Invalid(f"{value} is not a valid version") from error
    return value


def own_documentation(value: str) -> str:
    """Validate the address of documentation outside Home Assistant's own."""
    if urlparse(value).scheme != "https":
        raise vol.Invalid("documentation must be https")
    if value.startswith("https://www.home-assistant.io/integrations"):
        raise vol.Invalid("documentation must be the custom integration's own")
    return value


MANIFEST = vol.Schema(
    {
        vol.Required("domain"): DOMAIN,
        vol.Required("name"): str,
        vol.Required("codeowners"): [str],
        vol.Required("documentation"): vol.All(vol.Url(), own_documentation),
        vol.Required("iot_class"): vol.In(
            [
                "assumed_state",
                "calculated",
                "cloud_polling",
                "cloud_push",
                "local_polling",
                "local_push",
            ]
        ),
        vol.Required("issue_tracker"): vol.Url(),
        vol.Required("version"): vol.All(str, version),
        vol.Optional("after_dependencies"): [str],
        vol.Optional("config_flow"): bool,
        vol.Optional("dependencies"): [str],
        vol.Optional("integration_type"): vol.In(
            ["device", "entity", "hardware", "helper", "hub", "service", "system"]
        ),
        vol.Optional("loggers"): [str],
        vol.Optional("quality_scale"): vol.In(
            ["bronze", "silver", "gold", "platinum", "custom"]
        ),
        vol.Optional("requirements"): [
            vol.Match(r"^[\w.\-]+(\[[^\]]+\])?[=~<>!]=?\S+$")
        ],
        vol.Optional("single_config_entry"): bool,
    }
)


def check_manifest(manifest: Json) -> Problems:
    """Check the keys, their values and their order."""
    yield from violations(MANIFEST, manifest)
    order = sorted(manifest, key=lambda key: (key != "domain", key != "name", key))
    if list(manifest) != order:
        yield f"keys must be in this order: {', '.join(order)}"


# Python


def imported_components(tree: ast.Module) -> Iterator[str]:
    """Yield the Home Assistant components that a module imports."""
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        for module in modules:
            if module.startswith("homeassistant.components."):
                yield module.split(".")[2]


def check_code(manifest: Json) -> Problems:
    """Check that used components are declared and that promised names exist."""
    declared = UNDECLARED_COMPONENTS | {
        *manifest.get("dependencies", []),
        *manifest.get("after_dependencies", []),
        *(path.stem for path in INTEGRATION.iterdir()),
    }
    for path in INTEGRATION.rglob("*.py"):
        for component in imported_components(ast.parse(path.read_text("utf-8"))):
            if component not in declared:
                name = path.relative_to(INTEGRATION)
                yield f"{name} uses {component}, which the manifest does not declare"
    if manifest.get("config_flow") and not (INTEGRATION / "config_flow.py").is_file():
        yield "config_flow.py is missing"
    package = (INTEGRATION / "__init__.py").read_text("utf-8")
    if "def async_setup(" in package and "CONFIG_SCHEMA" not in package:
        yield "async_setup without CONFIG_SCHEMA"


# Translations


def translation_key(value: str) -> str:
    """Validate a key of the translations."""
    if not TRANSLATION_KEY.match(value):
        raise vol.Invalid(f"bad translation key {value!r}")
    return value


def placeholders(value: str) -> set[str]:
    """Return the names of the placeholders in a text."""
    return {name for _, name, _, _ in string.Formatter().parse(value) if name}


def text(value: Any) -> str:
    """Validate a translated text."""
    plain = cv.string_with_no_html(value)
    if re.search(r"'{\w+}'", plain):
        raise vol.Invalid("placeholder in single quotes")
    if not all(name.isidentifier() for name in placeholders(plain)):
        raise vol.Invalid("a placeholder must be an identifier")
    if "[%" in plain:
        raise vol.Invalid("references are not resolved for custom integrations")
    if plain != plain.strip():
        raise vol.Invalid("leading or trailing space")
    if ADDRESS.search(plain):
        raise vol.Invalid("an address belongs into description_placeholders")
    return plain


def fixed_text(value: Any) -> str:
    """Validate a translated text that is shown as it is."""
    if placeholders(plain := text(value)):
        raise vol.Invalid("placeholders are not supported here")
    return plain


def keyed(value: Any, key: Callable[[str], str] = translation_key) -> Any:
    """Return the schema of an object whose keys are translation keys."""
    return cv.schema_with_slug_keys(value, slug_validator=key)


def described_fields_exist(flow: Json) -> Json:
    """Validate that a described field of a step is a field of that step."""
    for name, step in flow["step"].items():
        for part in (step, *step.get("sections", {}).values()):
            if extra := set(part.get("data_description", {})) - set(
                part.get("data", {})
            ):
                raise vol.Invalid(f"{name}: described, but not in data: {extra}")
    return flow


def flow_schema(more: dict[Any, Any] | None = None) -> Any:
    """Return the schema of a config, options, subentry or repair flow."""
    fields = {
        vol.Optional("data"): {str: text},
        vol.Optional("data_description"): {str: text},
        vol.Optional("description"): text,
    }
    step = fields | {
        vol.Optional("title"): text,
        vol.Optional("submit"): text,
        vol.Optional("menu_options"): {str: text},
        vol.Optional("menu_option_descriptions"): {str: text},
        vol.Optional("sections"): {str: fields | {vol.Optional("name"): text}},
    }
    flow = {
        vol.Required("step"): {str: step},
        vol.Optional("abort"): {str: text},
        vol.Optional("create_entry"): {str: text},
        vol.Optional("error"): {str: text},
        vol.Optional("flow_title"): text,
        vol.Optional("progress"): {str: text},
    }
    return vol.All(vol.Schema(flow | (more or {})), described_fields_exist)


def translation_schema() -> vol.Schema:
    """Return the schema of translations/en.json."""
    described = {
        vol.Required("name"): text,
        vol.Required("description"): text,
        vol.Optional("fields"): keyed(
            {
                vol.Required("name"): text,
                vol.Optional("description"): text,
                vol.Optional("example"): text,
            }
        ),
    }
    section = {vol.Required("name"): text, vol.Optional("description"): text}
    attribute = {
        vol.Optional("name"): fixed_text,
        vol.Optional("state"): keyed(fixed_text),
    }
    entity = {
        vol.Optional("name"): text,
        vol.Optional("state"): keyed(fixed_text),
        vol.Optional("state_attributes"): keyed(attribute),
        vol.Optional("unit_of_measurement"): fixed_text,
    }
    subentry = {
        vol.Required("entry_type"): text,
        vol.Required("initiate_flow"): {vol.Required("user"): text, str: text},
    }
    issue = vol.Any(
        {vol.Required("title"): text, vol.Required("description"): text},
        {vol.Required("title"): text, vol.Required("fix_flow"): flow_schema()},
    )
    return vol.Schema(
        {
            vol.Optional("title"): text,
            vol.Optional("config"): flow_schema(),
            vol.Optional("config_subentries"): keyed(flow_schema(subentry), cv.slug),
            vol.Optional("device"): keyed({vol.Optional("name"): text}),
            vol.Optional("entity"): keyed(keyed(entity), cv.slug),
            vol.Optional("common"): keyed(text, cv.slug),
            vol.Optional("exceptions"): keyed({vol.Required("message"): text}, cv.slug),
            vol.Optional("issues"): {str: issue},
            vol.Optional("options"): flow_schema(),
            vol.Optional("selector"): keyed(
                {vol.Optional("options"): keyed(text)}, cv.slug
            ),
            vol.Optional("services"): keyed(
                described | {vol.Optional("sections"): keyed(section)}
            ),
            vol.Optional("system_health"): {vol.Optional("info"): keyed(text)},
        }
    )


def leaves(data: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a translation with its dotted path."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def check_translations(english: Json) -> Problems:
    """Check English, and that the other languages say the same things."""
    if not english:
        yield "translations/en.json is missing"
    if (INTEGRATION / "strings.json").exists():
        yield "strings.json is built into core only; translations/en.json is what counts"
    yield from violations(translation_schema(), english)
    expected = dict(leaves(english))
    for path in sorted((INTEGRATION / "translations").glob("*.json")):
        found = dict(leaves(load(path)))
        for key in sorted(found.keys() ^ expected.keys()):
            yield f"{path.name}: {key} is not in both languages"
        for key in sorted(found.keys() & expected.keys()):
            if placeholders(found[key]) != placeholders(expected[key]):
                yield f"{path.name}: {key} has other placeholders than English"


# Icons


def icon(value: Any) -> str:
    """Validate the name of an icon."""
    name = cv.string_with_no_html(value)
    if not name.startswith("mdi:"):
        raise vol.Invalid("an icon must start with mdi:")
    return name


def states_differ(entities: Json) -> Json:
    """Validate that no state repeats the default icon."""
    for key, icons in entities.items():
        if icons.get("default") in icons.get("state", {}).values():
            raise vol.Invalid(f"a state icon of {key} equals its default")
    return entities


def icon_schema() -> vol.Schema:
    """Return the schema of icons.json."""
    service = {vol.Optional("service"): icon, vol.Optional("sections"): keyed(icon)}
    entity = {vol.Optional("default"): icon, vol.Optional("state"): keyed(icon)}
    return vol.Schema(
        {
            vol.Optional("entity"): keyed(
                vol.All(keyed(entity), states_differ), cv.slug
            ),
            vol.Optional("services"): keyed(
                vol.All(convert_shorthand_service_icon, vol.Schema(service))
            ),
        }
    )


# Actions


def service_schema() -> vol.Schema:
    """Return the schema of services.yaml."""
    field = {
        vol.Optional("advanced"): bool,
        vol.Optional("default"): object,
        vol.Optional("description"): str,
        vol.Optional("example"): object,
        vol.Optional("filter"): dict,
        vol.Optional("name"): str,
        vol.Optional("required"): bool,
        vol.Optional("selector"): selector.validate_selector,
    }
    section = {
        vol.Required("fields"): {str: field},
        vol.Optional("collapsed"): bool,
    }
    service = {
        vol.Optional("name"): str,
        vol.Optional("description"): str,
        vol.Optional("target"): vol.Any(None, selector.TargetSelector.CONFIG_SCHEMA),
        vol.Optional("fields"): {str: vol.Any(field, section)},
    }
    return vol.Schema({cv.slug: vol.Any(None, service)})


def flat_fields(service: Json) -> Iterator[tuple[str, Json]]:
    """Yield the fields of an action, those within sections included."""
    for name, field in service.get("fields", {}).items():
        if field and "fields" in field:
            yield from field["fields"].items()
        else:
            yield name, field or {}


def check_services(english: Json, icons: Json) -> Problems:
    """Check services.yaml, and that each action is named, described and drawn."""
    path = INTEGRATION / "services.yaml"
    services: Json = load_yaml_dict(path) if path.exists() else {}
    yield from violations(service_schema(), services)
    for name, service in services.items():
        translated = english.get("services", {}).get(name, {})
        if name not in icons.get("services", {}):
            yield f"{name} has no icon"
        if not {"name", "description"} <= {*(service or {}), *translated}:
            yield f"{name} has no name or no description"
        for field, content in flat_fields(service or {}):
            words = {*content, *translated.get("fields", {}).get(field, {})}
            if not {"name", "description"} <= words:
                yield f"{name}.{field} has no name or no description"
            options = (content.get("selector") or {}).get("select") or {}
            key = options.get("translation_key")
            if key and key not in english.get("selector", {}):
                yield f"{name}.{field}: its options ({key}) are not translated"


# HACS

HACS = vol.Schema(
    {
        vol.Required("name"): str,
        vol.Optional("content_in_root"): bool,
        vol.Optional("country"): vol.Any(str, [str]),
        vol.Optional("filename"): str,
        vol.Optional("hacs"): str,
        vol.Optional("hide_default_branch"): bool,
        vol.Optional("homeassistant"): vol.All(str, version),
        vol.Optional("persistent_directory"): str,
        vol.Optional("render_readme"): bool,
        vol.Optional("zip_release"): bool,
    }
)


def check_repository() -> Problems:
    """Check what HACS wants around the integration."""
    hacs = load(ROOT / "hacs.json")
    yield from violations(HACS, hacs)
    if hacs.get("zip_release") and "filename" not in hacs:
        yield "hacs.json: zip_release without filename"
    others = [
        path.parent.name
        for path in ROOT.glob("custom_components/*/manifest.json")
        if path.parent != INTEGRATION
    ]
    if others:
        yield f"one integration a repository, but there are also: {others}"
    yield from (
        f"{name} is missing"
        for name in ("README.md", "LICENSE")
        if not (ROOT / name).is_file()
    )


def check_brand() -> Problems:
    """Check the names and sizes of the brand images."""
    if not (INTEGRATION / "brand" / "icon.png").is_file():
        yield "brand/icon.png is missing"
    for path in (INTEGRATION / "brand").glob("*"):
        if path.name not in BRAND_FILES:
            yield f"brand/{path.name}: unknown"
        elif "icon" in path.name:
            side = 512 if "@2x" in path.name else 256
            # Width and height of a PNG follow its signature and the head of its IHDR.
            if (size := struct.unpack(">II", path.read_bytes()[16:24])) != (side, side):
                yield f"brand/{path.name}: {size} should be {side} x {side}"


def main() -> None:
    """Print every problem, one a line; exit with 1 if there is any."""
    manifest = load(INTEGRATION / "manifest.json")
    english = load(INTEGRATION / "translations" / "en.json")
    icons = load(INTEGRATION / "icons.json")
    problems = [
        *(f"manifest.json: {problem}" for problem in check_manifest(manifest)),
        *check_code(manifest),
        *(f"translations: {problem}" for problem in check_translations(english)),
        *(f"icons.json: {problem}" for problem in violations(icon_schema(), icons)),
        *(f"services: {problem}" for problem in check_services(english, icons)),
        *check_repository(),
        *check_brand(),
    ]
    print(*problems, f"{DOMAIN}: {len(problems)} problems", sep="\n")
    sys.exit(bool(problems))


main()
