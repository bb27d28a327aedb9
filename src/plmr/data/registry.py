"""The named datasets."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

from plmr.data.beer import load_beer
from plmr.data.eraser import load_eraser
from plmr.data.hatexplain import load_hatexplain
from plmr.data.hotel import load_hotel
from plmr.data.schema import Example, shorten
from plmr.data.synthetic import make_reviews
from plmr.errors import PlmrError, nearest
from plmr.ranges import COUNT, FINITE, Range
from plmr.settings import check_settings

Part = Literal["train", "validation", "test"]

_SYNTHETIC_SIZES = {"train": 4000, "validation": 500, "test": 500}


def _synthetic(
    part: Part,
    *,
    aspect: str = "aroma",
    seed: int = 0,
    n: int | None = None,
    aspects: tuple[str, ...] | None = None,
    correlation: float = 0.8,
) -> list[Example]:
    if part not in _SYNTHETIC_SIZES:
        raise PlmrError(f"unknown part {part!r}; the synthetic reviews have {', '.join(_SYNTHETIC_SIZES)}")
    position = list(_SYNTHETIC_SIZES).index(part)
    return make_reviews(
        _SYNTHETIC_SIZES[part] if n is None else n,
        aspects=aspects,
        target=aspect,
        correlation=correlation,
        seed=len(_SYNTHETIC_SIZES) * seed + position,  # no two parts, of whatever seed, share theirs
    )


_LOADERS: dict[str, Callable[..., list[Example]]] = {
    "beer": load_beer,
    "hotel": load_hotel,
    "eraser": load_eraser,
    "hatexplain": load_hatexplain,
    "synthetic": _synthetic,
}
DATASETS = tuple(_LOADERS)
_RANGES = {
    "n": COUNT,
    "max_words": COUNT,
    "stride": COUNT,
    "positive": FINITE,
    "negative": FINITE,
    "correlation": Range("a number between 0 and 1", lambda correlation: 0 <= correlation <= 1),
    "seed": Range("a whole number of 0 or more", lambda seed: seed >= 0, whole=True),
}


def dataset_options(name: str) -> tuple[str, ...]:
    """What the loader of a dataset takes beside the part and the seed: data_dir, aspect, family, …

    Raises:
        PlmrError: If the name is unknown.
    """
    options = (option for option in inspect.signature(_loader(name)).parameters if option not in ("part", "seed"))
    return tuple(options)


def dataset_option_kinds(name: str) -> dict[str, Any]:
    """The type hint of every option of a dataset, a folder being a text, as files of settings have it.

    Raises:
        PlmrError: If the name is unknown.
    """
    hints = get_type_hints(_loader(name))
    return {option: str if option == "data_dir" else hints[option] for option in dataset_options(name)}


def required_options(name: str) -> tuple[str, ...]:
    """The options without which a dataset cannot be loaded.

    Raises:
        PlmrError: If the name is unknown.
    """
    parameters = inspect.signature(_loader(name)).parameters
    return tuple(option for option in dataset_options(name) if parameters[option].default is inspect.Parameter.empty)


def _loader(name: str) -> Callable[..., list[Example]]:
    if name not in _LOADERS:
        known = ", ".join(DATASETS)
        raise PlmrError(f"unknown dataset {name!r}; known are {known}.{nearest(name, DATASETS)}")
    return _LOADERS[name]


def load_dataset_by_name(
    name: str,
    part: Part,
    *,
    data_dir: str | Path | None = None,
    aspect: int | str | None = None,
    seed: int = 0,
    **options: Any,
) -> list[Example]:
    """Loads one part of a dataset the package knows.

    Args:
        name: One of `DATASETS`.
        part: Which part.
        data_dir: Folder with the dataset's files; the synthetic reviews need none.
        aspect: For beer, hotel and synthetic: which aspect is the label.
        seed: Seeds balancing, splitting or generating, where the dataset does any.
        **options: Passed on; see the dataset's own loader.

    Raises:
        PlmrError: If the name is unknown, an argument is missing, unknown, of another kind or out of range, loading
            fails, or no text is left.
    """
    loader = _loader(name)
    accepted = inspect.signature(loader).parameters
    given = {"data_dir": data_dir, "aspect": aspect, **options}
    arguments = {key: value for key, value in given.items() if value is not None}
    for key in required_options(name):
        if key not in arguments:
            raise PlmrError(f"the dataset {name!r} needs {key}; give it (--{key.replace('_', '-')})")
    for key in arguments:
        if key not in accepted and not (key == "data_dir" and name == "synthetic"):
            known = ", ".join(other for other in accepted if other != "part")
            raise PlmrError(f"the dataset {name!r} has no option {key!r}; its options are {known}")
    if "seed" in accepted:
        arguments["seed"] = seed
    arguments = {key: value for key, value in arguments.items() if key in accepted}
    _check_arguments(name, arguments)
    examples = loader(part=part, **arguments)
    if not examples:
        chosen = ", ".join(f"{key}={shorten(value)}" for key, value in arguments.items())
        raise PlmrError(f"the {part} part of the dataset {name!r} holds no texts with {chosen}; choose other options")
    return examples


def _check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    plain = {key: str(value) if isinstance(value, Path) else value for key, value in arguments.items()}
    check_settings(plain, dataset_option_kinds(name) | {"seed": int}, f"the dataset {name!r}")
    for key, value in plain.items():
        if key in _RANGES:
            _RANGES[key].check(f"the dataset {name!r}: {key}", value)
