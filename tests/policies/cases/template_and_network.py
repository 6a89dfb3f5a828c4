"""TPL, IAM and NET: instances, bindings, firewall."""

from __future__ import annotations

from tests.policies.cases.case import (
    Case,
    deny,
    heal_by,
    identity_provider,
    metadata,
    unlink,
    without_autohealing,
)
from tests.policies.engine import UNKNOWN
from tests.policies.stacks import PROBERS, project_binding

CASES = [
    Case(
        "TPL01",
        "tpl",
        (
            (
                lambda s: s.but("tpl", networkInterfaces=[{"accessConfigs": [{}]}]),
                "networkInterfaces[0].accessConfigs set",
            ),
            (
                lambda s: s.but(
                    "tpl", networkInterfaces=[{"ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}]
                ),
                "ipv6AccessConfigs set",
            ),
        ),
        lambda s: s.but("tpl", networkInterfaces=UNKNOWN),
    ),
    Case(
        "TPL02",
        "tpl",
        (
            (lambda s: s.but("tpl", serviceAccount=None), "serviceAccount unset"),
            (lambda s: s.but("tpl", serviceAccount={"scopes": []}), "service account unset"),
            (
                lambda s: s.but("tpl", serviceAccount={"email": "123-compute@developer.gserviceaccount.com"}),
                "not the default",
            ),
        ),
        lambda s: s.but("tpl", serviceAccount={"email": UNKNOWN}),
    ),
    Case(
        "TPL03",
        "tpl",
        (
            (
                lambda s: s.but("tpl", shieldedInstanceConfig=None),
                "enableSecureBoot, enableVtpm, enableIntegrityMonitoring off",
            ),
            (
                lambda s: s.but(
                    "tpl", shieldedInstanceConfig={"enableSecureBoot": True, "enableVtpm": False}
                ),
                "has enableVtpm off",
            ),
            (lambda s: s.but("tpl", shieldedInstanceConfig={}), "has enableSecureBoot off"),
        ),
        lambda s: s.but("tpl", shieldedInstanceConfig={"enableSecureBoot": UNKNOWN}),
    ),
    Case(
        "TPL04",
        "tpl",
        (
            (metadata(enable_oslogin="FALSE"), "enable-oslogin FALSE"),
            (metadata(serial_port_enable="1"), "serial-port-enable TRUE"),
            (lambda s: s.but("tpl", metadata={}), "block-project-ssh-keys not TRUE"),
            (lambda s: s.but("tpl", canIpForward=True), "canIpForward true"),
        ),
        metadata(enable_oslogin=UNKNOWN),
    ),
    Case(
        "IAM01",
        "log",
        (
            (
                lambda s: s.add(project_binding("log", "roles/editor")),
                "roles/editor, required a role for the purpose",
            ),
        ),
        lambda s: s.but("log", role=UNKNOWN),
    ),
    Case(
        "IAM02",
        "log",
        (
            (
                lambda s: s.add(project_binding("log", "roles/iam.serviceAccountTokenCreator")),
                "on the whole project",
            ),
            (
                lambda s: s.add(
                    project_binding(
                        "log",
                        "roles/logging.logWriter",
                        "serviceAccount:1-compute@developer.gserviceaccount.com",
                    )
                ),
                "for the default account",
            ),
        ),
        lambda s: s.but("log", member=UNKNOWN),
    ),
    Case(
        "IAM03",
        "ci",
        (
            (identity_provider(), "attributeCondition unset"),
            (identity_provider(attributeCondition="true"), "looks at no claim"),
        ),
        identity_provider(attributeCondition=UNKNOWN),
    ),
    Case(
        "NET01",
        "mig",
        (
            (
                lambda s: s.without("probes").without("clients"),
                "no firewall rule admits 130.211.0.0/22, 35.191.0.0/16 on tcp:8080",
            ),
            (
                lambda s: s.without("clients").but("probes", sourceRanges=PROBERS[:2]),
                "admits 209.85.152.0/22, 209.85.204.0/22",
            ),
            (
                lambda s: s.without("clients").but(
                    "probes", sourceRanges=[*PROBERS[:2], PROBERS[3], "209.85.152.0/23"]
                ),
                "209.85.154.0/23",
            ),
            (
                heal_by(httpHealthCheck={"port": 9000}),
                "on tcp:9000, required for health check 'ah'",
            ),
            (lambda s: s.without("clients").but("probes", disabled=True), "no firewall rule admits"),
            (lambda s: s.without("clients").but("probes", direction="EGRESS"), "no firewall rule admits"),
            (
                lambda s: s.without("clients").but("probes", allows=[{"protocol": "udp"}]),
                "no firewall rule admits",
            ),
            (
                lambda s: s.without("clients").but(
                    "probes", targetServiceAccounts=["x@p.iam.gserviceaccount.com"]
                ),
                "no firewall rule admits",
            ),
            (
                lambda s: s.without("clients").but("probes", targetServiceAccounts=None, targetTags=["db"]),
                "no firewall rule admits",
            ),
            (deny(999, ["35.191.0.0/16"]), "admits 35.191.0.0/16"),
            (deny(1000, ["35.191.0.0/24"]), "admits 35.191.0.0/24"),
        ),
        unlink("tpl", "networkInterfaces"),
        lambda s: without_autohealing(s.without("be")),
    ),
    Case(
        "NET02",
        "clients",
        (
            (
                lambda s: s.but("clients", allows=[{"protocol": "tcp", "ports": ["22"]}]),
                "opens tcp:22 to any source",
            ),
            (
                lambda s: s.but("clients", allows=[{"protocol": "tcp"}]),
                "opens tcp:0-79, 81-442, 444-8079, 8081-65535",
            ),
            (lambda s: s.but("clients", allows=[{"protocol": "all"}]), "opens all to any source"),
            (
                lambda s: s.but(
                    "clients", sourceRanges=None, allows=[{"protocol": "tcp", "ports": ["3389"]}]
                ),
                "opens tcp:3389",
            ),
            (
                lambda s: s.but(
                    "clients", sourceRanges=["::/0"], allows=[{"protocol": "6", "ports": ["20-25"]}]
                ),
                "opens tcp:20-25",
            ),
            (
                lambda s: s.but("clients", targetTags=["web"], allows=[{"protocol": "tcp", "ports": ["22"]}]),
                "opens tcp:22",
            ),
        ),
        lambda s: s.but("clients", sourceRanges=[UNKNOWN]),
        lambda s: s.but("clients", direction="EGRESS"),
    ),
    Case(
        "NET03",
        "sub",
        (
            (lambda s: s.but("sub", logConfig=None), "logConfig unset"),
            (lambda s: s.but("sub", privateIpGoogleAccess=None), "privateIpGoogleAccess false"),
        ),
        lambda s: s.but("sub", privateIpGoogleAccess=UNKNOWN),
        lambda s: s.but("sub", purpose="REGIONAL_MANAGED_PROXY"),
    ),
]
