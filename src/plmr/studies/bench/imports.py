"""Python files that a suite names, in which people register methods of their own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from plmr.errors import PlmrError, io_error, reason


def read_imports(content: Any, path: Path) -> list[str]:
    """The files a suite names: one, or a list of them."""
    files = [] if content is None else content if isinstance(content, list) else [content]
    for file in files:
        if not isinstance(file, str) or not file.endswith(".py"):
            raise PlmrError(f"{path}: imports should be Python files, such as [toy.py], not {file!r}.")
    return files


def import_files(files: Sequence[str]) -> None:
    """Run each file as a module.

    Raises:
        PlmrError: A file is not there, or fails.
    """
    for file in files:
        name = f"plmr_import_{Path(file).stem}"
        spec = spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[name] = module  # type hints of its dataclasses are looked up there
        try:
            spec.loader.exec_module(module)
        except FileNotFoundError as error:
            raise io_error(file, error) from error
        except Exception as error:
            raise PlmrError(f"{file} fails when it is imported: {type(error).__name__}: {reason(error)}") from error


def digest_files(files: Sequence[str]) -> list[str]:
    """A digest of each file: a method that was changed is another one."""
    return [sha256(Path(file).read_bytes()).hexdigest()[:16] for file in files]
