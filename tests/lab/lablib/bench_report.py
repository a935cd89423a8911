"""Figures of several rounds as a table, as JSON and as a picture."""
import json
import statistics
from dataclasses import dataclass


@dataclass
class Row:
    key: str
    what: str
    unit: str
    digits: int = 1
    limit: str = ""  # key of the figure that shows the least possible


BOOT_ROWS = [
    Row("start", "device model started to `running`", "ms", 0),
    Row("seabios", "`xl create` to SeaBIOS on the screen", "s", 2),
    Row("grub", "`xl create` to GRUB's menu", "s"),
    Row("linux", "`xl create` to Linux user space (GRUB waits 1 s)", "s"),
    Row("cpu", "the device model's CPU time until then", "s", 2),
    Row("device_p50", "one port access, median", "µs", 0, "limit_p50"),
    Row("device_p99", "one port access, p99", "µs", 0, "limit_p99"),
    Row("uss", "memory of its own (USS), guest idle", "MiB"),
    Row("dirty", "of it written: what each further guest costs", "MiB"),
    Row("pss", "the same with its part of what is shared (PSS)", "MiB"),
    Row("rss", "resident memory (RSS)", "MiB"),
    Row("binary", "binary", "MiB", 2),
    Row("libraries", "shared libraries", "", 0),
    Row("libraries_seen", "after a viewer", "", 0),
    Row("wakeups", "wake-ups a second, guest idle, no viewer", "1/s"),
    Row("idle_cpu", "CPU time a second meanwhile", "ms/s", 2),
]


STORAGE_ROWS = [
    Row("int13", "1 MiB by INT 13h, as boot loaders read", "ms", 0),
    Row("read", "1 MiB by DMA, 64 KiB requests", "ms", 2),
    Row("write", "the same, written", "ms", 2),
    Row("random-read", "4 KiB at random", "µs", 0),
    Row("random-write", "4 KiB at random, written", "µs", 0),
    Row("cd", "1 MiB of a CD by DMA", "ms", 2),
    Row("read_cpu", "the device model's CPU time for 1 GiB read by DMA", "s", 2),
    Row("write_cpu", "the same, written", "s", 2),
    Row("random-read_cpu", "the same for 1000 random reads", "ms", 1),
]


NETWORK_ROWS = [
    row for card in ("rtl8139", "e1000") for row in (
        Row(f"{card}_out", f"{card}: 1 MiB by TCP from the guest", "ms"),
        Row(f"{card}_in", f"{card}: 1 MiB by TCP to the guest", "ms"),
        Row(f"{card}_ping", f"{card}: ping, mean", "ms", 2),
        Row(f"{card}_out_cpu", f"{card}: the device model's CPU time for that, from the guest", "ms"),
        Row(f"{card}_in_cpu", f"{card}: the same to the guest", "ms"),
    )
]


DISPLAY_ROWS = [
    *(Row(f"quiet_{quiet}_{part}", f"change to viewer after {quiet} s of quiet, {words}", "ms", 1)
      for quiet in (0, 5, 60, 130) for part, words in (("p50", "median"), ("p99", "p99"), ("max", "longest"))),
    Row("siege_0_p50", "the same with 64 hostile viewers, no quiet, median", "ms", 1),
    Row("siege_0_p99", "p99", "ms", 1),
    Row("siege_5_p50", "after 5 s of quiet, median", "ms", 1),
    Row("siege_5_p99", "p99", "ms", 1),
    Row("port_p50", "one port access of the guest (mean of 100), median", "µs", 0),
    Row("port_p99", "p99", "µs", 0),
    Row("siege_port_p50", "the same with 64 hostile viewers, median", "µs", 0),
    Row("siege_port_p99", "p99", "µs", 0),
    Row("alone_wakeups", "wake-ups a second, guest at rest, no viewer", "1/s"),
    Row("alone_cpu", "CPU time a second meanwhile", "ms/s", 2),
    Row("watched_wakeups", "wake-ups a second, guest at rest, one viewer", "1/s"),
    Row("watched_cpu", "CPU time a second meanwhile", "ms/s", 2),
    *(Row(f"{name}_{encoding}_{figure}", f"{what}, {encoding.capitalize()}: {words}", unit, 1)
      for name, what in (("text", "text scrolls by a line"), ("video", "a picture of 320x200, noise"))
      for encoding in ("raw", "hextile", "zrle", "tight")
      for figure, words, unit in (("bytes", "sent", "kB"), ("cpu", "CPU time", "ms"))),
]


INPUT_ROWS = [
    *(Row(f"{name}_{figure}", f"{what}: {words}", unit, digits)
      for name, what in (("alone", "tablet open, guest at rest, no viewer"), ("watched", "the same with a viewer"),
                         ("asleep", "the guest lets the tablet sleep, no viewer"))
      for figure, words, unit, digits in (("wakeups", "wake-ups a second", "1/s", 1), ("cpu", "CPU time a second", "ms/s", 2))),
]


LIFE_ROWS = [
    Row("state", "device state", "KiB"),
    Row("save", "`xl save`", "ms", 0),
    Row("restore", "`xl restore`", "ms", 0),
    Row("migrate", "`xl migrate`, to the same host", "ms", 0),
    Row("downtime", "the guest stands still meanwhile", "ms", 0),
]


def p95(values):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]


def summary(rows, rounds):
    """{device model: [figures of a round]} as [{row, model: {median, p95}, limit, ratio}]."""
    lines = []
    for row in rows:
        line = {"key": row.key, "what": row.what, "unit": row.unit}
        for model, figures in rounds.items():
            values = [figure[row.key] for figure in figures]
            line[model] = {"median": statistics.median(values), "p95": p95(values), "values": values}
        if row.limit:
            line["limit"] = statistics.median(figure[row.limit] for figures in rounds.values() for figure in figures)
        if len(rounds) == 2:
            first, second = (line[model]["median"] for model in rounds)
            if first > 0:
                line["ratio"] = second / first
        lines.append(line)
    return lines


def table(rows_of, lines, models):
    """Markdown."""
    heads = ["", *(f"{model} (p95)" for model in models), "limit", f"{models[-1]} / {models[0]}" if len(models) == 2 else ""]
    rows = []
    for row, line in zip(rows_of, lines):
        def number(value):
            return f"{value:.{row.digits}f}"
        cells = [f"{number(line[m]['median'])} ({number(line[m]['p95'])}) {row.unit}".rstrip() for m in models]
        limit = f"{number(line['limit'])} {row.unit}" if "limit" in line else ""
        rows.append([row.what, *cells, limit, f"{line['ratio']:.2f}" if "ratio" in line else ""])
    widths = [max(len(cells[i]) for cells in [heads, *rows]) for i in range(len(heads))]
    def text(cells):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"
    return "\n".join([text(heads), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(text, rows)])


def to_json(lines, about):
    return json.dumps({**about, "rows": lines}, indent=1, ensure_ascii=False) + "\n"


def to_svg(lines, about):
    """Bars: how many times as much the packaged QEMU takes."""
    shown = [line for line in lines if "ratio" in line]
    most = max(line["ratio"] for line in shown)
    height, left, width = 24, 340, 380
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{height * (len(shown) + 2)}" '
             'font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="10" y="17" font-weight="bold">Packaged QEMU / hvmdm: {about["rounds"]} rounds, {about["date"]}</text>']
    for number, line in enumerate(shown, 1):
        y = number * height + 6
        length = max(1, width * line["ratio"] / most)
        colour = "#3a7d44" if line["ratio"] >= 1 else "#b5382a"
        parts.append(f'<text x="10" y="{y + 13}">{line["what"].replace("`", "")}</text>'
                     f'<rect x="{left}" y="{y}" width="{length:.0f}" height="16" fill="{colour}"/>'
                     f'<text x="{left + length + 6:.0f}" y="{y + 13}">{line["ratio"]:.1f}</text>')
    one = left + width / most
    parts.append(f'<line x1="{one:.0f}" y1="{height}" x2="{one:.0f}" y2="{height * (len(shown) + 1) + 6}" stroke="black" stroke-dasharray="3"/>')
    return "\n".join(parts) + "\n</svg>\n"
