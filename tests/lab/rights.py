#!/usr/bin/env python3
"""Takes each descriptor of a process for Xen and tries what a restricted one must not do: rights.py PID.

Prints a line for each kind and outcome: what was tried, "done" or "refused", and with how many descriptors.
"""
import collections
import ctypes
import errno
import fcntl
import os
import struct
import sys

PIDFD_GETFD = 438
HYPERCALL, DM_OP = 0x305000, 0x105005  # IOCTL_PRIVCMD_... of xen/privcmd.h
XEN_VERSION = 17
BIND_VIRQ, BIND_UNBOUND = 0x44500, 0x44502  # IOCTL_EVTCHN_... of xen/evtchn.h
VIRQ_DEBUG = 1


def hypercall(fd):
    fcntl.ioctl(fd, HYPERCALL, struct.pack("<6Q", XEN_VERSION, 0, 0, 0, 0, 0))


def other_domain(fd):
    fcntl.ioctl(fd, DM_OP, struct.pack("<HHIQ", 0, 0, 0, 0))


def virq(fd):
    fcntl.ioctl(fd, BIND_VIRQ, struct.pack("<I", VIRQ_DEBUG))


def other_channel(fd):
    fcntl.ioctl(fd, BIND_UNBOUND, struct.pack("<I", 0))


ATTEMPTS = {"/dev/xen/privcmd": (hypercall, other_domain), "/dev/xen/evtchn": (virq, other_channel)}


def main():
    pid = int(sys.argv[1])
    process = os.pidfd_open(pid)
    get = ctypes.CDLL(None, use_errno=True).syscall
    found = collections.Counter()
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = os.readlink(f"/proc/{pid}/fd/{name}")
        if path not in ATTEMPTS:
            if "xen" in path and path.startswith("/dev"):
                found[f"{path} is open"] += 1
            continue
        fd = get(PIDFD_GETFD, process, int(name), 0)
        for attempt in ATTEMPTS[path]:
            try:
                attempt(fd)
                found[f"{attempt.__name__} done"] += 1
            except OSError as error:
                refused = error.errno in (errno.EPERM, errno.EACCES)
                found[f"{attempt.__name__} {'refused' if refused else 'done'}"] += 1  # or Xen did not like it: it was asked
        os.close(fd)
    for what, count in sorted(found.items()):
        print(what, count)


main()
