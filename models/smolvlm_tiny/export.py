"""Writes the trained network as a Hugging Face checkpoint and checks that transformers computes the same.

    python models/smolvlm_tiny/export.py --work WORK --output models/smolvlm_tiny [--images DATA/dev/images]
"""
import argparse
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
import transformers as tf
from PIL import Image
from tokenizers import Tokenizer
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

import conversations
import network
import scenes
from train import VOCABULARY, collate

TEMPLATE = ("<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}{% if message['content'][0]['type'] == 'image' %}"
            "{{':'}}{% else %}{{': '}}{% endif %}{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
            "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
            "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}")


def build(tok, weights):
    """transformers' model and processor around the trained weights."""
    marks = {name: tok.token_to_id(name) for name in ("<|im_start|>", "<|im_end|>", "<end_of_utterance>", "<image>")}
    ids = dict(bos_token_id=marks["<|im_start|>"], pad_token_id=marks["<|im_end|>"], eos_token_id=marks["<end_of_utterance>"])
    vision = dict(network.VISION, image_size=network.IMAGE, patch_size=network.PATCH, num_channels=3, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6)
    text = dict(network.TEXT, model_type="llama", vocab_size=VOCABULARY, max_position_embeddings=2048, rope_theta=network.ROPE_THETA,
                rms_norm_eps=1e-5, tie_word_embeddings=False, **ids)
    config = tf.SmolVLMConfig(vision_config=vision, text_config=text, scale_factor=network.SCALE, image_token_id=marks["<image>"],
                              tie_word_embeddings=False, pad_token_id=ids["pad_token_id"])
    model = tf.SmolVLMForConditionalGeneration(config).eval()
    model.load_state_dict(weights)
    model.generation_config = tf.GenerationConfig(**ids)
    special = [t.content for t in tok.get_added_tokens_decoder().values()]
    fast = tf.PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<|im_start|>", eos_token="<end_of_utterance>", pad_token="<|im_end|>",
                                      unk_token="<|endoftext|>", additional_special_tokens=special[3:], chat_template=TEMPLATE)
    size = {"longest_edge": network.IMAGE}
    images = SmolVLMImageProcessorPil(size=size, max_image_size=size, do_image_splitting=False, do_pad=True)
    video = tf.SmolVLMVideoProcessor(size=size, max_image_size=size, fps=1, num_frames=8, video_sampling={"fps": 1, "max_frames": 8, "video_size": size})
    processor = tf.SmolVLMProcessor(images, fast, video, image_seq_len=network.IMAGE_TOKENS)
    processor.chat_template = TEMPLATE
    return model, processor


@torch.no_grad()
def check(model, processor, net, tok, files):
    """The processor's pixels and ids and the model's logits are those of training."""
    writer = conversations.Writer(tok, network.IMAGE_TOKENS)
    for file in files:
        image, text = Image.open(file), "What color is the circle?" + conversations.SUFFIX
        prompt = processor.apply_chat_template([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}], add_generation_prompt=True)
        batch = processor(text=[prompt], images=[image], return_tensors="pt")
        pixels = scenes.pixels(file)
        theirs = batch["pixel_values"][0, 0].permute(1, 2, 0).numpy()
        assert np.abs(theirs - (pixels / 127.5 - 1)).max() < 1e-5, file
        row = conversations.Row(tok)
        row.add(base := row.open(), writer.prefix)
        writer.ask(row, base, text, "image")
        assert batch["input_ids"][0].tolist() == row.ids, file
        writer.say(row, base, "red", "colour")
        ids, positions, mask, images, rows, wanted = collate([row], [pixels])[0]
        ours = net(ids, positions, mask, images, rows, writer.image_at, wanted)[0]
        gap = (model(**batch).logits[0, -1] - ours).abs().max().item()
        assert gap < 1e-3, (file, gap)
    print(len(files), "images: pixels, token ids and logits agree with transformers", tf.__version__)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", required=True)
    a.add_argument("--output", required=True)
    a.add_argument("--images", default="datasets/shapes/images")
    args = a.parse_args()
    tok = Tokenizer.from_file(str(Path(args.work) / "tokenizer.json"))
    saved = torch.load(Path(args.work) / "joint.pt")
    net = network.SmolVlm(VOCABULARY).eval()
    net.load_state_dict(saved["model"])
    model, processor = build(tok, saved["model"])
    check(model, processor, net, tok, sorted(Path(args.images).iterdir())[:12])
    model.save_pretrained(args.output, safe_serialization=True)
    processor.save_pretrained(args.output)
    print("step", saved["step"], "parameters", sum(p.numel() for p in net.parameters()),
          "bytes", (Path(args.output) / "model.safetensors").stat().st_size)


if __name__ == "__main__":
    main()
