"""Which font of a report shows which letters: those in the file first, the reader's own for Chinese, Japanese, Korean.

What none of them has is shown as a replacement mark. The text can be found and copied in every case; a reader without
an Eastern font shows a gap in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import reportlab
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

#: Come with reportlab; its own Helvetica is not put into the file.
FONT, BOLD = "Vera", "VeraBd"
#: Letters of Latin, Greek and Cyrillic beyond theirs, in one weight.
WIDE = "NotoSans"
#: Not in the file, which they would make megabytes larger: the program that shows it brings them.
JAPANESE, KOREAN, CHINESE = "HeiseiKakuGo-W5", "HYGothic-Medium", "STSong-Light"
REPLACED = "\ufffd"
_KANA = range(0x3040, 0x3100)
_HANGUL = (range(0x1100, 0x1200), range(0x3130, 0x3190), range(0xAC00, 0xD7A4))
#: Ideographs, kana, their marks and full-width forms.
_EAST = (range(0x2E80, 0xA000), range(0xF900, 0xFB00), range(0xFF00, 0xFFF0), *_HANGUL)


class Run(NamedTuple):
    """A piece of a text, and the font that shows all of it."""

    font: str
    text: str


def register() -> None:
    """Tell reportlab of the fonts; may be called again."""
    known = pdfmetrics.getRegisteredFontNames()
    folder = Path(reportlab.__file__).parent / "fonts"
    files = {name: str(folder / f"{name}.ttf") for name in (FONT, BOLD)}
    files[WIDE] = str(resources.files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf")
    for name, file in files.items():
        if name not in known:
            pdfmetrics.registerFont(TTFont(name, file))
    for name in (JAPANESE, KOREAN, CHINESE):
        if name not in known:
            pdfmetrics.registerFont(UnicodeCIDFont(name))


def runs(text: str, font: str) -> list[Run]:
    """`text` in pieces, most of them in `font`; what no font has is replaced. After `register`."""
    east = _eastern(text)
    placed = (_placed(character, (font, WIDE), east) for character in text)
    return [
        Run(name, "".join(run.text for run in same))
        for name, same in groupby(placed, key=lambda run: run.font)
    ]


def markup(text: str, font: str) -> str:
    """`text` for a Paragraph whose style has `font`."""
    return "".join(
        escape(run.text) if run.font == font else f'<font name="{run.font}">{escape(run.text)}</font>'
        for run in runs(text, font)
    )


def in_one_font(texts: Sequence[str]) -> tuple[str, list[str]]:
    """A font for all of `texts`, where only one can be had: the one that has most of them; the rest is replaced."""
    east = _eastern("".join(texts))
    best = min((FONT, WIDE, east), key=lambda font: _lost("".join(texts), font))
    return best, ["".join(_placed(character, (best,), best).text for character in text) for text in texts]


def _placed(character: str, fonts: Iterable[str], east: str) -> Run:
    for font in fonts:
        if _has(font, character):
            return Run(font, character)
    if _is_eastern(character):
        return Run(east, character)
    return Run(next((font for font in fonts if _has(font, REPLACED)), east), REPLACED)


def _has(font: str, character: str) -> bool:
    face = getattr(pdfmetrics.getFont(font), "face", None)
    letters = getattr(face, "charToGlyph", None)
    if letters is None:
        # An Eastern font: it has the letters that everybody has, too.
        return ord(character) in range(0x20, 0x7F) or _is_eastern(character)
    return ord(character) in letters


def _lost(text: str, font: str) -> int:
    return sum(not _has(font, character) for character in text)


def _is_eastern(character: str) -> bool:
    return any(ord(character) in block for block in _EAST)


def _eastern(text: str) -> str:
    """Whose ideographs a text has, by the letters around them."""
    codes = [ord(character) for character in text]
    if any(code in _KANA for code in codes):
        return JAPANESE
    if any(code in block for code in codes for block in _HANGUL):
        return KOREAN
    return CHINESE
