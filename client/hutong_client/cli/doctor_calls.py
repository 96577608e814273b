"""What `hutong doctor` learns by calling: health, clocks, delay, what a proxy lets through, a trial of the role's work.

Trials are marked validate_only: the registry checks and answers them as of a patient whom nobody knows, and keeps
nothing but the record that they were made. The person in them does not exist: no division code begins with 99.
"""

import json
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import grpc

from hutong_client.calls import unary
from hutong_client.city.identity import resident_number
from hutong_client.cli.doctor_files import Identity
from hutong_client.cli.findings import Finding, ok, skipped, warning, wrong
from hutong_client.cli.labels import hint, reason_label
from hutong_client.cli.language import LANGUAGE, say
from hutong_client.clients import HutongClient
from hutong_client.errors import HutongCallError, MethodUnknown
from hutong_client.queries import RESIDENT_NUMBER, call_context, patient_query

ROUNDS = 10
"""Calls by which delay and clocks are judged."""
MOST_SKEW = 5.0
"""Seconds. Machines that ask a time server differ by milliseconds."""
REFUSING_SKEW = 300.0
"""Seconds from which on the registry refuses times as lying in the future."""
SLOW, TOO_SLOW = 0.3, 1.0
"""Seconds of one call. A prompt is of use within two."""
LARGE = 1024 * 1024
"""Bytes of a message that a proxy might not pass. Reports with images are larger."""
_BIRTH = date(1990, 1, 1)
_SERVING = b"\x08\x01"
"""A HealthCheckResponse on the wire: SERVING."""
_TIME = "hutong-time"


class Health:
    """grpc.health.v1 without its package: a request is empty or names a service, an answer is one number."""

    def __init__(self, channel: grpc.aio.Channel, deadline: float) -> None:
        self._check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", request_serializer=bytes, response_deserializer=bytes
        )
        self._deadline = deadline

    async def serving(self) -> bool:
        """Whether the registry as a whole serves. Raises HutongCallError."""
        return await unary(self._check, b"", self._deadline) == _SERVING

    async def timed(self) -> tuple[float, float | None]:
        """(seconds that one call took, seconds by which the registry's clock is ahead; None when it does not tell)."""
        before, begun = time.time(), time.perf_counter()
        call = self._check(b"", timeout=self._deadline)
        told = dict(await call.initial_metadata()).get(_TIME)
        took = time.perf_counter() - begun
        await call
        return took, int(told) / 1000 - before - took / 2 if told else None

    async def passes(self, content: bytes, compression: grpc.Compression | None = None) -> bool:
        """Whether a request arrives that names a service which there is not. Raises AioRpcError otherwise."""
        try:
            await self._check(content, timeout=self._deadline, compression=compression)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return True
            raise
        return True


async def look_at_health(health: Health) -> Finding:
    """The first call."""
    try:
        serving = await health.serving()
    except MethodUnknown:
        text = say("对方说 gRPC，但不是接受调用的端口", "it speaks gRPC, and is not the port for calls")
        mend = say(
            "核对 --registry 的端口：证书申领与续期用的是另一个端口。",
            "Check the port in --registry: the one at which certificates are made and renewed is another.",
        )
        return wrong("health", text, mend)
    except HutongCallError as error:
        return failed("health", error)
    if serving:
        return ok("health", say("平台在服务", "the registry serves"))
    text = say("平台在运行，但暂不服务", "the registry runs and does not serve")
    return wrong("health", text, say("请稍后再试，或告知平台管理员。", "Try again later, or tell its administrator."))


async def look_at_delay_and_clock(health: Health) -> list[Finding]:
    """Several calls: the shortest tells the clock best."""
    rounds = sorted([await health.timed() for _ in range(ROUNDS)], key=lambda each: each[0])
    return [_delay([took for took, _ in rounds]), _clock(*rounds[0])]


def _delay(seconds: Sequence[float]) -> Finding:
    middle, most = statistics.median(seconds), seconds[-1]
    text = say(
        f"一次调用 {middle * 1000:.0f} 毫秒 （最长 {most * 1000:.0f}）",
        f"one call takes {middle * 1000:.0f} ms (at most {most * 1000:.0f})",
    )
    mend = say(
        "线路太慢：提示须在 2 秒内到达。请网络管理员检查专线、VPN 或代理。",
        "The line is slow, and a prompt is of use within 2 s: ask your network's administrator about line, VPN, proxy.",
    )
    return (
        wrong("delay", text, mend) if middle > TOO_SLOW else (warning if middle > SLOW else _well)("delay", text, mend)
    )


def _well(check: str, text: str, _: str) -> Finding:
    return ok(check, text)


def _clock(took: float, ahead: float | None) -> Finding:
    if ahead is None:
        return skipped("clock", say("该平台版本不告知时间", "this registry's version does not tell its time"))
    off = max(0.0, abs(ahead) - took / 2)
    if off <= MOST_SKEW:
        return ok("clock", say(f"与平台相差不到 {MOST_SKEW:.0f} 秒", f"within {MOST_SKEW:.0f} s of the registry's"))
    text = say(
        f"本机时钟比平台{'慢' if ahead > 0 else '快'} {off:.0f} 秒",
        f"this computer's clock is {off:.0f} s {'behind' if ahead > 0 else 'ahead of'} the registry's",
    )
    mend = say(
        "请让本机与时间服务器同步 (NTP)：相差 5 分钟以上时，报告与决定会被拒收，证书会被判为无效。",
        "Let this computer follow a time server (NTP): from 5 minutes on, reports and decisions are refused and "
        "certificates seem invalid.",
    )
    return (wrong if off >= REFUSING_SKEW else warning)("clock", text, mend)


async def look_at_messages(health: Health) -> list[Finding]:
    """Whether compressed and large messages arrive, which some proxies do not let through."""
    return [
        await _passes(
            health,
            "compression",
            _named(1000),
            grpc.Compression.Gzip,
            say("压缩的消息可以通过", "compressed messages arrive"),
        ),
        await _passes(health, "size", _named(LARGE), None, say("1 MiB 的消息可以通过", "a message of 1 MiB arrives")),
    ]


async def _passes(
    health: Health, check: str, content: bytes, compression: grpc.Compression | None, text: str
) -> Finding:
    try:
        await health.passes(content, compression)
    except grpc.aio.AioRpcError as error:
        said = say(f"{text}：否 ({error.code().name})", f"{text}: no ({error.code().name})")
        mend = say(
            "中间的代理改动或限制了 gRPC：请让它原样透传 TLS。",
            "A proxy in between changes or limits gRPC: let it pass TLS through untouched.",
        )
        return wrong(check, said, mend)
    return ok(check, text)


def _named(size: int) -> bytes:
    """A HealthCheckRequest for a service with a name of this length."""
    length, rest = bytearray(), size
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes([10, *length, rest]) + b"x" * size


async def try_role(client: HutongClient, identity: Identity, deadline: float) -> Finding:
    """What the role is for, once, for nobody."""
    try:
        if identity.role == "emr":
            return await _prompt(client, deadline)
        if identity.role == "feed":
            return await _publish(client, deadline)
    except HutongCallError as error:
        return failed("prompt" if identity.role == "emr" else "publish", error)
    text = say(
        f"角色 {identity.role} 没有可试的调用",
        f"there is nothing to try for the role {identity.role}: emr and feed only",
    )
    return skipped("trial", text)


async def _prompt(client: HutongClient, deadline: float) -> Finding:
    patient = patient_query([(RESIDENT_NUMBER, NUMBER)], birth_date=_BIRTH.isoformat(), name="测试", sex="male")
    begun = time.perf_counter()
    try:
        answer = await client.open_chart(
            patient, call_context(practitioner="doctor", encounter="doctor"), validate_only=True, deadline=deadline
        )
    except HutongCallError as error:
        if error.reason != "AUTHORIZATION_MISSING":
            raise
        text = say("平台应答；本地区要求声明患者授权", "answered; this region asks how the patient authorized it")
        return ok("prompt", f"{text} (call_context(authorization=…))")
    took = (time.perf_counter() - begun) * 1000
    if answer.prompt_id:
        text = say(
            "有应答，但平台版本较旧，留下了一条空提示", "answered; an older registry, which kept an empty prompt"
        )
        return warning("prompt", text, say("请平台管理员升级。", "Ask the administrator for an upgrade."))
    return ok("prompt", say(f"测试提示 {took:.0f} 毫秒内应答", f"a trial prompt was answered within {took:.0f} ms"))


async def _publish(client: HutongClient, deadline: float) -> Finding:
    begun = time.perf_counter()
    await client.publish(trial_report(datetime.now(UTC)), validate_only=True, deadline=deadline)
    took = (time.perf_counter() - begun) * 1000
    return ok("publish", say(f"测试报告 {took:.0f} 毫秒内通过检查", f"a trial report was checked within {took:.0f} ms"))


def failed(check: str, error: HutongCallError) -> Finding:
    """A call that did not succeed, as the other commands say it."""
    text = f"{reason_label(error.reason, LANGUAGE)} [{error.reason}]"
    if error.request_id:
        text += say(f"，请求号 {error.request_id}", f", request id {error.request_id}")
    faults = "; ".join(f"{fault.path}: {fault.description}" for fault in error.violations[:3])
    mend = hint(error.reason, LANGUAGE) or say("请告知平台管理员。", "Tell the registry's administrator.")
    return wrong(check, f"{text} {faults}".rstrip(), mend)


NUMBER = resident_number("990000", _BIRTH, 0, "male")
"""A resident number of nobody."""


def trial_report(now: datetime) -> bytes:
    """A FHIR R4 report of nobody, taken a minute before `now`."""
    when = (now - timedelta(minutes=1)).isoformat(timespec="seconds")
    subject = {"reference": "#p"}
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}], "text": "potassium"},
        "subject": subject,
        "effectiveDateTime": when,
        "valueQuantity": {"value": 4.1, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    }
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": RESIDENT_NUMBER, "value": NUMBER}],
        "name": [{"text": "测试"}],
        "gender": "male",
        "birthDate": _BIRTH.isoformat(),
    }
    report = {
        "resourceType": "DiagnosticReport",
        "contained": [patient, observation],
        "identifier": [{"system": "urn:hutong:doctor", "value": "trial"}],
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "24326-1"}]},
        "subject": subject,
        "effectiveDateTime": when,
        "issued": when,
        "result": [{"reference": "#o"}],
    }
    return json.dumps(report).encode()
