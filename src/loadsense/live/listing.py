"""Sensors in words and as plain values: what `scan` and `devices` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from loadsense.devices import DeviceProfile
    from loadsense.sources.ble import Found

_HEAD: Final = ("NAME", "ADDRESS", "SIGNAL", "BATTERY", "PROFILE", "OFFERS")


def found_lines(found: Sequence[Found]) -> list[str]:
    """Sensors in reach as aligned lines below a head."""
    return _columns([_HEAD, *map(_found_row, found)])


def found_json(one: Found) -> dict[str, Any]:
    """A sensor in reach as plain values; null is unknown."""
    profile = one.profile
    return {
        "name": one.name,
        "address": one.address,
        "rssi_dbm": one.rssi_dbm,
        "battery_percent": one.battery_percent,
        "profile": profile.name if profile else None,
        "rates_hz": list(profile.rates_hz) if profile else None,
        "ranges_g": list(profile.ranges_g) if profile else None,
    }


def profile_json(one: DeviceProfile) -> dict[str, Any]:
    """A profile as plain values."""
    return asdict(one)


def profile_lines(one: DeviceProfile) -> Iterator[str]:
    """A profile in words: what it offers, what is not verified, what to remember."""
    yield f"{one.name}  [{one.tier}] {one.title}"
    yield f"    {_listed(one.rates_hz)} Hz; +-{_listed(one.ranges_g)} g; loss seen by {one.loss_seen_by}"
    if one.unverified:
        yield f"    not verified: {', '.join(one.unverified)}"
    for quirk in one.quirks:
        yield f"    - {quirk}"


def _found_row(one: Found) -> tuple[str, ...]:
    profile = one.profile
    offers = "-"
    if profile is not None:
        offers = f"{_listed(profile.rates_hz)} Hz, +-{_listed(profile.ranges_g)} g"
    battery = "-" if one.battery_percent is None else f"{one.battery_percent} %"
    signal = "-" if one.rssi_dbm is None else f"{one.rssi_dbm} dBm"
    return (one.name or "-", one.address, signal, battery, profile.name if profile else "-", offers)


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _listed(values: Sequence[float]) -> str:
    return "/".join(f"{value:g}" for value in values)
