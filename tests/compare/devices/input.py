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


# As QEMU numbers them: the code of set 1, bit 7 for E0.
KEYS = [*range(0x01, 0x54), 0x56, 0x57, 0x58, 0x9c, 0x9d, 0xb5, 0xb7, 0xb8, 0xc6, 0xc7, 0xc8, 0xc9, 0xcb, 0xcd, 0xcf, 0xd0, 0xd1, 0xd2,
        0xd3, 0xdb, 0xdc, 0xdd]
MODIFIERS = [0x2a, 0x36, 0x1d, 0x9d, 0x38, 0xb8]
TRANSLATED, PLAIN = 0x47, 0x07
PAUSE, A = 0xc6, 0x1e
OWN_CODES_IN_SET_3 = [0x4a, 0xb5]  # keypad - and /
LONGEST_CODE = 8


def typed(rng, codes, key, down):
    """The bytes of a key come a millisecond apart."""
    pressed = Line(f"key {key:#x} {'down' if down else 'up'}")
    if key == PAUSE and not down and codes != 3:  # says nothing; when another key has come, it has
        return [pressed, *typed(rng, codes, A, True), *typed(rng, codes, A, False)]
    lines = [pressed, Line(f"wait inb {STATUS:#x} 0x01 0x01", "STATUS")]
    for _ in range(LONGEST_CODE):
        lines += [Line(f"inb {DATA:#x}", "DATA"), Line(f"tick {rng.choice([1000, 500_000, 999_000])}"),
                  Line(f"inb {STATUS:#x}", "STATUS"), Line("tick 1001000"), Line(f"inb {STATUS:#x}", "STATUS")]
    return [*lines, TICK]


def typing(rng):
    """A key, perhaps with a modifier, in one of the sets of codes; shorter than a key takes to repeat."""
    mode, codes = rng.choice([(TRANSLATED, 2), (PLAIN, 2), (PLAIN, 1), (PLAIN, 3)])
    lines = out(STATUS, 0x60, "COMMAND") + out(DATA, mode, "DATA") + drain()
    for byte in (0xf6, 0xf0, codes, 0xfa, 0xf4):  # defaults, this set, each key makes and breaks, enable
        lines += out(DATA, byte, "DATA") + drain()
    for _ in range(rng.randrange(1, 10)):
        keys = [rng.choice([key for key in KEYS if codes != 3 or key not in OWN_CODES_IN_SET_3])]
        if keys[0] not in MODIFIERS and rng.random() < 0.3:
            keys.insert(0, rng.choice(MODIFIERS))
        for key in keys:
            lines += typed(rng, codes, key, True)
        for key in keys[::-1]:
            lines += typed(rng, codes, key, False)
    return lines


DEVICES = [
    Device("i8042-keys", registers=[Register("STATUS", STATUS, write=False)], setup=[*tell_mouse(0xff), *drain()],
           bursts=[(10, typing)], clock=True, viewer=True, listed_as="i8042",
           options=["-device", "VGA,vgamem_mb=16"], ours=["-vnc", "unix:{folder}/vnc"],
           theirs=["-vnc", "unix:{folder}/vnc,lock-key-sync=off,key-delay-ms=0", "-global", "i8042.kbd-throttle=on"]),
    Device("i8042", registers=[Register("STATUS", STATUS, write=False), Register("DATA", DATA, write=False)],
           setup=[*tell_mouse(0xff), *drain()], bursts=[(2, controller), (2, keyboard), (2, mouse)]),
]
