"""What a device model's process uses, as dom0's /proc tells."""
import time

from . import machine

PROCESS = r"""
cd /proc/{pid}
sed -n 's/^\(Rss\|Pss\|Private_Clean\|Private_Dirty\): *\([0-9]*\).*/\1 \2/p' smaps_rollup
echo binary $(stat -L -c %s exe)
echo libraries $(grep -oE '/[^ ]*\.so[^ ]*' maps | sort -u | wc -l)
"""
ACTIVITY = r"""
cd /proc/{pid}
for thread in task/*; do echo thread-${{thread#task/}} $(awk '/^voluntary/ {{print $2}}' $thread/status); done
echo cpu $(cut -d' ' -f14,15 stat | awk -v hz=$(getconf CLK_TCK) '{{print ($1 + $2) * 1000 / hz}}')
"""


def numbers(script, pid):
    lines = machine.ssh(script.format(pid=pid)).stdout.split("\n")
    return {words[0]: float(words[1]) for words in map(str.split, lines) if len(words) == 2}


def activity(pid, seconds, settle):
    """Wake-ups and milliseconds of CPU time of all threads, a second."""
    time.sleep(settle)
    before, began = numbers(ACTIVITY, pid), time.monotonic()
    time.sleep(seconds)
    after, took = numbers(ACTIVITY, pid), time.monotonic() - began
    # QEMU's threads come and go: one that ended takes its count along
    wakeups = sum(count - before.get(key, 0) for key, count in after.items() if key.startswith("thread-"))
    return wakeups / took, (after["cpu"] - before["cpu"]) / took
