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
        self.duplicated = False
        """Set when an object read since the last reset held a key twice."""
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._pairs, parse_float=decimal_of, parse_int=integer_of, parse_constant=_refuse_constant
        )

    def _pairs(self, pairs: list[tuple[str, Any]]) -> Node:
        node = dict(pairs)
        if len(node) != len(pairs):
            self.duplicated = True
        return node

    def peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        """Reads the value at the position."""
        self.peek()
        value, self.at = self._decoder.raw_decode(self.text, self.at)
        return value

    def members(self) -> Iterator[str]:
        """Keys of the object at the position. Before it asks for the next key, the caller reads the value."""
        self._expect("{")
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            if self.peek() != '"':
                raise ValueError("a key was expected")
            key, self.at = self._decoder.raw_decode(self.text, self.at)
            self._expect(":")
            self.peek()
            yield cast(str, key)
            if not self._more("}"):
                return

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
        sign = self.peek()
        self.at += 1
        if sign == ",":
            return True
        if sign == closing:
            return False
        raise ValueError("unexpected sign")
