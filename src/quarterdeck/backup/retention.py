"""What may go: pure functions of ages and policies. Nothing younger than the policy ever goes."""

from collections.abc import Sequence
from typing import Final

from quarterdeck.config.backup import DAY_NS, Backup

__all__ = ["expired", "kept_backups"]

_WEEK_NS: Final = 7 * DAY_NS
_MONDAY_NS: Final = 3 * DAY_NS  # the epoch was a Thursday


def expired(youngest_ns: int, now_ns: int, keep_days: int) -> bool:
    """Whether something whose youngest part is of that time has outlived the policy. Times are UTC nanoseconds."""
    return now_ns - youngest_ns > keep_days * DAY_NS


def kept_backups(times_ns: Sequence[int], now_ns: int, settings: Backup) -> set[int]:
    """Returns the places in `times_ns` of the backups that stay.

    The newest, every one younger than `keep_days`, the newest of each of the latest `keep_daily` days that have one,
    and the newest of each of the latest `keep_weekly` weeks that have one (weeks begin on Monday, UTC).
    """
    newest_first = sorted(range(len(times_ns)), key=lambda place: times_ns[place], reverse=True)
    kept = {place for place in newest_first if not expired(times_ns[place], now_ns, settings.keep_days)}
    kept.update(newest_first[:1])
    for span_ns, offset_ns, count in ((DAY_NS, 0, settings.keep_daily), (_WEEK_NS, _MONDAY_NS, settings.keep_weekly)):
        newest_of: dict[int, int] = {}
        for place in newest_first:
            newest_of.setdefault((times_ns[place] + offset_ns) // span_ns, place)
        kept.update(list(newest_of.values())[:count])
    return kept
