"""High Definition Audio controller (specification 1.0a, 3.3) with a duplex codec (7.3): registers, the command ring, single commands. Streams
stand still, for they need time."""
from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

BAR = 0xe0000000
CORB, RIRB = 0x100000, 0x101000
GLOBAL = {"GCTL": 0x08, "CORBWP": 0x48, "CORBRP": 0x4a, "CORBCTL": 0x4c, "RIRBWP": 0x58, "RIRBCTL": 0x5c, "RIRBSTS": 0x5d, "ICW": 0x60, "IRR": 0x64, "ICS": 0x68}
ROOT, FUNCTION, DAC, OUT, ADC, IN = range(6)
PARAMETERS = [(0, (0, 2, 4)), (1, (4, 5, 8, 0xa, 0xb, 0xd, 0x11, 0x12)), (2, (9, 0xa, 0xb, 0xd, 0x12)), (3, (9, 0xc, 0xe)), (4, (9, 0xa, 0xb, 0xd, 0xe, 0x12)),
              (5, (9, 0xc))]


def read(name, width="l"):
    return Line(f"read{width} {BAR + GLOBAL[name]:#x}", name)


def write(name, value, width="l"):
    return Line(f"write{width} {BAR + GLOBAL[name]:#x} {value:#x}", name)


def at(name, where, width=4, bits=0xffffffff, **more):
    return Register(name, BAR + where, width, space="memory", bits=bits, **more)


def stream(n):
    base, name = 0x80 + 0x20 * n, f"SD{n}"
    return [at(f"{name}CTL", base + 2, 1, keep=8, bits=0xff, weight=0.3), at(f"{name}LPIB", base + 4, write=False, weight=0.2), at(f"{name}CBL", base + 8, weight=0.3),
            at(f"{name}LVI", base + 0xc, 2, 0xff, weight=0.3), at(f"{name}FMT", base + 0x12, 2, 0x7f7f, weight=0.3),
            at(f"{name}BDPL", base + 0x18, 4, 0xffffff80, weight=0.3), at(f"{name}BDPU", base + 0x1c, weight=0.3)]


REGISTERS = [
    at("GCAP", 0x00, 2, write=False), at("VMIN", 0x02, 1, write=False), at("VMAJ", 0x03, 1, write=False), at("OUTPAY", 0x04, 2, write=False),
    at("INPAY", 0x06, 2, write=False), at("GCTL", 0x08, 4, 0x101, values=[1, 0x101], never=lambda value: value & 3 != 1),
    at("WAKEEN", 0x0c, 2, 0x7fff, values=[1, 0]), at("STATESTS", 0x0e, 2, 0x7fff, values=[1], never=lambda value: not value & 1),
    at("INTCTL", 0x20, 4, 0xc00000ff, values=[0xc0000000]), at("INTSTS", 0x24, write=False),
    at("CORBLBASE", 0x40, 4, 0xffffff80), at("CORBUBASE", 0x44), at("CORBSIZE", 0x4e, 1, write=False),
    at("RIRBLBASE", 0x50, 4, 0xffffff80), at("RIRBUBASE", 0x54), at("RINTCNT", 0x5a, 2, 0xff), at("RIRBSIZE", 0x5e, 1, write=False),
    at("DPLBASE", 0x70, 4, 0xffffff81), at("DPUBASE", 0x74), at("ICW", 0x60),
    *(register for n in range(8) for register in stream(n)), at("BEYOND", 0x180, write=False),
]


def some_verb(rng):
    """Those that both codecs know; what is set is what the node can have."""
    node, parameters = rng.choice(PARAMETERS)
    choices = [0xf0000 | rng.choice(parameters)]
    if node in (DAC, ADC):
        amp = 0x8000 if node == DAC else 0x4000
        side = rng.choice([0x2000, 0x1000])
        choices += [0x20000 | rng.choice([0x11, 0x4011, 0x31]), 0xa0000, 0x70600 | rng.choice([0, 0x10, 0x50]), 0xf0600,
                    0x30000 | amp | side | rng.choice([0, 0x80]) | rng.randrange(0x4b), 0xb0000 | amp & 0x8000 | side & 0x2000]
    if node in (OUT, IN):
        choices += [0xf0700, 0xf1c00]  # what is set there QEMU does not keep
    if node in (OUT, ADC):
        choices += [0xf0200]
    if node == FUNCTION:
        choices += [0xf2000]
    return node << 20 | rng.choice(choices)


def command(verb):
    return [write("ICS", 2, "w"), write("ICW", verb), write("ICS", 1, "w"), read("ICS", "w"), read("IRR")]


# What a reset of the link makes of the codec; in QEMU it stays as it was.
AT_RESET = [(DAC, 0x20011), (ADC, 0x20011), (DAC, 0x70600), (ADC, 0x70600), (DAC, 0x3b04a), (ADC, 0x37000)]


def link(_):
    """Out of the reset with what it says of codecs."""
    lines = [Line(f"writew {BAR + 0x0c:#x} 0", "WAKEEN"), write("GCTL", 0), write("GCTL", 1), read("GCTL"), Line(f"readw {BAR + 0x0e:#x}", "STATESTS")]
    return lines + [line for node, verb in AT_RESET for line in command(node << 20 | verb)]


def single(rng):
    return [line for _ in range(rng.randrange(1, 6)) for line in command(some_verb(rng))]


def ring(rng):
    """As Linux sets it up; each response is seen before the next command, for QEMU counts them."""
    lines = [*link(rng), Line(f"writel {BAR + 0x40:#x} {CORB:#x}", "CORBLBASE"), Line(f"writel {BAR + 0x44:#x} 0", "CORBUBASE"), write("CORBWP", 0, "w"),
             write("CORBRP", 0x8000, "w"), read("CORBRP", "w"), write("CORBRP", 0, "w"), read("CORBRP", "w"), write("CORBCTL", 2, "b"), read("CORBCTL", "b"),
             Line(f"writel {BAR + 0x50:#x} {RIRB:#x}", "RIRBLBASE"), Line(f"writel {BAR + 0x54:#x} 0", "RIRBUBASE"), write("RIRBWP", 0x8000, "w"),
             read("RIRBWP", "w"), Line(f"writew {BAR + 0x5a:#x} 1", "RINTCNT"), write("RIRBCTL", 3, "b"), Line(f"writel {BAR + 0x20:#x} 0xc0000000", "INTCTL")]
    for number in range(1, rng.randrange(2, 8)):
        lines += [Line(f"writel {CORB + 4 * number:#x} {some_verb(rng):#x}", "MEMORY"), write("CORBWP", number, "w"), read("CORBRP", "w"), read("RIRBWP", "w"),
                  read("RIRBSTS", "b"), Line(f"readl {BAR + 0x24:#x}", "INTSTS"), Line(f"readl {RIRB + 8 * number:#x}", "RESPONSE"),
                  Line(f"readl {RIRB + 8 * number + 4:#x}", "RESPONSE_OF"), write("RIRBSTS", 5, "b"), read("RIRBSTS", "b")]
    return [*lines, write("CORBCTL", 0, "b"), write("RIRBCTL", 0, "b")]


CONFIG = [*(row for row in HEADER if row[0] not in ("BAR0", "CAPPTR", "MLT")), ("PCICMD", 0x04, 2, {"bits": 0x0006, "values": [6], "never": lambda value: value & 6 != 6}),
          ("HDCTL", 0x40, 1, {"write": False})]

DEVICES = [
    Device("intel-hda", functions={"hda": (0x8086, 0x2668)}, ours=["-device", "intel-hda", "-device", "hda-duplex"],
           theirs=["-audiodev", "none,id=none", "-device", "intel-hda,msi=off", "-device", "hda-duplex,audiodev=none"],
           setup=[Line(f"config_writel hda 0x10 {BAR:#x}", "BAR0"), Line("config_writew hda 0x4 6", "PCICMD"), write("GCTL", 1), read("GCTL")], single=10,
           registers=[*REGISTERS, *config_registers("hda", CONFIG)], bursts=[(0.3, link), (2, single), (1, ring)]),
]
