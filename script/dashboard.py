"""The dashboard of the demo: the live card, and the devices of the house beside it."""

from typing import Any

from .home_assistant import HomeAssistant

URL_PATH = "talk-demo"
CARD = "custom:azure-realtime-audio-card"

# The devices of a house that is lived in, by area.
DEVICES = {
    "kitchen": ("light.kitchen_light", "media_player.kitchen"),
    "living_room": ("light.living_room_lamp", "cover.blinds"),
    "bedroom": ("light.bedside_lamp", "sensor.bedroom_temperature"),
}


async def furnish(house: HomeAssistant) -> None:
    """Put the devices into their rooms, and let assistants see them; lights off, blinds closed."""
    entities = [each for entity_ids in DEVICES.values() for each in entity_ids]
    for area, entity_ids in DEVICES.items():
        for entity_id in entity_ids:
            await house.command(
                "config/entity_registry/update", entity_id=entity_id, area_id=area
            )
    await house.command(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=entities,
        should_expose=True,
    )
    for entity_id in (each for each in entities if each.startswith("light.")):
        await house.action("light.turn_off", entity_id, answers=False)
    await house.action("cover.close_cover", "cover.blinds", answers=False)


async def make_dashboard(house: HomeAssistant, conversation: str) -> str:
    """Make a dashboard with the live card of an assistant, and open Home Assistant on it.

    Returns its address.
    """
    devices = [
        {"type": "tile", "entity": entity_id}
        for entity_ids in DEVICES.values()
        for entity_id in entity_ids
    ]
    await save_dashboard(
        house,
        URL_PATH,
        "Talk",
        {
            "type": "sections",
            "max_columns": 2,
            "sections": [
                {"type": "grid", "cards": [{"type": CARD, "entity": conversation}]},
                {"type": "grid", "cards": devices},
            ],
        },
    )
    await house.command(
        "frontend/set_system_data", key="core", value={"default_panel": URL_PATH}
    )
    return f"{house.url}/{URL_PATH}"


async def save_dashboard(
    house: HomeAssistant, url_path: str, title: str, view: dict[str, Any]
) -> None:
    """Make a dashboard of one view, as a person does who adds one."""
    await house.command(
        "lovelace/dashboards/create",
        url_path=url_path,
        title=title,
        icon="mdi:account-voice",
    )
    await house.command(
        "lovelace/config/save",
        url_path=url_path,
        config={"title": title, "views": [{"title": title, **view}]},
    )
