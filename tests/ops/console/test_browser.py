"""The console in Chromium, against a real paper desk: what an operator does in an emergency, on a desk and on a phone.

What is tested: `quarterdeck.ops.console.pages`, `quarterdeck.ops.console.serving`, `quarterdeck.ops.console.live`,
`quarterdeck.ops.console.plane`, `quarterdeck.ops.console.signing_in`, `quarterdeck.cli.console`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from quarterdeck.ops.alerts.model import State
from quarterdeck.ops.console.looks import contrast
from tests.ops.console.rig import DESK, PASSWORD, Rig, Screen, artefacts, chromium, running, until

TABS = ("trading", "charts", "rails", "strategies", "venues", "reconciliation", "health", "reports", "audit", "logs")

# What is wrong on a page for who hears it, or reaches it by keyboard only: an empty list is the aim.
NAMELESS = """() => {
  const wrong = [];
  const named = (e) => (e.getAttribute('aria-label') || e.textContent || '').trim()
    || (e.getAttribute('aria-labelledby') && document.getElementById(e.getAttribute('aria-labelledby')))
    || [...(e.labels ?? [])].some((label) => label.textContent.trim());
  for (const e of document.querySelectorAll('a[href],button,input:not([type=hidden]),select,summary,[role=tab]')) {
    if (!named(e)) wrong.push('no name: ' + e.outerHTML.slice(0, 120));
  }
  for (const e of document.querySelectorAll('svg:not([aria-hidden]),canvas,[role=meter],[role=region]')) {
    const label = e.closest('[aria-label]') || e.closest('figure')?.querySelector('figcaption');
    if (!label) wrong.push('no words: ' + e.outerHTML.slice(0, 120));
  }
  for (const role of ['header[role=banner]', 'nav', 'main', 'h1', '.skip']) {
    if (document.querySelectorAll(role).length !== 1) wrong.push('not one ' + role);
  }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push('twice: #' + id);
  if (!document.documentElement.lang) wrong.push('no language');
  return wrong;
}"""
PAINTED = ["h1", ".panel-head h2", ".badge", "nav a[aria-current]", ".tile dt", ".button.danger", "td", ".tabs button"]
COLOURS = """(paths) => paths.map((path) => document.querySelector(path)).filter(Boolean).map((e) => {
    let ground = e;
    while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
    return [e.className || e.nodeName, getComputedStyle(e).color, getComputedStyle(ground).backgroundColor];
  })"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running(tmp_path_factory.mktemp("console")) as rig:
        yield rig


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def fills(screen: Screen) -> int:
    said = screen.page.locator("section[aria-label=Fills] .panel-head").inner_text()
    found = re.search(r"([\d,]+) fills", said)
    return int(found[1].replace(",", "")) if found else 0


def test_nobody_passes_who_has_not_signed_in(rig: Rig) -> None:
    with httpx.Client(base_url=rig.url) as client:
        for path in ("/", "/alarms", f"/desk/{DESK}", f"/desk/{DESK}/report/risk/var_es.json"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers.get("location")) == (303, "/sign-in"), path
        assert client.get("/_nicegui_ws/socket.io/?EIO=4&transport=polling").status_code == 401
        assert client.post("/sign-out").status_code == 401


def test_a_form_of_another_site_is_refused(rig: Rig) -> None:
    form = {"person": "operator-1", "password": PASSWORD, "word": "x"}
    with httpx.Client(base_url=rig.url) as client:
        assert client.post("/sign-in", data=form, headers={"origin": "http://elsewhere.example"}).status_code == 403
        assert client.post("/sign-in", data=form).status_code == 403  # the word is not ours
        assert "set-cookie" not in client.post("/sign-in", data=form).headers


def test_every_answer_says_what_a_browser_may_do_with_it(rig: Rig) -> None:
    headers = httpx.get(f"{rig.url}/sign-in").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "connect-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("size", "scheme", "person"), [("wide", "light", "operator-1"), ("phone", "dark", "operator-2")]
)
def test_an_emergency(rig: Rig, browser: Browser, tmp_path: Path, size: str, scheme: str, person: str) -> None:
    screen = Screen(rig, browser, size, scheme, artefacts(tmp_path))
    page = screen.page

    screen.sign_in(person, "wrong password here")
    page.get_by_role("alert").wait_for()
    screen.picture("refused")
    screen.sign_in(person)
    page.wait_for_url(f"{rig.url}/")
    cookie = next(one for one in screen.context.cookies() if one["name"] == "quarterdeck_session")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    screen.troubles.clear()  # the browser told of the refusal

    page.get_by_role("link", name=DESK, exact=True).wait_for()
    screen.picture("overview")
    check(screen)

    screen.open(f"/desk/{DESK}")
    page.get_by_role("heading", name="Orders").wait_for()
    before = fills(screen)
    until(lambda: fills(screen) > before, "a fill arrives")
    screen.picture("fill")

    number = rig.alert(f"no price for 64 s, on a {size} screen")
    page.get_by_role("link", name="Alerts").get_by_text("open").wait_for(state="attached")
    screen.open("/alarms")
    page.get_by_role("button", name=f"Acknowledge alert {number}").click()
    until(lambda: rig.find_alert(number).state is State.ACKNOWLEDGED, "the alert is taken")
    assert rig.find_alert(number).acknowledged_by == person
    screen.picture("alarms")
    check(screen)

    screen.open(f"/desk/{DESK}")
    page.locator("tr", has_text="Accepted").first.wait_for()
    kill(screen, person)
    screen.command("resume", person, "resume: done")
    page.locator(".bar-state", has_text="killed").wait_for(state="detached")
    assert screen.troubles == []
    assert {urlsplit(url).hostname for url in screen.asked_for} == {"127.0.0.1"}
    screen.close()


def kill(screen: Screen, person: str) -> None:
    """By keyboard: what is not confirmed is not sent, Escape leaves, and then it is done."""
    page = screen.page
    button = page.locator(".bar [data-word=kill]")
    button.focus()
    page.keyboard.press("Enter")
    dialogue = page.get_by_role("dialog")
    dialogue.wait_for()
    page.keyboard.press("Escape")
    dialogue.wait_for(state="detached")
    button.focus()
    page.keyboard.press("Enter")
    dialogue.get_by_label(f"Type {DESK} to confirm").fill(DESK)
    dialogue.get_by_label("Code of your authenticator").fill("000000")
    page.keyboard.press("Enter")
    dialogue.get_by_role("alert").wait_for()
    screen.picture("kill")
    dialogue.get_by_label("Why").fill("a <b>drill</b>")
    dialogue.get_by_label("Code of your authenticator").fill(screen.rig.code(person))
    page.keyboard.press("Enter")
    answer = page.locator(".toast[role=status]").last
    answer.wait_for()
    said = answer.inner_text()
    assert "Kill: acknowledged" in said
    assert int(re.findall(r"cancels (\d+)", said)[0]) >= 1
    page.locator(".bar-state", has_text="killed").wait_for()
    page.locator("section[aria-label=Orders] .panel-head", has_text="0 open").wait_for()
    assert page.locator("tr", has_text="Canceled").count() >= 1
    screen.picture("killed")


def check(screen: Screen) -> None:
    """A page is whole: nothing stands out over its edge, everything has a name, and what is written can be read."""
    page = screen.page
    viewport = page.viewport_size
    assert viewport is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate(NAMELESS) == []
    for name, ink, ground in page.evaluate(COLOURS, PAINTED):
        assert contrast(as_hex(ink), as_hex(ground)) >= 4.5, (name, ink, ground)
    bar = page.locator(".bar").bounding_box()
    assert bar is not None
    assert bar["y"] + bar["height"] <= viewport["height"] + 1


def as_hex(colour: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("wide", "dark")])
def test_every_tab(rig: Rig, browser: Browser, tmp_path: Path, size: str, scheme: str) -> None:
    screen = Screen(rig, browser, size, scheme, artefacts(tmp_path))
    page = screen.page
    screen.enter("operator-1")
    screen.open(f"/desk/{DESK}")
    page.locator("[role=tab]").first.focus()
    for tab in TABS:
        page.locator(f"#tab-{tab}[aria-selected=true]").wait_for()
        page.locator(f"#tab-panel > [data-key={tab}]").wait_for()
        if tab == "charts":
            page.locator("canvas").nth(3).wait_for()
        if tab in {"health", "audit"}:
            page.locator("tbody tr").first.wait_for()
        screen.picture(tab)
        check(screen)
        page.keyboard.press("ArrowRight")
    page.wait_for_url(f"{rig.url}/desk/{DESK}/trading")
    assert screen.troubles == []
    screen.close()


def test_a_second_person_approves(rig: Rig, browser: Browser, tmp_path: Path) -> None:
    asking, approving = (Screen(rig, browser, "wide", "light", artefacts(tmp_path)) for _ in range(2))
    asking.enter("operator-3")
    approving.enter("operator-4")
    asking.open(f"/desk/{DESK}")
    said = asking.command("unlock", "operator-3", "Nothing was sent")
    found = re.search(r"apv_\w+", said)
    assert found is not None, said
    approving.open("/alarms")
    approving.page.get_by_role("button", name="Approve…").click()
    dialogue = approving.page.get_by_role("dialog")
    assert '{"verb":"unlock"}' in dialogue.inner_text()
    dialogue.get_by_label("Code of your authenticator").fill(rig.code("operator-4"))
    approving.picture("approve")
    approving.page.keyboard.press("Enter")
    approving.page.locator(".toast", has_text="Approved: unlock").wait_for()
    asking.command("unlock", "operator-3", "unlock: done", approval=found[0])
    for screen in (asking, approving):
        assert screen.troubles == []
        screen.close()


def test_search_and_themes(rig: Rig, browser: Browser, tmp_path: Path) -> None:
    screen = Screen(rig, browser, "wide", "light", artefacts(tmp_path))
    page = screen.page
    screen.enter("operator-1")
    screen.open(f"/desk/{DESK}/reports")
    kept = {one["name"]: one["value"] for one in screen.context.cookies()}
    with httpx.Client(base_url=rig.url, cookies=kept) as client:
        assert client.get(f"/desk/{DESK}/report/risk/var_es.json").json() == {"var_95": 0.01}
        assert client.get(f"/desk/{DESK}/report/%2e%2e/desk.toml").status_code == 404
        assert client.get("/desk/nobody").status_code == 404
    page.get_by_role("link", name="risk/var_es.json").wait_for()
    page.get_by_placeholder("Search reports").fill("nothing of the kind")
    page.get_by_text("No report matches").wait_for()
    page.get_by_placeholder("Search reports").fill("VAR")
    page.get_by_role("link", name="risk/var_es.json").wait_for()
    assert page.get_by_placeholder("Search reports").input_value() == "VAR"

    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.reload()
    page.locator("h1").wait_for()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{rig.url}/sign-in")
    page.goto(f"{rig.url}/")
    assert page.url == f"{rig.url}/sign-in"
    screen.close()
