"""How kernel source becomes machine code, and where that code is kept.

The same source runs uncompiled with NUMBA_DISABLE_JIT=1, for debugging and coverage. numba does not notice that a
constant changed in another module, so compiled code is kept in a folder named by a hash of everything that went in.
"""

import hashlib
import os
import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import llvmlite
import numba
import numpy as np
from numba.core import config as _numba_config

from quarterdeck.kernel.capacity import CAPACITY

__all__ = ["JIT_ENABLED", "code_folder", "compiled", "inlined", "source_hash"]

F = TypeVar("F", bound=Callable[..., Any])
_njit = cast(Any, numba.njit)

_config = cast(Any, _numba_config)
JIT_ENABLED: Final[bool] = not _config.DISABLE_JIT
_PACKAGE: Final = Path(__file__).resolve().parent.parent
_COMPILED_ROOMS: Final = ("kernel", "runtime", "strategies")


@cache
def source_hash() -> str:
    """Returns 16 hex digits over all compiled sources, the versions of what compiles them, the profile and the CPU."""
    digest = hashlib.sha256()
    for room in _COMPILED_ROOMS:
        for path in sorted((_PACKAGE / room).glob("**/*.py")):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    bounds = os.environ.get("NUMBA_BOUNDSCHECK", "")  # numba forgets that it changes the code
    parts = (bounds, numba.__version__, llvmlite.__version__, np.__version__, platform.python_version(), CAPACITY.name)
    digest.update("|".join((*parts, _cpu())).encode())
    return digest.hexdigest()[:16]


def _cpu() -> str:
    host = cast(Any, llvmlite).binding
    return f"{host.get_host_cpu_name()} {host.get_host_cpu_features().flatten()}"


# No reference counts (`_nrt`): kernel functions borrow their arrays, and counting cost half of a quote's time.
_OPTIONS: Final[dict[str, Any]] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "_nrt": False,
}


def code_folder() -> Path:
    """The folder that compiled code of exactly this source is kept in."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "quarterdeck" / f"kernel-{source_hash()}"


if JIT_ENABLED:
    code_folder().mkdir(parents=True, exist_ok=True)
    _config.CACHE_DIR = str(code_folder())


def compiled(function: F) -> F:
    """Compiles a function of the kernel's subset: integers, records and arrays; no objects, no exceptions as flow."""
    return cast(F, _njit(**_OPTIONS)(function))


def inlined(function: F) -> F:
    """Like `compiled`, for the few functions on the path of every event: their code goes into their callers."""
    return cast(F, _njit(forceinline=True, **_OPTIONS)(function))
