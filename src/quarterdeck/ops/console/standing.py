"""How a desk stands: its rails against their limits, strategies, venues and feeds, reconciliation."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from quarterdeck.config import DeskConfig
from quarterdeck.ops.console.markup import Child, Markup, tag
from quarterdeck.ops.console.overview import is_old
from quarterdeck.ops.console.pieces import Column, badge, callout, change, empty, meter, panel, search, table
from quarterdeck.ops.console.state import View
from quarterdeck.ops.console.trading import matching
from quarterdeck.ops.console.wording import (
    age_text,
    count_text,
    exact,
    money,
    plain_words,
    share_text,
    signed,
    stamp_text,
)
from quarterdeck.ops.figures import DeskFigures, FeedFigures, RailFigures, StrategyFigures, VenueFigures
from quarterdeck.ops.health.components import Component, HealthReport, Status

__all__ = ["health_tab", "rails_tab", "reconciliation_tab", "strategies_tab", "venues_tab"]

_RAILS: Final = (
    Column("Rail", head=True),
    Column("Of"),
    Column("Use", figure=True),
    Column("Limit", figure=True),
    Column("Used", wide=True),
    Column("Refused", figure=True),
)
_REASONS: Final = (Column("Reason", head=True), Column("Given", figure=True))
_STRATEGIES: Final = (
    Column("Strategy", head=True),
    Column("Standing"),
    Column("Weight", figure=True),
    Column("Exposure and quota", wide=True),
    Column("Realised", figure=True),
    Column("Today", figure=True),
    Column("Unrealised", figure=True),
    Column("Fees", figure=True),
    Column("Funding", figure=True),
    Column("Fills", figure=True),
)
_VENUES: Final = (
    Column("Venue", head=True),
    Column("Connection"),
    Column("Error breaker"),
    Column("Errors", figure=True),
    Column("Messages/s", figure=True),
    Column("Exposure", figure=True),
    Column("Reconciled", figure=True),
)
_FEEDS: Final = (
    Column("Instrument", head=True),
    Column("Venue"),
    Column("Bid", figure=True),
    Column("Ask", figure=True),
    Column("Mark", figure=True),
    Column("Age", figure=True),
    Column("Funding", figure=True),
    Column("Exposure", figure=True),
    Column("Standing"),
)
_PURSES: Final = (
    Column("Purse", head=True),
    Column("Cash here", figure=True),
    Column("Cash at the venue", figure=True),
    Column("Difference", figure=True),
)
_HEALTH: Final = (
    Column("Component", head=True),
    Column("Standing"),
    Column("What was found", wide=True),
    Column("Looked at", figure=True),
    Column("Took", figure=True),
)
_HEALTH_TONES: Final = {Status.HEALTHY: "good", Status.DEGRADED: "warn", Status.UNHEALTHY: "bad"}
_MONEY: Final = "money"
_THOUSANDTH: Final = Decimal("0.001")


def rails_tab(seen: DeskFigures, view: View) -> Markup:
    """Every limit that is set, the fullest first, and how often each reason was given."""
    words = view.text("rails")
    found = [one for one in seen.rails if matching(words, one.rail, one.scope)]
    found.sort(key=lambda one: -one.share)
    warned = sum(one.warned or one.share >= 0.8 for one in seen.rails)
    aside = badge(f"{warned} at 80 % or more", "warn") if warned else badge("all below 80 %", "good")
    rows = [(f"{one.rail}/{one.scope}", _rail(one)) for one in found]
    rails = table("Rails with use against limit", _RAILS, rows) or empty("No rail matches")
    reasons = sorted(((name, count) for name, count in seen.reasons.items() if count), key=lambda pair: -pair[1])
    given = table(
        "Reasons given", _REASONS, [(name, [plain_words(name), count_text(count)]) for name, count in reasons]
    )
    return tag(
        "div",
        tag("div", search("rails", words, "Search rails"), class_="toolbar"),
        panel("Rails", rails, aside=aside),
        _breaker(seen),
        panel("Reasons given since the journal's begin", given or empty("No order has been refused or cut to size"),
              name="reasons"),
    )  # fmt: skip


def _rail(one: RailFigures) -> list[Child]:
    scope = one.scope if one.scope == "desk" else one.scope.replace(":", " ", 1)
    return [
        tag("strong", plain_words(one.rail)),
        scope,
        _measure(one.use, one.unit),
        _measure(one.limit, one.unit),
        tag(
            "div",
            meter(f"{plain_words(one.rail)}, {scope}", one.share, _measure(one.use, one.unit), warned=one.warned),
            tag("span", share_text(one.share, 0), class_="figure"),
            badge("limit reached", "bad") if one.share >= 1 else badge("warned", "warn") if one.warned else None,
            class_="use",
        ),
        count_text(one.refused),
    ]


def _measure(value: Decimal, unit: str) -> str:
    if unit == "share":
        return share_text(value)
    if unit == _MONEY:
        return money(value)
    return f"{exact(value if value == value.to_integral_value() else value.quantize(_THOUSANDTH))} {unit}"


def _breaker(seen: DeskFigures) -> Markup:
    breaker = seen.breaker
    facts: list[tuple[str, str]] = [
        ("Stage", plain_words(breaker.stage)),
        ("Since", stamp_text(breaker.since_ns)),
        ("Size", f"× {breaker.multiplier:.2f}"),
        ("Locked", "yes" if breaker.locked else "no"),
        ("Killed", stamp_text(breaker.killed_ns)),
        ("Cooldown until", stamp_text(breaker.cooldown_until_ns)),
        ("Trips today", count_text(breaker.trips_today)),
        ("Drawdown limit", share_text(breaker.drawdown_limit)),
    ]
    facts += [(plain_words(metric), plain_words(level)) for metric, level in breaker.grades.items()]
    return panel("Breaker", tag("dl", [_fact(name, value) for name, value in facts], class_="facts"))


def _fact(name: str, value: Child) -> Markup:
    return tag("div", tag("dt", name), tag("dd", value))


def strategies_tab(seen: DeskFigures, config: DeskConfig) -> Markup:
    """Each strategy's standing, weight, what it uses of its quota, and results."""
    quotas = {
        rail.scope.removeprefix("strategy:"): rail
        for rail in sorted(seen.rails, key=lambda rail: rail.share)  # the fullest of a strategy's comes last
        if rail.scope.startswith("strategy:") and rail.rail == "EXPOSURE_STRATEGY_CAP"
    }
    rows = [(one.name, _strategy(one, quotas)) for one in seen.strategies]
    aims = [
        tag("div", tag("dt", f"{one.name} ({one.kind})"), tag("dd", one.objective), data_key=one.name)
        for one in config.strategies
    ]
    return tag(
        "div",
        panel("Strategies", table("Strategies", _STRATEGIES, rows) or empty("This desk has no strategy")),
        panel("What they are for", tag("dl", aims, class_="aims")),
    )


def _strategy(one: StrategyFigures, quotas: Mapping[str, RailFigures]) -> list[Child]:
    table_of = (
        (not one.enabled, "disabled", "bad"),
        (one.throttled, "throttled", "warn"),
        (one.paused, "paused", "warn"),
    )
    word, tone = next(((word, tone) for so, word, tone in table_of if so), ("running", "good"))
    quota = quotas.get(one.name)
    use: Child = money(one.exposure)
    if quota is not None:
        words = f"{money(quota.use)} of {money(quota.limit)}"
        bar = meter(f"{one.name}, exposure against its quota", quota.share, words, warned=quota.warned)
        use = tag("div", bar, tag("span", words, class_="figure"), class_="use")
    return [
        tag("strong", one.name),
        badge(word, tone),
        share_text(one.weight, 0),
        use,
        change(one.realised),
        change(one.realised_day),
        change(one.unrealised),
        money(one.fees),
        signed(one.funding),
        count_text(one.fills),
    ]


def venues_tab(seen: DeskFigures) -> Markup:
    """Connections, and what each instrument's market last said."""
    waiting = callout("warn", f"Waiting for {', '.join(seen.venues_waiting)}") if seen.venues_waiting else None
    venues = table("Venues", _VENUES, [(one.name, _venue(one)) for one in seen.venues])
    feeds = table("Feeds", _FEEDS, [(f"{one.venue}/{one.instrument}", _feed(one, seen)) for one in seen.feeds])
    return tag(
        "div",
        waiting,
        panel("Venues", venues or empty("This desk has no venue")),
        panel("Feeds", feeds or empty("This desk has no instrument")),
    )


def _venue(one: VenueFigures) -> list[Child]:
    tone = {"closed": "good", "half-open": "warn"}.get(one.error_breaker, "bad")
    return [
        tag("strong", one.name),
        badge("connected", "good") if one.connected else badge("not connected", "bad"),
        badge(one.error_breaker, tone),
        share_text(one.error_rate, 1),
        f"{one.messages_per_s:.1f}",
        money(one.exposure),
        _ago(one.reconciled_age_s),
    ]


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{age_text(seconds)} ago"


def _feed(one: FeedFigures, seen: DeskFigures) -> list[Child]:
    marks = [badge(word, "warn") for word, so in (("unreconciled", one.unreconciled), ("paused", one.paused)) if so]
    return [
        tag("strong", one.instrument),
        one.venue,
        exact(one.bid),
        exact(one.ask),
        exact(one.mark),
        badge(age_text(one.age_s), "warn") if is_old(seen, one) else age_text(one.age_s),
        share_text(one.funding_rate, 4),
        money(one.exposure),
        marks or badge("open", "good"),
    ]


def reconciliation_tab(seen: DeskFigures) -> Markup:
    """Where desk and venues differ, when they last agreed, and the cash of both."""
    unsettled = [one.instrument for one in seen.feeds if one.unreconciled]
    if seen.differences:
        said = [", ".join(f"{key.replace('_', ' ')} {value}" for key, value in one.items()) for one in seen.differences]
        state = callout("bad", f"{len(said)} differences: entries wait there until both sides agree", said)
    elif unsettled:
        state = callout("warn", f"Not settled yet: {', '.join(unsettled)}")
    elif seen.mode == "paper":
        state = callout("info", "On paper the venue is simulated by the desk itself: there is nothing to compare with")
    elif any(one.reconciled_age_s is None for one in seen.venues):
        state = callout("warn", "Not every venue has been compared yet")
    else:
        state = callout("good", "The desk and its venues agree")
    ages = table(
        "Last reconciled",
        (Column("Venue", head=True), Column("Last reconciled", figure=True)),
        [(one.name, [one.name, _ago(one.reconciled_age_s)]) for one in seen.venues],
    )
    purses = table(
        "Cash",
        _PURSES,
        [
            (
                one.name,
                [
                    tag("strong", one.name),
                    exact(one.cash),
                    exact(one.venue_cash),
                    signed(one.cash - one.venue_cash, 8) if one.venue_cash is not None else "the venue tells none",
                ],
            )
            for one in seen.purses
        ],
    )
    unknown = None
    if seen.unknown_orders:
        unknown = callout("warn", f"{seen.unknown_orders} orders are UNKNOWN: the venue is asked for them by their ids")
    return tag("div", state, unknown, panel("Last reconciled", ages), panel("Cash", purses, name="cash"))


def health_tab(report: HealthReport | None) -> Markup:
    """Every component that is looked at, the worst first."""
    if report is None:
        return empty("The components are being looked at")
    order = list(_HEALTH_TONES)
    found = sorted(report.components.items(), key=lambda pair: (-order.index(pair[1].status), pair[0]))
    rows = [(name, _component(name, one)) for name, one in found]
    aside = badge(report.status.value, _HEALTH_TONES[report.status])
    return panel("Health", table("Health of components", _HEALTH, rows), aside=aside, name="health")


def _component(name: str, one: Component) -> list[Child]:
    return [
        tag("strong", name.replace("_", " ").replace(":", " ")),
        badge(one.status.value, _HEALTH_TONES[one.status]),
        one.message,
        one.last_check[11:19],
        f"{one.response_time_ms:.1f}\N{NO-BREAK SPACE}ms",
    ]
