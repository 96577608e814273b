"""deploy/compose.yaml by the schema of its specification, and by what the schema cannot see."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.site import ROOT
from tests.deploy.files import DEPLOY, documents, program

FILE = DEPLOY / "compose.yaml"
((COMPOSE),) = documents(FILE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
HAPROXY = program("haproxy")
PROMTOOL = program("promtool")

[PROVISIONED] = documents(DEPLOY / "grafana" / "provisioning" / "dashboards" / "hutong.yml")
DASHBOARDS = [each["options"]["path"] for each in PROVISIONED["providers"]]

READ_UNASKED = {
    "haproxy": ["/usr/local/etc/haproxy/haproxy.cfg"],
    "postgres": ["/var/lib/postgresql/data"],
    "grafana/grafana": [
        *(f"/etc/grafana/provisioning/{each}/hutong.yml" for each in ("datasources", "dashboards")),
        "/var/lib/grafana",
        *DASHBOARDS,
    ],
    "prom/prometheus": ["/etc/prometheus/recording_rules.yml", "/etc/prometheus/alerting_rules.yml"],
}
"""What programs of others read or write without being told; prometheus.yml names the two."""


def mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    """(source, target) of each."""
    return [(each.split(":")[0], each.split(":")[1]) for each in service.get("volumes", ())]


def strings(value: object) -> list[str]:
    """All texts in a part of the file."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [str(value)]


def test_it_is_a_compose_file() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout


def test_what_is_referred_to_is_there_and_what_is_there_is_used() -> None:
    volumes = {source for each in SERVICES.values() for source, _ in mounts(each) if source[0] not in "./"}
    assert volumes == COMPOSE["volumes"].keys()
    networks = {name for each in SERVICES.values() for name in each.get("networks", ())}
    assert networks == COMPOSE["networks"].keys()
    for name, service in SERVICES.items():
        assert re.search(r":v?\d+(\.\d+)*$", service["image"]), name
        if build := service.get("build"):
            context = DEPLOY / build["context"]
            assert context.resolve() == ROOT
            assert (context / build["dockerfile"]).is_file()
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert SERVICES[other]["healthcheck"].get("test"), (name, other)
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] == "no", (name, other)


@pytest.mark.parametrize("name", SERVICES)
def test_every_path_that_is_mounted_is_used(name: str) -> None:
    service = SERVICES[name]
    told = strings([service.get(part, []) for part in ("environment", "command", "entrypoint")])
    if name == "prepare":
        # Its script makes them: $OUT is /secrets.
        script = (DEPLOY / "prepare.sh").read_text()
        assert "OUT:=/secrets}" in script
        told += [f"/secrets/{part}" for part in re.findall(r'"\$OUT/(\w+)', script)]
    told += READ_UNASKED.get(service["image"].partition(":")[0], [])
    for source, target in mounts(service):
        used = re.compile(rf"{re.escape(target)}(/|$)")
        assert any(used.search(text) for text in told), target
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source


def test_the_paths_of_the_settings_are_made_by_the_script(secrets: Path) -> None:
    for name in ("registry1", "registry2", "migrate"):
        service = SERVICES[name]
        targets = [target for _, target in mounts(service)]
        for text in strings(service["environment"]):
            if not text.startswith("/"):
                continue
            assert any(text.startswith(f"{target}/") for target in targets), text
            if text.startswith("/secrets/"):
                assert (secrets / text.removeprefix("/secrets/")).exists(), text
    password = SERVICES["postgresql"]["environment"]["POSTGRES_PASSWORD_FILE"]
    assert (secrets / password.removeprefix("/secrets/")).is_file()
    password = SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    assert (secrets / password.removeprefix("/secrets/")).stat().st_mode & 0o444 == 0o444


def test_strangers_reach_the_balancer_only_and_nobody_the_database() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert name == "balancer" or port.startswith("127.0.0.1:"), (name, port)
    assert {name for name, each in COMPOSE["networks"].items() if not each.get("internal")} == {"outside"}
    for name in ("registry1", "registry2", "postgresql", "migrate"):
        assert "outside" not in SERVICES[name]["networks"]
        assert not SERVICES[name].get("ports")
    assert {name for name, each in SERVICES.items() if "database" in each.get("networks", ())} == {
        *("registry1", "registry2", "migrate", "postgresql"),
    }


def test_containers_of_ours_are_closed_and_drained() -> None:
    for name in ("registry1", "registry2", "migrate"):
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108  of the container
        assert all(":ro" in each for each in service["volumes"] if "secrets" in each)
    assert SERVICES["registry1"]["healthcheck"]["test"][1:3] == ["hutong-server", "health"]
    assert int(SERVICES["registry1"]["stop_grace_period"].removesuffix("s")) >= 10 + 20
    assert SERVICES["registry1"] == SERVICES["registry2"]


@pytest.mark.skipif(not HAPROXY, reason="haproxy is not installed")
def test_haproxy_takes_its_configuration() -> None:
    said = subprocess.run(
        [HAPROXY, "-c", "-f", DEPLOY / "compose" / "haproxy.cfg"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    # Here nobody knows the containers' names.
    assert all("could not resolve address" in line for line in said.stderr.splitlines() if "WARNING" in line), (
        said.stderr
    )


def test_its_balancer_has_the_limits_of_the_one_that_is_tried_under_load() -> None:
    def limits(path: Path) -> list[str]:
        text = re.sub(r"(?m)^resolvers .*\n(?: .*\n)*", "", path.read_text("utf-8"))
        lines = [line.split("#")[0].strip() for line in text.splitlines()]
        return [re.sub(r" resolvers containers .*", "", line) for line in lines if line and not line.startswith(SERVER)]

    assert limits(DEPLOY / "compose" / "haproxy.cfg") == limits(DEPLOY / "haproxy.cfg")
    text = (DEPLOY / "compose" / "haproxy.cfg").read_text("utf-8")
    servers = set(re.findall(r"^ +server \w+ (\w+):(\d+)$", text, re.MULTILINE))
    assert servers == {(name, port) for name in ("registry1", "registry2") for port in ("7443", "7445")}


SERVER = ("server ", "default-server check resolvers")


@pytest.mark.skipif(not PROMTOOL, reason="prometheus is not here; `make packages` gets it on Debian")
def test_prometheus_takes_its_configuration_with_the_rules(tmp_path: Path) -> None:
    for source, target in mounts(SERVICES["prometheus"]):
        if source.startswith("."):
            shutil.copy(DEPLOY / source, tmp_path / Path(target).name)
    said = subprocess.run(
        [PROMTOOL, "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.count("rules found") == 2
    (configuration,) = documents(tmp_path / "prometheus.yml")
    for where in configuration["scrape_configs"][0]["static_configs"][0]["targets"]:
        name, _, port = where.partition(":")
        assert SERVICES[name]["environment"]["HUTONG_METRICS_LISTEN"].endswith(f":{port}")
        assert "watching" in SERVICES[name]["networks"]


def test_alerts_go_where_somebody_is_told() -> None:
    (configuration,) = documents(DEPLOY / "compose" / "alertmanager.yml")
    receivers = {each["name"] for each in configuration["receivers"]}
    routed = {configuration["route"]["receiver"], *(each["receiver"] for each in configuration["route"]["routes"])}
    rules = (DEPLOY / "prometheus" / "alerting_rules.yml").read_text("utf-8")
    assert routed == receivers == set(re.findall(r"severity: (\w+)", rules))
    for each in configuration["inhibit_rules"]:
        for matcher in (*each["source_matchers"], *each["target_matchers"]):
            name = matcher.split('"')[1]
            assert f"alert: {name}\n" in rules
