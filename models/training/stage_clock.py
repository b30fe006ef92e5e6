"""How far a stage of the training is."""
import time

import numpy as np


class Clock:
    """Progress 0..1 through a stage, by time or by steps, kept over restarts."""

    def __init__(self, minutes, steps, spent=0.0, step=0):
        self.seconds, self.steps, self.spent, self.step = minutes * 60, steps, spent, step
        self.started = time.time()

    def elapsed(self):
        return self.spent + time.time() - self.started

    def progress(self):
        return min(1.0, self.step / self.steps if self.steps else self.elapsed() / self.seconds)

    def rate(self, flat, p):
        """Warm-up of 120 steps, flat, then cosine to 2 %; `p` is the progress."""
        down = 1.0 if p < flat else 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * (p - flat) / (1 - flat)))
        return float(min(1.0, (self.step + 1) / 120) * down)
