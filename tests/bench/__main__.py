"""What the project costs, in numbers; prints and asserts nothing. See docs/bench.md.

`make bench` measures the program against a bare one, `make bench BENCH=platform` what runs, `make bench BENCH=laptop`
the start of `ariel dev`. `python -m tests.bench` takes the same names; without one it measures all, one after another.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.bench import engine, laptop_start, platform

KINDS = ("engine", "laptop", "platform")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Prints numbers, and asserts nothing.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all")
    parser.add_argument("--rounds", type=int, default=1, help="of the engine's measurement")
    parser.add_argument("--measures", default=",".join(platform.MEASURES), help="of the platform, of %(default)s")
    parser.add_argument("--tenants", type=int, default=2, help="of the platform that is made for the measurement")
    parser.add_argument("--project", type=Path, help="measure the platform that runs in this folder, and keep it")
    given = parser.parse_args()
    measures = given.measures.split(",")
    if unknown := ({*given.kinds} - {*KINDS}) | ({*measures} - {*platform.MEASURES}):
        parser.error(f"nothing is named {', '.join(sorted(unknown))}")
    kinds = given.kinds or KINDS
    if "engine" in kinds:
        engine.main(given.rounds)
    if "laptop" in kinds:
        laptop_start.main()
    if "platform" in kinds:
        platform.main(measures, given.tenants, given.project)


if __name__ == "__main__":
    main()
