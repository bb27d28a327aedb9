"""The aspects of beer by name, and the number of the rating of each."""

from plmr.errors import PlmrError

ASPECTS = {"look": 0, "appearance": 0, "aroma": 1, "smell": 1, "palate": 2, "taste": 3, "overall": 4}


def aspect_index(aspect: int | str) -> int:
    """The number of an aspect's rating, from its name or the number.

    Raises:
        PlmrError: If there is no such aspect.
    """
    index = ASPECTS.get(aspect, aspect) if isinstance(aspect, str) else aspect
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    if index not in range(5):
        raise PlmrError(f"unknown beer aspect {aspect!r}; give 0 to 4 or one of {', '.join(ASPECTS)}")
    return int(index)
