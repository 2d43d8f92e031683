"""Tables with borders, as Proxmox VE's programs draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cell = tuple[str, ...]  # its lines


@dataclass(frozen=True)
class Column:
    """A column's title, its greatest width (0 is unlimited), and whether it is flush right."""

    title: str
    limit: int = 0
    right: bool = False


@dataclass(frozen=True)
class _Line:
    """The characters of a horizontal line: left, between columns, right, and the line itself."""

    left: str
    middle: str
    right: str
    dash: str

    def draw(self, widths: Sequence[int]) -> str:
        parts = [self.dash * (width + 2) for width in widths]
        return self.left + self.middle.join(parts) + self.right


@dataclass(frozen=True)
class _Frame:
    top: _Line
    head: _Line
    between: _Line
    bottom: _Line
    side: str


_BOX = _Frame(
    _Line("┌", "┬", "┐", "─"),
    _Line("╞", "╪", "╡", "═"),
    _Line("├", "┼", "┤", "─"),
    _Line("└", "┴", "┘", "─"),
    "│",
)
_PLAIN = _Line("+", "+", "+", "-")
_ASCII = _Frame(_PLAIN, _Line("+", "+", "+", "="), _PLAIN, _PLAIN, "|")


def draw(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    border: bool = True,
    header: bool = True,
    utf8: bool = True,
) -> str:
    """Return a table; without a UTF-8 locale its lines are ASCII and other letters are ``?``."""
    widths = [_width(column, [row[i] for row in rows]) for i, column in enumerate(columns)]
    texts = [_lines(columns, widths, row, border=border) for row in rows]
    titles = _lines(columns, widths, [(column.title,) for column in columns], border=border)
    if not border:
        lines = [*(titles if header else ()), *(line for text in texts for line in text)]
    else:
        frame = _BOX if utf8 else _ASCII
        lines = _framed(frame, widths, titles if header else [], texts)
    drawn = "".join(f"{line}\n" for line in lines)
    return drawn if utf8 else drawn.encode("ascii", "replace").decode()


def _width(column: Column, cells: Sequence[Cell]) -> int:
    widest = max([len(column.title), *(len(line) for cell in cells for line in cell)])
    return min(widest, column.limit or widest)


def _lines(
    columns: Sequence[Column], widths: Sequence[int], row: Sequence[Cell], *, border: bool
) -> list[str]:
    return [
        (_framed_line if border else _bare_line)(columns, widths, [_part(c, n) for c in row])
        for n in range(max([1, *map(len, row)]))
    ]


def _part(cell: Cell, number: int) -> str:
    return cell[number] if number < len(cell) else ""


def _framed_line(columns: Sequence[Column], widths: Sequence[int], parts: Sequence[str]) -> str:
    return (
        "\0" + "\0".join(f" {_padded(c, w, p)} " for c, w, p in _zip(columns, widths, parts)) + "\0"
    )


def _bare_line(columns: Sequence[Column], widths: Sequence[int], parts: Sequence[str]) -> str:
    padded = [_padded(c, w, p) for c, w, p in _zip(columns, widths, parts)]
    return " ".join([*padded[:-1], parts[-1][: widths[-1]]])


def _zip(
    columns: Sequence[Column], widths: Sequence[int], parts: Sequence[str]
) -> zip[tuple[Column, int, str]]:
    return zip(columns, widths, parts, strict=True)


def _padded(column: Column, width: int, text: str) -> str:
    # A title is not cut, only the values are.
    text = text if text == column.title else text[:width]
    return text.rjust(width) if column.right else text.ljust(width)


def _framed(
    frame: _Frame, widths: Sequence[int], titles: Sequence[str], texts: Sequence[Sequence[str]]
) -> list[str]:
    lines = [frame.top.draw(widths), *titles]
    for number, text in enumerate(texts):
        if titles or number:
            lines.append((frame.between if number else frame.head).draw(widths))
        lines += text
    lines.append(frame.bottom.draw(widths))
    return [line.replace("\0", frame.side) for line in lines]
