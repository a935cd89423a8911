"""Cirrus Logic CL-GD5446: extension registers, the banked window, blits of all kinds, by their names in the datasheet."""
from ..device import Device, Register, config_registers
from ..stream import Line
from .vga import PORTS, attribute, palette, window

LFB, MMIO = 0xf0000000, 0xf2000000
BLT, BLIT_DATA = MMIO + 0x100, LFB + 0x1000000
MEMORY = 0x400000
ROPS = [0x00, 0x05, 0x06, 0x09, 0x0b, 0x0d, 0x0e, 0x50, 0x59, 0x6d, 0x90, 0x95, 0xad, 0xd0, 0xd6, 0xda, 0x77]
BACKWARDS, FROM_SYSTEM, TRANSPARENT, PATTERN, EXPAND = 0x01, 0x04, 0x08, 0x40, 0x80
INVERT, SOLID = 0x02, 0x04

SEQUENCER = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, *range(0x08, 0x12), *range(0x13, 0x17), *range(0x18, 0x20), 0x20, 0x30, 0x71, 0xd0]
GRAPHICS = [*range(0x00, 0x05), *range(0x06, 0x09), 0x0c, *range(0x10, 0x16), 0x18, *range(0x20, 0x2a), *range(0x2b, 0x31),
            *range(0x32, 0x40), 0x80]
CRTC = [*range(0x00, 0x1e), 0x20, 0x24, 0x25, 0x26, 0x27, 0x28, 0xff]


def registers(name, port, numbers):
    """Through the ports or BAR1."""
    def access(rng):
        index, base = rng.choice(numbers), MMIO + port - 0x3c0
        by_ports = rng.random() < 0.7
        out = (lambda at, value: f"outb {port + at:#x} {value:#x}") if by_ports else (
            lambda at, value: f"writeb {base + at:#x} {value:#x}")
        lines, register = [Line(out(0, index), f"{name}_INDEX")], f"{name}{index:02X}"
        if rng.random() < 0.5:
            lines.append(Line(out(1, rng.getrandbits(8)), register))
        lines.append(Line(f"inb {port + 1:#x}" if by_ports else f"readb {base + 1:#x}", register))
        return lines
    return access


def hidden_dac(rng):
    """3c8 starts the count of reads of the pixel mask; after four comes the hidden register."""
    lines = [Line("inb 0x3c8", "DAC_WRITE_INDEX"), *(Line("inb 0x3c6", "DAC_MASK") for _ in range(4))]
    if rng.random() < 0.5:
        return [*lines, Line(f"outb 0x3c6 {rng.getrandbits(8):#x}", "HDR")]
    return [*lines, Line("inb 0x3c6", "HDR")]


def cursor_palette(rng):
    return [Line("outw 0x3c4 0x212", "SR12"), *palette(rng), Line("outw 0x3c4 0x12", "SR12")]


def banked(rng):
    """Banks of both kinds, by-8 addressing and write modes 4 and 5."""
    extensions = rng.choice([0x00, 0x01, 0x20, 0x21, 0x02, 0x06, 0x14, 0x34, 0x07])
    mode = rng.choice([0x40, 0x40, 0x44, 0x45])
    lines = [Line(f"outw 0x3c4 {rng.choice([0x1107, 0x1707]):#x}", "SR07"),
             Line(f"outw 0x3ce {extensions << 8 | 0x0b:#x}", "GR0B"), Line(f"outw 0x3ce {mode << 8 | 5:#x}", "GR05"),
             Line(f"outw 0x3ce {rng.randrange(0xf0) << 8 | 9:#x}", "GR09"),
             Line(f"outw 0x3ce {rng.randrange(0xf0) << 8 | 0x0a:#x}", "GR0A")]
    for _ in range(rng.randrange(1, 12)):
        address = 0xa0000 + rng.choice([rng.randrange(0x80), rng.randrange(0x10000), 0x8000 - rng.randrange(8)])
        width, bits = rng.choice([("b", 8), ("w", 16), ("l", 32)])
        if rng.random() < 0.5:
            lines.append(Line(f"write{width} {address:#x} {rng.getrandbits(bits):#x}", "WINDOW"))
        else:
            lines.append(Line(f"read{width} {address:#x}", "WINDOW"))
        address = LFB + rng.choice([rng.randrange(0x80), rng.randrange(MEMORY - 8), MEMORY - 8 + rng.randrange(4)])
        if rng.random() < 0.5:
            lines.append(Line(f"write{width} {address:#x} {rng.getrandbits(bits):#x}", "LFB"))
        else:
            lines.append(Line(f"read{width} {address:#x}", "LFB"))
    return [*lines, Line("outw 0x3ce 0x0b", "GR0B"), Line("outw 0x3ce 0x4005", "GR05"), Line("outw 0x3c4 0x07", "SR07")]


def noise(rng, address, dwords):
    return [Line(f"writel {address + 4 * n:#x} {rng.getrandbits(32):#x}", "LFB") for n in range(dwords)]


def blit(rng):
    """Something to see at source and destination, a blit, and a look at what it left."""
    pixel = rng.choice([1, 2, 3, 4])
    mode = (pixel - 1) << 4 | rng.choice([0, 0, BACKWARDS, EXPAND, EXPAND, EXPAND | TRANSPARENT, PATTERN, PATTERN | EXPAND,
                                          PATTERN | EXPAND | TRANSPARENT])
    extension = rng.choice([0, INVERT, SOLID, 0])
    if pixel < 3 and not mode & (EXPAND | PATTERN) and rng.random() < 0.5:
        mode |= TRANSPARENT
    pixels_of_three = pixel == 3 and mode & (PATTERN | EXPAND) == PATTERN
    if not mode & BACKWARDS and not pixels_of_three and rng.random() < 0.4:
        mode |= FROM_SYSTEM
    width, height = pixel * rng.randrange(1, 20), rng.randrange(1, 6)
    pitch = width + rng.choice([0, 4, 64])
    source, target = rng.randrange(0x100, 0x2000) * 0x100, rng.randrange(0x2000, 0x4000 - 8) * 0x100
    if not extension & SOLID and rng.random() < 0.05:
        target = MEMORY - rng.randrange(1, 400)  # perhaps beyond the end
    align = 1 if pixel in (1, 3) else pixel
    source_start, target_start = source, target // align * align
    if mode & BACKWARDS:
        source_start, target_start = source + (height - 1) * pitch + width - 1, target_start + (height - 1) * pitch + width - 1
    skip = rng.choice([0, 0, rng.randrange(8)]) if pixel != 3 else 0
    words = [("BLTBGCOLOR", 0x00, rng.getrandbits(32)), ("BLTFGCOLOR", 0x04, rng.getrandbits(32)),
             ("BLTSIZE", 0x08, width - 1 | height - 1 << 16), ("BLTPITCH", 0x0c, pitch | pitch << 16),
             ("BLTDESTADDR", 0x10, target_start & 0x3fffff), ("BLTSRCADDR", 0x14, source_start | skip << 24),
             ("BLTMODE", 0x18, mode | rng.choice(ROPS) << 16 | extension << 24), ("BLTTRANSPARENTCOLOR", 0x1c, rng.getrandbits(16))]
    lines = [Line("outw 0x3c4 0x1907", "SR07"), *noise(rng, LFB + source, 24), *noise(rng, LFB + (target & ~3) % (MEMORY - 96), 24)]
    if rng.random() < 0.3:
        lines.append(Line(f"readl {LFB + source:#x}", "LFB"))
    lines += [Line(f"writel {BLT + offset:#x} {value:#x}", name) for name, offset, value in words]
    lines += [Line(f"writeb {BLT + 0x40:#x} 0", "BLTSTATUS"), Line(f"writeb {BLT + 0x40:#x} 2", "BLTSTATUS"),
              Line(f"readb {BLT + 0x40:#x}", "BLTSTATUS")]
    if mode & FROM_SYSTEM and not (extension & SOLID and mode & (EXPAND | PATTERN | TRANSPARENT) == EXPAND | PATTERN):
        lines += system_data(rng, mode, pixel, width, height)
    lines += [Line(f"readb {BLT + 0x40:#x}", "BLTSTATUS"), Line(f"writeb {BLT + 0x40:#x} 4", "BLTSTATUS"),
              Line(f"writeb {BLT + 0x40:#x} 0", "BLTSTATUS")]
    for row in range(height):
        for at in range(0, width + 7, 4):
            lines.append(Line(f"readl {LFB + (target + row * pitch + at) % (MEMORY - 4):#x}", "LFB"))
    return [*lines, Line("outw 0x3c4 0x07", "SR07")]


def system_data(rng, mode, pixel, width, height):
    if mode & PATTERN:
        size = 8 if mode & EXPAND else 64 * pixel
    elif mode & EXPAND:
        size = (width // pixel + 7) // 8 * height
    else:
        size = (width + 3) // 4 * 4 * height
    place = rng.choice([LFB + 0x500, BLIT_DATA, BLIT_DATA + 0x1000, 0xa0000])
    whole = [Line(f"writel {place:#x} {rng.getrandbits(32):#x}", "BLTDATA") for _ in range(size // 4)]
    return whole + [Line(f"writeb {place:#x} {rng.getrandbits(8):#x}", "BLTDATA") for _ in range(size % 4)]


CONFIG = [("VID", 0x00, 2), ("DID", 0x02, 2), ("REVID", 0x08, 1), ("CLASSC", 0x09, 1), ("CLASSD", 0x0a, 2), ("HEDT", 0x0e, 1),
          ("PCISTS", 0x06, 2), ("BAR2", 0x18, 4), ("BAR3", 0x1c, 4), ("SVID", 0x2c, 2), ("SID", 0x2e, 2), ("CAPPTR", 0x34, 1),
          ("INTLN", 0x3c, 1), ("INTPN", 0x3d, 1)]

SETUP = [Line(f"config_writel vga 0x10 {LFB:#x}", "BAR0"), Line(f"config_writel vga 0x14 {MMIO:#x}", "BAR1"),
         Line("config_writew vga 0x4 7", "PCICMD"), Line("config_readl vga 0x10", "BAR0"),
         Line("config_readl vga 0x14", "BAR1"), Line("outb 0x3c2 0x63", "MISC_WRITE"), Line("outw 0x3c4 0x1206", "SR06")]

CIRRUS_PORTS = [register for register in PORTS if register.name != "DAC_MASK"]
WORDS = {"SR_WORD", "GR_WORD", "CR_WORD", "SR_INDEX", "GR_INDEX"}

CIRRUS = {"options": ["-device", "cirrus-vga,vgamem_mb=4"], "functions": {"vga": (0x1013, 0x00b8)}, "setup": SETUP}

DEVICES = [
    Device("cirrus-vga", **CIRRUS, single=2,
           registers=[*(register for register in CIRRUS_PORTS if register.name not in WORDS), *config_registers("vga", CONFIG)],
           bursts=[(2, registers("SR", 0x3c4, SEQUENCER)), (2, registers("GR", 0x3ce, GRAPHICS)),
                   (2, registers("CR", 0x3d4, CRTC)), (1, attribute), (1, palette), (1, cursor_palette), (1, hidden_dac),
                   (2, window([0, 1])), (2, banked), (3, blit)]),
]
