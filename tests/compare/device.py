"""What a device's table says, and the traffic made from it."""
from .stream import Line

SPACES = {"port": ("in", "out"), "config": ("config_read", "config_write"), "memory": ("read", "write")}
LETTER = {1: "b", 2: "w", 4: "l"}


class Register:
    """A register by its name in the datasheet.

    `where`: port, address, or offset in the configuration space of `function`. `values`: what is worth writing, besides
    noise. `write`: "no" when a write would end the machine or start what has no end.
    """

    def __init__(self, name, where, width=1, space="port", function="", values=(), read=True, write=True, weight=1,
                 keep=0, never=None, bits=None):
        self.name, self.where, self.width, self.space, self.function = name, where, width, space, function
        self.values, self.can_read, self.can_write, self.weight = tuple(values), read, write, weight
        self.keep = keep      # bits that are always written as 0
        self.never = never    # value -> True: not to be written
        self.bits = bits      # those that the datasheet names; None: all

    def place(self, offset=0):
        where = f"{self.where + offset:#x}"
        return f"{self.function} {where}" if self.space == "config" else where

    def read(self, width=None, offset=0):
        return Line(f"{SPACES[self.space][0]}{LETTER[width or self.width]} {self.place(offset)}", self.name)

    def write(self, value, width=None, offset=0):
        width = width or self.width
        value &= (1 << width * 8) - 1
        return Line(f"{SPACES[self.space][1]}{LETTER[width]} {self.place(offset)} {value:#x}", self.name)

    def some_value(self, rng):
        bits = self.width * 8
        for _ in range(100):
            choice = rng.random()
            if self.values and choice < 0.5:
                value = rng.choice(self.values)
            elif choice < 0.75:
                value = 1 << rng.randrange(bits)
            else:
                value = rng.getrandbits(bits)
            value &= ~self.keep
            if self.never is None or not self.never(value):
                return value
        return 0


class Device:
    """`options`: the command line's part for both machines; "{folder}" is where `images` lie, {file: bytes of noise}.
    `bursts`: (weight, function(rng) -> lines). `clock`: lines "tick" are for both machines. `viewer`: lines "key"
    reach both. `listed_as`: the name under which the list of differences has it.
    """

    def __init__(self, name, options=(), functions=None, registers=(), setup=(), bursts=(), single=1, ours=(), theirs=(),
                 bits=None, images=None, clock=False, viewer=False, listed_as=None):
        self.images = images or {}
        self.clock, self.viewer, self.listed_as = clock, viewer, listed_as or name
        self.name, self.options, self.functions = name, list(options), functions or {}
        self.ours, self.theirs = list(ours), list(theirs)
        self.registers, self.setup, self.bursts, self.single = list(registers), list(setup), list(bursts), single
        self.more_bits = bits or {}
        self.weights = [register.weight for register in self.registers]

    def bits(self):
        return self.more_bits | {register.name: register.bits for register in self.registers if register.bits is not None}

    def traffic(self, rng):
        """One piece of a stream."""
        total = self.single + sum(weight for weight, _ in self.bursts)
        pick = rng.random() * total - self.single
        if pick < 0 and self.registers:
            return [self.access(rng)]
        for weight, burst in self.bursts:
            pick -= weight
            if pick < 0:
                return burst(rng)
        return self.bursts[-1][1](rng)

    def access(self, rng):
        register = rng.choices(self.registers, self.weights)[0]
        if register.can_write and (not register.can_read or rng.random() < 0.5):
            return register.write(register.some_value(rng))
        if not register.can_read:
            return register.write(register.some_value(rng))
        return register.read()


def config_registers(function, table):
    """From rows (name, offset, width[, options])."""
    return [Register(row[0], row[1], row[2], "config", function, **(row[3] if len(row) > 3 else {})) for row in table]
