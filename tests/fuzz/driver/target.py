"""One fuzz target: where its inputs are, and how it is run."""
import contextlib
import fcntl
import os
import resource
import shutil
import struct
import subprocess
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
FUZZ = REPO / "tests/fuzz"
BUILD = REPO / "build/fuzz"
PROGRAM = BUILD / "tests/fuzz/hvmdm-fuzz"
CORPUS_BYTES = 100 * 1024  # of one target, committed
LONGEST = 4096             # bytes of one input
MEMORY_MB = 1024           # of a target's process, with sanitizers
PATIENCE_S = 3600          # one input, of a clock that goes on while the process is stopped: the frame bounds processor time

# Stacks of few frames and no leak check at each input: twice as fast. The replay in every test run checks for leaks.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=0:malloc_context_size=8:allocator_may_return_null=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def names():
    """As the sources are called: uart16550_fuzz.cpp is target uart16550."""
    return sorted(source.name[:-len("_fuzz.cpp")].replace("_", "-") for source in FUZZ.glob("*_fuzz.cpp"))


@contextlib.contextmanager
def alone():
    """Several targets may be fuzzed at the same time: one of them builds, or writes the ledger."""
    folder = os.open(FUZZ, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def build():
    """Configures and builds; the compiler's output is shown only when it fails."""
    with alone():
        for command in (["cmake", "--preset", "fuzz"],
                        ["cmake", "--build", "--preset", "fuzz", "-j", str(os.cpu_count() or 1), "--target", PROGRAM.name]):
            done = subprocess.run(command, cwd=REPO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace")
            if done.returncode != 0:
                raise SystemExit(f"{done.stdout[-6000:]}\nfuzz: error: {' '.join(command)} failed")


class Run:
    """What one run of a target's program did."""

    def __init__(self, status, output, operations, inputs, cpu_s, wall_s):
        self.found, self.output = status != 0, output
        self.operations, self.inputs, self.cpu_s, self.wall_s = operations, inputs, cpu_s, wall_s


class Target:
    def __init__(self, name):
        self.name = name
        self.environment = {**os.environ, "HVMDM_FUZZ_TARGET": name}
        self.committed = FUZZ / "corpus" / name
        self.seeds = FUZZ / "seeds" / name
        self.work = BUILD / "fuzzing" / name   # nothing in it is needed: deleting it starts afresh
        self.found = self.work / "corpus"      # inputs of earlier runs here
        self.made = self.work / "seeds"        # bytes of the seeds
        self.crashes = self.work / "crashes"

    def prepare(self):
        for folder in (self.found, self.made, self.crashes):
            folder.mkdir(parents=True, exist_ok=True)
        for old in self.made.iterdir():
            old.unlink()
        self.tool("--seeds", self.seeds, self.made)

    def tool(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=self.environment)
        if done.returncode != 0:
            raise SystemExit(f"fuzz: error: {self.name}: {done.stderr.strip()}")
        return done.stdout

    def dictionary(self):
        """The committed one of a text format, or the operations of the seeds."""
        written = FUZZ / "dictionaries" / f"{self.name}.dict"
        if written.exists():
            return [f"-dict={written}"]
        words = self.work / "dictionary"
        text = self.tool("--dictionary", self.seeds)
        words.write_text(text)
        return [f"-dict={words}"] if text else []

    def run(self, *arguments, environment=None, show=False):
        """The program under libFuzzer's arguments. Counts what it did even when it crashed."""
        self.work.mkdir(parents=True, exist_ok=True)
        stats = self.work / "stats"
        stats.unlink(missing_ok=True)
        log = self.work / "log"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = os.times().elapsed
        with log.open("w") as out:
            done = subprocess.run([str(part) for part in (PROGRAM, *arguments)], cwd=REPO, stdin=subprocess.DEVNULL,
                                  stdout=None if show else out, stderr=None if show else subprocess.STDOUT,
                                  env={**self.environment, **SANITIZERS, "HVMDM_FUZZ_STATS": str(stats), **(environment or {})})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        inputs, operations = struct.unpack("QQ", stats.read_bytes()) if stats.exists() else (0, 0)
        return Run(done.returncode, log.read_text(errors="replace"), operations, inputs, cpu,
                   os.times().elapsed - began)

    def fuzz(self, seconds):
        folders = [folder for folder in (self.found, self.made, self.committed) if folder.exists()]
        return self.run(f"-max_len={LONGEST}", f"-timeout={PATIENCE_S}", f"-rss_limit_mb={MEMORY_MB}",
                        f"-malloc_limit_mb={MEMORY_MB}", f"-artifact_prefix={self.crashes}/", "-print_funcs=0", *self.dictionary(), *folders,
                        environment={"HVMDM_FUZZ_SECONDS": str(seconds)})

    def reproduce(self, file):
        return self.run(file, environment={"HVMDM_FUZZ_TRACE": "1"}, show=True)

    def shrink(self, file, seconds):
        """A smaller input with the same end, beside the crash."""
        smaller = file.with_name(file.name + ".small")
        self.run("-minimize_crash=1", f"-max_total_time={seconds}", f"-exact_artifact_path={smaller}", file)
        return smaller if smaller.exists() else None

    def minimise(self):
        """Replaces the committed corpus by few inputs that reach as much code: how many are kept, how many do."""
        chosen = self.work / "chosen"
        shutil.rmtree(chosen, ignore_errors=True)
        chosen.mkdir(parents=True)
        folders = [folder for folder in (self.committed, self.made, self.found) if folder.exists()]
        done = self.run("-set_cover_merge=1", "-use_counters=0", f"-rss_limit_mb={MEMORY_MB}", chosen, *folders)
        if done.found:
            raise SystemExit(f"{done.output[-3000:]}\nfuzz: error: {self.name}: merging failed")
        inputs = sorted(chosen.iterdir(), key=lambda file: file.stat().st_size)
        shutil.rmtree(self.committed, ignore_errors=True)
        self.committed.mkdir(parents=True)
        kept = total = 0
        for file in inputs:
            total += file.stat().st_size
            if total > CORPUS_BYTES:
                break
            shutil.copyfile(file, self.committed / file.name[:16])
            kept += 1
        return kept, len(inputs)
