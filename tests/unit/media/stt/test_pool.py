"""Worker processes that many calls share, with a worker that does as it is told."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from callflow.errors import ProviderBusy, ProviderError, ProviderRefused, ProviderTimeout
from media.stt.pool import Pool
from media.stt.wire import Job

WORKER = (sys.executable, "-m", "tests.unit.media.stt.obedient_worker")

MakePool = Callable[..., Pool]


@pytest.fixture
async def pools() -> AsyncIterator[MakePool]:
    made: list[Pool] = []

    def make(size: int = 1, *, timeout: float = 20.0, command: tuple[str, ...] = WORKER) -> Pool:
        made.append(Pool(size, timeout=timeout, command=command))
        return made[-1]

    yield make
    for pool in made:
        await pool.close()


def _job(order: str) -> Job:
    return Job((order,), digits=False, language="en", pcm=bytes(64_000))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_job_is_answered_by_a_worker_that_starts_when_wanted(pools: MakePool) -> None:
    assert (await pools().decode(_job("winter"))).text == "winter"


async def test_jobs_are_done_in_the_order_they_came(pools: MakePool) -> None:
    pool = pools()
    done: list[str] = []

    async def ask(order: str) -> None:
        done.append((await pool.decode(_job(order))).text)

    await asyncio.gather(*(ask(str(number)) for number in range(20)))
    assert done == [str(number) for number in range(20)]


async def test_workers_share_the_jobs_and_stay(pools: MakePool) -> None:
    pool = pools(2)
    first = await asyncio.gather(*(pool.decode(_job("pid")) for _ in range(2)))
    later = await asyncio.gather(*(pool.decode(_job("pid")) for _ in range(6)))
    assert len({answer.text for answer in first}) == 2
    assert {answer.text for answer in later} <= {answer.text for answer in first}


async def test_a_worker_that_dies_is_an_error_and_replaced(pools: MakePool) -> None:
    pool = pools()
    before = (await pool.decode(_job("pid"))).text
    with pytest.raises(ProviderError, match="gone"):
        await pool.decode(_job("die"))
    assert (await pool.decode(_job("pid"))).text not in ("", before)


async def test_a_worker_that_was_killed_between_jobs_is_replaced(pools: MakePool) -> None:
    pool = pools()
    before = int((await pool.decode(_job("pid"))).text)
    os.kill(before, 9)
    texts = []
    for _ in range(2):  # the first one may still meet the dead process
        try:
            texts.append((await pool.decode(_job("pid"))).text)
        except ProviderError:
            continue
    assert texts
    assert str(before) not in texts


async def test_a_worker_that_hangs_is_an_error_and_ended(pools: MakePool) -> None:
    pool = pools(timeout=1.0)
    before = int((await pool.decode(_job("pid"))).text)
    with pytest.raises(ProviderTimeout):
        await pool.decode(_job("hang"))
    assert not _runs(before)


async def test_who_waits_too_long_for_a_worker_is_told(pools: MakePool) -> None:
    pool = pools(timeout=0.5)
    await pool.decode(_job("first"))
    results = await asyncio.gather(*(pool.decode(_job("hang")) for _ in range(3)), return_exceptions=True)
    assert isinstance(results[0], ProviderTimeout)
    assert isinstance(results[2], ProviderBusy)


async def test_a_failed_job_is_an_error_with_its_reason(pools: MakePool) -> None:
    with pytest.raises(ProviderError, match="told to"):
        await pools().decode(_job("fail"))


async def test_a_worker_that_cannot_start_says_why(pools: MakePool) -> None:
    with pytest.raises(ProviderRefused, match="no model"):
        await pools(command=(*WORKER, "unable")).decode(_job("winter"))
    with pytest.raises(ProviderError, match="an answer of"):
        await pools(command=(*WORKER, "mumble")).decode(_job("winter"))
    with pytest.raises(ProviderError, match="cannot be started"):
        await pools(command=("/nonexistent/python",)).decode(_job("winter"))


async def test_a_caller_who_hangs_up_leaves_the_worker_in_step(pools: MakePool) -> None:
    pool = pools()
    await pool.decode(_job("first"))
    gone = asyncio.ensure_future(pool.decode(_job("of the caller who left")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.cancel()
    assert (await pool.decode(_job("mine"))).text == "mine"
    assert gone.cancelled()


async def test_workers_hold_no_socket_of_ours(pools: MakePool) -> None:
    with socket.socket() as ours:
        ours.set_inheritable(True)
        assert (await pools().decode(_job("sockets"))).text == ""


async def test_preparing_happens_behind_the_callers_back(pools: MakePool) -> None:
    pool = pools()
    pool.prepare(_job("die"))
    assert not pool.idle
    assert (await pool.decode(_job("winter"))).text == "winter"


async def test_closing_leaves_no_process_not_even_a_busy_one(pools: MakePool) -> None:
    pool = pools()
    pids = {int((await pool.decode(_job("pid"))).text) for _ in range(4)}
    busy = asyncio.ensure_future(pool.decode(_job("hang")))
    while pool.idle and not busy.done():
        await asyncio.sleep(0)
    await pool.close()
    await pool.close()
    assert not any(_runs(pid) for pid in pids)
    with pytest.raises(ProviderError, match="closed"):
        await busy
    with pytest.raises(ProviderError, match="closed"):
        await pool.decode(_job("late"))
