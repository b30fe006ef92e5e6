"""LLaVA-1.5's layout: CLIP, a projector of two layers, a Llama-like text model, a SentencePiece-like tokenizer."""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
import torch.nn.functional as F
import transformers as tf
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import sentencepiece_like
from layers import ClipTower
from reference import Processed, renamed

VOCABULARY = 640
SPECIAL = ["<image>", "<pad>"]
VISION = dict(image_size=64, patch_size=16, hidden_size=96, intermediate_size=144, num_hidden_layers=3, num_attention_heads=3)
TEXT = dict(hidden_size=192, intermediate_size=224, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2, head_dim=32)
SIDE = VISION["image_size"] // VISION["patch_size"]
IMAGE_TOKENS = SIDE**2
CELLS = [y * 4 // SIDE * 4 + x * 4 // SIDE for y in range(SIDE) for x in range(SIDE)]  # which of 4 x 4 cells each image position shows
FEATURE_SCALE = 3.0  # of the features after stage 1
COLUMNS = 200 + IMAGE_TOKENS - 16, 320 + IMAGE_TOKENS - 16
TEMPLATE = ("{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
            "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
            "{% if message['role'] != 'assistant' %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}"
            "{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}")


class Eyes(nn.Module):
    def __init__(self):
        super().__init__()
        self.vision_model = ClipTower(VISION)
        d = TEXT["hidden_size"]
        self.linear_1, self.linear_2 = nn.Linear(VISION["hidden_size"], d), nn.Linear(d, d)

    def forward(self, pixels):
        return self.linear_2(F.gelu(self.linear_1(self.vision_model(pixels))))

    def last(self):
        return self.linear_2


def rope():
    """Inverse frequencies, and the factor on cosines and sines."""
    n = TEXT["head_dim"]
    return 10000.0 ** (-torch.arange(0, n, 2).float() / n), 1.0


def placing(width, height):
    """Where a picture's pixels lie: scale and offset by axis. The shorter side becomes 64, then the middle is cut out."""
    side = VISION["image_size"]
    scale = side / min(width, height)
    w, h = int(side * width / min(width, height)), int(side * height / min(width, height))
    return scale, scale, -((w - side) // 2), -((h - side) // 2)


def pixels(path):
    """CLIPImageProcessorPil up to the normalisation."""
    image = Image.open(path).convert("RGB")
    side, short = VISION["image_size"], min(image.size)
    w, h = (int(side * n / short) for n in image.size)
    left, top = (w - side) // 2, (h - side) // 2
    return np.asarray(image.resize((w, h), Image.BICUBIC).crop((left, top, left + side, top + side)))


# --- the wording of a conversation ---


def prefix(tok):
    """Ids up to the end of an image, and where its positions start."""
    ids = tok.encode("USER: " + "<image>" * IMAGE_TOKENS).ids
    return ids, ids.index(tok.token_to_id("<image>"))


def ask(text, first):
    """A question's text, and whether <s> precedes it."""
    return ("\n" if first == "image" else "USER: ") + text + " ASSISTANT:", first == "text"


def say(tok, text):
    """Ids of an answer as it stands in a conversation, and the id that ends it but is not kept."""
    return tok.encode(text, add_special_tokens=False).ids, tok.token_to_id("</s>")


def make_tokenizer(texts):
    return sentencepiece_like.train(texts, SPECIAL, VOCABULARY)


def corpus_turn(question, answer):
    """A turn as the tokenizer learns it."""
    return f"USER: {question} ASSISTANT: {answer}"


def corpus_answer(answer):
    return answer


# --- the checkpoint ---


def checkpoint(tok, net):
    """transformers' model and processor around the trained weights."""
    ids = dict(bos_token_id=1, eos_token_id=2, pad_token_id=tok.token_to_id("<pad>"))
    vision = dict(VISION, model_type="clip_vision_model", projection_dim=TEXT["hidden_size"], hidden_act="quick_gelu", layer_norm_eps=1e-5)
    text = dict(TEXT, model_type="llama", vocab_size=VOCABULARY, max_position_embeddings=2048, rope_theta=10000.0, rms_norm_eps=1e-5,
                tie_word_embeddings=False, **ids)
    config = tf.LlavaConfig(vision_config=vision, text_config=text, image_token_index=tok.token_to_id("<image>"), image_seq_length=IMAGE_TOKENS,
                            vision_feature_layer=-2, vision_feature_select_strategy="default", projector_hidden_act="gelu", tie_word_embeddings=False)
    model = tf.LlavaForConditionalGeneration(config).eval()
    inner = "model.vision_tower.vision_model." if any("vision_tower.vision_model" in name for name in model.state_dict()) else "model.vision_tower."
    places = {"eyes.vision_model.": inner, "eyes.": "model.multi_modal_projector.", "text.": "model.language_model.", "lm_head.": "lm_head."}
    model.load_state_dict(renamed(net.state_dict(), places))
    model.generation_config = tf.GenerationConfig(**ids)
    fast = tf.PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
                                      additional_special_tokens=["<image>"], padding_side="left", chat_template=TEMPLATE)
    side = VISION["image_size"]
    images = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    processor = tf.LlavaProcessor(images, fast, patch_size=VISION["patch_size"], vision_feature_select_strategy="default", chat_template=TEMPLATE,
                                  num_additional_image_tokens=1)
    return model, processor


def opened(folder):
    """What `save` wrote, as transformers opens it."""
    processor = tf.AutoProcessor.from_pretrained(folder)
    processor.image_processor = CLIPImageProcessorPil.from_pretrained(folder)
    return Processed(tf.LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval(), processor)


def save(tok, net, folder):
    """Writes the checkpoint; the tower's tensors get the names of the published ones."""
    model, processor = checkpoint(tok, net)
    model.save_pretrained(folder, safe_serialization=True)
    processor.save_pretrained(folder)
    path, inner = f"{folder}/model.safetensors", "vision_tower.vision_model."
    names = lambda name: name if inner in name else name.replace("vision_tower.", inner, 1)
    save_file({names(name): value for name, value in load_file(path).items()}, path, metadata={"format": "pt"})
