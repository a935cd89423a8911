"""How many tests passed, failed and were skipped."""


class Tally:
    def __init__(self, passed=0, failed=0, skipped=0, failures=(), skips=()):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.failures, self.skips = list(failures), list(skips)

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips
        return self

    @staticmethod
    def one(name, ok):
        return Tally(passed=1) if ok else Tally(failed=1, failures=[name])

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
