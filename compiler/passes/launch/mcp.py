"""The MCP servers of a session, as each harness wants to be told of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from compiler.ir.launch_plan import LaunchFile
from compiler.ir.sidecars import Harness

GENERIC_VARIABLE: Final = "MOORING_MCP_CONFIG"
_GENERIC_PLACE: Final = "/run/mooring-mcp/mcp.json"
# https://geminicli.com/docs/reference/configuration: the settings of the system.
_GEMINI_PLACE: Final = "/etc/gemini-cli/settings.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class McpConfig:
    """Words after the image, variables of the container, and a file with its place in it."""

    flags: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    file: tuple[LaunchFile, str] | None = None


def mcp_config(harness: Harness | None, servers: Mapping[str, str]) -> McpConfig:
    """How ``servers`` (names to URLs) are made known; nothing without servers or harness."""
    if harness is None or not servers:
        return McpConfig()
    return _HARNESSES[harness](servers)


def _claude(servers: Mapping[str, str]) -> McpConfig:
    return McpConfig(flags=("--mcp-config", _json(_standard(servers))))


def _codex(servers: Mapping[str, str]) -> McpConfig:
    """Settings are TOML: quoted keys and values are JSON strings."""
    settings = (f"mcp_servers.{_json(name)}.url={_json(url)}" for name, url in servers.items())
    return McpConfig(flags=tuple(word for setting in settings for word in ("-c", setting)))


def _opencode(servers: Mapping[str, str]) -> McpConfig:
    listed = {name: {"type": "remote", "url": url} for name, url in servers.items()}
    return McpConfig(variables=(("OPENCODE_CONFIG_CONTENT", _json({"mcp": listed})),))


def _gemini(servers: Mapping[str, str]) -> McpConfig:
    listed = {name: {"httpUrl": url} for name, url in servers.items()}
    file = LaunchFile(name="gemini-settings.json", content=_pretty({"mcpServers": listed}))
    return McpConfig(file=(file, _GEMINI_PLACE))


def _generic(servers: Mapping[str, str]) -> McpConfig:
    file = LaunchFile(name="mcp.json", content=_pretty(_standard(servers)))
    return McpConfig(variables=((GENERIC_VARIABLE, _GENERIC_PLACE),), file=(file, _GENERIC_PLACE))


def _standard(servers: Mapping[str, str]) -> dict[str, Any]:
    return {"mcpServers": {name: {"type": "http", "url": url} for name, url in servers.items()}}


def _json(data: object) -> str:
    return json.dumps(data, separators=(",", ":"))


def _pretty(data: object) -> str:
    return json.dumps(data, indent=2) + "\n"


_HARNESSES: Final = {
    Harness.CLAUDE: _claude,
    Harness.CODEX: _codex,
    Harness.OPENCODE: _opencode,
    Harness.GEMINI: _gemini,
    Harness.GENERIC: _generic,
}
