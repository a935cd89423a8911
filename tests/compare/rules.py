"""tests/compare/differences: what is meant to differ from QEMU, and why.

  DEVICE REGISTER MASK: reason     bits of what a register returns that are not compared
  DEVICE reserved *: reason        bits that the device's table does not name are not compared
  DEVICE avoided WHAT: reason      what streams leave out
  DEVICE irq NUMBER: reason        an interrupt line's level that is not compared

DEVICE and REGISTER may be several, separated by commas; a REGISTER that ends in * stands for all that begin so. A line
without a reason has that of the next line and is one entry with it: one thing that differs, in several places.
"""
from pathlib import Path

from .link import CompareError

FILE = Path(__file__).with_name("differences")
MOST = 40


class Rules:
    def __init__(self, device, bits=None, text=None):
        """`bits`: {register: those that its table names}"""
        self.bits = bits or {}
        self.masks, self.irqs, self.count, self.reserved = {}, 0, 0, False
        self.reasons = {}
        places, number = [], 0
        for number, line in enumerate((FILE.read_text() if text is None else text).splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            head, colon, reason = line.partition(": ")
            places.append(head.split())
            if len(places[-1]) != 3 or bool(colon) != bool(reason.strip()):
                raise self.malformed(number)
            if not colon:
                continue
            self.count += 1
            for words in places:
                if device in words[0].split(","):
                    self.add(words, reason)
            places = []
        if places:
            raise self.malformed(number)
        if self.count > MOST:
            raise CompareError(f"{FILE.name} has {self.count} entries; {MOST} is the most")

    @staticmethod
    def malformed(number):
        return CompareError(f"{FILE.name}, line {number}: expected DEVICE REGISTER MASK: reason")

    def add(self, words, reason):
        if words[1] == "avoided":  # no stream has it
            return
        if words[1] == "reserved":
            self.reserved = True
            self.reasons["reserved"] = reason
            return
        if words[1] == "irq":
            self.irqs |= 1 << int(words[2])
            self.reasons["irq"] = reason
            return
        for name in words[1].split(","):
            self.masks[name] = self.masks.get(name, 0) | int(words[2], 0)
            self.reasons[name] = reason

    def explain(self, line, ours, theirs):
        """The name of the entry that covers the difference."""
        if (ours[0] ^ theirs[0]) & ~self.irqs:
            return None
        if ours[1] == theirs[1]:
            return "irq"
        name = next((name for name in self.masks if name == line.register or
                     name.endswith("*") and line.register.startswith(name[:-1])), None)
        mask = self.masks.get(name, 0)
        unnamed = ~self.bits.get(line.register, -1) if self.reserved else 0
        try:
            changed = int(ours[1].split()[1], 16) ^ int(theirs[1].split()[1], 16)
        except (IndexError, ValueError):
            return None
        if "vain" in ours[1] + theirs[1] or changed & ~(mask | unnamed):
            return None
        return name if changed & mask else "reserved"
