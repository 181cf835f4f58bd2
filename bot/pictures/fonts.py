"""Fonts for pictures: those of the system, and Pillow's own where it has none.

Pillow brings a font with English letters along, so that a picture can always be drawn. Where the
system has no font with Chinese, pictures are in English.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from bot.locale import SOURCE, language

#: Where systems keep fonts.
FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "C:/Windows/Fonts",
)
#: Fonts with the letters of European languages, the best first.
EUROPEAN = (
    "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "DejaVuSans.ttf", "Arial.ttf",
    "arial.ttf", "HelveticaNeue.ttc",
)  # fmt: skip
#: Fonts with Chinese, the best first, and what the name of the face for Simplified Chinese has.
CHINESE = (
    ("NotoSansCJK-Regular.ttc", " SC"),
    ("NotoSansCJKsc-Regular.otf", ""),
    ("NotoSansSC-Regular.*tf", ""),
    ("SourceHanSansSC-Regular.otf", ""),
    ("SourceHanSansCN-Regular.otf", ""),
    ("wqy-microhei.ttc", ""),
    ("wqy-zenhei.ttc", ""),
    ("PingFang.ttc", " SC"),
    ("STHeiti Light.ttc", " SC"),
    ("msyh.ttc", ""),
    ("DroidSansFallback*.ttf", ""),
)
#: Up to here a font of European languages has all letters, and with these signs beyond.
LAST_EUROPEAN, SIGNS = "\u024f", frozenset("…–—“”‘’•·×")
#: What stands for letters that no font has.
UNKNOWN = "?"

Font = ImageFont.FreeTypeFont


def font_for(text: str, size: int) -> Font:
    """A font of `size` pixels that has the letters of `text`, as far as there is one."""
    if text.isascii() or _is_european(text):
        return european_font(size) or own_font(size)
    return chinese_font(size) or european_font(size) or own_font(size)


def drawable(text: str) -> str:
    """`text` with a sign for each letter that cannot be drawn on this machine."""
    if text.isascii() or chinese_font(16) is not None:
        return text
    if european_font(16) is not None:
        return "".join(letter if _is_european(letter) else UNKNOWN for letter in text)
    return "".join(letter if letter.isascii() or letter == "…" else UNKNOWN for letter in text)


def locale_for(locale: str) -> str:
    """The language of a picture for readers of `locale`: English where its letters are lacking."""
    needs_chinese = language(locale).startswith("zh")
    return SOURCE if needs_chinese and chinese_font(16) is None else locale


def fitted(text: str, size: int, width: float) -> str:
    """As much of `text` as fits into `width` pixels, with an ellipsis where it is cut."""
    text = drawable(text)
    font = font_for(text, size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1].rstrip()
    return f"{text}…" if text else ""


@lru_cache(maxsize=32)
def own_font(size: int) -> Font:
    """Pillow's font, which has English."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow is built with FreeType"
    return font


@lru_cache(maxsize=32)
def european_font(size: int) -> Font | None:
    """A font of the system with European letters; None when there is none."""
    return _opened(_first_file(tuple((name, "") for name in EUROPEAN)), size)


@lru_cache(maxsize=32)
def chinese_font(size: int) -> Font | None:
    """A font of the system that has Chinese; None when there is none."""
    return _opened(_first_file(CHINESE), size)


def _opened(found: tuple[Path, int] | None, size: int) -> Font | None:
    return None if found is None else ImageFont.truetype(str(found[0]), size, index=found[1])


@lru_cache(maxsize=4)
def _first_file(wanted: tuple[tuple[str, str], ...]) -> tuple[Path, int] | None:
    """The best of those fonts that the system has, and the number of its face."""
    folders = [Path(folder).expanduser() for folder in FOLDERS]
    for pattern, face in wanted:
        for path in _files(folders, pattern):
            if (number := _face(path, face)) is not None:
                return path, number
    return None


def _files(folders: Iterable[Path], pattern: str) -> Iterable[Path]:
    for folder in folders:
        try:
            yield from sorted(folder.rglob(pattern))
        except OSError:
            continue


def _face(path: Path, name: str) -> int | None:
    """The number of the face whose name has `name`; None when the file is none of ours."""
    for number in range(16):
        try:
            family = ImageFont.truetype(str(path), 16, index=number).getname()[0] or ""
        except OSError:
            return None
        if name in f" {family} ":
            return number
    return None


def _is_european(text: str) -> bool:
    return all(letter <= LAST_EUROPEAN or letter in SIGNS for letter in text)
