"""The command behind tools/fuzz."""
import argparse
import re
import sys
from pathlib import Path

from . import ledger
from .target import REPO, Target, build, names

HELP = """Fuzzes devices and parsers with libFuzzer, address and undefined-behaviour sanitizers (clang 14).

  tools/fuzz --list                     the targets
  tools/fuzz uart16550                  one of them for a minute
  tools/fuzz all --seconds 20           each of them, one after the other
  tools/fuzz piix3-ide --minimise       then chooses the corpus that is committed
  tools/fuzz piix3-ide --reproduce build/fuzz/fuzzing/piix3-ide/crashes/crash-0123
                                        runs one input and prints its operations
  tools/fuzz piix3-ide --shrink FILE    makes a crashing input smaller

Each run is added to tests/fuzz/ledger.md. Exit status: 0 nothing found, 1 something found, 2 wrong usage.
docs/fuzzing.md tells what the targets do."""


def arguments_of(words):
    parser = argparse.ArgumentParser(prog="tools/fuzz", description=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="names of targets, or all")
    parser.add_argument("--list", action="store_true", help="print the names of the targets")
    parser.add_argument("--seconds", type=int, default=60, metavar="N",
                        help="of processor time for each target (60); 0 with --minimise: only that")
    parser.add_argument("--minimise", action="store_true", help="choose the committed corpus anew afterwards")
    parser.add_argument("--no-ledger", action="store_true", help="do not count this run")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="run this input and print what it does")
    parser.add_argument("--shrink", type=Path, metavar="FILE", help="look for a smaller input with the same end")
    arguments = parser.parse_args(words)
    if arguments.list:
        return arguments
    if not arguments.targets:
        parser.error("name a target, or all; --list shows them")
    if arguments.targets == ["all"]:
        arguments.targets = names()
    for name in arguments.targets:
        if name not in names():
            parser.error(f"there is no target {name}; --list shows them")
    if arguments.seconds < (0 if arguments.minimise else 1):
        parser.error("--seconds wants at least 1")
    if (arguments.reproduce or arguments.shrink) and len(arguments.targets) != 1:
        parser.error("--reproduce and --shrink want the target that the file is for")
    for file in (arguments.reproduce, arguments.shrink):
        if file is not None and not file.is_file():
            parser.error(f"{file}: no such file")
    return arguments


def what_was_found(output):
    """The lines of a report that say what happened, where, and in which operation."""
    marks = r"hvmdm-fuzz: .*|.*runtime error: .*|==\d+== ?ERROR: .*|SUMMARY: .*|.*hvmdm: check failed.*|.*Assertion .*failed.*"
    return list(dict.fromkeys(re.findall(rf"^(?:{marks})$", output, re.MULTILINE)))


def fuzz(target, arguments):
    """False when something was found."""
    known = set(target.crashes.iterdir())
    run = target.fuzz(arguments.seconds)
    print(f"fuzz: {target.name}: {run.operations} operations in {run.inputs} inputs, {run.cpu_s:.0f} s of processor "
          f"time, {run.wall_s:.0f} s in all", flush=True)
    if not arguments.no_ledger:
        ledger.add(target, run)
    if run.found:
        print("\n".join(f"    {line}" for line in what_was_found(run.output)[:12]) or run.output[-2000:])
        for file in sorted(set(target.crashes.iterdir()) - known):
            print(f"fuzz: {target.name}: FOUND {file.relative_to(REPO)}\n"
                  f"      tools/fuzz {target.name} --reproduce {file.relative_to(REPO)}", flush=True)
    return not run.found


def work(target, arguments):
    target.prepare()
    clean = arguments.seconds == 0 or fuzz(target, arguments)
    if arguments.minimise and clean:
        kept, reaching = target.minimise()
        print(f"fuzz: {target.name}: {kept} of {reaching} inputs are in {target.committed.relative_to(REPO)}", flush=True)
        ledger.write()
    return clean


def main(words):
    arguments = arguments_of(words)
    if arguments.list:
        print("\n".join(names()))
        return 0
    targets = [Target(name) for name in arguments.targets]
    build()
    if arguments.reproduce:
        return 1 if targets[0].reproduce(arguments.reproduce.resolve()).found else 0
    if arguments.shrink:
        smaller = targets[0].shrink(arguments.shrink.resolve(), arguments.seconds)
        print(f"fuzz: {smaller}" if smaller else "fuzz: nothing smaller was found")
        return 0
    clean = [work(target, arguments) for target in targets]
    return 0 if all(clean) else 1


sys.exit(main(sys.argv[1:]))
