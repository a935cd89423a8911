"""The steps of a test run; each returns a Tally."""
import hashlib
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .shell import BUILD, CORES, LINTED, REPO, Step, run, say, sources
from .tally import Tally

CODE = ("*.cpp", "*.hpp", "*.c")


def formatting():
    with Step("format", "5 s"):
        status, output = run(["clang-format-14", "--dry-run", "--Werror", *sources(*CODE)])
        if status != 0:
            say(f"clang-format-14 -i mends this:\n{output[-3000:]}")
        return Tally.one("format", status == 0)


def build(preset, usual):
    with Step(f"build {preset}", usual):
        for command in (["cmake", "--preset", preset], ["cmake", "--build", "--preset", preset]):
            status, output = run(command)
            if status != 0:
                say(f"{' '.join(command)} failed:\n{output[-6000:]}")
                return Tally.one(f"build {preset}", False)
    return Tally.one(f"build {preset}", True)


def unit_gcc():
    return build_and_test("dev", "4 minutes the first time, seconds later")


def unit_clang():
    return build_and_test("dev-clang", "4 minutes the first time, seconds later")


def build_and_test(preset, usual):
    total = build(preset, usual)
    if total.failed:
        return total
    with Step(f"unit tests {preset}", "30 s"):
        status, listing = run(["ctest", "--test-dir", BUILD / preset, "--show-only=json-v1"])
        if status != 0:
            return Tally.one(f"list of tests {preset}", False)
        programs = [(test["name"], test["command"], shard) for test in json.loads(listing)["tests"]
                    for shard in range(CORES if Path(test["command"][0]).name.startswith("tests_") else 1)]
        with ThreadPoolExecutor(CORES) as pool:
            for tally in pool.map(lambda program: run_program(preset, *program), programs):
                total += tally
    return total


def run_program(preset, name, command, shard):
    """A share of a GoogleTest program's tests, by its own count; any other program is one test."""
    name = f"{preset}/{name}"
    environment = dict(os.environ, GTEST_TOTAL_SHARDS=str(CORES), GTEST_SHARD_INDEX=str(shard))
    try:
        status, output = run(command, timeout=600, env=environment)
    except subprocess.TimeoutExpired:
        say(f"{name} did not end within 600 s")
        return Tally.one(name, False)

    def count(word):
        return sum(int(n) for n in re.findall(rf"^\[ +{word} +\] (\d+) tests?[.,]", output, re.MULTILINE))

    passed, failed, skipped = count("PASSED"), count("FAILED"), count("SKIPPED")
    if passed + failed == 0:
        if status != 0:
            say(f"{name} failed:\n{output[-3000:]}")
        return Tally.one(name, status == 0)
    failures = re.findall(r"^\[  FAILED  \] ([^\s,]+)", output, re.MULTILINE)
    failures = sorted({f"{name} {test}" for test in failures if "." in test})
    if status != 0 and failed == 0:  # a sanitizer's report at the end, a crash
        failed, failures = 1, [f"{name} (exit status {status})"]
    if failed:
        say(f"{name} failed:\n{output[-6000:]}")
    skips = sorted({f"{name} {test}" for test in re.findall(r"^\[  SKIPPED \] (\S+\.\S+)$", output, re.MULTILINE)})
    return Tally(passed, failed, skipped, failures, skips)


def release():
    return build("release", "5 minutes the first time, 2 after a change")


def configure_clang():
    status, output = run(["cmake", "--preset", "dev-clang"])
    if status != 0:
        say(output[-3000:])
    return Tally.one("configure dev-clang", status == 0)


def lint():
    """clang-tidy on each file whose text, headers' text or rules changed since it last passed, here or in another clone."""
    files = sources("dm/*.cpp", "firmware/*.cpp", "tests/*.cpp", "tools/*.cpp")
    compiled = {entry["file"] for entry in json.loads((BUILD / "dev-clang/compile_commands.json").read_text())}
    files = [name for name in files if str(REPO / name) in compiled]
    LINTED.mkdir(parents=True, exist_ok=True)

    def stamp(name):
        digest = hashlib.sha256((REPO / ".clang-tidy").read_bytes())
        for part in sorted(includes(name)):
            digest.update(part.encode() + (REPO / part).read_bytes())
        return LINTED / f"{name.replace('/', '-')}.{digest.hexdigest()[:16]}"

    todo = [name for name in files if not stamp(name).exists()]
    bad = []
    with Step(f"clang-tidy on {len(todo)} of {len(files)} files", "6 minutes for all"):

        def check(name):
            status, output = run(["clang-tidy-14", "-p", BUILD / "dev-clang", "--quiet", REPO / name])
            if status == 0:
                stamp(name).touch()
            else:
                bad.append(name)
                say(f"{name}:\n{output[-3000:]}")

        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(check, todo))
    return Tally(len(files) - len(bad), len(bad), 0, [f"lint {name}" for name in bad])


def includes(name):
    """The file and all of ours that it includes, directly or not."""
    found, todo = set(), [name]
    while todo:
        part = todo.pop()
        if part not in found and (REPO / part).is_file():
            found.add(part)
            todo += re.findall(r'^#include "(.*)"', (REPO / part).read_text(), re.MULTILINE)
    return found


def lab():
    with Step("lab", "30 minutes, 15 more when it is built first"):
        process = subprocess.Popen([REPO / "tools/lab", "run"], cwd=REPO, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
        status = process.wait()
        run([REPO / "tools/lab", "stop"])
    return lab_tally(lines, status)


def lab_tally(lines, status):
    found = [re.search(r"(\d+) passed, (\d+) failed, (\d+) skipped", line) for line in lines]
    counts = next((match for match in reversed(found) if match), None)
    if counts is None:
        return Tally.one(f"lab (exit status {status}, no count)", False)
    passed, failed, skipped = (int(n) for n in counts.groups())
    failures = [f"lab {m[1]}" for m in (re.match(r"failed +(\S+)", line) for line in lines) if m]
    skips = [f"lab {m[1]}: {m[2]}" for m in (re.match(r"skipped +(\S+) +\S+ \S+ +(.*)", line) for line in lines) if m]
    if status != 0 and failed == 0:
        failed, failures = 1, [f"lab (exit status {status})"]
    return Tally(passed, failed, skipped, failures, skips)
