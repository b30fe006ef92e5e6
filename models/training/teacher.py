"""smolvlm_tiny as the start of another family: its text layers, its words, and what its tower says of each cell."""
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

import smolvlm
from layers import Network
from reference import renamed

MARKS = {"<s>": "<|im_start|>", "</s>": "<end_of_utterance>", "<|end|>": "<end_of_utterance>", "<0x0A>": "Ċ"}


class Teacher:
    def __init__(self, folder):
        self.tok = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.net = Network(smolvlm).eval()
        places = {"model.text_model.": "text.", "model.": "eyes.", "lm_head.": "lm_head."}
        self.net.load_state_dict(renamed(load_file(Path(folder) / "model.safetensors"), places))

    @torch.no_grad()
    def features(self, pixels):
        """u8 [n, 64, 64, 3] as SmolVLM sees them -> float16 [n, 16 cells, text d]."""
        return np.concatenate([self.net.eyes(torch.tensor(pixels[at:at + 256])).half().numpy() for at in range(0, len(pixels), 256)])

    @torch.no_grad()
    def lend(self, net, tok):
        """Gives `net` the text layers, and to each of `tok`'s tokens what the teacher knows by the same letters."""
        net.text.layers.load_state_dict(self.net.text.layers.state_dict())
        net.text.norm.load_state_dict(self.net.text.norm.state_dict())
        for layer in net.text.layers:  # Scores stay as they were where cosines and sines are scaled.
            layer.self_attn.q_proj.weight /= net.rope_scale**2
        for token, new in tok.get_vocab().items():
            old = self.ids(token)
            if old:
                net.text.embed_tokens.weight[new] = self.net.text.embed_tokens.weight[old].sum(0) / len(old) ** 0.5
                net.lm_head.weight[new] = self.net.lm_head.weight[old[0]]

    def ids(self, token):
        """The teacher's token or tokens of the same letters, before or within a word."""
        word = MARKS.get(token, token.replace("▁", "Ġ"))
        for name in (word, "Ġ" + word, word.removeprefix("Ġ")):
            if self.tok.token_to_id(name) is not None:
                return [self.tok.token_to_id(name)]
        return [] if token.startswith("<") else self.tok.encode(token.replace("▁", " "), add_special_tokens=False).ids
