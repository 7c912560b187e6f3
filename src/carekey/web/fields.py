"""Parameters of a query or a form, with repetition kept visible."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl


class RepeatedField(ValueError):
    """A parameter came more than once (RFC 6749 section 3.1). `str()` of it is the parameter's name."""


class MalformedFields(ValueError):
    """Not `application/x-www-form-urlencoded` in UTF-8, a NUL character, or more than 200 fields."""


class Fields:
    """Names and values in the order in which they came."""

    __slots__ = ("_repeated", "_values")

    def __init__(self, encoded: bytes | str) -> None:
        text = encoded if isinstance(encoded, str) else encoded.decode("utf-8", "strict")
        self._values: dict[str, str] = {}
        self._repeated: set[str] = set()
        for name, value in parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200):
            if "\0" in name or "\0" in value:  # no parameter has one, and PostgreSQL keeps none
                raise MalformedFields("NUL")
            if name in self._values:
                self._repeated.add(name)
            self._values[name] = value

    @classmethod
    def parse(cls, encoded: bytes) -> "Fields":
        """Raises: MalformedFields."""
        try:
            return cls(encoded)
        except ValueError as error:
            raise MalformedFields from error

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "Fields":
        """Parameters that came some other way than in a query or a form."""
        fields = cls("")
        fields._values.update(values)
        return fields

    def get(self, name: str) -> str | None:
        """The value; None if absent or empty (RFC 6749 section 3.1 treats the two alike).

        Raises: RepeatedField.
        """
        if name in self._repeated:
            raise RepeatedField(name)
        return self._values.get(name) or None

    def repeated(self) -> frozenset[str]:
        return frozenset(self._repeated)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def as_dict(self) -> dict[str, str]:
        return dict(self._values)
