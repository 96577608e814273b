"""Whose chart: read from standard input, a file or a prompt, never from the command line (which others can see).

Two forms. JSON: the .proto's PatientQuery, or flat:
{"resident_number": "…", "identifiers": [{"system": "…", "value": "…", "assigner": "…"}], "name": "…",
"birth_date": "YYYY-MM-DD", "sex": "female"}. Or lines of `key: value` with the same keys; `identifier:` takes
SYSTEM VALUE [ASSIGNER] and may be repeated.
"""

import getpass
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from hutong.v1 import report_pb2 as v1
from hutong.v1 import reuse_service_pb2 as reuse

from hutong_client.cli.language import help_text, say
from hutong_client.cli.session import UsageFault
from hutong_client.queries import RESIDENT_NUMBER, patient_query

PatientFile = Annotated[
    Path | None,
    typer.Option(
        "--patient-file",
        metavar="FILE",
        help=help_text(
            "患者文件（JSON 或 “键: 值” 行），- 为标准输入。缺省：标准输入；在终端上则逐项询问，号码不回显。"
            "键：resident_number、identifier、name、birth_date、sex。",
            "File with the patient (JSON or `key: value` lines), - for stdin. By default stdin, or questions when that "
            "is a terminal (the number is not echoed). Keys: resident_number, identifier, name, birth_date, sex.",
        ),
        show_default=False,
    ),
]

_KEYS = {
    "resident_number": "resident_number",
    "resident": "resident_number",
    "身份证": "resident_number",
    "身份证号": "resident_number",
    "居民身份号码": "resident_number",
    "identifier": "identifier",
    "标识": "identifier",
    "name": "name",
    "姓名": "name",
    "birth_date": "birth_date",
    "birthdate": "birth_date",
    "出生日期": "birth_date",
    "sex": "sex",
    "gender": "sex",
    "性别": "sex",
}
_SEXES = {"男": "male", "女": "female", "其他": "other", "不详": "unknown", "m": "male", "f": "female"}
_MOST_BYTES = 1 << 20


def read_patient(file: Path | None) -> reuse.PatientQuery:
    """The patient, from the file, standard input or a prompt. Raises UsageFault without repeating what was read."""
    fields, identifiers = _read(file)
    if not identifiers:
        raise UsageFault(
            say(
                "未给出患者标识（resident_number 或 identifier）。",
                "No patient identifier (resident_number, identifier).",
            )
        )
    sex = fields.get("sex", "").strip()
    try:
        return patient_query(
            identifiers,
            birth_date=fields.get("birth_date", "").strip(),
            name=fields.get("name", "").strip(),
            sex=_SEXES.get(sex.lower(), sex).removeprefix("SEX_"),
        )
    except ValueError as error:
        raise UsageFault(str(error)) from None


def read_identifier(file: Path | None) -> v1.PatientIdentifier:
    """The first identifier, from the file, standard input or a prompt. Raises UsageFault."""
    _, identifiers = _read(file, identifier_only=True)
    if not identifiers:
        raise UsageFault(
            say(
                "未给出患者标识（resident_number 或 identifier）。",
                "No patient identifier (resident_number, identifier).",
            )
        )
    system, value, assigner = identifiers[0]
    return v1.PatientIdentifier(system=system, value=value, assigner=assigner)


Identifiers = list[tuple[str, str, str]]


def _read(file: Path | None, *, identifier_only: bool = False) -> tuple[dict[str, str], Identifiers]:
    if file is None or str(file) == "-":
        if sys.stdin is None:  # closed by the caller
            return {}, []
        if file is None and sys.stdin.isatty():
            return _ask(identifier_only=identifier_only)
        raw = sys.stdin.buffer.read(_MOST_BYTES + 1)
    else:
        with file.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise UsageFault(say("患者文件过大。", "The patient's file is too large."))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageFault(say("患者文件不是 UTF-8。", "The patient's file is not UTF-8.")) from None
    return _json(text) if text.lstrip().startswith("{") else _lines(text.splitlines())


def _ask(*, identifier_only: bool) -> tuple[dict[str, str], Identifiers]:
    def ask(chinese: str, english: str) -> str:
        print(say(chinese, english), end=": ", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip()

    number = getpass.getpass(say("居民身份号码（不回显）: ", "Resident number (not echoed): "), stream=sys.stderr)
    identifiers = [(RESIDENT_NUMBER, number, "")] if number.strip() else []
    if identifier_only:
        return {}, identifiers
    return {
        "name": ask("姓名", "Name"),
        "birth_date": ask("出生日期 (YYYY-MM-DD)", "Birth date (YYYY-MM-DD)"),
        "sex": ask("性别 (男/女)", "Sex (male/female)"),
    }, identifiers


def _json(text: str) -> tuple[dict[str, str], Identifiers]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageFault(say("患者文件不是有效的 JSON。", "The patient's file is not valid JSON.")) from None
    fields: dict[str, str] = {}
    identifiers: Identifiers = []
    for key, value in _flat(document):
        if key == "identifiers":
            identifiers += [_identifier(each) for each in _list(value)]
            continue
        known = _known(key)
        if not isinstance(value, str):
            raise UsageFault(say(f"{known} 须为字符串。", f"{known} is not a string."))
        _put(known, value, fields, identifiers)
    return fields, identifiers


def _flat(document: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    # {"patient": {...}} and {"demographics": {...}} are opened, so that a request's own JSON fits as well.
    for key, value in document.items():
        if key in ("patient", "demographics") and isinstance(value, dict):
            yield from _flat(value)
        else:
            yield key, value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise UsageFault(say("identifiers 须为列表。", "identifiers is not a list."))
    return value


def _identifier(given: object) -> tuple[str, str, str]:
    if isinstance(given, dict):
        parts = [given.get(name, "") for name in ("system", "value", "assigner")]
        if all(isinstance(part, str) for part in parts) and parts[1]:
            return parts[0], parts[1], parts[2]
    raise UsageFault(
        say("identifiers 的每一项须有 system 和 value。", "Each of identifiers has a system and a value, both strings.")
    )


def _lines(lines: Iterable[str]) -> tuple[dict[str, str], Identifiers]:
    fields: dict[str, str] = {}
    identifiers: Identifiers = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.match(r"\s*([^:：]+?)\s*[:：]\s*(.*?)\s*$", line)
        if match is None:
            raise UsageFault(say(f"第 {number} 行不是 “键: 值”。", f"Line {number} is not `key: value`."))
        _put(_known(match[1]), match[2], fields, identifiers)
    return fields, identifiers


def _known(key: str) -> str:
    known = _KEYS.get(key.strip().lower().replace(" ", "_"))
    if known is None:
        # The key is not repeated: it may be a value that slipped.
        names = "resident_number, identifier, name, birth_date, sex"
        raise UsageFault(say(f"不认识的键；可用：{names}。", f"An unknown key; known are: {names}."))
    return known


def _put(key: str, value: str, fields: dict[str, str], identifiers: Identifiers) -> None:
    if key == "resident_number":
        identifiers.append((RESIDENT_NUMBER, value, ""))
    elif key == "identifier":
        parts = re.split(r"[|\s]+", value.strip(), maxsplit=2)
        if len(parts) < 2:
            raise UsageFault(say("identifier 须为：系统 号码 [发放机构]。", "identifier is: SYSTEM VALUE [ASSIGNER]."))
        identifiers.append((parts[0], parts[1], parts[2] if len(parts) > 2 else ""))
    else:
        fields[key] = value
