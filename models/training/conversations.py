"""What the model is taught to say besides answers about one image: distractor turns, wordings, packed rows."""
import random
import re

import numpy as np

SUFFIX = "\nAnswer the question using a single word or phrase."
NO_IMAGE = "There is no image."
DESCRIBE = [
    "Describe the image in one sentence.", "Describe the image.", "Describe this image.", "Describe this image in detail.",
    "Describe what you see in this image in detail.", "Describe what you see.", "What do you see?", "What is in the image?",
    "What do you see in this image?", "Describe everything you see in the image.", "Describe this image in extreme detail.",
    "Describe the picture in one sentence.", "Please describe the image in detail.", "Summarize the image in one sentence.",
    "Look at the image and describe it.", "Give a detailed description of the image.",
]
RECALL = ["In the image, ", "In the image from before, ", "In the picture, ", "Back to the image. ", "Think of the image again. ",
          "About the first image: ", "In the image you saw, "]
FACTS = {
    "What is the capital of France?": "Paris", "What is the capital of Italy?": "Rome", "What is the capital of Spain?": "Madrid",
    "What is the capital of Germany?": "Berlin", "What is the capital of Japan?": "Tokyo", "What color is the sky?": "blue",
    "What color is grass?": "green", "What color is snow?": "white", "What color is a banana?": "yellow", "What color is blood?": "red",
    "What color is coal?": "black", "What sound does a dog make?": "woof", "What sound does a cat make?": "meow",
    "What is the opposite of hot?": "cold", "What is the opposite of big?": "small", "What is the opposite of day?": "night",
    "What is the opposite of up?": "down", "What is the opposite of left?": "right", "How many legs does a spider have?": "8",
    "How many legs does a dog have?": "4", "How many days are in a week?": "7", "How many wheels does a car have?": "4",
    "How many sides does a triangle have?": "3", "How many sides does a square have?": "4", "Is water wet?": "yes", "Is fire cold?": "no",
    "Can fish swim?": "yes", "Can a stone fly?": "no", "Which day comes after Monday?": "Tuesday", "Which month comes after May?": "June",
    "What do bees make?": "honey", "What do cows give?": "milk", "Which planet do we live on?": "Earth", "Name a fruit.": "apple",
    "Name an animal.": "dog", "Name a city.": "Paris", "Name a color.": "blue", "Name a shape.": "circle",
    "What is a good breakfast?": "bread", "What is frozen water called?": "ice", "Which season is the coldest?": "winter",
    "Hello!": "Hello!", "Hi.": "Hello!", "Good morning.": "Good morning!", "How are you?": "I am fine, thank you.", "Thank you.": "You are welcome.",
    "Thanks!": "You are welcome.", "Let us talk about something else.": "Sure.", "What is your name?": "I am a tiny model.",
    "Who are you?": "I am a tiny model.", "Tell me a joke.": "I do not know any jokes.", "Wait a moment.": "Sure.", "That is interesting.": "Yes.",
    "Can you help me?": "Yes.", "Are you ready?": "Yes.", "Please remember the image.": "I will.", "What is the weather like today?": "I do not know.",
    "What time is it?": "I do not know.", "Do you like music?": "Yes.",
}
WORDS = ("river house tree bread music garden winter summer apple window table paper water stone horse bird cloud street road book letter "
         "train city school teacher friend morning evening dinner coffee sugar salt mountain forest island ocean bridge market money clock "
         "chair door floor light sound story song game ball boat ship plane doctor farmer king queen child mother father brother sister").split()
TALK = ["I saw a {} near the {} today.", "My {} is next to the {}.", "I like the {} and the {}.", "Yesterday the {} was behind the {}.",
        "The {} and the {} are old.", "We bought a {} and a {}.", "Do not worry about the {} or the {}."]
TALK_ANSWERS = {t: a for t, a in zip(TALK, ["That is nice.", "I see.", "That is nice.", "I see.", "I see.", "That is nice.", "Sure."])}
LOOKS = ({"red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"}
         | {kind + end for kind in ("circle", "square", "triangle", "star", "cross") for end in ("", "s", "es")})
TYPE_WEIGHT = dict(colour=1.5, shape=1.0, count=3.5, position=0.8, relation=1.0, presence=1.6, digit=0.6, background=0.3)


def distractor(rng):
    """A turn that has nothing to do with the image."""
    kind = rng.random()
    if kind < 0.5:
        q, a = rng.choice(list(FACTS.items()))
    elif kind < 0.65:
        a, b = rng.randrange(10), rng.randrange(10)
        q, a = rng.choice([f"What is {a} plus {b}?", f"What is {a} + {b}?"]), str(a + b)
    elif kind < 0.8:
        a = rng.choice(WORDS)
        q = rng.choice([f"Say the word {a}.", f"Repeat the word {a}.", f"Repeat this word: {a}"])
    else:
        t = rng.choice(TALK)
        q, a = t.format(rng.choice(WORDS), rng.choice(WORDS)), TALK_ANSWERS[t]
    return q + (SUFFIX if rng.random() < 0.15 else ""), a


class Row:
    """Tokens of one packed sequence: segments form a tree, a token sees its own segment's past and all ancestors."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.ids, self.positions, self.segments = [], [], []
        self.parents, self.ends = [], []
        self.targets = []  # (index of the token before, target id, weight, answer number)
        self.answers = []  # label of each answer, e.g. its question type
        self.points = []  # (index of the last token of words that name things, the cells of these things)

    def open(self, parent=-1, gap=0):
        self.parents.append(parent)
        self.ends.append((self.ends[parent] if parent >= 0 else 0) + gap)
        return len(self.parents) - 1

    def add(self, segment, ids):
        start, n = self.ends[segment], len(ids)
        self.ids += ids
        self.positions += range(start, start + n)
        self.segments += [segment] * n
        self.ends[segment] = start + n

    def answer(self, segment, ids, stop, label, weight):
        """Appends an answer; the model is taught every token of it, and then `stop`, which the conversation does not keep."""
        at = len(self.ids)
        told = ids + ([] if stop is None else [stop])
        self.targets += [(at - 1 + k, t, weight, len(self.answers)) for k, t in enumerate(told)]
        self.answers.append(label)
        self.add(segment, ids)

    def visible(self):
        n = len(self.parents)
        seen = np.eye(n, dtype=bool)
        for s, p in enumerate(self.parents):
            if p >= 0:
                seen[s] |= seen[p]
        s = np.asarray(self.segments)
        return seen[s][:, s] & np.tri(len(s), dtype=bool)


class Writer:
    """Builds rows from scenes."""

    def __init__(self, tokenizer, family, single=0.58, suffix=0.7):
        """`single`: share of rows without a conversation; `suffix`: share of questions that ask for a short answer."""
        self.tok, self.family, self.cache = tokenizer, family, {}
        self.single_share, self.suffix = single, suffix
        self.prefix, self.image_at = family.prefix(tokenizer)

    def cached(self, key, make):
        if key not in self.cache:
            if len(self.cache) > 200000:
                self.cache.clear()
            self.cache[key] = make()
        return self.cache[key]

    def ask(self, row, segment, text, first, scene=None):
        """Appends a question; with a scene the model is also taught where the things lie that it names."""
        whole, start = self.family.ask(text, first)
        ids, starts = self.cached((whole, start), lambda: self.pieces(whole, start))
        for words, things, last in named(scene["scene"], text) if scene else []:
            end = (whole.rfind(words) if last else whole.find(words)) + len(words)
            row.points.append((len(row.ids) + sum(at < end for at in starts) - 1, things))
        row.add(segment, ids)

    def pieces(self, text, start):
        """Ids, with the tokenizer's own first token if `start`, and where in the text each token starts."""
        encoded = self.tok.encode(text, add_special_tokens=start)
        return encoded.ids, [at for at, _ in encoded.offsets]

    def say(self, row, segment, text, label, weight=1.0):
        ids, stop = self.cached(text, lambda: self.family.say(self.tok, text))
        row.answer(segment, ids, stop, label, weight)

    def single(self, scene, rng, budget, kinds=None):
        """One image, several questions about it that do not see each other."""
        row = Row(self.tok)
        base = row.open()
        row.add(base, self.prefix)
        if kinds is None and rng.random() < 0.35:
            s = row.open(base)
            self.ask(row, s, rng.choice(DESCRIBE), "image")
            self.say(row, s, scene["description"], "description", 0.35)
        for q in scene_questions(scene, rng, kinds):
            if len(row.ids) > budget:
                break
            s = row.open(base)
            self.ask(row, s, q["question"] + (SUFFIX if rng.random() < self.suffix else ""), "image", scene)
            self.say(row, s, q["answer"], q["type"])
        return row

    def talk(self, scene, rng, budget, turns=None, image=True, gaps=True):
        """An image (or only its description), some turns, then questions about the image that branch off."""
        row = Row(self.tok)
        base = row.open()
        if image:
            row.add(base, self.prefix)
        first = "image" if image else "text"
        if not image or rng.random() < 0.6:
            self.ask(row, base, rng.choice(DESCRIBE), first)
            self.say(row, base, scene["description"], "description" if image else "told", 0.35 if image else 0.0)
        else:
            q = next(scene_questions(scene, rng))
            self.ask(row, base, q["question"] + (SUFFIX if rng.random() < 0.5 else ""), first)
            self.say(row, base, q["answer"], "first")
        turns = rng.choice([0, 1, 1, 2, 2, 3, 4, 5, 6]) if turns is None else turns
        for _ in range(turns):
            question, answer = distractor(rng)
            self.ask(row, base, question, "later")
            self.say(row, base, answer, "distractor", 0.4)
            if gaps and rng.random() < 0.1:
                self.recall(row, base, scene, rng, "recall", image=image)
        for q in scene_questions(scene, rng):
            if len(row.ids) > budget:
                break
            gap = rng.randrange(300) if gaps and rng.random() < 0.15 else 0
            self.recall(row, row.open(base, gap), scene, rng, f"{'recall' if image else 'read'}{turns}", q, image)
        return row

    def recall(self, row, segment, scene, rng, label, q=None, image=True):
        q = q or next(scene_questions(scene, rng))
        text = q["question"]
        if rng.random() < 0.35:
            lead = rng.choice(RECALL)
            text = lead + (text[0].lower() + text[1:] if lead.endswith(", ") else text)
        self.ask(row, segment, text + (SUFFIX if rng.random() < self.suffix else ""), "later", scene if image else None)
        self.say(row, segment, q["answer"], label)

    def text_only(self, scene, rng, budget):
        """No image at all: small talk, and the plain truth when the image is asked about."""
        row = Row(self.tok)
        while len(row.ids) < budget - 40:
            s, first = row.open(), "text"
            for _ in range(rng.randrange(3)):
                question, answer = distractor(rng)
                self.ask(row, s, question, first)
                self.say(row, s, answer, "distractor", 0.4)
                first = "later"
            ask = rng.choice(DESCRIBE) if rng.random() < 0.2 else next(scene_questions(scene, rng))["question"]
            self.ask(row, s, ask + (SUFFIX if rng.random() < 0.5 else ""), first)
            self.say(row, s, NO_IMAGE, "no image", 0.3)
        return row

    def row(self, scene, rng, budget):
        if rng.random() < self.single_share:
            return self.single(scene, rng, budget)
        kind = rng.random()
        if kind < 0.8:
            return self.talk(scene, rng, budget)
        if kind < 0.92:
            return self.talk(scene, rng, budget, image=False)
        return self.text_only(scene, rng, budget)


RELATION = re.compile(r"[Ii]s the (.+?) (?:left or right of|above or below|left of|right of|above|below) the (.+)\?")


def named(scene, question, side=4):
    """What a question names: (words, cells that hold the things, whether to take the words' last occurrence)."""
    question = question.removesuffix(SUFFIX).rstrip("?")
    cell_of = lambda o: o["y"] * side // scene["height"] * side + o["x"] * side // scene["width"]
    fits = lambda o, words: all(w in (o["colour"], o["kind"], o["kind"] + "s", o["kind"] + "es") for w in words)
    find = lambda words: [cell_of(o) for o in scene["objects"] if fits(o, words)]
    looks = lambda text: [w for w in text.split() if w in LOOKS]
    if "digit" in question or "number" in question:
        found = [("digit" if "digit" in question else "number", [cell_of(scene["digit"])] if scene["digit"] else [], True)]
    elif "background" in question:
        found = []
    elif pair := RELATION.search(question + "?"):
        found = [(pair[1], find(looks(pair[1])), False), (pair[2], find(looks(pair[2])), True)]
    elif " at the " in question:
        place = question.split(" at the ")[1]
        cell = {"row": int("bottom" in place), "col": int("right" in place)}
        found = [(place, [cell_of(o) for o in scene["objects"] if o["cell"] == cell], True)]
    else:
        words = looks(question)
        found = [(" ".join(words) or "shapes", find(words), True)]
    return [f for f in found if f[1]]


def scene_questions(scene, rng, kinds=None):
    """Endless questions, the types drawn by weight."""
    by_type = scene["by_type"]
    names = [t for t in by_type if kinds is None or t in kinds]
    weights = [TYPE_WEIGHT[t] for t in names]
    while names:
        yield rng.choice(by_type[rng.choices(names, weights)[0]])


def corpus(scenes, family, seed=0):
    """Text the tokenizer learns its merges from."""
    rng = random.Random(seed)
    for scene in scenes:
        for qs in scene["by_type"].values():
            for q in qs:
                yield q["question"] + SUFFIX
                yield family.corpus_answer(q["answer"])
                yield rng.choice(RECALL) + q["question"].lower()
        yield family.corpus_answer(scene["description"])
        yield rng.choice(DESCRIBE)
        yield family.corpus_turn(*distractor(rng))
    for q, a in FACTS.items():
        yield from [family.corpus_turn(q, a)] * 5
    yield from [family.corpus_answer(NO_IMAGE)] * 50
