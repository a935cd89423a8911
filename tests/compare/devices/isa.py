"""DMA controllers (Intel 8237A, 231466), CMOS RAM, ports that hold nothing."""
from ..device import Device, Register
from ..stream import Line


def channel_registers(base, step, first):
    found = []
    for n in range(4):
        found += [Register(f"ADDRESS{first + n}", base + 2 * n * step, write=False),
                  Register(f"COUNT{first + n}", base + (2 * n + 1) * step, write=False)]
    for offset, name, read, write in [
            (8, "STATUS", True, False), (8, "COMMAND", False, True), (9, "REQUEST", True, True),
            (10, "SINGLE_MASK", True, True), (11, "MODE", True, True), (12, "CLEAR_BYTE_POINTER", True, True),
            (13, "MASTER_CLEAR", True, True), (14, "CLEAR_MASK", True, True), (15, "ALL_MASK", True, True)]:
        found.append(Register(f"{name}{first // 4}", base + offset * step, read=read, write=write))
    return found


PAGES = [(0x87, 0), (0x83, 1), (0x81, 2), (0x82, 3), (0x8b, 5), (0x89, 6), (0x8a, 7)]
OTHER_PAGES = [0x84, 0x85, 0x86, 0x88, 0x8c, 0x8d, 0x8e, 0x8f]

DMA = [
    *channel_registers(0x00, 1, 0), *channel_registers(0xc0, 2, 4),
    *(Register(f"PAGE{channel}", port) for port, channel in PAGES),
    *(Register("PAGE_WITHOUT_CHANNEL", port) for port in OTHER_PAGES),
    *(Register("HIGH_PAGE", port, weight=0.3) for port in range(0x480, 0x490)),
]


def program_channel(rng):
    """Address and count as drivers write them: pointer cleared, low byte, high byte; then read back."""
    second = rng.getrandbits(1)
    base, step, clear = (0xc0, 2, 0xd8) if second else (0x00, 1, 0x0c)
    channel, what = rng.randrange(4), rng.randrange(2)
    port = base + (2 * channel + what) * step
    name = f"{'COUNT' if what else 'ADDRESS'}{channel + 4 * second}"
    reset = Line(f"outb {clear:#x} 0", f"CLEAR_BYTE_POINTER{second}")
    write = [Line(f"outb {port:#x} {rng.getrandbits(8):#x}", name) for _ in range(2)]
    return [reset, *write, reset, Line(f"inb {port:#x}", name), Line(f"inb {port:#x}", name)]


def cmos_access(rng):
    index = rng.randrange(0x0e, 0x80)
    name = f"BYTE_{index:02X}"
    lines = [Line(f"outb 0x70 {index | rng.choice([0, 0, 0x80]):#x}", "INDEX")]
    if rng.random() < 0.5:
        lines.append(Line(f"outb 0x71 {rng.getrandbits(8):#x}", name))
    return [*lines, Line("inb 0x71", name)]


# As Xen has it: the clock's registers below 0x0e never arrive.
CMOS = [Register("INDEX", 0x70, write=False)]

NOPS = [(0x22, 1), (0x22, 2), (0x2e, 1), (0x2e, 2), (0x4e, 1), (0x4e, 2), (0x5e, 1), (0x5e, 2), (0x80, 1), (0xed, 1),
        (0xf0, 1), (0xf0, 2), (0x5658, 1), (0x5658, 2), (0x5658, 4), (0xb040, 1), (0xb040, 2), (0xb040, 4), (0xb048, 1)]

DEVICES = [
    Device("dma-8257", registers=DMA, single=3, bursts=[(1, program_channel)]),
    Device("cmos", registers=CMOS, bursts=[(10, cmos_access)],
           options=["-boot", "order=dc"],
           setup=[line for index in range(0x0e, 0x80)
                  for line in (Line(f"outb 0x70 {index:#x}", "INDEX"), Line("inb 0x71", f"BYTE_{index:02X}_AT_START"),
                               Line("outb 0x71 0", f"BYTE_{index:02X}"))]),
    Device("misc-ports", registers=[Register(f"PORT_{port:04X}", port, width, weight=width)
                                    for port, width in NOPS]),
]
