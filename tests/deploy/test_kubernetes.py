"""deploy/kubernetes: valid by the API's own schemas, nothing named that there is not, and no home in two pods."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from smsq.producers.machine.up import SANDBOX_PROFILE
from smsq.worker.domain.lane import LANES
from smsq.worker.metrics import TABLE
from tests.deploy.described import DEPLOY, check_command, every, loaded, settings_in, unknown_settings

FOLDER = DEPLOY / "kubernetes"
NOT_OF_THE_API = {"Kustomization", "Component", "ScaledObject"}
VERSIONS = ("1.31", "1.37")
UID = 10001
# What KEDA documents of a ScaledObject and of its scaler for Prometheus; values of metadata are strings.
SCALED_OBJECT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "keda.sh/v1alpha1"},
        "kind": {"const": "ScaledObject"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["scaleTargetRef", "triggers"],
            "properties": {
                "scaleTargetRef": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name"],
                    "properties": {name: {"type": "string"} for name in ("apiVersion", "kind", "name")},
                },
                "minReplicaCount": {"type": "integer", "minimum": 1},
                "maxReplicaCount": {"type": "integer", "minimum": 1},
                "pollingInterval": {"type": "integer", "minimum": 1},
                "cooldownPeriod": {"type": "integer", "minimum": 0},
                "fallback": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["failureThreshold", "replicas"],
                    "properties": {
                        "failureThreshold": {"type": "integer", "minimum": 1},
                        "replicas": {"type": "integer", "minimum": 0},
                        "behavior": {
                            "enum": ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]
                        },
                    },
                },
                "advanced": {"type": "object"},
                "triggers": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["type", "metadata"],
                        "properties": {
                            "type": {"const": "prometheus"},
                            "name": {"type": "string"},
                            "metricType": {"enum": ["AverageValue", "Value"]},
                            "metadata": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["serverAddress", "query", "threshold"],
                                "properties": {
                                    name: {"type": "string"}
                                    for name in (
                                        "serverAddress query threshold activationThreshold ignoreNullValues "
                                        "namespace timeout unsafeSsl".split()
                                    )
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a file."""
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


ALL = [(path, document) for path in sorted(FOLDER.rglob("*.yaml")) for document in documents(path)]
IDS = [f"{path.relative_to(FOLDER)}-{document['kind']}" for path, document in ALL]
WHOLE = [document for path, document in ALL if path.name != "workers.yaml"]  # that one is a patch
PODS = {
    document["metadata"]["name"]: document["spec"]["template"]["spec"]
    for document in WHOLE
    if document["kind"] in ("StatefulSet", "Deployment")
}
SETS = {document["metadata"]["name"]: document["spec"] for document in WHOLE if document["kind"] == "StatefulSet"}
OURS = {name: pod for name, pod in PODS.items() if pod["containers"][0]["image"] == "smsq"}
SERVERS = {name: pod for name, pod in PODS.items() if name not in OURS}
KUSTOMIZATIONS = [path for path, document in ALL if document["kind"] in ("Kustomization", "Component")]


@pytest.mark.parametrize(("path", "document"), ALL, ids=IDS)
def test_the_api_takes_it(path: Path, document: dict[str, Any]) -> None:
    """A misspelt key fails; a patch is complete enough for its schema or names its target only."""
    if document["kind"] in NOT_OF_THE_API or path.name == "workers.yaml":
        return
    for version in VERSIONS:
        kubernetes_validate.validate(document, version, strict=True)


def test_keda_takes_its_scaled_object() -> None:
    """By a schema of our own; and its metrics, its target and the numbers fit."""
    (document,) = (document for document in WHOLE if document["kind"] == "ScaledObject")
    jsonschema.validate(document, SCALED_OBJECT)
    spec = document["spec"]
    named = {word for trigger in spec["triggers"] for word in trigger["metadata"]["query"].replace("(", " ").split()}
    metrics = {word.split("{")[0] for word in named if word.startswith("smsq_")}

    assert spec["scaleTargetRef"]["name"] in SETS
    assert metrics
    assert metrics <= set(TABLE)
    assert spec["minReplicaCount"] == SETS[spec["scaleTargetRef"]["name"]]["replicas"]
    assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["policies"][0]["value"] == 1


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(FOLDER)))
def test_what_a_kustomization_names_is_there(path: Path, made: set[str]) -> None:
    """Files of ours; files that a person makes, by deploy/make-secrets or from the example; targets of patches."""
    (document,) = documents(path)
    folder = path.parent
    listed = [*document.get("resources", ()), *document.get("components", ())]
    patches = [patch["path"] for patch in document.get("patches", ())]
    files = [row.split("=")[1] for generated in document.get("secretGenerator", ()) for row in generated["files"]]
    files += [name for generated in document.get("configMapGenerator", ()) for name in generated["envs"]]

    assert [name for name in [*listed, *patches] if not (folder / name).exists()] == []
    assert {name for name in files if not (folder / name).exists()} <= made | {"smsq.env", "secrets/password"}
    assert {target["metadata"]["name"] for name in patches for target in documents(folder / name)} <= set(PODS)
    if folder.name == "base":
        assert set(listed) == {each.name for each in folder.glob("*.yaml")} - {path.name}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files that deploy/make-secrets makes, as overlays name them."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run([DEPLOY / "make-secrets", folder], check=True, capture_output=True)
    return {str(path.relative_to(folder.parent)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", sorted(PODS))
def test_no_pod_may_do_more_than_it_must(name: str) -> None:
    """It passes the restricted level of pod security, writes to volumes alone, and asks for what it needs."""
    pod = PODS[name]
    (container,) = pod["containers"]
    own = container["securityContext"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["securityContext"]["runAsUser"] == (UID if name in OURS else 999)
    assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_ours_are_told_exists(name: str) -> None:
    """Commands with their options, settings, files of their secret, ports and paths of probes."""
    pod = OURS[name]
    (container,) = pod["containers"]
    environ = {row["name"]: row["value"] for row in container.get("env", ())}
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}

    if "args" in container:
        check_command(container["args"])
    assert unknown_settings(list(environ)) == set()
    for probe in probes(container):
        if "exec" in probe:
            assert probe["exec"]["command"][0] == "smsq"
            check_command(probe["exec"]["command"][1:])
            assert probe["timeoutSeconds"] >= 5
        elif "httpGet" in probe:
            assert probe["httpGet"]["path"] in ("/healthz", "/readyz")
            assert probe["httpGet"]["port"] in ports
        else:
            assert probe["tcpSocket"]["port"] in ports
    for variable in ("SMSQ_WEB_ADDR", "SMSQ_DOOR_ADDR"):
        if variable in environ:
            assert int(environ[variable].rpartition(":")[2]) == ports["http"]
    assert "--exporter" not in container.get("args", ()) or ports["metrics"] == 9191


@pytest.mark.parametrize("overlay", ["production", "sandbox"])
def test_each_pod_finds_its_secret(overlay: str) -> None:
    """Every volume of a secret is generated, with each file that the settings name."""
    (document,) = documents(FOLDER / "overlays" / overlay / "kustomization.yaml")
    generated = {row["name"]: {file.split("=")[0] for file in row["files"]} for row in document["secretGenerator"]}
    for name, pod in PODS.items():
        (container,) = pod["containers"]
        wanted = {row["value"].rpartition("/")[2] for row in container.get("env", ()) if row["name"].endswith("_FILE")}
        mounted = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        if name == "sandbox":
            continue
        assert wanted <= generated[mounted[0]], name


def probes(container: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The probes of a container."""
    return (container[kind] for kind in ("startupProbe", "livenessProbe", "readinessProbe") if kind in container)


def test_a_pod_that_sends_has_a_home_that_no_other_has_and_that_stays() -> None:
    """Scaled away, updated or evicted: its journal is kept, and is never in two pods at once."""
    workers = {f"smsq-worker-{lane}" for lane in LANES}
    for name in workers | {"smsq-door", "smsq-commands"}:
        spec = SETS[name]
        (claim,) = spec["volumeClaimTemplates"]
        mounts = {mount["mountPath"]: mount["name"] for mount in PODS[name]["containers"][0]["volumeMounts"]}

        assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
        assert mounts["/var/lib/smsq"] == claim["metadata"]["name"]
        assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
        assert spec["podManagementPolicy"] == "Parallel"
        assert spec["updateStrategy"] == {"type": "RollingUpdate"}
    for name in workers:
        assert PODS[name]["terminationGracePeriodSeconds"] >= 45 + 5 + 10
    assert workers <= set(SETS)


def test_a_drained_node_takes_one_pod_of_a_kind_at_a_time() -> None:
    """Each kind of which there are several has a budget, and every selector finds its pods."""
    labels = {
        document["metadata"]["name"]: document["spec"]["template"]["metadata"]["labels"]
        for document in WHOLE
        if document["kind"] in ("StatefulSet", "Deployment")
    }
    budgets = {
        document["metadata"]["name"]: document["spec"]
        for document in WHOLE
        if document["kind"] == "PodDisruptionBudget"
    }
    several = {
        document["metadata"]["name"]
        for document in WHOLE
        if document["kind"] in ("StatefulSet", "Deployment") and document["spec"]["replicas"] > 1
    }
    selectors = [document["spec"]["selector"] for document in WHOLE if document["kind"] == "Service"] + [
        spec["selector"]["matchLabels"] for spec in budgets.values()
    ]

    assert set(budgets) == several
    assert all(budget["maxUnavailable"] == 1 for budget in budgets.values())
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels.values())


def test_the_network_lets_through_what_is_needed_and_no_more() -> None:
    """Policies name ports that somebody listens at; only workers reach the gateway."""
    policies = {
        document["metadata"]["name"]: document["spec"] for document in WHOLE if document["kind"] == "NetworkPolicy"
    }
    (chosen,) = policies["smsq-workers"]["podSelector"]["matchExpressions"]
    open_to_all = [
        name
        for name, policy in policies.items()
        for rule in policy.get("egress", ())
        if "to" not in rule and any(port["port"] == 443 for port in rule["ports"])
    ]

    assert set(chosen["values"]) == {f"worker-{lane}" for lane in LANES}
    assert open_to_all == ["smsq-workers"]
    assert policies["smsq-default"]["policyTypes"] == ["Ingress", "Egress"]
    for server in SERVERS:
        assert policies[server]["policyTypes"] == ["Ingress", "Egress"]
        assert "egress" not in policies[server]


def test_the_sandbox_is_told_as_compose_is() -> None:
    """The same settings, and a name space of its own, so that no real ledger meets it."""
    folder = FOLDER / "overlays" / "sandbox"
    told = settings_in(folder / "sandbox.env")
    spaces = {documents(path)[0]["namespace"] for path in FOLDER.glob("overlays/*/kustomization.yaml")}
    environ = {row["name"]: row["value"] for row in PODS["sandbox"]["containers"][0]["env"]}

    assert told == settings_in(DEPLOY / "compose" / "sandbox.env")
    assert SANDBOX_PROFILE.items() <= told.items()
    assert loaded({**told, "SMSQ_PASSWORD_FILE": str(folder / "password")}).login == "demo"
    assert len(spaces) == 2
    assert environ["SANDBOX_PASSWORD"] == (folder / "password").read_text().strip()
    assert environ["SANDBOX_CALLBACK_SECRET"] == (folder / "callback-secret").read_text().strip()


def test_no_value_is_lost_to_yaml() -> None:
    """Words that YAML takes for something else are quoted where text is meant."""
    for _, document in ALL:
        for each in every(document):
            words = each.get("args", []) if isinstance(each, dict) else []
            assert all(isinstance(word, str) for word in words)
