"""[conformance]: how old the proof may be that a venue does what the desk relies on."""

from typing import Annotated

from quarterdeck.config.figures import Settings, Within

__all__ = ["Conformance"]


class Conformance(Settings):
    """[conformance]: what a desk wants to know of a venue before it goes live there."""

    max_age_days: Annotated[int, Within("1", "365", "days that a passed run of a venue counts for")] = 14
