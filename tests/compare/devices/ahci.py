"""ICH9 AHCI controller (Serial ATA AHCI 1.3.1) and a disk on its first port."""
import struct

from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

ABAR, INDEX_DATA = 0xe0000000, 0xd000
PORT = ABAR + 0x100
LIST, RECEIVED, TABLES, BUFFER = 0x100000, 0x101000, 0x110000, 0x200000
SECTORS = 8192
ST, FRE = 0x01, 0x10

PORT_REGISTERS = {"PxCLB": 0x00, "PxCLBU": 0x04, "PxFB": 0x08, "PxFBU": 0x0c, "PxIS": 0x10, "PxIE": 0x14, "PxCMD": 0x18, "PxTFD": 0x20,
                  "PxSIG": 0x24, "PxSSTS": 0x28, "PxSCTL": 0x2c, "PxSERR": 0x30, "PxSACT": 0x34, "PxCI": 0x38, "PxSNTF": 0x3c,
                  "PxFBS": 0x40}
HBA_REGISTERS = {"CAP": 0x00, "GHC": 0x04, "IS": 0x08, "PI": 0x0c, "VS": 0x10, "CCC_CTL": 0x14, "CCC_PORTS": 0x18, "EM_LOC": 0x1c,
                 "EM_CTL": 0x20, "CAP2": 0x24, "BOHC": 0x28}


def get(name):
    where = PORT + PORT_REGISTERS[name] if name in PORT_REGISTERS else ABAR + HBA_REGISTERS[name]
    return Line(f"readl {where:#x}", name)


def put(name, value):
    where = PORT + PORT_REGISTERS[name] if name in PORT_REGISTERS else ABAR + HBA_REGISTERS[name]
    return Line(f"writel {where:#x} {value & 0xffffffff:#x}", name)


def wait(name, bits):
    return Line(f"wait readl {PORT + PORT_REGISTERS[name]:#x} {bits:#x} 0", name)


def memory(address, data):
    """In one line: a million operations are to be the controller's, not the memory's."""
    return [Line(f"write {address:#x} {len(data):#x} 0x{data.hex()}", "MEMORY")] if data else []


START = [put("PxCMD", 0), put("PxCLB", LIST), put("PxCLBU", 0), put("PxFB", RECEIVED), put("PxFBU", 0), put("PxCMD", FRE),
         put("PxCMD", FRE | ST), put("PxIS", ~0), put("IS", ~0)]
ACKNOWLEDGE = [get("PxIS"), put("PxIS", ~0), put("IS", ~0), get("PxIS"), get("IS")]


def frame(opcode, lba=0, count=0, features=0, device=0x40, command=True, control=0):
    low, high = (lba & 0xffffff).to_bytes(3, "little"), (lba >> 24 & 0xffffff).to_bytes(3, "little")
    return struct.pack("<BBBB3sB3sBHBB4x", 0x27, 0x80 if command else 0, opcode, features & 0xff, low, device, high, features >> 8,
                       count, 0, control)


def command(slot, fis, regions, flags=0):
    table = TABLES + slot * 0x400
    header = struct.pack("<HHIQ", 5 | flags, len(regions), 0, table)
    entries = b"".join(struct.pack("<QII", address, 0, size - 1) for address, size in regions)
    return memory(LIST + slot * 32, header) + memory(table, fis) + memory(table + 0x80, entries)


def regions(rng, size):
    """Where `size` bytes go: some pieces, the last perhaps longer than needed."""
    out, left = [], size
    while left:
        here = left if len(out) == 8 else min(left, rng.choice([left, 512, 2 * rng.randrange(1, 2000)]))
        left -= here
        out.append((BUFFER + 0x20000 * len(out) + 2 * rng.randrange(0x100), here))
    if rng.random() < 0.2:
        out[-1] = (out[-1][0], out[-1][1] + 2 * rng.randrange(1, 100))
    return out


def filled(rng, places):
    return [Line(f"memset {address:#x} {size:#x} {rng.getrandbits(8):#x}", "MEMORY") for address, size in places]


def shown(places):
    return [Line(f"read {address:#x} {size:#x}", "MEMORY") for address, size in places]


def place(rng, most=40):
    count = rng.choice([1, 1, 2, 3, 8, rng.randrange(1, most)])
    return rng.choice([0, SECTORS - count, rng.randrange(SECTORS - count)]), count


QUEUE_STATUS = [Line(f"readb {PORT + 0x20:#x}", "STATUS"), get("PxCI"), get("PxSACT"), get("PxSERR")]
STATUS = [*QUEUE_STATUS, Line(f"readb {PORT + 0x21:#x}", "ERROR")]
REGISTER_FRAME = [Line(f"readb {RECEIVED + 0x40:#x}", "RFIS"), Line(f"readb {RECEIVED + 0x42:#x}", "STATUS"),
                  Line(f"readb {RECEIVED + 0x43:#x}", "ERROR")]
WRITES, CLEAR_BUSY, RESET = 0x40, 0x400, 0x100


def byte_count(slot):
    return Line(f"readl {LIST + slot * 32 + 4:#x}", "PRDBC")


PIO_WRITES = (0x30, 0x34)  # the first block is asked for without an interrupt; the packaged QEMU has one


def transfer(rng):
    lba, count = place(rng)
    opcode = rng.choice([0x25, 0x35, 0xc8, 0xca, 0x24, 0x34, 0x20, 0x30])
    wide = opcode in (0x25, 0x35, 0x24, 0x34)
    device = 0x40 if wide else 0x40 | lba >> 24 & 0x0f
    slot, places = rng.randrange(32), regions(rng, 512 * count)
    lines = [*START, *filled(rng, places), *command(slot, frame(opcode, lba, count, device=device), places, WRITES if opcode in (0x35, 0xca, *PIO_WRITES) else 0),
             put("PxCI", 1 << slot),
             wait("PxCI", 1 << slot), *STATUS, *ACKNOWLEDGE[1 if opcode in PIO_WRITES else 0:], *REGISTER_FRAME, byte_count(slot)]
    return [*lines, *shown(places)]


def clean_start():
    """No error of before is left in the device."""
    return [*START, *command(0, frame(0xe5), []), put("PxCI", 1), wait("PxCI", 1), *ACKNOWLEDGE]


def queued(rng):
    """Several at once; each has its own sectors and memory."""
    slots = rng.sample(range(32), rng.choice([1, 2, 4, 8]))
    lines = clean_start()
    bits, places = 0, []
    first = rng.randrange(SECTORS - 8 * 40)
    for number, slot in enumerate(slots):
        count = rng.randrange(1, 40)
        here = [(BUFFER + 0x10000 * number + 2 * rng.randrange(0x80), 512 * count)]
        lines += filled(rng, here)
        opcode = rng.choice([0x60, 0x61])
        lines += command(slot, frame(opcode, first + 40 * number, slot << 3, count), here, WRITES if opcode == 0x61 else 0)
        places += here
        bits |= 1 << slot
    lines += [put("PxSACT", bits), put("PxCI", bits), wait("PxSACT", bits), *QUEUE_STATUS, *ACKNOWLEDGE,
              Line(f"readw {RECEIVED + 0x58:#x}", "SDBFIS"), Line(f"readb {RECEIVED + 0x5a:#x}", "STATUS")]
    return lines + shown(places)


NOT_BUSY = Line(f"wait readb {PORT + 0x20:#x} 0x80 0", "STATUS")


def no_data(rng):
    slot = rng.randrange(32)
    opcode = rng.choice([0xe7, 0xea, 0xe5, 0xe0, 0xe1, 0xe2, 0xe3, 0x27, 0xf8, 0x10, 0x40])
    features = rng.choice([0, 0x02, 0x82, 0xaa, 0x55])
    if rng.random() < 0.3:
        opcode = 0xef
    refused = opcode == 0xef and features == 0  # which leaves the command issued
    done = NOT_BUSY if refused else wait("PxCI", 1 << slot)
    return [*START, *command(slot, frame(opcode, rng.randrange(SECTORS), 1, features), []), put("PxCI", 1 << slot), done, *STATUS,
            *ACKNOWLEDGE, *REGISTER_FRAME]


def unknown(rng):
    """An error leaves the command issued until the port is stopped."""
    slot = rng.randrange(32)
    return [*START, *command(slot, frame(rng.choice([0x00, 0xfe, 0xa0, 0xa1, 0x92])), []), put("PxCI", 1 << slot),
            NOT_BUSY, *STATUS, *ACKNOWLEDGE, *REGISTER_FRAME, put("PxCMD", FRE), get("PxCI"),
            get("PxSACT")]


SATA_WORDS = (76, 80, 84, 87, 93, 222)


def identify(_):
    words = [Line(f"readw {BUFFER + 2 * n:#x}", f"{'SATA' if n in SATA_WORDS else 'IDENTIFY'}_{n}") for n in range(256)]
    return [*START, *command(0, frame(0xec), [(BUFFER, 512)]), put("PxCI", 1), wait("PxCI", 1), *STATUS, *ACKNOWLEDGE,
            Line(f"read {RECEIVED + 0x20:#x} 1", "PSFIS"), byte_count(0), *words]


def reset(rng):
    how = rng.choice(["link", "soft", "hba"])
    if how == "hba":
        return [put("GHC", 1), get("GHC"), get("PxCLB"), get("PxFB"), get("PxIE"), get("PxIS"), get("PxCI"), *START, get("PxSIG")]
    if how == "link":
        return [*START, put("PxCMD", FRE), put("PxSCTL", 0x301), put("PxSCTL", 0x300), get("PxSCTL"), get("PxSIG"), get("PxSERR"),
                *ACKNOWLEDGE]
    lines = clean_start()
    for control in (4, 0):
        lines += [*command(0, frame(0, command=False, control=control), [], CLEAR_BUSY | RESET if control else 0), put("PxCI", 1),
                  get("PxCI")]
    return [*lines, get("PxSIG"), *ACKNOWLEDGE]


def interrupts(rng):
    """The line: enabled and cleared in the right order."""
    return [*START, put("PxIE", rng.choice([0, 1, 0xffffffff])), put("GHC", 0x80000002), *command(0, frame(0xe5), []), put("PxCI", 1),
            wait("PxCI", 1), get("PxIE"), get("PxIS"), put("PxIS", ~0), put("IS", ~0), get("IS"), put("GHC", 0x80000000), get("GHC")]


def index_data(rng):
    where = rng.choice([0x00, 0x04, 0x0c, 0x10, 0x100, 0x108, 0x114])
    return [Line(f"outl {INDEX_DATA + 0x10:#x} {where:#x}", "INDEX"), Line(f"inl {INDEX_DATA + 0x10:#x}", "INDEX"),
            Line(f"inl {INDEX_DATA + 0x14:#x}", "INDEX_DATA"), Line(f"inl {INDEX_DATA:#x}", "IDP_0")]


CONFIG = [*HEADER, ("PCICMD", 0x04, 2, {"bits": 0x0007, "values": [7], "never": lambda value: value & 7 != 7}), ("PCISTS", 0x06, 2),
          ("MAP", 0x90, 2), ("PCS", 0x92, 2), ("MSICID", 0x80, 2), ("MSICTL", 0x82, 2, {"values": [0], "never": lambda value: value & 1}),
          ("MSIADDR", 0x84, 4), ("MSIUADDR", 0x88, 4), ("MSIDATA", 0x8c, 2), ("SATACR0", 0xa8, 4, {"write": False}),
          ("SATACR1", 0xac, 4, {"write": False}), ("ABAR", 0x24, 4, {"write": False}), ("LBAR", 0x20, 4, {"write": False})]
SETUP = [Line(f"config_writel ahci 0x20 {INDEX_DATA:#x}", "LBAR"), Line(f"config_writel ahci 0x24 {ABAR:#x}", "ABAR"),
         Line("config_writew ahci 0x4 7", "PCICMD")]
READ_ONLY = [Register(name, ABAR + where, 4, "memory", write=False) for name, where in HBA_REGISTERS.items() if name != "IS"] + [
    Register(name, PORT + PORT_REGISTERS[name], 4, "memory", write=False) for name in ("PxSSTS", "PxSERR", "PxSNTF", "PxFBS", "PxCLB")]
DISK = ["-device", "ahci,id=sata", "-drive", "file={folder}/disk,format=raw,if=none,id=disk", "-device",
        "ide-hd,drive=disk,bus=sata.0,model=COMPARED DISK,serial=1234,ver=1.0"]

DEVICES = [
    Device("ahci", functions={"ahci": (0x8086, 0x2922)}, options=DISK, images={"disk": SECTORS * 512}, setup=[*SETUP, *START], single=4,
           registers=[*READ_ONLY, *config_registers("ahci", CONFIG)],
           bursts=[(4, transfer), (4, queued), (4, no_data), (1, unknown), (0.3, identify), (1, reset), (2, interrupts), (1, index_data)]),
]
