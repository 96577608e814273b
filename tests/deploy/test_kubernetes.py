"""deploy/kubernetes by Kubernetes' own schemas, and by what a schema cannot see: names that meet, and what pods run."""

import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hutong_server.settings import load
from hutong_server.store.migrations import migrate

from tests.api.process import ServerProcess, run
from tests.api.site import ROOT
from tests.deploy.files import DEPLOY, documents, program

FOLDER = DEPLOY / "kubernetes"
KUBECTL = program("kubectl")
OLDEST = "1.29"

(KUSTOMIZATION,) = documents(FOLDER / "kustomization.yaml")
RESOURCES: list[Any] = [each for name in KUSTOMIZATION["resources"] for each in documents(FOLDER / name)]


def named(kind: str, name: str = "hutong") -> Any:
    """The one resource."""
    (found,) = (each for each in RESOURCES if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


DEPLOYMENT = named("Deployment")
POD = DEPLOYMENT["spec"]["template"]["spec"]
LABELS = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
(REGISTRY,) = POD["containers"]
(OWN_SECRETS,) = POD["initContainers"]
JOB = named("Job", "hutong-migrate")["spec"]["template"]
NIGHT = named("CronJob", "hutong-housekeeping")["spec"]["jobTemplate"]["spec"]["template"]
SETTINGS: dict[str, str] = named("ConfigMap", "hutong-settings")["data"]


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_resource_is_what_kubernetes_takes(version: str) -> None:
    for each in RESOURCES:
        kubernetes_validate.validate(each, version, strict=True)
    kinds = {each["kind"] for each in RESOURCES}
    assert kinds == {
        *("Namespace", "ConfigMap", "Deployment", "Job", "CronJob", "Service", "PodDisruptionBudget", "NetworkPolicy"),
    }


@pytest.mark.skipif(not KUBECTL, reason="kubectl is not installed")
def test_kubectl_puts_it_together() -> None:
    said = subprocess.run([KUBECTL, "kustomize", FOLDER], capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    made = [each for each in yaml.safe_load_all(said.stdout) if each]
    assert len(made) == len(RESOURCES)
    assert all(each["metadata"].get("namespace") == "hutong" for each in made if each["kind"] != "Namespace")
    images = set(re.findall(r"image: (\S+)", said.stdout))
    assert images == {"hutong:0.1.0"}


def test_selectors_meet_the_pods_and_ports_their_names() -> None:
    def meets(selector: dict[str, str]) -> bool:
        return selector.items() <= LABELS.items()

    ports = {port["name"]: port["containerPort"] for port in REGISTRY["ports"]}
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == LABELS
    assert JOB["metadata"]["labels"] != LABELS
    for name in ("hutong", "hutong-metrics"):
        service = named("Service", name)["spec"]
        assert meets(service["selector"])
        assert not service["selector"].items() <= JOB["metadata"]["labels"].items()
        for port in service["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    assert meets(named("PodDisruptionBudget")["spec"]["selector"]["matchLabels"])
    for each in POD["topologySpreadConstraints"]:
        assert meets(each["labelSelector"]["matchLabels"])
    for variable, port in (("HUTONG_LISTEN", "grpc"), ("HUTONG_ENROLLMENT_LISTEN", "enrollment")):
        assert SETTINGS[variable].endswith(f":{ports[port]}")
    assert SETTINGS["HUTONG_METRICS_LISTEN"].endswith(f":{ports['metrics']}")


def test_housekeeping_has_the_settings_and_secrets_of_a_registry_and_takes_no_calls() -> None:
    spec = NIGHT["spec"]
    (night,) = spec["containers"]
    assert [night["args"], night["envFrom"]] == [["housekeeping"], REGISTRY["envFrom"]]
    assert spec["initContainers"] == [OWN_SECRETS]
    assert spec["securityContext"] == POD["securityContext"]
    assert night["securityContext"] == REGISTRY["securityContext"]
    secrets_ = [each["secret"] for each in POD["volumes"] if "secret" in each and each["name"] != "monitor"]
    assert [each["secret"] for each in spec["volumes"] if "secret" in each] == secrets_
    # It reaches the database, and no Service leads to it.
    assert NIGHT["metadata"]["labels"]["app.kubernetes.io/name"] == LABELS["app.kubernetes.io/name"]
    assert NIGHT["metadata"]["labels"] != LABELS


def test_the_network_is_closed_but_for_calls_metrics_and_the_database() -> None:
    nothing = named("NetworkPolicy", "nothing")["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    calls = named("NetworkPolicy", "calls")["spec"]
    assert calls["podSelector"]["matchLabels"] == LABELS
    open_to = {port["port"]: "from" in rule for rule in calls["ingress"] for port in rule["ports"]}
    assert open_to == {"grpc": False, "enrollment": False, "metrics": True}
    assert open_to.keys() == {port["name"] for port in REGISTRY["ports"]}
    database = named("NetworkPolicy", "database")["spec"]
    for labels in (LABELS, JOB["metadata"]["labels"]):
        assert database["podSelector"]["matchLabels"].items() <= labels.items()
    assert [port["port"] for rule in database["egress"] for port in rule["ports"]] == [5432, 53, 53]


def test_pods_are_restricted() -> None:
    assert named("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in (POD, JOB["spec"]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_an_upgrade_keeps_two_that_serve_and_lets_calls_end() -> None:
    assert DEPLOYMENT["spec"]["replicas"] == 2
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert named("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    waits = int(REGISTRY["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = load({}).drain_seconds
    # workers.py gives them 20 seconds beyond the drain.
    assert POD["terminationGracePeriodSeconds"] > waits + drain + 20


def test_what_is_mounted_is_there_and_used_and_what_is_used_is_mounted() -> None:
    for pod in (POD, JOB["spec"]):
        volumes = {each["name"] for each in pod["volumes"]}
        containers = (*pod["containers"], *pod.get("initContainers", ()))
        assert volumes == {mount["name"] for each in containers for mount in each["volumeMounts"]}
    for volume in POD["volumes"]:
        assert volume.get("secret", {}).get("defaultMode", 0o440) == 0o440

    where = [mount["mountPath"] for mount in REGISTRY["volumeMounts"]]
    paths = [text for text in SETTINGS.values() if text.startswith("/")]
    for path in paths:
        assert any(path.startswith(f"{mount}/") for mount in where), path
    for mount in where:
        assert mount == "/tmp" or any(path.startswith(f"{mount}/") for path in paths), mount  # noqa: S108  of the pod
    (script,) = OWN_SECRETS["command"][2:]
    (copied,) = re.findall(r"for each in ([\w ]+); do", script)
    assert {path.split("/")[3] for path in paths if path.startswith("/run/hutong/")} == set(copied.split())
    mounted = {mount["mountPath"] for mount in OWN_SECRETS["volumeMounts"]}
    assert mounted == {"/run/hutong", *(f"/secrets/{each}" for each in copied.split())}


def test_the_secrets_are_those_that_the_document_says_how_to_make() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    made = set(re.findall(r"create secret generic (hutong-\w+) --from-file=", text))
    wanted = {v["secret"]["secretName"] for pod in (POD, JOB["spec"]) for v in pod["volumes"] if "secret" in v}
    assert made == wanted


def kubelets(directory: Path, files: list[Path]) -> None:
    """A Secret as the kubelet shows it: links to files that are open to the pod's group."""
    (directory / "..data").mkdir(parents=True)
    for file in files:
        there = directory / "..data" / file.name
        there.write_bytes(file.read_bytes())
        there.chmod(0o440)
        (directory / file.name).symlink_to(Path("..data") / file.name)


@pytest.fixture
def pod(secrets: Path, tmp_path: Path) -> Path:
    """A directory with secrets/ and run/hutong/ as the pod has them below /."""
    own = secrets / "registry"
    for name, files in {
        "keys": [*(own / "keys").iterdir()],
        "tls": [*(own / "tls").iterdir()],
        "authorities": [*(own / "ca").iterdir()],
        "monitor": [*(own / "monitor").iterdir()],
        "database": [own / "pgpass"],
    }.items():
        kubelets(tmp_path / "secrets" / name, files)
    (tmp_path / "run" / "hutong").mkdir(parents=True)
    return tmp_path


def below(text: str, root: Path) -> str:
    """The text with paths of the pod below a directory."""
    return re.sub(r"(?<![\w./])/(secrets|run/hutong|tmp)\b", rf"{root}/\1", text)


def execute(command: list[str], root: Path) -> None:
    said = subprocess.run(
        [below(part, root) for part in command], capture_output=True, text=True, timeout=60, check=False
    )
    assert said.returncode == 0, said.stderr


async def test_a_pod_starts_on_its_secrets_and_its_probes_succeed(pod: Path) -> None:
    execute(OWN_SECRETS["command"], pod)
    environment = {name: below(text, pod) for name, text in SETTINGS.items()} | {
        "HUTONG_DATABASE_URL": f"sqlite:///{pod}/hutong.db",
        "HUTONG_WORKERS": "1",
        **dict.fromkeys(("HUTONG_LISTEN", "HUTONG_ENROLLMENT_LISTEN", "HUTONG_METRICS_LISTEN"), "127.0.0.1:0"),
    }
    del environment["PGPASSFILE"]
    migrate(environment["HUTONG_DATABASE_URL"])
    # Without the init container the registry would refuse: this is what it is for.
    refused = run(["check-config"], environment | {"HUTONG_KEK": f"{pod}/secrets/keys/kek.key"}, pod)
    assert refused.returncode == 1
    assert "mode 0440" in refused.stderr
    server = ServerProcess(environment, pod)
    try:
        probes = {tuple(REGISTRY[f"{kind}Probe"]["exec"]["command"]) for kind in ("startup", "readiness", "liveness")}
        assert len(probes) == 2
        for program_, *arguments in probes:
            assert program_ == "hutong-server"
            asked = [each.replace(":7443", f":{server.port}") for each in arguments]
            said = run(asked, environment, pod)
            assert (said.returncode, said.stdout) == (0, "SERVING\n"), said.stderr
    finally:
        assert server.end() == 0


def test_the_passwords_file_is_one_that_libpq_takes(pod: Path) -> None:
    execute(OWN_SECRETS["command"], pod)
    (program_, flags, script) = JOB["spec"]["containers"][0]["command"]
    copied, _, started = script.partition("; ")
    assert started == "exec hutong-server migrate"
    (pod / "tmp").mkdir()
    execute([program_, flags, copied], pod)
    for file in (pod / "run/hutong/database/pgpass", pod / "tmp" / "pgpass"):
        assert file.stat().st_mode & 0o777 == 0o400
        assert re.fullmatch(r"postgresql:5432:hutong:hutong:[0-9a-f]{48}\n", file.read_text())
    environment = JOB["spec"]["containers"][0]["env"]
    assert {each["name"] for each in environment} == {"HUTONG_DATABASE_URL", "PGPASSFILE"}
    for each in environment:
        if reference := each.get("valueFrom"):
            assert reference["configMapKeyRef"]["name"] == "hutong-settings"
            assert reference["configMapKeyRef"]["key"] in SETTINGS
