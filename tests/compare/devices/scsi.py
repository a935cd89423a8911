"""LSI53C895A (technical manual DB14-000164) with a SCSI disk: registers, scripts that compute, and commands."""
from ..device import Device, Register, config_registers
from ..stream import Line

BASE = 0xc000
SCRIPT, TABLE, DATA, BUFFER = 0x100000, 0x101000, 0x102000, 0x200000
MESSAGE_OUT, MESSAGE_IN, STATUS, COMMAND = TABLE + 0x400, TABLE + 0x420, TABLE + 0x430, TABLE + 0x440
SECTORS = 8192
DSTAT, ISTAT0, CTEST2, SCRATCHA, SCRATCHB, DSP, DSA = 0x0c, 0x14, 0x1a, 0x34, 0x5c, 0x2c, 0x10
DSPS, TEMP, SIST0, SIST1 = 0x30, 0x1c, 0x42, 0x43
DATA_OUT, DATA_IN, CMD, STAT, MSG_OUT, MSG_IN = 0, 1, 2, 3, 6, 7

DONE = Line(f"wait inb {BASE + ISTAT0:#x} 0x01 0x01", "ISTAT0")


def read(reg, name, width="b"):
    return Line(f"in{width} {BASE + reg:#x}", name)


def put(reg, value, name, width="b"):
    return Line(f"out{width} {BASE + reg:#x} {value:#x}", name)


def words(where, values):
    text = b"".join(value.to_bytes(4, "little") for value in values).hex()
    return Line(f"write {where:#x} {4 * len(values):#x} 0x{text}", "MEMORY")


def modify(rng):
    """A register, how, a byte."""
    reg = rng.choice([SCRATCHA, SCRATCHA + 1, SCRATCHA + 3, SCRATCHB, SCRATCHB + 2, 0x9c, TEMP])
    opcode = rng.choice([0x68, 0x70, 0x78, 0x78])
    how, data = rng.randrange(8), rng.getrandbits(8)
    if opcode == 0x70 and how == 0:
        how = 2
    return [(opcode | how) << 24 | (reg & 0x7f) << 16 | data << 8 | reg & 0x80, 0]


def computing(rng):
    """A script without the bus, and all that it can have changed."""
    script = []
    for _ in range(rng.randrange(1, 12)):
        pick = rng.random()
        reg = rng.choice([SCRATCHA, SCRATCHB, TEMP, 0x60, 0x9c])
        where = DATA + 4 * rng.randrange(64)
        if pick < 0.5:
            script += modify(rng)
        elif pick < 0.6:
            script += [0xe1000000 | reg << 16 | 4, where]
        elif pick < 0.7:
            script += [0xe0000000 | reg << 16 | rng.randrange(1, 5), where]
        elif pick < 0.75:
            script += [0xf0000000 | reg << 16 | 4, (where - DATA) & 0xffffff]
        elif pick < 0.8:
            script += [0xc0000000 | 4 * rng.randrange(1, 64), where, DATA + 4 * rng.randrange(64)]
        elif pick < 0.85:
            script += [rng.choice([0x58000400, 0x60000400]), 0]
        elif pick < 0.95:
            condition = rng.choice([0x80840000, 0x808c0000, 0x80a80000, 0x80a00000, 0x80880000, 0x80800000])
            script += [condition | rng.getrandbits(8) << 8 | rng.getrandbits(8), 8, 0x78000000 | SCRATCHA << 16 | 0x5500, 0]
        else:
            script += [0x98180000, 0]
    lines = [words(SCRIPT, [*script, 0x98080000, rng.getrandbits(32)]), put(DSA, DATA, "DSA", "l"),
             words(DATA, [rng.getrandbits(32) for _ in range(64)]), put(DSP, SCRIPT, "DSP", "l"), DONE]
    lines += [read(ISTAT0, "ISTAT0"), put(ISTAT0, 4, "ISTAT0"), read(DSTAT, "DSTAT"), read(DSPS, "DSPS", "l"), read(DSP, "DSP", "l")]
    lines += [read(reg, "SCRATCH", "l") for reg in (SCRATCHA, SCRATCHB, 0x60, 0x9c)] + [read(TEMP, "TEMP", "l")]
    return lines + [Line(f"read {DATA:#x} 0x200", "MEMORY")]


def follower(cdb, regions, tag):
    """Lines that put a command into memory, with a script that follows the target through its phases."""
    message = bytes([0xc0] if tag is None else [0xc0, 0x20, tag])
    start = SCRIPT + 8
    out, cmd = start + 56, start + 72
    stat, msg = cmd + 16, cmd + 32
    data_in = msg + 96
    data_out = data_in + 8 * len(regions) + 8

    def when(phase, where):
        return [0x800b0000 | phase << 24, where]

    def move(phase):
        return [word for n in range(len(regions)) for word in (0x10000000 | phase << 24, 8 + 8 * n)] + [0x80080000, start]
    script = [0x41000000, start, *when(MSG_OUT, out), *when(MSG_IN, msg), *when(DATA_OUT, data_out), *when(DATA_IN, data_in),
              *when(CMD, cmd), *when(STAT, stat), 0x98080000, 0x1002,
              MSG_OUT << 24 | len(message), MESSAGE_OUT, 0x80080000, start, CMD << 24 | len(cdb), COMMAND, 0x80080000, start,
              STAT << 24 | 1, STATUS, 0x80080000, start,
              MSG_IN << 24 | 1, MESSAGE_IN, 0x60000040, 0, 0x800c0000, msg + 40, 0x800c0004, msg + 56, 0x80080000, start,
              0x48000000, 0, 0x98080000, 0x1001, 0x48000000, 0, 0x50000000, msg + 80, 0x80080000, start,
              0x98080000, 0x1003, 0x98080000, 0x1002, *move(DATA_IN), *move(DATA_OUT)]
    table = [word for where, size in regions for word in (size, where)]
    return [words(SCRIPT, script), words(TABLE, [0, 0, *table]),
            Line(f"write {MESSAGE_OUT:#x} {len(message):#x} 0x{message.hex()}", "MEMORY"),
            Line(f"write {COMMAND:#x} {len(cdb):#x} 0x{bytes(cdb).hex()}", "MEMORY"),
            put(0x56, 0x80, "CCNTL0"), put(0xc0, start, "PMJAD1", "l"), put(DSA, TABLE, "DSA", "l"),
            Line(f"soon outl {BASE + DSP:#x} {SCRIPT:#x}", "DSP"), DONE]


def regions(rng, size):
    parts, where = [], BUFFER + 4 * rng.randrange(64)
    while size:
        part = min(size, rng.choice([size, 512, 4096, 4 * rng.randrange(1, 600)]))
        parts.append((where, part))
        where += 0x4000 + part
        size -= part
        if len(parts) == 16:
            parts[-1] = (parts[-1][0], parts[-1][1] + size)
            break
    return parts


def results():
    return [read(SIST0, "SIST0"), read(SIST1, "SIST1"), read(DSTAT, "DSTAT"), read(DSPS, "DSPS", "l"),
            Line(f"read {STATUS:#x} 1", "STATUS")]


def transfer(rng):
    count = rng.choice([1, 1, 2, 7, rng.randrange(1, 64)])
    lba = rng.choice([0, SECTORS - count, rng.randrange(SECTORS - count)])
    reading = rng.random() < 0.5
    cdb = rng.choice([[0x28 if reading else 0x2a, 0, *lba.to_bytes(4, "big"), 0, *count.to_bytes(2, "big"), 0],
                      [0xa8 if reading else 0xaa, 0, *lba.to_bytes(4, "big"), *count.to_bytes(4, "big"), 0, 0],
                      [0x88 if reading else 0x8a, 0, *lba.to_bytes(8, "big"), *count.to_bytes(4, "big"), 0, 0],
                      [0x08 if reading else 0x0a, *lba.to_bytes(3, "big"), count, 0]])
    parts = regions(rng, 512 * count)
    lines = [Line(f"memset {where:#x} {size:#x} {rng.getrandbits(8):#x}", "MEMORY") for where, size in parts]
    lines += follower(cdb, parts, rng.choice([None, 5, 77])) + results()
    return lines + [Line(f"read {where:#x} {size:#x}", "MEMORY") for where, size in parts]


def question(rng):
    """Answers that are a standard's, not a maker's."""
    cdb, size = rng.choice([([0x25] + [0] * 9, 8), ([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0], 16), ([0x00] * 6, 0), ([0x35] + [0] * 9, 0),
                            ([0x03, 0, 0, 0, 18, 0], 18), ([0x28, 0, 0, 0, SECTORS >> 8, 0, 0, 0, 1, 0], 0)])
    cleared = Line(f"memset {BUFFER:#x} 0x40 0", "MEMORY")
    parts = [(BUFFER, size)] if size else []
    lines = [cleared, *follower(cdb, parts, None), *results(), Line(f"read {BUFFER:#x} 0x40", "MEMORY")]
    return lines + [cleared, *follower([0x03, 0, 0, 0, 18, 0], [(BUFFER, 18)], None), *results(),
                    Line(f"read {BUFFER + 2:#x} 1", "MEMORY"), Line(f"read {BUFFER + 12:#x} 2", "MEMORY")]


def nobody(rng):
    target = rng.choice([1, 2, 5])
    script = [0x41000000 | target << 16, SCRIPT, 0x78000000 | SCRATCHA << 16 | 0x3300, 0, 0x870b0000, SCRIPT, 0x98080000, 1]
    return [words(SCRIPT, script), put(DSP, SCRIPT, "DSP", "l"), Line(f"wait inb {BASE + ISTAT0:#x} 0x02 0x02", "ISTAT0"),
            read(DSP, "DSP", "l"), read(SCRATCHA, "SCRATCH"), read(SIST0, "SIST0"), read(SIST1, "SIST1"), read(ISTAT0, "ISTAT0")]


def signal(rng):
    """A driver's signal to a script that does not wait for one; CTEST2 tells of it once."""
    bits = rng.choice([0x20, 0x20, 0x28, 0x08, 0])
    return [put(ISTAT0, bits, "ISTAT0"), read(ISTAT0, "ISTAT0"), read(CTEST2, "CTEST2"), read(CTEST2, "CTEST2"), read(ISTAT0, "ISTAT0")]


STORAGE = [("SCNTL3", 0x03, 1), ("SXFER", 0x05, 1), ("MBOX0", 0x16, 1), ("MBOX1", 0x17, 1), ("TEMP", TEMP, 4), ("SCRATCHA", SCRATCHA, 4),
           ("SBR", 0x3a, 1), ("STIME0", 0x48, 1), ("RESPID0", 0x4a, 1), ("RESPID1", 0x4b, 1), ("STEST1", 0x4d, 1), ("PMJAD1", 0xc0, 4),
           ("PMJAD2", 0xc4, 4),
           *((f"SCRATCH{chr(ord('B') + n)}", SCRATCHB + 4 * n, 4) for n in range(17))]
SETUP = [Line(f"config_writel lsi 0x10 {BASE:#x}", "BAR0"), Line("config_writel lsi 0x14 0xf3000000", "BAR1"),
         Line("config_writel lsi 0x18 0xf3002000", "BAR2"), Line("config_writew lsi 0x4 7", "PCICMD"),
         *(line for _ in range(2) for line in follower([0] * 6, [], None) + [put(0x39, 0, "DIEN"), read(DSTAT, "DSTAT_AT_START")])]
DISK = ["-device", "lsi53c895a", "-drive", "file={folder}/sda,format=raw,if=none,id=sda", "-device", "scsi-hd,drive=sda,scsi-id=0"]
CONFIG = [("VID", 0x00, 2), ("DID", 0x02, 2), ("REVID", 0x08, 1), ("CLASSC", 0x09, 1), ("CLASSD", 0x0a, 2), ("SUBSYSTEM", 0x2c, 4),
          ("INTPN", 0x3d, 1)]

DEVICES = [
    Device("lsi53c895a", functions={"lsi": (0x1000, 0x0012)}, options=DISK, images={"sda": SECTORS * 512}, setup=SETUP, single=5,
           registers=[*config_registers("lsi", [(name, where, width, {"write": False}) for name, where, width in CONFIG]),
                      *(Register(name, BASE + where, width) for name, where, width in STORAGE),
                      Register("SCSI_RAM", 0xf3002000, 4, "memory"), Register("STEST4", BASE + 0x52, write=False)],
           bursts=[(4, computing), (2, transfer), (1, question), (1, nobody), (0.5, signal)]),
]
