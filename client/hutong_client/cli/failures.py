"""How a command that failed says so: reason, words, paths and what to do on stderr; exit statuses in one table."""

import grpc
from rich.console import Console
from rich.text import Text

from hutong_client.cli.labels import hint, reason_label
from hutong_client.cli.language import Language, help_text
from hutong_client.cli.output import clean, print_json
from hutong_client.errors import HutongCallError

DONE = 0
REFUSED = 1
USAGE = 2
UNAVAILABLE = 3
NOT_ALLOWED = 4
NOT_FOUND = 5
FAULT = 70

EXIT_STATUS: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.UNAVAILABLE: UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: UNAVAILABLE,
    grpc.StatusCode.CANCELLED: UNAVAILABLE,
    grpc.StatusCode.UNAUTHENTICATED: NOT_ALLOWED,
    grpc.StatusCode.PERMISSION_DENIED: NOT_ALLOWED,
    grpc.StatusCode.NOT_FOUND: NOT_FOUND,
    grpc.StatusCode.INTERNAL: FAULT,
    grpc.StatusCode.UNKNOWN: FAULT,
    grpc.StatusCode.DATA_LOSS: FAULT,
    grpc.StatusCode.UNIMPLEMENTED: FAULT,
}
"""By status code; every other code is REFUSED."""

EXIT_HELP = help_text(
    "退出状态：0 完成；1 被拒（报告拒收、请求或目录有误、状态不允许）；2 用法有误；3 平台无法连接、超时或繁忙，可重试；"
    "4 没有权限；5 没有找到；70 平台或本程序故障。",
    "Exit status: 0 done; 1 refused (reports rejected, faulty request or catalogue, state conflict); 2 wrong usage; "
    "3 registry unreachable, too slow or overloaded: try again; 4 not allowed; 5 not found; "
    "70 a fault of the registry or of this program.",
)


def exit_status(error: HutongCallError) -> int:
    """The exit status of an error."""
    if error.reason == "TOO_LARGE":
        return REFUSED
    return EXIT_STATUS.get(error.code, REFUSED)


def call_failed(error: HutongCallError, err: Console, language: Language, *, as_json: bool) -> int:
    """Says what went wrong with a call; returns the exit status."""
    if as_json:
        print_json({"error": error_dict(error)})
    _say(error.reason, error.message, err, language)
    for fault in error.violations:
        _line(err, f"  {fault.path or '-'}: {fault.description}")
    if error.request_id:
        _line(err, f"  {_words(language, '请求号', 'request id')}: {error.request_id}")
    _hint(error.reason, err, language)
    return exit_status(error)


def refused(reason: str, message: str, err: Console, language: Language, *, as_json: bool) -> int:
    """Says what this program itself refuses; returns the exit status for wrong usage."""
    if as_json:
        print_json({"error": {"reason": reason, "code": "", "message": message, "request_id": "", "violations": []}})
    _say(reason, message, err, language)
    _hint(reason, err, language)
    return USAGE


def error_dict(error: HutongCallError) -> dict[str, object]:
    """An error as JSON: reason, code, message, request_id, violations (path, description, reason)."""
    return {
        "reason": error.reason,
        "code": error.code.name,
        "message": error.message,
        "request_id": error.request_id,
        "violations": [
            {"path": fault.path, "description": fault.description, "reason": fault.reason} for fault in error.violations
        ],
    }


def _say(reason: str, message: str, err: Console, language: Language) -> None:
    label = reason_label(reason, language)
    _line(err, f"{_words(language, '错误', 'error')} [{reason}] {label}: {message}", "bold red")


def _hint(reason: str, err: Console, language: Language) -> None:
    what = hint(reason, language)
    if what:
        _line(err, f"  → {what}")


def _line(err: Console, text: str, style: str = "") -> None:
    # Wrapping would break paths that someone wants to copy.
    err.print(Text(clean(text), style=style), soft_wrap=True)


def _words(language: Language, chinese: str, english: str) -> str:
    return chinese if language == "zh" else english
