"""Which numbers a setting may hold, and the one line that says so."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from numbers import Integral, Real
from typing import Any, NamedTuple

from plmr.errors import PlmrError


class Range(NamedTuple):
    """The numbers a setting may hold; never an infinite one or one that is not a number.

    Attributes:
        phrase: What they are, as the end of "lr=-1 is not …".
        fits: Whether a finite number is one of them.
        whole: Whether only whole numbers are.
        optional: Whether None is allowed too.
    """

    phrase: str
    fits: Callable[[Any], bool] = lambda value: True
    whole: bool = False
    optional: bool = False

    def holds(self, value: object) -> bool:
        """Whether a value of any kind is within the range."""
        if value is None:
            return self.optional
        if isinstance(value, bool):
            return False
        kind = Integral if self.whole else Real
        return isinstance(value, kind) and isfinite(value) and self.fits(value)

    def check(self, name: str, value: object) -> None:
        """Refuse a value that is not within the range.

        Raises:
            PlmrError: It names the setting, the value and the range.
        """
        if not self.holds(value):
            raise PlmrError(f"{name}={value!r} is not {self.phrase}.")


FINITE = Range("a finite number")
NOT_NEGATIVE = Range("a number of 0 or more", lambda value: value >= 0)
POSITIVE = Range("a number above 0", lambda value: value > 0)
COUNT = Range("a whole number of 1 or more", lambda value: value >= 1, whole=True)
SHARE = Range("a share between 0 and 1, such as 0.1", lambda share: 0 < share <= 1)
PART_OF_TRAINING = Range("a share of the training above 0 and below 1", lambda share: 0 < share < 1)
