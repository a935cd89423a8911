"""i440FX (Intel 290549) and the PIIX3's ISA bridge (Intel 290550)."""
from ..device import Device, Register, config_registers
from ..stream import Line

HEADER = [
    ("VID", 0x00, 2), ("DID", 0x02, 2), ("REVID", 0x08, 1), ("CLASSC", 0x09, 1), ("CLASSD", 0x0a, 2),
    ("CLSZ", 0x0c, 1, {"bits": 0}), ("MLT", 0x0d, 1, {"bits": 0}), ("HEDT", 0x0e, 1), ("BIST", 0x0f, 1),
    ("BAR0", 0x10, 4), ("CAPPTR", 0x34, 1), ("INTLN", 0x3c, 1, {"bits": 0}), ("INTPN", 0x3d, 1),
]


def latch(rng):
    """The address latch by itself, the window without the enable bit, and places where nobody is."""
    place = rng.choice([0, 0, 0x400, 0x700, 0xc00, 0xf00, 0x8000, 0x8800, 0xf800, 0x10000, 0x800000])
    address = rng.choice([0, 0x80000000]) | rng.choice([0x00, 0x08, 0x2c]) | place
    lines = [Line(f"outl 0xcf8 {address:#x}", "CONFADD"), Line("inl 0xcf8", "CONFADD")]
    port, width = rng.choice([(0xcfc, "l"), (0xcfd, "b"), (0xcfe, "w"), (0xcff, "b")])
    return [*lines, Line(f"in{width} {port:#x}", "CONFDATA")]


# They begin with what the datasheet says; then with the same on both sides.
AT_START = [("DBC", 0x53, 1), ("DRAMC", 0x57, 1), ("DRAMT", 0x58, 1), ("CLT", 0x71, 1),
            *(("DRB", 0x60 + n, 1) for n in range(8))]
SETUP = [line for name, offset, _ in AT_START
         for line in (Line(f"config_readb i440fx {offset:#x}", f"{name}_AT_START"),
                      Line(f"config_writeb i440fx {offset:#x} 0", name))]

I440FX = [
    *HEADER,
    ("PCICMD", 0x04, 2, {"bits": 0x0146}), ("PCISTS", 0x06, 2),
    ("PMCCFG", 0x50, 2), ("DETURBO", 0x52, 1), ("AXC", 0x54, 1), ("DRTL", 0x55, 1), ("DRTH", 0x56, 1),
    *((f"PAM{n}", 0x59 + n, 1) for n in range(7)),
    ("FDHC", 0x68, 1), ("MTT", 0x70, 1), ("SMRAM", 0x72, 1, {"bits": 0x47}), ("ERRCMD", 0x90, 1),
    *AT_START,
    ("ERRSTS", 0x91, 1, {"bits": 0}),
    ("TRC", 0x93, 1, {"bits": 0x0e}),
]

PIIX3 = [
    *HEADER,
    ("PCICMD", 0x04, 2, {"bits": 0x010f}), ("PCISTS", 0x06, 2),
    ("IORT", 0x4c, 1), ("XBCS", 0x4e, 2, {"bits": 0x01ff}),
    *((f"PIRQRC{'ABCD'[n]}", 0x60 + n, 1, {"bits": 0x8f}) for n in range(4)),
    ("TOM", 0x69, 1, {"bits": 0xfe}), ("MSTAT", 0x6a, 2), ("MBIRQ0", 0x70, 1, {"bits": 0xef}),
    ("MBDMA0", 0x76, 1, {"bits": 0x8f}), ("MBDMA1", 0x77, 1, {"bits": 0x8f}), ("PCSC", 0x78, 2),
    ("APICBASE", 0x80, 1, {"bits": 0x7f}), ("DLC", 0x82, 1, {"bits": 0x0f}), ("SMICNTL", 0xa0, 1, {"bits": 0x1f}),
    ("SMIEN", 0xa2, 2, {"bits": 0x01ff}), ("SEE", 0xa4, 4, {"bits": 0xe000ffff}), ("FTMR", 0xa8, 1),
    ("SMIREQ", 0xaa, 2, {"bits": 0x01ff}), ("CTLTMR", 0xac, 1), ("CTHTMR", 0xae, 1),
]

DEVICES = [
    Device("i440fx", functions={"i440fx": (0x8086, 0x1237)}, setup=SETUP, single=20,
           registers=config_registers("i440fx", I440FX),
           bursts=[(1, latch)]),
    Device("piix3-isa", functions={"piix3-isa": (0x8086, 0x7000)}, single=1,
           registers=[*config_registers("piix3-isa", PIIX3),
                      Register("RCR", 0xcf9, keep=0x04), Register("PORT92", 0x92, bits=0x03, keep=0x01)]),
]
