"""Makes the Phi-3.5-vision fixtures: tiny random checkpoints under the names of
phi3_v, and what the reference answers on them (torch, CPU, float32).

    python make_phi3v.py tests/fixtures/parity [--seed N] [--only NAME]

transformers has no phi3_v. Its Phi3ForCausalLM and CLIPVisionModel are joined here as
the published model joins them: image_processing_phi3_v.py (HD transform),
image_embedding_phi3_v.py (merge of the tiles), processing_phi3_v.py (token ids).
Every token is computed from the whole sequence, as the published model does when a
sequence outgrows original_max_position_embeddings.
The environment and the form of a fixture: README.md beside this file.
"""

import math
import re

import fixture
import numpy as np
import torch
import torch.nn.functional as F
import transformers
from PIL import Image

SIDE, GRID = 336, 12
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SPECIALS = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>", "<|image|>"]
STOPS = ["<|end|>", "<|endoftext|>", "<|assistant|>", "</s>"]
TEMPLATE = (
    "{% for message in messages %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt and messages[-1]['role'] != 'assistant' %}{{- '<|assistant|>\n' -}}{% endif %}"
)

def hd_transform(image, crops):
    """The image on a white canvas of whole tiles, at most `crops` of them."""
    image = image.convert("RGB")
    portrait = image.width < image.height
    if portrait:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    ratio = image.width / image.height
    columns = max(n for n in range(1, crops + 1) if n * math.ceil(n / ratio) <= crops)
    width, height = columns * SIDE, int(columns * SIDE / ratio)
    rows = math.ceil(height / SIDE)
    canvas = Image.new("RGB", (width, rows * SIDE), (255, 255, 255))
    canvas.paste(image.resize((width, height), Image.Resampling.BILINEAR), (0, (rows * SIDE - height) // 2))
    return canvas.transpose(Image.Transpose.TRANSPOSE) if portrait else canvas


def pixels(image, crops):
    """The global view and the tiles row by row, [1 + rows·columns, 3, 336, 336]; rows; columns."""
    values = torch.from_numpy(np.array(hd_transform(image, crops))).permute(2, 0, 1).float() / 255
    values = (values - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    rows, columns = values.shape[1] // SIDE, values.shape[2] // SIDE
    tiles = values.unflatten(1, (rows, SIDE)).unflatten(3, (columns, SIDE)).permute(1, 3, 0, 2, 4).flatten(0, 1)
    view = F.interpolate(values[None], size=(SIDE, SIDE), mode="bicubic", align_corners=False)
    return torch.cat([view, tiles]), rows, columns


class Reference:
    """The joined model."""

    def __init__(self, spec, seed):
        self.spec, self.dtype = spec, spec.get("dtype", "float32")
        self.tok = fixture.llama_tokenizer(SPECIALS, spec["strips"])
        ids = {token: self.tok.token_to_id(token) for token in SPECIALS}
        self.fast = transformers.PreTrainedTokenizerFast(
            tokenizer_object=self.tok, bos_token="<s>", eos_token="<|endoftext|>", unk_token="<unk>", pad_token="<|endoftext|>", chat_template=TEMPLATE)
        self.stops = {self.tok.token_to_id(token) for token in STOPS}
        hidden, heads, vision = 64, 4, 32
        factors = lambda last: [round(1 + (last - 1) * i / 7, 4) for i in range(hidden // heads // 2)]
        self.rope = dict(short_factor=factors(1.4), long_factor=factors(6.0))
        self.text = dict(vocab_size=self.tok.get_vocab_size() + 2, hidden_size=hidden, intermediate_size=96, num_hidden_layers=2, num_attention_heads=heads,
                         num_key_value_heads=heads, rms_norm_eps=1e-5, hidden_act="silu", rope_theta=10000.0, max_position_embeddings=32 * spec["original"],
                         original_max_position_embeddings=spec["original"], tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
                         pad_token_id=ids["<|endoftext|>"], sliding_window=262144)
        self.vision = dict(hidden_size=vision, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2, image_size=SIDE, patch_size=14,
                           layer_norm_eps=1e-5, hidden_act="quick_gelu")
        config = transformers.Phi3Config(**self.text, rope_scaling={"type": "longrope", "rope_type": "longrope", **self.rope}, attn_implementation="eager")
        joined = torch.nn.Module()
        joined.lm = transformers.Phi3ForCausalLM(config)
        joined.tower = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**self.vision, projection_dim=32))
        joined.img_projection = torch.nn.Sequential(torch.nn.Linear(4 * vision, hidden), torch.nn.GELU(), torch.nn.Linear(hidden, hidden))
        joined.glb_GN = torch.nn.Parameter(torch.empty(1, 1, 4 * vision))
        joined.sub_GN = torch.nn.Parameter(torch.empty(1, 1, 1, 4 * vision))
        self.model = fixture.randomise(joined, seed, self.dtype)

    def lines(self, tiles, rows, columns):
        """CLIP's patches [rows·columns, 576, c], two by two, as rows of the whole picture,
        each ended by sub_GN: [rows·12·(columns·12 + 1), 4c]."""
        tiles = tiles.unflatten(0, (rows, columns)).unflatten(2, (GRID, 2, GRID, 2))
        picture = tiles.permute(0, 2, 1, 4, 3, 5, 6).reshape(rows * GRID, columns * GRID, -1)
        ends = self.model.sub_GN.view(1, 1, -1).expand(rows * GRID, 1, -1)
        return torch.cat([picture, ends], 1).flatten(0, 1)

    def features(self, image):
        """[tokens, hidden] of one image: tiles, glb_GN, global view."""
        values, rows, columns = pixels(image, self.spec["crops"])
        hidden = self.model.tower(values, output_hidden_states=True).hidden_states[-2][:, 1:]
        joined = torch.cat([self.lines(hidden[1:], rows, columns), self.model.glb_GN.view(1, -1), self.lines(hidden[:1], 1, 1)])
        assert len(joined) == (rows * columns + 1) * 144 + 1 + (rows + 1) * 12
        return self.model.img_projection(joined)

    def prompt(self, messages):
        """Images are numbered through the conversation; each stands on a line of its own."""
        number, flat = 0, []
        for message in messages:
            content = ""
            for part in message["content"]:
                number += part["type"] == "image"
                content += f"<|image_{number}|>\n" if part["type"] == "image" else part["text"]
            flat.append({"role": message["role"], "content": content})
        return self.fast.apply_chat_template(flat, tokenize=False, add_generation_prompt=True)

    def answer(self, messages, images):
        prompt = self.prompt(messages)
        with torch.no_grad():
            features = [self.features(image) for image in images]
            ids = []
            # Each piece of text is tokenised on its own and begins with <s>.
            for piece in re.split(r"(<\|image_\d+\|>)", prompt):
                number = re.fullmatch(r"<\|image_(\d+)\|>", piece)
                ids += [-int(number[1])] * len(features[int(number[1]) - 1]) if number else self.fast(piece)["input_ids"]
            embed = self.model.lm.model.embed_tokens
            sequence = embed(torch.tensor(ids).clamp(min=0))
            if features:
                sequence[torch.tensor(ids) < 0] = torch.cat(features)
            tokens, logits = [], []
            while len(tokens) < fixture.NEW_TOKENS and not self.stops & set(tokens):
                logits.append(self.model.lm(inputs_embeds=sequence[None], use_cache=False).logits[0, -1])
                tokens.append(int(logits[-1].argmax()))
                sequence = torch.cat([sequence, embed(torch.tensor(tokens[-1:]))])
        return fixture.outcome(prompt, ids, tokens, torch.stack(logits))


def stored_name(name):
    """From the joined model's names to phi3_v's."""
    place = "model.vision_embed_tokens."
    if name.startswith("lm."):
        return name.removeprefix("lm.")
    if name.startswith("tower."):
        return place + "img_processor.vision_model." + name.removeprefix("tower.").removeprefix("vision_model.")
    return place + name


def write_config(folder, reference):
    spec = reference.spec
    processor = {"image_dim_out": reference.vision["hidden_size"], "model_name": "openai/clip-vit-large-patch14-336", "name": "clip_vision_model", "num_img_tokens": 144}
    config = dict(model_type="phi3_v", architectures=["Phi3VForCausalLM"], **reference.text, rope_scaling={"type": spec["rope"], **reference.rope},
                  # Published files leave CLIP-L's sizes to the code; these are not CLIP-L's.
                  img_processor={**processor, **reference.vision},
                  embd_layer=dict(embedding_cls="image", hd_transform_order="sub_glb", projection_cls="mlp", use_hd_transform=True, with_learnable_separator=True),
                  torch_dtype=reference.dtype, transformers_version="4.38.1")
    if spec.get("mlx"):
        # What conversions of 2024 left behind.
        config.update(text_config={}, vision_config={**processor, "intermediate_size": 4096}, quantization=spec["form"])
    fixture.write_json(folder / "config.json", config)
    fixture.write_json(folder / "preprocessor_config.json", dict(
        image_mean=MEAN, image_std=STD, image_processor_type="Phi3VImageProcessor", num_crops=spec["crops"], num_img_tokens=144, processor_class="Phi3VProcessor"))
    if spec.get("stops") == "generation_config":
        fixture.write_json(folder / "generation_config.json", dict(bos_token_id=1, eos_token_id=sorted(reference.stops)))


def conversations(names):
    """And an image in each of two turns."""
    chats = [[fixture.user(fixture.QUESTIONS[0], name)] for name in names]
    return chats + fixture.conversations(names[-3:])[3:] + [
        [fixture.user(fixture.QUESTIONS[0], names[2]), fixture.REPLY, fixture.user(fixture.QUESTIONS[1], names[1])]]


def short_conversations(names):
    """With one image at most: sixteen crops of two take long to compute."""
    images = lambda chat: sum(part["type"] == "image" for message in chat for part in message["content"])
    return [chat for chat in conversations(names) if images(chat) < 2]


# What varies: the rope's spelling and its original length, crops, stored precision,
# names, files, and the tokens that swallow the line break after them.
FIXTURES = {
    "phi3_v_float32": dict(
        rope="su", original=784, crops=4, strips=["<|user|>"], template="tokenizer_config.json", stops="generation_config",
        sizes=[(64, 64), *fixture.SIZES],
    ),
    "phi3_v_bfloat16_1_crop": dict(
        rope="su", original=340, crops=1, strips=["<|user|>", "<|end|>", "<|assistant|>"], template="nowhere", dtype="bfloat16",
        shards=2, sizes=fixture.SIZES,
    ),
    "phi3_v_4bit_16_crops": dict(
        rope="longrope", original=2226, crops=16, strips=[], template="chat_template.json", mlx=True, index=True,
        form={"group_size": 32, "bits": 4}, sizes=fixture.SIZES, chats=short_conversations,
    ),
}


def make(folder, spec, seed):
    reference = Reference(spec, seed)
    checkpoint, mlx = folder / "checkpoint", spec.get("mlx", False)
    packed = fixture.quantise(reference.model, lambda path: spec.get("form"), reference.dtype)
    fixture.write_weights(checkpoint, fixture.tensors(reference.model, packed, stored_name, reference.dtype, mlx), mlx, spec.get("shards", 1), spec.get("index", False))
    fixture.write_tokenizer(checkpoint, reference.fast, TEMPLATE, spec["template"])
    write_config(checkpoint, reference)
    return fixture.write_cases(folder, reference.dtype, reference.answer, seed, spec["sizes"], spec.get("chats", conversations))


if __name__ == "__main__":
    fixture.main(__doc__, FIXTURES, make, seed=31)
