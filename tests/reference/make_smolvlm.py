"""Makes the SmolVLM and Idefics3 fixtures: tiny random checkpoints in the forms
that are really published, and what transformers answers on them (torch, CPU, float32).

    python make_smolvlm.py tests/fixtures/parity [--seed N]

The environment and the form of a fixture: README.md beside this file.
"""

import json

import fixture
import transformers
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
ROWS = [f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)]
TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)

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
    # SmolVLM v1 has no tokens of its own for tile places and the global view.
    specials = SPECIALS + ROWS if row_tokens else [s for s in SPECIALS if s != "<global-img>"]
    return fixture.byte_tokenizer(specials), specials


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
    return fixture.randomise(model, seed, spec["dtype"]), processor


def mlx_name(name):
    name = name.removeprefix("model.")
    if name.startswith("text_model."):
        return "language_model." + name.removeprefix("text_model.")
    return "language_model." + name if name.startswith("lm_head.") else name


def write_checkpoint(folder, model, processor, spec):
    form = {"group_size": spec["group"], "bits": spec["bits"]} if spec.get("bits") else None
    packed = fixture.quantise(model, lambda path: form)
    stored = fixture.tensors(model, packed, mlx_name if spec.get("mlx") else str, spec["dtype"], spec.get("mlx"))
    if spec["tied"]:
        del stored["lm_head.weight"]
    fixture.write_weights(folder, stored, spec.get("mlx"), spec.get("shards", 1))
    processor.save_pretrained(folder)
    fixture.write_tokenizer(folder, processor.tokenizer, TEMPLATE, spec["template"])
    model.generation_config.save_pretrained(folder)
    write_config(folder, model, spec, form)


def write_config(folder, model, spec, form):
    config = model.config.to_dict()
    config["architectures"] = [type(model).__name__]
    config["torch_dtype" if spec["spelling"] == "published" else "dtype"] = spec["dtype"]
    if spec["spelling"] == "published":
        text = config["text_config"]
        text["rope_theta"] = text.pop("rope_parameters")["rope_theta"]
        split = json.loads((folder / "processor_config.json").read_text())
        fixture.write_json(folder / "preprocessor_config.json", split.pop("image_processor"))
        split.pop("video_processor", None)
        fixture.write_json(folder / "processor_config.json", split)
    if form:
        config["quantization"] = config["quantization_config"] = form
    fixture.write_json(folder / "config.json", config)


def make(folder, spec, seed):
    model, processor = build(spec, seed)
    write_checkpoint(folder / "checkpoint", model, processor, spec)
    return fixture.write_cases(folder, spec["dtype"], lambda messages, images: fixture.answer(model, processor, messages, images), seed)


if __name__ == "__main__":
    fixture.main(__doc__, FIXTURES, make, seed=11)
