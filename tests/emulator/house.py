"""A house as Home Assistant describes it to a model: instructions and tools."""

from typing import Any

HOUSE = """You are a voice assistant for Home Assistant.
Static Context: An overview of the areas and the devices in this smart home:
- names: Kitchen Light, Spots
  domain: light
  areas: Kitchen
- names: 'Bedroom Lamp'
  domain: light
  areas: Bedroom
- names: Thermostat
  domain: climate
  areas: Living Room
"""


def tool(
    tool_name: str, required: tuple[str, ...] = (), /, **properties: str
) -> dict[str, Any]:
    """Return a function tool; properties are given with their JSON type."""
    return {
        "type": "function",
        "name": tool_name,
        "parameters": {
            "type": "object",
            "properties": {
                key: {"type": kind} | ({"items": {}} if kind == "array" else {})
                for key, kind in properties.items()
            },
            "required": list(required),
        },
    }


PLACE = {"name": "string", "area": "string", "domain": "array"}
TOOLS = [
    tool("intent__HassTurnOn", **PLACE),
    tool("intent__HassTurnOff", **PLACE),
    tool("HassLightSet", **PLACE, brightness="integer", color="string"),
    tool("HassClimateSetTemperature", temperature="number", area="string"),
    tool("homeassistant__GetLiveContext", name="string", area="string"),
    tool("llm__GetDateTime"),
    tool("get_weather", ("location",), location="string", unit="string"),
]
