"""Makes `.venv` from the lock file. Run by `make` with the system's Python: standard library only, older ones included.

usage: python3 cli/environment.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
PACKAGES = ["--editable", str(ROOT), "--editable", str(ROOT / "runtime")]
"""The project itself, and what runs inside the pods, which tests import."""
OLDEST = (3, 11)


def main() -> int:
    if sys.version_info < OLDEST:
        return refuse(
            "python3", sys.version.split()[0], "3.11 or newer", "install it, then `make PYTHON=python3.12 up`"
        )
    python = str(FOLDER / "bin" / "python")
    # Where Debian's python3-venv is missing, a folder with an interpreter but without pip is left.
    made = (FOLDER / "bin" / "pip").exists()
    if not made and not step("virtual environment", [sys.executable, "-m", "venv", "--clear", str(FOLDER)]):
        return refuse("python3 -m venv", "failed, see above", "Python with its venv module", "apt install python3-venv")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as installer:
        installer.write(pinned("uv"))
        installer.flush()
        pip = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", installer.name]
        uv = [str(FOLDER / "bin" / "uv"), "pip", "install", "--quiet", "--python", python]
        done = (
            step("installer", pip)
            and step("locked packages", [*uv, "--require-hashes", "--requirement", str(LOCK)])
            and step("this project", [*uv, "--no-deps", "--no-build-isolation", *PACKAGES])
            and step("bytecode of what a run imports", [python, "-c", "import cli.app, infra.program"])
        )
    if not done:
        return refuse("package index", "failed, see above", "every package of the lock file", "mend it, run make again")
    return 0


def pinned(name: str) -> str:
    """The lines of one package in the lock file, with its hashes."""
    taken: list = []
    for line in LOCK.read_text().splitlines():
        if line.startswith(name + "==") or (taken and line.startswith("    --hash")):
            taken.append(line)
        elif taken:
            break
    return "\n".join(taken).rstrip("\\ ") + "\n"


def step(label: str, command: list) -> bool:
    """Runs it, with its elapsed seconds on one line; False where it failed."""
    print(f"  {label} ...", end="", flush=True)
    begun = time.monotonic()
    # Images often forbid Python to keep bytecode; every run would compile some 1,200 modules again.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    good = subprocess.run(command, cwd=ROOT, env=env).returncode == 0
    print(f" {'done' if good else 'failed'} in {time.monotonic() - begun:.0f} s", flush=True)
    return good


def refuse(path: str, value: str, rule: str, action: str) -> int:
    print(f"error {path}: {value}\n  rule:   {rule}\n  action: {action}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
