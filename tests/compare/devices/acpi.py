"""PIIX4 power management (Intel 290562, function 3)."""
from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

PM = 0x4000
SLP_EN = 0x2000

CONFIG = [
    *HEADER,
    ("PCICMD", 0x04, 2, {"bits": 0x0001, "values": [0, 1, 7]}), ("PCISTS", 0x06, 2),
    ("CNTA", 0x44, 4), ("CNTB", 0x48, 4), ("GPICTL", 0x4c, 4), ("DEVRESD", 0x50, 4, {"bits": 0x00ffffff}),
    ("DEVACTA", 0x54, 4), ("DEVACTB", 0x58, 4, {"keep": 0x02000000}), ("DEVRESA", 0x5c, 4), ("DEVRESB", 0x60, 4), ("DEVRESC", 0x64, 4),
    ("DEVRESE", 0x68, 4, {"bits": 0x00ffffff}), ("DEVRESF", 0x6c, 4), ("DEVRESG", 0x70, 4, {"bits": 0x00ffffff}),
    ("DEVRESH", 0x74, 4, {"bits": 0x00ffffff}), ("DEVRESI", 0x78, 4), ("DEVRESJ", 0x7c, 4, {"bits": 0x00ffffff}),
    ("SMBSLVC", 0xd3, 1), ("SMBSHDW1", 0xd4, 1), ("SMBSHDW2", 0xd5, 1),
]


def place(base, on=1):
    return [Line(f"config_writel piix4-pm 0x40 {base:#x}", "PMBA"), Line(f"config_writeb piix4-pm 0x80 {on}", "PMREGMISC")]


def move(rng):
    """The block of ports goes somewhere else, or away, and comes back."""
    base = rng.choice([0x5000, 0x5040, 0xb000])
    return [*place(base, rng.getrandbits(1)), Line("config_readl piix4-pm 0x40", "PMBA"),
            Line("config_readb piix4-pm 0x80", "PMREGMISC"), Line(f"inw {base + 4:#x}", "PMCNTRL"), *place(PM)]


BLOCK = [
    Register("PMCNTRL", PM + 0x04, 2, values=[0, 1, 0x1c01, 0x0400], keep=SLP_EN, bits=0x1c01),
    Register("APMC", 0xb2, 1, values=[0xf0, 0xf1]),
    Register("APMS", 0xb3, 1),
]

DEVICES = [
    Device("piix4-pm", functions={"piix4-pm": (0x8086, 0x7113)},
           setup=[Line("config_readl piix4-pm 0x58", "DEVACTB_AT_START"), Line("config_writel piix4-pm 0x58 0", "DEVACTB"), *place(PM)],
           registers=[*config_registers("piix4-pm", CONFIG), *BLOCK], single=20, bursts=[(1, move)]),
]
