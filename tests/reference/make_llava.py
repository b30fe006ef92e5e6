"""Makes the LLaVA and LLaVA-NeXT fixtures: tiny random checkpoints in the forms
that are really published, and what transformers answers on them (torch, CPU, float32).

    python make_llava.py tests/fixtures/parity [--seed N] [--only NAME]

The environment and the form of a fixture: README.md beside this file.
"""

import fixture
import transformers
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

TEXTS = "message['content'] | selectattr('type', 'equalto', 'text')"
IMAGES = "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\\n' }}{% endfor %}"
# LLaVA-1.5's, with the tags that only training reads, and the Vicuna kind of LLaVA-NeXT.
VICUNA = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "" + IMAGES + "{% if message['role'] != 'assistant' %}"
    "{% for content in " + TEXTS + " %}{{ content['text'] + ' '}}{% endfor %}{% else %}"
    "{% for content in " + TEXTS + " %}{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
# LLaVA-NeXT's for Mistral; what ends an answer is misspelled in the original.
MISTRAL = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ '<<SYS>>\\n' + message['content'][0]['text'] + '\\n<</SYS>>\\n\\n' }}"
    "{% elif message['role'] == 'user' %}{{ '[INST] ' }}" + IMAGES + "{% for content in " + TEXTS + " %}{{ content['text'] }}{% endfor %}"
    "{{ ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'][0]['text'] + '<\\s> ' }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)

# What varies: family, sizes, stored precision, names, files and spellings.
# files: "split" preprocessor_config.json and processor_config.json; "sides" the same
# with bare side lengths; "nested" all in processor_config.json; "none" of them.
# names and config: "published" (2023), "v4" (transformers 4.52 and on), "v5", "mlx".
FIXTURES = {
    "llava_float32": dict(
        family="llava", names="published", config="published", files="split", template="chat_template.json", kv=4,
    ),
    "llava_bfloat16_full": dict(
        family="llava", names="v5", config="v5", files="nested", template="chat_template.jinja", kv=2, dtype="bfloat16",
        layer=-1, strategy="full", without=["post_layernorm"],
    ),
    "llava_float16_first_layer": dict(
        family="llava", names="v4", config="v4", files="sides", template="tokenizer_config.json", kv=1, dtype="float16",
        layer=-3, shards=2, image=48, patch=16,
    ),
    "llava_4bit_bare": dict(
        family="llava", names="mlx", config="published", files="none", template="nowhere", kv=4, dtype="float16",
        width=64, form={"group_size": 64, "bits": 4}, blocks=["quantization"], index=True,
    ),
    "llava_next_mistral": dict(
        family="llava_next", names="published", config="published", files="split", template="chat_template.json", kv=2,
        shards=2, image=32, patch=8, grids=[(1, 2), (2, 1), (2, 2), (3, 1), (1, 3)],
    ),
    "llava_next_vicuna": dict(
        family="llava_next", text="llama", names="v4", config="v4", files="nested", template="tokenizer_config.json", kv=4,
        image=30, patch=6, layer=2, grids=[(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (1, 4), (4, 1)],
    ),
    "llava_next_4bit_mixed": dict(
        family="llava_next", names="mlx", config="published", files="none", template="nowhere", kv=2, width=128, layers=2,
        form={"group_size": 128, "bits": 4}, blocks=["quantization", "quantization_config"], image=32, patch=8,
        grids=[(1, 2), (2, 1), (2, 2), (3, 1), (1, 3)],
        overrides={"language_model.model.embed_tokens": {"group_size": 64, "bits": 8}, "multi_modal_projector.linear_2": False,
                   "language_model.model.layers.1.mlp.down_proj": {"group_size": 32, "bits": 6}},
    ),
    "llava_next_8bit_skip_vision": dict(
        family="llava_next", names="mlx", config="v5", files="nested", template="chat_template.jinja", kv=2, width=64,
        form={"group_size": 32, "bits": 8}, blocks=["quantization_config"], skip_vision=True, shards=2, image=40, patch=8,
        grids=[(1, 2), (2, 1), (2, 2)],
    ),
}


def sizes(spec, vocabulary):
    width = spec.get("width", 32)
    vision = dict(model_type="clip_vision_model", hidden_size=width, intermediate_size=max(64, width), num_hidden_layers=spec.get("layers", 3),
                  num_attention_heads=width // 16, image_size=spec.get("image", 40), patch_size=spec.get("patch", 8), projection_dim=32)
    width = spec.get("width", 48)
    mistral = spec["family"] == "llava_next" and spec.get("text") != "llama"
    text = dict(model_type="mistral" if mistral else "llama", hidden_size=width, intermediate_size=max(80, width) if width % 64 else width,
                num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=spec["kv"], vocab_size=vocabulary + 3,
                max_position_embeddings=4096, rms_norm_eps=1e-5)
    if mistral:
        text.update(rope_theta=1000000.0, sliding_window=None)
    return vision, text


def build(spec, seed):
    tok = fixture.llama_tokenizer(["<image>", "<pad>"])
    image_id = tok.token_to_id("<image>")
    template = MISTRAL if spec["family"] == "llava_next" and spec.get("text") != "llama" else VICUNA
    if spec["template"] == "nowhere":
        # The program has to fall back to its own, in which an answer ends as the tokenizer spells it.
        template = template.replace("<\\s>", "</s>")
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
                                                additional_special_tokens=["<image>"], padding_side="left")
    vision, text = sizes(spec, tok.get_vocab_size())
    side, strategy = vision["image_size"], spec.get("strategy", "default")
    patches = (side // vision["patch_size"]) ** 2
    common = dict(vision_config=vision, text_config=text, image_token_index=image_id, image_seq_length=patches, projector_hidden_act="gelu",
                  vision_feature_layer=spec.get("layer", -2), vision_feature_select_strategy=strategy, tie_word_embeddings=False)
    sides = dict(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    joined = dict(patch_size=vision["patch_size"], vision_feature_select_strategy=strategy, num_additional_image_tokens=1, chat_template=template)
    if spec["family"] == "llava":
        model = transformers.LlavaForConditionalGeneration(transformers.LlavaConfig(**common))
        processor = transformers.LlavaProcessor(CLIPImageProcessorPil(**sides), fast, **joined)
    else:
        grids = [[side * rows, side * columns] for rows, columns in spec["grids"]]
        model = transformers.LlavaNextForConditionalGeneration(transformers.LlavaNextConfig(**common, image_grid_pinpoints=grids))
        processor = transformers.LlavaNextProcessor(LlavaNextImageProcessorPil(**sides, image_grid_pinpoints=grids), fast, **joined)
    model.generation_config = transformers.GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=tok.token_to_id("<pad>"))
    return fixture.randomise(model, seed, spec.get("dtype", "float32")), processor


def renamed(names):
    """From the names in transformers' modules to those of a published form."""
    def rename(name):
        if names in ("published", "mlx", "v4"):
            name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
        if names == "v4":
            return name
        name = name.removeprefix("model.")
        if name.startswith("language_model."):
            return name.replace("language_model.", "language_model.model.", 1)
        return "language_model." + name if name.startswith("lm_head.") else name
    return rename


def formats(spec):
    """How each module is quantised, by its path in transformers' modules."""
    rename, overrides = renamed("mlx"), spec.get("overrides", {})
    def form(path):
        if spec.get("skip_vision") and "vision_tower" in path:
            return None
        return overrides.get(rename(path), spec.get("form"))
    return form


def published_config(config, spec):
    """As saved in 2023: what equals its class's default is left out."""
    text, vision = config["text_config"], config["vision_config"]
    kept = ["model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings", "rms_norm_eps"]
    sparse = {key: text[key] for key in kept}
    if text["num_key_value_heads"] != (8 if text["model_type"] == "mistral" else text["num_attention_heads"]):
        sparse["num_key_value_heads"] = text["num_key_value_heads"]
    if text["model_type"] == "mistral":
        sparse.update(rope_theta=text["rope_parameters"]["rope_theta"], sliding_window=None)
    kept = ["model_type", "hidden_size", "image_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "patch_size", "projection_dim"]
    out = {key: config[key] for key in ("model_type", "architectures", "image_token_index", "projector_hidden_act", "vision_feature_layer", "vision_feature_select_strategy")}
    out.update(ignore_index=-100, text_config=sparse, vision_config={**{key: vision[key] for key in kept}, "vocab_size": 32000},
               vocab_size=text["vocab_size"], tie_word_embeddings=False, torch_dtype=spec.get("dtype", "float32"), transformers_version="4.36.0.dev0")
    if spec["family"] == "llava_next":
        out.update(image_grid_pinpoints=config["image_grid_pinpoints"], use_image_newline_parameter=True)
    return out


def write_config(folder, model, spec):
    config = model.config.to_dict()
    config["architectures"] = [type(model).__name__]
    if spec["config"] == "published":
        config = published_config(config, spec)
    elif spec["config"] == "v4":
        text = config["text_config"]
        text.update(rope_theta=text.pop("rope_parameters")["rope_theta"], rope_scaling=None, torch_dtype=spec.get("dtype", "float32"))
    else:
        config["dtype"] = spec.get("dtype", "float32")
    if spec.get("skip_vision"):
        config["vision_config"]["skip_vision"] = True
    for block in spec.get("blocks", []):
        config[block] = {**spec["form"], **spec.get("overrides", {})}
    fixture.write_json(folder / "config.json", config)


def write_processor(folder, processor, spec):
    """Settings of the images and of the tokens that stand for them, where `files` says."""
    if spec["files"] == "none":
        return
    joined = {"processor_class": type(processor).__name__, "image_token": "<image>", "patch_size": processor.patch_size,
              "num_additional_image_tokens": 1, "vision_feature_select_strategy": processor.vision_feature_select_strategy}
    settings = processor.image_processor.to_dict()
    settings["image_processor_type"] = settings["image_processor_type"].removesuffix("Pil")
    if spec["files"] == "sides":
        settings.update(size=settings["size"]["shortest_edge"], crop_size=settings["crop_size"]["height"])
    if spec["files"] == "nested":
        joined["image_processor"] = settings
    else:
        fixture.write_json(folder / "preprocessor_config.json", settings)
    fixture.write_json(folder / "processor_config.json", joined)


def write_checkpoint(folder, model, processor, spec):
    mlx, dtype = spec["names"] == "mlx", spec.get("dtype", "float32")
    packed = fixture.quantise(model, formats(spec), dtype)
    stored = fixture.tensors(model, packed, renamed(spec["names"]), dtype, mlx)
    for part in spec.get("without", []):
        stored = {name: tensor for name, tensor in stored.items() if part not in name}
    fixture.write_weights(folder, stored, mlx, spec.get("shards", 1), spec.get("index", False))
    fixture.write_tokenizer(folder, processor.tokenizer, processor.chat_template, spec["template"])
    write_processor(folder, processor, spec)
    write_config(folder, model, spec)
    if spec["files"] != "none":
        model.generation_config.save_pretrained(folder)


def conversations(names):
    """And an image in each of two turns, and three that differ in shape in one message."""
    chats = fixture.conversations(names)
    chats.append([fixture.user(fixture.QUESTIONS[0], names[2]), fixture.REPLY, fixture.user(fixture.QUESTIONS[1], names[1])])
    chats.append([fixture.user(fixture.QUESTIONS[0], names[1], names[2], names[0])])
    return chats


def make(folder, spec, seed):
    model, processor = build(spec, seed)
    write_checkpoint(folder / "checkpoint", model, processor, spec)
    answerer = lambda messages, images: fixture.answer(model, processor, messages, images)
    return fixture.write_cases(folder, spec.get("dtype", "float32"), answerer, seed, chats=conversations)


if __name__ == "__main__":
    fixture.main(__doc__, FIXTURES, make, seed=13)
