"""hutong publish: FHIR files to the registry, through broken connections, with an account of every report."""

from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from hutong.v1 import error_reason_pb2 as reasons
from hutong.v1 import registry_service_pb2 as registry
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from hutong_client.cli import failures
from hutong_client.cli.labels import enum_label
from hutong_client.cli.language import Language, help_text, say
from hutong_client.cli.output import as_dict, cell, clean, print_json, table
from hutong_client.cli.publish_files import Piece, Source, find_sources, pieces, resume_point
from hutong_client.cli.session import Session, UsageFault
from hutong_client.clients import HutongClient
from hutong_client.errors import HutongCallError
from hutong_client.publishing import ATTEMPTS, PUBLISH_DEADLINE, Document, Published
from hutong_client.queries import enum_name

MAX_LISTED = 50
"""Faulty documents that the tables for people list; --json has all."""

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE|DIR…",
        help=help_text(
            "FHIR JSON 文件，*.json 与 *.fhir 一文件一文档，*.ndjson 一行一资源；或目录，递归查找",
            "FHIR JSON files (*.json, *.fhir: one document; *.ndjson: one resource a line) or directories of them",
        ),
        show_default=False,
    ),
]
Feed = Annotated[
    str, typer.Option(metavar="NAME", help=help_text("上传通道名，续传以此为准", "Name of the feed, for --resume"))
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help=help_text(
            "从上次的位置继续；之前的文件有增改，则从头再传，重复无害",
            "Go on after the last durable position of the feed; when files before it were added or changed, everything "
            "is sent again, which is harmless",
        ),
    ),
]
Release = Annotated[
    str,
    typer.Option(metavar="R4|R4B|R5", help=help_text("FHIR 版本；缺省自动识别", "FHIR release; detected by default")),
]
ValidateOnly = Annotated[
    bool, typer.Option("--validate-only", help=help_text("只检查，不入库", "Check only; nothing is kept"))
]
Attempts = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help=help_text("连续断线多少次后放弃", "Give up after this many broken streams in a row")
    ),
]


async def publish(
    at: Session,
    paths: Paths,
    feed: Feed = "files",
    resume: Resume = False,
    release: Release = "",
    validate_only: ValidateOnly = False,
    attempts: Attempts = ATTEMPTS,
) -> int:
    sources = find_sources(paths)
    if not sources:
        raise UsageFault(
            say("没有找到 *.json、*.fhir 或 *.ndjson 文件。", "No *.json, *.fhir or *.ndjson files were found.")
        )
    try:
        number = registry.FhirRelease.Value(enum_name(registry.FhirRelease.keys(), "FHIR_RELEASE", release))
    except ValueError as error:
        raise UsageFault(str(error)) from None
    account = Account(at, sources)
    async with at.connect(PUBLISH_DEADLINE) as client:
        point = await _resume_point(at, client, feed, sources) if resume else None
        account.skipped_files = point[0] + (sources[point[0]].path.suffix != ".ndjson") if point else 0
        stream = client.publish_stream(
            account.sending(point, cast("registry.FhirRelease", number)),
            feed="" if validate_only else feed,
            validate_only=validate_only,
            attempts=attempts,
            idle=at.deadline(PUBLISH_DEADLINE),
        )
        failure: HutongCallError | None = None
        with account.progress:
            try:
                async with aclosing(aiter(stream)) as answers:
                    async for published in answers:
                        account.add(published)
            except HutongCallError as error:
                failure = error
    return account.close(failure)


async def _resume_point(at: Session, client: HutongClient, feed: str, sources: list[Source]) -> tuple[int, int] | None:
    last = (await client.feed_status(feed, deadline=at.deadline(PUBLISH_DEADLINE))).position
    if not last:
        return None
    point = resume_point(sources, last)
    if point is None:
        at.err.print(
            Text(
                say(
                    "文件与上次不同，从头再传（重复上传无害）。",
                    "The files are not those of the last run: everything is sent again, which is harmless.",
                )
            )
        )
    return point


class Account:
    """What became of every document, and the progress of it on stderr."""

    def __init__(self, at: Session, sources: list[Source]) -> None:
        self._at = at
        self._sources = sources
        self._sent: dict[str, Piece] = {}
        self._documents: list[dict[str, Any]] = []
        self._outcomes: Counter[int] = Counter()
        self._warnings: Counter[int] = Counter()
        self._unchanged = 0
        self._refused = 0
        self._faulty: list[tuple[str, registry.Issue]] = []
        self._hidden = 0
        self._answered = 0
        self.skipped_files = 0
        """Files that a former run had published."""
        self.progress = Progress(
            TextColumn(say("发布", "publishing")),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=at.err,
            transient=True,
            disable=not at.err.is_terminal,
        )
        self._task = self.progress.add_task("", total=len(sources))

    def sending(self, point: tuple[int, int] | None, release: registry.FhirRelease) -> Iterator[Document]:
        """The documents to send; remembers where each came from."""
        for piece in pieces(self._sources, point):
            # Only what an answer needs is kept: the document itself goes with the stream.
            self._sent[piece.document.position] = Piece(Document(b""), piece.source, piece.line)
            yield Document(piece.document.content, piece.document.position, release)

    def add(self, published: Published) -> None:
        """Takes the answer to one document."""
        piece = self._sent.pop(published.document.position)
        response = published.response
        self._answered += 1
        name = f"{piece.source.path}:{piece.line}" if piece.line else str(piece.source.path)
        for result in response.results:
            self._outcomes[result.outcome] += 1
            self._unchanged += result.unchanged
        self._refused += not response.results
        for issue in [*response.issues, *(issue for result in response.results for issue in result.issues)]:
            if issue.severity == registry.ISSUE_SEVERITY_WARNING:
                self._warnings[issue.reason] += 1
            elif issue.severity == registry.ISSUE_SEVERITY_ERROR and len(self._faulty) < MAX_LISTED:
                self._faulty.append((name, issue))
            elif issue.severity == registry.ISSUE_SEVERITY_ERROR:
                self._hidden += 1
        if self._at.json:
            content = as_dict(response)
            self._documents.append({"file": str(piece.source.path), "line": piece.line, **content})
        self.progress.update(self._task, completed=piece.source.ordinal + 1)

    @property
    def rejected(self) -> int:
        """Reports refused, and documents refused as a whole."""
        return self._outcomes[registry.PUBLISH_OUTCOME_REJECTED] + self._refused

    def close(self, failure: HutongCallError | None) -> int:
        """Prints the account; returns the exit status."""
        if self._at.json:
            document: dict[str, object] = {"summary": self._summary(), "documents": self._documents}
            if failure is not None:
                document["error"] = failures.error_dict(failure)
            print_json(document)
        else:
            self._show(self._at.out, self._at.language)
        if failure is not None:
            return failures.call_failed(failure, self._at.err, self._at.language, as_json=False)
        return failures.REFUSED if self.rejected else failures.DONE

    def _summary(self) -> dict[str, object]:
        return {
            "files": len(self._sources),
            "files_skipped": self.skipped_files,
            "documents": self._answered,
            "documents_refused": self._refused,
            "reports": sum(self._outcomes.values()),
            "unchanged": self._unchanged,
            **{
                name.removeprefix("PUBLISH_OUTCOME_").lower(): self._outcomes[number]
                for name, number in registry.PublishOutcome.items()
                if number
            },
        }

    def _show(self, console: Console, language: Language) -> None:
        zh = language == "zh"
        former = ""
        for name, issue in self._faulty:
            if name != former:
                console.print(cell(name, "bold"), soft_wrap=True)
                former = name
            reason = enum_label(reasons.ErrorReason.DESCRIPTOR, issue.reason, language)
            console.print(cell(f"  {reason} {issue.path or '-'}: {issue.message}", "red"), soft_wrap=True)
        if self._hidden:
            more = f"另有 {self._hidden} 处错误，见 --json。" if zh else f"{self._hidden} more errors: see --json."
            console.print(Text(more))
        if self._faulty:
            console.print()
        summary = table("结果" if zh else "Outcome", "数量" if zh else "Reports", numbers=(1,))
        for number in registry.PublishOutcome.values():
            if self._outcomes[number]:
                label = enum_label(registry.PublishOutcome.DESCRIPTOR, number, language)
                summary.add_row(cell(label), str(self._outcomes[number]))
        if self._refused:
            summary.add_row(cell("整份文档被拒收" if zh else "documents refused whole"), str(self._refused))
        if self._unchanged:
            summary.add_row(cell("（其中此前已有）" if zh else "(of these known before)"), str(self._unchanged))
        if self._answered:
            console.print(summary)
        if self._warnings:
            console.print()
            shown = table("提示" if zh else "Warning", "次数" if zh else "Times", numbers=(1,))
            for number, count in self._warnings.most_common():
                shown.add_row(cell(enum_label(reasons.ErrorReason.DESCRIPTOR, number, language)), str(count))
            console.print(shown)
        if self.skipped_files:
            text = (
                f"续传：跳过 {self.skipped_files} 个文件。" if zh else f"Resumed: {self.skipped_files} files skipped."
            )
            console.print(Text(clean(text)))
