"""The machine: processor, memory, disks, and how far its clock may be off."""

import ctypes
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import psutil

from quarterdeck.ops.health.components import Found, Status

__all__ = ["Clock", "clock", "cpu", "disk", "memory", "read_clock"]

_LOAD_DEGRADED: Final = 4.0  # processes that wait for each processor, over five minutes
_MEMORY_DEGRADED: Final = 0.90  # shares of the machine's
_MEMORY_UNHEALTHY: Final = 0.98
_NANO: Final = 0x2000  # STA_NANO of adjtimex(2): the offset is in nanoseconds
_UNSYNCHRONISED: Final = 0x0040  # STA_UNSYNC
_ADJTIMEX_BYTES: Final = 512  # more than struct timex has
_MIB: Final = 1 << 20


def cpu() -> Found:
    """The load of the last five minutes, and the use since the last look."""
    load, cores = os.getloadavg()[1], os.cpu_count() or 1
    details = {"percent": psutil.cpu_percent(None), "load_5min": round(load, 2), "cores": cores}
    if load / cores >= _LOAD_DEGRADED:
        return Found(Status.DEGRADED, f"{load:.1f} processes want {cores} processors", details)
    return Found(Status.HEALTHY, f"load {load:.2f} on {cores} processors", details)


def memory(processes: Mapping[str, int], limit_mib: int) -> Found:
    """The machine's memory, and what each process (by name and number) of ours holds of it."""
    machine = psutil.virtual_memory()
    held: dict[str, int] = {}
    for name, pid in processes.items():
        try:
            held[name] = psutil.Process(pid).memory_info().rss // _MIB
        except psutil.NoSuchProcess:
            continue  # it ended meanwhile; its own component says so
    used = machine.percent / 100
    details: dict[str, object] = {
        "percent": machine.percent,
        "total_mib": machine.total // _MIB,
        "available_mib": machine.available // _MIB,
        "processes_mib": held,
        "limit_mib": limit_mib,
    }
    large = sorted(name for name, mib in held.items() if mib > limit_mib)
    if used >= _MEMORY_UNHEALTHY:
        return Found(Status.UNHEALTHY, f"{machine.percent:.0f} % of the memory is in use", details)
    if large:
        said = f"{', '.join(large)} holds more than {limit_mib} MiB: restart it when the market allows"
        return Found(Status.DEGRADED, said, details)
    if used >= _MEMORY_DEGRADED:
        return Found(Status.DEGRADED, f"{machine.percent:.0f} % of the memory is in use", details)
    return Found(Status.HEALTHY, f"{machine.available // _MIB:,} MiB available", details)


def disk(places: Iterable[tuple[str, Path, int]], free_share: float) -> Found:
    """Room at each place (name, folder, MiB below which a desk stops). Raises OSError for a place that is not there."""
    status, messages, details = Status.HEALTHY, list[str](), dict[str, object]()
    for name, folder, reserve_mib in places:
        room = shutil.disk_usage(folder)
        free_mib, share = room.free // _MIB, room.free / room.total
        details[name] = {"free_mib": free_mib, "free_share": round(share, 4), "reserve_mib": reserve_mib}
        if free_mib < reserve_mib:
            status = Status.UNHEALTHY
            messages.append(f"{name}: {free_mib:,} MiB free, entries stop below {reserve_mib:,}")
        elif share < free_share:
            status = Status.DEGRADED if status is Status.HEALTHY else status
            messages.append(f"{name}: {share:.1%} of the disk is free")
    return Found(status, "; ".join(messages) or "there is room", details)


class _Timex(ctypes.Structure):
    """The head of struct timex; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_char * _ADJTIMEX_BYTES),
    )


class Clock:
    """What adjtimex(2) says: the offset still to be corrected, the largest error, and whether it is kept in step."""

    def __init__(self, offset_ms: float, error_ms: float, steered: bool) -> None:
        self.offset_ms, self.error_ms, self.steered = offset_ms, error_ms, steered


def read_clock() -> Clock | None:
    """Asks the system; None where it does not say."""
    library = cast(Any, ctypes.CDLL(None, use_errno=True))
    words = cast(Any, _Timex())
    if not hasattr(library, "adjtimex") or int(library.adjtimex(ctypes.byref(words))) < 0:
        return None
    scale = 1e6 if int(words.status) & _NANO else 1e3
    return Clock(int(words.offset) / scale, int(words.maxerror) / 1e3, not int(words.status) & _UNSYNCHRONISED)


def clock(allowed_ms: float, read: Callable[[], Clock | None] = read_clock) -> Found:
    """How far the machine's clock is off, as what keeps it in step believes."""
    found = read()
    if found is None:
        return Found(Status.HEALTHY, "this system does not say how its clock stands", {})
    details = {"offset_ms": found.offset_ms, "error_ms_max": found.error_ms, "steered": found.steered}
    if not found.steered:
        return Found(Status.DEGRADED, "nothing keeps the clock in step: run an NTP client", details)
    if abs(found.offset_ms) > allowed_ms:
        return Found(Status.UNHEALTHY, f"it is {found.offset_ms:+.1f} ms off, {allowed_ms:g} are allowed", details)
    return Found(Status.HEALTHY, f"{found.offset_ms:+.3f} ms off, at most {found.error_ms:.1f}", details)
