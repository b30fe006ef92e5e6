"""Reads what `make_shapes --facts` wrote: pictures as a family's image processor sees them, and the fact tables."""
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

SIZE = 64
COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"]
KINDS = ["circle", "square", "triangle", "star", "cross"]
BACKGROUNDS = ["white", "gray", "black"]


def load(folder, split, cache, pixels):
    """Returns (u8 [n, 64, 64, 3], list of scenes); `pixels` reads a picture, the results are kept in `cache`."""
    folder, cache = Path(folder), Path(cache) / f"{split}.npy"
    scenes = []
    for line in open(folder / f"scenes_{split}.jsonl"):
        scene = json.loads(line)
        scene["by_type"] = {}
        for q in scene.pop("questions"):
            scene["by_type"].setdefault(q["type"], []).append(q)
        scenes.append(scene)
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(2) as pool:
            files = [folder / "images" / s["file"] for s in scenes]
            np.save(cache, np.stack(list(pool.map(pixels, files, chunksize=500))))
    return np.load(cache, mmap_mode="r"), scenes


def grid(scene, placing, side=4):
    """Targets of the first stage: for each of side x side cells the thing that covers it most:
    kind (0 none, 1-5, 6 digit), colour (0 none), digit value, row, column; -100 where there is nothing to say."""
    s = scene["scene"]
    fx, fy, left, top = placing(s["width"], s["height"])
    cell = SIZE / side
    best = np.full((side, side), 0.12)
    out = np.full((side, side, 6), -100, dtype=np.int64)
    out[..., 0], out[..., 1], out[..., 5] = 0, 0, BACKGROUNDS.index(s["background"])
    things = [(o, KINDS.index(o["kind"]) + 1, COLOURS.index(o["colour"]) + 1, -100) for o in s["objects"]]
    if s["digit"]:
        things.append((s["digit"], 6, 0, s["digit"]["value"]))
    for o, kind, colour, value in things:
        x0, x1 = (left + fx * (o["x"] + r) for r in (-o["radius"], o["radius"]))
        y0, y1 = (top + fy * (o["y"] + r) for r in (-o["radius"], o["radius"]))
        edges = np.arange(side) * cell
        wide = np.clip(np.minimum(x1, edges + cell) - np.maximum(x0, edges), 0, None)
        high = np.clip(np.minimum(y1, edges + cell) - np.maximum(y0, edges), 0, None)
        share = np.outer(high, wide) / ((x1 - x0) * (y1 - y0))
        take = share > best
        best[take] = share[take]
        out[take] = [kind, colour, value, o["cell"]["row"], o["cell"]["col"], out[0, 0, 5]]
    return out.reshape(side * side, 6)
