"""AC'97 (82801AA), ES1370 and Sound Blaster 16: registers, and what a start of a stream shows before time passes."""
from ..device import Device, Register, config_registers
from ..stream import Line
from .pci import HEADER

NAM, NABM, ES = 0xc000, 0xc400, 0xc800
LIST, DATA = 0x100000, 0x110000
BOXES = {"PI": 0x00, "PO": 0x10, "MC": 0x20}
RPBM, RR = 0x01, 0x02
RATES = [8000, 11025, 16000, 22050, 32000, 44100, 48000]


def volume(name, where):
    return Register(name, NAM + where, 2, values=[0, 0x8000, 0x0808, 0x1f1f])


def rate(name, where):
    return Register(name, NAM + where, 2, values=RATES, never=lambda value: not 4000 <= value <= 48000)


def box(name, where):
    return [Register(f"{name}_BDBAR", NABM + where, 4, values=[LIST], keep=7),
            Register(f"{name}_CIV", NABM + where + 4, write=False), Register(f"{name}_LVI", NABM + where + 5),
            Register(f"{name}_SR", NABM + where + 6, 2, values=[0x1c], keep=0xffe3),
            Register(f"{name}_PICB", NABM + where + 8, 2, write=False), Register(f"{name}_PIV", NABM + where + 10, write=False),
            Register(f"{name}_CR", NABM + where + 11, values=[0x1c, RR], keep=RPBM)]


AC97 = [
    volume("MASTER_VOLUME", 0x02), volume("PCM_OUT_VOLUME", 0x18), volume("RECORD_GAIN", 0x1c),
    Register("RECORD_SELECT", NAM + 0x1a, 2), Register("POWERDOWN", NAM + 0x26, 2, keep=0x8000), Register("RESET", NAM, 2, weight=0.3),
    Register("EXTENDED_AUDIO_CTRL", NAM + 0x2a, 2, values=[0, 1, 8, 9], keep=0xfff6),
    rate("PCM_FRONT_DAC_RATE", 0x2c), rate("PCM_LR_ADC_RATE", 0x32), rate("MIC_ADC_RATE", 0x34),
    *(Register("READ_ONLY", NAM + where, 2, weight=0.2) for where in (0x04, 0x06, 0x08, 0x0a, 0x0c, 0x0e, 0x10, 0x12, 0x14, 0x16, 0x1e, 0x20,
                                                                      0x22, 0x28, 0x7c, 0x7e)),
    Register("BYTE_OF_THE_CODEC", NAM + 0x02, weight=0.2),
    *(register for name, where in BOXES.items() for register in box(name, where)),
    Register("GLOB_CNT", NABM + 0x2c, 4, keep=6), Register("CAS", NABM + 0x34, write=False),
    Register("GLOB_STA", NABM + 0x30, 4, values=[0x38c01, 0x30000], never=lambda value: value & 0x30000 != 0x30000),
]


def start(rng):
    """From a register reset: the first descriptor is fetched at once."""
    name = rng.choice(list(BOXES))
    at = NABM + BOXES[name]
    lines = [Line(f"outb {at + 11:#x} {RR:#x}", "CR"), Line(f"outl {at:#x} {LIST:#x}", "BDBAR")]
    for n in range(4):
        control = rng.choice([0, 1 << 31, 1 << 30]) | rng.randrange(1, 0x10000)
        lines += [Line(f"writel {LIST + 8 * n:#x} {DATA:#x}", "LIST"), Line(f"writel {LIST + 8 * n + 4:#x} {control:#x}", "LIST")]
    lines += [Line(f"outb {at + 5:#x} {rng.randrange(32):#x}", "LVI"), Line(f"outb {at + 11:#x} {rng.choice([0x01, 0x11, 0x1d]):#x}", "CR")]
    lines += [Line(f"inb {at + 4:#x}", "CIV"), Line(f"inb {at + 10:#x}", "PIV"), Line(f"inw {at + 8:#x}", "PICB"), Line(f"inw {at + 6:#x}", "SR"),
              Line(f"inb {at + 11:#x}", "CR"), Line(f"inl {NABM + 0x30:#x}", "GLOB_STA")]
    return [*lines, Line(f"outb {at + 11:#x} 0", "CR"), Line(f"inw {at + 6:#x}", "SR"), Line(f"outb {at + 11:#x} {RR:#x}", "CR")]


def es1370(name, where, **more):
    return Register(name, ES + where, 4, **more)


ES1370 = [
    es1370("CONTROL", 0x00, values=[1, 0x3000, 0x001e0000]), es1370("STATUS", 0x04), es1370("MEMPAGE", 0x0c, values=[0xc, 0xd], weight=2),
    es1370("CODEC", 0x10), es1370("SERIAL", 0x20, values=[0, 0x700, 0x3f]),
    *(es1370(f"{name}_SCOUNT", 0x24 + 4 * n) for n, name in enumerate(("DAC1", "DAC2", "ADC"))),
    *(es1370(f"PAGED_{n}", 0x30 + 4 * n, weight=2) for n in range(4)),
    *(es1370("BEYOND", where, weight=0.2) for where in (0x14, 0x40, 0xfc)),
]

CONFIG = [*(row for row in HEADER if row[0] not in ("BAR0", "MLT")), ("SVID", 0x2c, 2), ("SID", 0x2e, 2), ("PCISTS", 0x06, 2),
          ("PCICMD", 0x04, 2, {"bits": 0x0005, "values": [5], "never": lambda value: value & 5 != 5})]

SB = 0x220
MIXER_INDEX, MIXER_DATA, DSP_RESET, DSP_READ, DSP_WRITE, DSP_STATUS, DSP_STATUS16 = (SB + n for n in (4, 5, 6, 0xa, 0xc, 0xe, 0xf))
# Command, parameters, bytes of the answer. Not here: what begins a block, which takes time.
DSP = [(0x04, 1, 0), (0x05, 2, 0), (0x40, 1, 0), (0x41, 2, 0), (0x42, 2, 0), (0x48, 2, 0), (0xd1, 0, 0),
       (0xd3, 0, 0), (0xd9, 0, 0), (0xda, 0, 0), (0xe0, 1, 1), (0xe1, 0, 2), (0xe3, 0, 45), (0xe4, 1, 0), (0xe8, 0, 1)]


def dsp_write(value):
    return [Line(f"inb {DSP_WRITE:#x}", "DSP_BUSY"), Line(f"outb {DSP_WRITE:#x} {value:#x}", "DSP_WRITE")]


def answer(length):
    """Also one byte more than there is: the last one again."""
    there = Line(f"inb {DSP_STATUS:#x}", "DSP_STATUS")
    return [there, *[Line(f"inb {DSP_READ:#x}", "DSP_READ"), there] * length]


def dsp_command(rng):
    command, parameters, length = rng.choice(DSP)
    values = [command, *(rng.getrandbits(8) for _ in range(parameters))]
    return [line for value in values for line in dsp_write(value)] + answer(length + rng.getrandbits(1))


def dsp_reset(rng):
    """In the middle of a command, and with an answer that nobody took."""
    lines = dsp_write(rng.choice([0x41, 0xe0, 0xe1, 0xe4])) if rng else []
    lines += [Line(f"outb {DSP_RESET:#x} 1", "DSP_RESET"), Line(f"outb {DSP_RESET:#x} 0", "DSP_RESET")]
    return lines + answer(1)


def dsp_interrupt(rng):
    """QEMU answers such a command as well; so an answer of both is read afterwards."""
    command, acknowledge = rng.choice([(0xf2, DSP_STATUS), (0xf3, DSP_STATUS16)])
    lines = [*dsp_write(command), Line(f"inb {acknowledge:#x}", "ACKNOWLEDGE"), Line(f"inb {DSP_READ:#x}", "DSP_READ_AFTER_INTERRUPT")]
    return [*lines, *dsp_write(0xe8), *answer(1)]


MIXER = [index for index in range(0x01, 0x48) if index not in (0x04, 0x22, 0x26, 0x28, 0x2e)]  # which are halves of others here


def mixer_write(index, value):
    return [Line(f"outb {MIXER_INDEX:#x} {index:#x}", "MIXER_INDEX"), Line(f"outb {MIXER_DATA:#x} {value:#x}", f"MIXER_{index:02X}")]


def mixer(rng):
    index = rng.choice([*MIXER, 0x80, 0x81, 0x82])
    lines = mixer_write(index, rng.getrandbits(8)) if index < 0x80 and rng.random() < 0.6 else []
    return [*lines, Line(f"outb {MIXER_INDEX:#x} {index:#x}", "MIXER_INDEX"), Line(f"inb {MIXER_DATA:#x}", f"MIXER_{index:02X}")]


DEVICES = [
    Device("ac97", functions={"ac97": (0x8086, 0x2415)}, options=["-audiodev", "none,id=a", "-device", "AC97,audiodev=a"],
           setup=[Line(f"config_writel ac97 0x10 {NAM:#x}", "BAR0"), Line(f"config_writel ac97 0x14 {NABM:#x}", "BAR1"),
                  Line("config_writew ac97 0x4 5", "PCICMD")], single=10,
           registers=[*AC97, *config_registers("ac97", CONFIG)], bursts=[(1, start)]),
    Device("es1370", functions={"es1370": (0x1274, 0x5000)}, options=["-audiodev", "none,id=a", "-device", "ES1370,audiodev=a"],
           setup=[Line(f"config_writel es1370 0x10 {ES:#x}", "BAR0"), Line("config_writew es1370 0x4 5", "PCICMD")], single=10,
           registers=[*ES1370, *config_registers("es1370", [*CONFIG, ("MINGNT", 0x3e, 1), ("MAXLAT", 0x3f, 1)])]),
    Device("sb16", options=["-audiodev", "none,id=a", "-device", "sb16,audiodev=a"], single=0,
           setup=[*dsp_reset(None), *(line for index in MIXER for line in mixer_write(index, 0x5a))],
           bursts=[(6, dsp_command), (1, dsp_reset), (1, dsp_interrupt), (6, mixer)]),
]
