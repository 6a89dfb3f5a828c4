"""The report shows everything side by side, and the command lines that reach an instance."""

from __future__ import annotations

import json

from scripts.diagnosis import report
from scripts.diagnosis.diagnose import diagnose
from scripts.diagnosis.google_api import GoogleApi
from scripts.diagnosis.shell import JOURNAL, access
from tests.scripts.diagnosis.parts import DENIED, facts, one_of_three, run

LINK = "https://www.googleapis.com/compute/v1/projects/demo/zones/europe-west1-b/instances/web-a"
BROKEN = facts(
    script=DENIED,
    instances=one_of_three(
        balancer="TIMEOUT", run=run(failure="exit status 1", exit_status=1, refused="Error 403")
    ),
    unseen=("IAM policy of the project demo: no",),
)


def test_a_person_sees_states_causes_and_commands() -> None:
    shown = report.text(BROKEN, diagnose(BROKEN))
    assert "3 instances of 3 wanted, 2 serving, stable" in shown
    assert "recommends 3, may have 3 to 10; mode ON, ACTIVE" in shown
    row = next(line for line in shown.splitlines() if line.startswith("web-a"))
    assert row.split()[:7] == ["web-a", "europe-west1-b", "RUNNING", "NONE", "HEALTHY", "TIMEOUT", "exit"]
    assert row.endswith("autohealing is slower: 150 s of failures until its verdict, the balancer 10 s")
    assert "1. ERROR permission-missing: " in shown
    assert "   mend:        gcloud storage buckets add-iam-policy-binding gs://web-scripts" in shown
    assert "not seen: IAM policy of the project demo: no" in shown


def test_a_healthy_stack_is_said_to_be_so() -> None:
    assert "Nothing is wrong." in report.text(facts(), [])


def test_a_program_sees_the_same() -> None:
    document = json.loads(json.dumps(report.document(BROKEN, diagnose(BROKEN))))
    assert document["group"]["serving"] == 2
    assert document["instances"][0]["run"]["exit_status"] == 1
    assert document["findings"][0]["code"] == "permission-missing"
    assert document["findings"][0].keys() == {
        "code", "severity", "subject", "what", "consequence", "mend", "evidence",
    }  # fmt: skip


def test_instances_of_google_are_reached_by_gcloud() -> None:
    api = GoogleApi(endpoints={"compute": "https://compute.googleapis.com/compute/v1/"}, token="t")
    line = access(api, LINK, JOURNAL, tunnel=True)
    assert line == [
        "gcloud", "compute", "ssh", "web-a", "--zone=europe-west1-b", "--project=demo", "--tunnel-through-iap",
        "--command=sudo journalctl --no-pager -u google-startup-scripts.service",
    ]  # fmt: skip
    assert access(api, LINK, (), tunnel=False)[-1] == "--project=demo"


def test_local_instances_are_reached_by_localcloud() -> None:
    api = GoogleApi(endpoints={"compute": "http://127.0.0.1:5000/compute/v1/"}, token="t")
    program, *rest = access(api, LINK, JOURNAL, tunnel=False)
    assert program.endswith("localcloud/bin/localcloud")
    assert rest == ["ssh", "web-a", "--", *JOURNAL]
