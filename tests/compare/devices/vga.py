"""Standard VGA: registers by their IBM names, dispi (Bochs vbe_display_api.txt), BAR2, and the window at A0000."""
from ..device import Device, Register, config_registers
from ..stream import Line

LFB, MMIO = 0xf0000000, 0xf2000000
DISPI = ["ID", "XRES", "YRES", "BPP", "ENABLE", "BANK", "VIRT_WIDTH", "VIRT_HEIGHT", "X_OFFSET", "Y_OFFSET", "MEMORY"]
ENABLE, BANK = 4, 5
GRAPHICS_64K_AT_A0000 = 0x0506  # GR6, and a word for port 3ce
DISPI_VALUES = {1: [320, 640, 800, 1024, 1280, 16000, 16008], 2: [200, 480, 600, 768, 12000, 12001],
                3: [8, 15, 16, 24, 32, 33], 0: [0xb0c0, 0xb0c2, 0xb0c4, 0xb0c5, 0xb0c6]}


def indexed(name, port, count, read_only=()):
    def access(rng):
        index = rng.randrange(count)
        lines, register = [Line(f"outb {port:#x} {index:#x}", f"{name}_INDEX")], f"{name}{index:02X}"
        if index not in read_only and rng.random() < 0.5:
            lines.append(Line(f"outb {port + 1:#x} {rng.getrandbits(8):#x}", register))
        lines.append(Line(f"inb {port + 1:#x}", register))
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


def dispi_write(rng, index, value):
    """Through the ports or BAR2."""
    by_ports = rng.random() < 0.6
    name = f"DISPI_{DISPI[index] if index < len(DISPI) else 'BEYOND'}"
    address = MMIO + 0x500 + 2 * index
    lines = [Line(f"outw 0x1ce {index:#x}", "DISPI_INDEX")] if by_ports else []
    lines.append(Line(f"outw 0x1cf {value:#x}" if by_ports else f"writew {address:#x} {value:#x}", name))
    lines.append(Line("inw 0x1cf" if by_ports else f"readw {address:#x}", name))
    return lines


def dispi(rng):
    index = rng.choice([index for index in range(len(DISPI) + 1) if index not in (ENABLE, BANK)])
    if rng.random() < 0.6:
        known = index in DISPI_VALUES and rng.random() < 0.8
        return dispi_write(rng, index, rng.choice(DISPI_VALUES[index]) if known else rng.getrandbits(12))
    index = rng.randrange(len(DISPI) + 1)
    name = f"DISPI_{DISPI[index] if index < len(DISPI) else 'BEYOND'}"
    if rng.random() < 0.5:
        return [Line(f"outw 0x1ce {index:#x}", "DISPI_INDEX"), Line("inw 0x1cf", name)]
    return [Line(f"readw {MMIO + 0x500 + 2 * index:#x}", name)]


def dispi_mode(rng):
    lines = dispi_write(rng, ENABLE, rng.choice([0, 0, 0x40, 0x60, 0x20, 0x02]))
    for index in (1, 2, 3):
        lines += dispi_write(rng, index, rng.choice(DISPI_VALUES[index]))
    flags = rng.choice([0, 0x01, 0x41, 0x61, 0x81, 0xc1, 0xe1])
    lines += dispi_write(rng, ENABLE, flags)
    if flags & 1:
        lines += dispi_write(rng, BANK, rng.randrange(64))
    return [*lines, Line(f"outw 0x3ce {GRAPHICS_64K_AT_A0000:#x}", "GR_WORD")]


MAPS = [(0x00000, 0x20000), (0x00000, 0x10000), (0x10000, 0x8000), (0x18000, 0x8000)]  # GR6, bits 3:2
CHAIN_4, ODD_EVEN = 0x08, 0x10


def address_in(rng, start, length):
    return 0xa0000 + start + rng.choice([rng.randrange(length - 4), rng.randrange(64)])


def window(maps):
    """The aperture at A0000 through latches, rotation, masks and modes.

    Reads load the latches in every mode; in QEMU not with chain 4 and odd/even. So a planar access begins with a read.
    """
    def accesses(rng):
        chosen, mode = rng.choice(maps), rng.randrange(3)
        memory_mode = rng.getrandbits(8) & ~CHAIN_4 | (CHAIN_4 if mode == 0 else 0)
        graphics_mode = rng.getrandbits(8) & ~ODD_EVEN | (ODD_EVEN if mode == 1 else 0)
        lines = [Line(f"outw 0x3c4 {memory_mode << 8 | 4:#x}", "SR_WORD"),
                 Line(f"outw 0x3ce {graphics_mode << 8 | 5:#x}", "GR_WORD"),
                 Line(f"outw 0x3ce {chosen << 10 | rng.randrange(4) << 8 | 6:#x}", "GR_WORD"),
                 Line(f"readb {address_in(rng, *MAPS[chosen]):#x}", "WINDOW")]
        for _ in range(rng.randrange(1, 12)):
            start, length = MAPS[chosen] if rng.random() < 0.9 else MAPS[0]
            address, width = address_in(rng, start, length), rng.choice("bbbwl")
            if rng.random() < 0.5:
                value = rng.getrandbits({"b": 8, "w": 16, "l": 32}[width])
                lines.append(Line(f"write{width} {address:#x} {value:#x}", "WINDOW"))
            else:
                lines.append(Line(f"read{width} {address:#x}", "WINDOW"))
        return lines
    return accesses


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
        value = rng.randrange(0x19) if port == 0x3d4 else rng.getrandbits(8)
        return [Line(f"writeb {address:#x} {value:#x}", name)]
    return [Line(f"readb {address:#x}", name)]


def extension(rng):
    offset, name = rng.choice([(0x600, "QEXT_SIZE"), (0x604, "QEXT_ENDIAN")])
    lines = [Line(f"readl {MMIO + offset:#x}", name)]
    if rng.random() < 0.5:
        lines.insert(0, Line(f"writel {MMIO + offset:#x} {rng.choice([0x1e1e1e1e, 0xbebebebe, 0, 0x1e1e1e1f]):#x}", name))
    return lines


def beyond_crtc(value):
    return value & 0xff > 0x18


PORTS = [
    Register("MISC_READ", 0x3cc, write=False), Register("MISC_WRITE", 0x3c2), Register("FEATURE_READ", 0x3ca),
    Register("DAC_MASK", 0x3c6), Register("INPUT_STATUS_1/MONO", 0x3ba), Register("CR_INDEX/MONO", 0x3b4, never=beyond_crtc),
    Register("CR_DATA/MONO", 0x3b5), Register("AR_DATA_READ", 0x3c1, write=False), Register("PORT_3C3", 0x3c3),
    Register("PORT_3CB", 0x3cb), Register("PORT_3CD", 0x3cd), Register("SR_INDEX", 0x3c4), Register("GR_INDEX", 0x3ce),
    Register("CR_INDEX", 0x3d4, never=beyond_crtc), Register("SR_WORD", 0x3c4, 2), Register("GR_WORD", 0x3ce, 2),
    Register("CR_WORD", 0x3d4, 2, never=beyond_crtc),
]

CONFIG = [("VID", 0x00, 2), ("DID", 0x02, 2), ("REVID", 0x08, 1), ("CLASSC", 0x09, 1), ("CLASSD", 0x0a, 2), ("HEDT", 0x0e, 1),
          ("PCISTS", 0x06, 2), ("BAR1", 0x14, 4), ("BAR3", 0x1c, 4), ("SVID", 0x2c, 2), ("SID", 0x2e, 2), ("CAPPTR", 0x34, 1),
          ("INTLN", 0x3c, 1), ("INTPN", 0x3d, 1)]

SETUP = [Line(f"config_writel vga 0x10 {LFB:#x}", "BAR0"), Line(f"config_writel vga 0x18 {MMIO:#x}", "BAR2"),
         Line("config_writew vga 0x4 7", "PCICMD"), Line("config_readl vga 0x10", "BAR0"),
         Line("config_readl vga 0x18", "BAR2"), Line("outb 0x3c2 0x63", "MISC_WRITE")]

DISPI_SETUP = [line for index, value in ((ENABLE, 0), (1, 640), (2, 480), (3, 32), (ENABLE, 0x41))
               for line in (Line(f"outw 0x1ce {index:#x}", "DISPI_INDEX"), Line(f"outw 0x1cf {value:#x}", f"DISPI_{DISPI[index]}"))]

VGA = {"options": ["-device", "VGA,vgamem_mb=16"], "functions": {"vga": (0x1234, 0x1111)}, "setup": SETUP,
       "bits": {"DISPI_ENABLE": 0xe3}}

DEVICES = [
    Device("std-vga", **VGA, registers=[*PORTS, *config_registers("vga", CONFIG)], single=3,
           bursts=[(2, indexed("SR", 0x3c4, 8)), (2, indexed("GR", 0x3ce, 16)), (3, indexed("CR", 0x3d4, 0x19)), (2, attribute),
                   (2, palette), (4, window(range(4))), (1, frame_buffer), (1, bar2)]),
    Device("std-vga-dispi", **VGA | {"setup": [*SETUP, *DISPI_SETUP]}, single=1,
           registers=[Register("DISPI_INDEX", 0x1ce, 2, values=range(12))],
           # Seldom: QEMU clears the memory and rebuilds its memory map with each mode.
           bursts=[(6, dispi), (0.05, dispi_mode), (6, window([1])), (3, frame_buffer), (2, palette), (1, extension),
                   (2, indexed("SR", 0x3c4, 8)), (2, indexed("GR", 0x3ce, 16, read_only=[6]))]),
]
