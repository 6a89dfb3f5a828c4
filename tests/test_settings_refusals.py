"""What settings refuse: each by its key, with the value, the rule and the fix."""

from __future__ import annotations

from typing import Any

import pytest

from components.invalid_argument import InvalidArgumentError
from tests.test_settings import LEAST, settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"servise": "web"}, r"mig-nlb:servise = 'web': an unknown key.*did you mean service\?"),
        ({"group": {"zone": ["b"]}}, r"mig-nlb:group.zone = .*an unknown key.*did you mean zones\?"),
        (
            {"load_balancer": {"frontends": {"main": {"port": 8080}}}},
            r"mig-nlb:load_balancer.frontends.main.port = 8080: an unknown key.*did you mean",
        ),
        (
            {"iam": {"bucket": {"roles/a.b": {"members": []}}}},
            r"mig-nlb:iam.bucket.roles/a.b.members = \[\]: an unknown key",
        ),
        ({"group": {}}, r"mig-nlb:group = \{\}: zones missing. Fix: add zones"),
        ({"group": None}, "mig-nlb:group = None: this setting has no default"),
        (
            {"startup": {"script": "x", "url": "y"}},
            "mig-nlb:startup = 'script, url': these keys belong to no one of",
        ),
        ({"machine": "big"}, "mig-nlb:machine = 'big': not a set of keys"),
        ({"machine": {"disk_size_gb": "020"}}, "machine.disk_size_gb = '020': not a whole number"),
        ({"machine": {"disk_size_gb": "20.0"}}, "machine.disk_size_gb = '20.0': not a whole number"),
        ({"machine": {"disk_size_gb": ""}}, "machine.disk_size_gb = '': not a whole number"),
        ({"autoscaler": {"cpu_target": "60 %"}}, "autoscaler.cpu_target = '60 %': not a number"),
        ({"autoscaler": {"cpu_target": "nan"}}, "autoscaler.cpu_target = 'nan': not a number"),
        ({"machine": {"spot": "True"}}, "machine.spot = 'True': not true or false"),
        ({"machine": {"spot": 1}}, "machine.spot = 1: not true or false"),
        ({"update": {"max_surge": "4"}}, "update.max_surge = '4': neither a number of instances nor"),
        ({"machine": {"spot": "yes"}}, "machine.spot = 'yes': not true or false"),
        (
            {"machine": {"metadata": {"service-port": 9000}}},
            r'not text. Fix: write text \(in quotes: "9000"\)',
        ),
        ({"machine": {"image": 7}}, "machine.image = 7: neither text nor a set of keys"),
        ({"machine": {"labels": {"a": None}}}, "machine.labels.a = None: not text"),
        ({"group": {"zones": "europe-west1-b"}}, "group.zones = 'europe-west1-b': not a list"),
        ({"group": {"zones": ["europe-west1-b", 3]}}, r"group.zones\[1\] = 3: not text"),
        (
            {"update": {"type": "FAST"}},
            "update.type = 'FAST': not a value this key has. Fix: use one of PROACTIVE, OPPORTUNISTIC",
        ),
        (
            {"update": {"max_surge": 1}},
            "mig-nlb:update.max_surge = 1: of a group over 3 zones it is 0 or at least 3",
        ),
        ({"update": {"max_surge": True}}, "update.max_surge = True: neither a whole number nor text"),
        (
            {"balancer_check": {"timeout_sec": 9}},
            "mig-nlb:balancer_check.timeout_sec = 9: a probe may not still be waiting",
        ),
        (
            {"environment": "production"},
            "mig-nlb:environment = 'production': .* use one of local, dev, staging, prod",
        ),
        (
            {"health_check_guard": "no"},
            "mig-nlb:health_check_guard = 'no': not a value this key has. Fix: use one of on, off",
        ),
        ({"health_check_min_ratio": "three"}, "mig-nlb:health_check_min_ratio = 'three': not a number"),
        ({"health_check_min_ratio": 0.5}, "health_check_min_ratio = 0.5: below 1"),
        (
            {"health_check_min_ratio": 16},
            "mig-nlb:autohealing_check = '30 s x 5': .* = 15, required 16 or more",
        ),
        (
            {"autohealing_check": {"check_interval_sec": 5, "timeout_sec": 5, "unhealthy_threshold": 2}},
            "ratio 10 s / 10 s = 1",
        ),
        (
            {"autoscaler": {"load_balancing_utilization": 0.8}},
            "refused. Fix: a passthrough load balancer reports no utilisation",
        ),
        (
            {"group": LEAST["mig-nlb:group"] | {"target_size": 3}, "autoscaler": {"max_replicas": 5}},
            "mig-nlb:group.target_size = 3: the autoscaler owns the size.*keep one of",
        ),
        (
            {"group": LEAST["mig-nlb:group"] | {"targetSize": 3}},
            "mig-nlb:group.targetSize = 3: refused. Fix: it is called target_size",
        ),
        (
            {"load_balancer": {"protocol": "TCP", "frontends": {"a": {"protocol": "L3_DEFAULT"}}}},
            r"mig-nlb:load_balancer.protocol = 'TCP': refused. Fix: .*L3_DEFAULT needs UNSPECIFIED, never TCP",
        ),
        (
            {"load_balancer": {"draining_sec": 20}},
            "mig-nlb:load_balancer.draining_sec = 20: requests may take 30 s .*set draining_sec to 30",
        ),
        (
            {"load_balancer": {"frontends": {"f" * 60: {}}}},
            "mig-nlb:load_balancer.frontends = .* would have 64 characters, and Google takes 63",
        ),
        (
            {"group": LEAST["mig-nlb:group"] | {"base_instance_name": "b" * 59}},
            "mig-nlb:group.base_instance_name = .*would have 59 characters, and Google takes 58",
        ),
        ({"service": "ab"}, "mig-nlb:identity.account_id = 'ab-vm': Google takes 6 to 30 characters"),
        (
            {"load_balancer": {"weighted": True}, "balancer_check": {"protocol": "TCP"}},
            "mig-nlb:load_balancer.weighted = True: weights come in the answers of an HTTP check",
        ),
        (
            {"startup": {"text": "#!/bin/sh"}, "iam": {"bucket": {"roles/storage.objectViewer": {}}}},
            "mig-nlb:iam.bucket = .*in no bucket that this stack knows",
        ),
        (
            {"canary": {"size": "10%", "machine": {"machine_type": "e2-medium"}}},
            "mig-nlb:canary.size = '10%': percentages need a group of 10 or more",
        ),
        (
            {"address": "projects/p/regions/r/addresses/a"},
            "mig-nlb:address = .*: not an IPv4 address, which is what clients are told",
        ),
        (
            {"address_ipv6": "projects/p/regions/r/addresses/a"},
            "mig-nlb:address_ipv6 = .*: no frontend is reached over IPv6",
        ),
        (
            {"address_ipv6": "2001:db8::5", "load_balancer": {"frontends": {"a": {"ip_version": "IPV6"}}}},
            "mig-nlb:address_ipv6 = .*: not the id of a reserved address",
        ),
        (
            {"standby": {"suspended": 2, "initial_delay_sec": 60}},
            "mig-nlb:standby.initial_delay_sec = 60: instances take up to 120 s to serve .*set it to 120 or more",
        ),
        (
            {
                "group": LEAST["mig-nlb:group"] | {"target_size": 3},
                "update": {"replacement_method": "RECREATE", "max_surge": 0, "max_unavailable": 3},
                "stateful": {"external_ips": {"nic0": "NEVER"}},
            },
            "mig-nlb:stateful.external_ips = .*set machine.external_address",
        ),
        ({"standby": {"initial_delay_sec": 60}}, "standby.initial_delay_sec = 60: no instance is ever put"),
        (
            {"canary": {"size": 1, "startup": {"script": "scripts/startup.sh", "location": "EU"}}},
            "mig-nlb:canary.startup.location = 'EU': the canary's files go into the others' bucket",
        ),
        (
            {"names": {"forwarding_rules": {"other": "theirs"}}},
            "mig-nlb:names.forwarding_rules.other = 'theirs': there is no such resource to name. Fix: use one of main",
        ),
        (
            {"names": {"firewalls": {"probe": "theirs"}}},
            "mig-nlb:names.firewalls.probe = 'theirs': .*use one of probes, probes-v6, clients",
        ),
        ({"names": {"group": "Theirs"}}, "mig-nlb:names.group = 'Theirs': names are lower-case letters"),
        ({"canary": {"size": 1, "machine": {}}}, "mig-nlb:canary.machine = .*would be like the others"),
        (
            {"machine": {"spot": True}, "canary": {"size": 1, "machine": {"spot": True}}},
            "mig-nlb:canary.machine = .*say what is different",
        ),
        (
            {
                "startup": {"text": "#!/bin/sh"},
                "canary": {"size": 1, "startup": {"script": "scripts/startup.sh"}},
            },
            "mig-nlb:canary.startup.bucket = None: mig-nlb:startup uploads nothing",
        ),
        (
            {"monitoring": {"alerts": True}, "balancer_check": {"logging": False}},
            "mig-nlb:monitoring.alerts = True: .* balancer_check does not log",
        ),
        (
            {"firewall": {"client_ranges": ["2001:db8::/32"]}},
            "mig-nlb:firewall.client_ranges = '2001:db8::/32': no frontend is reached over IPv6",
        ),
        (
            {"load_balancer": {"frontends": {"a": {"ip_version": "IPV6"}}}, "address": "203.0.113.9"},
            "mig-nlb:load_balancer.frontends = .*remove mig-nlb:address",
        ),
        (
            {"stateful": {"disks": {"persistent-disk-0": "NEVER"}}},
            "mig-nlb:stateful = .*in place of the autoscaler",
        ),
        (
            {"flexibility": {"a": {"machine_types": ["e2-small"]}}},
            "mig-nlb:flexibility = 'a': .*use target_shape ANY",
        ),
        ({"machine": {"startup_script": "x"}}, "refused. Fix: the script is the section mig-nlb:startup"),
        (
            {"group": {"zones": ["us-east1-b"]}},
            "mig-nlb:group.zones = 'us-east1-b': not a zone of the region europe-west1",
        ),
        *(
            (
                {
                    "group": LEAST["mig-nlb:group"] | {"target_shape": shape},
                    "update": {"instance_redistribution_type": "NONE"},
                },
                f"mig-nlb:group.target_shape = '{shape}': .* works with EVEN and BALANCED only",
            )
            for shape in ("ANY", "ANY_SINGLE_ZONE")
        ),
        (
            {"group": LEAST["mig-nlb:group"] | {"target_shape": "BALANCED"}},
            "mig-nlb:group.target_shape = 'BALANCED': this shape needs redistribution off",
        ),
        ({"update": {"instance_redistribution_type": "NONE"}}, "an autoscaled group needs redistribution"),
        (
            {"machine": {"confidential": "SEV"}},
            "machine.confidential = 'SEV': e2-small cannot encrypt its memory",
        ),
        ({"machine": {"kms_key": "my-key"}}, "machine.kms_key = 'my-key': not the name of a key"),
        (
            {"monitoring": {"alerts": True, "notification_channels": ["ops@example.com"]}},
            "monitoring.notification_channels = 'ops@example.com': not the name of a notification channel",
        ),
        (
            {"autoscaler": {"cooldown_period_sec": 60}},
            "autoscaler.cooldown_period_sec = 60: instances take up to 120 s to serve",
        ),
        ({"repair": {"boot_sec": 290}}, "mig-nlb:repair.initial_delay_sec = 300: .*290 s . 10 % = 319 s"),
        (
            {"service": "a-service-with-a-name-that-is-long"},
            "mig-nlb:service = .*use a name of at most 27 characters",
        ),
        ({"iam": {"project": {"roles/owner": {}}}}, "mig-nlb:iam.project = 'roles/owner': a basic role"),
    ],
)
def test_what_cannot_work_is_refused_by_its_key_with_value_rule_and_fix(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=words) as refusal:
        settings(**changes)
    assert str(refusal.value).startswith("mig-nlb:")
    assert " Fix: " in str(refusal.value)
