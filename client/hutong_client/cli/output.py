"""Where output goes and how: JSON or tables on stdout, words about it on stderr, nothing that could harm a terminal."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text


def stdout() -> Console:
    """The console for results. 80 columns and no color when it is not a terminal."""
    _forgiving(sys.stdout)
    return Console(highlight=False, emoji=False, markup=False)


def stderr() -> Console:
    """The console for words about the work: progress, errors, hints."""
    _forgiving(sys.stderr)
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def _forgiving(stream: object) -> None:
    # A terminal that cannot show a character gets a question mark, not a crash.
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def print_json(document: Mapping[str, object]) -> None:
    """One JSON document on stdout, UTF-8, and nothing else."""
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def as_dict(message: Message) -> dict[str, object]:
    """A message as proto JSON with the names of the .proto; fields without a value are there, too."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def clean(text: str) -> str:
    """Text from outside, safe for a terminal: control, escape and direction characters become U+FFFD.

    A report's text could otherwise clear the screen or reorder what stands beside it.
    """
    return "".join(c if c == "\n" or unicodedata.category(c) not in _UNSAFE else _shown(c) for c in text)


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _shown(character: str) -> str:
    if character in "\t\u200b\u200c\u200d\ufeff\u00ad":
        return " " if character == "\t" else ""
    return "\N{REPLACEMENT CHARACTER}"


def cell(text: str, style: str = "") -> Text:
    """Text from outside as a table cell: never markup, folded where it is too wide, never cut off."""
    return Text(clean(text), style=style, overflow="fold")


def table(*headings: str, numbers: Iterable[int] = ()) -> Table:
    """An empty table with these headings; `numbers` are the columns set to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    right = set(numbers)
    for index, heading in enumerate(headings):
        made.add_column(heading, overflow="fold", justify="right" if index in right else "left")
    return made


def local_time(stamp: Timestamp) -> str:
    """A moment in the zone of this computer, to the minute."""
    return moment(stamp).strftime("%Y-%m-%d %H:%M")


def moment(stamp: Timestamp) -> datetime:
    """A moment in the zone of this computer."""
    return datetime.fromtimestamp(stamp.seconds, tz=UTC).astimezone()


def zone() -> str:
    """The zone in which times are shown, e.g. "UTC+08:00"."""
    offset = datetime.now(UTC).astimezone().strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:]}"
