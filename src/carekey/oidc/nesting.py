"""How deep JSON that clients send may go. What can be read at the door can be too deep further in, where less of the
stack is left, and would be a fault each time that it is read from the store again."""

from typing import Any

DEEPEST = 16
"""Objects and lists within each other. The specifications that we keep to have six at most."""


def too_deep(value: Any) -> bool:
    layer = [value]
    for _ in range(DEEPEST):
        layer = [inner for one in layer for inner in _within(one)]
        if not layer:
            return False
    return any(isinstance(one, dict | list) for one in layer)


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
