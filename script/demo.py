"""What script/demo shows: a typed question, then a light turned on by a spoken sentence.

Everything is real but the cloud: Home Assistant with this integration set up through its config
flow, and the emulator in Azure's place. The exit status tells whether all of it worked.
"""

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
import signal
import sys
import tempfile
import time
from typing import Any
import wave

import numpy as np

from .house import (
    PASSWORD,
    ROOT,
    USER_NAME,
    HomeAssistant,
    HouseError,
    emulator_url,
    free_port,
    home_assistant,
    run_emulator,
    run_home_assistant,
    seed,
)

OUTPUT = ROOT / "demo-output"
DOMAIN = "azure_realtime_audio"
DEPLOYMENT = "gpt-realtime"
API_KEY = "demo-key"
LIGHT = "light.kitchen_light"
QUESTION = "What can you tell me about yourself?"
SENTENCE = "turn on the kitchen light"
STATUSES = ["idle", "listening", "thinking", "speaking", "idle"]
LIMIT = 120.0  # seconds, for the whole demo

START = time.monotonic()


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - START:6.2f} s] {text}", flush=True)


def main() -> int:
    """Run the demo and return the exit status."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="keep everything up until Ctrl-C")
    try:
        return asyncio.run(run(serve=parser.parse_args().serve))
    except HouseError as err:
        print(f"\nThe demo failed. {err}", file=sys.stderr)
    except TimeoutError:
        print(f"\nThe demo failed: it took longer than {LIMIT:.0f} s.", file=sys.stderr)
    except asyncio.CancelledError:
        print("\nStopped.", file=sys.stderr)
    return 1
