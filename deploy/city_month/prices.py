"""What items cost in the month: the sample's list prices, dearer in graded hospitals, and some that are missing."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import yaml
from hutong_client.city import Institution

DEARER = Decimal("1.1")
"""Assumed: graded hospitals ask a tenth more than the list."""
UNPRICED = frozenset({"LAB-APO-A1", "LAB-APO-B", "LAB-MPV", "EXAM-FUNDUS-PHOTOGRAPHY"})
"""Assumed: what is on no list yet."""


class Prices:
    """Of every institution."""

    def __init__(self, sample: Path, institutions: Iterable[Institution]) -> None:
        """`sample`: prices.yaml of the sample catalogue."""
        listed = yaml.safe_load(sample.read_text(encoding="utf-8"))["prices"]
        self._list = {each["item"]: Decimal(each["yuan"]) for each in listed if each["item"] not in UNPRICED}
        self._dearer = {each.code for each in institutions if each.tier in ("secondary", "tertiary")}

    def fen(self, institution: str, item: str) -> int | None:
        """In 0.01 yuan; None where there is none."""
        yuan = self._list.get(item)
        if yuan is None:
            return None
        return int((yuan * DEARER if institution in self._dearer else yuan).quantize(Decimal("0.01")) * 100)

    def file(self) -> bytes:
        """As a catalogue file (prices.csv)."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("institution", "item", "yuan", "valid_from", "valid_to"))
        for institution in ("*", *sorted(self._dearer)):
            for item in self._list:
                writer.writerow((institution, item, Decimal(self.fen(institution, item) or 0) / 100, "", ""))
        return text.getvalue().encode()
