"""What TOPOLOGY.md says of tongs."""

from __future__ import annotations

from collections.abc import Sequence

from compiler import contracts
from compiler.ir.launch_plan import Held
from compiler.ir.tong import Kind, Tong
from compiler.passes.launch.lower import lower_secrets


def tong_rows(tongs: Sequence[Tong]) -> list[tuple[str, dict[str, str]]]:
    """A thing of a tong's, and who gets at it how."""
    rows = []
    for tong in tongs:
        service = contracts.tong_service(tong.name)
        for secret in lower_secrets(tong):
            held = ", ".join(f"`{p.variable}`" for p in secret.parts if isinstance(p, Held))
            rows.append((f"`{secret.variable}` of `{tong.name}`, from {held}", {service: "yes"}))
        if tong.has_socket:
            rows.append(("**the host, by the socket of its Docker**", {service: "**root**"}))
    return rows


def workspace_holders(tongs: Sequence[Tong]) -> dict[str, str]:
    """The services of tongs that have the workspace."""
    return {contracts.tong_service(t.name): "yes" for t in tongs if t.mounts_workspace}


def tong_residuals(tongs: Sequence[Tong]) -> list[str]:
    """What a tong can do that nothing stops."""
    sockets = [f"`{tong.name}`" for tong in tongs if tong.has_socket]
    found = []
    if sockets:
        found.append(
            f"**{', '.join(sockets)}: whoever controls such a container is root "
            "on the host, and gets at everything here.**"
        )
    if any(tong.has_secrets for tong in tongs):
        found.append(
            "A tong does for its users what its interface offers: they do not see its secrets, but "
            "may use them through it."
        )
    if any(tong.interface.kind is Kind.VOLUME for tong in tongs):
        found.append("Both sides write to a volume that a tong offers.")
    return found
