"""One pool of HTTP connections to Asterisk, and what its answers mean in our errors.

This is the HTTP client that `aioari` is given. Its own one puts the password into every address, has no time
limit, and reports failures as the exceptions of a web *server*.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from callflow.errors import AriError, AriRefused, AriUnreachable, ChannelGone

KEEP_ALIVE_S: Final = 10.0
"""Idle connections are dropped after this; Asterisk does so after 15 s (`session_keep_alive`, http.conf)."""

CONNECTIONS: Final = 40
"""Connections at once; Asterisk serves 100 (`sessionlimit`, http.conf), a thread each. Others wait."""

_IN_BODY: Final = frozenset({"value", "endpoint", "callerId", "appArgs"})
"""Parameters that travel in the body: Asterisk refuses a request line over 4,096 bytes, which a summary in
Ukrainian is, and what callers say and who they are does not belong in a proxy's log."""

_GONE: Final = ("Channel not found", "Event source does not exist")
"""Reasons that come with another status than 404: for `addChannel` 400, for a subscription 422."""


def authorization(user: str, password: str) -> dict[str, str]:
    """The header that logs in to ARI (HTTP Basic), for requests and for the event stream alike."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")}


def base_of(url: str) -> str:
    """The address before `/ari`: scheme, host, port, `prefix` of http.conf. Raises AriRefused if none."""
    base = url.rstrip("/").removesuffix("/ari")
    if urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).hostname:
        raise AriRefused(f"{url!r} is no address of ARI: set ARI_URL, for example http://127.0.0.1:8088")
    return base


def refusal(status: int, body: str, user: str) -> AriError:
    """The error for a reply whose HTTP status is no success, by its `body`.

    A starting Asterisk first refuses connections, then knows no ARI (404, in HTML), then is not booted (503).
    """
    message = _message(body)
    match status, message:
        case 401, _:
            why = f"Asterisk does not know user {user!r} with this password"
            return AriRefused(f"{why}: check ARI_USER and ARI_PASSWORD against ari.conf", status)
        case 403, "Write access denied":
            why = f"Asterisk lets user {user!r} only read"
            return AriRefused(f"{why}: set read_only = no for ARI_USER in ari.conf", status)
        case 404, None:
            why = "there is no ARI at this address (yet)"
            return AriUnreachable(f"{why}: Asterisk is starting, or check ARI_URL and `enabled` in ari.conf")
        case 404, "Resource not found":
            why = "this Asterisk lacks a part of ARI"
            return AriRefused(f"{why}: `callflow doctor` names the module to load (res_ari_…)", status)
        case 503, _:
            return AriUnreachable("Asterisk is starting and not ready")
    text = message or _paragraph(body)
    gone = status == 404 or text in _GONE
    return ChannelGone(text, status) if gone else AriRefused(f"{status}: {text}", status)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that was read to its end, as `aioari` wants it; its connection is free again."""

    status: int
    body: str

    async def text(self) -> str:
        """The body."""
        return self.body


class Rest:
    """Sends requests. Make it inside a running event loop; close it in the end."""

    def __init__(
        self, url: str, user: str, password: str, timeout_s: float, connections: int = CONNECTIONS
    ) -> None:
        self.base = base_of(url)
        self._user = user
        self._timeout_s = timeout_s
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE_S),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            headers=authorization(user, password),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request to our own address, whatever host Asterisk's description names; read the reply.

        Raises AriUnreachable when there is none within the time limit, else by `refusal`.
        """
        query, body = _split(params or {}, data)
        reply = await self._send(method, self._here(url), query, body)
        if reply.status >= 300:
            raise refusal(reply.status, reply.body, self._user)
        return reply

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _here(self, url: str) -> str:
        """The same resource at our address: behind a proxy Asterisk names itself by another one."""
        return f"{self.base}/ari/{url.partition('/ari/')[2]}"

    async def _send(self, method: str, url: str, query: dict[str, str], body: dict[str, Any]) -> Reply:
        try:
            async with self._session.request(
                method, url, params=query, json=body or None, allow_redirects=False
            ) as response:
                return Reply(response.status, await response.text(errors="replace"))
        except TimeoutError:
            raise AriUnreachable(
                f"Asterisk at {self.base} did not answer within {self._timeout_s:g} s"
            ) from None
        except (aiohttp.ClientError, OSError, RuntimeError) as error:  # RuntimeError: the session is closed
            raise AriUnreachable(
                f"Asterisk at {self.base} cannot be reached ({error}): does it run, and is http.conf enabled?"
            ) from error


def _split(params: Mapping[str, Any], data: str | None) -> tuple[dict[str, str], dict[str, Any]]:
    """What goes into the address and what into the JSON body (`data` is the body that aioari made)."""
    body: dict[str, Any] = json.loads(data) if data else {}
    body.update({name: value for name, value in params.items() if name in _IN_BODY})
    return {name: str(value) for name, value in params.items() if name not in _IN_BODY}, body


def _message(body: str) -> str | None:
    """ARI's reason, or None where Asterisk's HTTP server refused before ARI saw the request."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return None


def _paragraph(body: str) -> str:
    """The reason on a page of Asterisk's HTTP server."""
    found = re.search(r"<p>(.*?)</p>", body, re.DOTALL)
    return (found[1] if found else body).strip()[:200] or "no reason given"
