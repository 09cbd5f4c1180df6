"""When nothing could be recorded: a venue's line was down, or nobody recorded."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Gap", "Span", "find_gaps"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A venue was not heard from `since_ns` to `until_ns`."""

    venue: str
    since_ns: int
    until_ns: int
    why: str

    def as_dict(self) -> dict[str, object]:
        return {"venue": self.venue, "since_ns": self.since_ns, "until_ns": self.until_ns, "why": self.why}


@dataclass(frozen=True, slots=True)
class Span:
    """Someone recorded from `since_ns` to `until_ns`."""

    since_ns: int
    until_ns: int


def find_gaps(
    venue: str, lines: Sequence[tuple[int, bool, str]], spans: Sequence[Span], since_ns: int, until_ns: int
) -> list[Gap]:
    """Returns the venue's gaps between two times, oldest first.

    `lines` are (time, up, why) of its line, `spans` the recordings, both oldest first. A line is down when a recording
    begins. What is before the first recording of all is no gap.
    """
    gaps: list[Gap] = []
    down_ns, why = spans[0].since_ns if spans else None, "the line was not up yet"
    for span in spans:
        for time_ns, up, said in lines:
            if not span.since_ns <= time_ns <= span.until_ns:
                continue
            if up and down_ns is not None:
                gaps.append(Gap(venue, down_ns, time_ns, why))
                down_ns = None
            elif not up:
                down_ns, why = time_ns if down_ns is None else down_ns, said or "the line was down"
        if down_ns is None:
            down_ns, why = span.until_ns, "nobody recorded"
        elif down_ns < span.until_ns == spans[-1].until_ns:
            gaps.append(Gap(venue, down_ns, span.until_ns, why))
    bounded = [Gap(venue, max(one.since_ns, since_ns), min(one.until_ns, until_ns), one.why) for one in gaps]
    return [one for one in bounded if one.since_ns < one.until_ns]
