"""What `hutong doctor` sees on the way to the registry: proxy, name, port, TLS, HTTP/2. Nothing of a call yet."""

import ipaddress
import os
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from hutong_client.channel import TlsFiles
from hutong_client.cli.doctor_files import period
from hutong_client.cli.findings import Finding, State, ok, warning, wrong
from hutong_client.cli.language import say

TIMEOUT = 5.0
"""Seconds for each step, at most."""
_BEGINS = 1.0
"""Seconds within which a server of HTTP/2 begins by itself."""
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What an HTTP/2 client says first, with empty settings."""
_SETTINGS = 4
"""Type of the frame with which a server of HTTP/2 begins."""
_FOREIGN = {2, 18, 19, 20, 21, 24, 27}
"""OpenSSL's reasons for a certificate that none of ours vouches for."""
_OTHER_NAME = {62, 64}
"""The certificate is for another host name, or address."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the registry is, as --registry says."""

    host: str
    port: int
    timeout: float = TIMEOUT
    """Seconds for each step."""
    credentials: str = field(default="", repr=False)
    """Of a proxy: "name:password", for it alone. Shown nowhere."""

    @classmethod
    def of(cls, text: str, timeout: float) -> "Place | None":
        """From "HOST:PORT"; None when it is not that."""
        host, _, port = text.rpartition(":")
        if not host or "/" in host or not port.isdigit() or not 0 < int(port) < 65536:
            return None
        return cls(host.strip("[]"), int(port), min(timeout, TIMEOUT))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def proxy_of(host: str) -> Place | None:
    """The HTTP proxy that gRPC takes for a host: grpc_proxy, else https_proxy, else http_proxy, unless no_grpc_proxy or
    no_proxy names the host's end, or the range of its address. Only names in lower case count for gRPC.
    """
    named = next(filter(None, (os.environ.get(name) for name in ("grpc_proxy", "https_proxy", "http_proxy"))), "")
    # gRPC reads small letters only.
    excepted = os.environ.get("no_grpc_proxy") or os.environ.get("no_proxy") or ""  # noqa: SIM112  as gRPC reads them
    ends = [each.strip().lower() for each in excepted.split(",") if each.strip()]
    if not named or any(host.lower().endswith(each) or _within(host, each) for each in ends):
        return None
    try:
        url = urlsplit(named if "//" in named else f"http://{named}")
        # gRPC logs in with the name and password that may stand in it, too.
        credentials = unquote(url.netloc.rpartition("@")[0])
        found = Place(url.hostname or "", url.port or 80, credentials=credentials)
    except ValueError:
        return None
    # gRPC knows no other kind, and goes its way without.
    return found if found.host and url.scheme == "http" else None


def _within(host: str, addresses: str) -> bool:
    """Whether a host that is given by its address is of a range such as 10.0.0.0/8."""
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(addresses, strict=False)
    except ValueError:
        return False


def look_at_proxy(place: Place) -> list[Finding]:
    """Whether calls take a proxy."""
    through = proxy_of(place.host)
    if through is None:
        return []
    text = say(f"gRPC 经代理 {through} 连接", f"gRPC goes through the proxy {through}")
    mend = say(
        f"若平台在内网：设置 no_proxy={place.host}；否则代理须允许 CONNECT {place}，且不得拆开 TLS。",
        f"If the registry is in your own network: no_proxy={place.host}. Otherwise the proxy has to allow CONNECT to "
        f"{place}, and must not open TLS.",
    )
    return [warning("proxy", text, mend)]


def look_at_name(place: Place) -> Finding:
    """Whether the host has an address here. Blocks."""
    through = proxy_of(place.host)
    asked = through or place
    try:
        found = socket.getaddrinfo(asked.host, asked.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        text = say(f"找不到主机名 {asked.host} 的地址", f"the name {asked.host} has no address here")
        mend = say(
            "检查 --registry 的拼写；若平台只在专网解析，请网络管理员配置 DNS 或 hosts。",
            "Check the spelling of --registry; if the name is known in a private network only, ask your network's "
            "administrator for DNS or an entry in hosts.",
        )
        return wrong("name", text, _of_proxy(place) if through else mend)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    return ok("name", f"{asked.host}: {', '.join(addresses[:4])}")


def _of_proxy(place: Place) -> str:
    return say(
        f"检查代理的设置 (grpc_proxy、https_proxy、http_proxy)；若不该经代理：no_proxy={place.host}。",
        f"Check the proxy's settings (grpc_proxy, https_proxy, http_proxy); if none should be taken: "
        f"no_proxy={place.host}.",
    )


def look_at_port(place: Place) -> Finding:
    """Whether something accepts connections there. Blocks."""
    through = proxy_of(place.host)
    try:
        _connect(place).close()
    except TimeoutError:
        text = say(
            f"{place.timeout:.0f} 秒内连不上 {place}", f"nothing answers at {place} within {place.timeout:.0f} s"
        )
        mend = say(
            "多半是防火墙丢弃了连接：请网络管理员放行到该地址与端口的 TCP。",
            "Most likely a firewall drops it: ask your network's administrator to let TCP to this host and port pass.",
        )
        return wrong("port", text, mend)
    except ConnectionRefusedError:
        text = say(f"{through or place} 拒绝连接", f"{through or place} refuses connections")
        mend = say(
            "主机可达，但该端口没有服务：检查端口；若无误，请问平台是否在运行。",
            "The host is there, nothing listens at this port: check the port; if it is right, ask whether the registry "
            "runs.",
        )
        return wrong("port", text, _of_proxy(place) if through else mend)
    except ProxyRefused as error:
        text = say(f"代理 {through} 不放行：{error}", f"the proxy {through} does not let us through: {error}")
        mend = say(
            f"请代理的管理员允许 CONNECT {place}，或设置 no_proxy={place.host}。",
            f"Ask the proxy's administrator to allow CONNECT to {place}, or set no_proxy={place.host}.",
        )
        return wrong("port", text, mend)
    except OSError as error:
        text = say(f"无法连接 {place}：{error.strerror}", f"no way to {place}: {error.strerror}")
        return wrong("port", text, say("检查本机网络与路由。", "Check this computer's network and routes."))
    return ok("port", say(f"{place} 接受连接", f"{place} accepts connections"))


def look_at_tls(place: Place, files: TlsFiles, now: datetime) -> list[Finding]:
    """A TLS handshake with both certificates, and the first words of HTTP/2. Blocks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files.ca)
    # As gRPC does: an intermediate that is trusted is enough.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["h2"])
    try:
        with _connect(place) as plain, context.wrap_socket(plain, server_hostname=place.host) as secured:
            shown = secured.getpeercert(binary_form=True) or b""
            protocol = secured.selected_alpn_protocol()
            server = period(
                "server",
                x509.load_der_x509_certificate(shown),
                now,
                say("平台的证书", "the registry's certificate"),
            )
            return [_only_warned(server), _first_words(secured, protocol)]
    except ssl.SSLCertVerificationError as error:
        return [_not_trusted(error, place, files, now)]
    except ssl.SSLError as error:
        return [_broken(error.reason or "")]
    except (OSError, ProxyRefused):
        return [_broken("")]


def _only_warned(server: Finding) -> Finding:
    # Who calls cannot renew the registry's certificate; while it is good, its last days are the operator's.
    return ok(server.check, server.text) if server.state is State.WARNING else server


def _first_words(secured: ssl.SSLSocket, protocol: str | None) -> Finding:
    # With TLS 1.3 the answer to our certificate comes after the handshake. Whoever is turned away and has written in
    # between reads a broken connection and not the reason: so the server, which begins by itself, goes first.
    try:
        head = _begun(secured)
    except ssl.SSLError as error:
        return _refused(error.reason or "")
    except OSError:
        head = b""
    if head == b"" and protocol == "h2":
        return _refused(say("连接随即被关闭", "it closes the connection"))
    if len(head) < 4 or head[3] != _SETTINGS or protocol != "h2":
        text = say("TLS 已建立，但对方不说 HTTP/2", "TLS stands, but the other side does not speak HTTP/2")
        mend = say(
            "中间的代理或负载均衡必须原样透传 TLS （TCP 模式），不得按 HTTP/1.1 转发；并核对端口是否为 gRPC 端口。",
            "A proxy or balancer in between has to pass TLS through untouched (TCP mode), not forward it as HTTP/1.1; "
            "and check that the port is the registry's gRPC port.",
        )
        return wrong("tls", text, mend)
    return ok(
        "tls",
        say(
            f"{secured.version()}，HTTP/2，双方证书都被接受", f"{secured.version()}, HTTP/2, both certificates accepted"
        ),
    )


def _begun(secured: ssl.SSLSocket) -> bytes:
    """The first bytes of the other side, which is spoken to when it does not begin."""
    secured.settimeout(min(_BEGINS, secured.gettimeout() or _BEGINS))
    try:
        return secured.recv(9)
    except TimeoutError:
        secured.sendall(_HELLO)
        return secured.recv(9)


def _refused(reason: str) -> Finding:
    text = say(f"平台不接受本机构的证书 ({reason})", f"the registry does not accept this certificate ({reason})")
    mend = say(
        "证书可能已过期、被吊销，或由另一平台签发：hutong renew，或向管理员要新令牌再 hutong enroll。",
        "It has run out, was revoked, or is of another registry: `hutong renew`, or ask the administrator for a new "
        "token and run `hutong enroll`.",
    )
    return wrong("tls", text, mend)


def _not_trusted(error: ssl.SSLCertVerificationError, place: Place, files: TlsFiles, now: datetime) -> Finding:
    shown = _shown(place, files)
    if error.verify_code in _OTHER_NAME:
        text = say(
            f"平台的证书不是给 {place.host} 的：{_names(shown)}",
            f"the registry's certificate is not for {place.host}, but for {_names(shown)}",
        )
        mend = say(
            "在 --registry 中用证书里的名字 （必要时写入 hosts），或请管理员为此名字重发服务器证书。",
            "Use a name of the certificate in --registry (with an entry in hosts if need be), or ask the administrator "
            "for a server certificate with this name.",
        )
        return wrong("tls", text, mend)
    if error.verify_code in _FOREIGN:
        text = say(
            f"对方的证书由“{_issuer(shown)}”签发，--ca 文件不认它",
            f'the other side\'s certificate was issued by "{_issuer(shown)}", for which the --ca file does not vouch',
        )
        mend = say(
            "--ca 不是这个平台的根证书：向管理员核对指纹；或中间有设备拆开了 TLS：请网络管理员对此地址免检。",
            "Either --ca is of another registry: compare its fingerprint with the administrator's; or a device in "
            "between opens TLS: ask your network's administrator to exempt this address.",
        )
        return wrong("tls", text, mend)
    if shown is not None:
        judged = period("server", shown, now, say("平台的证书", "the registry's certificate"))
        if judged.state is State.WRONG:
            mend = say(
                "先核对本机时钟；时钟无误则告知平台管理员。",
                "First compare this computer's clock; if it is right, tell the registry's administrator.",
            )
            return wrong("tls", judged.text, mend)
    text = say(f"平台的证书未通过核验：{error.verify_message}", f"the registry's certificate: {error.verify_message}")
    return wrong("tls", text, say("请告知平台管理员。", "Tell the registry's administrator."))


def _broken(reason: str) -> Finding:
    if "ALERT" in reason:
        return _refused(reason)
    text = say(f"无法建立 TLS {reason}".rstrip(), f"no TLS comes about {reason}".rstrip())
    mend = say(
        "该端口多半不是平台的 gRPC 端口，或中间设备掐断了连接：核对端口，再问网络管理员。",
        "Most likely the port is not the registry's gRPC port, or a device in between cuts the connection: check the "
        "port, then ask your network's administrator.",
    )
    return wrong("tls", text, mend)


def _shown(place: Place, files: TlsFiles) -> x509.Certificate | None:
    """The certificate that the other side shows, whoever it is. Nothing is sent over this connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(files.certificate, files.key)
    try:
        with _connect(place) as plain, context.wrap_socket(plain, server_hostname=place.host) as secured:
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError, ProxyRefused):
        return None


def _names(shown: x509.Certificate | None) -> str:
    if shown is None:
        return "?"
    try:
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "?"
    found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return ", ".join(found[:6]) or "?"


def _issuer(shown: x509.Certificate | None) -> str:
    named = shown.issuer.get_attributes_for_oid(NameOID.COMMON_NAME) if shown is not None else []
    return str(named[0].value) if named else "?"


class ProxyRefused(Exception):
    """The proxy did not connect us; the text is the status that it gave."""


def _connect(place: Place) -> socket.socket:
    """A connection to the registry, through the proxy that gRPC would take. Raises OSError, ProxyRefused."""
    through = proxy_of(place.host)
    if through is None:
        return socket.create_connection((place.host, place.port), place.timeout)
    opened = socket.create_connection((through.host, through.port), place.timeout)
    try:
        login = f"Proxy-Authorization: Basic {b64encode(through.credentials.encode()).decode()}\r\n"
        head = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login if through.credentials else ''}\r\n"
        opened.sendall(head.encode())
        said = b""
        while b"\r\n\r\n" not in said and len(said) < 8192:
            more = opened.recv(1024)
            if not more:
                break
            said += more
        status = said.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")[2].strip()
        if not status.startswith("2"):
            raise ProxyRefused(status or "no answer")
    except BaseException:
        opened.close()
        raise
    return opened
