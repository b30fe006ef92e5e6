"""Writes the trained network as a Hugging Face checkpoint and checks that the reference implementation computes the same.

    python models/training/export.py smolvlm --work WORK --output models/smolvlm_tiny [--images DATA/dev/images]
"""
import argparse
import importlib
from pathlib import Path

import torch
import transformers as tf
from PIL import Image
from tokenizers import Tokenizer

import conversations
from layers import Network
from train import collate

TURNS = [("What color is the circle?" + conversations.SUFFIX, "red"), ("What is 4 plus 5?", "9"), ("In the image, how many shapes are there?", "2")]


@torch.no_grad()
def check(family, reference, net, tok, files):
    """The reference's ids are those of training, and its logits those of the trained network on the pixels of training."""
    writer = conversations.Writer(tok, family)
    for number, file in enumerate(files):
        image, turns = None if number == 0 else Image.open(file), []
        row = conversations.Row(tok)
        base = row.open()
        row.add(base, writer.prefix if image else [])
        for question, answer in TURNS[:1 + number % 3]:
            if turns:
                writer.say(row, base, turns[-1], "answer")
            writer.ask(row, base, question, "later" if turns else "image" if image else "text")
            turns += [question, answer]
        encoded = reference.encode(turns[:-1], image)
        assert encoded["input_ids"][0].clamp(min=0).tolist() == row.ids, (file, encoded["input_ids"], row.ids)
        row.answer(base, [0], None, "answer", 1.0)
        inputs = collate(family, [row], [image and family.pixels(file)])[0]
        ours = net(*inputs[:5], writer.image_at, inputs[5])[-1]
        gap = (reference.logits(encoded) - ours).abs().max().item()
        assert gap < 1e-3, (file, gap)
    print(len(files), "prompts: token ids and logits agree with transformers", tf.__version__)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("family", choices=["llava", "phi3v", "smolvlm"])
    a.add_argument("--work", required=True)
    a.add_argument("--output", required=True)
    a.add_argument("--images", default="datasets/shapes/images")
    args = a.parse_args()
    family = importlib.import_module(args.family)
    tok = Tokenizer.from_file(str(Path(args.work) / "tokenizer.json"))
    saved = torch.load(Path(args.work) / "joint.pt")
    net = Network(family).eval()
    net.load_state_dict(saved["model"])
    family.save(tok, net, args.output)
    check(family, family.opened(args.output), net, tok, sorted(Path(args.images).iterdir())[:12])
    print("step", saved["step"], "parameters", sum(p.numel() for p in net.parameters()),
          "bytes", (Path(args.output) / "model.safetensors").stat().st_size)


if __name__ == "__main__":
    main()
