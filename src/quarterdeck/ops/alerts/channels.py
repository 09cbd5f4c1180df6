"""The ways to reach people: console, file, webhook, and all that Apprise knows (Telegram, Slack, e-mail, SMS...).

A channel sends or raises ChannelError, within a bounded time. Where it leads is a secret: it comes from the environment
or the credentials file, and stands in no error and no log. A channel whose `url_variable` is TELEGRAM_TOKEN is that
bot's, in the chat that TELEGRAM_CHAT_ID names.
"""

import asyncio
import logging
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, cast

import apprise
import httpx
import msgspec

from quarterdeck.config.credentials import Credentials, CredentialsFile
from quarterdeck.config.ops import ChannelSettings, OpsConfig
from quarterdeck.errors import AuditError, OpsError
from quarterdeck.ops.alerts.model import Notice, NoticeKind, Severity
from quarterdeck.ops.alerts.wording import as_json, as_text

__all__ = ["SEND_TIMEOUT_S", "Channel", "ChannelError", "channel_secrets", "open_channels", "send_test"]

SEND_TIMEOUT_S: Final = 10.0
_APPRISE: Final = cast(Any, apprise)  # it ships no types
_BOT: Final = "TELEGRAM_TOKEN"  # as the hmm-ops runbook names it
_CHAT: Final = "TELEGRAM_CHAT_ID"
_TALKATIVE: Final = ("httpx", "httpcore", "apprise", "urllib3")  # they would log the addresses that they call


class ChannelError(OpsError):
    """A notice did not reach a channel. It says why, and never where the channel leads."""


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str: ...

    async def send(self, notice: Notice) -> None:
        """Returns when the other side has taken it. ChannelError: it has not."""
        ...

    async def close(self) -> None: ...


class _Console:
    def __init__(self, name: str, write: Callable[[str], object]) -> None:
        self.name, self._write = name, write

    async def send(self, notice: Notice) -> None:
        try:
            self._write(f"{notice.title}\n" + "".join(f"    {line}\n" for line in as_text(notice).splitlines()))
        except OSError as error:
            raise ChannelError(f"channel {self.name}: the console takes nothing: {error.strerror}") from error

    async def close(self) -> None:
        """There is nothing to give back."""


class _File:
    def __init__(self, name: str, path: Path) -> None:
        self.name, self._path = name, path

    async def send(self, notice: Notice) -> None:
        try:
            await asyncio.to_thread(self._append, msgspec.json.encode(as_json(notice)) + b"\n")
        except OSError as error:
            raise ChannelError(f"channel {self.name}: {self._path.name} takes nothing: {error.strerror}") from error

    async def close(self) -> None:
        """Each line was written and closed."""

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(line)


class _Webhook:
    """POSTs the notice as JSON. An answer of 2xx is a delivery."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self._url = name, url
        self._client: httpx.AsyncClient | None = None

    async def send(self, notice: Notice) -> None:
        if self._client is None:  # made where it is used: a client belongs to one event loop
            self._client = httpx.AsyncClient(timeout=SEND_TIMEOUT_S / 2)
        content, headers = msgspec.json.encode(as_json(notice)), {"Content-Type": "application/json"}
        try:
            answer = await self._client.post(self._url, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ChannelError(f"channel {self.name}: no answer ({type(error).__name__})") from None
        if not answer.is_success:
            raise ChannelError(f"channel {self.name}: the webhook answered {answer.status_code}")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


class _Apprise:
    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._service = _APPRISE.Apprise()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its plugins, which it loads only now
            known = self._service.add(url)
        if not known:
            raise ChannelError(
                f"channel {name}: its URL is none that Apprise knows (tgram://, slack://, mailto://, ...)"
            )

    async def send(self, notice: Notice) -> None:
        words = {"title": notice.title, "body": as_text(notice) or notice.title, "notify_type": _kind(notice)}
        if not await asyncio.to_thread(self._service.notify, **words):
            raise ChannelError(f"channel {self.name}: the service did not take it")

    async def close(self) -> None:
        """Each call was a connection of its own."""


class _Unset:
    """A channel that cannot be used as it stands; every notice fails, so it is told through the others."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self._why = name, why

    async def send(self, notice: Notice) -> None:
        raise ChannelError(f"channel {self.name}: {self._why}; notice {notice.id} was not sent")

    async def close(self) -> None:
        """It was never open."""


def _kind(notice: Notice) -> str:
    if notice.kind is NoticeKind.RESOLVED:
        return "success"
    return "failure" if notice.severity <= Severity.P1 else "warning" if notice.severity <= Severity.P3 else "info"


def channel_secrets(folder: Path) -> Credentials:
    """What the environment says, and behind it the credentials file beside ops.toml."""
    return Credentials(os.environ, CredentialsFile(folder))


def open_channels(
    config: OpsConfig, secrets: Mapping[str, str], write: Callable[[str], object] | None = None
) -> dict[str, Channel]:
    """Returns every channel by its name; one without its secret is there, and fails with the reason."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    say = write or sys.stderr.write
    return {one.name: _channel(one, config.folder, secrets, say) for one in config.channels}


async def send_test(config: OpsConfig, channel: str | None, now_ns: int) -> dict[str, str]:
    """Sends a test through one channel, or all (None); returns what went wrong of each, "" where it arrived.

    ChannelError: there is no such channel.
    """
    opened = open_channels(config, channel_secrets(config.folder))
    if channel is not None and channel not in opened:
        raise ChannelError(f"there is no channel {channel}: ops.toml has {', '.join(opened) or 'none'}")
    try:
        return {name: await _test(opened[name], now_ns) for name in ([channel] if channel is not None else opened)}
    finally:
        for one in opened.values():
            await one.close()


async def _test(channel: Channel, now_ns: int) -> str:
    notice = Notice(
        kind=NoticeKind.TEST,
        severity=Severity.P4,
        time_ns=now_ns,
        title="TEST ops plane: this channel works",
        facts={"channel": channel.name},
    )
    try:
        await channel.send(notice)
    except ChannelError as error:
        return str(error)
    return ""


def _channel(
    settings: ChannelSettings, folder: Path, secrets: Mapping[str, str], write: Callable[[str], object]
) -> Channel:
    if settings.kind == "console":
        return _Console(settings.name, write)
    if settings.kind == "file":
        return _File(settings.name, folder / (settings.path or f"ops/{settings.name}.jsonl"))
    try:
        url = _url(settings, secrets)
    except KeyError as error:
        return _Unset(settings.name, f"{error.args[0]} is not set")
    except OSError as error:
        return _Unset(settings.name, f"the file that {settings.url_variable}_FILE names: {error.strerror}")
    except AuditError as error:
        return _Unset(settings.name, str(error))
    try:
        return _Webhook(settings.name, url) if settings.kind == "webhook" else _Apprise(settings.name, url)
    except ChannelError as error:
        return _Unset(settings.name, str(error).split(": ", 1)[1])


def _url(settings: ChannelSettings, secrets: Mapping[str, str]) -> str:
    """Where a channel leads. KeyError names what is missing; OSError: a file that is named cannot be read."""
    if settings.url_variable == _BOT and settings.kind == "apprise":
        return f"tgram://{_secret(_BOT, secrets)}/{_secret(_CHAT, secrets)}"
    return _secret(settings.url_variable or "url_variable", secrets)


def _secret(name: str, secrets: Mapping[str, str]) -> str:
    """A secret by its variable's name, or from the file that NAME_FILE names. KeyError names what is missing."""
    if secrets.get(name):
        return secrets[name]
    if secrets.get(f"{name}_FILE"):
        return Path(secrets[f"{name}_FILE"]).read_text(encoding="utf-8").strip()
    raise KeyError(name)
