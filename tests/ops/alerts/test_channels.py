"""What is tested: `quarterdeck.ops.alerts.channels`, `quarterdeck.ops.alerts.dispatch` and
`quarterdeck.ops.alerts.wording`: notices through real channels, a real HTTP server among them."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.errors import OpsError
from quarterdeck.ops.alerts.book import AlertBook
from quarterdeck.ops.alerts.channels import ChannelError, open_channels, send_test
from quarterdeck.ops.alerts.dispatch import RETRIES_S, Dispatcher
from quarterdeck.ops.alerts.engine import Engine
from quarterdeck.ops.alerts.model import Finding
from quarterdeck.ops.store import Store
from tests.ops.alerts.builders import Clock, Hook, finding, ops, told

SECRET = "s3cr3t-t0ken-that-nobody-may-see"
WEBHOOK = '[[channels]]\nname = "hook"\nkind = "webhook"\nurl_variable = "HOOK_URL"\n'
APPRISE = '[[channels]]\nname = "push"\nkind = "apprise"\nurl_variable = "PUSH_URL"\n'
SPARE = '[[channels]]\nname = "spare"\nkind = "file"\npath = "spare.jsonl"\nseverities = []\n'
BOOK = '[[channels]]\nname = "book"\nkind = "file"\npath = "told.jsonl"\n'


class Sender:
    """An engine and a dispatcher over one store; `said` is what the console was told."""

    def __init__(self, folder: Path, text: str, secrets: Mapping[str, str]) -> None:
        self.folder, self.clock = folder, Clock()
        self.config = ops(folder, text)
        self.store = Store(self.config.data)
        self.engine = Engine(self.config, self.store)
        self.book = AlertBook(self.store, self.clock)
        self.said: list[str] = []
        self.reported: list[Finding] = []
        self.channels = open_channels(self.config, secrets, self.said.append)
        self.dispatcher = self.new_dispatcher()

    def new_dispatcher(self) -> Dispatcher:
        return Dispatcher(self.store, self.channels, self.config.channels, self.reported.append, self.clock)

    async def tell(self, *findings: Finding, later: float = 0.0) -> None:
        """Takes findings, and what the channels reported, and sends until nothing is left to be sent."""
        self.clock.later(later)
        for round_ in range(10):
            found = [*(findings if round_ == 0 else ()), *self.reported]
            self.reported.clear()
            self.engine.work(found, self.clock.now_ns)
            tried = sum([await self.dispatcher.send_due(name) for name in self.channels])
            if not tried and not self.reported:
                return
        raise AssertionError("it never ends")

    def run(self, *findings: Finding, later: float = 0.0) -> None:
        async def act() -> None:
            await self.tell(*findings, later=later)
            await self.dispatcher.close()

        asyncio.run(act())

    def statuses(self, channel: str) -> list[str]:
        return [row["status"] for row in reversed(self.book.deliveries()) if row["channel"] == channel]


def test_a_webhook_gets_the_whole_alert(tmp_path: Path) -> None:
    with Hook() as hook:
        sender = Sender(tmp_path, WEBHOOK, {"HOOK_URL": f"http://127.0.0.1:{hook.port}/{SECRET}"})
        sender.run(finding("kill-switch", summary="COOLDOWN", sequence=42, event_id="alpha:42", facts={"equity": "9"}))
        sender.run(finding("kill-switch", clears=True), later=10)
    assert [path for path, _ in hook.got] == [f"/{SECRET}"] * 2
    firing, resolved = (body for _, body in hook.got)
    assert (firing["kind"], firing["severity"], firing["title"]) == (
        "FIRING",
        "P1",
        "[P1] alpha: Kill switch: COOLDOWN",
    )
    assert firing["alerts"][0] | {"fired": ""} == {
        "id": 1, "rule": "kill-switch", "desk": "alpha", "subject": "desk", "severity": "P1", "state": "FIRING",
        "summary": "COOLDOWN", "count": 1, "sequence": 42, "event_id": "alpha:42", "fired": "",
        "acknowledged_by": "", "resolved_by": "", "facts": {"equity": "9"},
    }  # fmt: skip
    assert "quarterdeck alerts ack 1" in firing["text"]
    assert (resolved["kind"], resolved["alerts"][0]["state"]) == ("RESOLVED", "RESOLVED")
    assert sender.statuses("hook") == ["SENT", "SENT"]
    sender.store.close()


def test_apprise_reaches_its_service(tmp_path: Path) -> None:
    with Hook() as hook:
        sender = Sender(tmp_path, APPRISE, {"PUSH_URL": f"json://user:{SECRET}@127.0.0.1:{hook.port}/x"})
        sender.run(finding("kill-switch", summary="COOLDOWN"))
        hook.status = 500
        sender.run(finding("drawdown"))
    assert hook.got[0][1]["title"] == "[P1] alpha: Kill switch: COOLDOWN"
    assert hook.got[0][1]["type"] == "failure"
    assert sender.statuses("push")[:2] == ["SENT", "PENDING"]
    sender.store.close()


def test_console_and_file(tmp_path: Path) -> None:
    sender = Sender(tmp_path, BOOK + '[[channels]]\nname = "screen"\nkind = "console"\n', {})
    sender.run(finding("drawdown", summary="3.1 %"))
    assert sender.said[0].splitlines()[:2] == ["[P2] alpha: Drawdown: 3.1 %", "    3.1 %"]
    assert [one["title"] for one in told(tmp_path)] == ["[P2] alpha: Drawdown: 3.1 %"]
    sender.store.close()


def test_a_failed_channel_falls_to_the_next_and_is_an_alert_itself(tmp_path: Path) -> None:
    text = WEBHOOK + 'fallback = "spare"\n' + SPARE + BOOK
    with Hook() as hook:
        hook.status = 503
        sender = Sender(tmp_path, text, {"HOOK_URL": f"http://127.0.0.1:{hook.port}/{SECRET}"})
        sender.run(finding("kill-switch"))
        assert [one["title"] for one in told(tmp_path, "spare.jsonl")] == [
            "[P1] alpha: Kill switch: kill-switch of desk"
        ]
        assert [one["title"][:60] for one in told(tmp_path)] == [
            "[P1] alpha: Kill switch: kill-switch of desk",
            "[P2] ops plane: An alert channel fails: channel hook: the we",
        ]
        assert "answered 503; spare takes over" in told(tmp_path)[1]["title"]
        assert len(hook.got) == 1
        sender.run(finding("drawdown"), later=1)
        assert len(hook.got) == 1  # it failed a moment ago: the fallback gets it without asking
        assert len(told(tmp_path, "spare.jsonl")) == 2
        hook.status = 200
        sender.run(finding("daily-loss"), later=20)
    assert [one["kind"] for one in told(tmp_path)][-2:] == ["FIRING", "RESOLVED"]
    assert sender.book.open("") == []
    assert sender.statuses("hook") == ["FAILED", "FAILED", "SENT"]
    sender.store.close()


def test_without_a_fallback_it_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    with Hook() as hook:
        hook.status = 500
        sender = Sender(tmp_path, WEBHOOK, {"HOOK_URL": f"http://127.0.0.1:{hook.port}/"})
        sender.run(finding("kill-switch"))
        for later in RETRIES_S:
            sender.run(later=later)
        tried = [body["title"] for _, body in hook.got if "Kill" in body["title"]]
    assert len(tried) == 1 + len(RETRIES_S)
    assert sender.statuses("hook")[0] == "FAILED"
    sender.store.close()


def test_a_restart_sends_what_was_not_sent_and_nothing_else(tmp_path: Path) -> None:
    with Hook() as hook:
        sender = Sender(tmp_path, WEBHOOK + BOOK, {"HOOK_URL": f"http://127.0.0.1:{hook.port}/"})
        sender.engine.work([finding("kill-switch")], sender.clock.now_ns)
        asyncio.run(sender.dispatcher.send_due("book"))
        sender.store.close()  # it dies before the webhook is asked
        again = Sender(tmp_path, WEBHOOK + BOOK, {"HOOK_URL": f"http://127.0.0.1:{hook.port}/"})
        again.run()
        again.run()
    assert len(hook.got) == 1
    assert len(told(tmp_path)) == 1
    again.store.close()


def test_an_address_where_nothing_listens_and_one_that_is_not_set(tmp_path: Path) -> None:
    with Hook() as hook:
        port = hook.port
    sender = Sender(tmp_path, WEBHOOK + APPRISE + BOOK, {"HOOK_URL": f"http://127.0.0.1:{port}/{SECRET}"})
    sender.run(finding("kill-switch"))
    titles = "\n".join(one["text"] for one in told(tmp_path))
    assert "channel hook: no answer (ConnectError)" in titles
    assert "channel push: PUSH_URL is not set" in titles
    assert SECRET not in (tmp_path / "told.jsonl").read_text()
    sender.store.close()


@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://127.0.0.1/x", f"tgram://{SECRET}"])
def test_addresses_that_are_none(tmp_path: Path, url: str) -> None:
    async def act(channel: str) -> str:
        return (await send_test(config, channel, 0))[channel]

    config = ops(tmp_path, WEBHOOK + APPRISE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOK_URL", url)
        patch.setenv("PUSH_URL", url)
        for channel in ("hook", "push"):
            said = asyncio.run(act(channel))
            assert said.startswith(f"channel {channel}: ")
            assert SECRET not in said


def test_no_secret_reaches_a_log_or_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Hook() as hook:
        secrets = {
            "HOOK_URL": f"http://user:{SECRET}@127.0.0.1:{hook.port}/{SECRET}",
            "PUSH_URL": f"json://user:{SECRET}@127.0.0.1:{hook.port}/{SECRET}",
        }
        sender = Sender(tmp_path, WEBHOOK + APPRISE + BOOK, secrets)
        sender.run(finding("kill-switch"))
        hook.status = 500
        sender.run(finding("drawdown"))
        assert len(hook.got) >= 4
    kept = caplog.text + repr(sender.book.deliveries()) + (tmp_path / "told.jsonl").read_text() + "".join(sender.said)
    assert SECRET not in kept
    assert "channel push: the service did not take it" in kept
    sender.store.close()


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    with Hook() as hook:
        (tmp_path / "hook").write_text(f"http://127.0.0.1:{hook.port}/{SECRET}\n")
        sender = Sender(tmp_path, WEBHOOK, {"HOOK_URL_FILE": str(tmp_path / "hook")})
        sender.run(finding("kill-switch"))
    assert [path for path, _ in hook.got] == [f"/{SECRET}"]
    sender.store.close()


def test_the_runbooks_telegram_variables_make_a_channel(tmp_path: Path) -> None:
    config = ops(tmp_path, APPRISE.replace("PUSH_URL", "TELEGRAM_TOKEN"))

    def said(**secrets: str) -> str:
        return repr(vars(open_channels(config, secrets)["push"]))

    assert "TELEGRAM_TOKEN is not set" in said()
    assert "TELEGRAM_CHAT_ID is not set" in said(TELEGRAM_TOKEN="123456789:abcdefg_hijklmnop")
    made = open_channels(config, {"TELEGRAM_TOKEN": "123456789:abcdefg_hijklmnop", "TELEGRAM_CHAT_ID": "12345678"})
    service: Any = vars(made["push"])["_service"][0]
    assert service.url(privacy=True).startswith("tgram://1...p/12345678/")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "told.jsonl").mkdir()
    sender = Sender(tmp_path, BOOK + '[[channels]]\nname = "screen"\nkind = "console"\n', {})
    sender.run(finding("drawdown"))
    assert "channel book: told.jsonl takes nothing: Is a directory" in "".join(sender.said)
    sender.store.close()


def test_testing_channels(tmp_path: Path) -> None:
    config = ops(tmp_path, BOOK + WEBHOOK)
    answers: dict[str, Any] = asyncio.run(send_test(config, None, 0))
    assert answers == {"book": "", "hook": "channel hook: HOOK_URL is not set; notice 0 was not sent"}
    assert [one["kind"] for one in told(tmp_path)] == ["TEST"]
    with pytest.raises(ChannelError, match="no channel other: ops"):
        asyncio.run(send_test(config, "other", 0))
    assert issubclass(ChannelError, OpsError)
