"""Which image formats are read, told by content, and what is said of any other file."""

from __future__ import annotations

import importlib
import io
import struct
from functools import cache

from PIL import Image, ImageFile, UnidentifiedImageError, features

from convladder.core.errors import UnreadableImage
from convladder.data.decoding import deep_images

SUFFIXES = {  # by which a name says a format, also one that cannot be read
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "TGA": (".tga", ".icb", ".vda", ".vst"),
    "AVIF": (".avif", ".avifs"),
    "HEIF": (".heic", ".heif", ".hif"),
    "SVG": (".svg",),
    "PDF": (".pdf",),
}
OPTIONAL = {"WEBP": "webp", "JPEG2000": "jpg_2000", "AVIF": "avif"}  # a Pillow may be built without
FORMATS = tuple(
    name
    for name in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "TGA", "AVIF")
    if name not in OPTIONAL or features.check(OPTIONAL[name])
)
HEIC, HEIC_MODULES = "HEIF", ("pi_heif", "pillow_heif")  # of the extra; the other does too

_READ = {suffix for name in FORMATS for suffix in SUFFIXES[name]}
_JPEG_START = b"\xff\xd8\xff"
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Truevision's specification 2.0: no mark at the start
_TARGA_HEAD = struct.Struct("<BBB5xxxxxHHBB")
_TARGA_END = b"TRUEVISION-XFILE.\0"
_TARGA_KINDS, _TARGA_BITS = (1, 2, 3, 9, 10, 11), (8, 16, 24, 32)


def open_image(content: bytes) -> ImageFile.ImageFile:
    """Open an image file. Raises UnreadableImage, and what Pillow raises of a broken one."""
    formats = [FORMATS[0]] if content.startswith(_JPEG_START) else [*FORMATS]
    if "TGA" in formats and not _is_targa(content):
        formats.remove("TGA")
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS and reads_heic():
        formats.append(HEIC)
    try:
        return Image.open(io.BytesIO(content), formats=formats)
    except UnidentifiedImageError:
        raise UnreadableImage("unsupported", _say_what(content)) from None


def reads_suffix(suffix: str) -> bool:
    """Whether a suffix, in small letters with its dot, is of a format that can be read here."""
    return suffix in _READ or (suffix in SUFFIXES[HEIC] and reads_heic())


@cache
def reads_heic() -> bool:
    """Whether something is installed that reads HEIC; Pillow knows of it then."""
    for name in HEIC_MODULES:
        try:
            importlib.import_module(name).register_heif_opener()
        except ImportError:
            continue
        return True
    return False


def _say_what(content: bytes) -> str:
    bands = deep_images.say_bands(content)
    if bands is not None:
        return bands
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS and not reads_heic():
        return "a HEIC file: pip install 'convladder[heic]', or convert it"
    return f"not one of {', '.join(FORMATS)}: convert it"


def _is_targa(content: bytes) -> bool:
    """Whether a file may be Targa: it says so at its end, or its head and its length agree."""
    if len(content) <= 18:
        return False
    if content.endswith(_TARGA_END):
        return True
    note, palette, kind, width, height, bits, _ = _TARGA_HEAD.unpack(content[:18])
    if (
        palette not in (0, 1)
        or kind not in _TARGA_KINDS
        or bits not in _TARGA_BITS
        or (kind % 8 == 1) != palette
    ):
        return False
    return bool(kind > 8 or len(content) >= 18 + note + width * height * bits // 8)
