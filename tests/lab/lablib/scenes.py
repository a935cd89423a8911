"""Compiles tests/lab/guests/vgamodes/scenes.txt, which explains itself, into what program.c there runs."""
import struct
from dataclasses import dataclass, field

from .settings import LAB

TEXT = LAB / "guests/vgamodes/scenes.txt"
OPS = ("SHOWN", "OUT", "OUTW", "ATTR", "DAC", "FILL", "RAMP", "RMW", "COPY", "LOAD", "STORE", "MMIO", "INT10")
DISPI = ("ID", "XRES", "YRES", "BPP", "ENABLE", "BANK", "VIRT_WIDTH", "VIRT_HEIGHT", "X_OFFSET", "Y_OFFSET")
IN_LFB = 0x80000000
INDEXED = {"seq": 0x3c4, "gfx": 0x3ce, "crtc": 0x3d4}
SIZES = (5, 25, 9, 21)  # sequencer, CRTC, graphics controller, attribute controller


@dataclass
class Scene:
    name: str
    flags: tuple
    operations: bytearray = field(default_factory=bytearray)


def number(word):
    return int(word, 0)


def address(word):
    return IN_LFB | number(word[4:]) if word.startswith("lfb+") else number(word)


def op(name, layout="", *values):
    return struct.pack("<B" + layout, OPS.index(name), *(value & 0xffffffff for value in values))


def mode(table):
    """All registers of a mode, as a BIOS writes them; whatever the scene before did to others is undone."""
    misc, *rest = table
    seq, crtc, gfx, attr = (rest[sum(SIZES[:i]):sum(SIZES[:i + 1])] for i in range(4))
    code = dispi("ENABLE", 0) + op("OUT", "IB", 0x3c6, 0xff) + op("OUT", "IB", 0x3c2, misc)
    code += b"".join(indexed("seq", i, value) for i, value in enumerate(seq))
    code += indexed("crtc", 0x11, 0)
    code += b"".join(indexed("crtc", i, value) for i, value in enumerate(crtc))
    code += b"".join(indexed("gfx", i, value) for i, value in enumerate(gfx))
    return code + b"".join(op("ATTR", "BB", i, value) for i, value in enumerate(attr))


def indexed(block, index, value):
    return op("OUTW", "II", INDEXED[block], index | value << 8)


def dispi(register, value):
    return op("OUTW", "II", 0x1ce, DISPI.index(register)) + op("OUTW", "II", 0x1cf, value)


def compile_line(words, tables):
    name, *arguments = words
    match name:
        case "mode": return mode(tables[arguments[0]])
        case "seq" | "gfx" | "crtc": return indexed(name, *map(number, arguments))
        case "attr": return op("ATTR", "BB", *map(number, arguments))
        case "dispi": return dispi(arguments[0], number(arguments[1]))
        case "out": return op("OUT", "IB", *map(number, arguments))
        case "outw": return op("OUTW", "II", *map(number, arguments))
        case "dac6" | "dac8": return op("DAC", "B", name == "dac8")
        case "fill": return op("FILL", "IIIIII", address(arguments[0]), *map(number, arguments[1:]))
        case "ramp": return op("RAMP", "IIIII", address(arguments[0]), *map(number, arguments[1:]))
        case "rmw": return op("RMW", "IIII", address(arguments[0]), *map(number, arguments[1:]))
        case "copy": return op("COPY", "III", *map(address, arguments))
        case "load" | "store": return op(name.upper(), "II", *map(address, arguments))
        case "mmio": return op("MMIO", "III", *map(number, arguments))
        case "int10": return op("INT10", "IIII", *map(number, arguments))
    raise ValueError(f"no operation is named {name}")


def read(path=TEXT):
    """All scenes."""
    scenes, tables, macros, macro = [], {}, {}, None
    for line_number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            match words[0]:
                case "registers": tables[words[1]] = [int(word, 16) for word in words[2:] if word != "|"]
                case "macro": macro = macros.setdefault(words[1], bytearray())
                case "end": macro = None
                case "scene": scenes.append(Scene(words[1], tuple(words[2:])))
                case _:
                    target = scenes[-1].operations if macro is None else macro
                    target += macros[words[1]] if words[0] == "use" else compile_line(words, tables)
        except (ValueError, KeyError, TypeError, IndexError, struct.error) as error:
            raise ValueError(f"{path}:{line_number}: {line.strip()}: {error}") from error
    return scenes


def compiled(scenes):
    code = bytearray()
    for scene in scenes:
        operations = bytes(scene.operations) + op("SHOWN")
        code += struct.pack("<B", len(scene.name)) + scene.name.encode() + struct.pack("<I", len(operations)) + operations
    return bytes(code) + b"\0"
