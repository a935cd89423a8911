"""A guest's shell on its serial line."""


class Shell:
    """Starts the small Linux with a shell; commands go in, what they print and how they end comes out."""

    def __init__(self, lab, name, arguments="loglevel=4", **keys):
        self._lab, self._asked = lab, 0
        self.guest = lab.linux(name, "shell", arguments, direct=True, **keys).create()
        self.ready()

    def ready(self):
        self.guest.expect("GUEST done", 240)

    def run(self, command, seconds=60):
        """What the command prints; it must succeed."""
        found = self._ask(command, seconds)
        self._lab.equal(f"status of {command}", found["status"], "0")
        return found["text"]

    def succeeds(self, command, seconds=60):
        return self._ask(command, seconds)["status"] == "0"

    def _ask(self, command, seconds):
        """A mark of its own tells the command's end."""
        self._asked += 1
        mark = f"END{self._asked}"
        self.guest.send(f"{command}; echo {mark[:1]}''{mark[1:]} $?\n")
        return self.guest.expect(rf"(?s)\n(?P<text>[^\0]*?){mark} (?P<status>\d+)\s", seconds)
