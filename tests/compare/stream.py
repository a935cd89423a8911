"""Streams of accesses: lines of the test protocol, each with the name of its register, and a few words more.

  outb 0x3fb 0x83                  # LCR     a command of the protocol
  config_readw ide 0x04            # PCICMD  configuration space of a function, wherever its slot is
  wait inb 0x1f7 0x80 0x00         # STATUS  reads until the bits of the mask have the value
  soon inw 0x1f0                   # DATA    what this starts may be done when the reply comes, or later: no lines compared
  tick 1000000                              time passes; not in QEMU, where the device's table asks for no clock: it does at
                                            once what it does at all
  key 0x1e down                             somebody presses a key at a viewer; "up" lets it go. A wait must follow

Only replies to lines that read are compared, and with them the levels of all interrupt lines.
"""
CHUNK = 800


class Line:
    __slots__ = ("command", "kind", "register", "soon", "text")

    def __init__(self, text, register=""):
        self.text = text
        self.register = register
        self.soon = text.startswith("soon ")
        self.command = text.removeprefix("soon ")
        word = self.command.split(" ", 1)[0]
        if word in ("wait", "tick", "key"):
            self.kind = word
        elif word.startswith(("in", "read", "config_read", "b64read")):
            self.kind = "read"
        else:
            self.kind = "write"

    def __str__(self):
        return f"{self.text:40} # {self.register}" if self.register else self.text

    @classmethod
    def parse(cls, text):
        command, _, register = text.partition("#")
        return cls(command.strip(), register.strip())


class Difference(Exception):
    def __init__(self, index, line, ours, theirs):
        super().__init__(f"{line.register or line.text}: {ours[1]} here, {theirs[1]} in QEMU")
        self.index, self.line, self.ours, self.theirs = index, line, ours, theirs

    def essence(self):
        return self.line.register, self.ours[1], self.theirs[1]

    def describe(self):
        name = self.line.register or self.line.text
        out = [f"{name}: {self.ours[1]} here, {self.theirs[1]} in QEMU   ({self.line.text})"]
        changed = self.ours[0] ^ self.theirs[0]
        for number in range(24):
            if changed >> number & 1:
                level = "high" if self.ours[0] >> number & 1 else "low"
                out.append(f"IRQ {number} is {level} here and not in QEMU")
        return "\n".join(out)


class Player:
    """Plays lines on both machines and raises Difference at the first reply that differs and is not meant to.

    A survey goes on and counts; what follows a first difference may be its consequence.
    """

    def __init__(self, ours, theirs, rules, survey=False):
        self.ours, self.theirs, self.rules, self.survey = ours, theirs, rules, survey
        self.surveyed = {}  # register: [times, first difference]
        self.played = 0
        self.accepted = {}

    def play(self, lines):
        start = 0
        while start < len(lines):
            kind = lines[start].kind
            if kind == "wait":
                self.play_wait(lines[start])
                start += 1
                continue
            if kind == "key":
                for link in (self.ours, self.theirs):
                    link.key(lines[start].text.split())
                self.played += 1
                start += 1
                continue
            end = start
            while end < len(lines) and end - start < CHUNK and lines[end].kind not in ("wait", "key"):
                end += 1
            self.play_chunk(lines[start:end])
            start = end

    def play_wait(self, line):
        words = line.text.split()
        self.check(line, self.ours.wait(words), self.theirs.wait(words))
        self.played += 1

    def play_chunk(self, lines):
        ours, ours_ends = self.commands(self.ours, lines)
        theirs, theirs_ends = self.commands(self.theirs, lines)
        self.ours.send(ours)
        self.theirs.send(theirs)
        ours_blob = self.ours.receive(len(ours))
        theirs_blob = self.theirs.receive(len(theirs))
        same = ours_blob == theirs_blob and self.ours.levels == self.theirs.levels and ours == theirs
        if same and b"IRQ" not in ours_blob:
            self.played += len(lines)
            return
        ours_answers = self.ours.split(ours_blob, len(ours))
        theirs_answers = self.theirs.split(theirs_blob, len(theirs))
        for line, a, b in zip(lines, ours_ends, theirs_ends):
            if line.kind == "read":
                self.check(line, ours_answers[a], theirs_answers[b])
            self.played += 1

    @staticmethod
    def commands(link, lines):
        commands, ends = [], []
        for line in lines:
            if line.kind != "tick":
                commands += link.translate(line.command)
            elif link.has_clock:
                commands.append(f"clock_step {line.text.split()[1]}")
            ends.append(len(commands) - 1)
        return commands, ends

    def check(self, line, ours, theirs):
        if line.soon:
            ours, theirs = (0, ours[1]), (0, theirs[1])
        if ours == theirs:
            return
        rule = self.rules.explain(line, ours, theirs)
        if rule is None:
            difference = Difference(self.played, line, ours, theirs)
            if not self.survey:
                raise difference
            self.surveyed.setdefault(line.register, [0, difference])[0] += 1
            return
        self.accepted[rule] = self.accepted.get(rule, 0) + 1
