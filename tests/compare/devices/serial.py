"""16550A (PC16550D, TI SNLS378) at COM1, its far end unplugged; the parallel port."""
from ..device import Device, Register
from ..stream import Line

BASE, BASE2, LPT = 0x3f8, 0x2f8, 0x378


def registers(base, tag):
    return [
        Register(f"RBR/THR/DLL{tag}", base, weight=3), Register(f"IER/DLM{tag}", base + 1, values=[0, 1, 2, 3, 5, 7], weight=3, keep=0x08),
        Register(f"IIR/FCR{tag}", base + 2, values=[0, 1, 3, 5, 7, 0x41, 0x81, 0xc1], weight=3,
                 never=lambda value: not value & 1 and value & 6),
        Register(f"LCR{tag}", base + 3, values=[0x03, 0x83, 0x07, 0x1b, 0x43]),
        Register(f"MCR{tag}", base + 4, values=[0, 3, 8, 0x0b, 0x10, 0x13, 0x1f], weight=2),
        Register(f"LSR{tag}", base + 5, weight=2), Register(f"MSR{tag}", base + 6, weight=2), Register(f"SCR{tag}", base + 7),
    ]


def loopback(rng):
    """Bytes sent to itself, more than the FIFO holds at times."""
    lines = [Line(f"outb {BASE + 3:#x} 0x3", "LCR"), Line(f"outb {BASE + 4:#x} {rng.choice([0x10, 0x18, 0x1b]):#x}", "MCR"),
             Line(f"outb {BASE + 2:#x} {rng.choice([0, 1, 7, 0xc7, 0x87]):#x}", "IIR/FCR"),
             Line(f"outb {BASE + 1:#x} {rng.choice([0, 1, 4, 5, 7]):#x}", "IER/DLM")]
    for _ in range(rng.choice([1, 2, 5, 14, 16, 17])):
        lines.append(Line(f"outb {BASE:#x} {rng.getrandbits(8):#x}", "RBR/THR/DLL"))
        if rng.random() < 0.3:
            lines.append(Line(f"inb {BASE + rng.choice([2, 5]):#x}", "IIR/FCR or LSR"))
    for _ in range(rng.randrange(20)):
        offset, name = rng.choice([(0, "RBR/THR/DLL"), (2, "IIR/FCR"), (5, "LSR")])
        lines.append(Line(f"inb {BASE + offset:#x}", name))
    return lines


CHARACTER_NS = 10 * 16 * 1_000_000_000 // 1_843_200  # at divisor 1, 8N1
TIMEOUT = 4


def paced(rng):
    """Characters that stay below the trigger level, or not, are announced when nothing moves for four characters' time."""
    divisor, lcr = rng.choice([1, 2, 12, 96]), rng.choice([0x03, 0x03, 0x07, 0x1b, 0x00])
    lines = [Line(f"outb {BASE + 3:#x} {lcr | 0x80:#x}", "LCR"), Line(f"outb {BASE:#x} {divisor}", "RBR/THR/DLL"),
             Line(f"outb {BASE + 1:#x} 0", "IER/DLM"), Line(f"outb {BASE + 3:#x} {lcr:#x}", "LCR"),
             Line(f"outb {BASE + 4:#x} {rng.choice([0x10, 0x18]):#x}", "MCR"),
             Line(f"outb {BASE + 2:#x} {rng.choice([0x07, 0x47, 0x87, 0xc7, 0x00]):#x}", "IIR/FCR"),
             Line(f"outb {BASE + 1:#x} {rng.choice([1, 5, 7, 4]):#x}", "IER/DLM")]
    for _ in range(rng.randrange(2, 25)):
        pick = rng.random()
        if pick < 0.3:
            lines.append(Line(f"outb {BASE:#x} {rng.getrandbits(8):#x}", "RBR/THR/DLL"))
        elif pick < 0.6:  # to the nanosecond, the two round differently: seldom near the end
            lines.append(Line(f"tick {rng.randrange(1, 2 * TIMEOUT * CHARACTER_NS * divisor)}"))
        offset, name = rng.choice([(0, "RBR/THR/DLL"), (2, "IIR/FCR"), (2, "IIR/FCR"), (5, "LSR")])
        lines.append(Line(f"inb {BASE + offset:#x}", name))
    return lines


UART = {"options": ["-serial", "null", "-serial", "null"], "registers": [*registers(BASE, ""), *registers(BASE2, "/COM2")]}

DEVICES = [
    Device("uart16550", **UART, single=20, bursts=[(1, loopback)]),
    Device("uart16550-clock", **UART, single=10, bursts=[(1, loopback), (10, paced)], clock=True, listed_as="uart16550"),
    Device("parallel", options=["-parallel", "null"],
           registers=[Register("DATA", LPT), Register("STATUS", LPT + 1, weight=2),
                      Register("CONTROL", LPT + 2, values=[0, 8, 0x0c, 0x0d, 0x1c, 0x1d], weight=2)]),
]
