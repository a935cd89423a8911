"""82540EM (8254x Software Developer's Manual 317453): registers, EEPROM, PHY, interrupt causes, and sending to nobody."""
import struct

from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

BAR, PORTS = 0xe0000000, 0xd000
RING, BUFFERS, ENTRIES = 0x100000, 0x110000, 32
# Name, offset, bits that are there.
STORAGE = [("CTRL", 0x0000, 0x78000b61), ("FCAL", 0x0028, None), ("FCAH", 0x002c, 0xffff), ("FCT", 0x0030, 0xffff), ("VET", 0x0038, 0xffff),
           ("FCTTV", 0x0170, 0xffff), ("TIPG", 0x0410, 0x3fffffff), ("LEDCTL", 0x0e00, 0xcfcfcfcf), ("FCRTL", 0x2160, 0x8000fff8),
           ("FCRTH", 0x2168, 0xfff8), ("RDBAL", 0x2800, 0xfffffff0), ("RDBAH", 0x2804, None), ("RDLEN", 0x2808, 0xfff80),
           ("RDH", 0x2810, 0xffff), ("RXCSUM", 0x5000, 0x7ff), ("TXDCTL", 0x3828, 0xff3f3f3f), ("IP6AT", 0x5880, None), ("IPAV", 0x5838, 0x1000f),
           ("MANC", 0x5820, None), ("SWSM", 0x5b50, 3), ("MTA0", 0x5200, None), ("MTA127", 0x53fc, None), ("RAL1", 0x5408, None),
           ("RAH1", 0x540c, 0x8003ffff), ("RAH15", 0x547c, 0x8003ffff), ("VFTA0", 0x5600, None), ("VFTA127", 0x57fc, None),
           ("ICS", 0x00c8, 0x1f7ff), ("IMS", 0x00d0, 0x1f7ff)]
READ = {"CTRL": 0x00, "STATUS": 0x08, "EECD": 0x10, "EERD": 0x14, "MDIC": 0x20, "ICR": 0xc0, "ICS": 0xc8, "IMS": 0xd0, "IMC": 0xd8,
        "RCTL": 0x100, "TCTL": 0x400, "TDBAL": 0x3800, "TDBAH": 0x3804, "TDLEN": 0x3808, "TDH": 0x3810, "TDT": 0x3818,
        "GPTC": 0x4080, "TPT": 0x40d4, "TOTL": 0x40c8, "TOTH": 0x40cc, "GOTCL": 0x4090, "GOTCH": 0x4094, "MPTC": 0x40f0, "BPTC": 0x40f4,
        **{f"PTC{n}": 0x40d8 + 4 * n for n in range(6)}}
PHY = {0: "PHY_CONTROL", 2: "PHY_ID", 3: "PHY_ID_LOW", 4: "PHY_ADVERTISED", 9: "PHY_1000_CONTROL", 16: "PHY_SPECIFIC"}
EN, PSP = 2, 8
EOP, RS, DATA = 1 << 24, 1 << 27, 1 << 29 | 1 << 20


def get(name):
    return Line(f"readl {BAR + READ[name]:#x}", name)


def put(name, value):
    return Line(f"writel {BAR + READ[name]:#x} {value & 0xffffffff:#x}", name)


def eeprom_word(rng):
    word = rng.choice([0, 1, 2, 0x0d, 0x0e, rng.randrange(64)])
    known = word in (0, 1, 2, 0x0d, 0x0e)
    return [put("EERD", word << 8 | 1), Line(f"readl {BAR + READ['EERD']:#x}", "EERD" if known else "EERD_WORD")]


def eeprom_bits(rng):
    """One word as Linux reads it."""
    word = rng.choice([0, 1, 2, 0x0d, 0x0e])
    sk, cs, di, req = 1, 2, 4, 0x40
    lines = [put("EECD", req), get("EECD"), put("EECD", req | sk), put("EECD", req | sk | cs), put("EECD", req | cs)]
    for bit in range(8, -1, -1):
        bits = req | cs | (di if (6 << 6 | word) >> bit & 1 else 0)
        lines += [put("EECD", bits), put("EECD", bits | sk), put("EECD", bits)]
    for _ in range(16):
        lines += [put("EECD", req | cs | sk), get("EECD"), put("EECD", req | cs)]
    return [*lines, put("EECD", 0)]


def phy(rng):
    reg = rng.choice(list(PHY))
    lines = []
    if reg in (4, 9, 16) and rng.random() < 0.5:
        lines = [put("MDIC", 1 << 26 | 1 << 21 | reg << 16 | rng.getrandbits(16))]
    return [*lines, put("MDIC", 2 << 26 | 1 << 21 | reg << 16), Line(f"readl {BAR + READ['MDIC']:#x}", PHY[reg])]


def nobody_at_that_address(rng):
    return [put("MDIC", rng.choice([1, 2]) << 26 | rng.choice([0, 2, 31]) << 21 | 1 << 16), get("MDIC")]


def causes(rng):
    bits = rng.choice([1 << rng.choice([0, 1, 2, 4, 5, 6, 7, 8, 9, 15, 16]), rng.getrandbits(17) & 0x1f7ff])
    how = rng.random()
    lines = [put("IMS", bits), put("ICS", bits), get("ICS"), get("IMS")]
    if how < 0.3:
        lines += [put("IMC", bits), get("IMS")]
    elif how < 0.6:
        lines += [put("ICR", bits)]
    return [*lines, get("ICR"), get("ICR"), put("IMC", 0xffffffff)]


def frames(rng):
    """Some frames into a cable that ends nowhere; what is written back, counted and raised."""
    lines = [put("TCTL", 0), put("TDBAL", RING), put("TDBAH", 0), put("TDLEN", 16 * ENTRIES), put("IMC", 0xffffffff), get("ICR")]
    head = rng.randrange(ENTRIES)
    lines += [put("TDH", head), put("TDT", head), put("TCTL", EN | PSP)]
    tail = head
    for _ in range(rng.randrange(1, 5)):
        to = rng.choice(["00163e000001", "ffffffffffff", "01005e000001"])
        lines.append(Line(f"write {BUFFERS:#x} 0xe 0x{to}0200000000010800", "MEMORY"))
        pieces = rng.choice([1, 1, 2, 3])
        kind = rng.choice([0, DATA])
        for piece in range(pieces):
            last = piece + 1 == pieces
            length = rng.choice([60, 61, 124, 500, 1000, 1200]) // pieces if not last else rng.choice([40, 300])
            lower = length | kind | (EOP if last else 0) | (RS if rng.random() < 0.7 else 0)
            lines.append(Line(f"write {RING + 16 * tail:#x} 0x10 0x{struct.pack('<QII', BUFFERS if not piece else BUFFERS + 0x1000, lower, 0).hex()}",
                              "MEMORY"))
            tail = (tail + 1) % ENTRIES
    lines += [put("TDT", tail), get("TDH"), get("TDT"), get("ICS"), get("ICR"), Line(f"read {RING:#x} {16 * ENTRIES:#x}", "MEMORY")]
    return lines + [get(name) for name in ("GPTC", "TPT", "TOTL", "TOTH", "MPTC", "BPTC", *(f"PTC{n}" for n in range(6)))]


CONFIG = [*HEADER, ("PCICMD", 0x04, 2, {"bits": 0x0007, "values": [7], "never": lambda value: value & 7 != 7}), ("PCISTS", 0x06, 2),
          ("MBAR", 0x10, 4, {"write": False}), ("IOBAR", 0x14, 4, {"write": False})]
SETUP = [Line(f"config_writel e1000 0x10 {BAR:#x}", "MBAR"), Line(f"config_writel e1000 0x14 {PORTS:#x}", "IOBAR"),
         Line("config_writew e1000 0x4 7", "PCICMD"), get("CTRL"), get("RCTL"), get("TCTL")]
RESETS = 0x84000000  # of CTRL: they do nothing in QEMU
KEPT = {"CTRL": RESETS, "TXDCTL": 0xfe000000}
REGISTERS = [Register(name, BAR + where, 4, "memory", bits=bits, write=name not in ("ICS", "IMS"), keep=KEPT.get(name, 0))
             for name, where, bits in STORAGE]

DEVICES = [
    Device("e1000", functions={"e1000": (0x8086, 0x100e)}, options=["-nic", "none", "-device", "e1000,mac=00:16:3e:00:00:01,romfile="],
           setup=SETUP, single=6, registers=[*REGISTERS, *config_registers("e1000", [row for row in CONFIG if row[0] != "BAR0"])],
           bursts=[(1, eeprom_word), (0.3, eeprom_bits), (2, phy), (0.5, nobody_at_that_address), (3, causes), (3, frames)]),
]
