"""ATAPI CD-ROM (ATA/ATAPI-6 packet feature set, MMC-3) on the second channel, by PIO and DMA."""
from ..device import Device, Register
from ..stream import Line
from .ide import BUFFER, SETUP, TABLE

COMMAND_BLOCK, CONTROL, BUS_MASTER = 0x170, 0x376, 0xc008
SECTORS = 600
SECTOR = 2048
NAMES = ["ERROR", "INTERRUPT_REASON", "LBA_LOW", "BYTE_COUNT_LOW", "BYTE_COUNT_HIGH", "DEVICE"]
NOT_BUSY = Line(f"wait inb {CONTROL:#x} 0x80 0x00", "ALT_STATUS")
STATUS = Line(f"inb {COMMAND_BLOCK + 7:#x}", "STATUS")


def put(register, value):
    name = (["", "FEATURES", *NAMES[1:], "COMMAND"])[register]
    return Line(f"outb {COMMAND_BLOCK + register:#x} {value:#x}", name)


def get(register):
    return Line(f"inb {COMMAND_BLOCK + register:#x}", NAMES[register - 1])


def packet(cdb, limit=0xfffe, dma=False):
    cdb = [*cdb, *[0] * (12 - len(cdb))]
    lines = [put(6, 0xa0), put(1, 1 if dma else 0), put(4, limit & 0xff), put(5, limit >> 8), put(7, 0xa0), NOT_BUSY, STATUS, get(2)]
    words = [Line(f"outw {COMMAND_BLOCK:#x} {cdb[n] | cdb[n + 1] << 8:#x}", "PACKET") for n in range(0, 12, 2)]
    return lines + words


def ended():
    return [NOT_BUSY, STATUS, get(1), get(2)]


def sense():
    """What went wrong. Once: reading takes it away, in QEMU only a unit attention."""
    return [*packet([0x03, 0, 0, 0, 18]), NOT_BUSY, STATUS, get(2), get(4), get(5), *words("SENSE", 9), *ended()]


def words(name, count):
    last = count - 1
    return [Line(f"{'soon ' if n == last else ''}inw {COMMAND_BLOCK:#x}", f"{name}_{n}") for n in range(count)]


def answer(name, cdb, most):
    """A command whose answer is short: more words than it has read as 0."""
    return [*packet(cdb), NOT_BUSY, STATUS, get(2), get(4), get(5), *words(name, most), *ended()]


def big(value, width):
    return list(value.to_bytes(width, "big"))


def place(rng):
    count = rng.choice([1, 1, 2, rng.randrange(1, 12)])
    return (rng.randrange(SECTORS - count) if rng.random() < 0.95 else SECTORS + rng.randrange(100)), count


def read_command(rng, lba, count):
    return [0x28, 0, *big(lba, 4), 0, *big(count, 2)] if rng.random() < 0.5 else [0xa8, 0, *big(lba, 4), *big(count, 4)]


def read_pio(rng):
    lba, count = place(rng)
    limit = rng.choice([2048, 2048, 4096])
    lines, left = packet(read_command(rng, lba, count), limit), count * SECTOR if lba < SECTORS else 0
    while left:
        size = min(left, limit)
        read = f"inl {COMMAND_BLOCK:#x}"
        lines += [NOT_BUSY, STATUS, get(2), get(4), get(5), *[Line(read, "DATA")] * (size // 4 - 1), Line(f"soon {read}", "DATA")]
        left -= size
    return [*lines, *ended(), *([] if lba < SECTORS else sense())]


def read_dma(rng):
    lba, count = place(rng)
    if lba >= SECTORS:
        return []
    size = count * SECTOR
    master = [Line(f"outb {BUS_MASTER:#x} 0x8", "BMICX"), Line(f"writel {TABLE:#x} {BUFFER:#x}", "PRD"),
              Line(f"writel {TABLE + 4:#x} {0x80000000 | size:#x}", "PRD"), Line(f"memset {BUFFER:#x} {size + 16:#x} 0x11", "MEMORY"),
              Line(f"outl {BUS_MASTER + 4:#x} {TABLE:#x}", "BMIDTPX"), Line(f"outb {BUS_MASTER + 2:#x} 0x6", "BMISX")]
    status = Line(f"inb {BUS_MASTER + 2:#x}", "BMISX")
    return [*master, *packet(read_command(rng, lba, count), 0, dma=True), Line(f"outb {BUS_MASTER:#x} 0x9", "BMICX"),
            Line(f"wait inb {BUS_MASTER + 2:#x} 0x04 0x04", "BMISX"), status, *ended(), Line(f"outb {BUS_MASTER:#x} 0", "BMICX"),
            status, Line(f"outb {BUS_MASTER + 2:#x} 0x6", "BMISX"), status, Line(f"read {BUFFER:#x} {size + 16:#x}", "MEMORY")]


def question(rng):
    kinds = [("INQUIRY", [0x12, 0, 0, 0, 8], 4), ("INQUIRY_NAME", [0x12, 0, 0, 0, 36], 18), ("CAPACITY", [0x25], 4),
             ("EVENT", [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8], 4), ("MECHANISM", [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8], 4),
             ("CONFIGURATION", [0x46, 0, 0, 0, 0, 0, 0, 0, 8], 4),
             ("DISC", [0x51, 0, 0, 0, 0, 0, 0, 0, 34], 17), ("TEST_UNIT_READY", [0x00], 0)]
    kinds += [(f"TOC{form}{msf}", [0x43, msf, 0, 0, 0, 0, 0, 0, 64, form << 6], 32) for form in range(3) for msf in (0, 2)]
    kinds += [(f"MODE_{page:02X}", [0x5a, 0, page, 0, 0, 0, 0, 0, 64], 32) for page in (0x01, 0x2a)]
    return answer(*rng.choice(kinds))


def no_data(rng):
    if rng.random() < 0.4:
        wrong = rng.choice([[0x2b, 0, *big(SECTORS + 5, 4)], [0xff], [0x35], [0x2a]])
        return [*packet(wrong), *ended(), *sense()]
    return [*packet(rng.choice([[0x2b, 0, *big(rng.randrange(SECTORS), 4)], [0x1e, 0, 0, 0, rng.getrandbits(1)],
                                [0x1b, 0, 0, 0, rng.getrandbits(1)], [0xbb, 0, 0xff, 0xff]])), *ended()]


def identify(_):
    return [put(6, 0xa0), put(7, 0xa1), NOT_BUSY, STATUS, *words("IDENTIFY", 256), *ended()]


def refused(rng):
    """Commands of disks; two of them leave the signature."""
    return [put(6, 0xa0), put(7, rng.choice([0xec, 0x20, 0x30, 0xc8, 0x10])), *ended()]


def reset(rng):
    unlock = [*packet([0x1e]), *ended()]
    if rng.random() < 0.5:
        return [*unlock, put(6, 0xa0), put(7, 0x08), NOT_BUSY, STATUS, *(get(n) for n in range(2, 7))]
    return [*unlock, Line(f"outb {CONTROL:#x} 0x6", "DEVICE_CONTROL"), Line(f"outb {CONTROL:#x} 2", "DEVICE_CONTROL"), NOT_BUSY, STATUS,
            Line(f"outb {CONTROL:#x} 0", "DEVICE_CONTROL"), *(get(n) for n in range(1, 7))]


CD = ["-drive", "file={folder}/cd,format=raw,if=none,id=cd,media=cdrom,readonly=on", "-device",
      "ide-cd,drive=cd,bus=ide.1,unit=0,model=COMPARED CDROM,serial=5678,ver=1.0"]

DEVICES = [
    Device("atapi-cdrom", functions={"ide": (0x8086, 0x7010)}, options=CD, images={"cd": SECTORS * SECTOR}, single=3,
           registers=[Register("ALT_STATUS", CONTROL, write=False), Register("STATUS", COMMAND_BLOCK + 7, write=False)],
           setup=[*SETUP, *sense()],
           bursts=[(2, read_pio), (3, read_dma), (5, question), (3, no_data), (0.5, identify), (1, refused), (0.5, reset)]),
]
