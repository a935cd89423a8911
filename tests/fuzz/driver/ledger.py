"""tests/fuzz/ledger.md: how much each target has run, summed over all runs that somebody committed."""
import datetime
import re

from .target import FUZZ, alone

FILE = FUZZ / "ledger.md"
HEAD = """# What the fuzz targets have done

Written by `tools/fuzz`, which adds each run to its target's row. A device's operation is one access or string of a
guest, one event from the host, a restore or a reset; a parser's is one input. Seconds are of processor time, with
address and undefined-behaviour sanitizers.

| target | runs | operations | seconds | findings | last run | corpus files | corpus KiB |
|---|---:|---:|---:|---:|---|---:|---:|
"""
ROW = re.compile(r"^\| ([a-z0-9-]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([0-9-]+) \|")


def read():
    """Target -> runs, operations, seconds, findings, date of the last run."""
    lines = FILE.read_text().splitlines() if FILE.exists() else []
    rows = [match.groups() for match in map(ROW.match, lines) if match]
    return {name: ([int(n) for n in numbers], date) for name, *numbers, date in rows}


def add(target, run):
    with alone():
        rows = read()
        before, _ = rows.get(target.name, ([0, 0, 0, 0], ""))
        this = (1, run.operations, round(run.cpu_s), int(run.found))
        rows[target.name] = ([a + b for a, b in zip(before, this)], str(datetime.date.today()))
        write(rows)


def write(rows=None):
    """Also brings the columns about the corpora up to date."""
    text = HEAD
    for name, (numbers, date) in sorted((rows or read()).items()):
        files = list((FUZZ / "corpus" / name).glob("*"))
        size = sum(file.stat().st_size for file in files)
        text += f"| {name} | {' | '.join(map(str, numbers))} | {date} | {len(files)} | {size / 1024:.0f} |\n"
    FILE.write_text(text)
