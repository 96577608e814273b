"""Orders from options or a file: JSON, CSV, or YAML where PyYAML is installed.

A code is written SYSTEM|CODE, and a text as it is. A file holds a list of orders with the fields order_id, code,
body_site, method, specimen and item (JSON also takes the .proto's CheckOrdersRequest); a CSV file names them in its
first line. Without an order_id an order has its number.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from hutong.v1 import reuse_service_pb2 as reuse

from hutong_client.cli.language import help_text, say
from hutong_client.cli.session import UsageFault
from hutong_client.orders import Words, order

Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--code",
        metavar="SYSTEM|CODE",
        help=help_text(
            "医嘱编码；可重复；没有竖线则为文字", "Code of an order; repeatable; without a bar it is a text"
        ),
        show_default=False,
    ),
]
Items = Annotated[
    list[str] | None,
    typer.Option(
        "--item",
        metavar="CODE",
        help=help_text("互认项目编码；可重复", "Code of a recognised item; repeatable"),
        show_default=False,
    ),
]
OrderFile = Annotated[
    Path | None,
    typer.Option(
        "--orders",
        metavar="FILE",
        help=help_text(
            "医嘱文件（.json、.csv、.yaml）：order_id、code、body_site、method、specimen、item",
            "File of orders (.json, .csv, .yaml): order_id, code, body_site, method, specimen, item",
        ),
        show_default=False,
    ),
]
_FIELDS = ("order_id", "code", "body_site", "method", "specimen", "item")


def read_orders(file: Path | None, codes: Iterable[str], items: Iterable[str]) -> list[reuse.Order]:
    """The orders of the file, then those of the options. Raises UsageFault."""
    found = [] if file is None else _of_file(file)
    found += [{"code": code} for code in codes]
    found += [{"item": item} for item in items]
    if not found:
        raise UsageFault(
            say("未给出医嘱：--code、--item 或 --orders。", "Which orders? Give --code, --item or --orders.")
        )
    return [_order(each, number) for number, each in enumerate(found, 1)]


def _of_file(file: Path) -> list[Mapping[str, Any]]:
    ending = file.suffix.lower()
    if ending == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines))
    if ending not in (".json", ".yaml", ".yml"):
        raise _faulty(file, say("须为 .json、.csv 或 .yaml", "must end in .json, .csv or .yaml"))
    try:
        read = json.loads(file.read_bytes()) if ending == ".json" else _yaml(file)
    except ValueError as error:
        raise _faulty(file, say("无法解读", "cannot be read") + f" ({type(error).__name__})") from None
    orders = read.get("orders") if isinstance(read, dict) else read
    if not isinstance(orders, list) or not all(isinstance(each, dict) for each in orders):
        raise _faulty(file, say("须为医嘱列表", "must hold a list of orders"))
    return orders


def _yaml(file: Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise _faulty(file, say("读 YAML 须装 PyYAML", "reading YAML needs PyYAML; JSON and CSV do not")) from None
    try:
        return yaml.safe_load(file.read_bytes())
    except yaml.YAMLError as error:
        raise ValueError(type(error).__name__) from None


def _order(given: Mapping[str, Any], number: int) -> reuse.Order:
    unknown = [name for name in given if name not in _FIELDS]
    if unknown:
        known = ", ".join(_FIELDS)
        raise UsageFault(
            say(
                f"第 {number} 条医嘱有未知字段；字段为 {known}",
                f"order {number} has an unknown field; known are {known}",
            )
        )
    order_id = str(given.get("order_id") or number)
    if any(isinstance(value, dict) for value in given.values()):
        try:
            return json_format.ParseDict({**given, "order_id": order_id}, reuse.Order())
        except json_format.ParseError:
            raise UsageFault(say(f"第 {number} 条医嘱有误", f"order {number} is not an order")) from None
    words = {name: _words(given.get(name)) for name in ("code", "body_site", "method", "specimen")}
    return order(order_id, item=str(given.get("item") or ""), **words)


def _words(written: object) -> Words:
    """A text, a SYSTEM|CODE, or a list of these codes."""
    if isinstance(written, list):
        return [_pair(str(each)) for each in written]
    text = "" if written is None else str(written).strip()
    return [_pair(text)] if "|" in text else text


def _pair(text: str) -> tuple[str, str]:
    system, _, code = text.partition("|")
    return system.strip(), code.strip()


def _faulty(file: Path, what: str) -> UsageFault:
    return UsageFault(f"{file}: {what}")
