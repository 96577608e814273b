"""Who the patient is comes from stdin, a file or a prompt, and what cannot be read is not repeated."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hutong.v1 import report_pb2 as v1
from hutong_client import RESIDENT_NUMBER
from hutong_client.cli.patient_source import read_identifier, read_patient
from hutong_client.cli.session import UsageFault

NUMBER = "990421198005120018"
FLAT = f'{{"resident_number": "{NUMBER}", "name": "张三", "birth_date": "1980-05-12", "sex": "male"}}'
WIRE = f"""{{"identifiers": [{{"system": "{RESIDENT_NUMBER}", "value": "{NUMBER}"}}],
 "demographics": {{"name": "张三", "birth_date": "1980-05-12", "sex": "SEX_MALE"}}}}"""
LINES = f"resident_number: {NUMBER}\nname: 张三\nbirth_date: 1980-05-12\nsex: male\n"
CHINESE = f"身份证号：{NUMBER}\n姓名：张三\n出生日期：1980-05-12\n性别：男\n"
SYSTEM = f"# chart\n\nidentifier: {RESIDENT_NUMBER} {NUMBER}\nName: 张三\nBirth date: 1980-05-12\nsex: m\n"


def from_stdin(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    stdin: Any = SimpleNamespace(buffer=io.BytesIO(raw), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stdin)


@pytest.mark.parametrize("text", [FLAT, WIRE, f'{{"patient": {WIRE}}}', LINES, CHINESE, SYSTEM])
def test_every_form_says_the_same(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for raw in (text.encode(), text.encode("utf-8-sig"), text.replace("\n", "\r\n").encode()):
        from_stdin(monkeypatch, raw)
        query = read_patient(None)
        assert [(each.system, each.value, each.assigner) for each in query.identifiers] == [
            (RESIDENT_NUMBER, NUMBER, "")
        ]
        assert query.demographics == v1.Demographics(name="张三", birth_date="1980-05-12", sex=v1.SEX_MALE)


def test_a_file_and_several_identifiers(tmp_path: Path) -> None:
    file = tmp_path / "patient"
    file.write_text(
        f"identifier: urn:mrn A-1 H1\nidentifier: urn:card|77\nresident: {NUMBER}\nsex: 女\nbirth_date: x\n"
    )
    query = read_patient(file)
    assert [(each.system, each.value, each.assigner) for each in query.identifiers] == [
        ("urn:mrn", "A-1", "H1"),
        ("urn:card", "77", ""),
        (RESIDENT_NUMBER, NUMBER, ""),
    ]
    assert query.demographics.sex == v1.SEX_FEMALE
    assert read_identifier(file).value == "A-1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "canary",
        "{" * 100_000,
        '{"canary": "x"}',
        '{"resident_number": 990421198005120018}',
        '{"identifiers": "canary"}',
        '{"identifiers": [{"system": "x"}]}',
        "canary: 1\n",
        f"resident_number: {NUMBER}\nsex: canary\n",
        "identifier: canary\n",
        "name: only\n",
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    from_stdin(monkeypatch, text.encode())
    with pytest.raises(UsageFault) as caught:
        read_patient(None)
    assert "canary" not in str(caught.value)
    assert "9904" not in str(caught.value)


def test_bytes_that_are_not_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    from_stdin(monkeypatch, b"name: \xff")
    with pytest.raises(UsageFault, match="UTF-8"):
        read_patient(None)


def test_the_number_is_not_echoed_at_a_prompt() -> None:
    controller, terminal = pty.openpty()
    program = (
        "from hutong_client.cli.patient_source import read_patient\n"
        "query = read_patient(None)\n"
        "assert query.identifiers[0].value == '990421198005120018'\n"
        "assert query.demographics.birth_date == '1980-05-12'\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    ) as child:
        os.close(terminal)
        seen = b""
        for answer in (NUMBER, "张三", "1980-05-12", "男"):
            # Typed only once asked: until then the terminal still echoes.
            while not seen.rstrip(b" ").endswith(b":"):
                seen += os.read(controller, 4096)
            seen += b"\n"
            os.write(controller, answer.encode() + b"\n")
        status = child.wait(30)
    os.close(controller)
    assert status == 0
    assert NUMBER.encode() not in seen
    assert b"1980-05-12" in seen
