"""Our end of one worker process of the embedded recogniser."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from callflow.errors import BadPacket, ProviderError, ProviderRefused, ProviderTimeout
from media.stt.wire import LENGTH, MAXIMUM, Answer, Job, pack_job, unpack_answer

COMMAND = (sys.executable, "-m", "media.stt.pocketsphinx_worker")
START_S = 20.0  # the model is read from a cold disk on a busy machine
CLOSE_S = 1.0


class Worker:
    """One worker process, ready when it is made. After an error of `ask` it is of no use: `kill` it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a worker needs pipes for its input and output")
        self.pid = process.pid
        self._process = process
        self._jobs, self._answers = process.stdin, process.stdout

    @classmethod
    async def start(cls, command: tuple[str, ...] = COMMAND) -> Worker:
        """Start a process and wait until it has its model. It inherits three pipes and no socket, and no
        key pressed in our terminal reaches it. Raises `ProviderError`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": _search_path()},
                start_new_session=True,
            )
        except OSError as error:
            raise ProviderError(f"The recogniser's worker cannot be started: {error}") from error
        worker = cls(process)
        try:
            await worker._ready()
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def _ready(self) -> None:
        answer = await self._answer(START_S)
        if answer.error:
            raise ProviderRefused(f"The embedded recogniser cannot start: {answer.error}")

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def ask(self, job: Job, timeout: float) -> Answer:
        """Let it do one job. Raises `ProviderTimeout` after `timeout` seconds, `ProviderError` when it died
        or could not."""
        try:
            self._jobs.write(pack_job(job))
            await self._jobs.drain()
        except OSError as error:
            raise ProviderError("The recogniser's worker is gone") from error
        answer = await self._answer(timeout)
        if answer.error:
            raise ProviderError(f"The recogniser's worker failed: {answer.error}")
        return answer

    async def _answer(self, timeout: float) -> Answer:
        try:
            async with asyncio.timeout(timeout):
                return unpack_answer(await self._message())
        except TimeoutError as error:
            raise ProviderTimeout(f"The recogniser's worker gave no answer in {timeout:g} s") from error
        except (asyncio.IncompleteReadError, BadPacket, OSError) as error:
            raise ProviderError(f"The recogniser's worker is gone: {error}") from error

    async def _message(self) -> bytes:
        (length,) = LENGTH.unpack(await self._answers.readexactly(LENGTH.size))
        if length > MAXIMUM:
            raise BadPacket(f"an answer of {length} bytes")
        return await self._answers.readexactly(length)

    async def close(self) -> None:
        """Let it end by itself, or else end it."""
        self._jobs.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it now."""
        if self.alive:
            self._process.kill()
        self._jobs.close()
        await self._process.wait()


def _search_path() -> str:
    """Where the process finds this package, whatever directory we were started in."""
    ours = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH", ""))))
