"""Reads the text of a VGA text mode from a screenshot, with the font that the packaged VGA BIOS contains.

As a command: python3 screen.py SHOT.ppm [OUT.png]   prints the text, and converts the picture.
"""
import functools
import struct
import sys
import zlib
from pathlib import Path

VGA_BIOS = Path("/usr/share/seabios/vgabios-stdvga.bin")
GLYPH_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
GLYPH_B = bytes.fromhex("0000fc6666667c66666666fc00000000")
ROWS = 16
TOLERANCE = 12  # pixels that may differ: the cursor covers up to two or three rows of its cell
PNG = b"\x89PNG\r\n\x1a\n"


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _each_byte(first, second, length, operation):
    """Adds or subtracts two rows byte by byte, as one large number each."""
    high = int.from_bytes(b"\x80" * length, "little")
    if operation == "+":
        return ((first & ~high) + (second & ~high)) ^ ((first ^ second) & high)
    return ((first | high) - (second & ~high)) ^ (~(first ^ second) & high)


def _differences(row):
    """PNG's filter 1: what each pixel differs in from the one on its left."""
    number = int.from_bytes(row, "little")
    left = number << 24 & (1 << 8 * len(row)) - 1
    return _each_byte(number, left, len(row), "-").to_bytes(len(row), "little")


def _sums(row):
    number, step, mask = int.from_bytes(row, "little"), 24, (1 << 8 * len(row)) - 1
    while step < 8 * len(row):
        number = _each_byte(number, number << step & mask, len(row), "+")
        step *= 2
    return number.to_bytes(len(row), "little")


class Picture:
    """An RGB picture; `pixels` holds three bytes each, row by row."""

    def __init__(self, width, height, pixels, path=None):
        self.width, self.height, self.pixels, self.path = width, height, pixels, path

    @classmethod
    def load(cls, path):
        """Reads a binary PPM file."""
        data = Path(path).read_bytes()
        words, position = [], 0
        while len(words) < 4:
            end = min(i for i in (data.find(b" ", position), data.find(b"\n", position)) if i >= 0)
            words.append(data[position:end])
            position = end + 1
        if words[0] != b"P6" or words[3] != b"255":
            raise ValueError(f"{path} is not a binary PPM with 255 levels")
        return cls(int(words[1]), int(words[2]), data[position:], Path(path))

    def crop(self, x, y, width, height):
        rows = (self.pixels[(row * self.width + x) * 3:(row * self.width + x + width) * 3] for row in range(y, y + height))
        return Picture(width, height, b"".join(rows))

    def save_png(self, path):
        """With a palette where its colours fit into one."""
        colours = sorted(set(self.each_pixel())) if len(self.pixels) < 3 << 20 else []
        if 0 < len(colours) <= 256:
            depth = next(bits for bits in (1, 2, 4, 8) if len(colours) <= 1 << bits)
            kind, palette, lines = 3, _chunk(b"PLTE", b"".join(colours)), self._indexed_lines(colours, depth)
        else:
            depth, kind, palette, lines = 8, 2, b"", (b"\1" + _differences(row) for row in self._rows())
        packed = zlib.compress(b"".join(lines), 9)
        header = struct.pack(">IIBBBBB", self.width, self.height, depth, kind, 0, 0, 0)
        Path(path).write_bytes(PNG + _chunk(b"IHDR", header) + palette + _chunk(b"IDAT", packed) + _chunk(b"IEND", b""))

    def _rows(self):
        return (self.pixels[row * self.width * 3:(row + 1) * self.width * 3] for row in range(self.height))

    def _indexed_lines(self, colours, depth):
        index = {colour: bytes([i]) for i, colour in enumerate(colours)}
        pixels, together = b"".join(map(index.__getitem__, self.each_pixel())), 8 // depth
        for row in range(self.height):
            line = pixels[row * self.width:(row + 1) * self.width]
            line += bytes(-len(line) % together)
            yield b"\0" + bytes(sum(line[i + n] << (8 - depth * (n + 1)) for n in range(together))
                                for i in range(0, len(line), together)) if together > 1 else b"\0" + line

    @classmethod
    def load_png(cls, path):
        """Reads what save_png() has written."""
        data, chunks = Path(path).read_bytes(), {}
        position = len(PNG)
        while position < len(data):
            length, kind = struct.unpack_from(">I4s", data, position)
            chunks[kind] = data[position + 8:position + 8 + length]
            position += length + 12
        width, height, depth, kind = struct.unpack_from(">IIBB", chunks[b"IHDR"])
        together = 8 // depth
        stride = width * 3 if kind == 2 else (width + together - 1) // together
        lines = zlib.decompress(chunks[b"IDAT"])
        rows = (lines[row * (stride + 1) + 1:(row + 1) * (stride + 1)] for row in range(height))
        if kind == 2:
            return cls(width, height, b"".join(map(_sums, rows)), Path(path))
        palette = [chunks[b"PLTE"][i:i + 3] for i in range(0, len(chunks[b"PLTE"]), 3)] + [b"\0\0\0"] * (1 << depth)
        several = [b"".join(palette[byte >> (8 - depth * (n + 1)) & ((1 << depth) - 1)] for n in range(together))
                   for byte in range(256)]
        return cls(width, height, b"".join(b"".join(map(several.__getitem__, row))[:width * 3] for row in rows), Path(path))

    def each_pixel(self):
        pixels = self.pixels
        return (pixels[i:i + 3] for i in range(0, len(pixels), 3))

    def remove(self):
        if self.path:
            self.path.unlink(missing_ok=True)

    def colours(self):
        """How many different colours it has."""
        return len(set(self.each_pixel()))


@functools.lru_cache
def font():
    """{16 glyph rows: character} of the 8x16 font."""
    bios = VGA_BIOS.read_bytes()
    at = bios.find(GLYPH_A + GLYPH_B)
    if at < 0:
        raise RuntimeError(f"no 8x16 font found in {VGA_BIOS}; reinstall the package seabios")
    start = at - ord("A") * ROWS
    glyphs = {}
    for code in [*range(32, 127), *range(1, 32), *range(127, 256)]:  # printable ones win when glyphs look the same
        glyph = bios[start + code * ROWS:start + (code + 1) * ROWS]
        glyphs.setdefault(glyph, bytes([code]).decode("cp437") if code >= 32 else "\u00b7")
    return glyphs


def read_text(picture):
    """The screen's lines without trailing blanks; an empty list when the size fits no text mode."""
    width = 9 if picture.width % 9 == 0 and picture.height == 400 and picture.width in (360, 720) else 8
    if picture.width % width or picture.height < ROWS:
        return []
    lines = []
    for top in range(0, picture.height - ROWS + 1, ROWS):
        rows = [picture.pixels[(top + row) * picture.width * 3:(top + row + 1) * picture.width * 3] for row in range(ROWS)]
        cells = (tuple(row[x * 3:(x + 8) * 3] for row in rows) for x in range(0, picture.width, width))
        lines.append("".join(map(read_cell, cells)).rstrip())
    return lines


@functools.lru_cache(maxsize=100000)
def read_cell(rows):
    """The character in a cell given as 16 strings of 8 RGB pixels; any two colours, either may be the ink."""
    first = rows[0][:3]
    if all(row == first * 8 for row in rows):
        return " "
    masks = bytes(sum(0x80 >> x for x in range(8) if row[x * 3:x * 3 + 3] != first) for row in rows)
    inverse = bytes(mask ^ 0xFF for mask in masks)
    known = font()
    for glyph in (masks, inverse):
        if glyph in known:
            return known[glyph]
    distance, character = min((min(_difference(glyph, masks), _difference(glyph, inverse)), character)
                              for glyph, character in known.items())
    return character if distance <= TOLERANCE else "\ufffd"


def _difference(glyph, other):
    return (int.from_bytes(glyph, "big") ^ int.from_bytes(other, "big")).bit_count()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    shot = Picture.load(sys.argv[1])
    print("\n".join(read_text(shot)))
    if len(sys.argv) == 3:
        shot.save_png(sys.argv[2])
