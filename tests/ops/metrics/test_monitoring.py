"""What is tested: `quarterdeck.ops.metrics.exporter` and monitoring/: rules, dashboards and Alertmanager's settings.

By promtool and amtool, and by a real Prometheus that scrapes the real exporter of a desk that trades.
"""

import importlib.util
import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.desk.wire import Command, Verb
from quarterdeck.kernel.vocabulary import EventKind
from quarterdeck.ops.metrics import CONTENT_TYPE
from quarterdeck.ops.metrics.catalogue import ABSENT, CATALOGUE
from quarterdeck.ops.metrics.exporter import main
from tests.ops.figures.rig import Shown, open_desk
from tests.ops.metrics.servers import MONITORING, exporter, free_port, program, prometheus, until

RULES = [MONITORING / "rules" / name for name in ("recording.yml", "alerts.yml")]
RULE_TESTS = MONITORING / "rules" / "tests" / "alerts_test.yml"
# What this desk has none of: an alert at first, a backup, a capture, a standby, a real venue, thirty hours, fills that
# close a position.
EMPTY_HERE = re.compile(
    r"ALERTS|backup_age|capture_age|standby_lag|suppressed|sharpe|win_rate|slippage|reconcile_lag|error_rate_pct|"
    r"rejected|broker_api"
)
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=MONITORING)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def build() -> Any:
    """The script that writes the dashboards."""
    spec = importlib.util.spec_from_file_location("build", MONITORING / "grafana" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    running = open_desk(tmp_path_factory.mktemp("monitoring") / "desk", ('max_exposure = "370"', 'max_exposure = "60"'))
    running.pump(lambda state: state["kinds"][EventKind.FILL] and state["open_count"])
    running.publish()
    yield running
    running.close()


def test_promtool_and_amtool_take_every_file() -> None:
    run(program("promtool"), "check", "rules", *map(str, RULES))
    run(program("promtool"), "check", "config", "prometheus.yml")
    run(program("amtool"), "check-config", "alertmanager.yml")


def test_every_alert_fires_and_keeps_quiet_in_promtools_own_tests() -> None:
    said = run(program("promtool"), "test", "rules", str(RULE_TESTS))
    assert "SUCCESS" in said
    alerts = set(re.findall(r"- alert: (\w+)", RULES[1].read_text()))
    assert len(alerts) > 45
    _, fires, quiet, bare = re.split(r"  - name: (?:fires|keeps quiet|without any series)\n", RULE_TESTS.read_text())
    blocks = {section.split()[0]: section for section in re.split(r"alertname: ", fires)[1:]}
    told = {name for name, block in blocks.items() if f": {name}" in block or name in ("Watchdog", "MetricsMissing")}
    told |= set(re.findall(r"alertname: (\w+)\n        exp_alerts:\n", bare))
    assert alerts - told == {"SeriesMany"}  # 5,001 series are no test
    silent = {section.split()[0]: section for section in re.split(r"alertname: ", quiet)[1:]}
    assert alerts - set(silent) == {"Watchdog"}  # it is never quiet
    assert [name for name, block in silent.items() if f"desk: {name}," in block or f"desk: {name}}}" in block] == []


def test_severities_route_somewhere() -> None:
    severities = set(re.findall(r"severity: (P\d)", RULES[1].read_text()))
    assert severities == {"P0", "P1", "P2", "P3", "P4"}
    for severity in sorted(severities):
        route = run(program("amtool"), "config", "routes", "test", "--config.file=alertmanager.yml",
                    f"severity={severity}", "alertname=DeskDown").strip()  # fmt: skip
        wanted = {"P3": "email-and-slack", "P4": "slack"}.get(severity, "page-and-email")
        assert route == wanted


def test_rules_and_dashboards_ask_for_metrics_that_there_are(build: Any) -> None:
    recorded = set(re.findall(r"- record: (\S+)", RULES[0].read_text()))
    texts = [RULES[0].read_text(), RULES[1].read_text(), *build.queries()]
    asked = {
        name
        for text in texts
        for name in re.findall(r"\b(?:quarterdeck|hat_manifesto|orders|desk)[a-z_]*[:_][a-z0-9_:]+", text)
    }
    known = set(CATALOGUE) | recorded
    unknown = {name for name in asked if name not in known and SUFFIX.sub("", name) not in known}
    assert {name for name in unknown if not name.startswith("quarterdeck-")} == set()
    assert asked.isdisjoint(ABSENT)


def test_the_dashboards_are_what_the_script_writes(build: Any) -> None:
    folder = MONITORING / "grafana" / "dashboards"
    written = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert written == build.dashboards()
    for document in written.values():
        spots = [tuple(panel["gridPos"].values()) for panel in document["panels"]]
        assert len(set(spots)) == len(spots)


@pytest.mark.slow
def test_a_real_prometheus_scrapes_and_answers_every_query(shown: Shown, build: Any, tmp_path: Path) -> None:
    def turn() -> None:
        for _ in range(20):
            shown.session.pump()
        shown.session.obey(Command(verb=Verb.ACKNOWLEDGE, person="operator-1"))  # else entries stop after fifty
        shown.publish()
        time.sleep(0.05)

    shown.session.obey(Command(verb=Verb.LOCK, person="operator-1"))
    shown.session.obey(Command(verb=Verb.UNLOCK, person="operator-1"))
    with exporter(str(shown.config.folder)) as page, prometheus(tmp_path, page) as asked:
        until(lambda: asked.query("sum(count_over_time(quarterdeck_up[5m])) >= 3"), turn)
        until(lambda: asked.query("desk:order_submit_latency_seconds:p95 > 0"), turn)
        assert asked.query("up")[0]["value"][1] == "1"
        names = {metric["__name__"] for metric in asked.get("/api/v1/series", **{"match[]": '{desk="xrpliquid"}'})}
        assert {"orders_submitted_total", "portfolio_heat", "hat_manifesto_drawdown", "equity_usd"} <= names
        wanted = [query.replace("$desk", "xrpliquid") for query in build.queries() if not EMPTY_HERE.search(query)]
        for query in build.queries():
            asked.query(query.replace("$desk", "xrpliquid"))  # one that Prometheus refuses is an HTTPError
        until(lambda: all(asked.query(query) for query in wanted), turn)
        groups = asked.get("/api/v1/rules")["groups"]
        until(lambda: all(rule["health"] == "ok" for group in asked.get("/api/v1/rules")["groups"]
                          for rule in group["rules"]), turn)  # fmt: skip
        assert sum(len(group["rules"]) for group in groups) > 60
        shown.session.obey(Command(verb=Verb.KILL, person="operator-1"))
        until(lambda: asked.query('ALERTS{alertname="KillSwitchActive", desk="xrpliquid", alertstate="firing"}'), turn)
        shown.session.obey(Command(verb=Verb.RESUME, person="operator-1"))


def test_the_exporter_serves_metrics_alone(shown: Shown) -> None:
    with exporter(folder=shown.config.folder) as page:  # as the runbook says it: from inside the desk's folder
        shown.publish()
        with urllib.request.urlopen(page, timeout=30) as answer:
            text = answer.read().decode()
            assert answer.headers["Content-Type"] == CONTENT_TYPE
        assert 'quarterdeck_up{desk="xrpliquid"} 1.0' in text
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(page.replace("/metrics", "/"), timeout=30)
        refused.value.close()


def test_the_exporter_says_what_keeps_it_from_beginning(
    tmp_path: Path, shown: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    import socket

    assert main(["nowhere", "--port", str(free_port())]) == 2
    assert "nowhere" in capsys.readouterr().err
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen()
        assert main([str(shown.config.folder), "--port", str(line.getsockname()[1])]) == 1
    assert "give another --port" in capsys.readouterr().err
