"""Run the emulator: `python -m emulator --api-key KEY --deployment NAME`."""

import argparse
import asyncio
import signal
import sys

from .faults import FAULTS, MANNERS, ODDITIES, ORDERS, SIZES, STAGES, Faults
from .server import Emulator


def _table(heading: str, rows: dict[str, str]) -> str:
    lines = "".join(f"  {name:27}{what}\n" for name, what in rows.items())
    return f"{heading}:\n{lines}\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description="An Azure OpenAI Realtime server for tests and demos, with offline ears and voice.",
        epilog=_table("faults", FAULTS)
        + _table("stages", STAGES)
        + _table("manners", MANNERS)
        + _table("orders", ORDERS)
        + _table("sizes", SIZES)
        + _table("oddities", {name: str(what) for name, what in ODDITIES.items()}),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--deployment", required=True)
    parser.add_argument(
        "--model", default="gpt-realtime", help="the model the deployment has"
    )
    parser.add_argument(
        "--base-path", default="", help="as a gateway has it, e.g. /gateway"
    )
    parser.add_argument("--preview-only", action="store_true", help="no GA path")
    parser.add_argument(
        "--first-audio-ms",
        type=int,
        default=120,
        help="from response.created to the first output",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=8,
        help="times real time at which audio is made; 0: at once",
    )
    parser.add_argument(
        "--voice", choices=("espeak", "tone", "touch_tones"), default="espeak"
    )
    parser.add_argument(
        "--ears", choices=("sphinx", "script", "touch_tones"), default="sphinx"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:ARGUMENT][*TIMES]",
        help="switch a fault on; may be given several times",
    )
    arguments = parser.parse_args()
    try:
        arguments.faults = Faults(tuple(arguments.fault))
    except ValueError as err:
        parser.error(str(err))
    return arguments


async def _serve(arguments: argparse.Namespace) -> None:
    emulator = Emulator(
        api_key=arguments.api_key,
        deployment=arguments.deployment,
        model=arguments.model,
        host=arguments.host,
        port=arguments.port,
        base_path=arguments.base_path,
        preview_only=arguments.preview_only,
        first_audio_ms=arguments.first_audio_ms,
        speed=arguments.speed,
        voice=arguments.voice,
        ears=arguments.ears,
        faults=arguments.faults,
        keep_events=False,
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stopped.set)
    async with emulator:
        sys.stdout.write(f"listening on {emulator.url}\n")
        sys.stdout.flush()
        await stopped.wait()


def main() -> None:
    """Serve until interrupted."""
    asyncio.run(_serve(_arguments()))


if __name__ == "__main__":
    main()
