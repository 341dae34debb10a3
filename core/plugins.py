"""Find a part by its file name: the folder is the list, so adding a part is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from torch import nn

from core.errors import unknown


def names(package: ModuleType) -> list[str]:
    """Names of all parts in a package folder, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def find(package: ModuleType, what: str, name: str) -> type[nn.Module]:
    """The one public ``nn.Module`` that the file ``name`` of a package defines.

    Raises:
        ConfigError: if there is no such file; the message lists the choices.
    """
    if name not in names(package):
        raise unknown(what, name, names(package))
    module = importlib.import_module(f"{package.__name__}.{name}")
    found = [
        value
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
        if not key.startswith("_")
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define exactly one public nn.Module, found {len(found)}")
    return found[0]
