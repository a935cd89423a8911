"""The RTL8139C+, whose frames come back to itself by loopback."""
import struct

from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

MAC = bytes.fromhex("525400123456")
BAR = 0xe0000000
RX_BUFFER, TX_BUFFERS, TX_RING, RX_RING, RX_DATA, TX_DATA = 0x100000, 0x120000, 0x130000, 0x131000, 0x140000, 0x150000
OWN, EOR, FS, LS, LGSEN = 1 << 31, 1 << 30, 1 << 29, 1 << 28, 1 << 27

# name: offset, width
REGISTERS = {"TSD0": (0x10, 4), "TSAD0": (0x20, 4), "RBSTART": (0x30, 4), "CR": (0x37, 1), "CAPR": (0x38, 2), "CBR": (0x3a, 2),
             "IMR": (0x3c, 2), "ISR": (0x3e, 2), "TCR": (0x40, 4), "RCR": (0x44, 4), "MPC": (0x4c, 4), "CR9346": (0x50, 1),
             "CONFIG0": (0x51, 1), "CONFIG1": (0x52, 1), "TIMERINT": (0x54, 4), "MSR": (0x58, 1), "CONFIG3": (0x59, 1),
             "CONFIG4": (0x5a, 1), "MULINT": (0x5c, 2), "RERID": (0x5e, 1), "TSAD": (0x60, 2), "BMCR": (0x62, 2), "BMSR": (0x64, 2),
             "ANAR": (0x66, 2), "ANLPAR": (0x68, 2), "ANER": (0x6a, 2), "CSCR": (0x74, 2), "CONFIG5": (0xd8, 1), "TPPOLL": (0xd9, 1),
             "CPCR": (0xe0, 2), "RDSAR": (0xe4, 4), "ETTHR": (0xec, 1)}
LETTER = {1: "b", 2: "w", 4: "l"}


def get(name, at=0):
    where, width = REGISTERS[name]
    return Line(f"read{LETTER[width]} {BAR + where + at:#x}", name)


def put(name, value, at=0):
    where, width = REGISTERS[name]
    return Line(f"write{LETTER[width]} {BAR + where + at:#x} {value & (1 << width * 8) - 1:#x}", name)


def memory(address, data):
    """In one line: a million operations are to be the card's, not the memory's."""
    return [Line(f"write {address:#x} {len(data):#x} 0x{data.hex()}", "MEMORY")]


def shown(address, size):
    return Line(f"read {address:#x} {size:#x}", "MEMORY")


# What a reset leaves alone here and not in QEMU is written anew. Sending is bounded in time here.
RESET = [Line("tick 1000000", "CLOCK"), put("CR", 0x10), get("CR"), put("CR9346", 0xc0), put("CONFIG0", 0), put("CONFIG1", 0), put("CONFIG3", 0), put("CONFIG4", 0),
         put("CONFIG5", 0), put("CR9346", 0), put("ANAR", 0x5e1), put("MULINT", 0),
         *(Line(f"writeb {BAR + n:#x} {byte:#x}", "IDR") for n, byte in enumerate(MAC))]
STATUS = [get("ISR"), get("CR"), get("TSAD"), get("IMR")]
ACKNOWLEDGE = [put("ISR", 0xffff), get("ISR")]


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(word for (word,) in struct.iter_unpack(">H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame(rng, payload, protocol=6, to=MAC):
    """TCP or UDP over IPv4 to the card itself; checksums are the card's to make."""
    header = struct.pack(">HHIIBBHHH", 40000, 5001, 0x01020304, 0x0a0b0c0d, 0x50, 0x10, 0xffff, 0, 0) if protocol == 6 else struct.pack(
        ">HHHH", 40000, 5001, 8 + payload, 0)
    body = header + rng.randbytes(payload)
    addresses = bytes([192, 168, 5, 2, 192, 168, 5, 3])
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0x1234, 0x4000, 64, protocol, 0) + addresses
    return to + MAC + b"\x08\x00" + ip + body


def c_mode(rng):
    """Frames of all four descriptors through the receive buffer."""
    size = rng.randrange(4)
    wrap = rng.choice([0, 0x80])
    lines = [*RESET, put("RBSTART", RX_BUFFER), put("CR", 0x0c), put("RCR", 0x0a | wrap | size << 11), put("TCR", 0x60000),
             put("IMR", rng.choice([0, 5, 0xffff]))]
    first = rng.randrange(1, 20)
    place = 0
    for n in range(first):
        descriptor = n % 4
        data = frame(rng, rng.choice([0, 1, 6, 100, 1000, 1459]), rng.choice([6, 17]), rng.choice([MAC, b"\xff" * 6]))
        lines += [*memory(TX_BUFFERS + 0x800 * descriptor, data), put("TSAD0", TX_BUFFERS + 0x800 * descriptor, 4 * descriptor),
                  put("TSD0", len(data), 4 * descriptor), get("TSD0", 4 * descriptor), get("CBR")]
        space = (max(len(data), 60) + 8 + 3) & ~3
        lines += [shown(RX_BUFFER + place, min(space, 64)), *STATUS]
        place = (place + space) % (8192 << size)
        lines += [put("CAPR", place - 16), *ACKNOWLEDGE]
    return lines


def full(rng):
    """Nobody reads: seven frames of an eighth of the receive buffer each, and one that is as large as the rest, or nearly."""
    lines = [*RESET, put("RBSTART", RX_BUFFER), put("CR", 0x0c), put("RCR", 0x0a), put("TCR", 0x60000), put("IMR", 0xffff)]
    sizes = [1016] * 7 + [rng.choice([1012, 1013, 1016, 1017])]
    for n, size in enumerate(sizes):
        data = frame(rng, size - 54)
        lines += [*memory(TX_BUFFERS + 0x800 * (n % 4), data), put("TSAD0", TX_BUFFERS + 0x800 * (n % 4), 4 * (n % 4)),
                  put("TSD0", len(data), 4 * (n % 4)), get("CBR"), *STATUS]
    return [*lines, get("MPC"), shown(RX_BUFFER, 64), shown(RX_BUFFER + 7 * 1024, 64), put("CAPR", 1024 - 16), get("CR"), *ACKNOWLEDGE]


def descriptor(address, control, buffer, vlan=0):
    return memory(address, struct.pack("<IIQ", control, vlan, buffer))


def cplus(rng):
    """A frame in one or several descriptors, with the sums and the segments made by the card."""
    lines = [*RESET, put("CPCR", 3), put("TSAD0", TX_RING), put("TSAD0", 0, 4), put("RDSAR", RX_RING), put("RDSAR", 0, 4),
             put("CR", 0x0c), put("RCR", 0x0a), put("TCR", 0x60000), put("IMR", rng.choice([0, 5, 0xffff]))]
    for n in range(8):
        lines += descriptor(RX_RING + 16 * n, OWN | (EOR if n == 7 else 0) | 0x700, RX_DATA + 0x800 * n)
    index = 0
    for _ in range(rng.randrange(1, 4)):
        protocol = rng.choice([6, 6, 17])
        large = protocol == 6 and rng.random() < 0.3
        data = frame(rng, rng.choice([1500, 2000, 3010]) if large else rng.choice([20, 25, 100, 333, 1460]), protocol)
        flags = LGSEN | 1 << 18 | 1000 << 16 if large else rng.choice([0, 1 << 18]) | rng.choice([0, 1 << (16 if protocol == 6 else 17)])
        if large:
            flags = LGSEN | 1000 << 16
        cuts = sorted({0, len(data), *(rng.randrange(1, len(data)) for _ in range(rng.randrange(3)))})
        lines += memory(TX_DATA, data)
        for start, end in reversed(list(zip(cuts, cuts[1:]))):
            control = OWN | flags | (FS if start == 0 else 0) | (LS if end == len(data) else 0) | (end - start)
            lines += descriptor(TX_RING + 16 * (index + cuts.index(start)), control, TX_DATA + start)
        lines += descriptor(TX_RING + 16 * (index + len(cuts) - 1), 0, 0)
        lines += [put("TPPOLL", 0x40), *STATUS, *ACKNOWLEDGE,
                  *(Line(f"readl {TX_RING + 16 * n:#x}", "TX_STATUS") for n in range(index, index + len(cuts) - 1))]
        index += len(cuts) - 1
    return [*lines, shown(RX_RING, 128), *(shown(RX_DATA + 0x800 * n, 1100) for n in range(8))]


def eeprom(rng):
    """A word, bit by bit."""
    def clock(bit):
        return [put("CR9346", 0x88 | bit << 1), put("CR9346", 0x8c | bit << 1)]
    word = rng.choice([0, 1, 2, 7, 8, 9])
    lines = [put("CR9346", 0x80), put("CR9346", 0x88)]
    for bit in f"110{word:06b}":
        lines += clock(int(bit))
    for _ in range(16):
        lines += [put("CR9346", 0x88), put("CR9346", 0x8c), get("CR9346")]
    return [*lines, put("CR9346", 0x80), put("CR9346", 0)]


def config(rng):
    lines = [put("CR9346", rng.choice([0, 0xc0]))]
    for name in ("CONFIG0", "CONFIG1", "CONFIG3", "CONFIG4", "CONFIG5"):
        lines += [put(name, rng.getrandbits(8)), get(name)]
    return [*lines, put("CR9346", 0)]


def interrupts(rng):
    """A frame that comes back, and an interrupt that is masked, acknowledged, enabled."""
    data = frame(rng, 100)
    return [*RESET, put("RBSTART", RX_BUFFER), put("CR", 0x0c), put("RCR", 0x0a), put("TCR", 0x60000), *memory(TX_BUFFERS, data),
            put("TSAD0", TX_BUFFERS), put("IMR", rng.getrandbits(16)), put("TSD0", len(data)), get("ISR"), put("IMR", rng.getrandbits(16)),
            put("ISR", rng.choice([1, 4, 5, 0xffff])), get("ISR"), put("IMR", 0xffff), put("ISR", 0xffff)]


CONFIG = [*HEADER, ("PCICMD", 0x04, 2, {"bits": 0x0006, "values": [7], "never": lambda value: value & 7 != 7}), ("PCISTS", 0x06, 2),
          ("SVID", 0x2c, 2), ("SID", 0x2e, 2), ("MEMAR", 0x14, 4, {"write": False})]
SETUP = [Line(f"config_writel rtl8139 0x14 {BAR:#x}", "MEMAR"), Line("config_writew rtl8139 0x4 7", "PCICMD"), *RESET]
PLAIN = ["RBSTART", "IMR", "TCR", "MPC", "MULINT", "ANAR", "TSAD0"]
READ_ONLY = ["ISR", "MSR", "RERID", "TSAD", "BMCR", "BMSR", "ANLPAR", "ANER", "CSCR", "CONFIG0", "CONFIG1", "TIMERINT"]

DEVICES = [
    Device("rtl8139", functions={"rtl8139": (0x10ec, 0x8139)}, options=["-device", f"rtl8139,mac={MAC.hex(':')},romfile="], setup=SETUP,
           single=6,
           registers=[*(Register(name, BAR + REGISTERS[name][0], REGISTERS[name][1], "memory") for name in PLAIN),
                      *(Register(name, BAR + REGISTERS[name][0], REGISTERS[name][1], "memory", write=False) for name in READ_ONLY),
                      Register("CR", BAR + 0x37, 1, "memory", values=[0, 4, 8, 12], never=lambda value: value & 0x10),
                      *(Register("MAR", BAR + 8 + n, 1, "memory") for n in range(8)),
                      *config_registers("rtl8139", CONFIG)],
           bursts=[(3, c_mode), (0.5, full), (3, cplus), (1, eeprom), (1, config), (1, interrupts)]),
]
