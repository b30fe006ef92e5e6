"""Trains smolvlm_tiny on synthetic scenes. Usage, from the root of the repository (torch, transformers, tokenizers, pillow):

    M="cargo run --release --example make_shapes -- --questions 24 --facts"
    $M --output DATA/train --seed 1 --images 40000 --split train
    $M --output DATA/dev --seed 3 --images 1000 --split dev
    python models/smolvlm_tiny/train.py tower --data DATA --work WORK --minutes 3
    python models/smolvlm_tiny/train.py joint --data DATA --work WORK --minutes 19 --compile
    python models/smolvlm_tiny/export.py --work WORK --output models/smolvlm_tiny
    python models/smolvlm_tiny/evaluate.py --checkpoint models/smolvlm_tiny --dataset datasets/shapes

Stage `tower` teaches the vision tower and the connector what covers each image token. Stage `joint` teaches everything to
answer, describe and remember; two heads of one layer are told where the things lie that a question names. The learning
rate follows the clock (--minutes) or, with --steps, the step count; only the latter gives the same weights twice on one
kind of machine. Stage `joint` continues from its last save.
"""
import argparse
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
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn

import conversations
import scenes as data
from network import IMAGE_TOKENS, TEXT, SmolVlm

VOCABULARY = 640
ROWS = [f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"] + ROWS


def make_tokenizer(texts):
    """Byte-level BPE with single digits; the ids of the special tokens follow the learnt ones, <|endoftext|> etc. come first."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL) + 3, special_tokens=SPECIAL[:3], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    return tok


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


def grid_loss(out, t):
    """Sum of the cross entropies of the six targets, kinds three times; and the share that is right where a thing is."""
    losses, right = [], []
    for k, part in enumerate(out.float().flatten(0, 1).split(list(GRID.values()), -1)):
        want = t[..., k].flatten()
        losses.append(F.cross_entropy(part, want, reduction="sum") / max(1, int((want >= 0).sum())))
        told = want > 0 if k < 2 else want >= 0
        right.append((part.argmax(-1) == want)[told].float().mean().item())
    return 2 * losses[0] + sum(losses), right


def tower(args):
    pixels, facts = data.load(Path(args.data) / "train", "train", args.work)
    targets = torch.from_numpy(np.stack([data.grid(s) for s in facts]))
    dev_pixels, dev_facts = data.load(Path(args.data) / "dev", "dev", args.work)
    dev_targets = torch.from_numpy(np.stack([data.grid(s) for s in dev_facts]))
    pixels, dev_pixels = torch.from_numpy(np.array(pixels)), torch.from_numpy(np.array(dev_pixels))
    torch.manual_seed(args.seed)
    model, head = SmolVlm(VOCABULARY), nn.Linear(TEXT["hidden_size"], sum(GRID.values()))
    path = Path(args.work) / "tower.pt"
    if path.exists():
        model.load_state_dict(torch.load(path)["model"]), head.load_state_dict(torch.load(path)["head"])
    parts = [model.model.vision_model, model.model.connector, head]
    parameters = [p for part in parts for p in part.parameters()]
    opt, clock = optimizer([(parameters, 1.0)]), Clock(args.minutes, args.steps)
    rng = torch.Generator().manual_seed(args.seed)

    def loss_of(p, t):
        with torch.autocast("cpu", torch.bfloat16):
            return grid_loss(head(model.image_features(p)), t)

    if args.compile:
        for layer in model.model.vision_model.encoder.layers:
            layer.compile(dynamic=False)
    while clock.progress() < 1:
        pick = torch.randint(len(pixels), (args.batch,), generator=rng)
        loss, _ = loss_of(pixels[pick], targets[pick])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        update(opt, parameters, args.rate * clock.rate(args.flat, clock.progress()))
        clock.step += 1
        if clock.step % 100 == 0:
            torch.compiler.set_stance("force_eager")
            with torch.no_grad():
                dev, right = loss_of(dev_pixels[:500], dev_targets[:500])
            torch.compiler.set_stance("default")
            say(f"tower step {clock.step} {clock.progress():.0%} loss {loss.item():.3f} dev {dev.item():.3f}",
                dict(zip(GRID, (round(r, 3) for r in right))))
            save(path, model=model.state_dict(), head=head.state_dict())
    save(path, model=model.state_dict(), head=head.state_dict())


# --- stage 2 ---

SHORT, LONG = 200, 320  # token columns of a batch: few shapes, so that compiled layers are compiled twice only


def collate(rows, pictures, columns=None):
    """Pads rows; returns the network's inputs and the targets."""
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
            point_to.append([[(k in things) / len(things) for k in range(IMAGE_TOKENS)]])
        labels += r.answers
    as_tensor = torch.from_numpy
    with_image = [i for i, p in enumerate(pictures) if p is not None]
    images = as_tensor(np.stack([np.zeros((data.SIZE, data.SIZE, 3), np.uint8) if p is None else p for p in pictures]))
    inputs = (as_tensor(ids), as_tensor(positions), as_tensor(mask), images, torch.tensor(with_image), torch.tensor(wanted))
    points = torch.tensor(point_at, dtype=torch.long).view(-1, 2), torch.tensor(point_to, dtype=torch.float32)
    return inputs, torch.tensor(target), torch.tensor(weight), torch.tensor(answer), labels, points


def batches(writer, pixels, facts, targets, args, seed, clock, out):
    """Fills the queue for ever with batches and the grid targets of their images. Every `--long`th batch holds
    conversations with more turns; all workers meet it at the same step. Conversations come after `--alone` of the time."""
    rng, number = random.Random(seed), 0
    while True:
        number += 1
        alone = clock.progress() < args.alone
        writer.single_share = 0.97 if alone else args.single
        long = args.long and number % args.long == 0 and not alone
        rows, pictures, grids = [], [], []
        while len(rows) < args.batch:
            n = rng.randrange(len(facts))
            row = writer.talk(facts[n], rng, LONG - 70, rng.randrange(3, 7)) if long else writer.row(facts[n], rng, SHORT - 40)
            if len(row.ids) > (LONG if long else SHORT):
                continue
            rows.append(row)
            pictures.append(pixels[n] if row.ids[:len(writer.prefix)] == writer.prefix else None)
            grids += [targets[n]] if pictures[-1] is not None else []
        out.put((collate(rows, pictures, LONG if long else SHORT), torch.from_numpy(np.stack(grids))))


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
        logits, target, _, answer, labels = run(model, writer, collate(rows[i:i + size], pictures[i:i + size]))
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


def joint(args):
    """Runs `--workers` copies of the stage."""
    if args.workers == 1:
        return work(0, args)
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1"), os.environ.setdefault("MASTER_PORT", "29511")
    torch.multiprocessing.spawn(work, (args,), args.workers)


def work(rank, args):
    if args.workers > 1:
        torch.set_num_threads(1)
    team = Team(rank, args.workers)
    pixels, facts = data.load(Path(args.data) / "train", "train", args.work)
    dev_pixels, dev_facts = data.load(Path(args.data) / "dev", "dev", args.work)
    writer = conversations.Writer(tokenizer(args, facts), IMAGE_TOKENS, args.single, args.suffix)
    model, head, opt, clock = start(args)
    parameters = [*model.parameters(), *head.parameters()]
    if rank == 0:
        say("step", clock.step, "parameters", sum(p.numel() for p in model.parameters()), "tokens of an image prefix", len(writer.prefix))
    if args.compile:
        for layer in [*model.model.text_model.layers, *model.model.vision_model.encoder.layers]:
            layer.compile(dynamic=False)
    ready = queue.Queue(6)
    seed = args.seed * 1_000_003 + clock.step * 16 + rank
    targets = [data.grid(s) for s in facts]
    threading.Thread(target=batches, args=(writer, pixels, facts, targets, args, seed, clock, ready), daemon=True).start()
    check, rng = dev_rows(writer, dev_facts, 160), random.Random(5)
    later = [writer.talk(s, rng, 400, turns=k % 7, gaps=False) for k, s in enumerate(dev_facts[200:320])]
    saved, mean, progress = time.time(), None, clock.progress()
    while progress < 1:
        batch, grids = ready.get()
        logits, target, weight, _, _ = run(model, writer, batch)
        loss = (F.cross_entropy(logits, target, reduction="none") * weight).sum() / weight.sum()
        point = pointer_loss(model, batch[-1])
        seen, right = grid_loss(head(model.features), grids)
        opt.zero_grad(set_to_none=True)
        (loss + 0.1 * seen + args.point * point).backward()
        progress = team.average(parameters, clock.progress())
        update(opt, parameters, args.rate * clock.rate(args.flat, progress))
        clock.step += 1
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if rank == 0 and clock.step % 50 == 0:
            say(f"joint step {clock.step} {progress:.1%} loss {mean:.4f} point {point.item():.3f} grid {seen.item():.3f} kind {right[0]:.3f} seconds/step {clock.elapsed() / clock.step:.3f}")
        if rank == 0 and (time.time() - saved > 120 or progress >= 1):
            save(Path(args.work) / "joint.pt", model=model.state_dict(), head=head.state_dict(), optimizer=opt.state_dict(), spent=clock.elapsed(), step=clock.step)
            report("dev", evaluate(model, writer, check, dev_pixels[:160]))
            report("dev", evaluate(model, writer, later, dev_pixels[200:320]))
            saved = time.time()


def tokenizer(args, facts):
    path = Path(args.work) / "tokenizer.json"
    if not path.exists():
        make_tokenizer(conversations.corpus(facts[:3000])).save(str(path))
    return Tokenizer.from_file(str(path))


def start(args):
    """The model, its optimizer and the clock: from the last save, or fresh on the tower of stage 1."""
    torch.manual_seed(args.seed)
    model, head, path = SmolVlm(VOCABULARY), nn.Linear(TEXT["hidden_size"], sum(GRID.values())), Path(args.work) / "joint.pt"
    part = model.model
    eyes = [*part.connector.parameters(), *part.vision_model.parameters(), *head.parameters()]
    opt = optimizer([([*part.text_model.parameters(), *model.lm_head.parameters()], 1.0), (eyes, 0.1)])
    if path.exists():
        old = torch.load(path)
        model.load_state_dict(old["model"]), head.load_state_dict(old["head"]), opt.load_state_dict(old["optimizer"])
        return model, head, opt, Clock(args.minutes, args.steps, old["spent"], old["step"])
    first = torch.load(Path(args.work) / "tower.pt")
    head.load_state_dict(first["head"])
    model.load_state_dict({k: v for k, v in first["model"].items() if "text_model" not in k and "lm_head" not in k}, strict=False)
    with torch.no_grad():  # Image features start at the scale of the embeddings.
        model.model.connector.modality_projection.proj.weight /= 3
        head.weight *= 3
    return model, head, opt, Clock(args.minutes, args.steps)


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    a.add_argument("--seed", type=int, default=1)
    args = a.parse_args()
    args.batch = args.batch or (128 if args.stage == "tower" else 8)
    return args


if __name__ == "__main__":
    torch.set_num_threads(2)
    args = arguments()
    {"tower": tower, "joint": joint}[args.stage](args)
