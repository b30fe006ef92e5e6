"""Makes tests/fixtures/images: small image files of many kinds and what Pillow and transformers make of them.

    python tests/reference/make_image_goldens.py [--seed N]     # pillow 13, transformers 5.23, torch, torchvision

goldens.json holds SHA-256 digests: of RGB bytes (decode, resize) and of little-endian float32 in [frames, height,
width, 3] order (the processors). For phi3v the digest is of the tiles, `global` holds values of the global view, evenly
spaced in the same order, and what the reference fails on has neither. The files are drawn from the seed; `pattern` is made again by the test.
"""

import argparse
import hashlib
import json
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision.transforms.functional as vision
import transformers
from PIL import Image, ImageOps
from transformers import (
    CLIPImageProcessorPil,
    Idefics3ImageProcessorPil,
    LlavaNextImageProcessorPil,
    SmolVLMImageProcessorPil,
)
from transformers.image_processing_utils import select_best_resolution
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "images"
SIZES = [(64, 64), (101, 77), (200, 120), (90, 300), (333, 257), (31, 47), (640, 480), (1024, 333), (1, 1), (700, 2)]


def scene(rng, width, height):
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin(x / 7 + y / 11), 128 + 100 * np.cos(x / 9 - y / 5), (x * 5 + y * 3) % 256]
    pixels = np.stack(waves, -1) + rng.normal(0, 12, (height, width, 3))
    pixels[height // 4 : height // 2, width // 4 : width // 2] = [250, 10, 20]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def pattern(width, height):
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * (7 + 4 * c) + y * (13 - 3 * c) ^ x * y >> 3 for c in range(3)]
    return Image.fromarray((np.stack(channels, -1) & 255).astype(np.uint8))


def png_16_bit(path, colour_type, pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def write_images(rng):
    def save(name, image, **options):
        image.save(FOLDER / name, **options)

    image = scene(rng, 29, 21)
    grey = image.convert("L")
    alpha = image.convert("RGBA")
    alpha.putalpha(Image.fromarray(rng.integers(0, 256, (21, 29), dtype=np.uint8)))
    save("rgb.png", image)
    save("rgba.png", alpha)
    save("grey.png", grey)
    save("grey_alpha.png", alpha.convert("LA"))
    save("one_bit.png", image.convert("1"))
    save("palette.png", image.quantize(37))
    save("palette_4bit_transparent.png", image.quantize(13), transparency=bytes(range(0, 130, 10)))
    save("grey_16bit.png", Image.fromarray(rng.integers(0, 700, (21, 29)).astype(np.uint16)))
    png_16_bit(FOLDER / "rgb_16bit.png", 2, rng.integers(0, 65536, (21, 29, 3)))
    png_16_bit(FOLDER / "rgba_16bit.png", 6, rng.integers(0, 65536, (21, 29, 4)))
    png_16_bit(FOLDER / "grey_alpha_16bit.png", 4, rng.integers(0, 65536, (21, 29, 2)))
    save("single_pixel.png", scene(rng, 1, 1))
    save("long.png", scene(rng, 20_000, 10).quantize(8))
    save("tall.png", scene(rng, 30, 100))
    save("wide.png", scene(rng, 111, 40))
    for number, name in enumerate(["444", "422", "420"]):
        save(f"chroma_{name}.jpg", image, quality=80, subsampling=number)
    save("progressive.jpg", image, quality=90, progressive=True)
    save("grey.jpg", grey)
    save("cmyk.jpg", image.convert("CMYK"))
    save("lossy.webp", image)
    save("lossless_alpha.webp", alpha, lossless=True, exact=True)
    turned = image.rotate(180)
    save("animated.webp", image, save_all=True, append_images=[turned], lossless=True)
    save("animated.gif", image, save_all=True, append_images=[turned])
    save("transparent.gif", image.quantize(20), transparency=3)
    save("rgb.bmp", image)
    save("palette.bmp", image.quantize(30))
    save("lzw.tif", image, compression="tiff_lzw")
    save("cmyk.tif", image.convert("CMYK"))
    save("grey_16bit.tif", Image.fromarray(rng.integers(0, 700, (21, 29)).astype(np.uint16)))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(f"orientation_{orientation}.jpg", image, exif=exif)
    exif[0x0112] = 6
    for ending in ["png", "webp", "tif"]:
        save(f"orientation_6.{ending}", image, exif=exif)


def load(name):
    return ImageOps.exif_transpose(Image.open(FOLDER / name)).convert("RGB")


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def resizes(rng):
    cases = [(name, (w, h), f) for f in range(6) for name, w, h in [("tall.png", 61, 207), ("wide.png", 37, 13)]]
    cases += [("tall.png", (29, 97), 1), ("tall.png", (40, 30), 1), ("tall.png", (30, 99), 1), ("tall.png", (31, 100), 3)]
    for _ in range(40):
        sides = np.exp(rng.uniform(0, 5, 2)).astype(int)
        name = ["tall.png", "wide.png", "rgb.png", "single_pixel.png"][rng.integers(4)]
        cases.append((name, tuple(map(int, sides)), int(rng.integers(6))))
    for name, (width, height), code in cases:
        resized = np.asarray(load(name).resize((width, height), code))
        yield {"file": name, "width": width, "height": height, "filter": code, "sha256": digest(resized)}


def processed():
    clip = {
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    configs = [
        {"size": {"longest_edge": 256}, "max_image_size": {"longest_edge": 64}},
        {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 64}},
        {"size": {"longest_edge": 150}, "max_image_size": {"longest_edge": 50}, "resample": 3, **clip},
        {"size": {"longest_edge": 128}, "max_image_size": {"longest_edge": 64}, "do_image_splitting": False},
        {"do_resize": False, "max_image_size": {"longest_edge": 48}},
        {"size": {"height": 100, "width": 77}, "max_image_size": {"longest_edge": 32}, "do_rescale": False},
        {"size": {"longest_edge": 90}, "max_image_size": {"longest_edge": 30}, "do_normalize": False},
        {"size": {"longest_edge": 5000}, "max_image_size": {"longest_edge": 1024}, "resample": 2},
    ]
    for name in ["rgb.png", "tall.png", "wide.png", "single_pixel.png", "orientation_6.jpg", "long.png"]:
        for number, config in enumerate(configs):
            if (number == 7 and name != "wide.png") or (name == "long.png" and number != 0):
                continue
            for family in [Idefics3ImageProcessorPil, SmolVLMImageProcessorPil]:
                out = family(**config)([load(name)], return_tensors="np", return_row_col_info=True)
                frames = out["pixel_values"][0].astype("<f4").transpose(0, 2, 3, 1)
                row = {"file": name, "config": config, "rows": out["rows"][0][0], "cols": out["cols"][0][0]}
                row |= {"shape": list(frames.shape), "sha256": digest(frames)}
            yield row


def case(size, config, frames):
    frames = np.ascontiguousarray(frames.astype("<f4").transpose(0, 2, 3, 1))
    width, height = size
    return {"width": width, "height": height, "config": config, "shape": list(frames.shape), "sha256": digest(frames)}


def clip():
    configs = [
        {},
        {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}},
        {"size": 56, "crop_size": 91, "resample": 2},
        {"size": {"height": 50, "width": 31}, "crop_size": {"height": 33, "width": 48}},
        {"size": {"height": 40, "width": 35}, "do_center_crop": False, "do_normalize": False, "resample": 1},
        {"do_resize": False, "crop_size": {"height": 100, "width": 75}, "image_mean": [0.5, 0.25, 0.75]},
        {"size": 61, "crop_size": 60, "do_rescale": False, "image_mean": 100.0, "image_std": [50.0, 60.0, 70.5]},
        {"size": 20, "crop_size": 20, "do_rescale": False, "do_normalize": False, "resample": 0},
    ]
    for size in SIZES:
        for config in configs:
            out = CLIPImageProcessorPil(**config)([pattern(*size)], return_tensors="np")
            yield case(size, config, out["pixel_values"])


def llava_next():
    mean = {"image_mean": [100.0, 110.0, 120.0], "image_std": 60.0, "do_rescale": False}
    configs = [
        {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}},
        {"size": 56, "crop_size": 56, "image_grid_pinpoints": [[56, 112], [112, 56], [112, 112], [168, 56], [56, 168]]},
        {"size": [30, 30], "crop_size": 30, "image_grid_pinpoints": [[30, 30], [90, 60], [60, 90]], "resample": 2},
        {"size": 24, "crop_size": 24, "image_grid_pinpoints": [[48, 48], [24, 96], [96, 24], [72, 48]], **mean},
        {"size": 64, "crop_size": 64, "image_grid_pinpoints": [[192, 128]], "do_normalize": False, "resample": 1},
    ]
    for size in SIZES:
        for config in configs:
            processor = LlavaNextImageProcessorPil(**config)
            frames = processor([pattern(*size)], return_tensors="np")["pixel_values"][0]
            best = select_best_resolution(size[::-1], processor.image_grid_pinpoints)
            rows, cols = (side // processor.crop_size["height"] for side in best)
            yield case(size, config, frames) | {"rows": rows, "cols": cols}


def hd_transform(image, side, num_crops):
    """What image_processing_phi3_v.py of microsoft/Phi-3.5-vision-instruct does, with `side` for its 336."""
    tall = image.width < image.height
    image = image.transpose(Image.TRANSPOSE) if tall else image
    ratio, scale = image.width / image.height, 1
    while scale * math.ceil(scale / ratio) <= num_crops:
        scale += 1
    width = (scale - 1) * side
    height = int(width / ratio)
    image = vision.resize(image, [height, width])
    padded = math.ceil(height / side) * side
    top = (padded - height) // 2
    image = vision.pad(image, [0, top, 0, padded - height - top], fill=[255, 255, 255])
    return image.transpose(Image.TRANSPOSE) if tall else image


def phi3v_frames(image, side, num_crops=4, image_mean=OPENAI_CLIP_MEAN, image_std=OPENAI_CLIP_STD):
    """The global view [1, 3, side, side] and the tiles [rows, cols, 3, side, side]."""
    x = vision.normalize(vision.to_tensor(hd_transform(image, side, num_crops)), image_mean, image_std)
    view = torch.nn.functional.interpolate(x[None], size=(side, side), mode="bicubic")
    tiles = x.reshape(3, x.shape[1] // side, side, x.shape[2] // side, side).permute(1, 3, 0, 2, 4)
    return view, tiles


def phi3v():
    half = {"image_mean": [0.5] * 3, "image_std": [0.25, 0.5, 1.0]}
    configs = [(336, {}), (336, {"num_crops": 16}), (56, {"num_crops": 1}), (42, {"num_crops": 7, **half})]
    configs += [(28, {"num_crops": 16}), (15, {"num_crops": 40})]
    for width, height in SIZES:
        for side, config in configs:
            row = {"width": width, "height": height, "side": side, "config": config}
            try:
                view, tiles = phi3v_frames(pattern(width, height), side, **config)
            except ValueError:
                yield row
                continue
            rows, cols = tiles.shape[:2]
            view = view[0].permute(1, 2, 0).flatten()
            row |= case((width, height), config, tiles.reshape(-1, 3, side, side).numpy())
            row |= {"rows": rows, "cols": cols, "global": [round(float(v), 8) for v in view[:: side * side // 30 * 3 + 1]]}
            yield row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=20)
    rng = np.random.default_rng(parser.parse_args().seed)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_images(rng)
    names = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".json")
    decoded = []
    for name in names:
        image = load(name)
        decoded.append({"file": name, "width": image.width, "height": image.height, "sha256": digest(np.asarray(image))})
    goldens = {
        "pillow": PIL.__version__,
        "transformers": transformers.__version__,
        "decode": decoded,
        "resize": list(resizes(rng)),
        "idefics3": list(processed()),
        "clip": list(clip()),
        "llava_next": list(llava_next()),
        "phi3v": list(phi3v()),
    }
    text = json.dumps(goldens, indent=None, separators=(",", ":"))
    text = re.sub('{"(file|width)"', r"\n\g<0>", text)
    (FOLDER / "goldens.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
