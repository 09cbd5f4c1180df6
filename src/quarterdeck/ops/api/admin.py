"""Routes that look after the ops plane and its ways out: caches, and a trial of the venues' connections."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from starlette.responses import Response

from quarterdeck.ops.access import Action
from quarterdeck.ops.api import shapes
from quarterdeck.ops.api.caller import Caller
from quarterdeck.ops.api.problems import Code, Problem
from quarterdeck.ops.api.replies import reply
from quarterdeck.ops.api.routing import Entry

__all__ = ["ROUTES"]

_PATIENCE_S: Final = 5.0
_TEST_MOST_S: Final = 90.0
_COMMAND: Final = ("-c", "from quarterdeck.cli import main; main()", "check", "connectivity")
_TAG: Final = "administration"


async def _clear_cache(call: Caller) -> Response:
    """What was read of the desks' logs is forgotten and read anew; no desk is touched."""
    call.plane.gate.permit(call.who, Action.CLEAR_CACHE, None, call.totp, call.approval)
    cleared = {name: call.plane.recent[name].clear() for name in call.names}
    return reply({"status": "ok", "cleared": cleared})


async def _test_connection(call: Caller) -> Response:
    """Each venue is reached with the desk's own credentials; nothing is ordered."""
    call.plane.gate.permit(call.who, Action.TEST_CONNECTION, call.names, call.totp, call.approval)
    async with call.plane.one_test:
        found = {name: await _connectivity(call.plane.desks[name].config.folder) for name in call.names}
    connected = all(one["level"] != "FAIL" for rows in found.values() for one in rows)
    return reply({"connected": connected, "desks": found})


async def _connectivity(folder: Path) -> list[dict[str, Any]]:
    """What `quarterdeck check connectivity` finds: in a process of its own, since it needs the whole live desk."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *_COMMAND, str(folder), "--patience", f"{_PATIENCE_S:g}", "--json",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        said, wrong = await asyncio.wait_for(process.communicate(), _TEST_MOST_S)
    except TimeoutError as error:
        raise Problem(503, Code.UNAVAILABLE, f"the trial of the connections took over {_TEST_MOST_S:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return cast("list[dict[str, Any]]", msgspec.json.decode(said)["findings"])
    except msgspec.DecodeError as error:
        last = wrong.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise Problem(503, Code.UNAVAILABLE, f"the connections could not be tried: {last[0]}") from error


ROUTES: Final = (
    Entry(
        method="POST", path="/api/admin/clear-cache", action=Action.CLEAR_CACHE, endpoint=_clear_cache,
        model=shapes.Cleared, tag=_TAG, summary="Forget what was read of the logs, and read it anew",
    ),
    Entry(
        method="POST", path="/api/broker/test-connection", action=Action.TEST_CONNECTION, endpoint=_test_connection,
        model=shapes.ConnectionTest, tag=_TAG, summary="Reach every venue with the desk's credentials",
    ),
)  # fmt: skip
