"""What transformers knows of this package as soon as both are imported, in whichever order.

The Auto classes and `pipeline` take long to import, and so does what they are told. It is told when transformers itself
loads them: whoever uses neither waits for neither.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

_HOMES = {
    "transformers.models.auto.configuration_auto": "plmr.config",
    "transformers.models.auto.modeling_auto": "plmr.modeling",
    "transformers.pipelines": "plmr.explain.pipeline",
}
"""Modules of transformers that hold a registry, and our modules that register there when they are imported."""


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        import_module(_HOMES[module.__name__])


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in _HOMES else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def register() -> None:
    """Register at once what transformers has loaded already, the rest when it does."""
    sys.meta_path.insert(0, _Finder())
    for registry, home in _HOMES.items():
        if registry in sys.modules:
            import_module(home)
