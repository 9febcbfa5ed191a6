"""A few worker processes that many calls share: one utterance each, first come, first served."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from callflow.errors import ProviderBusy, ProviderError
from media.stt.wire import Answer, Job
from media.stt.worker import COMMAND, Worker

_Result = TypeVar("_Result")

log = structlog.get_logger(__name__)


class Pool:
    """Up to `size` workers. A worker that died or hung is replaced by a new one."""

    def __init__(self, size: int = 1, *, timeout: float = 4.0, command: tuple[str, ...] = COMMAND) -> None:
        """`timeout`: the seconds a worker has for an utterance, and that an utterance waits for a worker."""
        self._timeout = timeout
        self._command = command
        self._idle: asyncio.Queue[Worker | None] = asyncio.Queue()  # None: a worker that is yet to start
        for _ in range(size):
            self._idle.put_nowait(None)
        self._workers: set[Worker] = set()
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether a job would begin at once."""
        return not self._idle.empty()

    def start(self) -> None:
        """Start the workers that are not there, in the background: no utterance waits for them then."""
        if self._closed:
            return
        places = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        for worker in places:
            if worker is not None and worker.alive:
                self._idle.put_nowait(worker)
            else:
                self._run(self._begin())

    def prepare(self, job: Job) -> None:
        """Do a job without sound in the background, if a worker is free: its grammar is compiled then."""
        if self.idle and not self._closed:
            self._run(self._do(self._idle.get_nowait(), job))

    async def decode(self, job: Job) -> Answer:
        """Do one job. A caller that is cancelled leaves the job to its end and the worker to the next.

        Raises `ProviderBusy` when no worker came free in time, `ProviderTimeout` when it did not answer in
        time, `ProviderError` when it died or failed.
        """
        try:
            async with asyncio.timeout(self._timeout):
                worker = await self._idle.get()
        except TimeoutError as error:
            raise ProviderBusy(f"No recogniser was free for {self._timeout:g} s: run more workers") from error
        if self._closed:
            self._idle.put_nowait(worker)
            raise ProviderError("The recogniser is closed")
        work = self._run(self._do(worker, job))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if work.cancelled() and me is not None and not me.cancelling():
                raise ProviderError("The recogniser was closed") from None  # it is not we who were cancelled
            raise

    async def close(self) -> None:
        """End the workers: when this returns, none is left. Safe to call twice."""
        self._closed = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self._workers))
        self._workers.clear()
        self._idle.put_nowait(None)  # who waits for a place is told, and tells the next

    async def _do(self, worker: Worker | None, job: Job) -> Answer:
        """One job; whatever comes of it, the worker's place is filled again."""
        try:
            if worker is None or not worker.alive:
                worker = None
                worker = await self._started()
            return await worker.ask(job, self._timeout)
        except ProviderError as error:
            log.warning("recogniser.failed", code=error.code, reason=str(error))
            if worker is not None:
                await worker.kill()
            raise
        finally:
            self._idle.put_nowait(worker)
            if worker is not None and not worker.alive:
                self.start()

    async def _begin(self) -> None:
        """Fill a place with a new worker. One that cannot start now is tried again by the next job."""
        worker = None
        try:
            worker = await self._started()
        except ProviderError as error:
            log.warning("recogniser.unavailable", code=error.code, reason=str(error))
        finally:
            self._idle.put_nowait(worker)

    async def _started(self) -> Worker:
        worker = await Worker.start(self._command)
        self._workers = {worker, *(other for other in self._workers if other.alive)}
        return worker

    def _run(self, work: Coroutine[Any, Any, _Result]) -> asyncio.Task[_Result]:
        """A task of the pool's own, that outlives a caller who hangs up."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # was logged where it was raised; whoever still waits for it gets it too
