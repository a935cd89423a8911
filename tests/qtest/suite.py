"""The command behind tools/qtest-suite."""
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import qemu_source

REPO = Path(__file__).resolve().parents[2]
PROGRAMS = REPO / "tests/qtest/programs"
CASE_SECONDS = 300

HELP = """usage: tools/qtest-suite [--binary FILE] [PROGRAM [CASE]]
       tools/qtest-suite --emulator

Fetches Debian's source package of QEMU 7.2, builds the programs that tests/qtest/programs names from its unchanged
tests/qtest (3 minutes on 2 cores the first time, kept under ~/.cache/hvmdm), and runs them against hvmdm
(build/release, else build/dev, else what --binary names), each case in a process of its own.

  PROGRAM     only this one, for example ide-test
  CASE        only cases that begin so, for example /ide/cdrom, also one that the list leaves out
  --emulator  builds QEMU itself there (8 minutes on 2 cores) and prints its path: tools/compare uses it
              where both machines need a clock that can be moved"""


class SuiteError(Exception):
    """What says, why, and what helps."""


def say(text):
    print(f"qtest-suite: {text}", flush=True)


def read_programs():
    """{program: {case left out: why}}, and the programs that want a q35"""
    programs, current, on_q35 = {}, {}, set()
    for line in PROGRAMS.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("  - "):
            case, reason = line[4:].split(": ", 1)
            current[case] = reason
        else:
            name, _, machine = line.strip().partition(" on ")
            current = programs[name] = {}
            if machine == "q35":
                on_q35.add(name)
    return programs, on_q35


def find_binary(given):
    candidates = [Path(given)] if given else [REPO / "build" / preset / "hvmdm" for preset in ("release", "dev")]
    for candidate in candidates:
        if candidate.exists():
            return candidate.resolve()
    raise SuiteError(f"{candidates[0]} is not there: cmake --preset release && cmake --build --preset release")


class Runner:
    def __init__(self, programs_folder, binary, scratch, on_q35):
        self.folder = programs_folder
        self.scratch = scratch
        self.on_q35 = on_q35
        self.emulators = {}
        for kind, target in (("pc", binary), ("q35", REPO / "tests/qtest/as_q35")):
            emulator = Path(scratch) / kind / "hvmdm-system-i386"  # libqtest takes the architecture from the name
            emulator.parent.mkdir()
            emulator.symlink_to(target)
            self.emulators[kind] = str(emulator)
        self.environment = dict(os.environ, TMPDIR=str(scratch), HVMDM_BINARY=str(binary))
        self.passed, self.failed, self.skipped = 0, [], 0

    def start(self, program, *arguments):
        emulator = self.emulators["q35" if program in self.on_q35 else "pc"]
        return subprocess.run([self.folder / program, *arguments],
                              env=self.environment | {"QTEST_QEMU_BINARY": emulator}, cwd=self.scratch,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=CASE_SECONDS, check=False)

    def cases(self, program):
        return [line for line in self.start(program, "-l").stdout.splitlines() if line.startswith("/")]

    def run_case(self, program, case):
        began = time.monotonic()
        try:
            done = self.start(program, "-k", "-p", case)
            output = done.stdout
            good = done.returncode == 0 and re.search(rf"^ok \d+ {re.escape(case)}$", output, re.MULTILINE)
        except subprocess.TimeoutExpired as late:
            output, good = f"no end within {CASE_SECONDS} s\n{late.stdout or ''}", False
        say(f"{'passed ' if good else 'FAILED '} {program} {case} ({time.monotonic() - began:.1f} s)")
        if good:
            self.passed += 1
        else:
            self.failed.append(f"{program} {case}")
            print("\n".join(f"  {line}" for line in output.splitlines()[-15:]))

    def run_program(self, program, left_out, only):
        for case in self.cases(program):
            short = re.sub(r"^/i386", "", case)
            if only and not short.startswith(only):
                continue
            # glib runs what stands below a name together with it, so such a name is left out by itself.
            if short in left_out and not only:
                say(f"skipped {program} {case}: {left_out[short]}")
                self.skipped += 1
            else:
                self.run_case(program, case)


def main(arguments):
    if arguments[:1] in (["--help"], ["-h"]):
        print(HELP)
        return 0
    given = None
    if arguments[:1] == ["--binary"] and len(arguments) > 1:
        given, arguments = arguments[1], arguments[2:]
    if arguments == ["--emulator"]:
        qemu_source.build([qemu_source.EMULATOR.name], say)
        print(qemu_source.EMULATOR)
        return 0
    programs, on_q35 = read_programs()
    if len(arguments) > 2 or (arguments and arguments[0] not in programs):
        raise SuiteError(f"unknown arguments {' '.join(arguments)}; --help lists them")
    chosen = arguments[:1] or list(programs)
    only = arguments[1] if len(arguments) == 2 else ""
    binary = find_binary(given)
    folder = qemu_source.build([f"tests/qtest/{name}" for name in chosen], say) / "tests/qtest"
    with tempfile.TemporaryDirectory(prefix="qtest-") as scratch:
        runner = Runner(folder, binary, scratch, on_q35)
        for program in chosen:
            runner.run_program(program, programs[program], only)
    for name in runner.failed:
        say(f"FAILED {name}")
    print(f"{runner.passed} passed, {len(runner.failed)} failed, {runner.skipped} skipped")
    return 1 if runner.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (SuiteError, qemu_source.SourceError) as error:
        print(f"qtest-suite: error: {error}", file=sys.stderr)
        sys.exit(2)
