"""UHCI (Design Guide 1.1) of the PIIX3, EHCI (1.0) of an ICH9 and xHCI (1.1) of NEC, each with a tablet on its first port: registers and the root
hub, xHCI with its commands. Frames need time, which does not pass."""
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
    *(Register(name, BASE + where, 2, bits=0x13ff, values=[0, PED, PR, PED | SUSP, CHANGES, PED | CHANGES], weight=2,
               keep=0x40)
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
    *(ehci(f"PORTSC{i + 1}", OPERATIONAL + 0x44 + 4 * i, 0x18e, values=[0, E_PED, E_RESET, E_PED | E_SUSP, E_CHANGES], weight=0.5,
           never=lambda value: value & 0x104 == 0x104) for i in range(6)),
]


def ehci_port_reset(rng):
    name, where = "PORTSC1", OPERATIONAL + 0x44
    lines = [Line(f"writel {where:#x} {E_RESET:#x}", name), Line(f"readl {where:#x}", name), Line(f"writel {where:#x} 0", name),
             Line(f"readl {where:#x}", name), Line(f"writel {where:#x} {E_PED | E_CHANGES:#x}", name), Line(f"readl {where:#x}", name)]
    if rng.random() < 0.5:
        lines += [Line(f"writel {where:#x} {E_PED | E_SUSP:#x}", name), Line(f"readl {where:#x}", name)]
    return lines


EHCI_CONFIG = [*(row for row in HEADER if row[0] != "BAR0"), ("PCICMD", 0x04, 2, {"bits": 0x0006, "values": [6], "never": lambda value: value & 6 != 6}), ("PCISTS", 0x06, 2), ("SBRN", 0x60, 1, {"write": False}), ("FLADJ", 0x61, 1, {"write": False})]

# xHCI. What it has of everything differs (HCSPARAMS, HCCPARAMS), so that is not read.
XHCI = 0xe0000000
X_OP, X_PORTS, X_INT, X_DOORBELL = XHCI + 0x40, XHCI + 0x440, XHCI + 0x1020, XHCI + 0x2000
X_RS, X_HCRST, X_INTE = 1, 2, 4
X_DCBAA, X_COMMANDS, X_TABLE, X_EVENTS, X_INPUT, X_CONTEXT, X_RING, X_DATA = (0x100000 + 0x1000 * i for i in range(8))
X_TABLET = 5  # port number: USB 3 comes first


def xhci(name, where, bits=0xffffffff, **more):
    return Register(name, where, 4, space="memory", bits=bits, **more)


XHCI_REGISTERS = [
    xhci("CAPLENGTH", XHCI, write=False), xhci("HCSPARAMS3", XHCI + 0xc, write=False), xhci("DBOFF", XHCI + 0x14, write=False),
    xhci("RTSOFF", XHCI + 0x18, write=False), *(xhci("XECP", XHCI + 0x20 + 4 * i, write=False, weight=0.2) for i in range(8)),
    xhci("USBCMD", X_OP, 0xc0c, values=[0, X_INTE], never=lambda value: value & 0x383),
    xhci("USBSTS", X_OP + 4, 0x140d, values=[0x41c, 8]), xhci("PAGESIZE", X_OP + 8),
    xhci("DNCTRL", X_OP + 0x14, 0xffff), xhci("CONFIG", X_OP + 0x38, 0xff),
    xhci("DCBAAP", X_OP + 0x30), xhci("DCBAAP", X_OP + 0x34),
    *(xhci(f"PORTSC{i + 1}", X_PORTS + 0x10 * i, 0xffe3fdfb, values=[0x200, 0xfe0200], weight=0.3,
           never=lambda value: value & 0x8e01c012 or not value & 0x200) for i in range(8)),
    xhci("IMAN", X_INT, 3), xhci("IMOD", X_INT + 4), xhci("ERSTSZ", X_INT + 8, 0xffff),
    xhci("ERDP", X_INT + 0x18), xhci("ERDP", X_INT + 0x1c),
]


def xhci_port_reset(_):
    name, where = f"PORTSC{X_TABLET}", X_PORTS + 0x10 * (X_TABLET - 1)
    return [Line(f"writel {where:#x} 0x210", name), Line(f"readl {where:#x}", name), Line(f"writel {where:#x} 0xfe0200", name), Line(f"readl {where:#x}", name)]


def block(where, parameter, status, control, name):
    words = (parameter & 0xffffffff, parameter >> 32, status, control)
    return [Line(f"writel {where + 4 * i:#x} {word:#x}", name) for i, word in enumerate(words)]


def words(where, values, name):
    return [Line(f"writel {where + 4 * i:#x} {value:#x}", name) for i, value in enumerate(values)]


def xhci_commands(rng):
    """A driver's start, a slot for the tablet, and commands of all kinds; the events are read."""
    name = "COMMAND"
    lines = [Line(f"writel {X_OP:#x} {X_HCRST:#x}", "USBCMD"), *words(X_TABLE, [X_EVENTS, 0, 64, 0], name),
             *words(X_EVENTS, [0] * 64, name), *words(X_CONTEXT, [0] * 32, name), *words(X_DCBAA, [0, 0, X_CONTEXT, 0], name)]
    for register, value in ((X_OP + 0x38, 4), (X_OP + 0x30, X_DCBAA), (X_OP + 0x34, 0), (X_OP + 0x18, X_COMMANDS | 1), (X_OP + 0x1c, 0), (X_INT + 8, 1),
                            (X_INT + 0x18, X_EVENTS), (X_INT + 0x1c, 0), (X_INT + 0x10, X_TABLE), (X_INT + 0x14, 0), (X_INT, 2), (X_OP, X_RS | X_INTE)):
        lines.append(Line(f"writel {register:#x} {value:#x}", name))
    lines += xhci_port_reset(rng)
    lines += words(X_INPUT, [0, 3] + [0] * 6 + [1 << 27 | 3 << 20, X_TABLET << 16] + [0] * 6 + [0, 64 << 16 | 4 << 3 | 6, X_RING | 1, 0], name)
    lines += block(X_RING, 0x0012000001000680, 8, 2 << 10 | 0x40 | 1, name)
    lines += block(X_RING + 16, X_DATA, 18, 3 << 10 | 1 << 16 | 4 | 1, name)
    lines += block(X_RING + 32, 0, 0, 4 << 10 | 0x20 | 1, name)
    lines += block(X_RING + 48, 0, 0, 0, name)
    commands = [(0, 9 << 10), (X_INPUT, 11 << 10 | 1 << 24)]
    if rng.random() < 0.3:  # NEC's own, last and alone: QEMU mixes the answers of those before and behind into its events
        commands.append(rng.choice([(rng.getrandbits(64), 50 << 10), (0, 49 << 10)]))
    else:
        more = [(0, 23 << 10), (0, 15 << 10 | 1 << 24 | 1 << 16), (0, 14 << 10 | 1 << 24 | 1 << 16)]
        commands += rng.sample(more, rng.randrange(1, 4))
    for i, (parameter, control) in enumerate(commands):
        lines += block(X_COMMANDS + 16 * i, parameter, 0, control | 1, name)
    lines += block(X_COMMANDS + 16 * len(commands), 0, 0, 0, name)
    lines += [Line(f"writel {X_DOORBELL:#x} 0", name), Line(f"writel {X_DOORBELL + 4:#x} 1", name)]
    lines += [Line(f"readl {X_EVENTS + 4 * i:#x}", "EVENT_OWNER" if i % 4 == 3 else "EVENT") for i in range(4 * (len(commands) + 4))]
    lines += [Line(f"readl {X_CONTEXT + 4 * i:#x}", "CONTEXT") for i in (0, 1, 3, 8, 9, 11)]
    lines += [Line(f"readl {X_DATA + 4 * i:#x}", "DATA") for i in range(3)]
    lines += [Line(f"readl {register:#x}", "AFTER") for register in (X_OP, X_INT, X_INT + 0x18)]
    lines += [Line(f"writel {X_INT:#x} 3", "IMAN"), Line(f"writel {X_INT + 0x18:#x} {X_EVENTS | 8:#x}", "ERDP"), Line(f"writel {X_OP:#x} 0", "USBCMD"),
              Line(f"writel {X_OP:#x} {X_HCRST:#x}", "USBCMD")]
    return lines


def xhci_ring_end(rng):
    """More events than the smallest ring holds, the first of them read: behind the last one comes the first, of the other cycle."""
    name, first, more = "COMMAND", 10, rng.randrange(4, 14)
    lines = [Line(f"writel {X_OP:#x} {X_HCRST:#x}", "USBCMD"), *words(X_TABLE, [X_EVENTS, 0, 16, 0], name), *words(X_EVENTS, [0] * 80, name)]
    for register, value in ((X_OP + 0x38, 4), (X_OP + 0x30, X_DCBAA), (X_OP + 0x34, 0), (X_OP + 0x18, X_COMMANDS | 1), (X_OP + 0x1c, 0), (X_INT + 8, 1),
                            (X_INT + 0x18, X_EVENTS), (X_INT + 0x1c, 0), (X_INT + 0x10, X_TABLE), (X_INT + 0x14, 0), (X_INT + 4, 0), (X_INT, 2), (X_OP, X_RS | X_INTE)):
        lines.append(Line(f"writel {register:#x} {value:#x}", name))
    for start, end in ((0, first), (first, first + more)):
        for i in range(start, end):
            lines += block(X_COMMANDS + 16 * i, 0, 0, 23 << 10 | 1, name)
        lines += block(X_COMMANDS + 16 * end, 0, 0, 0, name)
        lines += [Line(f"writel {X_DOORBELL:#x} 0", name), Line(f"readl {X_INT:#x}", "AFTER"), Line(f"writel {X_INT:#x} 3", "IMAN"),
                  Line(f"writel {X_INT + 0x18:#x} {X_EVENTS + 16 * (end % 16) | 8:#x}", "ERDP")]
    lines += [Line(f"readl {X_EVENTS + 4 * i:#x}", "EVENT_OWNER" if i % 4 == 3 else "EVENT") for i in range(80)]
    return [*lines, Line(f"writel {X_OP:#x} 0", "USBCMD"), Line(f"writel {X_OP:#x} {X_HCRST:#x}", "USBCMD")]


XHCI_CONFIG = [*(row for row in HEADER if row[0] != "BAR0"), ("PCISTS", 0x06, 2), ("SBRN", 0x60, 1, {"write": False}), ("BAR0", 0x10, 4, {"write": False}), ("BAR1", 0x14, 4, {"write": False})]

DEVICES = [
    Device("xhci", functions={"xhci": (0x1033, 0x0194)}, options=["-device", "nec-usb-xhci,id=usb", "-device", "usb-tablet,bus=usb.0,port=1"],
           setup=[Line(f"config_writel xhci 0x10 {XHCI:#x}", "BAR0"), Line("config_writew xhci 0x4 6", "PCICMD")], single=10,
           registers=[*XHCI_REGISTERS, *config_registers("xhci", XHCI_CONFIG)], bursts=[(2, xhci_port_reset), (1, xhci_commands), (0.5, xhci_ring_end)]),
    Device("ehci", functions={"ehci": (0x8086, 0x293a)}, options=["-device", "ich9-usb-ehci1,id=usb,addr=0x1d.7", "-device", "usb-tablet,bus=usb.0,port=1"],
           setup=[Line(f"config_writel ehci 0x10 {EHCI:#x}", "BAR0"), Line("config_writew ehci 0x4 6", "PCICMD")], single=10,
           registers=[*EHCI_REGISTERS, *config_registers("ehci", EHCI_CONFIG)], bursts=[(2, ehci_port_reset)]),
    Device("uhci", functions={"uhci": (0x8086, 0x7020)}, options=["-usb", "-usbdevice", "tablet"],
           setup=[Line(f"config_writel uhci 0x20 {BASE:#x}", "BAR4"), Line("config_writew uhci 0x4 5", "PCICMD")], single=10,
           registers=[*REGISTERS, *config_registers("uhci", CONFIG)], bursts=[(2, port_reset), (1, controller_reset)]),
]
