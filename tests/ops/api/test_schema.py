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
SLOW = ("/api/broker/test-connection",)  # has a test of its own
ENDS = ("/api/admin/shutdown",)  # who may do it would end the desk of all other tests
CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
document = create_app(cast(Any, SimpleNamespace(log_refused=None))).openapi()
schema = schemathesis.openapi.from_dict(document)


@schema.exclude(path_regex="|".join(SLOW)).parametrize()
@settings(
    max_examples=5, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_what_the_document_says_is_what_is_answered(case: schemathesis.Case, shared_rig: Rig) -> None:
    route = case.path.removeprefix("/desks/{desk}")
    if "desk" in case.path_parameters:
        case.path_parameters["desk"] = "alpha"
    if route == "/stream":
        case.query["seconds"] = 0.05
    role = "viewer" if route in ENDS else "second"
    answer = case.call(base_url=shared_rig.url(""), headers={"X-OPS-TOKEN": shared_rig.tokens[role]})
    checks = CHECKS if route in HEALTH else (not_a_server_error, *CHECKS)
    case.validate_response(answer, checks=list(checks))


def test_the_document_names_every_route_of_the_table() -> None:
    paths: dict[str, Any] = document["paths"]
    for entry in ROUTES:
        operation = paths[entry.path][entry.method.lower()]
        assert {"401", "403", "404"} <= operation["responses"].keys()
        assert (f"/desks/{{desk}}{entry.path}" in paths) is entry.by_desk
        named = {one["name"] for one in operation.get("parameters", ())}
        assert ("Idempotency-Key" in named) is (entry.method != "GET")
