"""What the networks of all families share, in plain torch: a vision encoder, a Llama-like text model, and the whole.

Written out because training packs several branches behind one image: the attention mask and the position ids are inputs.
A family module states its sizes and how pixels become the features of its image positions (its `Eyes`).
"""
import torch
import torch.nn.functional as F
from torch import nn

POINTER_LAYER, POINTERS = 1, slice(0, None, 3)  # training points these two heads at the things a question names


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
    def __init__(self, d, inner, act):
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(d, inner), nn.Linear(inner, d), act

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


class VisionLayer(nn.Module):
    def __init__(self, d, inner, heads, act, eps):
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(d, eps=eps), nn.LayerNorm(d, eps=eps)
        self.self_attn, self.mlp = VisionAttention(d, heads), VisionMlp(d, inner, act)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


def vision_encoder(sizes, act, eps):
    """A module whose `layers` are those of `sizes`, named as in transformers' vision configurations."""
    encoder = nn.Module()
    encoder.layers = nn.ModuleList(
        VisionLayer(sizes["hidden_size"], sizes["intermediate_size"], sizes["num_attention_heads"], act, eps) for _ in range(sizes["num_hidden_layers"]))
    return encoder


def low(x):
    """`x` in bfloat16 under autocast."""
    return x.bfloat16() if torch.is_autocast_enabled("cpu") else x


def patches(pixels, patch, mean, std):
    """u8 [b, s, s, 3] -> normalised [b, (s / patch)^2, 3 * patch^2], channels first as in a convolution's weight."""
    b, s = pixels.shape[:2]
    x = ((pixels.float() / 255 - torch.tensor(mean)) / torch.tensor(std)).view(b, s // patch, patch, s // patch, patch, 3)
    return x.permute(0, 1, 3, 5, 2, 4).reshape(b, (s // patch) ** 2, -1)


def merged(x, scale):
    """[b, s * s, d] -> [b, (s / scale)^2, scale^2 * d]: the rows of each square block one after the other."""
    b, n, d = x.shape
    side = int(n ** 0.5)
    x = x.view(b, side // scale, scale, side // scale, scale, d).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, n // scale**2, -1)


class ClipTower(nn.Module):
    """CLIP's vision transformer with the names of the published checkpoints. What is used is the output of the last layer but one
    without the class token, so the last layer and the final norm are kept as they begin."""

    MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

    def __init__(self, sizes):
        super().__init__()
        d, self.patch = sizes["hidden_size"], sizes["patch_size"]
        self.embeddings = nn.Module()
        self.embeddings.class_embedding = nn.Parameter(torch.zeros(d))
        self.embeddings.patch_embedding = nn.Conv2d(3, d, self.patch, self.patch, bias=False)
        self.embeddings.position_embedding = nn.Embedding((sizes["image_size"] // self.patch) ** 2 + 1, d)
        self.pre_layrnorm = nn.LayerNorm(d, eps=1e-5)
        self.encoder = vision_encoder(sizes, lambda x: x * torch.sigmoid(1.702 * x), 1e-5)
        self.post_layernorm = nn.LayerNorm(d, eps=1e-5)

    def forward(self, pixels):  # [b, s, s, 3] u8 -> [b, patches, d]
        part = self.embeddings
        x = F.linear(patches(pixels, self.patch, self.MEAN, self.STD), part.patch_embedding.weight.flatten(1))
        x = torch.cat([part.class_embedding.to(x.dtype).expand(len(x), 1, -1), x], 1) + part.position_embedding.weight
        x = low(self.pre_layrnorm(x))
        for layer in self.encoder.layers[:-1]:
            x = layer(x)
        return x[:, 1:]


class RmsNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), 1e-5)


class TextAttention(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        d, h, k, n = (sizes[x] for x in ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"))
        self.head, self.groups = n, h // k
        self.q_proj, self.k_proj = nn.Linear(d, h * n, bias=False), nn.Linear(d, k * n, bias=False)
        self.v_proj, self.o_proj = nn.Linear(d, k * n, bias=False), nn.Linear(h * n, d, bias=False)

    def forward(self, x, rope, mask, image):
        b, n, _ = x.shape
        split = lambda t: t.view(b, n, -1, self.head).transpose(1, 2)
        q, k = rotate(split(self.q_proj(x)), rope), rotate(split(self.k_proj(x)), rope)
        k, v = k.repeat_interleave(self.groups, 1), split(self.v_proj(x)).repeat_interleave(self.groups, 1)
        y, scores = attend(q, k, v, mask)
        return self.o_proj(y.transpose(1, 2).reshape(b, n, -1)), scores[:, POINTERS, :, image[0]:image[1]]


def rotate(x, rope):
    cos, sin = rope
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class TextMlp(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        d, inner = sizes["hidden_size"], sizes["intermediate_size"]
        self.gate_proj, self.up_proj = nn.Linear(d, inner, bias=False), nn.Linear(d, inner, bias=False)
        self.down_proj = nn.Linear(inner, d, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class TextLayer(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(sizes["hidden_size"]), RmsNorm(sizes["hidden_size"])
        self.self_attn, self.mlp = TextAttention(sizes), TextMlp(sizes)

    def forward(self, x, rope, mask, image):
        y, looks = self.self_attn(self.input_layernorm(x), rope, mask, image)
        x = x + y
        return x + self.mlp(self.post_attention_layernorm(x)), looks


class TextModel(nn.Module):
    def __init__(self, sizes, vocab):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, sizes["hidden_size"])
        self.layers = nn.ModuleList(TextLayer(sizes) for _ in range(sizes["num_hidden_layers"]))
        self.norm = RmsNorm(sizes["hidden_size"])


class Network(nn.Module):
    """All of it: `eyes` turn pixels into the features of the image positions. Embeddings start at one and what layers add starts
    small, so that a token's identity outlives the first layers."""

    def __init__(self, family):
        super().__init__()
        self.eyes, self.text = family.Eyes(), TextModel(family.TEXT, family.VOCABULARY)
        self.lm_head = nn.Linear(family.TEXT["hidden_size"], family.VOCABULARY, bias=False)
        self.inverse, self.rope_scale = family.rope()
        for name, p in self.named_parameters():
            if p.ndim > 1:
                scale = 0.35 if "o_proj" in name or "down_proj" in name else 0.7
                std = 1.0 if "embed_tokens" in name else 0.04 if "position_embedding" in name or "lm_head" in name else scale / p[0].numel() ** 0.5
                nn.init.normal_(p, std=std)
            elif "bias" in name:
                nn.init.zeros_(p)

    def forward(self, ids, positions, mask, pixels, image_rows, image_at, wanted):
        """ids, positions [b, t]; mask [b, 1, t, t] additive; pixels [b, s, s, 3], of which those of `image_rows` are used; image
        positions start at column `image_at`; wanted: flat indices whose next token is asked for. Returns logits [wanted, vocab]."""
        x = self.text.embed_tokens(ids)
        self.features = self.eyes(pixels).float()[image_rows]
        image = image_at, image_at + self.features.shape[1]
        if len(image_rows):
            x = x.clone()
            x[image_rows, image[0]:image[1]] = self.features
        angle = (positions[..., None].float() * self.inverse).repeat(1, 1, 2)[:, None]
        rope = low(angle.cos() * self.rope_scale), low(angle.sin() * self.rope_scale)
        for number, layer in enumerate(self.text.layers):
            x, looks = layer(x, rope, low(mask), image)
            if number == POINTER_LAYER:
                self.looks = looks
        x = self.text.norm(x.reshape(-1, x.shape[-1])[wanted])
        return self.lm_head(x)
