"""Makes tests/unit/image/data: what Pillow resizes, and picture files of kinds our encoders do not write.

Usage: pictures.py FOLDER      needs Pillow (made with 13.0.0); the same Pillow gives the same bytes. Its TIFFs are laid
out anew by tiffcp (Debian's libtiff-tools 4.5.0), its AVIFs made by avifenc (libavif-bin 0.11.1): without these, they
are left out.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageCms


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


def tiffs(save):
    """TIFFs in every layout that is read, and some that are refused."""
    see_through = corners().convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize((24, 16)))
    sixteen = Image.new("I;16", (24, 16))
    sixteen.putdata([x * 2730 + y for y in range(16) for x in range(24)])
    sideways = Image.Exif()
    sideways[0x0112] = 6
    save("rgb.tif", corners(), "TIFF")
    save("packbits.tif", corners(), "TIFF", compression="packbits")
    save("deflate.tif", corners(), "TIFF", compression="tiff_adobe_deflate")
    save("palette.tif", corners().convert("P", palette=Image.Palette.ADAPTIVE, colors=8), "TIFF", compression="tiff_lzw")
    save("cmyk.tif", corners().convert("CMYK"), "TIFF", compression="tiff_lzw")
    save("bits.tif", corners().convert("1", dither=Image.Dither.NONE), "TIFF", compression="packbits")
    save("fax.tif", corners().convert("1", dither=Image.Dither.NONE), "TIFF", compression="group4")
    save("jpeg.tif", corners(), "TIFF", compression="jpeg")
    save("alpha.tif", see_through, "TIFF", compression="tiff_lzw")
    save("grey16.tif", sixteen, "TIFF")
    save("turned.tif", corners(), "TIFF", exif=sideways, description='workflow:{"a":1}')
    save("noise.tif", noise(37, 29), "TIFF", compression="tiff_lzw")
    save("pages.tif", corners(), "TIFF", save_all=True, append_images=[corners().rotate(180)])


def laid_out_anew(folder):
    """TIFFs in tiles, with planes apart, in the other byte order, with predictors."""
    if not shutil.which("tiffcp"):
        return
    for source, name, flags in (("noise", "tiles", "-c lzw:2 -t -w 16 -l 32"), ("noise", "apart", "-c zip:2 -p separate -r 5"),
                                ("noise", "apart_tiles", "-c none -p separate -t -w 32 -l 16"),
                                ("noise", "big_endian", "-B -c lzw:2 -r 7"), ("grey16", "grey16_apart", "-B -c zip:2 -r 3")):
        subprocess.run(["tiffcp", *flags.split(), folder / f"{source}.tif", folder / f"{name}.tif"], check=True)


def avifs(folder):
    """AVIFs of every kind that is read. What a coder made of colours, avifdec of the same library says: *.avif.png."""
    if not shutil.which("avifenc"):
        return
    soft = Image.linear_gradient("L").resize((24, 16))
    plain = Image.merge("RGB", (soft, soft.transpose(Image.Transpose.ROTATE_180), Image.radial_gradient("L").resize((24, 16))))
    see_through = plain.convert("RGBA")
    see_through.putalpha(soft.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    large = noise(16, 8).resize((132, 70), Image.Resampling.BICUBIC)
    large_clear = large.convert("RGBA")
    large_clear.putalpha(soft.resize((132, 70)))
    kinds = {  # picture, how, whether avifdec's picture is kept
        "lossless": (corners(), "--lossless", False),
        "rgb420": (plain, "-y 420 --min 5 --max 10", True),
        "rgb422": (plain, "-y 422 --min 5 --max 10", True),
        "rgb444_limited": (plain, "-y 444 -r limited --min 0 --max 0", True),
        "bits10": (plain, "-d 10 -y 444 --min 0 --max 4", True),
        "bits12": (plain, "-d 12 -y 420 --min 0 --max 4", True),
        "bt2020": (plain, "--cicp 9/13/9 -y 444 --min 0 --max 4", True),
        "ycgco": (plain, "--cicp 1/13/8 -y 444 --min 0 --max 4", True),
        "grey": (plain, "-y 400 --min 0 --max 4", True),
        "alpha": (see_through, "-y 444 --min 0 --max 4", True),
        "premultiplied": (see_through, "--premultiply -y 444 --min 0 --max 4", True),
        "turned": (corners(), "--lossless --irot 3", False),
        "turned_mirrored": (corners(), "--lossless --irot 1 --imir 0", False),
        "cut": (corners(), "--lossless --clap 20,1,12,1,0,1,0,1", False),
        "grid": (large, "--grid 2x1 -y 444 --min 5 --max 10", True),
        "grid_alpha": (large_clear, "--grid 2x1 -y 420 --min 5 --max 10", True),
        "p3": (corners(), "--cicp 12/13/6 -y 444 --min 0 --max 4", False),
        "pq": (corners(), "--cicp 9/16/9 -y 444 --min 0 --max 4", False),
        "a1111": (corners(), "--lossless", False),
    }
    with tempfile.TemporaryDirectory() as scratch:
        source, back = Path(scratch) / "source.png", Path(scratch) / "back.png"
        for name, (picture, flags, kept) in kinds.items():
            picture.save(source)
            extra = []
            if name == "a1111":
                exif = Image.Exif()
                exif[0x0112] = 6  # avifenc says it in AVIF's own boxes, too, and those count
                exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "1girl, 青い\nSteps: 20".encode("utf-16-be")
                (Path(scratch) / "exif").write_bytes(exif.tobytes()[6:])
                (Path(scratch) / "icc").write_bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
                extra = ["--exif", Path(scratch) / "exif", "--icc", Path(scratch) / "icc"]
            out = folder / f"{name}.avif"
            words = ["--codec", "aom", "--speed", "6", "-j", "1", *flags.split(), *extra, source, out]
            subprocess.run(["avifenc", *words], check=True, stdout=subprocess.DEVNULL)
            if kept:
                subprocess.run(["avifdec", "--codec", "dav1d", out, back], check=True, stdout=subprocess.DEVNULL)
                Image.open(back).save(folder / f"{name}.avif.png")
        corners().save(source)
        corners().transpose(Image.Transpose.ROTATE_180).save(back)
        subprocess.run(["avifenc", "--codec", "aom", "-j", "1", "--lossless", source, back, folder / "animated.avif"],
                       check=True, stdout=subprocess.DEVNULL)


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
    tiffs(save)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    laid_out_anew(folder)
    avifs(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
