"""The Am79C970A, whose frames come back to itself by loopback inside of the chip."""
import struct

from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

MAC = bytes.fromhex("525400123456")
BAR = 0xe0000000
RDP, RAP, RESET, BDP = BAR + 0x10, BAR + 0x12, BAR + 0x14, BAR + 0x16
BLOCK, RX_RING, TX_RING, RX_DATA, TX_DATA = 0x100000, 0x101000, 0x102000, 0x110000, 0x120000
OWN, ADD_FCS, STP, ENP = 0x8000, 0x2000, 0x0200, 0x0100
INIT, STRT, TDMD, IENA = 1, 2, 8, 0x40
PLAIN = [1, 2, *range(8, 16), 18, 20, 22, 32, 36, 46, 47, 112]
SIZE = 0x600


def get(number, name="CSR", port=RDP):
    return [Line(f"writew {RAP:#x} {number:#x}", "RAP"), Line(f"readw {port:#x}", f"{name}{number}")]


def put(number, value, name="CSR", port=RDP):
    return [Line(f"writew {RAP:#x} {number:#x}", "RAP"), Line(f"writew {port:#x} {value & 0xffff:#x}", f"{name}{number}")]


def get_bcr(number):
    return get(number, "BCR", BDP)


def put_bcr(number, value):
    return put(number, value, "BCR", BDP)


def memory(address, data):
    """In one line: a million operations are to be the card's, not the memory's."""
    return Line(f"write {address:#x} {len(data):#x} 0x{data.hex()}", "MEMORY")


def shown(address, size):
    return Line(f"read {address:#x} {size:#x}", "MEMORY")


# What a reset leaves alone here or in QEMU is written anew. Sending is bounded in time here.
START = [Line("tick 1000000", "CLOCK"), Line(f"readw {RESET:#x}", "RESET"), *put(15, 0), *put(46, 0), *put(47, 0), *put_bcr(2, 2), *put_bcr(9, 0)]
STATUS = get(0)
ACKNOWLEDGE = [*put(0, 0x7f00 | IENA), *get(0)]


def frame(rng, size):
    to = rng.choice([MAC, MAC, b"\xff" * 6, b"\x01\x00\x5e\x00\x00\x01", b"\x33\x33\x00\x00\x00\x01", b"\x02\x00\x00\x00\x00\x02"])
    return to + MAC + b"\x08\x00" + rng.randbytes(size - 14)


def descriptor(style, address, flags, buffer, size):
    bcnt = 0xf000 | (-size & 0xfff)
    if style == 0:
        return memory(address, struct.pack("<IHH", buffer | (flags >> 8) << 24, bcnt, 0))
    words = (0, bcnt, flags, buffer, 0) if style == 3 else (buffer, bcnt, flags, 0, 0)
    return memory(address, struct.pack("<IHHII", *words))


def begin(rng, style, mode, rings=3, sizes=SIZE):
    """Rings of 2**rings descriptors, those for frames the card's."""
    width = 16 if style else 8
    ladrf = rng.choice([bytes(8), b"\xff" * 8, rng.randbytes(8)])
    if style:
        block = struct.pack("<HBB6sH8sII", mode, rings << 4, rings << 4, MAC, 0, ladrf, RX_RING, TX_RING)
    else:
        block = struct.pack("<H6s8sII", mode, MAC, ladrf, RX_RING | rings << 29, TX_RING | rings << 29)
    lines = [*START, *put_bcr(20, style), *get_bcr(20), memory(BLOCK, block)]
    for n in range(1 << rings):
        lines += [descriptor(style, RX_RING + width * n, OWN, RX_DATA + SIZE * n, sizes), descriptor(style, TX_RING + width * n, 0, 0, 64)]
    return [*lines, *put(3, rng.choice([0, 0, 0x100, 0x400, 0x5f00])), *put(4, rng.choice([0x0115, 0x0915])), *put(1, BLOCK), *put(2, BLOCK >> 16),
            *put(0, INIT), *STATUS, *get(15), *get(6), *put(0, 0x100 | STRT | rng.choice([0, IENA])), *STATUS]


def loopback(rng):
    """Frames in one or several buffers, back into one or several."""
    style = rng.randrange(4)
    width = 16 if style else 8
    small = rng.random() < 0.3
    lines = begin(rng, style, 0x44 | rng.choice([0, 0x8000, 0x4000, 0x2000]), sizes=rng.choice([512, 600, 760]) if small else SIZE)
    place = 0
    for _ in range(rng.randrange(1, 3) if small else rng.randrange(1, 6)):
        data = frame(rng, rng.choice([60, 61, 64, 100, 500, 1000, 1514]))
        cuts = sorted({0, len(data), *(rng.randrange(1, len(data)) for _ in range(rng.choice([0, 0, 1, 2])))})
        if place + len(cuts) > 8:
            break
        lines.append(memory(TX_DATA, data))
        for n, (start, end) in reversed(list(enumerate(zip(cuts, cuts[1:])))):
            flags = OWN | (STP | rng.choice([0, ADD_FCS if style != 1 else 0]) if start == 0 else 0) | (ENP if end == len(data) else 0)
            lines.append(descriptor(style, TX_RING + width * (place + n), flags, TX_DATA + start, end - start))
        place += len(cuts) - 1
        lines += [*put(0, TDMD | rng.choice([0, IENA])), *STATUS, *rng.choice([[], ACKNOWLEDGE])]
    length = 60  # check sequences are beyond
    return [*lines, shown(TX_RING, width * 8), shown(RX_RING, width * 8), *(shown(RX_DATA + SIZE * n, length) for n in range(8)), *ACKNOWLEDGE]


def missed(rng):
    style = rng.randrange(4)
    lines = begin(rng, style, 0x8044, rings=0)
    data = frame(rng, 100)
    for _ in range(rng.randrange(1, 4)):
        lines += [memory(TX_DATA, data), descriptor(style, TX_RING, OWN | STP | ENP, TX_DATA, len(data)), *put(0, TDMD | IENA), *STATUS, *get(112)]
    return [*lines, *ACKNOWLEDGE]


def own_fcs(rng):
    """With DXMTFCS the last four bytes are judged, and are wrong."""
    style = rng.choice([0, 2, 3])
    data = frame(rng, rng.choice([64, 100, 1000]))
    return [*begin(rng, style, 0x804c), memory(TX_DATA, data), descriptor(style, TX_RING, OWN | STP | ENP, TX_DATA, len(data)), *put(0, TDMD | IENA),
            *STATUS, shown(RX_RING, 16 if style else 8), shown(RX_DATA, len(data))]


def registers(rng):
    """While it is stopped."""
    lines = [*START]
    for _ in range(rng.randrange(1, 8)):
        number = rng.choice(PLAIN)
        lines += [*put(number, rng.getrandbits(16)), *get(number)]
    for number in (4, 5, 6, 7, 9, 19, 22):
        lines += [*put_bcr(number, rng.getrandbits(16)), *get_bcr(number)]
    style = rng.choice([0, 1, 2, 3, 4])
    return [*lines, *put_bcr(20, style), *get_bcr(20), *get(58), *get(88), *get(89), *get(80), *(line for n in (0, 1, 3, 32, 33, 34) for line in get_bcr(n))]


def reset(rng):
    """Where a driver begins."""
    lines = [*START, *STATUS, *(line for n in (3, 4, 5, 6, 8, 12, 13, 14, 15) for line in get(n)), *get_bcr(18)]
    if rng.random() < 0.5:  # by dwords, and back
        lines += [Line(f"writel {RDP:#x} 0", "RDP"), Line(f"readw {RAP:#x}", "RAP"), Line(f"writel {BAR + 0x14:#x} 0x58", "RAP"), Line(f"readl {RDP:#x}", "CSR88"),
                  Line(f"readl {BAR + 0x14:#x}", "RAP"), Line(f"writel {BAR + 0x14:#x} 0x12", "RAP"), Line(f"readl {BAR + 0x1c:#x}", "BCR18"),
                  Line(f"readl {BAR + 4 * rng.randrange(4):#x}", "APROM"), Line(f"readl {BAR + 0x18:#x}", "RESET"), *STATUS]
    return lines


CONFIG = [*HEADER, ("PCICMD", 0x04, 2, {"bits": 0x0006, "values": [7], "never": lambda value: value & 7 != 7}), ("PCISTS", 0x06, 2),
          ("SVID", 0x2c, 2), ("SID", 0x2e, 2), ("MIN_GNT", 0x3e, 1), ("MAX_LAT", 0x3f, 1), ("MEMAR", 0x14, 4, {"write": False})]
SETUP = [Line(f"config_writel pcnet 0x14 {BAR:#x}", "MEMAR"), Line("config_writew pcnet 0x4 7", "PCICMD"), *START]

DEVICES = [
    Device("pcnet", functions={"pcnet": (0x1022, 0x2000)}, options=["-device", f"pcnet,mac={MAC.hex(':')},romfile="], setup=SETUP, single=2,
           registers=[Register("RAP", RAP, 2, "memory", bits=0x7f), *(Register("APROM", BAR + n, 1, "memory") for n in range(16)),
                      *(Register("APROM", BAR + n, 2, "memory", write=False) for n in range(0, 16, 2)), *config_registers("pcnet", CONFIG)],
           bursts=[(4, loopback), (0.5, missed), (0.5, own_fcs), (1, registers), (1, reset)]),
]
