"""The one exception of this part."""

from __future__ import annotations


class BaselineError(Exception):
    """The baseline could not be made; the message is one line for whoever builds the image."""
