"""schemathesis over the whole OpenAPI document, against the running ops plane and its running desk.

No answer is a 5xx but of health, none has a status, a media type or a shape that the document does not name.
"""

from types import SimpleNamespace
from typing import Any, cast

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from quarterdeck.ops.api.application import ROUTES, create_app
from tests.ops.api.rig import Rig

HEALTH = {entry.path for entry in ROUTES if entry.unwell is not None}
SLOW = "/api/broker/test-connection"  # has a test of its own
ENDS = ("/api/admin/shutdown",)  # who may do it would end the desk of all other tests
CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
document = create_app(cast(Any, SimpleNamespace(log_refused=None))).openapi()
schema = schemathesis.openapi.from_dict(document)
# The edges of every parameter are tried once: a desk's own routes are the same functions under a longer path.
again = schemathesis.openapi.from_dict(document)
again.config.phases.coverage.enabled = False


def fuzzed(examples: int) -> settings:
    return settings(
        max_examples=examples, derandomize=True, deadline=None, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@schema.exclude(path_regex=rf"^/desks/\{{desk\}}/|{SLOW}").parametrize()
@fuzzed(3)
def test_what_the_document_says_is_what_is_answered(case: schemathesis.Case, shared_rig: Rig) -> None:
    ask(case, shared_rig)


@again.include(path_regex=r"^/desks/\{desk\}/").exclude(path_regex=SLOW).parametrize()
@fuzzed(2)
def test_a_desks_own_routes_answer_as_the_others_do(case: schemathesis.Case, shared_rig: Rig) -> None:
    case.path_parameters["desk"] = "alpha"
    ask(case, shared_rig)


def ask(case: schemathesis.Case, rig: Rig) -> None:
    route = case.path.removeprefix("/desks/{desk}")
    if route == "/stream":
        case.query["seconds"] = 0.05
    for name in ("X-API-Key", "Authorization"):  # made up; with them nothing would be let in
        case.headers.pop(name, None)
    role = "viewer" if route in ENDS else "second"
    answer = case.call(base_url=rig.url(""), headers={"X-OPS-TOKEN": rig.tokens[role]}, allow_redirects=False)
    assert answer.status_code != 401
    checks = CHECKS if route in HEALTH else (not_a_server_error, *CHECKS)
    case.validate_response(answer, checks=list(checks))


def test_the_document_names_every_route_of_the_table() -> None:
    paths: dict[str, Any] = document["paths"]
    for entry in ROUTES:
        operation = paths[entry.path][entry.method.lower()]
        assert {"401", "403", "404"} <= operation["responses"].keys()
        there = entry.method.lower() in paths.get(f"/desks/{{desk}}{entry.path}", {})
        assert there is entry.by_desk
        named = {one["name"] for one in operation.get("parameters", ())}
        assert ("Idempotency-Key" in named) is (entry.method != "GET")
