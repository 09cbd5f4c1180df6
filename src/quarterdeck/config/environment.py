"""What the environment says over the files: QUARTERDECK_MODE, QUARTERDECK_CAPACITY, QUARTERDECK_DESKS."""

from typing import Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from quarterdeck.config.mistakes import config_error
from quarterdeck.config.profiles import CapacityName
from quarterdeck.config.sections import Mode
from quarterdeck.errors import ConfigError

__all__ = ["ENVIRONMENT", "VARIABLE_PREFIX", "Environment", "read_environment"]

VARIABLE_PREFIX: Final = "QUARTERDECK_"
ENVIRONMENT: Final = "environment"


class Environment(BaseSettings):
    """The variables. An empty one counts as not set."""

    model_config = SettingsConfigDict(env_prefix=VARIABLE_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    mode: Mode | None = None
    """Instead of desk.mode."""
    capacity: CapacityName | None = None
    """Instead of desk.capacity: what the kernel of this process was made for."""
    desks: str = "desks"
    """The folder in which a desk is looked up by its name."""


def read_environment() -> Environment:
    """Returns what the environment says. Raises ConfigError naming the variable."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0])
        found = config_error(error, Environment, {key: first["input"]}, ENVIRONMENT)
        raise ConfigError(ENVIRONMENT, VARIABLE_PREFIX + key.upper(), found.value, found.allowed) from error
