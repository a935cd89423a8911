"""Runs cases one after the other, judges them and keeps what explains a failure."""
import fnmatch
import hashlib
import re
import shutil
import signal
import subprocess
import time
import traceback

import screen

from . import machine
from .case import all_cases
from .lab import HVMDM_IN_DOM0, Failure, Lab, Skip, clean_dom0
from .lock import Lock
from .say import LabError, duration, say
from .settings import LOGS, device_model_binary, patience

OUTER_FAULT = re.compile(r"RIP:\s+e008:\[?<?ffff82d0")  # Xen's own addresses in a guest's registers, see docs/lab.md


def select(patterns):
    """The cases that the patterns name; without any those of every time."""
    cases = all_cases()
    for pattern in patterns:
        if not any(fnmatch.fnmatch(case.name, pattern) for case in cases):
            raise LabError(f"no case is named {pattern}; `tools/lab list` shows them")
    if not patterns:
        return [case for case in cases if case.every_time]
    return [case for case in cases if any(fnmatch.fnmatch(case.name, p) for p in patterns)]


def run(arguments):
    """tools/lab run: returns the exit status."""
    device_model, patterns = parse(arguments)
    cases = select(patterns)
    binary = device_model_binary()
    if device_model == "hvmdm" and not binary.is_file():
        raise LabError(f"no device model at {binary}; build it, name one in HVMDM_BINARY, or use --device-model qemu")
    with Lock("machine"):
        machine.start()
        count = {"passed": 0, "failed": 0, "skipped": 0}
        outer_failures = 0
        for case in cases:
            result, retried = run_case(case, device_model)
            count[result] += 1
            outer_failures += retried
        if outer_failures:
            print(f"retried because the outer machine failed: {outer_failures}")
        print(", ".join(f"{number} {word}" for word, number in count.items()), flush=True)
    return 1 if count["failed"] else 0


def parse(arguments):
    device_model, patterns = "hvmdm", []
    words = iter(arguments)
    for word in words:
        if word == "--device-model" or word.startswith("--device-model="):
            device_model = word.partition("=")[2] or next(words, "")
        elif word.startswith("-"):
            raise LabError(f"unknown option {word}; usage: tools/lab run [--device-model hvmdm|qemu] [CASE...]")
        else:
            patterns.append(word)
    if device_model not in ("hvmdm", "qemu"):
        raise LabError(f"--device-model is hvmdm or qemu, not '{device_model}'")
    return device_model, patterns


def run_case(case, device_model):
    """Returns the result word and how many times the outer machine was to blame (0 or 1)."""
    result, text, took = attempt(case, device_model)
    fault = outer_fault() if result == "failed" else None
    if fault:
        say(f"{case.name}: the outer machine failed, not the device model ({fault}); restarting it, second try")
        machine.stop(quiet=True)
        machine.start()
        result, text, took = attempt(case, device_model)
    print(f"{result:8} {case.name:24} {duration(took):>8}  {text.splitlines()[0] if text else ''}".rstrip(), flush=True)
    if result == "failed":
        print("\n".join("         " + line for line in text.splitlines()[1:]))
        print(f"         logs: {LOGS / case.name}", flush=True)
    return result, 1 if fault else 0


def attempt(case, device_model):
    log_dir = LOGS / case.name
    shutil.rmtree(log_dir, ignore_errors=True)
    log_dir.mkdir(parents=True)
    if device_model not in case.device_models:
        shutil.rmtree(log_dir)
        return "skipped", f"only for {' or '.join(case.device_models)}", 0
    lab = Lab(log_dir, device_model)
    began = time.monotonic()
    serial_start = machine.serial_log().stat().st_size
    try:
        result, text = judge(case, lab)
    finally:
        lab.close()
    took = time.monotonic() - began
    if result == "failed":
        keep_logs(log_dir, serial_start)
        (log_dir / "failure.txt").write_text(text + "\n")
    try:
        clean_dom0()
    except LabError as error:
        if result == "passed":
            result, text = "failed", f"cleaning up: {error}"
            keep_logs(log_dir, serial_start)
    if result != "failed":
        shutil.rmtree(log_dir)
    return result, text, took


def judge(case, lab):
    limit = int(case.limit * patience())

    def too_long(*_):
        raise Failure(f"did not end within its limit of {duration(limit)}")

    previous = signal.signal(signal.SIGALRM, too_long)
    try:
        signal.alarm(int(180 * patience()))  # for the preparations
        clean_dom0()
        machine.ssh("rm -f /var/log/xen/*.log* /var/log/xen/console/*; xl dmesg -c >/dev/null")
        if lab.device_model == "hvmdm":
            install_device_model()
        signal.alarm(limit)
        case.run(lab)
        return "passed", ""
    except Skip as reason:
        return "skipped", str(reason)
    except (Failure, LabError, subprocess.SubprocessError) as error:
        signal.alarm(0)
        (lab.log_dir / "traceback.txt").write_text(traceback.format_exc())
        return "failed", str(error)
    except Exception:
        signal.alarm(0)
        return "failed", traceback.format_exc()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def install_device_model():
    """Puts the binary into dom0 unless the same one is there."""
    content = device_model_binary().read_bytes()
    wanted = hashlib.sha256(content).hexdigest()
    there = machine.ssh(f"sha256sum {HVMDM_IN_DOM0} 2>/dev/null", check=False).stdout.split()
    if there and there[0] == wanted:
        return
    machine.ssh(f"mkdir -p {HVMDM_IN_DOM0.rpartition('/')[0]} && cat >{HVMDM_IN_DOM0}.new && "
                f"chmod 755 {HVMDM_IN_DOM0}.new && mv {HVMDM_IN_DOM0}.new {HVMDM_IN_DOM0}", input=content)
    libraries = machine.ssh(f"ldd {HVMDM_IN_DOM0}", check=False).stdout
    absent = [line.strip() for line in libraries.splitlines() if "not found" in line]
    if absent:
        raise LabError(f"dom0 lacks libraries of the device model: {'; '.join(absent)}; add their packages to "
                       "tests/lab/dom0/packages and run `tools/lab build`")


def outer_fault():
    """Why the outer machine itself is to blame for a failure, or None."""
    if not machine.answers(timeout=30):
        return "dom0 does not answer"
    dmesg = machine.ssh("xl dmesg", check=False).stdout
    if OUTER_FAULT.search(dmesg) and "CONTEXT: hvm guest" in dmesg:
        return "a guest ran with Xen's own addresses, the emulator's fault"
    return None


# Twice: what stands still in between hangs. `q` tells what each vCPU waits for, `e` which event is pending or masked, `v` what
# the processor was told about it (interrupts held back, to be injected), `d` where those are that run.
VCPUS = """
for round in 1 2; do
    echo "== look $round"; xl vcpu-list
    for id in $(xl list | awk 'NR > 1 && $2 != 0 {print $2}'); do
        for vcpu in $(xl vcpu-list $id | awk 'NR > 1 {print $3}'); do
            for program in /usr/lib/xen-*/bin/xenctx; do echo "-- vCPU $vcpu"; $program -a $id $vcpu; done
        done
        pid=$(xenstore-read /local/domain/$id/image/device-model-pid 2>/dev/null) || continue
        for task in /proc/$pid/task/*; do echo "$task: $(cat $task/comm) $(cat $task/wchan) $(cat $task/syscall)"; done
    done
    for key in e q v d; do xl debug-keys $key; done
    sleep 2
done 2>&1
"""


def keep_logs(log_dir, serial_start):
    """Collects what explains a failure, as far as it can still be had."""
    with open(machine.serial_log(), "rb") as serial:
        serial.seek(serial_start)
        (log_dir / "serial.log").write_bytes(serial.read())
    for shot in log_dir.glob("*.ppm"):
        screen.Picture.load(shot).save_png(shot.with_suffix(".png"))
    if not machine.answers(timeout=20):
        say("  dom0 does not answer; its logs are lost")
        return
    try:
        for name, script in (("vcpus.txt", VCPUS), ("xl-dmesg.txt", "xl dmesg"), ("xl-list.txt", "xl list -v; ps axf; ls -l /run/xen"),
                             ("xenstore.txt", "xenstore-ls -f"), ("dmesg.txt", "dmesg | tail -n 200")):
            (log_dir / name).write_text(machine.ssh(script, check=False).stdout)
        machine.get("/var/log/xen", log_dir / "var-log-xen")
    except LabError as error:
        say(f"  dom0's logs could not be had: {error}")
