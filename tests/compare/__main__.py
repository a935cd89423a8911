"""The command behind tools/compare."""
import argparse
import random
import sys
import time
from pathlib import Path

from qtest import qemu_source

from . import devices
from .link import CompareError, Died, Link, ours, theirs
from .rules import Rules
from .stream import Difference, Line, Player

OUT = Path(__file__).resolve().parents[2] / "build" / "compare"
BATCH = 20_000
CONTEXT = 12
MINIMISE_SECONDS = 60


def start_pair(device):
    # What is Xen's, or no chip of ours, is switched off there.
    theirs_machine = ["-machine", "pc,vmport=off"]
    common = ["-machine", "pc", "-nodefaults", "-display", "none", "-m", "32", *device.options]
    accelerator = ["-accel", "qtest"] if device.clock else ["-accel", "tcg", "-S"]
    pair = []
    try:
        for name, has_clock, command in (
                ("hvmdm", True, [ours(), *common, *device.ours, "-accel", "qtest"]),
                ("QEMU", device.clock, [*theirs(device.clock), *common, *theirs_machine, *device.theirs, *accelerator])):
            pair.append(Link(name, command, device.functions, device.images, has_clock, device.viewer))
        for link in pair:
            link.look_up()
            link.talk(["irq_intercept_in ioapic"])
    except BaseException:
        for link in pair:
            link.close()
        raise
    return pair


def rules_of(device):
    return Rules(device.listed_as, device.bits())


class Session:
    """A fresh pair of machines, the device set up on both."""

    def __init__(self, device, rules, survey=False, patience=None):
        self.pair = start_pair(device)
        for link in self.pair:
            link.patience = patience or link.patience
        self.player = Player(*self.pair, rules, survey)

    def __enter__(self):
        return self.player

    def __exit__(self, *_):
        for link in self.pair:
            link.close()


def play(player, lines):
    """The Difference that the lines show, or None. A process that ends is one, too."""
    try:
        player.play(lines)
    except Difference as found:
        return found
    except Died as died:
        return Difference(player.played, Line("", "END_OF_PROCESS"), (0, str(died)), (0, "nothing of that"))
    return None


def differs(device, rules, lines, patience=None):
    with Session(device, rules, patience=patience) as player:
        return play(player, [*device.setup, *lines])


def minimise(device, rules, lines, wanted):
    """Fewer lines that still end in the same two replies of the same register."""
    deadline = time.monotonic() + MINIMISE_SECONDS

    def shows(candidate):
        found = differs(device, rules, candidate, patience=0.2)  # what is left out may be what is waited for
        if found is None or found.essence() != wanted:
            return None
        return candidate[:max(0, found.index - len(device.setup)) + 1]

    size = 8
    while size < len(lines) and time.monotonic() < deadline:  # most need little history
        if best := shows(lines[-size:]):
            lines = best
            break
        size *= 5
    step = max(1, len(lines) // 2)
    while time.monotonic() < deadline:
        at, shrunk = 0, False
        while at < len(lines) - 1 and time.monotonic() < deadline:
            if best := shows(lines[:at] + lines[min(at + step, len(lines) - 1):]):
                lines, shrunk = best, True
            else:
                at += step
        if step == 1 and not shrunk:
            break
        step = max(1, step // 2)
    return lines


def generate(device, rng, count):
    lines = []
    while len(lines) < count:
        lines += device.traffic(rng)
    return lines


def report(device, found, lines, seed):
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{device.name}-{seed}.stream"
    text = [f"# compare {device.name}", *(f"# {line}" for line in found.describe().splitlines())]
    path.write_text("\n".join([*text, *map(str, lines)]) + "\n")
    print(f"DIFFERENCE in {device.name}, seed {seed}")
    print(found.describe())
    for line in lines[-CONTEXT:]:
        print(f"    {line}")
    print(f"all {len(lines)} lines: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def search(device, operations, rules, rng):
    """(Difference or None, the stream up to it, what is to be said when there is none)"""
    began, history, found = time.monotonic(), [], None
    with Session(device, rules) as player:
        found = play(player, device.setup)
        while found is None and player.played < operations:
            lines = generate(device, rng, min(BATCH, operations - player.played))
            history += lines
            found = play(player, lines)
        seconds = time.monotonic() - began
        text = [f"{device.name}: {player.played} operations, no difference but those that are meant "
                f"({seconds:.0f} s, {player.played / seconds:.0f} a second)"]
        text += [f"    {name}, {times} times: {rules.reasons[name]}" for name, times in sorted(player.accepted.items())]
    if found:
        end = found.index - len(device.setup) + 1
        history = history[:max(0, end) if found.line.text else None]
    return found, history, "\n".join(text)


def compare(device, operations, seed, shrink):
    rules = rules_of(device)
    found, history, text = search(device, operations, rules, random.Random(f"{device.name} {seed}"))
    if found is None:
        print(text, flush=True)
        return 0
    if shrink and history:
        print(f"{device.name}: difference after {len(history)} operations in {found.line.register}; minimising ...", flush=True)
        shorter = minimise(device, rules, history, found.essence())
        again = differs(device, rules, shorter)
        if again:
            history, found = shorter, again
    report(device, found, history, seed)
    return 1


def survey(device, operations, seed):
    rng = random.Random(f"{device.name} {seed}")
    with Session(device, rules_of(device), survey=True) as player:
        died = play(player, [*device.setup, *generate(device, rng, operations)])
        print(f"{device.name}: {player.played} operations, {len(player.surveyed)} registers differ")
        for name, (times, first) in sorted(player.surveyed.items()):
            print(f"    {name}, {times} times, first: {' | '.join(first.describe().splitlines())}")
    if died:
        print(died.describe())
    return 1 if died or player.surveyed else 0


def replay(path):
    text = Path(path).read_text().splitlines()
    if not text or not text[0].startswith("# compare "):
        raise CompareError(f"{path} does not begin with '# compare DEVICE'")
    device = find(text[0].split()[2])
    lines = [Line.parse(line) for line in text if line.strip() and not line.startswith("#")]
    found = differs(device, rules_of(device), lines)
    if found is None:
        print(f"{path}: no difference")
        return 0
    print(found.describe())
    return 1


def find(name):
    if name not in devices.ALL:
        raise CompareError(f"there is no device '{name}': {', '.join(sorted(devices.ALL))}, or all")
    return devices.ALL[name]


def main():
    parser = argparse.ArgumentParser(
        prog="tools/compare", description="Plays the same accesses on hvmdm and on the packaged QEMU and reports the first "
        "difference that tests/compare/differences does not explain. docs/testing.md tells the rest.")
    parser.add_argument("device", nargs="?", help=f"{', '.join(sorted(devices.ALL))}, or all")
    parser.add_argument("--operations", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", default="1", metavar="S")
    parser.add_argument("--no-minimise", action="store_true", help="report the whole stream")
    parser.add_argument("--replay", metavar="FILE", help="play a stream that was reported or written by hand")
    parser.add_argument("--survey", action="store_true", help="go on, and list the registers that differ")
    arguments = parser.parse_args()
    if arguments.replay:
        return replay(arguments.replay)
    if not arguments.device:
        parser.error("name a device")
    chosen = list(devices.ALL.values()) if arguments.device == "all" else [find(arguments.device)]
    if arguments.device == "all" and not qemu_source.EMULATOR.exists():
        print(f"left out: {', '.join(device.name for device in chosen if device.clock)}; tools/qtest-suite --emulator "
              "builds the QEMU that they need", flush=True)
        chosen = [device for device in chosen if not device.clock]
    if arguments.survey:
        return max(survey(device, arguments.operations, arguments.seed) for device in chosen)
    results = [compare(device, arguments.operations, arguments.seed, not arguments.no_minimise) for device in chosen]
    return max(results)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CompareError, Died) as error:
        print(f"compare: error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
