"""Trains a tiny model of one family on synthetic scenes. From the root of the repository (torch, torchvision, transformers, tokenizers,
pillow):

    M="cargo run --release --example make_shapes -- --questions 24 --facts"
    $M --output DATA/train --seed 1 --images 40000 --split train
    $M --output DATA/dev --seed 3 --images 1000 --split dev
    python models/training/train.py smolvlm tower --data DATA --work WORK --minutes 3
    python models/training/train.py smolvlm joint --data DATA --work WORK --minutes 19 --compile
    python models/training/export.py smolvlm --work WORK --output models/smolvlm_tiny
    python models/training/evaluate.py smolvlm --checkpoint models/smolvlm_tiny --dataset datasets/shapes

The other families start from what smolvlm_tiny knows, which takes a tenth of the work:

    T="--teacher models/smolvlm_tiny --threads 1"
    python models/training/train.py llava tower --data DATA --work WORK --minutes 4 $T
    python models/training/train.py llava joint --data DATA --work WORK --minutes 13 $T --workers 1 --rate 1e-3 --flat 0.3 --alone 0

and phi3v likewise, with 16 minutes for each stage.

Stage `tower` teaches the vision tower and the projection what covers each image position, with --teacher also to say it as the teacher
does. Stage `joint` teaches everything to answer, describe and remember; two heads of one layer are told where the things lie that a
question names. It starts from stage `tower`, with --teacher also from the teacher's text layers and words. The learning rate follows
the clock (--minutes) or, with --steps, the step count; only the latter gives the same weights twice on one kind of machine. Both
stages continue from their last save.
"""
import argparse
import importlib
import os
import queue
import random
import threading
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn

import conversations
import scenes as data
import smolvlm
from layers import Network
from teacher import Teacher


class Clock:
    """Progress 0..1 through a stage, by time or by steps, kept over restarts."""

    def __init__(self, minutes, steps, spent=0.0, step=0):
        self.seconds, self.steps, self.spent, self.step = minutes * 60, steps, spent, step
        self.started = time.time()

    def elapsed(self):
        return self.spent + time.time() - self.started

    def progress(self):
        return min(1.0, self.step / self.steps if self.steps else self.elapsed() / self.seconds)

    def rate(self, flat, p):
        """Warm-up of 120 steps, flat, then cosine to 2 %; `p` is the progress."""
        down = 1.0 if p < flat else 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * (p - flat) / (1 - flat)))
        return float(min(1.0, (self.step + 1) / 120) * down)


def optimizer(groups):
    """AdamW; matrices decay, everything else does not. `groups`: (parameters, factor on the learning rate)."""
    out = []
    for parameters, factor in groups:
        parameters = list(parameters)
        out.append(dict(params=[p for p in parameters if p.ndim > 1], weight_decay=0.05, factor=factor))
        out.append(dict(params=[p for p in parameters if p.ndim <= 1], weight_decay=0.0, factor=factor))
    return torch.optim.AdamW(out, lr=1e-3, betas=(0.9, 0.98), fused=True)


def update(opt, parameters, rate):
    for group in opt.param_groups:
        group["lr"] = rate * group["factor"]
    nn.utils.clip_grad_norm_(parameters, 1.0)
    opt.step()


def save(path, **state):
    torch.save(state, str(path) + ".new")
    Path(str(path) + ".new").replace(path)


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


# --- stage 1 ---

GRID = dict(kind=7, colour=9, digit=10, row=3, column=3, background=3)


def grid_loss(family, head, features, t):
    """How well `head` reads from the features of each image position what covers its cell: sum of the cross entropies of the six targets, kinds three times; and the share that is right where a thing is."""
    losses, right = [], []
    shows = [p for p, cell in enumerate(family.CELLS) if cell >= 0]
    out, t = head(features[:, shows]), t[:, [family.CELLS[p] for p in shows]]
    for k, part in enumerate(out.float().flatten(0, 1).split(list(GRID.values()), -1)):
        want = t[..., k].flatten()
        losses.append(F.cross_entropy(part, want, reduction="sum") / max(1, int((want >= 0).sum())))
        told = want > 0 if k < 2 else want >= 0
        right.append((part.argmax(-1) == want)[told].float().mean().item())
    return 2 * losses[0] + sum(losses), right


def tower(args, family):
    pixels, facts = data.load(Path(args.data) / "train", "train", args.work, family.pixels)
    targets = torch.from_numpy(np.stack([data.grid(s, family.placing) for s in facts]))
    dev_pixels, dev_facts = data.load(Path(args.data) / "dev", "dev", args.work, family.pixels)
    dev_targets = torch.from_numpy(np.stack([data.grid(s, family.placing) for s in dev_facts]))
    taught = lessons(args, facts) if args.teacher else None
    pixels, dev_pixels = torch.from_numpy(np.array(pixels)), torch.from_numpy(np.array(dev_pixels))
    torch.manual_seed(args.seed)
    model, head = Network(family), nn.Linear(family.TEXT["hidden_size"], sum(GRID.values()))
    path = Path(args.work) / "tower.pt"
    if path.exists():
        model.load_state_dict(torch.load(path)["model"]), head.load_state_dict(torch.load(path)["head"])
    parameters = [*model.eyes.parameters(), *head.parameters()]
    opt, clock = optimizer([(parameters, 1.0)]), Clock(args.minutes, args.steps)
    rng = torch.Generator().manual_seed(args.seed)

    def loss_of(p, t, wanted=None):
        with torch.autocast("cpu", torch.bfloat16):
            features = model.eyes(p)
            loss, right = grid_loss(family, head, features, t)
        return loss if wanted is None else loss + 3 * distance(family, features, wanted), right, features.std().item()

    if args.compile:
        for layer in model.eyes.vision_model.encoder.layers:
            layer.compile(dynamic=False)
    while clock.progress() < 1:
        pick = torch.randint(len(pixels), (args.batch,), generator=rng)
        loss, _, _ = loss_of(pixels[pick], targets[pick], None if taught is None else torch.from_numpy(taught[pick.numpy()]))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        update(opt, parameters, args.rate * clock.rate(args.flat, clock.progress()))
        clock.step += 1
        if clock.step % 100 == 0:
            torch.compiler.set_stance("force_eager")
            with torch.no_grad():
                dev, right, size = loss_of(dev_pixels[:500], dev_targets[:500])
            torch.compiler.set_stance("default")
            say(f"tower step {clock.step} {clock.progress():.0%} loss {loss.item():.3f} dev {dev.item():.3f} features {size:.2f}",
                dict(zip(GRID, (round(r, 3) for r in right))))
            save(path, model=model.state_dict(), head=head.state_dict())
    save(path, model=model.state_dict(), head=head.state_dict())


def lessons(args, facts):
    """What the teacher's tower says of each training picture, kept in the work folder."""
    path = Path(args.work) / "lessons.npy"
    if not path.exists():
        seen, _ = data.load(Path(args.data) / "train", "train", Path(args.work) / "teacher", smolvlm.pixels)
        np.save(path, Teacher(args.teacher).features(seen))
    return np.load(path)


def distance(family, features, wanted):
    """Mean square of what the features of the image positions differ from those of their cells, in parts of the latter's."""
    shows = [p for p, cell in enumerate(family.CELLS) if cell >= 0]
    wanted = wanted[:, [family.CELLS[p] for p in shows]].float()
    return (features[:, shows].float() - wanted).square().mean() / wanted.square().mean()


# --- stage 2 ---

def collate(family, rows, pictures, columns=None):
    """Pads rows; returns the network's inputs and the targets. Few numbers of columns, so that compiled layers are compiled twice only."""
    places = [[p for p, cell in enumerate(family.CELLS) if cell == c] for c in range(16)]
    b, t = len(rows), columns or max(len(r.ids) for r in rows)
    ids, positions = np.zeros((b, t), np.int64), np.zeros((b, t), np.int64)
    mask = np.full((b, 1, t, t), -1e9, np.float32)
    wanted, target, weight, answer, labels, point_at, point_to = [], [], [], [], [], [], []
    for i, r in enumerate(rows):
        n = len(r.ids)
        ids[i, :n], positions[i, :n] = r.ids, r.positions
        mask[i, 0, :n, :n][r.visible()] = 0
        mask[i, 0, n:, 0] = 0
        for at, tok, w, a in r.targets:
            wanted.append(i * t + at), target.append(tok), weight.append(w), answer.append(len(labels) + a)
        for at, things in r.points:
            point_at.append((i, at))
            shown = [p for thing in set(things) for p in places[thing]]
            point_to.append([[(p in shown) / len(shown) for p in range(family.IMAGE_TOKENS)]])
        labels += r.answers
    as_tensor = torch.from_numpy
    with_image = [i for i, p in enumerate(pictures) if p is not None]
    images = as_tensor(np.stack([np.zeros((data.SIZE, data.SIZE, 3), np.uint8) if p is None else p for p in pictures]))
    inputs = (as_tensor(ids), as_tensor(positions), as_tensor(mask), images, torch.tensor(with_image, dtype=torch.long), torch.tensor(wanted))
    points = torch.tensor(point_at, dtype=torch.long).view(-1, 2), torch.tensor(point_to, dtype=torch.float32)
    return inputs, torch.tensor(target), torch.tensor(weight), torch.tensor(answer), labels, points


def batches(family, writer, pixels, facts, targets, args, seed, clock, out):
    """Fills the queue for ever with batches and the grid targets of their images. Every `--long`th batch holds
    conversations with more turns; all workers meet it at the same step. Conversations come after `--alone` of the time."""
    rng, number, (short, wide) = random.Random(seed), 0, family.COLUMNS
    while True:
        number += 1
        alone = clock.progress() < args.alone
        writer.single_share = 0.97 if alone else args.single
        long = args.long and number % args.long == 0 and not alone
        rows, pictures, grids = [], [], []
        while len(rows) < args.batch:
            n = rng.randrange(len(facts))
            row = writer.talk(facts[n], rng, wide - 70, rng.randrange(3, 7)) if long else writer.row(facts[n], rng, short - 40)
            if len(row.ids) > (wide if long else short):
                continue
            rows.append(row)
            pictures.append(pixels[n] if row.ids[:len(writer.prefix)] == writer.prefix else None)
            grids += [targets[n]] if pictures[-1] is not None else []
        out.put((collate(family, rows, pictures, wide if long else short), torch.from_numpy(np.stack(grids))))


def run(model, writer, batch):
    inputs, target, weight, answer, labels, _ = batch
    ids, positions, mask, images, with_image, wanted = inputs
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids, positions, mask, images, with_image, writer.image_at, wanted)
    return logits.float(), target, weight, answer, labels


def pointer_loss(model, points):
    """Cross entropy between where the pointer heads look among the image tokens and the things the question names."""
    (row, at), to = points[0].unbind(1), points[1]
    looks = model.looks[row, :, at].float().log_softmax(-1)  # [points, heads, image tokens]
    return -(looks * to).sum(-1).mean()


@torch.no_grad()
def evaluate(model, writer, rows, pictures, size=32):
    """Share of answers of which every token is the most likely one (the greedy answer is exact), by label."""
    right, total = {}, {}
    torch.compiler.set_stance("force_eager")
    for i in range(0, len(rows), size):
        logits, target, _, answer, labels = run(model, writer, collate(writer.family, rows[i:i + size], pictures[i:i + size]))
        wrong = set(answer[logits.argmax(-1) != target].tolist())
        for k, label in enumerate(labels):
            total[label] = total.get(label, 0) + 1
            right[label] = right.get(label, 0) + (k not in wrong)
    torch.compiler.set_stance("default")
    return {k: right[k] / total[k] for k in sorted(total)}, total


def dev_rows(writer, facts, count):
    rng = random.Random(99)
    rows = []
    for scene in facts[:count]:
        rows.append(writer.single(scene, rng, 10**9, kinds=()))
        base = 0
        for qs in scene["by_type"].values():
            for q in qs[:2]:
                s = rows[-1].open(base)
                writer.ask(rows[-1], s, q["question"] + conversations.SUFFIX, "image")
                writer.say(rows[-1], s, q["answer"], q["type"])
        s = rows[-1].open(base)
        writer.ask(rows[-1], s, conversations.DESCRIBE[0], "image")
        writer.say(rows[-1], s, scene["description"], "description")
    return rows


def report(name, scores):
    share, total = scores
    single = [k for k in share if k in conversations.TYPE_WEIGHT]
    if single:
        name += f" single turn {sum(share[k] * total[k] for k in single) / sum(total[k] for k in single):.3f}"
    say(name, {k: round(v, 3) for k, v in share.items()})


class Team:
    """Workers of one thread each that average their gradients: on shared cores faster than one worker with many threads."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size
        if size > 1:
            dist.init_process_group("gloo", rank=rank, world_size=size)

    def average(self, parameters, progress):
        """Averages the gradients in place; returns the average progress, so that all stop at the same step."""
        if self.size == 1:
            return progress
        for p in parameters:
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        flat = torch.cat([p.grad.flatten() for p in parameters] + [torch.tensor([progress])])
        dist.all_reduce(flat)
        flat /= self.size
        for p, g in zip(parameters, flat[:-1].split([p.numel() for p in parameters])):
            p.grad.copy_(g.view_as(p))
        return flat[-1].item()


def joint(args, family):
    """Runs `--workers` copies of the stage."""
    if args.workers == 1:
        return work(0, args, family.__name__)
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1"), os.environ.setdefault("MASTER_PORT", "29511")
    torch.multiprocessing.spawn(work, (args, family.__name__), args.workers)


def work(rank, args, family):
    family = importlib.import_module(family)
    if args.workers > 1:
        torch.set_num_threads(1)
    team = Team(rank, args.workers)
    pixels, facts = data.load(Path(args.data) / "train", "train", args.work, family.pixels)
    dev_pixels, dev_facts = data.load(Path(args.data) / "dev", "dev", args.work, family.pixels)
    writer = conversations.Writer(tokenizer(args, family, facts), family, args.single, args.suffix)
    model, head, opt, clock = start(args, family)
    parameters = [*model.parameters(), *head.parameters()]
    if rank == 0:
        say("step", clock.step, "parameters", sum(p.numel() for p in model.parameters()), "tokens of an image prefix", len(writer.prefix))
    if args.compile:
        for layer in [*model.text.layers, *model.eyes.vision_model.encoder.layers]:
            layer.compile(dynamic=False)
    ready = queue.Queue(6)
    seed = args.seed * 1_000_003 + clock.step * 16 + rank
    targets = [data.grid(s, family.placing) for s in facts]
    threading.Thread(target=batches, args=(family, writer, pixels, facts, targets, args, seed, clock, ready), daemon=True).start()
    check, rng = dev_rows(writer, dev_facts, 160), random.Random(5)
    later = [writer.talk(s, rng, 400, turns=k % 7, gaps=False) for k, s in enumerate(dev_facts[200:320])]
    saved, mean, progress = time.time(), None, clock.progress()
    while progress < 1:
        batch, grids = ready.get()
        logits, target, weight, _, _ = run(model, writer, batch)
        loss = (F.cross_entropy(logits, target, reduction="none") * weight).sum() / weight.sum()
        point = pointer_loss(model, batch[-1])
        seen, right = grid_loss(family, head, model.features, grids)
        opt.zero_grad(set_to_none=True)
        (loss + 0.1 * seen + args.point * point).backward()
        progress = team.average(parameters, clock.progress())
        update(opt, parameters, args.rate * clock.rate(args.flat, progress))
        clock.step += 1
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if rank == 0 and clock.step % 50 == 0:
            say(f"joint step {clock.step} {progress:.1%} loss {mean:.4f} point {point.item():.3f} grid {seen.item():.3f} kind {right[0]:.3f} seconds/step {clock.elapsed() / clock.step:.3f}")
        if rank == 0 and (time.time() - saved > 180 or progress >= 1):
            save(Path(args.work) / "joint.pt", model=model.state_dict(), head=head.state_dict(), optimizer=opt.state_dict(), spent=clock.elapsed(), step=clock.step)
            report("dev", evaluate(model, writer, check, dev_pixels[:160]))
            report("dev", evaluate(model, writer, later, dev_pixels[200:320]))
            saved = time.time()


def tokenizer(args, family, facts=()):
    path = Path(args.work) / "tokenizer.json"
    if not path.exists():
        family.make_tokenizer(conversations.corpus(facts[:3000], family)).save(str(path))
    return Tokenizer.from_file(str(path))


def start(args, family):
    """The model, its optimizer and the clock: from the last save, or fresh on the tower of stage 1."""
    torch.manual_seed(args.seed)
    model, head, path = Network(family), nn.Linear(family.TEXT["hidden_size"], sum(GRID.values())), Path(args.work) / "joint.pt"
    eyes = [*model.eyes.parameters(), *head.parameters()]
    opt = optimizer([([*model.text.parameters(), *model.lm_head.parameters()], 1.0), (eyes, 0.1)])
    if path.exists():
        old = torch.load(path)
        model.load_state_dict(old["model"]), head.load_state_dict(old["head"]), opt.load_state_dict(old["optimizer"])
        return model, head, opt, Clock(args.minutes, args.steps, old["spent"], old["step"])
    first = torch.load(Path(args.work) / "tower.pt")
    if args.teacher:
        Teacher(args.teacher).lend(model, tokenizer(args, family))
    head.load_state_dict(first["head"])
    model.load_state_dict({k: v for k, v in first["model"].items() if k.startswith("eyes.")}, strict=False)
    scale = 1.0 if args.teacher else family.FEATURE_SCALE  # Taught features have the teacher's scale.
    with torch.no_grad():  # Image features start at the scale of the embeddings.
        for p in model.eyes.last().parameters():
            p /= scale
        head.weight *= scale
    return model, head, opt, Clock(args.minutes, args.steps)


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("family", choices=["llava", "phi3v", "smolvlm"])
    a.add_argument("stage", choices=["tower", "joint"])
    a.add_argument("--data", required=True, help="folder with the splits train/ and dev/")
    a.add_argument("--work", required=True, help="folder for saves; a stage continues from there")
    a.add_argument("--minutes", type=float, default=10)
    a.add_argument("--steps", type=int, default=0)
    a.add_argument("--batch", type=int, default=None, help="images, or rows of each worker")
    a.add_argument("--compile", action="store_true", help="compile the layers: a minute of work, then one and a half times as fast")
    a.add_argument("--long", type=int, default=6, help="every how many batches one of long conversations comes, 0 never")
    a.add_argument("--rate", type=float, default=1.5e-3)
    a.add_argument("--flat", type=float, default=0.4, help="share of the stage before the learning rate falls")
    a.add_argument("--single", type=float, default=0.5, help="share of rows that are questions without a conversation")
    a.add_argument("--alone", type=float, default=0.3, help="share of the stage with hardly any conversation")
    a.add_argument("--point", type=float, default=0.3, help="weight of the pointer loss")
    a.add_argument("--suffix", type=float, default=0.6, help="share of questions that ask for a short answer")
    a.add_argument("--workers", type=int, default=2)
    a.add_argument("--threads", type=int, default=2, help="of a stage with one worker")
    a.add_argument("--teacher", help="folder of smolvlm_tiny, to start from its text layers and learn from its tower")
    a.add_argument("--seed", type=int, default=1)
    args = a.parse_args()
    args.batch = args.batch or (128 if args.stage == "tower" else 8)
    return args


if __name__ == "__main__":
    args = arguments()
    torch.set_num_threads(args.threads)
    {"tower": tower, "joint": joint}[args.stage](args, importlib.import_module(args.family))
