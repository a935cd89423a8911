"""The `tools/bench` command: hvmdm and the packaged QEMU, alternating, in the same machine."""
import statistics
import sys
import time

from . import machine, runner, settings
from .lab import Lab, clean_dom0
from .lock import Lock
from .say import LabError, main_guard, say

HELP = """usage: tools/bench boot [--rounds N] [--device-model hvmdm|qemu]

  boot   seconds from `xl create` to GRUB's menu and to Linux' user space, for hvmdm (build/release/hvmdm or
         HVMDM_BINARY) and the packaged QEMU in turn; prints a table of medians (N: 5 rounds unless told)

Run it on an otherwise idle host: the outer machine's CPUs wait for each other, so other work slows both."""


def main():
    words = sys.argv[1:]
    if not words or words[0] in ("help", "-h", "--help"):
        print(HELP)
        return 0
    if words[0] != "boot":
        raise LabError(f"unknown benchmark {words[0]}; `tools/bench help` lists them")
    rounds, models = parse(words[1:])
    if "hvmdm" in models and not settings.device_model_binary().is_file():
        raise LabError(f"no device model at {settings.device_model_binary()}; build it or name one in HVMDM_BINARY "
                       "(--device-model qemu measures the packaged QEMU alone)")
    with Lock("machine"):
        machine.start()
        print_table(measure(rounds, models), rounds)
    return 0


def parse(words):
    rounds, models = 5, ["hvmdm", "qemu"]
    words = iter(words)
    for word in words:
        value = next(words, "")
        if word == "--rounds" and value.isdigit() and int(value) > 0:
            rounds = int(value)
        elif word == "--device-model" and value in models:
            models = [value]
        else:
            raise LabError("usage: tools/bench boot [--rounds N] [--device-model hvmdm|qemu]")
    return rounds, models


def measure(rounds, models):
    """{device model: [(seconds to GRUB, seconds to user space)]}"""
    times = {model: [] for model in models}
    log_dir = settings.LOGS / "bench"
    log_dir.mkdir(parents=True, exist_ok=True)
    if "hvmdm" in models:
        runner.install_device_model()
    for number in range(1, rounds + 1):
        for model in models:
            clean_dom0()
            lab = Lab(log_dir, model)
            try:
                seconds = boot_once(lab)
            finally:
                lab.close()
            times[model].append(seconds)
            say(f"round {number} of {rounds}, {model}: GRUB after {seconds[0]:.1f} s, user space after {seconds[1]:.1f} s")
    clean_dom0()
    return times


def boot_once(lab):
    guest = lab.linux("bench", "report", menu_seconds=1)
    guest.create()
    guest.expect("GNU GRUB", 400)
    grub = time.monotonic() - guest.created_at
    guest.expect("^GUEST up", 600)
    return grub, time.monotonic() - guest.created_at


def print_table(times, rounds):
    print(f"\nSeconds from `xl create`, median of {rounds} rounds (least to most):\n")
    print(f"| {'until':18} | " + " | ".join(f"{model:24}" for model in times) + " |" + (" ratio |" if len(times) == 2 else ""))
    print(f"|{'-' * 20}|" + "|".join("-" * 26 for _ in times) + "|" + ("-------|" if len(times) == 2 else ""))
    for column, what in enumerate(("GRUB's menu", "Linux' user space")):
        medians, cells = [], []
        for values in times.values():
            chosen = [value[column] for value in values]
            medians.append(statistics.median(chosen))
            cells.append(f"{medians[-1]:6.1f} ({min(chosen):.1f} to {max(chosen):.1f})")
        ratio = f" {medians[0] / medians[1]:5.2f} |" if len(medians) == 2 else ""
        print(f"| {what:18} | " + " | ".join(f"{cell:24}" for cell in cells) + " |" + ratio)
    print("\nThe guest's GRUB waits 1 s in its menu.")


if __name__ == "__main__":
    main_guard(main)
