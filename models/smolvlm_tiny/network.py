"""SmolVLM in plain torch with the tensor names of transformers' SmolVLMForConditionalGeneration.

Written out because training packs several branches behind one image: the attention mask and the position ids are inputs.
"""
import torch
import torch.nn.functional as F
from torch import nn

IMAGE, PATCH, SCALE = 64, 8, 2
VISION = dict(hidden_size=96, intermediate_size=192, num_hidden_layers=4, num_attention_heads=3)
TEXT = dict(hidden_size=192, intermediate_size=224, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2, head_dim=32)
ROPE_THETA = 10000.0
IMAGE_AT = 5  # column of the first image token, after <|im_start|>User:<fake_token_around_image><global-img>
POINTER_LAYER, POINTERS = 1, slice(0, None, 3)  # training points these two heads at the things a question names
SIDE = IMAGE // PATCH
IMAGE_TOKENS = (SIDE // SCALE) ** 2


def attend(q, k, v, mask):
    """Attention written out: in bfloat16 on a CPU five times as fast as the fused call."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return (scores if mask is None else scores + mask).softmax(-1, dtype=scores.dtype) @ v, scores


class VisionAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(d, d) for _ in range(4))

    def forward(self, x):
        b, n, d = x.shape
        split = lambda t: t.view(b, n, self.heads, -1).transpose(1, 2)
        y, _ = attend(split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x)), None)
        return self.out_proj(y.transpose(1, 2).reshape(b, n, d))


class VisionMlp(nn.Module):
    def __init__(self, d, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, inner), nn.Linear(inner, d)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class VisionLayer(nn.Module):
    def __init__(self, d, inner, heads):
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(d, eps=1e-6), nn.LayerNorm(d, eps=1e-6)
        self.self_attn, self.mlp = VisionAttention(d, heads), VisionMlp(d, inner)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class VisionModel(nn.Module):
    def __init__(self):
        super().__init__()
        d = VISION["hidden_size"]
        self.embeddings = nn.Module()
        self.embeddings.patch_embedding = nn.Conv2d(3, d, PATCH, PATCH)
        self.embeddings.position_embedding = nn.Embedding(SIDE * SIDE, d)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(
            VisionLayer(d, VISION["intermediate_size"], VISION["num_attention_heads"]) for _ in range(VISION["num_hidden_layers"]))
        self.post_layernorm = nn.LayerNorm(d, eps=1e-6)

    def forward(self, pixels):  # [b, 64, 64, 3] u8 -> [b, 64, d]
        b = pixels.shape[0]
        x = pixels.float().mul(2 / 255).sub(1).view(b, SIDE, PATCH, SIDE, PATCH, 3)
        x = x.permute(0, 1, 3, 5, 2, 4).reshape(b, SIDE * SIDE, -1)
        conv = self.embeddings.patch_embedding
        x = F.linear(x, conv.weight.flatten(1), conv.bias) + self.embeddings.position_embedding.weight
        x = x.bfloat16() if torch.is_autocast_enabled("cpu") else x
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x)


class Connector(nn.Module):
    def __init__(self):
        super().__init__()
        self.modality_projection = nn.Module()
        self.modality_projection.proj = nn.Linear(VISION["hidden_size"] * SCALE**2, TEXT["hidden_size"], bias=False)

    def forward(self, x):  # [b, 64, d] -> [b, 16, text d]
        b, _, d = x.shape
        x = x.view(b, SIDE // SCALE, SCALE, SIDE // SCALE, SCALE, d).permute(0, 1, 3, 2, 4, 5)
        return self.modality_projection.proj(x.reshape(b, IMAGE_TOKENS, -1))


class RmsNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), 1e-5)


class TextAttention(nn.Module):
    def __init__(self):
        super().__init__()
        d, h, k, n = (TEXT[x] for x in ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"))
        self.q_proj, self.k_proj = nn.Linear(d, h * n, bias=False), nn.Linear(d, k * n, bias=False)
        self.v_proj, self.o_proj = nn.Linear(d, k * n, bias=False), nn.Linear(h * n, d, bias=False)

    def forward(self, x, rope, mask):
        b, n, _ = x.shape
        split = lambda t: t.view(b, n, -1, TEXT["head_dim"]).transpose(1, 2)
        groups = TEXT["num_attention_heads"] // TEXT["num_key_value_heads"]
        q, k = rotate(split(self.q_proj(x)), rope), rotate(split(self.k_proj(x)), rope)
        k, v = k.repeat_interleave(groups, 1), split(self.v_proj(x)).repeat_interleave(groups, 1)
        y, scores = attend(q, k, v, mask)
        looks = scores[:, POINTERS, :, IMAGE_AT:IMAGE_AT + IMAGE_TOKENS]
        return self.o_proj(y.transpose(1, 2).reshape(b, n, -1)), looks


def rotate(x, rope):
    cos, sin = rope
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class TextMlp(nn.Module):
    def __init__(self):
        super().__init__()
        d, inner = TEXT["hidden_size"], TEXT["intermediate_size"]
        self.gate_proj, self.up_proj = nn.Linear(d, inner, bias=False), nn.Linear(d, inner, bias=False)
        self.down_proj = nn.Linear(inner, d, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class TextLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(TEXT["hidden_size"]), RmsNorm(TEXT["hidden_size"])
        self.self_attn, self.mlp = TextAttention(), TextMlp()

    def forward(self, x, rope, mask):
        y, looks = self.self_attn(self.input_layernorm(x), rope, mask)
        x = x + y
        return x + self.mlp(self.post_attention_layernorm(x)), looks


class TextModel(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, TEXT["hidden_size"])
        self.layers = nn.ModuleList(TextLayer() for _ in range(TEXT["num_hidden_layers"]))
        self.norm = RmsNorm(TEXT["hidden_size"])


class SmolVlm(nn.Module):
    """All of it. Embeddings start at one and what layers add starts small, so that a token's identity outlives the first layers."""

    def __init__(self, vocab):
        super().__init__()
        self.model = nn.Module()
        self.model.vision_model, self.model.connector, self.model.text_model = VisionModel(), Connector(), TextModel(vocab)
        self.lm_head = nn.Linear(TEXT["hidden_size"], vocab, bias=False)
        for name, p in self.named_parameters():
            if p.ndim > 1:
                scale = 0.35 if "o_proj" in name or "down_proj" in name else 0.7
                std = 1.0 if "embed_tokens" in name else 0.04 if "embed" in name or "lm_head" in name else scale / p[0].numel() ** 0.5
                nn.init.normal_(p, std=std)
            elif "bias" in name:
                nn.init.zeros_(p)

    def image_features(self, pixels):
        return self.model.connector(self.model.vision_model(pixels))

    def forward(self, ids, positions, mask, pixels, image_rows, image_at, wanted):
        """ids, positions [b, t]; mask [b, 1, t, t] additive; pixels [b, 64, 64, 3], of which those of `image_rows` are used; image
        tokens start at column `image_at`; wanted: flat indices whose next token is asked for. Returns logits [wanted, vocab]."""
        text = self.model.text_model
        x = text.embed_tokens(ids)
        if len(image_rows):
            self.features = self.image_features(pixels).float()[image_rows]
            x = x.clone()
            x[image_rows, image_at:image_at + IMAGE_TOKENS] = self.features
        n = TEXT["head_dim"]
        inverse = ROPE_THETA ** (-torch.arange(0, n, 2).float() / n)
        angle = (positions[..., None].float() * inverse).repeat(1, 1, 2)[:, None]
        rope = angle.cos(), angle.sin()
        if torch.is_autocast_enabled("cpu"):
            rope, mask = (rope[0].bfloat16(), rope[1].bfloat16()), mask.bfloat16()
        for number, layer in enumerate(text.layers):
            x, looks = layer(x, rope, mask)
            if number == POINTER_LAYER:
                self.looks = looks
        x = text.norm(x.reshape(-1, x.shape[-1])[wanted])
        return self.lm_head(x)
