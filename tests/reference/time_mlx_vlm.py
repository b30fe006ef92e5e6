"""Times mlx-vlm on the work of benches/families where it computes what the reference does.

    cargo bench --bench families            # writes the checkpoints
    LD_PRELOAD=libopenblas.so.0 python tests/reference/time_mlx_vlm.py target/bench-checkpoints [FILTER]

Needs from PyPI: mlx-vlm==0.7.10, mlx, mlx-cpu, transformers, pillow, and torch for time_pillow.py; measured on MLX 0.32.2,
the version vlm-test links, though mlx-vlm asks for 0.32.4. Prints the fastest and the median of a few runs. The CPU wheel
of MLX brings the reference BLAS; the preload gives it the one that vlm-test links. Without it a product of matrices takes
fifteen times as long, and the comparison would be one of BLAS libraries.

Only what is equal is compared. Left out, because mlx-vlm 0.7.10 computes something else:
- phi3_v with an image: `_hd_transform` distorts the aspect and resamples differently, and the features of a grid with two or
  more columns of tiles reach the decoder in a scrambled order;
- llava_next with an image: tiles are not put together, padding is not cut off, newlines are appended as whole tiles;
- SmolVLM 2.2B: its position buckets are computed in float32 and are not the identity on a grid of 27 × 27;
- SmolVLM's own image processor: it is transformers', which time_pillow.py times.
Names as transformers >= 5 saves them and `rope_parameters` are not read either; the checkpoints here have neither.

`load` is `load_model`: weights alone, without tokenizer and template, which the bench reads too (16 kB). `tower` is the
code of `get_input_embeddings` up to the projected features; layers whose output is not used are not evaluated. bfloat16
and 4-bit run once: on the CPU mlx-vlm leaves both to MLX's own loops, which take seconds and minutes.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import mlx.core as mx
from mlx_vlm.utils import load_model
from time_pillow import scene
from transformers import AutoImageProcessor

CLIP = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": 336},
    "crop_size": {"height": 336, "width": 336},
}


def timed(name, runs, work, rate=None):
    times = []
    for _ in range(runs):
        mx.clear_cache()
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
        del result
    fastest, median = min(times), statistics.median(times)
    per_second = f" {rate / median / 1e9:7.2f} GB/s" if rate else ""
    print(f"{name:28} {1000 * fastest:9.2f} ms fastest {1000 * median:9.2f} ms median{per_second}", flush=True)


def llava_features(model, pixels):
    *_, states = model.vision_tower(pixels, output_hidden_states=True)
    features = model.multi_modal_projector(states[model.vision_feature_layer][:, 1:])
    mx.eval(features)
    return features


def smolvlm_features(model, pixels):
    mask = mx.ones((pixels.shape[0], 32, 32), dtype=mx.bool_)
    states, *_ = model.vision_model(pixels, patch_attention_mask=mask, output_hidden_states=True)
    features = model.connector(states)
    mx.eval(features)
    return features


def works(folder):
    """Pairs of a name and what times it."""
    for storage in ["float32", "bfloat16", "4bit"]:
        path = folder / f"llava_{storage}"
        size = (path / "model.safetensors").stat().st_size
        yield f"load {storage}", lambda name, path=path, size=size: timed(name, 5, lambda: load_model(path), size)
    towers = [
        ("llava_float32", 3, llava_features, (1, 336, 336, 3)),
        ("smolvlm512_float32", 3, smolvlm_features, (5, 512, 512, 3)),
        ("llava_bfloat16", 1, llava_features, (1, 336, 336, 3)),
        ("llava_4bit", 1, llava_features, (1, 336, 336, 3)),
    ]
    for checkpoint, *work in towers:
        yield f"tower {checkpoint}", lambda name, work=(checkpoint, *work): tower(name, folder, *work)
    for width, height in [(640, 480), (1024, 1024)]:
        yield f"llava processor {width}x{height}", lambda name, size=(width, height): processor(name, size)


def tower(name, folder, checkpoint, runs, features, shape):
    model = load_model(folder / checkpoint)
    # The processors give float32, and mlx-vlm casts it to the weights' precision.
    dtype = mx.float16 if checkpoint.endswith("4bit") else getattr(mx, checkpoint.rsplit("_")[-1])
    pixels = (mx.random.uniform(-1, 1, shape)).astype(dtype)
    mx.eval(pixels)
    timed(name, runs, lambda: features(model, pixels))


def processor(name, size):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(CLIP))
        process = AutoImageProcessor.from_pretrained(folder, use_fast=False)  # as mlx-vlm asks for it
    image = scene(*size)
    timed(name, 20, lambda: process([image]))


def main():
    folder, wanted = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    libraries = Path("/proc/self/maps")
    preloaded = libraries.exists() and "/libopenblas" in libraries.read_text()
    blas = "OpenBLAS" if preloaded else "the wheel's own"
    print(f"mlx {mx.__version__} on {mx.default_device()}, BLAS: {blas}")
    for name, measure in works(folder):
        if wanted in name:
            measure(name)


if __name__ == "__main__":
    main()
