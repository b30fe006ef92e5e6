"""Measures a checkpoint with transformers' classes and greedy generation.

    python models/training/evaluate.py smolvlm --checkpoint models/smolvlm_tiny --dataset datasets/shapes --split test
    python models/training/evaluate.py smolvlm --checkpoint models/smolvlm_tiny --facts DATA/held --split held

The first asks the questions of a VQA v2 split and prints exact match by question type, and the same with the images
shuffled. The second needs `make_shapes --facts`: whole descriptions, and recall by the number of distractor turns.
"""
import argparse
import importlib
import json
import random
from collections import defaultdict
from pathlib import Path

from PIL import Image

import conversations


class Model:
    def __init__(self, family, checkpoint):
        self.reference = importlib.import_module(family).opened(checkpoint)

    def answers(self, conversations_and_images, tokens=8):
        """Greedy answers; conversations of one length go through together, so that nothing is padded."""
        encoded = [self.reference.encode(turns, image) for turns, image in conversations_and_images]
        groups, out = defaultdict(list), [None] * len(encoded)
        for k, e in enumerate(encoded):
            groups[e["input_ids"].shape[1]].append(k)
        for members in groups.values():
            for at in range(0, len(members), 64):
                part = members[at:at + 64]
                for k, text in zip(part, self.reference.generate([encoded[k] for k in part], tokens)):
                    out[k] = text
        return out


def table(title, pairs):
    """`pairs`: (label, right)."""
    groups = defaultdict(list)
    for label, right in pairs:
        groups[label].append(right)
    total = [r for _, r in pairs]
    print(f"{title}: {100 * sum(total) / len(total):.1f} % of {len(total)}")
    for label in sorted(groups):
        print(f"    {label:24} {100 * sum(groups[label]) / len(groups[label]):5.1f} % of {len(groups[label])}")


def open_image(path):
    with Image.open(path) as image:
        return image.convert("RGB")


def split_questions(folder, split):
    """(topic, question, answer, image file) of a VQA v2 split."""
    read = lambda name, key: json.load(open(folder / name))[key]
    questions = {q["question_id"]: q["question"] for q in read(f"v2_OpenEnded_mscoco_{split}2014_questions.json", "questions")}
    files = {int(f.stem[-12:]): f for f in (folder / "images").iterdir()}
    for a in read(f"v2_mscoco_{split}2014_annotations.json", "annotations"):
        text = questions[a["question_id"]]
        yield topic(text), text, a["multiple_choice_answer"], files[a["image_id"]]


def topic(text):
    """What a question is about, from its wording; `Is the …` asks for a relation."""
    for start, name in [("What color is the background", "background"), ("What is the background", "background"), ("What color", "colour"),
                        ("What shape", "shape"), ("How many", "count"), ("Where", "position"), ("Is there", "presence"), ("Is the", "relation"),
                        ("What digit", "digit"), ("What number", "digit")]:
        if text.startswith(start):
            return name
    raise ValueError(text)


def single_turn(model, folder, split):
    rows = list(split_questions(folder, split))
    ask = lambda files: model.answers([([r[1] + conversations.SUFFIX], open_image(f)) for r, f in zip(rows, files)])
    files = [r[3] for r in rows]
    table("exact match", [(r[0], a == r[2]) for r, a in zip(rows, ask(files))])
    other = {f: g for f, g in zip(sorted(set(files)), shifted(sorted(set(files))))}
    table("the same with another image", [("all", a == r[2]) for r, a in zip(rows, ask([other[f] for f in files]))])


def shifted(items, by=37):
    return items[by:] + items[:by]


def from_facts(model, folder, split, count):
    scenes = [json.loads(line) for line in open(folder / f"scenes_{split}.jsonl")][:count]
    images = [open_image(folder / "images" / s["file"]) for s in scenes]
    said = model.answers([([conversations.DESCRIBE[0]], i) for i in images], tokens=64)
    table("whole descriptions", [("all", a == s["description"]) for a, s in zip(said, scenes)])
    rng, asked, labels = random.Random(17), [], []
    for k, (scene, image, description) in enumerate(zip(scenes, images, said)):
        turns = [conversations.DESCRIBE[0], description]
        for _ in range(k % 7):
            turns += conversations.distractor(rng)
        kinds = sorted({q["type"] for q in scene["questions"]})
        for kind in rng.sample(kinds, 4):
            q = rng.choice([q for q in scene["questions"] if q["type"] == kind])
            asked.append((turns + [q["question"] + conversations.SUFFIX], image)), labels.append((k % 7, kind, q["answer"]))
    answers = model.answers(asked)
    table("recall by distractor turns", [(f"{n} turns", a == want) for (n, _, want), a in zip(labels, answers)])
    table("recall after 1 to 6 turns, by topic", [(kind, a == want) for (n, kind, want), a in zip(labels, answers) if n])


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("family", choices=["llava", "phi3v", "smolvlm"])
    a.add_argument("--checkpoint", required=True)
    a.add_argument("--dataset", type=Path)
    a.add_argument("--facts", type=Path)
    a.add_argument("--split", default="test")
    a.add_argument("--count", type=int, default=350)
    args = a.parse_args()
    model = Model(args.family, args.checkpoint)
    if args.dataset:
        single_turn(model, args.dataset, args.split)
    if args.facts:
        from_facts(model, args.facts, args.split, args.count)


if __name__ == "__main__":
    main()
