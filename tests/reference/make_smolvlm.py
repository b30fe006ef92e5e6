"""Makes the SmolVLM and Idefics3 fixtures: tiny random checkpoints in the forms
that are really published, and what transformers answers on them (torch, CPU, float32).

    python make_smolvlm.py tests/fixtures/parity [--seed N]

Needs from PyPI: torch, torchvision, transformers==5.23.0, pillow, num2words, mlx, mlx-cpu.
Each fixture is <name>/{checkpoint/, images/, expected.json}. The reference always
computes in float32, with the weights rounded to what the checkpoint stores.
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
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

WORDS = "what colour is the shape left right of a how many are there describe image yes no red green blue User Assistant"
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
ROWS = [f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)]
TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
QUESTIONS = ["What colour is the shape?", "How many are there?", "Qu'est-ce que c'est? 12 €"]

# What varies: family, sizes, stored precision, names, files and spellings.
FIXTURES = {
    "smolvlm_float32": dict(
        family="smolvlm", image=54, patch=6, scale=3, edge=162, heads=4, kv=1, dtype="float32", tied=False,
        row_tokens=True, spelling="published", template="chat_template.json",
    ),
    "idefics3_bfloat16_tied": dict(
        family="idefics3", image=32, patch=8, scale=2, edge=96, heads=4, kv=4, dtype="bfloat16", tied=True,
        row_tokens=False, spelling="new", template="tokenizer_config.json", shards=2,
    ),
    "smolvlm_float16_mlx": dict(
        family="smolvlm", image=48, patch=8, scale=2, edge=96, heads=6, kv=2, dtype="float16", tied=False,
        row_tokens=True, spelling="published", template="nowhere", mlx=True, splitting=False,
    ),
    "idefics3_8bit": dict(
        family="idefics3", image=32, patch=4, scale=4, edge=64, heads=4, kv=2, dtype="float32", tied=False,
        row_tokens=True, spelling="new", template="chat_template.jinja", mlx=True, bits=8, group=32,
    ),
}


def tokenizer(row_tokens):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIALS[:1], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tok.train_from_iterator([WORDS] * 3, trainer)
    # SmolVLM v1 has no tokens of its own for tile places and the global view.
    specials = SPECIALS + ROWS if row_tokens else [s for s in SPECIALS if s != "<global-img>"]
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    return tok, specials


def picture(width, height, seed):
    rng = random.Random(seed)
    image = Image.new("RGB", (width, height), tuple(rng.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, r = rng.randrange(width), rng.randrange(height), rng.randrange(4, max(5, min(width, height) // 3))
        colour = tuple(rng.randrange(256) for _ in range(3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)([x - r, y - r, x + r, y + r], fill=colour)
    return image


def build(spec, seed):
    tok, specials = tokenizer(spec["row_tokens"])
    ids = {s: tok.token_to_id(s) for s in specials}
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tok, bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<|im_end|>",
        unk_token="<|endoftext|>", additional_special_tokens=[s for s in specials if s not in SPECIALS[:3]], chat_template=TEMPLATE)
    vision = dict(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=3, image_size=spec["image"], patch_size=spec["patch"])
    if spec.get("bits"):
        vision.update(hidden_size=64, intermediate_size=128, num_attention_heads=4)
    hidden = 64 if spec.get("bits") or spec["heads"] == 4 else 96
    text = dict(model_type="llama", hidden_size=hidden, intermediate_size=128, num_hidden_layers=2, num_attention_heads=spec["heads"],
                num_key_value_heads=spec["kv"], head_dim=16, vocab_size=tok.get_vocab_size() + 2, max_position_embeddings=1024,
                rope_theta=273768.0 if spec["scale"] == 3 else 100000.0, rms_norm_eps=1e-5, tie_word_embeddings=spec["tied"],
                pad_token_id=ids["<|im_end|>"], bos_token_id=ids["<|im_start|>"], eos_token_id=ids["<end_of_utterance>"])
    common = dict(vision_config=vision, text_config=text, scale_factor=spec["scale"], image_token_id=ids["<image>"], tie_word_embeddings=spec["tied"], pad_token_id=ids["<|im_end|>"])
    sequence = (spec["image"] // spec["patch"] // spec["scale"]) ** 2
    image_args = dict(size={"longest_edge": spec["edge"]}, max_image_size={"longest_edge": spec["image"]}, do_image_splitting=spec.get("splitting", True))
    if spec["family"] == "idefics3":
        model = transformers.Idefics3ForConditionalGeneration(transformers.Idefics3Config(**common))
        processor = transformers.Idefics3Processor(Idefics3ImageProcessorPil(**image_args), fast, image_seq_len=sequence)
    else:
        model = transformers.SmolVLMForConditionalGeneration(transformers.SmolVLMConfig(**common))
        video = transformers.SmolVLMVideoProcessor(size={"longest_edge": spec["image"]}, max_image_size={"longest_edge": spec["image"]}, fps=1, num_frames=8,
                                                   video_sampling={"fps": 1, "max_frames": 8, "video_size": {"longest_edge": spec["image"]}})
        processor = transformers.SmolVLMProcessor(SmolVLMImageProcessorPil(**image_args), fast, video, image_seq_len=sequence)
    processor.chat_template = TEMPLATE
    if "<global-img>" not in specials:
        processor.global_image_tag = processor.global_image_token = "<global-img>"
    return randomise(model, seed, spec), processor


def randomise(model, seed, spec):
    """Random weights, large enough that an error shows, as the file will store them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name and p.ndim == 1:
                value = 1 + 0.2 * noise if name.endswith("weight") else 0.1 * noise
            else:
                value = noise * (1.3 / p.shape[-1] ** 0.5 if p.ndim > 1 else 0.1)
            p.copy_(value.to(getattr(torch, spec["dtype"])).float())
    return model.eval()


def mlx_name(name):
    name = name.removeprefix("model.")
    if name.startswith("text_model."):
        return "language_model." + name.removeprefix("text_model.")
    return "language_model." + name if name.startswith("lm_head.") else name


def tensors(model, spec):
    """The tensors to store; quantising rounds the reference's weights as well."""
    quantised = {}
    if spec.get("bits"):
        for path, module in model.named_modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)) and module.weight.shape[-1] % spec["group"] == 0:
                parts = mx.quantize(mx.array(module.weight.detach().numpy()), group_size=spec["group"], bits=spec["bits"])
                with torch.no_grad():
                    module.weight.copy_(torch.tensor(np.array(mx.dequantize(*parts, group_size=spec["group"], bits=spec["bits"]))))
                quantised[path] = parts
    out = {}
    for name, value in model.state_dict().items():
        if "position_ids" in name or (spec["tied"] and name.startswith("lm_head.")):
            continue
        stored = mlx_name(name) if spec.get("mlx") else name
        path = name.rsplit(".", 1)[0]
        if name.endswith(".weight") and path in quantised:
            for suffix, part in zip(("weight", "scales", "biases"), quantised[path]):
                out[stored.removesuffix("weight") + suffix] = torch.tensor(np.array(part))
        else:
            if spec.get("mlx") and value.ndim == 4:
                value = value.permute(0, 2, 3, 1)
            out[stored] = value.to(getattr(torch, spec["dtype"])).contiguous()
    return out


def write_checkpoint(folder, model, processor, spec):
    folder.mkdir(parents=True)
    processor.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    config = model.config.to_dict()
    config["architectures"] = [type(model).__name__]
    config["torch_dtype" if spec["spelling"] == "published" else "dtype"] = spec["dtype"]
    if spec["spelling"] == "published":
        text = config["text_config"]
        text["rope_theta"] = text.pop("rope_parameters")["rope_theta"]
        split = json.load(open(folder / "processor_config.json"))
        json.dump(split.pop("image_processor"), open(folder / "preprocessor_config.json", "w"), indent=1)
        split.pop("video_processor", None)
        json.dump(split, open(folder / "processor_config.json", "w"), indent=1)
    if spec.get("bits"):
        config["quantization"] = config["quantization_config"] = {"group_size": spec["group"], "bits": spec["bits"]}
    json.dump(config, open(folder / "config.json", "w"), indent=1)
    (folder / "chat_template.jinja").unlink()
    if spec["template"] == "chat_template.jinja":
        (folder / "chat_template.jinja").write_text(TEMPLATE)
    elif spec["template"] == "chat_template.json":
        json.dump({"chat_template": TEMPLATE}, open(folder / "chat_template.json", "w"))
    elif spec["template"] == "tokenizer_config.json":
        settings = json.load(open(folder / "tokenizer_config.json"))
        settings["chat_template"] = TEMPLATE
        json.dump(settings, open(folder / "tokenizer_config.json", "w"), indent=1)
    write_weights(folder, tensors(model, spec), spec)


def write_weights(folder, stored, spec):
    metadata = {"format": "mlx" if spec.get("mlx") else "pt"}
    count = spec.get("shards", 1)
    if count == 1:
        save_file(stored, folder / "model.safetensors", metadata=metadata)
        return
    names, index = sorted(stored), {}
    for i in range(count):
        part = names[i::count]
        file = f"model-{i + 1:05}-of-{count:05}.safetensors"
        save_file({name: stored[name] for name in part}, folder / file, metadata=metadata)
        index.update({name: file for name in part})
    json.dump({"metadata": {}, "weight_map": index}, open(folder / "model.safetensors.index.json", "w"), indent=1)


def answer(model, processor, messages, images):
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(text=[prompt], images=images, return_tensors="pt") if images else processor(text=[prompt], return_tensors="pt")
    with torch.no_grad():
        logprobs = torch.log_softmax(model(**inputs).logits[0, -1].float(), -1)
        tokens = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    ids = inputs["input_ids"][0].tolist()
    top = torch.topk(logprobs, 8)
    return dict(prompt=prompt, prompt_token_ids=ids, top_ids=top.indices.tolist(), top_logprobs=[round(x, 6) for x in top.values.tolist()],
                greedy_ids=tokens[0, len(ids):].tolist())


def cases(model, processor, folder, seed):
    folder.mkdir(parents=True)
    names = []
    for i, (width, height) in enumerate([(60, 44), (37, 101), (150, 40)]):
        names.append(f"{i}_{width}x{height}.png")
        picture(width, height, seed * 100 + i).save(folder / names[-1], optimize=True)
    def user(text, *images):
        return {"role": "user", "content": [{"type": "image", "path": name} for name in images] + [{"type": "text", "text": text}]}
    reply = {"role": "assistant", "content": [{"type": "text", "text": "red"}]}
    chats = [[user(question, name)] for question, name in zip(QUESTIONS, names)]
    chats.append([user(QUESTIONS[0], names[0]), reply, user(QUESTIONS[1])])
    chats.append([user(QUESTIONS[1], names[0], names[1])])
    chats.append([user(QUESTIONS[1])])
    out = []
    for messages in chats:
        images = [Image.open(folder / part["path"]) for message in messages for part in message["content"] if part["type"] == "image"]
        bare = [{**m, "content": [{k: v for k, v in part.items() if k != "path"} for part in m["content"]]} for m in messages]
        out.append(dict(messages=messages, **answer(model, processor, bare, images)))
    return out


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--seed", type=int, default=11)
    arguments = arguments.parse_args()
    torch.set_num_threads(1)
    for name, spec in FIXTURES.items():
        model, processor = build(spec, arguments.seed)
        folder = arguments.out / name
        shutil.rmtree(folder, ignore_errors=True)
        write_checkpoint(folder / "checkpoint", model, processor, spec)
        results = cases(model, processor, folder / "images", arguments.seed)
        json.dump(dict(transformers=transformers.__version__, torch=torch.__version__, dtype=spec["dtype"], cases=results), open(folder / "expected.json", "w"), indent=1)
        print(name, [(len(c["prompt_token_ids"]), c["greedy_ids"][:3]) for c in results])
