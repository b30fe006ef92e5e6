"""SmolVLM's layout: a SigLIP tower, 2 x 2 patches to one token, a Llama, a byte-level tokenizer."""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
import torch.nn.functional as F
import transformers as tf
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from layers import low, merged, patches, vision_encoder
from reference import Processed, renamed

VOCABULARY = 640
SPECIAL = (["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
           + [f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)])
VISION = dict(image_size=64, patch_size=8, hidden_size=96, intermediate_size=192, num_hidden_layers=4, num_attention_heads=3)
TEXT = dict(hidden_size=192, intermediate_size=224, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2, head_dim=32)
SCALE = 2
IMAGE_TOKENS = 16
CELLS = list(range(16))  # which of 4 x 4 cells each image position shows
FEATURE_SCALE = 3.0  # of the features after stage 1
COLUMNS = 200, 320  # of a batch
TEMPLATE = ("<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}{% if message['content'][0]['type'] == 'image' %}"
            "{{':'}}{% else %}{{': '}}{% endif %}{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
            "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
            "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}")


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        d, patch = VISION["hidden_size"], VISION["patch_size"]
        self.embeddings = nn.Module()
        self.embeddings.patch_embedding = nn.Conv2d(3, d, patch, patch)
        self.embeddings.position_embedding = nn.Embedding((VISION["image_size"] // patch) ** 2, d)
        self.encoder = vision_encoder(VISION, nn.GELU("tanh"), 1e-6)
        self.post_layernorm = nn.LayerNorm(d, eps=1e-6)

    def forward(self, pixels):  # [b, 64, 64, 3] u8 -> [b, 64, d]
        conv = self.embeddings.patch_embedding
        x = patches(pixels, VISION["patch_size"], (0.5,) * 3, (0.5,) * 3)
        x = low(F.linear(x, conv.weight.flatten(1), conv.bias) + self.embeddings.position_embedding.weight)
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x)


class Eyes(nn.Module):
    def __init__(self):
        super().__init__()
        self.vision_model = Tower()
        self.connector = nn.Module()
        self.connector.modality_projection = nn.Module()
        self.connector.modality_projection.proj = nn.Linear(VISION["hidden_size"] * SCALE**2, TEXT["hidden_size"], bias=False)

    def forward(self, pixels):
        return self.last()(merged(self.vision_model(pixels), SCALE))

    def last(self):
        return self.connector.modality_projection.proj


def rope():
    """Inverse frequencies, and the factor on cosines and sines."""
    n = TEXT["head_dim"]
    return 10000.0 ** (-torch.arange(0, n, 2).float() / n), 1.0


def placing(width, height):
    """Where a picture's pixels lie: scale and offset by axis. It is squashed."""
    side = VISION["image_size"]
    return side / width, side / height, 0, 0


def pixels(path):
    """SmolVLMImageProcessorPil without splitting: longest edge to 64, then squashed to 64 x 64, both Lanczos on u8."""
    image, side = Image.open(path).convert("RGB"), VISION["image_size"]
    w, h = image.size
    even = lambda n: n + n % 2
    size = (side, even(int(side / (w / h)))) if w >= h else (even(int(side * (w / h))), side)
    return np.asarray(image.resize(size, Image.LANCZOS).resize((side, side), Image.LANCZOS))


# --- the wording of a conversation ---


def prefix(tok):
    """Ids up to the end of an image, and where its positions start."""
    text = "<|im_start|>User:<fake_token_around_image><global-img>" + "<image>" * IMAGE_TOKENS + "<fake_token_around_image>"
    ids = tok.encode(text, add_special_tokens=False).ids
    return ids, ids.index(tok.token_to_id("<image>"))


def ask(text, first):
    """A question's text, and whether the tokenizer's own first token precedes it (it has none)."""
    head = "" if first == "image" else "<|im_start|>User: " if first == "text" else "\nUser: "
    return head + text + "<end_of_utterance>\nAssistant:", False


def say(tok, text):
    """Ids of an answer as it stands in a conversation, and the id that ends it but is not kept: none."""
    return tok.encode(" " + text + "<end_of_utterance>", add_special_tokens=False).ids, None


def make_tokenizer(texts):
    """Byte-level BPE with single digits; the ids of the special tokens follow the learnt ones, <|endoftext|> etc. come first."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL) + 3, special_tokens=SPECIAL[:3], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    return tok


def corpus_turn(question, answer):
    """A turn as the tokenizer learns it."""
    return f"\nUser: {question}\nAssistant: {answer}"


def corpus_answer(answer):
    return " " + answer


# --- the checkpoint ---


def checkpoint(tok, net):
    """transformers' model and processor around the trained weights."""
    marks = {name: tok.token_to_id(name) for name in ("<|im_start|>", "<|im_end|>", "<end_of_utterance>", "<image>")}
    ids = dict(bos_token_id=marks["<|im_start|>"], pad_token_id=marks["<|im_end|>"], eos_token_id=marks["<end_of_utterance>"])
    vision = dict(VISION, num_channels=3, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6)
    text = dict(TEXT, model_type="llama", vocab_size=VOCABULARY, max_position_embeddings=2048, rope_theta=10000.0, rms_norm_eps=1e-5,
                tie_word_embeddings=False, **ids)
    config = tf.SmolVLMConfig(vision_config=vision, text_config=text, scale_factor=SCALE, image_token_id=marks["<image>"],
                              tie_word_embeddings=False, pad_token_id=ids["pad_token_id"])
    model = tf.SmolVLMForConditionalGeneration(config).eval()
    places = {"eyes.": "model.", "text.": "model.text_model.", "lm_head.": "lm_head."}
    model.load_state_dict(renamed(net.state_dict(), places))
    model.generation_config = tf.GenerationConfig(**ids)
    special = [t.content for t in tok.get_added_tokens_decoder().values()]
    fast = tf.PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<|im_end|>",
                                      unk_token="<|endoftext|>", additional_special_tokens=special[3:], chat_template=TEMPLATE)
    size = {"longest_edge": VISION["image_size"]}
    images = SmolVLMImageProcessorPil(size=size, max_image_size=size, do_image_splitting=False, do_pad=True)
    video = tf.SmolVLMVideoProcessor(size=size, max_image_size=size, fps=1, num_frames=8, video_sampling={"fps": 1, "max_frames": 8, "video_size": size})
    processor = tf.SmolVLMProcessor(images, fast, video, image_seq_len=IMAGE_TOKENS)
    processor.chat_template = TEMPLATE
    return model, processor


def opened(folder):
    """What `save` wrote, as transformers opens it."""
    processor = tf.AutoProcessor.from_pretrained(folder)
    processor.image_processor = SmolVLMImageProcessorPil.from_pretrained(folder)
    return Processed(tf.SmolVLMForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval(), processor)


def save(tok, net, folder):
    """Writes the checkpoint."""
    model, processor = checkpoint(tok, net)
    model.save_pretrained(folder, safe_serialization=True)
    processor.save_pretrained(folder)
