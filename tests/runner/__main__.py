"""The command behind tools/test."""
import sys
import time

from . import steps
from .tally import Tally

HELP = """usage: tools/test [--quick | --no-lab | --lint]

  (nothing)   format; build and unit tests with gcc and with clang, each with address and undefined-behaviour
              sanitizers; release build; and the lab: real guests on a real Xen host inside an emulated machine
              (about 42 minutes on 2 cores once built; about 15 more the first time, when the lab is built)
  --quick     format, gcc build and unit tests; under a minute once built
  --no-lab    all but the lab
  --lint      clang-tidy on what changed since it last passed (about 15 minutes for everything)

Needs Debian 12; as root it installs the packages that are missing. The last line counts the tests."""

QUICK = [steps.formatting, steps.unit_gcc]
NO_LAB = [*QUICK, steps.unit_clang, steps.release]
ALL = [*NO_LAB, steps.lab]
LINT = [steps.configure_clang, steps.lint]


def main(arguments):
    if arguments in (["--help"], ["-h"]):
        print(HELP)
        return 0
    plans = {(): ALL, ("--quick",): QUICK, ("--no-lab",): NO_LAB, ("--lint",): LINT}
    plan = plans.get(tuple(arguments))
    if plan is None:
        print(f"test: error: unknown arguments {' '.join(arguments)}; --help lists them", file=sys.stderr)
        return 2
    began = time.monotonic()
    total = Tally()
    for step in plan:
        total += step()
    print(f"test: finished after {(time.monotonic() - began) / 60:.1f} minutes")
    for name in total.failures:
        print(f"test: FAILED {name}")
    for reason in total.skips:
        print(f"test: skipped {reason}")
    print(total)
    return 1 if total.failed else 0


sys.exit(main(sys.argv[1:]))
