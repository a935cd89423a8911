"""The RTL8029AS: its memory by the remote DMA, and frames that go to nobody. QEMU has no loopback, so none comes back."""
from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

MAC = bytes.fromhex("525400123456")
PORTS = 0xc300
RREAD, RWRITE, NODMA, STA, TXP = 0x08, 0x10, 0x20, 0x02, 0x04
FIRST, END = 0x4c, 0x80  # pages of the ring
PAGE0 = {"BNRY": 3, "TSR": 4, "NCR": 5, "ISR": 7, "CRDA0": 8, "CRDA1": 9, "8029ID0": 10, "8029ID1": 11, "RSR": 12, "CNTR0": 13,
         "CNTR1": 14, "CNTR2": 15}
LETTER = {1: "b", 2: "w", 4: "l"}


def get(name, at=None, width=1):
    return Line(f"in{LETTER[width]} {PORTS + (PAGE0[name] if at is None else at):#x}", name)


def put(name, at, value, width=1):
    return Line(f"out{LETTER[width]} {PORTS + at:#x} {value & (1 << width * 8) - 1:#x}", name)


def command(value):
    return put("CR", 0, value)


STATUS = [get("ISR"), get("CRDA0"), get("CRDA1"), get("CR", 0)]
ACKNOWLEDGE = [put("ISR", 7, 0xff), get("ISR")]


def dma(direction, at, count):
    return [command(NODMA | STA), put("RBCR0", 10, count), put("RBCR1", 11, count >> 8), put("RSAR0", 8, at), put("RSAR1", 9, at >> 8),
            command(direction | STA)]


def widths(rng, count):
    """How drivers cut a transfer, in word mode: dwords, words, and at the end a byte that counts for a word."""
    widest = rng.choice([2, 4])
    while count > 0:
        width = widest if count >= widest else 2 if count >= 2 else 1
        yield width
        count -= width


def upload(rng, at, data):
    lines = [put("DCR", 14, 0x49), *dma(RWRITE, at, len(data))]
    place = 0
    for width in widths(rng, len(data)):
        lines.append(put("DATA", 16, int.from_bytes(data[place:place + width], "little"), width))
        place += width
    return [*lines, *STATUS, *ACKNOWLEDGE]


def download(rng, at, count):
    lines = [put("DCR", 14, 0x49), *dma(RREAD, at, count)]
    lines += [get("DATA", 16, width) for width in widths(rng, count)]
    return [*lines, *STATUS, *ACKNOWLEDGE]


def memory(rng):
    """In and out again, also across the end of the ring."""
    count = rng.randrange(1, 200)
    at = rng.choice([0x4000, 0x4600, FIRST << 8, (END << 8) - rng.randrange(1, 100) * 4, rng.randrange(0x2000, 0x3f00) * 2])
    at = min(at, 0x7ffc)
    if at + count > END << 8:
        count &= ~3
    return [*upload(rng, at, rng.randbytes(count)), *download(rng, at, count)]


def in_bytes(rng):
    count = rng.randrange(1, 40)
    at = rng.randrange(0x4000, 0x7f00)
    return [put("DCR", 14, 0x48), *dma(RWRITE, at, count), *(put("DATA", 16, rng.getrandbits(8)) for _ in range(count)), *STATUS, *ACKNOWLEDGE,
            *dma(RREAD, at, count), *(get("DATA", 16) for _ in range(count)), *STATUS, *ACKNOWLEDGE, put("DCR", 14, 0x49)]


def prom(rng):
    """As Linux reads it, by bytes of words and on behind its end; or by words. QEMU's resets garble its middle."""
    at, count = rng.choice([(0, 12), (28, 4)])
    if rng.random() < 0.5:
        return [put("DCR", 14, 0x49), *dma(RREAD, at, count), *(get("PROM", 16) for _ in range(6 if at == 0 else 18)), *STATUS, *ACKNOWLEDGE]
    return download(rng, at, count)


def send(rng):
    data = MAC + MAC + b"\x08\x00" + rng.randbytes(rng.choice([46, 47, 300, 1500]))
    page = rng.choice([0x40, 0x46])
    # Sending is bounded in time here.
    return [Line("tick 1000000", "CLOCK"), *upload(rng, page << 8, data), command(NODMA | STA), put("TBCR0", 5, len(data)), put("TBCR1", 6, len(data) >> 8), put("TPSR", 4, page),
            put("IMR", 15, rng.getrandbits(7)), command(NODMA | STA | TXP), get("CR", 0), get("TSR"), get("ISR"), put("IMR", 15, rng.getrandbits(7)),
            put("ISR", 7, rng.choice([2, 0x40, 0xff])), get("ISR"), *ACKNOWLEDGE, put("IMR", 15, 0)]


def empty(rng):
    return [put("IMR", 15, rng.getrandbits(7)), *dma(rng.choice([RREAD, RWRITE]), 0x4000, 0), *STATUS, put("IMR", 15, 0), *ACKNOWLEDGE]


def second_page(rng):
    lines = [command(0x40 | NODMA | STA)]
    for _ in range(rng.randrange(1, 8)):
        at = rng.choice([*range(1, 7), *range(8, 16)])
        lines += [put("PAGE1", at, rng.getrandbits(8)), get("PAGE1", rng.choice([at, rng.randrange(1, 7)]))]
    page = rng.randrange(FIRST, END)
    return [*lines, put("CURR", 7, page), get("CURR", 7), command(NODMA | STA)]


def third_page(rng):
    return [put("PSTART", 1, FIRST), put("PSTOP", 2, END), command(0x80 | NODMA | STA), get("PSTART", 1), get("PSTOP", 2), command(NODMA | STA)]


def fourth_page(rng):
    return [command(0xc0 | NODMA | STA), *(get(f"CONFIG{n}", 3 + n) for n in (0, 2, 3)), command(NODMA | STA)]


def reset(rng):
    """What it leaves alone in QEMU is written anew, as drivers do."""
    return [get("RESET", 31), put("RESET", 31, 0), *SET_UP]


SET_UP = [command(NODMA | STA), put("DCR", 14, 0x49), put("TCR", 13, 0), put("RCR", 12, 0), put("IMR", 15, 0), put("PSTART", 1, FIRST),
          put("PSTOP", 2, END), put("BNRY", 3, FIRST), put("ISR", 7, 0xff), command(0x40 | NODMA | STA), put("CURR", 7, FIRST + 1),
          command(NODMA | STA)]
CONFIG = [*HEADER, ("PCICMD", 0x04, 2, {"bits": 0x0006, "values": [7], "never": lambda value: value & 1 != 1}), ("PCISTS", 0x06, 2), ("SVID", 0x2c, 2),
          ("SID", 0x2e, 2)]
CONFIG = [(*row[:3], (row[3] if len(row) > 3 else {}) | ({"write": False} if row[0] == "BAR0" else {})) for row in CONFIG]
SETUP = [Line(f"config_writel ne2k_pci 0x10 {PORTS:#x}", "BAR0"), Line("config_writew ne2k_pci 0x4 7", "PCICMD"), *SET_UP]

DEVICES = [
    Device("ne2k_pci", functions={"ne2k_pci": (0x10ec, 0x8029)}, options=["-device", f"ne2k_pci,mac={MAC.hex(':')},romfile="], setup=SETUP, single=4,
           registers=[*(Register(name, PORTS + at, write=False) for name, at in PAGE0.items()),
                      Register("BNRY", PORTS + 3, values=range(FIRST, END)), *config_registers("ne2k_pci", CONFIG)],
           bursts=[(3, memory), (1, in_bytes), (1, prom), (3, send), (0.5, empty), (1, second_page), (0.5, third_page), (0.5, fourth_page),
                   (0.5, reset)]),
]
