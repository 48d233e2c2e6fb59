"""One error tree. Every message gives the thing, its value, what was expected, and the fix."""

from __future__ import annotations

__all__ = [
    "AssetError",
    "ImageError",
    "ModelError",
    "MolyneuxError",
    "NeuronNameError",
    "NoNounError",
    "NonFiniteError",
    "SettingError",
    "TargetError",
]


class MolyneuxError(Exception):
    """Anything that molyneux refuses, said in four parts.

    Args:
        thing: what was looked at, such as ``"neuron name"`` or a file's path.
        value: what was found there; left out of the message when None.
        expected: what would have been right.
        fix: what the user can do about it; may be empty where there is nothing to do.
    """

    exit_code = 2  # of the command line: 2 usage, 3 finished with skips, 4 environment

    def __init__(self, thing: str, *, value: object = None, expected: str, fix: str = "") -> None:
        self.thing, self.value, self.expected, self.fix = thing, value, expected, fix
        found = "" if value is None else f" {value!r}"
        super().__init__(f"{thing}{found}: expected {expected}" + (f". {fix}" if fix else ""))


class SettingError(MolyneuxError, ValueError):
    """An argument or setting outside what is allowed."""


class NeuronNameError(SettingError):
    """A neuron name that does not parse, or names a layer or unit that the model does not have."""


class TargetError(SettingError):
    """A word or token index that the caption does not hold."""


class NoNounError(TargetError):
    """A caption without a noun, where the target was to be its first noun."""


class ImageError(MolyneuxError, ValueError):
    """An image that cannot be used; ``reason`` is a short stable code for skip tables."""

    def __init__(
        self, thing: str, *, reason: str, value: object = None, expected: str, fix: str = ""
    ) -> None:
        self.reason = reason
        super().__init__(thing, value=value, expected=expected, fix=fix)


class ModelError(MolyneuxError, ValueError):
    """A model that molyneux cannot read: unknown layout, no visual input, wrong shapes."""


class NonFiniteError(ModelError):
    """NaN or infinity in weights, activations, logits or gradients."""


class AssetError(MolyneuxError):
    """Something that ships with the package, or that an extra installs, is not there."""

    exit_code = 4
