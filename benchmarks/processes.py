"""The server of the bench in a process of its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
import sys
import tempfile

from .certificate import write_certificate


@asynccontextmanager
async def server() -> AsyncGenerator[tuple[int, int, Path]]:
    """Run the server in a process of its own; yields its ports, without and with TLS, and the certificate."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = write_certificate(Path(folder))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "benchmarks.server", str(certificate)),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout
            plain, tls = map(int, (await process.stdout.readline()).split())
            yield plain, tls, certificate
        finally:
            process.kill()
            await process.wait()
