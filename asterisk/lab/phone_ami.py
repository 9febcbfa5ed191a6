"""The little of Asterisk's manager interface that telephones need: actions, and the events of calls.

Format: `Name: value` lines ended by CR LF, a message by an empty line
(docs.asterisk.org, "AMI v2 Specification").
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from itertools import count

from callflow.errors import AriRefused, AriUnreachable

Message = Mapping[str, str]
ANSWER_WITHIN_S = 5.0


class ManagerLink:
    """One connection to the manager interface. Open it with `open_link`, end it with `close`.

    Events go to `on_event` in order, within the event loop; `on_lost` is called once when Asterisk went away.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_event: Callable[[Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._reader, self._writer = reader, writer
        self._on_event, self._on_lost = on_event, on_lost
        self._numbers = count(1)
        self._awaited: dict[str, asyncio.Future[Message]] = {}
        self._reading = asyncio.create_task(self._read(), name="manager interface of the phones")

    async def act(self, action: str, fields: Iterable[tuple[str, object]] = ()) -> Message:
        """Do an action and return its response. A field may come more than once (`Variable`).

        Raises `AriRefused` when Asterisk says no, `AriUnreachable` when it is gone or silent.
        """
        if self._reading.done():
            raise AriUnreachable("the phones' Asterisk went away")
        number = str(next(self._numbers))
        answer = self._awaited[number] = asyncio.get_running_loop().create_future()
        lines = [("Action", action), ("ActionID", number), *fields]
        try:
            self._writer.write(
                b"".join(f"{_one_line(n)}: {_one_line(v)}\r\n".encode() for n, v in lines) + b"\r\n"
            )
            async with asyncio.timeout(ANSWER_WITHIN_S):
                message: Message = await answer
        except (TimeoutError, ConnectionError) as error:
            raise AriUnreachable(f"the phones' Asterisk does not answer {action}") from error
        finally:
            del self._awaited[number]
        if message.get("Response") != "Success":
            raise AriRefused(f"the phones' Asterisk refused {action}: {message.get('Message', '')}")
        return message

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self._take(parse(await self._reader.readuntil(b"\r\n\r\n")))
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the phones' Asterisk went away"))
        self._on_lost()

    def _take(self, message: Message) -> None:
        if "Event" in message:
            self._on_event(message)
        elif (answer := self._awaited.get(message.get("ActionID", ""))) and not answer.done():
            answer.set_result(message)


def parse(text: bytes) -> Message:
    """One message as a mapping; of a name that comes twice the last value stays."""
    pairs = (line.partition(": ") for line in text.decode("utf-8", "replace").split("\r\n"))
    return {name: value for name, _, value in pairs if name}


def _one_line(value: object) -> str:
    """A line break inside a value would begin a field of its own."""
    return str(value).replace("\r", " ").replace("\n", " ")


async def open_link(
    port: int,
    user: str,
    secret: str,
    on_event: Callable[[Message], None],
    on_lost: Callable[[], None],
) -> ManagerLink:
    """Connect to 127.0.0.1 and log in. Raises `AriRefused` or `AriUnreachable`."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()  # the greeting
    except ConnectionError as error:
        raise AriUnreachable(f"no manager interface at 127.0.0.1:{port}") from error
    link = ManagerLink(reader, writer, on_event, on_lost)
    try:
        await link.act("Login", (("Username", user), ("Secret", secret)))
    except BaseException:
        await link.close()
        raise
    return link
