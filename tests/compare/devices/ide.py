"""PIIX3 IDE (Intel 290550), its bus master (SFF-8038i) and an ATA disk (ATA/ATAPI-6, T13 1410D)."""
from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

COMMAND_BLOCK, CONTROL, BUS_MASTER = 0x1f0, 0x3f6, 0xc000
TABLE, BUFFER = 0x100000, 0x200000
SECTORS = 8192
HEADS, SECTORS_PER_TRACK = 16, 63
NAMES = ["ERROR", "SECTOR_COUNT", "LBA_LOW", "LBA_MID", "LBA_HIGH", "DEVICE"]
LBA, SECOND = 0x40, 0x10
MANY = 60   # sectors: commands of so many are asked for 256 as well

NOT_BUSY = Line(f"wait inb {CONTROL:#x} 0x88 0x00", "ALT_STATUS")   # also not before a DMA command is over
BLOCK_READY = Line(f"wait inb {CONTROL:#x} 0x80 0x00", "ALT_STATUS")
STATUS = Line(f"inb {COMMAND_BLOCK + 7:#x}", "STATUS")


def put(register, value):
    name = (["", "FEATURES", *NAMES[1:], "COMMAND"])[register]
    return Line(f"outb {COMMAND_BLOCK + register:#x} {value:#x}", name)


def results():
    """What a command left, address aside: ATA has it at the last sector, QEMU at the next."""
    return [STATUS, Line(f"inb {COMMAND_BLOCK + 1:#x}", "ERROR")]


def address(rng, lba, count, wide, chs=False):
    """Both halves of each register; so nothing of the command before is left in them."""
    values = {2: [count >> 8, count], 3: [lba >> 24, lba], 4: [lba >> 32, lba >> 8], 5: [lba >> 40, lba >> 16]}
    device = LBA | (0 if wide else lba >> 24 & 0x0f)
    if chs:
        track, sector = divmod(lba, SECTORS_PER_TRACK)
        cylinder, head = divmod(track, HEADS)
        values |= {3: [0, sector + 1], 4: [0, cylinder], 5: [0, cylinder >> 8]}
        device = head
    lines = [put(6, device), put(1, rng.getrandbits(8)), put(1, rng.getrandbits(8))]
    return lines + [put(register, value & 0xff) for register, pair in values.items() for value in pair]


def place(rng, most=20):
    """(first sector, how many, whether they exist): inside the disk, or all of it beyond."""
    count = rng.choice([1, 1, 2, 3, rng.randrange(1, most)])
    if most >= MANY and rng.random() < 0.04:
        count = 256  # which 28 bit commands call 0
    if rng.random() < 0.05:
        return SECTORS + rng.randrange(1000), count, False
    return rng.choice([0, SECTORS - count, rng.randrange(SECTORS - count)]), count, True


def addressed(rng, narrow, extended, most=20):
    """(lines, opcode, sectors, whether they exist)"""
    lba, count, inside = place(rng, most)
    wide = rng.random() < 0.4
    lines = address(rng, lba, count, wide, chs=inside and not wide and rng.random() < 0.3)
    return lines, rng.choice(extended if wide else narrow), count, inside


def data_in(rng, sectors):
    width, port = rng.choice([(2, "inw"), (4, "inl")]), COMMAND_BLOCK
    read = f"{width[1]} {port:#x}"
    return [Line(read, "DATA")] * (sectors * 512 // width[0] - 1) + [Line(f"soon {read}", "DATA")]


def data_out(rng, sectors):
    size, word = rng.choice([(2, "outw"), (4, "outl")])
    return [Line(f"{word} {COMMAND_BLOCK:#x} {rng.getrandbits(8 * size):#x}", "DATA") for _ in range(sectors * 512 // size)]


def blocks(count, per_block):
    return [min(per_block, count - done) for done in range(0, count, per_block)]


def block_size(rng):
    per_block = rng.choice([1, 2, 4, 8, 16])
    return per_block, [put(6, LBA), put(2, per_block), put(7, 0xc6), NOT_BUSY, *results()]


def after(rng):
    """Ends a data command: the address registers hold the same again."""
    return [NOT_BUSY, *results(), *address(rng, rng.randrange(SECTORS), 1, False)]


def read_pio(rng):
    per_block, lines = 1, []
    if rng.random() < 0.5:
        setup, opcode, count, inside = addressed(rng, [0x20, 0x21], [0x24])
    else:
        per_block, lines = block_size(rng)
        setup, opcode, count, inside = addressed(rng, [0xc4], [0x29], 40)
    lines = [*lines, *setup, put(7, opcode)]
    for size in blocks(count if inside else 0, per_block):
        lines += [BLOCK_READY, STATUS, *data_in(rng, size)]
    return lines + after(rng)


def write_pio(rng):
    per_block, lines = 1, []
    if rng.random() < 0.5:
        setup, opcode, count, inside = addressed(rng, [0x30, 0x31, 0x3c], [0x34])
    else:
        per_block, lines = block_size(rng)
        setup, opcode, count, inside = addressed(rng, [0xc5], [0x39], 40)
    if not inside:
        return []
    lines = [*lines, *setup, put(7, opcode)]
    for size in blocks(count, per_block):
        lines += [BLOCK_READY, STATUS, *data_out(rng, size)]
    return lines + after(rng)


def prd_table(rng, size, kinds):
    """(lines, whether all of `size` bytes has a place, [(address, bytes)])"""
    kind = rng.choice(kinds)
    left = {"exact": size, "long": size + 2 * rng.randrange(1, 300), "short": max(2, size - 2 * rng.randrange(1, 200))}[kind]
    lines, regions, entry = [], [], TABLE
    while left:
        here = min(left, rng.choice([left, 512, 2 * rng.randrange(1, 1000)]), 0x10000)
        left -= here
        where = BUFFER + 0x10000 * len(regions) + 2 * rng.randrange(0x100)
        lines += [Line(f"writel {entry:#x} {where:#x}", "PRD"),
                  Line(f"writel {entry + 4:#x} {here & 0xffff | (0 if left else 0x80000000):#x}", "PRD")]
        regions.append((where, here))
        entry += 8
        if len(regions) == 16 and left:
            return prd_table(rng, size, kinds)
    return lines, kind != "short", regions


def bus_master(register, value, name):
    return Line(f"outb {BUS_MASTER + register:#x} {value:#x}", name)


def dma(rng):
    setup, opcode, count, inside = addressed(rng, [0xc8, 0xc9, 0xca, 0xcb], [0x25, 0x35], MANY)
    reading = opcode in (0xc8, 0xc9, 0x25)
    table, enough, regions = prd_table(rng, 512 * count, ["exact", "exact", "exact", "long", "short" if inside else "exact"])
    lines = [*table, bus_master(0, 8 if reading else 0, "BMICX"), Line(f"outl {BUS_MASTER + 4:#x} {TABLE:#x}", "BMIDTPX"),
             bus_master(2, 6, "BMISX")]
    for where, size in regions:
        lines.append(Line(f"memset {where:#x} {size:#x} {rng.getrandbits(8):#x}", "MEMORY"))
    go = [bus_master(0, 9 if reading else 1, "BMICX"), put(7, opcode)]
    lines += [*setup, *(go if rng.random() < 0.3 else go[::-1]), NOT_BUSY]
    status = Line(f"inb {BUS_MASTER + 2:#x}", "BMISX" if inside else "BMISX_AFTER_ERROR")
    lines += [status, STATUS, status, bus_master(0, 0, "BMICX"), status, bus_master(2, 6, "BMISX"), status]
    if reading and enough and inside:
        lines += [Line(f"read {where - 2:#x} {size + 4:#x}", "MEMORY") for where, size in regions]
    return lines + after(rng)


# CHECK POWER MODE, standby, idle, sleep, RECALIBRATE, FLUSH CACHE, SET FEATURES without parameter, and what no disk knows.
PLAIN = [0xe5, 0x98, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6, 0x94, 0x95, 0x96, 0x97, 0x99, 0x10, 0xe7, 0xea, 0x00, 0x08, 0xa0, 0xa1, 0xff, 0xde, 0x92]
FEATURES = [0x02, 0x82, 0x05, 0x85, 0xaa, 0x55, 0x66, 0xcc, 0x42, 0xc2, 0x00, 0x77]
MODES = [0x00, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x10, 0x12, 0x20, 0x21, 0x22, 0x40, 0x42, 0x45, 0x30, 0xff]


def command(rng):
    pick = rng.random()
    lines = address(rng, rng.randrange(SECTORS), rng.getrandbits(8), False)
    if pick < 0.5:
        lines += [put(7, rng.choice(PLAIN))]
    elif pick < 0.6:
        lines += [put(1, rng.choice(FEATURES)), put(7, 0xef)]
    elif pick < 0.7:
        lines += [put(1, 0x03), put(2, rng.choice(MODES)), put(7, 0xef)]
    elif pick < 0.8:
        lines += [put(2, rng.choice([0, 1, 2, 4, 8, 16, 3, 32, 255])), put(7, 0xc6)]
    elif pick < 0.9:
        lines += [put(7, rng.choice([0xf8, 0x27]))]
    else:
        lines += [put(2, 1), put(7, rng.choice([0x40, 0x41, 0x70])), NOT_BUSY, *results()]
        return lines + after(rng)
    return [*lines, NOT_BUSY, *results(), *(Line(f"inb {COMMAND_BLOCK + n:#x}", NAMES[n - 1]) for n in range(1, 7))]


def answer(name, setup, opcode):
    """A sector of answer, each word by its own name."""
    words = [Line(f"inw {COMMAND_BLOCK:#x}", f"{name}_{n}") for n in range(256)]
    return [put(6, LBA), *setup, put(7, opcode), BLOCK_READY, STATUS, *words, NOT_BUSY, *results()]


def identify(_):
    return answer("IDENTIFY", [], 0xec)


def smart(rng):
    key = [put(4, 0x4f), put(5, 0xc2)]
    if rng.random() < 0.3:
        feature, low, name = rng.choice([(0xd0, 0, "SMART_DATA"), (0xd1, 0, "SMART_THRESHOLDS"), (0xd5, 1, "SMART_ERROR_LOG"),
                                         (0xd5, 6, "SMART_SELF_TEST_LOG")])
        return answer(name, [put(1, feature), put(3, low), *key], 0xb0)
    feature = rng.choice([0xda, 0xd8, 0xd2, 0xdf, 0xd9])
    level = rng.choice([0x00, 0xf1, 0x33])
    wrong = rng.random() < 0.2
    lines = [put(6, LBA), put(1, feature), put(2, level), put(3, level), *([put(4, 1), put(5, 2)] if wrong else key), put(7, 0xb0),
             NOT_BUSY, *results(), Line(f"inb {COMMAND_BLOCK + 4:#x}", "LBA_MID"), Line(f"inb {COMMAND_BLOCK + 5:#x}", "LBA_HIGH")]
    return lines if feature != 0xd9 else [*lines, put(1, 0xd8), *key, put(7, 0xb0), NOT_BUSY, *results()]


def reset(rng):
    lines = [STATUS, Line(f"outb {CONTROL:#x} 0x6", "DEVICE_CONTROL"), Line(f"outb {CONTROL:#x} 2", "DEVICE_CONTROL"), NOT_BUSY,
             STATUS, Line(f"outb {CONTROL:#x} 0", "DEVICE_CONTROL")]
    if rng.random() < 0.5:
        lines = [put(6, LBA), put(7, 0x90), NOT_BUSY]
    return [*lines, STATUS, *(Line(f"inb {COMMAND_BLOCK + n:#x}", NAMES[n - 1]) for n in range(1, 7)), put(6, LBA), STATUS]


def absent_second(rng):
    """Device 1 is not there."""
    lines = [*address(rng, rng.randrange(SECTORS), 1, False), put(6, SECOND | rng.getrandbits(8)),
             Line(f"inb {CONTROL:#x}", "ALT_STATUS"), STATUS]
    lines += [Line(f"inb {COMMAND_BLOCK + n:#x}", NAMES[n - 1]) for n in range(1, 7)]
    return [*lines, put(7, rng.choice([0xec, 0x20, 0xe5])), STATUS, put(6, LBA)]


def high_order(rng):
    """The older half of each register, by HOB; any write ends it."""
    shown = [Line(f"inb {COMMAND_BLOCK + n:#x}", f"{NAMES[n - 1]}/HOB") for n in range(1, 6)]
    return [*address(rng, rng.getrandbits(48), rng.getrandbits(16), True), Line(f"outb {CONTROL:#x} 0x80", "DEVICE_CONTROL"), *shown,
            put(rng.randrange(1, 6), rng.getrandbits(8)), *(Line(f"inb {COMMAND_BLOCK + n:#x}", NAMES[n - 1]) for n in range(1, 6))]


def without_interrupts(rng):
    lines = command(rng)
    return [STATUS, Line(f"outb {CONTROL:#x} 0x2", "DEVICE_CONTROL"), *lines, STATUS, Line(f"outb {CONTROL:#x} 0", "DEVICE_CONTROL")]


CONFIG = [
    *HEADER, ("PCICMD", 0x04, 2, {"bits": 0x0005, "values": [5]}), ("PCISTS", 0x06, 2), ("BMIBA", 0x20, 4, {"read": True, "write": False}),
    ("IDETIM0", 0x40, 2), ("IDETIM1", 0x42, 2), ("SIDETIM", 0x44, 1, {"bits": 0xff}),
]


def move_bus_master(rng):
    """BAR4 elsewhere, or nowhere, and back."""
    base = rng.choice([0xc400, 0xd000, 0xe010])
    return [Line(f"config_writel ide 0x20 {base:#x}", "BMIBA"), Line("config_readl ide 0x20", "BMIBA"),
            Line(f"inb {base + 2:#x}", "BMISX"), Line(f"outl {base + 4:#x} {rng.getrandbits(32):#x}", "BMIDTPX"),
            Line(f"inl {base + 4:#x}", "BMIDTPX"), Line("config_writel ide 0x20 0xffffffff", "BMIBA"),
            Line("config_readl ide 0x20", "BMIBA"), Line(f"config_writel ide 0x20 {BUS_MASTER:#x}", "BMIBA")]


def bus_master_registers(channel):
    base = BUS_MASTER + 8 * channel
    return [Register(f"BMICX{channel}", base, keep=0x01), Register(f"BMISX{channel}", base + 2), Register(f"BMI1_{channel}", base + 1),
            Register(f"BMI3_{channel}", base + 3), Register(f"BMIDTPX{channel}", base + 4, 4)]


TASK_FILE = [Register(name, COMMAND_BLOCK + n, write=False) for n, name in enumerate(NAMES, 1)] + [
    Register("ALT_STATUS", CONTROL, write=False), Register("STATUS", COMMAND_BLOCK + 7, write=False),
    Register("DATA", COMMAND_BLOCK, write=False)]

SETUP = [Line(f"config_writel ide 0x20 {BUS_MASTER:#x}", "BMIBA"), Line("config_writew ide 0x4 5", "PCICMD")]
DISK = ["-drive", "file={folder}/disk,format=raw,if=none,id=disk", "-device",
        "ide-hd,drive=disk,bus=ide.0,unit=0,model=COMPARED DISK,serial=1234,ver=1.0"]

DEVICES = [
    Device("piix3-ide", functions={"ide": (0x8086, 0x7010)}, setup=SETUP, single=20, bursts=[(1, move_bus_master)],
           registers=[*config_registers("ide", CONFIG), *bus_master_registers(0), *bus_master_registers(1)]),
    Device("ata-disk", functions={"ide": (0x8086, 0x7010)}, options=DISK, images={"disk": SECTORS * 512}, single=10, registers=TASK_FILE,
           setup=[*SETUP, *identify(None)],
           bursts=[(2, read_pio), (2, write_pio), (4, dma), (10, command), (0.3, identify), (1, smart), (1, reset), (2, absent_second),
                   (2, high_order), (2, without_interrupts)]),
]
