"""In a container that was started for one package: run it, and leave the result where the launcher looks.

`python -m ariel_runtime.isolated.child [file]`: the result as JSON goes to the file, or is the last line printed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from ariel_runtime.isolated.launchers import ENVIRONMENT, PACKAGE
from ariel_runtime.isolated.package import Package
from ariel_runtime.isolated.process import InterpreterError, Process
from ariel_runtime.refusal import RefusedError


def main(arguments: list[str]) -> int:
    package = Package.of_text(os.environ.pop(PACKAGE))
    process = Process(os.environ.pop(ENVIRONMENT), lambda line: print(line, flush=True))
    # The launcher's checkout is not in this container.
    given = {**json.loads(package.given), "root": tempfile.gettempdir()}
    try:
        result = json.dumps(process.run(package.script, json.dumps(given)))
    except (InterpreterError, RefusedError) as error:
        print(error, file=sys.stderr)
        return 1
    if arguments:
        Path(arguments[0]).write_text(result, encoding="utf-8")
    else:
        print(result)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
