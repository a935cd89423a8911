"""8042 with a PS/2 keyboard and mouse (IBM PS/2 Hardware Interface Technical Reference)."""
from ..device import Device, Register
from ..stream import Line

DATA, STATUS = 0x60, 0x64
TICK = Line("tick 5000000")

CONTROLLER = [0x20, 0x60, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xad, 0xae, 0xd0, 0xd2, 0xd3, 0xd4, 0xd1, 0xdd, 0xdf, 0xff]
KEYBOARD = [0xed, 0xee, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xff, 0x00, 0x02, 0x05, 0xfe]
MOUSE = [0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xee, 0xec, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xff, 0x64, 0xc8, 0x50]


def out(port, value, name):
    return [Line(f"outb {port:#x} {value:#x}", name), TICK]


def fetch(times):
    lines = []
    for _ in range(times):
        lines += [Line(f"inb {STATUS:#x}", "STATUS"), Line(f"inb {DATA:#x}", "DATA"), TICK]
    return lines


def controller(rng):
    command = rng.choice(CONTROLLER)
    lines = out(STATUS, command, "COMMAND")
    if command in (0x60, 0xd1, 0xd2, 0xd3, 0xd4):
        value = rng.choice([0x01, 0x03, 0x30, 0x45, 0x47, 0x61, 0x65, 0x74])
        if command == 0xd1:
            value |= 3  # bit 0 resets the machine, bit 1 is the A20 gate
        lines += out(DATA, value, "DATA")
    return lines + fetch(rng.randrange(3))


def keyboard(rng):
    command = rng.choice(KEYBOARD)
    lines = out(DATA, command, "DATA") + fetch(rng.randrange(1, 3))
    if command in (0xed, 0xf0, 0xf3):
        lines += out(DATA, rng.choice([0, 1, 2, 3, 7, 0x20, 0x2b]), "DATA")
    return lines + fetch(rng.randrange(4))


def mouse(rng):
    command = rng.choice(MOUSE)
    lines = out(STATUS, 0xd4, "COMMAND") + out(DATA, command, "DATA") + fetch(rng.randrange(1, 3))
    if command in (0xe8, 0xf3):
        lines += out(STATUS, 0xd4, "COMMAND") + out(DATA, rng.choice([0, 1, 2, 3, 10, 60, 80, 100, 200]), "DATA")
    return lines + fetch(rng.randrange(5))


def drain(_):
    return fetch(6)


DEVICES = [
    Device("i8042", registers=[Register("STATUS", STATUS, write=False), Register("DATA", DATA, write=False)],
           bursts=[(2, controller), (2, keyboard), (2, mouse), (1, drain)]),
]
