"""What the machine beside a desk, the health components and expiring keys say. Pure functions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from quarterdeck.config.ops import Thresholds
from quarterdeck.ops.alerts.machine import MachineFigures
from quarterdeck.ops.alerts.model import Case, Severity

__all__ = ["MACHINE_LOOKS", "MachineLook", "component_cases", "expiring_cases"]

MachineLook: TypeAlias = Callable[[MachineFigures, Thresholds], Iterator[Case]]


def _disk(machine: MachineFigures, limits: Thresholds) -> Iterator[Case]:
    free = machine.disk_free_share
    if free is not None and free < float(limits.disk_free_share):
        yield Case("desk", f"{free:.1%} of the disk is free, less than {limits.disk_free_share:.1%}")


def _memory(machine: MachineFigures, limits: Thresholds) -> Iterator[Case]:
    if machine.memory_mib is not None and machine.memory_mib > limits.memory_mib:
        yield Case("desk", f"the desk's process takes {machine.memory_mib:,.0f} MiB, over {limits.memory_mib:,}")


def _backup(machine: MachineFigures, limits: Thresholds) -> Iterator[Case]:
    if not machine.backup_enabled:
        return
    if machine.backup_age_s is None:
        yield Case("desk", "there is no backup that can be read")
    elif machine.backup_age_s > limits.backup_age_hours * 3600:
        yield Case("desk", f"the newest backup is {machine.backup_age_s / 3600:.1f} hours old")


def _capture(machine: MachineFigures, limits: Thresholds) -> Iterator[Case]:
    if not machine.capturing:
        return
    if machine.capture_age_s is None:
        yield Case("desk", "the capture's record of itself cannot be read")
    elif machine.capture_age_s > limits.capture_age_s:
        yield Case("desk", f"the capture has written nothing for {machine.capture_age_s:,.0f} s")


MACHINE_LOOKS: Final[dict[str, MachineLook]] = {
    "disk-free": _disk,
    "memory": _memory,
    "backup-old": _backup,
    "capture-stale": _capture,
}


_OWN_RULES: Final = ("process", "recovery", "venue", "feed", "risk", "orders", "reconciliation", "standby", "backup",
                     "memory", "disk", "ticks", "funding")  # fmt: skip
"""Components about which other rules say more."""


def component_cases(components: Mapping[str, Any]) -> Iterator[Case]:
    """Of a health report's components by name, each with a status and a message: those that are not healthy."""
    for name, one in components.items():
        status = str(getattr(one, "status", ""))
        if name.rpartition("/")[2].partition(":")[0] in _OWN_RULES:
            continue
        if status in {"degraded", "unhealthy"}:
            severity = Severity.P2 if status == "unhealthy" else Severity.P3
            yield Case(name, f"{name} is {status}: {getattr(one, 'message', '')}", severity)


def expiring_cases(sentences: Sequence[str]) -> Iterator[Case]:
    """Of sentences about tokens and keys that come to their end: one case for each."""
    for sentence in sentences:
        yield Case(sentence.split(":", 1)[0], sentence)
