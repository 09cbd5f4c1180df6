"""Environments of their own for the clients that tests let loose on our twins: pinned with hashes, made once, kept.

Each is a folder beside the packages of `.venv`, named by the hash of its requirements, so a change makes a new one.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def client_python(requirements: Path) -> Path:
    """The interpreter of an environment that has exactly these requirements; the first caller makes it."""
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = REPOSITORY / ".venv" / "clients" / f"{requirements.stem}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    python, done = folder / "bin" / "python", folder / "installed"
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(folder)])
            wanted = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(requirements)]
            _run([str(python), "-m", "pip", "install", "--quiet", "--no-input", *wanted])
            done.touch()
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} ... ended with {done.returncode}: {done.stderr[-1_000:]}")
