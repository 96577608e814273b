"""What `hutong doctor` sees on this computer before it calls anybody: files, key, certificate, identity."""

import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from hutong_client.channel import TlsFiles, TlsFilesInvalid
from hutong_client.cli.findings import Finding, State, ok, skipped, warning, wrong
from hutong_client.cli.language import say

_IDENTITY = re.compile(r"spiffe://([^/]+)/institution/([A-Za-z0-9_-]{1,64})/([a-z]+)")
_RENEW_LEFT = 0.2
"""Clients renew at two thirds of a certificate's life. With less than this share left, nobody renews it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the certificate says its holder is."""

    registry: str
    institution: str
    role: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What the files hold, as far as they can be used."""

    findings: list[Finding]
    files: TlsFiles | None
    """None when no connection can be made with them."""
    identity: Identity | None = None


def look_at_files(ca: Path | None, cert: Path | None, key: Path | None, now: datetime) -> Seen:
    """The three files at `now` (aware)."""
    named = {"--ca (HUTONG_CA)": ca, "--cert (HUTONG_CERT)": cert, "--key (HUTONG_KEY)": key}
    missing = [name for name, path in named.items() if path is None]
    if ca is None or cert is None or key is None:
        text = say(f"未指定：{'、'.join(missing)}", f"not named: {', '.join(missing)}")
        mend = say(
            "用选项或环境变量指定三个文件；尚无证书时由管理员发令牌，再执行 hutong enroll。",
            "Name the three files by option or environment. Without a certificate yet: the administrator gives a "
            "token, and `hutong enroll` makes the files.",
        )
        return Seen([wrong("files", text, mend)], None)
    files = TlsFiles(ca, cert, key)
    try:
        files.credentials()
    except TlsFilesInvalid as error:
        mend = say("按所说改正该文件。", "Put that file right.")
        closed = _key_closed(key)
        if closed is not None and closed.state is State.WRONG:
            return Seen([closed], None)
        return Seen([wrong("files", str(error), mend), *([closed] if closed else ())], None)
    own = x509.load_pem_x509_certificates(cert.read_bytes())[0]
    identity = identity_of(own)
    return Seen(
        [
            ok("files", say("三个文件可读，私钥与证书相配", "all three can be read, and the key fits the certificate")),
            _key_closed(key) or ok("key", say("只有所有者可读", "only its owner can read it")),
            period("certificate", own, now, say("本机构证书", "this institution's certificate")),
            _told(identity),
        ],
        files,
        identity,
    )


def identity_of(certificate: x509.Certificate) -> Identity | None:
    """The SPIFFE id; None when the certificate is none of a registry's."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
        match = _IDENTITY.fullmatch(uri)
        if match:
            return Identity(*match.groups())
    return None


def period(check: str, certificate: x509.Certificate, now: datetime, what: str) -> Finding:
    """Whether a certificate is good at `now`, by this computer's clock."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        return wrong(
            check,
            say(
                f"{what}要到 {begin:%Y-%m-%d %H:%M} UTC 才生效，而本机时钟是 {now:%Y-%m-%d %H:%M} UTC",
                f"{what} is good from {begin:%Y-%m-%d %H:%M} UTC, and this computer's clock says {now:%Y-%m-%d %H:%M}",
            ),
            say("多半是本机时钟慢了：请校时 (NTP)。", "Most likely this computer's clock is slow: set it (NTP)."),
        )
    if now > end:
        return wrong(
            check,
            say(
                f"{what}已于 {end:%Y-%m-%d %H:%M} UTC 过期 （本机时钟 {now:%Y-%m-%d %H:%M} UTC）",
                f"{what} ran out on {end:%Y-%m-%d %H:%M} UTC (this computer's clock: {now:%Y-%m-%d %H:%M})",
            ),
            say(
                "若时钟无误：hutong renew；过期太久则向管理员要新令牌，再 hutong enroll。",
                "If the clock is right: `hutong renew`; after too long ask the administrator for a new token and run "
                "`hutong enroll`.",
            ),
        )
    days = (end - now).total_seconds() / 86400
    text = say(f"{what}有效，还有 {days:.1f} 天", f"{what} is good for another {days:.1f} days")
    if (end - now) / (end - begin) < _RENEW_LEFT:
        return warning(
            check,
            text,
            say(
                "没有程序在续期：给 connect 加 renew_from，或每天执行 hutong renew --if-due。",
                "Nobody renews it: give `connect` a renew_from, or run `hutong renew --if-due` once a day.",
            ),
        )
    return ok(check, text)


def _key_closed(key: Path) -> Finding | None:
    """What is wrong with who may read the key; None when it is well, or the system has no such modes."""
    if not key.is_file():
        return None
    mode = stat.S_IMODE(key.stat().st_mode)
    if os.name != "posix" or not mode & 0o077:
        return None
    text = say(f"其他用户能读到私钥 （权限 {mode:04o}）", f"other users of this computer can read it (mode {mode:04o})")
    mend = f"chmod 600 {key}"
    return wrong("key", text, mend) if mode & stat.S_IROTH else warning("key", text, mend)


def _told(identity: Identity | None) -> Finding:
    if identity is None:
        return wrong(
            "identity",
            say("证书中没有机构与角色", "the certificate names no institution and role"),
            say(
                "这不是互通平台签发的证书：检查 --cert，或用 hutong enroll 申领。",
                "It was not issued by a Hutong registry: check --cert, or get one with `hutong enroll`.",
            ),
        )
    return ok(
        "identity",
        say(
            f"机构 {identity.institution}，角色 {identity.role}，平台 {identity.registry}",
            f"institution {identity.institution}, role {identity.role}, registry {identity.registry}",
        ),
    )


def unusable(check: str) -> Finding:
    """What waits for usable files."""
    return skipped(check, say("证书文件可用之后再查", "waits for usable certificate files"))
