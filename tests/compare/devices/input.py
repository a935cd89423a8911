"""8042 with a PS/2 keyboard and mouse (IBM PS/2 Hardware Interface Technical Reference)."""
from ..device import Device, Register
from ..stream import Line

DATA, STATUS = 0x60, 0x64
TICK = Line("tick 5000000")

# Commands that answer, and those that take a byte, are told apart by the bursts below.
CONTROLLER = [0x20, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xad, 0xae, 0xc0, 0xd0, 0xdd, 0xdf, 0xff]
WITH_BYTE = [0x60, 0xd1, 0xd2, 0xd3]
MODES = [0x01, 0x03, 0x30, 0x45, 0x47, 0x61, 0x65, 0x74]
KEYBOARD = [0xee, 0xf2, 0xf4, 0xf5, 0xf6, 0xff]
KEYBOARD_WITH_BYTE = {0xed: range(8), 0xf0: range(4), 0xf3: [0x00, 0x20, 0x2b, 0x7f]}
MOUSE = [0xe6, 0xe7, 0xe9, 0xea, 0xeb, 0xf0, 0xf2, 0xf4, 0xf5, 0xf6, 0xff]
MOUSE_WITH_BYTE = {0xe8: range(4), 0xf3: [10, 20, 40, 60, 80, 100]}  # 200 begins a knock
LONGEST_ANSWER = 5


def out(port, value, name):
    return [Line(f"outb {port:#x} {value:#x}", name), TICK]


def fetch(times):
    lines = []
    for _ in range(times):
        lines += [Line(f"inb {STATUS:#x}", "STATUS"), Line(f"inb {DATA:#x}", "DATA"), TICK]
    return lines


def drain():
    """Drivers read an answer before they speak again."""
    return fetch(LONGEST_ANSWER)


def interfering(rng, modes=()):
    """Now and then the controller is switched between question and answer, and back so that all of it comes."""
    if rng.random() < 0.8:
        return []
    if not modes or rng.random() < 0.5:
        switched = out(STATUS, rng.choice([0xa7, 0xa8, 0xae]), "COMMAND")
    else:
        switched = out(STATUS, 0x60, "COMMAND") + out(DATA, rng.choice(modes), "DATA")
    return switched + fetch(2) + out(STATUS, 0xae, "COMMAND") + out(STATUS, 0xa8, "COMMAND")


def controller(rng):
    if rng.random() < 0.6:
        return out(STATUS, rng.choice(CONTROLLER), "COMMAND") + drain()
    command = rng.choice(WITH_BYTE)
    value = rng.choice(MODES) if command == 0x60 else rng.getrandbits(8)
    if command == 0xd1:
        value = value & ~0x30 | 0x01  # bit 0 resets the machine
    return out(STATUS, command, "COMMAND") + out(DATA, value, "DATA") + drain()


def keyboard(rng):
    if rng.random() < 0.6:
        return out(DATA, rng.choice(KEYBOARD), "DATA") + interfering(rng) + drain()
    command = rng.choice(list(KEYBOARD_WITH_BYTE))
    value = rng.choice(KEYBOARD_WITH_BYTE[command])
    return out(DATA, command, "DATA") + drain() + out(DATA, value, "DATA") + interfering(rng) + drain()


def tell_mouse(value):
    return out(STATUS, 0xd4, "COMMAND") + out(DATA, value, "DATA")


def mouse(rng):
    pick = rng.random()
    if pick < 0.1:
        return tell_mouse(0xee) + drain() + tell_mouse(rng.getrandbits(7)) + drain() + tell_mouse(0xec) + drain()
    if pick < 0.2:
        knock = [200, rng.choice([100, 200]), 80]
        return [line for rate in knock for line in tell_mouse(0xf3) + drain() + tell_mouse(rate) + drain()]
    if pick < 0.7:
        return tell_mouse(rng.choice(MOUSE)) + interfering(rng, MODES) + drain()
    command = rng.choice(list(MOUSE_WITH_BYTE))
    return tell_mouse(command) + drain() + tell_mouse(rng.choice(MOUSE_WITH_BYTE[command])) + interfering(rng, MODES) + drain()


DEVICES = [
    Device("i8042", registers=[Register("STATUS", STATUS, write=False), Register("DATA", DATA, write=False)],
           setup=[*tell_mouse(0xff), *drain()], bursts=[(2, controller), (2, keyboard), (2, mouse)]),
]
