"""The `tools/bench` command: hvmdm and the packaged QEMU, alternating, in the same machine."""
import json
import sys
import time
from dataclasses import dataclass

from . import bench_display, bench_input, bench_lab, bench_life, bench_network, bench_report, bench_storage, machine, runner, settings
from .lab import clean_dom0
from .lock import Lock
from .say import LabError, main_guard, say

HELP = """usage: tools/bench [storage|display|network|input|life] [--rounds N] [--device-model hvmdm|qemu] [--recording] [--save]
       tools/bench native [--save] [options of Google Benchmark]

Boots the same guest on hvmdm (build/release/hvmdm or HVMDM_BINARY) and on the packaged QEMU in turn, N times (5 unless
told), and prints a table of medians: how long the steps from `xl create` to Linux' user space take, what one port access
costs (counted by the guest itself, beside the least that an ioreq server can take), memory, size, wake-ups.

With `storage`: what disk and CD requests take instead, timed by the same kind of guest, and the CPU time they cost dom0.
With `network`: TCP and pings between guest and dom0 by each emulated card.
With `input`: what a USB tablet costs while nobody moves it, with and without a viewer, and when the guest lets it sleep.
With `life`: saving, restoring and migrating a guest at rest.
With `display`: how soon a VNC viewer sees what the guest draws, after 0 to 130 s of quiet and with 64 hostile viewers; bytes and CPU time
for text that scrolls and for a film, by encoding. One round takes twelve minutes with each device model.

  --recording   compares hvmdm with itself while it records the guest, instead of with QEMU
  --save        also writes docs/benchmarks/lab.json and lab.svg (storage.json, display.json and so on)

With `native`: what a request costs in hvmdm alone, without Xen.

Run it on an otherwise idle host: the outer machine's CPUs wait for each other, so other work slows both."""

@dataclass
class Subject:
    name: str  # of the files that --save writes
    words: str  # of the command
    rows: list
    measure: object  # device model, log directory -> {figure: value}
    progress: object  # {figure: value} -> a few words


BOOT = Subject("lab", "", bench_report.BOOT_ROWS, bench_lab.measure,
               lambda found: f"GRUB after {found['grub']:.1f} s, user space after {found['linux']:.1f} s")
STORAGE = Subject("storage", " storage", bench_report.STORAGE_ROWS, bench_storage.measure,
                  lambda found: f"1 MiB by INT 13h in {found['int13']:.0f} ms, by DMA in {found['read']:.1f} ms")
NETWORK = Subject("network", " network", bench_report.NETWORK_ROWS, bench_network.measure,
                  lambda found: f"1 MiB from the guest by e1000 in {found['e1000_out']:.0f} ms, ping {found['e1000_ping']:.2f} ms")
DISPLAY = Subject("display", " display", bench_report.DISPLAY_ROWS, bench_display.measure,
                  lambda found: f"a change is seen after {found['quiet_0_p50']:.0f} ms, after 60 s of quiet {found['quiet_60_p50']:.0f} ms")
LIFE = Subject("life", " life", bench_report.LIFE_ROWS, bench_life.measure,
               lambda found: f"saved in {found['save']:.0f} ms, restored in {found['restore']:.0f} ms, away for {found['downtime']:.0f} ms")
INPUT = Subject("input", " input", bench_report.INPUT_ROWS, bench_input.measure,
                lambda found: f"{found['alone_wakeups']:.1f} wake-ups a second with a tablet, {found['watched_wakeups']:.1f} with a viewer")
SUBJECTS = {each.name: each for each in (STORAGE, DISPLAY, NETWORK, INPUT, LIFE)}

PLACE = settings.REPO / "docs" / "benchmarks"


def main():
    words = sys.argv[1:]
    if words and words[0] in ("help", "-h", "--help"):
        print(HELP)
        return 0
    subject = BOOT
    if words and words[0] in SUBJECTS:
        subject = SUBJECTS[words[0]]
        words = words[1:]
    rounds, models, save = parse(words)
    if subject is not BOOT and bench_lab.RECORDED in models:
        raise LabError(f"--recording compares boots; leave out{subject.words}")
    if models != ["qemu"] and not settings.device_model_binary().is_file():
        raise LabError(f"no device model at {settings.device_model_binary()}; build it or name one in HVMDM_BINARY "
                       "(--device-model qemu measures the packaged QEMU alone)")
    with Lock("machine"):
        machine.start()
        figures = measure(subject, rounds, models)
    report(subject, figures, rounds, save)
    return 0


def parse(words):
    rounds, models, save = 5, ["hvmdm", "qemu"], False
    words = iter(words)
    for word in words:
        if word == "--save":
            save = True
            continue
        if word == "--recording":
            models = ["hvmdm", bench_lab.RECORDED]
            continue
        value = next(words, "")
        if word == "--rounds" and value.isdigit() and int(value) > 0:
            rounds = int(value)
        elif word == "--device-model" and value in ("hvmdm", "qemu"):
            models = [value]
        else:
            raise LabError(f"{word} {value}: not understood; `tools/bench --help` explains")
    if save and models != ["hvmdm", "qemu"]:
        raise LabError("--save wants hvmdm and QEMU in one run: their ratios are what is published")
    return rounds, models, save


def measure(subject, rounds, models):
    """{device model: [{figure: value}]}"""
    figures = {model: [] for model in models}
    log_dir = settings.LOGS / "bench"
    log_dir.mkdir(parents=True, exist_ok=True)
    if models != ["qemu"]:
        runner.install_device_model()
    for number in range(1, rounds + 1):
        for model in models:
            found = subject.measure(model, log_dir)
            figures[model].append(found)
            (log_dir / f"{subject.name}-figures.json").write_text(json.dumps(figures, indent=1))  # should a later one fail
            say(f"round {number} of {rounds}, {model}: {subject.progress(found)}")
    clean_dom0()
    return figures


def report(subject, figures, rounds, save):
    lines = bench_report.summary(subject.rows, figures)
    print(f"\nMedian of {rounds} rounds, device models in turn:\n")
    print(bench_report.table(subject.rows, lines, list(figures)))
    if save:
        PLACE.mkdir(parents=True, exist_ok=True)
        about = {"command": f"tools/bench{subject.words} --rounds {rounds} --save", "date": time.strftime("%Y-%m-%d"), "rounds": rounds}
        (PLACE / f"{subject.name}.json").write_text(bench_report.to_json(lines, about))
        (PLACE / f"{subject.name}.svg").write_text(bench_report.to_svg(lines, about))
        say(f"written: {PLACE / subject.name}.json and .svg")


if __name__ == "__main__":
    main_guard(main)
