"""Counts statistics from a raw dump, knowing nothing of how the registry does it.

    python tests/recount.py DUMP.ndjson > counts.json

DUMP comes from `hutong-server statistics dump`. The numbers are those of docs/statistics.md, by day, receiver, source,
department, item, specialty and ground. Standard library only; the counting is SQL over tables in memory.
"""

import json
import sqlite3
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

TABLES = """
CREATE TABLE answer (prompt, receiver, at, day, department, number INTEGER);
CREATE TABLE line (prompt, item, source, at, number INTEGER);
CREATE TABLE offer (prompt, item, report);
CREATE TABLE decision (prompt, item, kind, ground, source, receiver, day, department, price);
CREATE TABLE event (prompt, item, kind);
CREATE TABLE opened (prompt, report);
CREATE TABLE specialty (item PRIMARY KEY, specialty);
CREATE TABLE refusing (ground PRIMARY KEY, refuses);
"""

# A prompt is what was answered first under its id; a line what was offered first for an item of it.
VIEWS = """
CREATE INDEX answers ON answer (prompt, at, number);
CREATE INDEX lines ON line (prompt, item, at, number);
CREATE INDEX offers ON offer (prompt, item);
CREATE INDEX decisions ON decision (prompt, item);
CREATE INDEX events ON event (prompt, item);
CREATE VIEW prompt AS SELECT prompt, receiver, day, department FROM answer AS a
  WHERE NOT EXISTS (SELECT 1 FROM answer AS b WHERE b.prompt = a.prompt AND (b.at, b.number) < (a.at, a.number));
CREATE VIEW shown_line AS SELECT prompt, item, source FROM line AS a
  WHERE NOT EXISTS (SELECT 1 FROM line AS b WHERE b.prompt = a.prompt AND b.item = a.item
    AND (b.at, b.number) < (a.at, a.number));
CREATE VIEW standing AS SELECT * FROM decision AS d WHERE NOT EXISTS (
  SELECT 1 FROM decision AS r WHERE r.prompt = d.prompt AND r.item = d.item AND r.kind = 'revoked');
"""

PROMPTS = """
SELECT day, receiver, '' AS source, department, '' AS item, '' AS ground, 1 AS prompts,
       EXISTS (SELECT 1 FROM line WHERE line.prompt = prompt.prompt) AS reminders FROM prompt
"""


LINES = """
SELECT day, receiver, source, department, item, '' AS ground, 1 AS returned,
       'shown' IN happened AS shown,
       'opened' IN happened OR EXISTS (
         SELECT 1 FROM opened AS o JOIN offer AS f ON f.prompt = o.prompt AND f.report = o.report
         WHERE o.prompt = l.prompt AND f.item = l.item) AS opened,
       'dismissed' IN happened AS dismissed, 'cited' IN happened AS cited, 'reordered' IN happened AS reordered
FROM shown_line AS l JOIN prompt USING (prompt)
""".replace("happened", "(SELECT kind FROM event AS e WHERE e.prompt = l.prompt AND e.item IN ('', l.item))")

RECOGNIZED = """
SELECT day, receiver, source, department, item, '' AS ground, 1 AS recognized,
       coalesce(price, 0) AS savings_fen, price IS NULL AS unpriced
FROM standing WHERE kind = 'recognized'
"""
REPEATED = """
SELECT day, receiver, source, department, item, ground, 1 AS repeated,
       coalesce((SELECT refuses FROM refusing WHERE refusing.ground = standing.ground), 1) AS refused
FROM standing WHERE kind = 'repeated'
"""
REVOKED = """
SELECT day, receiver, source, department, item, '' AS ground, 1 AS revoked
FROM decision AS d WHERE kind = 'revoked'
  AND EXISTS (SELECT 1 FROM decision AS m WHERE m.prompt = d.prompt AND m.item = d.item AND m.kind <> 'revoked')
"""

Key = tuple[str, str, str, str, str, str, str]
"""(day, receiver, source, department, specialty, item, ground)."""


def recount(lines: Iterable[str]) -> dict[Key, dict[str, int]]:
    """The counts of a dump; numbers that are 0 are left out."""
    base = sqlite3.connect(":memory:")
    base.executescript(TABLES)
    _load(base, lines)
    base.executescript(VIEWS)
    specialties = dict(base.execute("SELECT item, specialty FROM specialty"))
    counted: dict[Key, dict[str, int]] = {}
    for query in (PROMPTS, LINES, RECOGNIZED, REPEATED, REVOKED):
        rows = base.execute(query)
        names = [column[0] for column in rows.description][6:]
        for day, receiver, source, department, item, ground, *numbers in rows:
            specialty = specialties.get(item, "unknown") if item else ""
            counts = counted.setdefault((day, receiver, source, department, specialty, item, ground), {})
            for name, number in zip(names, numbers, strict=True):
                if number:
                    counts[name] = counts.get(name, 0) + number
    base.close()
    return {key: counts for key, counts in counted.items() if counts}


def _load(base: sqlite3.Connection, lines: Iterable[str]) -> None:
    zone = ZoneInfo("UTC")

    def day(at: int) -> str:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(zone).date().isoformat()

    for number, text in enumerate(lines):
        row = json.loads(text)
        raw, prompt = row["raw"], row.get("prompt")
        if raw == "region":
            zone = ZoneInfo(row["time_zone"])
            base.executemany("INSERT INTO specialty VALUES (?, ?)", row["specialties"].items())
            base.executemany("INSERT INTO refusing VALUES (?, ?)", row["refusing"].items())
        elif raw == "prompt":
            values = (prompt, row["receiver"], row["at"], day(row["at"]), row["department"], number)
            base.execute("INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)", values)
            for line in row["lines"]:
                values = (prompt, line["item"], line["source"], row["at"], number)
                base.execute("INSERT INTO line VALUES (?, ?, ?, ?, ?)", values)
            for line in row["lines"] + row["former"]:
                base.execute("INSERT INTO offer VALUES (?, ?, ?)", (prompt, line["item"], line["report"]))
        elif raw == "decision":
            named = (row["item"], row["kind"], row["ground"], row["source"], row["receiver"])
            values = (prompt, *named, day(row["at"]), row["department"], row["price_fen"])
            base.execute("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        elif raw == "event":
            base.execute("INSERT INTO event VALUES (?, ?, ?)", (prompt, row["item"], row["kind"]))
        elif raw == "opened":
            base.execute("INSERT INTO opened VALUES (?, ?)", (prompt, row["report"]))
        else:
            raise ValueError(f"line {number + 1}: {raw} is no raw row")


def main() -> None:
    """Counts the dump that is named, and prints what was counted."""
    with open(sys.argv[1], encoding="utf-8") as lines:  # noqa: PTH123  as plain as can be
        counted = recount(lines)
    names = ("day", "receiver", "source", "department", "specialty", "item", "ground")
    for key, counts in sorted(counted.items()):
        print(json.dumps({**dict(zip(names, key, strict=True)), **counts}, ensure_ascii=False))


if __name__ == "__main__":
    main()
