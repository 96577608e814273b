"""JSON text (RFC 8259), read so that nothing is lost: numbers keep their written text, duplicate keys are noticed.

A leading UTF-8 byte order mark is ignored, as RFC 8259 section 8.1 allows: real feeds from Windows carry one.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn, cast

from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Severity
from hutong_server.fhir.json_trace import syntax_fault
from hutong_server.fhir.written import decimal_of, integer_of

Node = dict[str, Any]
"""A JSON object."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_KEY: Final = re.compile(r'[ \t\n\r]*"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
_TYPE: Final = re.compile(r'\{[ \t\n\r]*"resourceType"[ \t\n\r]*:[ \t\n\r]*"([A-Za-z]+)"')
_NEXT: Final = re.compile(r"[ \t\n\r]*([,\]}])")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def document_fault(reason: Reason, message: str, path: str = "document") -> HutongError:
    """The refusal of a document as a whole."""
    return HutongError(reason, message, (Issue(Severity.ERROR, reason, path, message),))


def decode(document: bytes, max_bytes: int) -> str:
    """The text of a document; raises HutongError TOO_LARGE or NOT_JSON."""
    if len(document) > max_bytes:
        raise document_fault(Reason.TOO_LARGE, "the document is larger than the registry takes")
    try:
        text = document.decode()
    except UnicodeDecodeError as error:
        raise document_fault(Reason.NOT_JSON, "the document is not UTF-8") from error
    return text.removeprefix("\ufeff")


class JsonText:
    """A position in a text, with the C scanner of the standard library for the values below it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        # Not an attribute of self, which the decoder would hold and be held by: the whole text would wait for a
        # collection, document after document.
        twice = self._twice = [False]

        def pairs(members: list[tuple[str, Any]]) -> Node:
            node = dict(members)
            if len(node) != len(members):
                twice[0] = True
            return node

        self._exact = json.JSONDecoder(
            object_pairs_hook=pairs, parse_float=decimal_of, parse_int=integer_of, parse_constant=_refuse_constant
        )
        self._plain = json.JSONDecoder(parse_constant=_refuse_constant)

    @property
    def duplicated(self) -> bool:
        """Whether an object read since this was last set to False held a key twice."""
        return self._twice[0]

    @duplicated.setter
    def duplicated(self, value: bool) -> None:
        self._twice[0] = value

    def peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        """Reads the value at the position: numbers keep their text, duplicate keys are noticed."""
        self.peek()
        value, self.at = self._exact.raw_decode(self.text, self.at)
        return value

    def resource(self, exact_types: tuple[str, ...]) -> Any:
        """Reads the resource at the position; one of another type in half the time, as the standard library does."""
        match = _TYPE.match(self.text, self.at)
        if match and match[1] not in exact_types:
            try:
                value, end = self._plain.raw_decode(self.text, self.at)
            except (json.JSONDecodeError, RecursionError):
                raise
            except ValueError:
                return self.value()  # an integer of thousands of digits, or NaN
            # The type may stand a second time, and then the last one counts.
            if isinstance(value, dict) and value.get("resourceType") == match[1]:
                self.at = end
                return value
        return self.value()

    def members(self) -> Iterator[str]:
        """Keys of the object at the position. Before it asks for the next key, the caller reads the value."""
        self._expect("{")
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            match = _KEY.match(self.text, self.at)
            if match:
                self.at = match.end()
                yield match[1]
            else:
                yield self._escaped_key()
            if not self._more("}"):
                return

    def _escaped_key(self) -> str:
        if self.peek() != '"':
            raise ValueError("a key was expected")
        key, self.at = self._plain.raw_decode(self.text, self.at)
        self._expect(":")
        self.peek()
        return cast(str, key)

    def elements(self) -> Iterator[int]:
        """Indexes of the array at the position. Before it asks for the next one, the caller reads the value."""
        self._expect("[")
        if self.peek() == "]":
            self.at += 1
            return
        index = 0
        while True:
            self.peek()
            yield index
            index += 1
            if not self._more("]"):
                return

    def end(self) -> None:
        """Raises when anything but white space follows."""
        if self.peek():
            raise ValueError("text after the document")

    def refuse(self, error: Exception) -> HutongError:
        """The refusal that an error of the scanner amounts to."""
        if isinstance(error, RecursionError):
            return document_fault(Reason.TOO_DEEP, "the document is nested too deep")
        return document_fault(Reason.NOT_JSON, "the document is not JSON", syntax_fault(self.text) or "document")

    def _expect(self, sign: str) -> None:
        if self.peek() != sign:
            raise ValueError("unexpected sign")
        self.at += 1

    def _more(self, closing: str) -> bool:
        match = _NEXT.match(self.text, self.at)
        if match is None:
            raise ValueError("unexpected sign")
        self.at = match.end()
        if match[1] == ",":
            return True
        if match[1] == closing:
            return False
        raise ValueError("unexpected sign")
