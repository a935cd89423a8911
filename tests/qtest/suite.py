"""The command behind tools/qtest-suite."""
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("HVMDM_CACHE") or Path.home() / ".cache/hvmdm") / "qemu-tests"
PROGRAMS = REPO / "tests/qtest/programs"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SERIES = "1:7.2+dfsg"
CASE_SECONDS = 300
# ahci-test is built with the tools only: it makes its images with qemu-img where there is one.
CONFIGURED = ["--target-list=i386-softmmu", "--without-default-features", "--enable-tcg", "--enable-tools", "--disable-werror",
              "--disable-docs"]

HELP = """usage: tools/qtest-suite [--binary FILE] [PROGRAM [CASE]]

Fetches Debian's source package of QEMU 7.2, builds the programs that tests/qtest/programs names from its unchanged
tests/qtest (3 minutes on 2 cores the first time, kept under ~/.cache/hvmdm), and runs them against hvmdm
(build/release, else build/dev, else what --binary names), each case in a process of its own.

  PROGRAM     only this one, for example ide-test
  CASE        only cases that begin so, for example /ide/cdrom, also one that the list leaves out"""


class SuiteError(Exception):
    """What says, why, and what helps."""


def say(text):
    print(f"qtest-suite: {text}", flush=True)


def run_logged(command, log, cwd):
    with open(log, "ab") as out:
        if subprocess.call([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                           stderr=out) != 0:
            tail = "\n  ".join(Path(log).read_text(errors="replace").splitlines()[-12:])
            raise SuiteError(f"{command[0]} failed; whole output: {log}\n  {tail}")


def apt(*words):
    """apt-get with lists and cache of its own: the machine's sources stay as they are."""
    places = [f"Dir::Etc::sourcelist={CACHE}/sources.list", "Dir::Etc::sourceparts=-", f"Dir::State::lists={CACHE}/lists",
              f"Dir::Cache={CACHE}/cache"]
    return ["apt-get", *[word for place in places for word in ("-o", place)], *words]


def fetch_source():
    tree = CACHE / "qemu"
    if (tree / "configure").exists():
        return tree
    say("fetching and unpacking QEMU's source package (usually 1 minute) ...")
    for folder in ("lists/partial", "cache/archives/partial"):
        (CACHE / folder).mkdir(parents=True, exist_ok=True)
    (CACHE / "sources.list").write_text(f"deb-src [signed-by={KEYRING}] http://deb.debian.org/debian bookworm main\n")
    log = CACHE / "fetch.log"
    run_logged(apt("update"), log, CACHE)
    run_logged(apt("source", "--download-only", "qemu"), log, CACHE)
    sources = sorted(CACHE.glob("qemu_*.dsc"))
    if not sources or f"Version: {SERIES}" not in sources[-1].read_text():
        raise SuiteError(f"no source package of QEMU {SERIES} came; is this Debian 12? See {log}")
    unpacked = CACHE / "unpacking"
    subprocess.call(["rm", "-rf", unpacked])
    run_logged(["dpkg-source", "--no-check", "-x", sources[-1], unpacked], log, CACHE)
    unpacked.rename(tree)
    return tree


def build(names):
    source = fetch_source()
    folder = CACHE / "build"
    folder.mkdir(exist_ok=True)
    log = CACHE / "build.log"
    made_with = folder / "config.status"
    if not made_with.exists() or any(word not in made_with.read_text() for word in CONFIGURED):
        say("configuring it (usually 30 s) ...")
        run_logged([source / "configure", *CONFIGURED], log, folder)
    missing = [name for name in names if not (folder / "tests/qtest" / name).exists()]
    if missing:
        say(f"building {', '.join(missing)} (usually 2 minutes the first time) ...")
        run_logged(["ninja", *[f"tests/qtest/{name}" for name in missing]], log, folder)
    return folder / "tests/qtest"


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
    programs, on_q35 = read_programs()
    if len(arguments) > 2 or (arguments and arguments[0] not in programs):
        raise SuiteError(f"unknown arguments {' '.join(arguments)}; --help lists them")
    chosen = arguments[:1] or list(programs)
    only = arguments[1] if len(arguments) == 2 else ""
    binary = find_binary(given)
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = build(chosen)
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
    except SuiteError as error:
        print(f"qtest-suite: error: {error}", file=sys.stderr)
        sys.exit(2)
