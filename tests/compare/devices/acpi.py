"""PIIX4 power management (Intel 290562, function 3), and the hotplug registers of guests of Xen beside it."""
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

GPE, PCI_HOTPLUG, PRST = 0xafe0, 0xae00, 0xaf00


def switches_the_interface(value):
    """QEMU takes a 0 for the CPU in the first byte of PRST as the wish for its other interface."""
    return not value & 0xff


def cpu_map(rng):
    offset, width = rng.choice([(offset, width) for width in (1, 2, 4) for offset in range(0, 32, width)])
    register = Register(f"PRST_{offset:02X}", PRST + offset, width, never=None if offset else switches_the_interface)
    return [register.write(register.some_value(rng)) if rng.random() < 0.2 else register.read(), register.read()]


def eject(rng):
    """Slots with nothing in them, and those that stay."""
    mask = rng.choice([1 << rng.randrange(32), rng.getrandbits(32)])
    return [Line(f"outl {PCI_HOTPLUG + 8:#x} {mask:#x}", "B0EJ"),
            *(Line(f"inl {PCI_HOTPLUG + 4 * n:#x}", name) for n, name in enumerate(["PCIU", "PCID", "B0EJ"]))]


# Nothing can be plugged into both machines, so status bits are never set. QEMU has 32-bit accesses only at PCIU to B0RM.
HOTPLUG = [
    *(Register(f"GPE0_{name}", GPE + offset, width) for name, offset, width in [
        ("STS", 0, 1), ("STS", 0, 2), ("STS+1", 1, 1), ("EN", 2, 1), ("EN", 2, 2), ("EN+1", 3, 1), ("STS_EN", 0, 4)]),
    *(Register(name, PCI_HOTPLUG + 4 * n, 4, write=name != "B0EJ") for n, name in enumerate(["PCIU", "PCID", "B0EJ", "B0RM"])),
]

DEVICES = [
    # QEMU's registers for buses behind bridges are off, as for guests of Xen.
    Device("gpe-hotplug", options=["-smp", "3,maxcpus=8"], registers=HOTPLUG, single=4, bursts=[(1, cpu_map), (1, eject)],
           theirs=["-global", "PIIX4_PM.acpi-pci-hotplug-with-bridge-support=off"]),
    # As for a guest of Xen: no SMI by APMC, and ACPI is switched on and off by it.
    Device("piix4-pm", functions={"piix4-pm": (0x8086, 0x7113)}, theirs=["-machine", "smm=off", "-global", "PIIX4_PM.smm-compat=on"],
           setup=[Line("config_readl piix4-pm 0x58", "DEVACTB_AT_START"), Line("config_writel piix4-pm 0x58 0", "DEVACTB"), *place(PM)],
           registers=[*config_registers("piix4-pm", CONFIG), *BLOCK], single=20, bursts=[(1, move)]),
]
