"""What the scripts that make the parity fixtures share: toy tokenizers, pictures,
random weights, MLX quantisation, weight files, conversations and their answers.

See README.md beside this file for the environment.
"""

import argparse
import json
import os
import random
import shutil
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import mlx.core as mx
import numpy as np
import torch
import transformers
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

WORDS = "what colour is the shape left right of a how many are there describe image yes no red green blue User Assistant"
QUESTIONS = ["What colour is the shape?", "How many are there?", "Qu'est-ce que c'est? 12 €"]
SIZES = [(60, 44), (37, 101), (150, 40)]
NEW_TOKENS = 12


def byte_tokenizer(specials):
    """A byte-level BPE, as GPT-2's and SmolVLM's."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=specials[:1], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tok.train_from_iterator([WORDS] * 3, trainer)
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    return tok


def llama_tokenizer(specials, strips=()):
    """A SentencePiece BPE in the form of Llama's tokenizer.json: byte fallback, a word
    mark before each run of text, `<s>` first. Special tokens in `strips` swallow the
    white space after them."""
    control = ["<unk>", "<s>", "</s>"]
    tok = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=control + [f"<0x{byte:02X}>" for byte in range(256)], show_progress=False)
    # Word by word: no piece spans two words.
    tok.train_from_iterator(WORDS.split() * 3, trainer)
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tok.token_to_id("<s>"))])
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False, rstrip=s in strips) for s in control + specials])
    return tok


def picture(width, height, seed):
    rng = random.Random(seed)
    image = Image.new("RGB", (width, height), tuple(rng.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, r = rng.randrange(width), rng.randrange(height), rng.randrange(4, max(5, min(width, height) // 3))
        colour = tuple(rng.randrange(256) for _ in range(3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)([x - r, y - r, x + r, y + r], fill=colour)
    return image


def randomise(model, seed, dtype):
    """Random weights, large enough that an error shows, as the file will store them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name and p.ndim == 1:
                value = 1 + 0.2 * noise if name.endswith("weight") else 0.1 * noise
            else:
                value = noise * (1.3 / p.shape[-1] ** 0.5 if p.ndim > 1 else 0.1)
            p.copy_(value.to(getattr(torch, dtype)).float())
    return model.eval()


def quantise(model, format_of, dtype="float32"):
    """Packs every linear and embedding layer for which `format_of(path)` names a
    {group_size, bits} that divides its width, and leaves the dequantised weights in
    the model. Returns {path: (weight, scales, biases)}."""
    packed = {}
    for path, module in model.named_modules():
        form = format_of(path) if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)) else None
        if form and module.weight.shape[-1] % form["group_size"] == 0:
            parts = mx.quantize(mx.array(module.weight.detach().numpy()).astype(getattr(mx, dtype)), **form)
            exact = mx.dequantize(parts[0], *(part.astype(mx.float32) for part in parts[1:]), **form)
            with torch.no_grad():
                module.weight.copy_(torch.tensor(np.array(exact)))
            packed[path] = parts
    return packed


def tensors(model, packed, rename, dtype, mlx):
    """The tensors to store, under the names that `rename` gives those of the model."""
    out = {}
    for name, value in model.state_dict().items():
        if "position_ids" in name:
            continue
        path = name.rsplit(".", 1)[0]
        if name.endswith(".weight") and path in packed:
            for suffix, part in zip(("weight", "scales", "biases"), packed[path]):
                out[rename(name).removesuffix("weight") + suffix] = torch.tensor(np.array(part))
        else:
            if mlx and name.endswith("patch_embedding.weight"):
                value = value.permute(0, 2, 3, 1)
            out[rename(name)] = value.to(getattr(torch, dtype)).contiguous()
    return out


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1))


def write_weights(folder, stored, mlx=False, shards=1, index=False):
    """One file, or `shards` with the index that joins them; `index` adds it to one file too."""
    metadata = {"format": "mlx" if mlx else "pt"}
    names, where = sorted(stored), {}
    for i in range(shards):
        part = names[i::shards]
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors" if shards > 1 else "model.safetensors"
        save_file({name: stored[name] for name in part}, folder / file, metadata=metadata)
        where.update({name: file for name in part})
    if index or shards > 1:
        write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": where})


def write_tokenizer(folder, fast, template=None, where="nowhere"):
    """tokenizer.json without its white space, and the chat template in one of the
    places where checkpoints keep it."""
    fast.save_pretrained(folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()), ensure_ascii=False, separators=(",", ":")))
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings.pop("chat_template", None)
    if where == "chat_template.jinja":
        (folder / where).write_text(template)
    elif where == "chat_template.json":
        write_json(folder / where, {"chat_template": template})
    elif where == "tokenizer_config.json":
        settings["chat_template"] = template
    write_json(path, settings)


def user(text, *images):
    return {"role": "user", "content": [{"type": "image", "path": name} for name in images] + [{"type": "text", "text": text}]}


REPLY = {"role": "assistant", "content": [{"type": "text", "text": "red"}]}


def conversations(names):
    """A question about each image, a second turn, two images in one message, no image."""
    chats = [[user(question, name)] for question, name in zip(QUESTIONS, names)]
    chats.append([user(QUESTIONS[0], names[0]), REPLY, user(QUESTIONS[1])])
    chats.append([user(QUESTIONS[1], names[0], names[1])])
    chats.append([user(QUESTIONS[1])])
    return chats


def outcome(prompt, prompt_ids, tokens, logits):
    """What a fixture expects of one conversation. `logits` [tokens, vocabulary] are those
    from which each greedy token was chosen."""
    logprobs = torch.log_softmax(logits.float(), -1)
    best = torch.topk(logprobs[0], 8)
    rounded = lambda values: [round(value, 6) for value in values.tolist()]
    return dict(prompt=prompt, prompt_token_ids=prompt_ids, top_ids=best.indices.tolist(), top_logprobs=rounded(best.values),
                greedy_ids=tokens, greedy_logprobs=rounded(logprobs[range(len(tokens)), tokens]))


def answer(model, processor, messages, images):
    """What transformers' own processor and `generate` say."""
    bare = [{**m, "content": [{k: v for k, v in part.items() if k != "path"} for part in m["content"]]} for m in messages]
    prompt = processor.apply_chat_template(bare, add_generation_prompt=True)
    inputs = processor(text=[prompt], images=images, return_tensors="pt") if images else processor(text=[prompt], return_tensors="pt")
    with torch.no_grad():
        said = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False, return_dict_in_generate=True, output_logits=True)
    ids = inputs["input_ids"][0].tolist()
    return outcome(prompt, ids, said.sequences[0, len(ids):].tolist(), torch.cat(said.logits))


def write_cases(folder, dtype, answerer, seed, sizes=SIZES, chats=conversations):
    """Draws the images and writes what `answerer(messages, images)` says of each
    conversation, with each image as {type, path}."""
    (folder / "images").mkdir(parents=True)
    names = [f"{i}_{width}x{height}.png" for i, (width, height) in enumerate(sizes)]
    for i, (name, (width, height)) in enumerate(zip(names, sizes)):
        picture(width, height, seed * 100 + i).save(folder / "images" / name, optimize=True)
    cases = []
    for messages in chats(names):
        paths = [part["path"] for message in messages for part in message["content"] if part["type"] == "image"]
        images = [Image.open(folder / "images" / path) for path in paths]
        cases.append(dict(messages=messages, **answerer(messages, images)))
    write_expected(folder / "expected.json", dtype, cases)
    return cases


def write_expected(path, dtype, cases):
    """One conversation a line."""
    head = json.dumps(dict(transformers=transformers.__version__, torch=torch.__version__, dtype=dtype))
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text(f'{head[:-1]}, "cases": [\n{lines}\n]}}\n')


def main(description, fixtures, make, seed):
    """`OUT [--seed N] [--only NAME]`: calls `make(folder, spec, seed)` for each fixture."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--seed", type=int, default=seed)
    arguments.add_argument("--only", choices=fixtures, help="make this fixture alone")
    arguments = arguments.parse_args()
    torch.set_num_threads(1)
    for name in [arguments.only] if arguments.only else fixtures:
        folder = arguments.out / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "checkpoint").mkdir(parents=True)
        cases = make(folder, fixtures[name], arguments.seed)
        size = sum(file.stat().st_size for file in (folder / "checkpoint").iterdir())
        print(f"{name}: {size / 1e6:.2f} MB,", [(len(c["prompt_token_ids"]), c["greedy_ids"][:3]) for c in cases], flush=True)
