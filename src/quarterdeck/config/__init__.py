"""Typed settings: a desk's `desk.toml`, its JSON files and the environment, checked as a whole.

Every mistake is one ConfigError that names the file, the key, the value and what may stand there.
"""

from quarterdeck.config.desk import DeskConfig, DeskSettings
from quarterdeck.config.environment import Environment, read_environment
from quarterdeck.config.figures import UNLIMITED, is_unlimited
from quarterdeck.config.files import RiskParameters, SizingByRegime, TradingParameters
from quarterdeck.config.loading import DESK_FILE, find_desk, load_desk
from quarterdeck.config.profiles import ROOM
from quarterdeck.config.sections import Account, Instrument, Journal, Mode, Strategy, Venue

__all__ = [
    "DESK_FILE",
    "ROOM",
    "UNLIMITED",
    "Account",
    "DeskConfig",
    "DeskSettings",
    "Environment",
    "Instrument",
    "Journal",
    "Mode",
    "RiskParameters",
    "SizingByRegime",
    "Strategy",
    "TradingParameters",
    "Venue",
    "find_desk",
    "is_unlimited",
    "load_desk",
    "read_environment",
]
