"""Phi-3.5-vision's layout: CLIP over one tile and a global view, 2 x 2 patches to one token, learnt separators, Phi-3.

transformers has no such model; the reference here joins its CLIPVisionModel and Phi3ForCausalLM by the published merge.
"""
import json
import math
import os
import re
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as TF
import transformers as tf
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

import sentencepiece_like
from layers import ClipTower, merged
from reference import renamed

VOCABULARY = 640
SPECIAL = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
VISION = dict(image_size=64, patch_size=8, hidden_size=96, intermediate_size=144, num_hidden_layers=3, num_attention_heads=3)
TEXT = dict(hidden_size=192, intermediate_size=224, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2, head_dim=32)
SCALE, CROPS, T = 2, 1, 4  # T: tokens along a side of a view
IMAGE_TOKENS = (1 + 1) * T * T + 1 + (1 + 1) * T  # one tile and the global view, each row closed by a separator, one between the views
VIEW = [cell for row in range(T) for cell in [*range(row * T, row * T + T), -1]]
CELLS = [*VIEW, -1, *VIEW]  # which of 4 x 4 cells each image position shows, -1 none
FEATURE_SCALE = 3.0  # of the features after stage 1
COLUMNS = 230, 350  # of a batch
ORIGINAL, LONGEST = 1024, 4096  # positions
ROPE = dict(type="su", short_factor=[(50 + k) / 50 for k in range(16)], long_factor=[(5 + k) / 5 for k in range(16)])
TEMPLATE = ("{% for message in messages %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
            "{% if add_generation_prompt and messages[-1]['role'] != 'assistant' %}{{- '<|assistant|>\n' -}}{% endif %}")


class Eyes(nn.Module):
    """For scenes, which fill one tile: the global view is the tile again, so the tower runs once."""

    def __init__(self):
        super().__init__()
        self.vision_model = ClipTower(VISION)
        d, wide = TEXT["hidden_size"], VISION["hidden_size"] * SCALE**2
        self.glb_GN, self.sub_GN = nn.Parameter(torch.zeros(1, 1, wide)), nn.Parameter(torch.zeros(1, 1, 1, wide))
        self.img_projection = nn.Sequential(nn.Linear(wide, d), nn.GELU(), nn.Linear(d, d))

    def forward(self, pixels):
        x = merged(self.vision_model(pixels), SCALE)
        b, _, wide = x.shape
        x = x.view(b, T, T, wide)
        view = torch.cat([x, self.sub_GN.to(x.dtype).expand(b, T, 1, wide)], 2).view(b, -1, wide)
        return self.img_projection(torch.cat([view, self.glb_GN.to(x.dtype).expand(b, 1, wide), view], 1))

    def last(self):
        return self.img_projection[2]


def rope():
    """Inverse frequencies, and the factor on cosines and sines."""
    n = TEXT["head_dim"]
    inverse = 1 / (torch.tensor(ROPE["short_factor"]) * 10000.0 ** (torch.arange(0, n, 2).float() / n))
    return inverse, math.sqrt(1 + math.log(LONGEST / ORIGINAL) / math.log(ORIGINAL))


def placing(width, height):
    """Where a picture's pixels lie: scale and offset by axis. The longer side becomes 64, the other is padded on both sides."""
    side = VISION["image_size"]
    scale = side / max(width, height)
    w, h = (int(side / (max(width, height) / n)) for n in (width, height))
    return scale, scale, (side - w) // 2, (side - h) // 2


def hd_transform(image, crops):
    """The published resizing: to whole tiles along the longer side, white where the other falls short."""
    side, tall = VISION["image_size"], image.size[0] < image.size[1]
    image = image.transpose(Image.TRANSPOSE) if tall else image
    ratio, scale = image.size[0] / image.size[1], 1
    while scale * math.ceil(scale / ratio) <= crops:
        scale += 1
    scale -= 1
    width = scale * side
    height = int(width / ratio)
    image = TF.resize(image, [height, width])
    target = math.ceil(height / side) * side
    top = (target - height) // 2
    image = TF.pad(image, [0, top, 0, target - height - top], fill=[255, 255, 255])
    return image.transpose(Image.TRANSPOSE) if tall else image


def pixels(path):
    """The tile up to the normalisation."""
    return np.asarray(hd_transform(Image.open(path).convert("RGB"), CROPS))


# --- the wording of a conversation ---


def prefix(tok):
    """Ids up to the end of an image, and where its positions start; their ids mean nothing."""
    ids = tok.encode("<|user|>\n").ids
    return ids + [0] * IMAGE_TOKENS, len(ids)


def ask(text, first):
    """A question's text, and whether <s> precedes it: every piece of text between images has its own."""
    head = {"image": "\n", "text": "<|user|>\n", "later": "\n<|user|>\n"}[first]
    return head + text + "<|end|>\n<|assistant|>\n", first != "later"


def say(tok, text):
    """Ids of an answer as it stands in a conversation, after the line break of the prompt; the mark that ends it is kept."""
    line = len(tok.encode("\n", add_special_tokens=False).ids)
    return tok.encode("\n" + text + "<|end|>", add_special_tokens=False).ids[line:], None


def make_tokenizer(texts):
    return sentencepiece_like.train(texts, SPECIAL, VOCABULARY)


def corpus_turn(question, answer):
    """A turn as the tokenizer learns it."""
    return f"\n{question}\n{answer}"


def corpus_answer(answer):
    return "\n" + answer


# --- the checkpoint ---

EMBED = "model.vision_embed_tokens."


class Reference:
    """`Processed`'s methods over the two halves."""

    def __init__(self, lm, tower, eyes, tok):
        self.lm, self.tower, self.eyes, self.tok = lm, tower, eyes, tok
        self.stops = [tok.convert_tokens_to_ids(s) for s in ("<|endoftext|>", "<|assistant|>", "<|end|>")]

    def encode(self, turns, image):
        messages = []
        for k, text in enumerate(turns):
            mark = "<|image_1|>\n" if k == 0 and image is not None else ""
            messages.append({"role": "assistant" if k % 2 else "user", "content": mark + text})
        prompt = self.tok.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        chunks = [self.tok(c)["input_ids"] for c in re.split(r"<\|image_\d+\|>", prompt)]
        if image is None:
            return {"input_ids": torch.tensor(chunks)}
        tiles, rows, columns = views(image)
        count = (rows * columns + 1) * T * T + 1 + (rows + 1) * T
        return {"input_ids": torch.tensor([chunks[0] + [-1] * count + chunks[1]]), "pixel_values": tiles[None], "grid": (rows, columns)}

    def embedded(self, encoded):
        ids = encoded["input_ids"][0]
        x = self.lm.model.embed_tokens(ids.clamp(min=0))
        if "pixel_values" in encoded:
            seen = self.tower(encoded["pixel_values"][0], output_hidden_states=True).hidden_states[-2][:, 1:]
            x[ids < 0] = self.eyes.img_projection(joined(seen, *encoded["grid"], self.eyes))
        return x[None]

    @torch.no_grad()
    def logits(self, encoded):
        return self.lm(inputs_embeds=self.embedded(encoded), use_cache=False).logits[0, -1]

    @torch.no_grad()
    def generate(self, encoded, tokens):
        x = torch.cat([self.embedded(e) for e in encoded])
        made = self.lm.generate(inputs_embeds=x, attention_mask=torch.ones(x.shape[:2], dtype=torch.long), max_new_tokens=tokens,
                                do_sample=False, eos_token_id=self.stops, pad_token_id=self.stops[0])
        return [self.tok.decode(ids, skip_special_tokens=True).strip() for ids in made]


def views(image):
    """The global view and the tiles, normalised, and the tiles' rows and columns."""
    side = VISION["image_size"]
    x = TF.normalize(TF.to_tensor(hd_transform(image.convert("RGB"), CROPS)), ClipTower.MEAN, ClipTower.STD)
    rows, columns = x.shape[1] // side, x.shape[2] // side
    whole = F.interpolate(x[None], size=(side, side), mode="bicubic")
    tiles = x.reshape(3, rows, side, columns, side).permute(1, 3, 0, 2, 4).reshape(-1, 3, side, side)
    return torch.cat([whole, tiles]), rows, columns


def joined(seen, rows, columns, eyes):
    """Tower output [1 + tiles, patches, d], the global view first -> [positions, 4 d]: the tiles in place, then the global view."""
    x = merged(seen, SCALE).view(len(seen), T, T, -1)
    lines = lambda v: torch.cat([v, eyes.sub_GN[0].expand(v.shape[0], 1, -1)], 1).flatten(0, 1)
    tiles = x[1:].view(rows, columns, T, T, -1).transpose(1, 2).reshape(rows * T, columns * T, -1)
    return torch.cat([lines(tiles), eyes.glb_GN[0], lines(x[0])])


def configuration(tok):
    special = {s: tok.token_to_id(s) for s in SPECIAL}
    text = {k: v for k, v in TEXT.items() if k != "head_dim"}
    ids = dict(bos_token_id=1, eos_token_id=special["<|endoftext|>"], pad_token_id=special["<|endoftext|>"])
    return dict(model_type="phi3_v", architectures=["Phi3VForCausalLM"], vocab_size=VOCABULARY, **text, rms_norm_eps=1e-5, rope_theta=10000.0,
                max_position_embeddings=LONGEST, original_max_position_embeddings=ORIGINAL, rope_scaling=ROPE, hidden_act="silu",
                tie_word_embeddings=False, **ids, sliding_window=None, torch_dtype="float32",
                embd_layer=dict(embedding_cls="image", hd_transform_order="sub_glb", projection_cls="mlp", use_hd_transform=True, with_learnable_separator=True),
                img_processor=dict(VISION, image_dim_out=VISION["hidden_size"], model_name="openai/clip-vit-large-patch14-336", name="clip_vision_model",
                                   num_img_tokens=T * T, layer_norm_eps=1e-5, hidden_act="quick_gelu"))


def halves(config):
    """transformers' text model and tower of a configuration, and what joins them."""
    names = ("vocab_size", *TEXT, "rms_norm_eps", "rope_theta", "max_position_embeddings", "original_max_position_embeddings", "bos_token_id",
             "eos_token_id", "pad_token_id", "tie_word_embeddings", "sliding_window")
    rope = dict(config["rope_scaling"], type="longrope", rope_type="longrope")
    text = tf.Phi3Config(**{k: config[k] for k in names if k in config}, rope_scaling=rope)
    vision = {k: config["img_processor"][k] for k in (*VISION, "layer_norm_eps", "hidden_act")}
    return tf.Phi3ForCausalLM(text).eval(), tf.CLIPVisionModel(tf.CLIPVisionConfig(**vision)).eval(), Eyes().eval()


def opened(folder):
    """What `save` wrote."""
    folder = Path(folder)
    lm, tower, eyes = halves(json.loads((folder / "config.json").read_text()))
    weights = load_file(folder / "model.safetensors")
    lm.load_state_dict({k: v for k, v in weights.items() if not k.startswith(EMBED)})
    inner = EMBED + "img_processor.vision_model."
    tower.load_state_dict({k.removeprefix(inner): v for k, v in weights.items() if k.startswith(inner)})
    eyes.load_state_dict(renamed({k: v for k, v in weights.items() if k.startswith(EMBED)}, {inner: "vision_model.", EMBED: ""}))
    return Reference(lm, tower, eyes, tf.PreTrainedTokenizerFast.from_pretrained(folder))


def fused(weights):
    """Phi-3's tensors: queries, keys and values in one, gate and up in one."""
    weights = dict(weights)
    for name in [n for n in weights if n.endswith(".q_proj.weight") and n.startswith("model.layers.")]:
        parts = [weights.pop(name.replace("q_proj", p)) for p in ("q_proj", "k_proj", "v_proj")]
        weights[name.replace("q_proj", "qkv_proj")] = torch.cat(parts)
    for name in [n for n in weights if n.endswith(".gate_proj.weight")]:
        parts = [weights.pop(name.replace("gate_proj", p)) for p in ("gate_proj", "up_proj")]
        weights[name.replace("gate_proj", "gate_up_proj")] = torch.cat(parts)
    return weights


def save(tok, net, folder):
    """Writes the checkpoint."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    places = {"eyes.vision_model.": EMBED + "img_processor.vision_model.", "eyes.": EMBED, "text.": "model.", "lm_head.": "lm_head."}
    weights = fused(renamed(net.state_dict(), places))
    save_file({k: v.contiguous().clone() for k, v in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    fast = tf.PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", eos_token="<|endoftext|>", unk_token="<unk>", pad_token="<|endoftext|>",
                                      chat_template=TEMPLATE)
    fast.save_pretrained(folder)
    config = configuration(tok)
    stops = [tok.token_to_id(s) for s in ("<|endoftext|>", "<|assistant|>", "<|end|>")]
    write = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    write("config.json", config)
    write("generation_config.json", dict(bos_token_id=1, eos_token_id=stops, pad_token_id=stops[0]))
    write("preprocessor_config.json", dict(image_mean=ClipTower.MEAN, image_std=ClipTower.STD, image_processor_type="Phi3VImageProcessor",
                                           num_crops=CROPS, num_img_tokens=T * T, processor_class="Phi3VProcessor"))
