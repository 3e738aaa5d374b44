"""Makes tests/unit/image/data: what Pillow resizes, and picture files of kinds our encoders do not write.

Usage: pictures.py FOLDER      needs Pillow (made with 13.0.0); the same Pillow gives the same bytes
"""

import io
import json
import sys
from pathlib import Path

from PIL import Image


def noise(width, height):
    """Bytes that no filter leaves alone: a 32-bit congruential generator, high byte."""
    state, out = 1, bytearray()
    for _ in range(width * height * 3):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(state >> 24)
    return Image.frombytes("RGB", (width, height), bytes(out))


def resizes():
    filters = {"lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR}
    rows = []
    for name, kind in filters.items():
        for source, target in [((9, 7), (18, 14)), ((9, 7), (4, 3)), ((16, 5), (7, 11)), ((13, 12), (13, 5))]:
            out = noise(*source).resize(target, kind)
            rows.append({"filter": name, "from": source, "to": target, "pixels": out.tobytes().hex()})
    return rows


def corners():
    """Red, green, blue and white quarters in a picture of 24x16, so that every turn is seen."""
    picture = Image.new("RGB", (24, 16))
    for x in range(24):
        for y in range(16):
            picture.putpixel((x, y), ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))[(x >= 12) + 2 * (y >= 8)])
    return picture


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resized.json").write_text(json.dumps(resizes(), indent=0) + "\n")
    files = {}
    turned = Image.Exif()
    turned[0x0112] = 6
    commented = Image.Exif()
    commented[0x010F] = 'workflow:{"a":1}'
    commented.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "1girl, 青い\nSteps: 20".encode("utf-16-be")

    def save(name, picture, kind, **options):
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        files[name] = buffer.getvalue()

    save("grey.jpg", corners().convert("L"), "JPEG", quality=95)
    save("cmyk.jpg", corners().convert("CMYK"), "JPEG", quality=95)
    save("rgb.bmp", corners(), "BMP")
    save("palette.bmp", corners().convert("P", palette=Image.Palette.ADAPTIVE, colors=8), "BMP")
    save("bits.bmp", corners().convert("1", dither=Image.Dither.NONE), "BMP")
    see_through = corners().convert("RGBA")
    see_through.putalpha(Image.new("L", see_through.size, 77))
    save("alpha.bmp", see_through, "BMP")
    few = corners().convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    save("plain.gif", few, "GIF", interlace=0)
    save("interlaced.gif", few, "GIF", interlace=1)
    many = noise(61, 47).convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    save("noise.gif", many, "GIF", interlace=0)
    save("noise.png", many.convert("RGB"), "PNG")
    save("animated.gif", few, "GIF", save_all=True, append_images=[few.transpose(Image.Transpose.ROTATE_180)])
    save("animated.png", corners(), "PNG", save_all=True, append_images=[corners().transpose(Image.Transpose.ROTATE_180)])
    save("progressive.jpg", corners(), "JPEG", quality=95, progressive=True)
    save("turned.jpg", corners(), "JPEG", quality=95, exif=turned)
    save("turned.png", corners(), "PNG", exif=turned)
    save("turned.webp", corners(), "WEBP", lossless=True, exif=turned)
    save("a1111.jpg", corners(), "JPEG", quality=95, exif=commented)
    save("a1111.webp", corners(), "WEBP", quality=90, exif=commented)
    alpha = corners().convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize((24, 16)))
    save("alpha.webp", alpha, "WEBP", lossless=True)
    save("animated.webp", corners(), "WEBP", save_all=True, append_images=[corners().rotate(180)], lossless=True)
    save("palette.png", corners().convert("P"), "PNG")
    for name, data in files.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
