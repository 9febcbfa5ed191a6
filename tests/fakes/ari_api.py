"""The operations of the fake's REST interface: one table that is routed, checked and described to clients.

The description has the shape of Asterisk's own (Swagger 1.1, `/ari/api-docs/*.json`), from which `aioari`
builds its operations. Names, addresses and parameters are those of Asterisk 22.10.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Operation:
    """One operation. `parameters` are `name:where` (path, query or body); `!` marks a required one."""

    resource: str
    name: str
    method: str
    path: str
    gives: str
    parameters: str = ""

    def described(self) -> dict[str, Any]:
        """The operation in Swagger's words."""
        return {
            "httpMethod": self.method,
            "nickname": self.name,
            "responseClass": self.gives,
            "parameters": [
                {"name": name, "paramType": where.rstrip("!"), "required": "!" in where, "dataType": "string"}
                for name, where in self._parameters()
            ],
        }

    def required(self) -> list[str]:
        """The parameters that a request must have, in its address or body."""
        return [name for name, where in self._parameters() if where == "query!"]

    def known(self) -> set[str]:
        """All parameters it takes."""
        return {name for name, _ in self._parameters()}

    def matches(self, method: str, path: str) -> dict[str, str] | None:
        """The parts of a raw path by name, or None when the path is another operation's."""
        if method != self.method:
            return None
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path), path)
        return found.groupdict() if found else None

    def _parameters(self) -> list[tuple[str, str]]:
        return [(name, where) for name, _, where in (text.partition(":") for text in self.parameters.split())]


_ORIGINATE = (
    "endpoint:query! app:query appArgs:query callerId:query timeout:query variables:body channelId:query"
)
_CONTINUE = "channelId:path! context:query extension:query priority:query"
_MEDIA = (
    "channelId:query app:query! external_host:query encapsulation:query transport:query "
    "format:query! data:query variables:body"
)

OPERATIONS = (
    Operation("asterisk", "getInfo", "GET", "/asterisk/info", "AsteriskInfo", "only:query"),
    Operation("asterisk", "listModules", "GET", "/asterisk/modules", "List[Module]"),
    Operation(
        "applications",
        "get",
        "GET",
        "/applications/{applicationName}",
        "Application",
        "applicationName:path!",
    ),
    Operation(
        "applications",
        "subscribe",
        "POST",
        "/applications/{applicationName}/subscription",
        "Application",
        "applicationName:path! eventSource:query!",
    ),
    Operation("channels", "list", "GET", "/channels", "List[Channel]"),
    Operation("channels", "originate", "POST", "/channels", "Channel", _ORIGINATE),
    Operation("channels", "externalMedia", "POST", "/channels/externalMedia", "Channel", _MEDIA),
    Operation(
        "channels", "hangup", "DELETE", "/channels/{channelId}", "void", "channelId:path! reason:query"
    ),
    Operation("channels", "continueInDialplan", "POST", "/channels/{channelId}/continue", "void", _CONTINUE),
    Operation(
        "channels",
        "rtpstatistics",
        "GET",
        "/channels/{channelId}/rtp_statistics",
        "RTPstat",
        "channelId:path!",
    ),
    Operation("channels", "answer", "POST", "/channels/{channelId}/answer", "void", "channelId:path!"),
    Operation(
        "channels",
        "getChannelVar",
        "GET",
        "/channels/{channelId}/variable",
        "Variable",
        "channelId:path! variable:query!",
    ),
    Operation(
        "channels",
        "setChannelVar",
        "POST",
        "/channels/{channelId}/variable",
        "void",
        "channelId:path! variable:query! value:query",
    ),
    Operation("bridges", "list", "GET", "/bridges", "List[Bridge]"),
    Operation(
        "bridges",
        "createWithId",
        "POST",
        "/bridges/{bridgeId}",
        "Bridge",
        "bridgeId:path! type:query name:query",
    ),
    Operation("bridges", "destroy", "DELETE", "/bridges/{bridgeId}", "void", "bridgeId:path!"),
    Operation(
        "bridges",
        "addChannel",
        "POST",
        "/bridges/{bridgeId}/addChannel",
        "void",
        "bridgeId:path! channel:query!",
    ),
)


def find(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation that a request means, and the parts of its path."""
    for operation in OPERATIONS:
        parts = operation.matches(method, path)
        if parts is not None:
            return operation, parts
    return None


def describe(name: str, base: str) -> dict[str, Any] | None:
    """The document `api-docs/<name>.json`, or None; `base` is the address as the client knows it."""
    resources = [*dict.fromkeys(operation.resource for operation in OPERATIONS), "events"]
    head = {"apiVersion": "10.0.0", "swaggerVersion": "1.1", "basePath": f"{base}/ari"}
    if name == "resources":
        paths = [f"/api-docs/{resource}.{{format}}" for resource in resources]
        return head | {"apis": [{"path": path, "description": path} for path in paths]}
    if name not in resources:
        return None
    mine = [operation for operation in OPERATIONS if operation.resource == name]
    return head | {
        "resourcePath": f"/api-docs/{name}.{{format}}",
        "models": {},
        "apis": [
            {"path": operation.path, "description": operation.name, "operations": [operation.described()]}
            for operation in mine
        ],
    }
