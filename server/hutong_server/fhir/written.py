"""Numbers as they were written. The precision of a result is part of the result."""

from decimal import Decimal, InvalidOperation
from typing import Final

# FHIR asks for 18 digits. More than this is no measurement, and arithmetic on it is an attack.
_LONGEST: Final = 64
_LARGEST_EXPONENT: Final = 400


class Written(Decimal):
    """A number that remembers how it was written: 1.50, 1E3, -0."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "Written":
        """Raises decimal.InvalidOperation for an exponent that no Decimal holds."""
        number = super().__new__(cls, text)
        number.text = text
        return number


class Unusable:
    """Stands for a number too long or too large to be kept. No reader takes it for a number."""

    __slots__ = ()


UNUSABLE: Final = Unusable()


def decimal_of(text: str) -> Written | Unusable:
    """A JSON number with a fraction or an exponent."""
    if len(text) > _LONGEST:
        return UNUSABLE
    try:
        number = Written(text)
    except InvalidOperation:
        return UNUSABLE
    return number if abs(number.adjusted()) <= _LARGEST_EXPONENT else UNUSABLE


def integer_of(text: str) -> int | Written | Unusable:
    """A JSON number without either."""
    if len(text) > _LONGEST:
        return UNUSABLE
    return Written(text) if text == "-0" else int(text)
