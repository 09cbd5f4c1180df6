"""The app: all routes, errors as problem documents, one OpenAPI document."""

from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from quarterdeck import __version__
from quarterdeck.ops.api import (
    admin,
    alerts,
    attempts,
    emergency,
    health,
    incidents,
    pages,
    people,
    settings,
    stream,
    trading,
)
from quarterdeck.ops.api.problems import PROBLEM_TYPE, install_problems
from quarterdeck.ops.api.routing import Entry, add_entries
from quarterdeck.ops.api.shield import Shield

if TYPE_CHECKING:
    from quarterdeck.ops.process import Plane

__all__ = ["ROUTES", "create_app"]

ROUTES: Final[tuple[Entry, ...]] = (
    *health.ROUTES,
    *trading.ROUTES,
    *attempts.ROUTES,
    *emergency.ROUTES,
    *settings.ROUTES,
    *alerts.ROUTES,
    *incidents.ROUTES,
    *people.ROUTES,
    *admin.ROUTES,
    *stream.ROUTES,
    *pages.ROUTES,
)
_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "opsToken": {"type": "apiKey", "in": "header", "name": "X-OPS-TOKEN"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def create_app(plane: "Plane") -> FastAPI:
    """Returns the app of an ops plane, for any of its ports."""
    app = FastAPI(
        title="Quarterdeck ops plane",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
    )
    app.state.plane = plane
    install_problems(app)
    add_entries(app, ROUTES)
    app.add_middleware(Shield, refused=plane.log_refused)
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            document.update(get_openapi(title=app.title, version=app.version, routes=app.routes))
            document["components"]["securitySchemes"] = _SCHEMES
            _say_problems(document)
        return document

    app.openapi = openapi
    return app


def _say_problems(document: dict[str, Any]) -> None:
    """A problem has its own media type; FastAPI writes every model down as plain JSON."""
    operations = (one for path in document["paths"].values() for one in path.values())
    for response in (one for operation in operations for one in operation["responses"].values()):
        content = response.get("content", {})
        if PROBLEM_TYPE in content:
            response["content"] = {PROBLEM_TYPE: content["application/json"]}
