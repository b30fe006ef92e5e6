"""Times the references on the work of benches/image_processing.rs; one thread.

    python tests/reference/time_pillow.py target/image-bench [--write]

`--write` makes the images first. Prints the fastest and the median of 20 runs. `resize` is Pillow alone (three
Lanczos resizes and the crops, for tiles of 512 or 384); `floats` adds NumPy's conversion to normalised float32. `clip` and `llava_next` are
transformers' own processors, `phi3v` is that of make_image_goldens.py.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from make_image_goldens import phi3v_frames
from PIL import Image
from transformers import CLIPImageProcessorPil, LlavaNextImageProcessorPil

TILES = {512: 2048, 384: 1536}  # side of a tile, longest edge


def scene(width, height):
    y, x, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    wave = np.sin(2 * np.pi * (x / 97 + y / 61 + channel / 3))
    noise = np.random.default_rng(1).integers(0, 16, wave.shape)
    return Image.fromarray((128 + 100 * wave + noise).astype(np.uint8))


def canvas_sizes(width, height, tile):
    edge = TILES[tile]
    if width >= height:
        first = edge, int(edge / (width / height))
    else:
        first = int(edge * (width / height)), edge
    first = tuple(side + side % 2 for side in first)
    return first, tuple(-(-side // tile) * tile for side in first)


def resize_and_tile(image, tile=512):
    first, canvas = canvas_sizes(*image.size, tile)
    image = image.resize(first, Image.Resampling.LANCZOS).resize(canvas, Image.Resampling.LANCZOS)
    tiles = [
        image.crop((x, y, x + tile, y + tile)) for y in range(0, canvas[1], tile) for x in range(0, canvas[0], tile)
    ]
    return [*tiles, image.resize((tile, tile), Image.Resampling.LANCZOS)]


def floats(frames):
    half = np.float32(0.5)
    return np.stack([(np.asarray(frame) * np.float32(1 / 255) - half) / half for frame in frames])


def timed(work):
    times = []
    for _ in range(20):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return f"{min(times):8.2f} ms fastest {statistics.median(times):8.2f} ms median"


def processors():
    side = {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
    clip, llava_next = CLIPImageProcessorPil(**side), LlavaNextImageProcessorPil(**side)
    yield "clip", lambda image: clip([image], return_tensors="np")
    yield "llava_next", lambda image: llava_next([image], return_tensors="np")
    for num_crops in [4, 16]:
        yield f"phi3v {num_crops}", lambda image, num_crops=num_crops: phi3v_frames(image, 336, num_crops)


def main():
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in [(640, 480), (1024, 1024)]:
        image = scene(width, height)
        if "--write" in sys.argv:
            image.save(folder / f"{width}x{height}.png")
            image.save(folder / f"{width}x{height}.jpg", quality=90)
        for tile in TILES:
            print(f"{width}x{height} resize {tile}        {timed(lambda: resize_and_tile(image, tile))}")
            print(f"{width}x{height} resize+floats {tile} {timed(lambda: floats(resize_and_tile(image, tile)))}")
        for name, process in processors():
            print(f"{width}x{height} {name:13} {timed(lambda process=process: process(image))}")
        for ending in ["png", "jpg"]:
            path = folder / f"{width}x{height}.{ending}"
            print(f"{path.name} decode               {timed(lambda: Image.open(path).convert('RGB'))}")
            everything = timed(lambda: floats(resize_and_tile(Image.open(path).convert("RGB"))))
            print(f"{path.name} decode+resize+floats {everything}")


if __name__ == "__main__":
    main()
