"""UHCI (Design Guide 1.1) of the PIIX3 and EHCI (1.0) of an ICH9, each with a tablet on its first port: registers and the root hub. Frames need
time, which does not pass."""
from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

BASE = 0xc000
RS, HCRESET, EGSM, FGR = 0x01, 0x02, 0x08, 0x10
PED, SUSP, PR, CHANGES = 0x04, 0x1000, 0x200, 0x0a
PORTS = {"PORTSC1": 0x10, "PORTSC2": 0x12}

REGISTERS = [
    Register("USBCMD", BASE, 2, bits=0xff, values=[0, RS, EGSM, EGSM | FGR, 0xc0, 0xc1], never=lambda value: value & 6),
    Register("USBSTS", BASE + 2, 2, bits=0x3f, values=[0x1f, 1, 4], keep=0x20),
    Register("USBINTR", BASE + 4, 2, bits=0x0f, values=[0x0f, 0x02]),
    Register("FRNUM", BASE + 6, 2, bits=0x7ff),
    Register("FLBASEADD", BASE + 8, 4, bits=0xfffff000),
    Register("FLBASEADD", BASE + 10, 2, bits=0xffff),
    Register("SOFMOD", BASE + 12, 1, bits=0x7f),
    *(Register(name, BASE + where, 2, bits=0x13ff, values=[0, PED, PR, PED | SUSP, CHANGES, PED | CHANGES], weight=2)
      for name, where in PORTS.items()),
    *(Register("BEYOND", BASE + where, 2, write=False, weight=0.2) for where in range(0x14, 0x20, 2)),
]


def port_reset(rng):
    """As drivers do it."""
    name = rng.choice(list(PORTS))
    where = BASE + PORTS[name]
    lines = [Line(f"outw {where:#x} {PR:#x}", name), Line(f"outw {where:#x} 0", name), Line(f"inw {where:#x}", name),
             Line(f"outw {where:#x} {PED | CHANGES:#x}", name), Line(f"inw {where:#x}", name)]
    if rng.random() < 0.5:
        lines += [Line(f"outw {where:#x} {PED | SUSP:#x}", name), Line(f"inw {where:#x}", name), Line(f"outw {where:#x} {PED:#x}", name),
                  Line(f"inw {where:#x}", name)]
    return lines


def controller_reset(_):
    names = {"USBCMD": 0, "USBSTS": 2, "USBINTR": 4, "FRNUM": 6, "PORTSC1": 0x10, "PORTSC2": 0x12}
    return [Line(f"outw {BASE:#x} 0", "USBCMD"), Line(f"outw {BASE + 6:#x} 0", "FRNUM"), Line(f"outw {BASE:#x} {HCRESET:#x}", "USBCMD"), *(Line(f"inw {BASE + where:#x}", name) for name, where in names.items()),
            Line(f"inl {BASE + 8:#x}", "FLBASEADD"), Line(f"inb {BASE + 12:#x}", "SOFMOD")]


CONFIG = [*HEADER, ("PCICMD", 0x04, 2, {"bits": 0x0005, "values": [5], "never": lambda value: value & 5 != 5}), ("PCISTS", 0x06, 2),
          ("SBRNUM", 0x60, 1, {"write": False}), ("BAR4", 0x20, 4, {"write": False})]

# EHCI. Schedules stay off: their status follows them by and by in QEMU.
EHCI = 0xe0000000
OPERATIONAL = EHCI + 0x20
E_PED, E_SUSP, E_RESET, E_CHANGES = 0x04, 0x80, 0x100, 0x0a


def ehci(name, where, bits=0xffffffff, **more):
    return Register(name, where, 4, space="memory", bits=bits, **more)


EHCI_REGISTERS = [
    ehci("CAPLENGTH", EHCI, write=False), ehci("HCSPARAMS", EHCI + 4, write=False), ehci("HCCPARAMS", EHCI + 8, write=False),
    ehci("USBCMD", OPERATIONAL, 0x00ff0030, values=[0, 0x80000], never=lambda value: value & 0x73),
    ehci("USBSTS", OPERATIONAL + 4, 0x3f, values=[0x3f, 4]),
    ehci("USBINTR", OPERATIONAL + 8, 0x3f, values=[0x37, 4]),
    ehci("FRINDEX", OPERATIONAL + 0xc, 0x3fff),
    ehci("PERIODICLISTBASE", OPERATIONAL + 0x14, 0xfffff000),
    ehci("ASYNCLISTADDR", OPERATIONAL + 0x18, 0xffffffe0),
    ehci("CONFIGFLAG", OPERATIONAL + 0x40, 1),
    *(ehci(f"PORTSC{i + 1}", OPERATIONAL + 0x44 + 4 * i, 0x18e, values=[0, E_PED, E_RESET, E_PED | E_SUSP, E_CHANGES], weight=0.5) for i in range(6)),
]


def ehci_port_reset(rng):
    name, where = "PORTSC1", OPERATIONAL + 0x44
    lines = [Line(f"writel {where:#x} {E_RESET:#x}", name), Line(f"readl {where:#x}", name), Line(f"writel {where:#x} 0", name),
             Line(f"readl {where:#x}", name), Line(f"writel {where:#x} {E_PED | E_CHANGES:#x}", name), Line(f"readl {where:#x}", name)]
    if rng.random() < 0.5:
        lines += [Line(f"writel {where:#x} {E_PED | E_SUSP:#x}", name), Line(f"readl {where:#x}", name)]
    return lines


EHCI_CONFIG = [*(row for row in HEADER if row[0] != "BAR0"), ("PCICMD", 0x04, 2, {"bits": 0x0006, "values": [6], "never": lambda value: value & 6 != 6}), ("PCISTS", 0x06, 2), ("SBRN", 0x60, 1, {"write": False}), ("FLADJ", 0x61, 1, {"write": False})]

DEVICES = [
    Device("ehci", functions={"ehci": (0x8086, 0x293a)}, options=["-device", "ich9-usb-ehci1,id=usb,addr=0x1d.7", "-device", "usb-tablet,bus=usb.0,port=1"],
           setup=[Line(f"config_writel ehci 0x10 {EHCI:#x}", "BAR0"), Line("config_writew ehci 0x4 6", "PCICMD")], single=10,
           registers=[*EHCI_REGISTERS, *config_registers("ehci", EHCI_CONFIG)], bursts=[(2, ehci_port_reset)]),
    Device("uhci", functions={"uhci": (0x8086, 0x7020)}, options=["-usb", "-usbdevice", "tablet"],
           setup=[Line(f"config_writel uhci 0x20 {BASE:#x}", "BAR4"), Line("config_writew uhci 0x4 5", "PCICMD")], single=10,
           registers=[*REGISTERS, *config_registers("uhci", CONFIG)], bursts=[(2, port_reset), (1, controller_reset)]),
]
