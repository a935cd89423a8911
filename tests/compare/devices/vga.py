"""Standard VGA: registers by their IBM names, dispi (Bochs vbe_display_api.txt), BAR2, and the window at A0000."""
from ..device import Device, Register, config_registers
from ..stream import Line

LFB, MMIO = 0xf0000000, 0xf2000000
DISPI = ["ID", "XRES", "YRES", "BPP", "ENABLE", "BANK", "VIRT_WIDTH", "VIRT_HEIGHT", "X_OFFSET", "Y_OFFSET", "MEMORY"]
BANK = 5
DISPI_VALUES = {1: [320, 640, 800, 1024, 1280, 16000, 16008], 2: [200, 480, 600, 768, 12000, 12001],
                3: [4, 8, 15, 16, 24, 32, 33], 4: [0, 1, 2, 3, 0x41, 0x61, 0x81, 0xc1, 0xe1], 5: range(64),
                0: [0xb0c0, 0xb0c2, 0xb0c4, 0xb0c5, 0xb0c6]}


def indexed(name, port, count, index_bits=0xff, data=None):
    def access(rng):
        index = rng.randrange(count)
        lines = [Line(f"outb {port:#x} {index & index_bits:#x}", f"{name}_INDEX")]
        where, register = (data or port + 1), f"{name}{index:02X}"
        if rng.random() < 0.5:
            lines.append(Line(f"outb {where:#x} {rng.getrandbits(8):#x}", register))
        lines.append(Line(f"inb {where:#x}", register))
        return lines
    return access


def attribute(rng):
    """Resets the flip-flop, then index and data through one port; data is read back at 3c1."""
    index = rng.randrange(0x15)
    lines = [Line("inb 0x3da", "INPUT_STATUS_1"), Line(f"outb 0x3c0 {index | rng.choice([0, 0x20]):#x}", "AR_INDEX")]
    if rng.random() < 0.6:
        lines.append(Line(f"outb 0x3c0 {rng.getrandbits(8):#x}", f"AR{index:02X}"))
        return lines
    return [*lines, Line("inb 0x3c0", "AR_INDEX"), Line("inb 0x3c1", f"AR{index:02X}")]


def palette(rng):
    entry = rng.getrandbits(8)
    if rng.random() < 0.5:
        return [Line(f"outb 0x3c8 {entry:#x}", "DAC_WRITE_INDEX"),
                *(Line(f"outb 0x3c9 {rng.getrandbits(8):#x}", "DAC_DATA") for _ in range(rng.randrange(1, 7)))]
    return [Line(f"outb 0x3c7 {entry:#x}", "DAC_READ_INDEX"),
            *(Line("inb 0x3c9", "DAC_DATA") for _ in range(rng.randrange(1, 7))),
            Line("inb 0x3c7", "DAC_STATE"), Line("inb 0x3c8", "DAC_WRITE_INDEX")]


def dispi(rng):
    index = rng.randrange(len(DISPI) + 1)
    name = f"DISPI_{DISPI[index] if index < len(DISPI) else 'BEYOND'}"
    by_ports = rng.random() < 0.6
    lines = []
    if by_ports:
        lines.append(Line(f"outw 0x1ce {index:#x}", "DISPI_INDEX"))
    if rng.random() < 0.6:
        known = index in DISPI_VALUES and (index == BANK or rng.random() < 0.8)
        value = rng.choice(DISPI_VALUES[index]) if known else rng.getrandbits(12)
        lines.append(Line(f"outw 0x1cf {value:#x}" if by_ports else f"writew {MMIO + 0x500 + 2 * index:#x} {value:#x}", name))
    lines.append(Line("inw 0x1cf" if by_ports else f"readw {MMIO + 0x500 + 2 * index:#x}", name))
    return lines


def window(rng):
    """The aperture at A0000 through latches, rotation, masks and modes."""
    lines = []
    for _ in range(rng.randrange(1, 6)):
        address = 0xa0000 + rng.choice([rng.randrange(0x20000), rng.randrange(64), 0x18000 + rng.randrange(0x1000)])
        width = rng.choice("bbbwl")
        if rng.random() < 0.5:
            lines.append(Line(f"write{width} {address:#x} {rng.getrandbits(32) & {'b': 0xff, 'w': 0xffff, 'l': 0xffffffff}[width]:#x}",
                              "WINDOW"))
        else:
            lines.append(Line(f"read{width} {address:#x}", "WINDOW"))
    return lines


def frame_buffer(rng):
    address = LFB + rng.choice([rng.randrange(0x1000), rng.randrange(0x80000), 0x1000000 - 4]) & ~3
    return [Line(f"writel {address:#x} {rng.getrandbits(32):#x}", "LFB"), Line(f"readl {address:#x}", "LFB"),
            Line(f"readb {0xa0000 + rng.randrange(64):#x}", "WINDOW")]


def bar2(rng):
    """The VGA's ports as memory."""
    port = rng.choice([0x3c4, 0x3c5, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3c2, 0x3cc, 0x3c8])
    address = MMIO + 0x400 + port - 0x3c0
    name = f"MMIO_{port:03X}"
    if rng.random() < 0.5:
        return [Line(f"writeb {address:#x} {rng.getrandbits(8):#x}", name)]
    return [Line(f"readb {address:#x}", name)]


def extension(rng):
    offset, name = rng.choice([(0x600, "QEXT_SIZE"), (0x604, "QEXT_ENDIAN")])
    lines = [Line(f"readl {MMIO + offset:#x}", name)]
    if rng.random() < 0.5:
        lines.insert(0, Line(f"writel {MMIO + offset:#x} {rng.choice([0x1e1e1e1e, 0xbebebebe, 0, 0x1e1e1e1f]):#x}", name))
    return lines


PORTS = [
    Register("MISC_READ", 0x3cc, write=False), Register("MISC_WRITE", 0x3c2), Register("FEATURE_READ", 0x3ca),
    Register("DAC_MASK", 0x3c6), Register("INPUT_STATUS_1/MONO", 0x3ba), Register("CR_INDEX/MONO", 0x3b4),
    Register("CR_DATA/MONO", 0x3b5), Register("AR_DATA_READ", 0x3c1, write=False), Register("PORT_3C3", 0x3c3),
    Register("PORT_3CB", 0x3cb), Register("PORT_3CD", 0x3cd), Register("SR_INDEX", 0x3c4), Register("GR_INDEX", 0x3ce),
    Register("CR_INDEX", 0x3d4), Register("SR_WORD", 0x3c4, 2), Register("GR_WORD", 0x3ce, 2), Register("CR_WORD", 0x3d4, 2),
    Register("DISPI_INDEX", 0x1ce, 2, values=range(12)),
]

CONFIG = [("VID", 0x00, 2), ("DID", 0x02, 2), ("REVID", 0x08, 1), ("CLASSC", 0x09, 1), ("CLASSD", 0x0a, 2), ("HEDT", 0x0e, 1),
          ("PCISTS", 0x06, 2), ("BAR1", 0x14, 4), ("BAR3", 0x1c, 4), ("SVID", 0x2c, 2), ("SID", 0x2e, 2), ("CAPPTR", 0x34, 1),
          ("INTLN", 0x3c, 1), ("INTPN", 0x3d, 1)]

SETUP = [Line(f"config_writel vga 0x10 {LFB:#x}", "BAR0"), Line(f"config_writel vga 0x18 {MMIO:#x}", "BAR2"),
         Line("config_writew vga 0x4 7", "PCICMD"), Line("config_readl vga 0x10", "BAR0"),
         Line("config_readl vga 0x18", "BAR2"), Line("outb 0x3c2 0x63", "MISC_WRITE")]

DEVICES = [
    Device("std-vga", options=["-device", "VGA,vgamem_mb=16"], functions={"vga": (0x1234, 0x1111)}, setup=SETUP,
           registers=[*PORTS, *config_registers("vga", CONFIG)], single=3, bits={"DISPI_ENABLE": 0xe3},
           bursts=[(2, indexed("SR", 0x3c4, 8)), (2, indexed("GR", 0x3ce, 16)), (3, indexed("CR", 0x3d4, 0x19)), (2, attribute),
                   (2, palette), (3, dispi), (4, window), (1, frame_buffer), (1, bar2), (1, extension)]),
]
