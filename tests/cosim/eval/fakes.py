"""Tasks without a model, for the tests of what runs tasks; loaded as a user's own file."""

import os
import time
from pathlib import Path

import numpy as np

from softmax_cosim.engines import apply
from softmax_cosim.eval import Metric, mean


class Largest:
    """Where is the largest of eight scores? Notes each step in the file that CALLS names.

    STUCK_AT is the number of the step, counted in each process, that does not end.
    """

    name = "largest"
    title = "the largest of eight"
    source = "drawn at random"
    batch = 7
    calls = 0

    def __init__(self, **changes):
        self.metrics = (Metric("accuracy", "higher", "%", self.correct, mean),)
        self.__dict__.update(changes)

    def __len__(self):
        return 40

    def correct(self, example, answer):
        return (float(answer == example % 4),)

    def predict(self, examples, softmax):
        if calls := os.environ.get("CALLS"):
            with Path(calls).open("a") as file:
                file.write(f"{examples.start} {softmax is None} {os.getpid()}\n")
            self.calls += 1
            if self.calls == int(os.environ.get("STUCK_AT", "0")):
                time.sleep(3600)  # until it is killed
        answers = []
        for example in examples:
            scores = np.random.default_rng(example).normal(0, 2, (1, 8))
            scores[0, example % 4] += 4.5
            weights = scores if softmax is None else softmax(scores, None)
            answers.append(int(weights.argmax()))
        return answers

    def agreement(self, ours, float_):
        return float(ours == float_), 1


class Mismatching(Largest):
    """Says that the RTL was wrong."""

    name = "mismatching"

    def predict(self, examples, softmax):
        if softmax is not None and examples.start == 7:
            softmax.count.mismatches, softmax.count.first = 3, "row 4: expected 1, got 2"
        return super().predict(examples, softmax)


class Clipping(Largest):
    """Two layers; the scores of the second are far too large, and one of its softmaxes missed."""

    name = "clipping"

    def predict(self, examples, softmax):
        if softmax is None:
            return super().predict(examples, None)
        softmax.account.replaced.update(["small", "large"])
        softmax.account.missed["pool"] = "it runs along another axis"
        scores = np.array([[300.0, 200.0, -9000.0, np.finfo(np.float16).min]])
        apply(softmax, "large", scores, None)
        return super().predict(examples, lambda *given: apply(softmax, "small", *given))


class Short(Largest):
    """Forgets an example."""

    def predict(self, examples, softmax):
        return super().predict(examples, softmax)[1:]


class NotJson(Largest):
    """Predicts what a file of JSON cannot hold."""

    def predict(self, examples, softmax):
        return [np.float32(0)] * len(examples)


class Deaf(Largest):
    """Asks its own softmax, whatever it is given."""

    name = "deaf"

    def predict(self, examples, softmax):
        return super().predict(examples, None)


def make():
    return Largest()


def make_deaf():
    return Deaf()


def make_mismatching():
    return Mismatching()


def make_clipping():
    return Clipping()


def make_unmeasured():
    return Largest(metrics=(Metric("AP", "higher", "%", lambda *_: (0.0,), lambda _: np.nan),))


def make_short():
    return Short()


def make_not_json():
    return NotJson()


def make_unnamed():
    return Largest(name="../escape")


def make_stepless():
    return Largest(batch=0)


def make_other():
    return Largest(source="drawn elsewhere")
