"""A checkpoint as transformers runs it, for families with a processor of their own there."""
import torch


def renamed(weights, places):
    """Tensors under other names: `places` maps how a name starts to what stands there instead, the first that fits."""
    start = lambda name: next(s for s in places if name.startswith(s))
    return {places[start(name)] + name.removeprefix(start(name)): value for name, value in weights.items()}


class Processed:
    """Every family's reference has these methods; `encode` returns whatever `logits` and `generate` take, with the ids under `input_ids`."""

    def __init__(self, model, processor):
        self.model, self.processor = model, processor

    def encode(self, turns, image):
        """`turns`: texts, the user's first; the image, unless None, precedes the first."""
        messages = []
        for k, text in enumerate(turns):
            content = ([{"type": "image"}] if k == 0 and image is not None else []) + [{"type": "text", "text": text}]
            messages.append({"role": "assistant" if k % 2 else "user", "content": content})
        prompt = self.processor.apply_chat_template(messages, add_generation_prompt=True)
        return dict(self.processor(text=[prompt], images=None if image is None else [image], return_tensors="pt"))

    @torch.no_grad()
    def logits(self, encoded):
        """Of the token after the prompt."""
        return self.model(**encoded).logits[0, -1]

    @torch.no_grad()
    def generate(self, encoded, tokens):
        """Greedy answers to prompts of one length."""
        batch = {name: torch.cat([e[name] for e in encoded]) for name in encoded[0]}
        made = self.model.generate(**batch, max_new_tokens=tokens, do_sample=False)
        return [self.decode(ids[batch["input_ids"].shape[1]:]) for ids in made]

    def decode(self, ids):
        return self.processor.tokenizer.decode(ids, skip_special_tokens=True).strip()
