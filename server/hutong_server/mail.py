"""Reports by mail (SMTP, RFC 5321): encrypted by setting, its server's certificate checked, no patient's anything."""

import ipaddress
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, make_msgid
from pathlib import Path

from hutong_server.safety import owner_only
from hutong_server.settings import Settings, split_address

_SECONDS = 30.0


class NotSent(Exception):
    """The mail server did not take it. Says why, without addresses and passwords."""


def mail_problems(settings: Settings) -> list[str]:
    """What is missing or unsafe in the settings of mail, one sentence each."""
    if not settings.mail_server:
        return ["HUTONG_MAIL_SERVER is not set"]
    found = [
        f"HUTONG_{name.upper()} is not set" for name in ("mail_from", "mail_to") if not getattr(settings, name).strip()
    ]
    try:
        host, _ = split_address(settings.mail_server)
    except ValueError as error:
        return [*found, f"HUTONG_MAIL_SERVER: {error}"]
    if settings.mail_tls == "none" and not _loopback(host):
        found.append("HUTONG_MAIL_TLS: none is for a server on this machine only")
    if any(not address.isascii() or not address.isprintable() for address in _addresses(settings)):
        found.append("HUTONG_MAIL_FROM, HUTONG_MAIL_TO: an address is of ASCII letters; a name before it may be any")
    if settings.mail_user and settings.mail_password is None:
        found.append("HUTONG_MAIL_PASSWORD is not set, and HUTONG_MAIL_USER is")
    if settings.mail_password is not None:
        found += owner_only("HUTONG_MAIL_PASSWORD", settings.mail_password)
    return found


def send(settings: Settings, subject: str, text: str, name: str, attached: str) -> int:
    """Sends a text with a CSV file of this name attached; to how many. The settings have no problems.

    Raises NotSent when not everybody's was taken.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, settings.mail_to, subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=settings.registry_name)
    # Told to vacation replies and their like.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    table = attached.encode("utf-8-sig")
    message.add_attachment(table, maintype="text", subtype="csv", filename=name, params={"charset": "utf-8"})
    try:
        with _connected(settings) as server:
            if settings.mail_user and settings.mail_password is not None:
                server.login(settings.mail_user, settings.mail_password.read_text(encoding="utf-8").rstrip("\n"))
            refused = server.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"the mail server answered {error.smtp_code}") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise NotSent(f"the mail server refused all {len(error.recipients)} addresses") from None
    except ssl.SSLCertVerificationError as error:
        raise NotSent(f"the mail server's certificate: {error.verify_message}") from None
    except (OSError, smtplib.SMTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise NotSent(f"no mail can be sent by it ({why})") from None
    if refused:
        raise NotSent(f"the mail server refused {len(refused)} of the addresses")
    return len(message["To"].addresses)


def _addresses(settings: Settings) -> list[str]:
    return [address for _, address in getaddresses([settings.mail_from, settings.mail_to])]


def _connected(settings: Settings) -> smtplib.SMTP:
    host, port = split_address(settings.mail_server)
    if settings.mail_tls == "none":
        return smtplib.SMTP(host, port, timeout=_SECONDS)
    context = ssl.create_default_context(cafile=_text(settings.mail_ca))
    if settings.mail_tls == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=context)
    server = smtplib.SMTP(host, port, timeout=_SECONDS)
    try:
        # Raises when the server does not offer it: never in clear instead.
        server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _text(path: Path | None) -> str | None:
    return str(path) if path is not None else None


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
