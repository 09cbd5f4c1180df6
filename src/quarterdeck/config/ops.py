"""ops.toml: the settings of one ops plane, which looks after the desks that it names.

    [ops]
    desks = ["xrpliquid", "hat-manifesto"]      # names in ./desks, or folders, relative to ops.toml

    [[listen]]                                  # one table for each port; without any: 127.0.0.1:8002 for all desks
    port = 8080
    desks = ["xrpliquid"]                       # which desks a route without /desks/NAME means there

`[access]` says who may; `[alerts]`, `[[channels]]`, `[[escalation]]`, `[[on_call]]` and `[thresholds]` who is told.
"""

from decimal import Decimal
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from quarterdeck.config.documents import read_toml
from quarterdeck.config.figures import Money, Name, Path, Seconds, Settings, Share, Within, refusal
from quarterdeck.config.mistakes import config_error
from quarterdeck.errors import ConfigError

__all__ = [
    "OPS_FILE",
    "AccessSettings",
    "AlertSettings",
    "ChannelSettings",
    "EscalationStep",
    "Listen",
    "Maintenance",
    "Ops",
    "OpsConfig",
    "OpsSettings",
    "Shift",
    "Thresholds",
    "find_ops",
    "load_ops",
]

OPS_FILE: Final = "ops.toml"
_DEFAULT_PORT: Final = 8002
_MINUTES: Final = Within("0", "100000", "minutes", step="0.001")


class Ops(Settings):
    """[ops]: what it looks after."""

    desks: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Names of desks in ./desks, or their folders. None: every desk beside ops.toml."""
    production: bool = False
    """Whether dangerous commands need a second factor."""
    console_port: Annotated[int, Within("1", "65535", "a port")] = 8003
    """The console's own; the API's first address shows it too, at /console."""


class Listen(Settings):
    """[[listen]]: an address, and the desks that its unprefixed routes mean."""

    port: Annotated[int, Within("1", "65535", "a port")]
    host: str = "127.0.0.1"
    desks: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """None: all of them."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise refusal("tls_key", str(self.tls_key), "both tls_certificate and tls_key, or neither")
        return self


class AccessSettings(Settings):
    """[access]: how long what opens doors is good, and how many wrong tries there are."""

    token_days: Annotated[int, Within("1", "3650", "days")] = 30
    overlap_hours: Annotated[int, Within("0", "720", "hours")] = 24
    """After a rotation, for how long the old token is still taken."""
    warn_days: Annotated[int, Within("0", "365", "days")] = 7
    """How long before it expires a token, or a venue's key with a known end, is warned of."""
    failures: Annotated[int, Within("1", "1000", "tries")] = 10
    failures_window_s: Seconds = Decimal(60)
    lockout_s: Seconds = Decimal(300)
    four_eyes: Annotated[tuple[Literal["unlock", "configure", "resume"], ...], Field(strict=False)] = ()
    """Commands that a second person must approve."""
    approval_minutes: Annotated[Decimal, _MINUTES] = Decimal(15)
    require_metrics_token: bool = False
    """Health and metrics are open on loopback; elsewhere, or where this is set, they need a token."""


class Thresholds(Settings):
    """[thresholds]: when the built-in rules speak. Each names the rule in `quarterdeck alerts rules`."""

    latency_p95_ms: Annotated[Decimal, Within("0", "3600000", "milliseconds", step="0.001")] = Decimal(100)
    latency_high_ms: Annotated[Decimal, Within("0", "3600000", "milliseconds", step="0.001")] = Decimal(200)
    response_ms: Annotated[Decimal, Within("0", "3600000", "milliseconds", step="0.001")] = Decimal(2000)
    drawdown_share: Share = Decimal("0.03")
    drawdown_critical_share: Share = Decimal("0.05")
    limit_share: Share = Decimal("0.8")
    feed_age_s: Seconds = Decimal(60)
    reconcile_age_s: Seconds = Decimal(120)
    backup_age_hours: Annotated[int, Within("1", "8760", "hours")] = 26
    capture_age_s: Seconds = Decimal(3600)
    disk_free_share: Share = Decimal("0.05")
    memory_mib: Annotated[int, Within("64", "1048576", "MiB")] = 2048
    clock_offset_ms: Annotated[Decimal, Within("0", "3600000", "milliseconds", step="0.001")] = Decimal(250)
    reject_share: Share = Decimal("0.1")
    daily_loss_share: Share = Decimal("0.03")
    hourly_loss: Money = Decimal(100)
    loss_large: Money = Decimal(500)
    """Of one fill, in the desk's base currency."""
    maker_share: Share = Decimal("0.6")
    success_share: Share = Decimal("0.7")
    failed_per_hour: Annotated[int, Within("1", "1000000", "orders")] = 10
    failed_in_a_row: Annotated[int, Within("1", "1000000", "orders")] = 5
    refusals_per_minute: Annotated[int, Within("1", "1000000", "orders")] = 20
    signals_per_minute: Annotated[int, Within("1", "1000000", "signals")] = 500
    slippage_bps: Annotated[Decimal, Within("0", "1000000", "basis points", step="0.01")] = Decimal(500)
    unknown_order_s: Seconds = Decimal(30)


class AlertSettings(Settings):
    """[alerts]: how often people are told."""

    group_s: Seconds = Decimal(5)
    """Alerts of one rule and desk within it are told as one, the first at once."""
    repeat_minutes: Annotated[Decimal, _MINUTES] = Decimal(60)
    """An alert that stands unresolved is told again after this."""
    rate_count: Annotated[int, Within("1", "100000", "alerts")] = 10
    rate_window_s: Seconds = Decimal(300)
    """At most rate_count of one title in it; the others are counted, and told as a number."""
    heartbeat_s: Seconds = Decimal(0)
    """How often the dead-man heartbeat goes out through its channels; 0: never."""
    disabled: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Rules that do not speak."""


class ChannelSettings(Settings):
    """[[channels]]: one way to reach people. No secret stands here: `url_variable` names what holds it."""

    name: Name
    kind: Literal["console", "file", "webhook", "apprise"]
    url_variable: str = ""
    """For apprise and webhook: the environment variable (or credentials entry) with the URL."""
    path: Path | None = None
    """For file: JSON lines, relative to ops.toml."""
    severities: Annotated[tuple[Literal["P0", "P1", "P2", "P3", "P4"], ...], Field(strict=False)] = (
        "P0",
        "P1",
        "P2",
        "P3",
        "P4",
    )
    fallback: Name | None = None
    """The channel that takes over when this one fails."""
    heartbeat: bool = False


class EscalationStep(Settings):
    """[[escalation]]: who is told when nobody has acknowledged an alert for so long."""

    level: Annotated[int, Within("1", "20", "a level")]
    name: str
    after_minutes: Annotated[Decimal, _MINUTES]
    severities: Annotated[tuple[Literal["P0", "P1", "P2", "P3", "P4"], ...], Field(strict=False)] = ("P0", "P1", "P2")
    channels: Annotated[tuple[Name, ...], Field(strict=False)]


class Shift(Settings):
    """[[on_call]]: who is on call, on which weekdays (0 is Monday) and hours of UTC."""

    person: Name
    days: Annotated[tuple[int, ...], Field(strict=False)] = (0, 1, 2, 3, 4, 5, 6)
    from_hour: Annotated[int, Within("0", "23", "an hour")] = 0
    to_hour: Annotated[int, Within("1", "24", "an hour")] = 24
    channels: Annotated[tuple[Name, ...], Field(strict=False)]


class Maintenance(Settings):
    """[[maintenance]]: a window in which what is expected is not told."""

    every: str
    """"weekly sunday 02:00-04:00", "monthly first-sunday 01:00-03:00", "quarterly first-sunday 00:00-06:00"; UTC."""
    desk: str = "*"
    rule: str = "*"
    person: Name
    reason: str


class OpsSettings(Settings):
    """ops.toml."""

    ops: Ops = Ops()
    listen: Annotated[tuple[Listen, ...], Field(strict=False)] = (Listen(port=_DEFAULT_PORT),)
    access: AccessSettings = AccessSettings()
    thresholds: Thresholds = Thresholds()
    alerts: AlertSettings = AlertSettings()
    channels: Annotated[tuple[ChannelSettings, ...], Field(strict=False)] = (
        ChannelSettings(name="console", kind="console"),
    )
    escalation: Annotated[tuple[EscalationStep, ...], Field(strict=False)] = ()
    on_call: Annotated[tuple[Shift, ...], Field(strict=False)] = ()
    maintenance: Annotated[tuple[Maintenance, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        channels = [channel.name for channel in self.channels]
        named = [("channels.fallback", one.fallback) for one in self.channels if one.fallback is not None]
        named += [("escalation.channels", name) for step in self.escalation for name in step.channels]
        named += [("on_call.channels", name) for shift in self.on_call for name in shift.channels]
        for key, name in named:
            if name not in channels:
                raise refusal(key, name, f"one of the channels: {', '.join(channels)}")
        for what, names in (("channels.name", channels), ("listen.port", [str(one.port) for one in self.listen])):
            if len(set(names)) < len(names):
                raise refusal(what, names, "each once")
        return self


class OpsConfig(OpsSettings):
    """ops.toml as read: with its folder, where the ops plane keeps `ops/`."""

    folder: FilePath
    file: str

    @property
    def data(self) -> FilePath:
        """Where the ops plane keeps its own files."""
        return self.folder / "ops"

    @property
    def desk_places(self) -> tuple[FilePath, ...]:
        """The folders of the desks that it looks after."""
        if self.ops.desks:
            return tuple(self._place(name) for name in self.ops.desks)
        return tuple(sorted(found.parent for found in self.folder.glob("*/desk.toml")))

    def _place(self, name: str) -> FilePath:
        for place in (self.folder / name, self.folder / "desks" / name, FilePath(name)):
            if (place / "desk.toml").is_file():
                return place
        raise ConfigError(self.file, "ops.desks", name, "the folder of a desk, or its name beside ops.toml")


def find_ops(place: str | FilePath | None = None) -> FilePath:
    """Returns the ops.toml of a folder, of ./desks, or of here. ConfigError where there is none."""
    tried = [FilePath(place)] if place is not None else [FilePath(), FilePath("desks")]
    for path in tried:
        found = path if path.is_file() else path / OPS_FILE
        if found.is_file():
            return found
    shown = ", ".join(str(path) for path in tried)
    raise ConfigError("command", "ops", shown, f"a folder with {OPS_FILE}, or that file")


def load_ops(place: str | FilePath | None = None) -> OpsConfig:
    """Reads ops.toml. ConfigError (exit 2) for the first mistake: file, key, value, what may stand there."""
    path = find_ops(place)
    document: dict[str, Any] = read_toml(path, str(path))
    try:
        settings = OpsSettings.model_validate(document)
    except ValidationError as error:
        raise config_error(error, OpsSettings, document, str(path)) from error
    given = {key: getattr(settings, key) for key in settings.model_fields_set}
    return OpsConfig(**given, folder=path.parent, file=str(path))
