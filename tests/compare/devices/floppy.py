"""Floppy controller (Intel 82078) with two drives of 1440 KB, the second one write-protected."""
from ..device import Device, Register
from ..stream import Line

SRB, DOR, TDR, MSR, FIFO, DIR = 0x3f1, 0x3f2, 0x3f3, 0x3f4, 0x3f5, 0x3f7
BUFFER = 0x10000
SECTORS, CYLINDERS = 18, 80
ON = 0x0c  # DOR: out of reset, gate open
RESULT = ["ST0", "ST1", "ST2", "C", "H", "R", "N"]
IMAGE = CYLINDERS * 2 * SECTORS * 512


def say(*values):
    return [Line(f"outb {FIFO:#x} {value:#x}", "FIFO") for value in values]


def hear(*names):
    return [*(Line(f"inb {FIFO:#x}", name) for name in names), Line(f"inb {MSR:#x}", "MSR")]


def select(unit):
    return Line(f"outb {DOR:#x} {ON | 0x10 << unit | unit:#x}", "DOR")


def configure(rng):
    return say(0x13, 0, rng.getrandbits(7), rng.getrandbits(8))


def sense():
    return [*say(0x08), *hear("SENSE_ST0", "SENSE_PCN")]


def move(unit, cylinder):
    return [*say(0x0f, unit, cylinder), *sense(), Line(f"inb {DIR:#x}", "DIR")]


def settle(rng, unit, cylinder):
    """Where QEMU's heads are after a transfer is nobody's business."""
    return move(unit, rng.choice([n for n in range(CYLINDERS) if n not in (cylinder, cylinder + 1)]))


def reset(rng):
    unit = rng.getrandbits(1)
    if rng.random() < 0.5:
        lines = [Line(f"outb {DOR:#x} 0", "DOR"), select(unit)]
    else:
        lines = [select(unit), Line(f"outb {MSR:#x} 0x80", "DSR")]
    lines.append(Line(f"inb {MSR:#x}", "MSR"))
    for _ in range(4):
        lines += sense()
    return [*lines, *say(0x08), *hear("SENSE_NOTHING"), select(unit), *configure(rng)]


def seek(rng):
    unit = rng.getrandbits(1)
    cylinder = rng.randrange(CYLINDERS)
    lines = [select(unit), *move(unit, cylinder)]
    kind = rng.randrange(4)
    if kind == 0:
        lines += [*say(0x07, unit), *sense()]
    elif kind == 1:
        lines += [*say(0x8f, unit, rng.randrange(cylinder + 1)), *sense()]
    elif kind == 2:
        lines += [*say(0xcf, unit, rng.randrange(CYLINDERS - cylinder)), *sense()]
    return [*lines, *say(0x04, unit | rng.getrandbits(1) << 2), *hear("ST3")]


def ask(rng):
    names = [f"DUMPREG_{n}" for n in range(10)]
    return rng.choice([
        lambda: [*say(0x10), *hear("VERSION")], lambda: [*say(0x18), *hear("PART_ID")],
        lambda: [*say(rng.choice([0x14, 0x94])), *hear("LOCK")], lambda: [*say(0x0e), *hear(*names)],
        lambda: say(0x03, rng.getrandbits(8), rng.getrandbits(8) & 0xfe), lambda: configure(rng),
        lambda: [*say(rng.choice([0x00, 0x01, 0x0b, 0x1b])), *hear("INVALID")],
    ])()


def dma(mode, length):
    values = [(0x0a, 6), (0x0c, 0), (0x0b, mode), (0x04, BUFFER & 0xff), (0x04, BUFFER >> 8 & 0xff), (0x05, (length - 1) & 0xff),
              (0x05, (length - 1) >> 8), (0x81, BUFFER >> 16), (0x0a, 2)]
    return [Line(f"outb {port:#x} {value:#x}", "DMA") for port, value in values]


def place(rng):
    """Cylinder, head, first and last sector, sectors, MT."""
    both = rng.random() < 0.3
    head = 0 if both else rng.getrandbits(1)
    first = rng.randrange(1, SECTORS + 1)
    last = SECTORS if both else rng.randrange(first, SECTORS + 1)
    count = SECTORS - first + 1 + rng.randrange(1, SECTORS + 1) if both else rng.randrange(1, last - first + 2)
    return rng.randrange(CYLINDERS), head, first, last, count, 0x80 if both else 0


def command(code, unit, cylinder, head, first, last):
    return [*say(code, head << 2 | unit, cylinder, head, first, 2, last, 0x1b, 0xff),
            Line(f"wait inb {MSR:#x} 0xff 0xd0", "MSR"), *hear(*RESULT)]


def read(rng):
    unit = rng.getrandbits(1)
    cylinder, head, first, last, count, mt = place(rng)
    rate = 2 if rng.random() < 0.1 else 0
    return [select(unit), Line(f"outb {DIR:#x} {rate}", "CCR"), Line(f"memset {BUFFER:#x} {count * 512} 0"), *dma(0x46, count * 512),
            *command(0x46 | mt, unit, cylinder, head, first, last), Line(f"outb {DIR:#x} 0", "CCR"),
            Line(f"b64read {BUFFER:#x} {count * 512}", "BYTES"), *settle(rng, unit, cylinder)]


def write(rng):
    unit = rng.getrandbits(1)
    cylinder, head, first, last, count, mt = place(rng)
    return [select(unit), Line(f"memset {BUFFER:#x} {count * 512} {rng.getrandbits(8):#x}"), *dma(0x4a, count * 512),
            *command(0x45 | mt, unit, cylinder, head, first, last), *settle(rng, unit, cylinder)]


def verify(rng):
    unit = rng.getrandbits(1)
    cylinder, head, first, last, _, _ = place(rng)
    return [select(unit), *command(0x56, unit, cylinder, head, first, last), *settle(rng, unit, cylinder)]


def read_through_fifo(rng):
    unit = rng.getrandbits(1)
    cylinder, head, sector = rng.randrange(CYLINDERS), rng.getrandbits(1), rng.randrange(1, SECTORS + 1)
    return [select(unit), Line(f"outb {DOR:#x} {0x04 | 0x10 << unit | unit:#x}", "DOR"),
            *say(0x46, head << 2 | unit, cylinder, head, sector, 2, sector, 0x1b, 0xff),
            Line(f"wait inb {MSR:#x} 0xff 0xf0", "MSR"), *[Line(f"inb {FIFO:#x}", "BYTE")] * 512,
            Line(f"inb {MSR:#x}", "MSR"), *hear(*[f"{name}_AFTER_FIFO" for name in RESULT]), select(unit), *settle(rng, unit, cylinder)]


DEVICES = [
    Device("fdc", images={"a.img": IMAGE, "b.img": IMAGE},
           options=["-drive", "if=floppy,index=0,format=raw,file={folder}/a.img",
                    "-drive", "if=floppy,index=1,format=raw,readonly=on,file={folder}/b.img"],
           registers=[Register("SRB", SRB, write=False), Register("DOR", DOR, write=False), Register("TDR", TDR, write=False),
                      Register("MSR", MSR, write=False), Register("DIR", DIR, write=False)],
           setup=[select(0), *say(0x13, 0, 0, 0)],
           bursts=[(2, reset), (4, seek), (6, ask), (4, read), (3, write), (1, verify), (0.5, read_through_fifo)]),
]
