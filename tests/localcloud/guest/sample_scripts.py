"""Start-up scripts of the kinds that Google's documentation shows, and what becomes of each on an instance of the local cloud.

The page docs/start-up-scripts.md has the table made here, and tests boot every one of them and compare.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Installed:
    """Exit status and outcome of a script that installs packages, where it can; `check` must print `says`."""

    status: int
    outcome: str
    says: str
    check: str


@dataclass(frozen=True)
class Sample:
    """A script, what it is for, how it ends, and words that its journal or `check` must bring.

    `status` is the script's exit status as the journal tells it. `check` is run on the instance afterwards, and must print `says`.
    `installed` is what becomes of it on an instance with a root file system of its own and a Debian mirror.
    """

    title: str
    script: str
    status: int
    outcome: str
    says: str
    check: str = ""
    installed: Installed | None = None


SAMPLES = (
    Sample(
        "Apache, by package",
        """#! /bin/bash
apt-get update
apt-get install -y apache2
echo "<p>Made by a start-up script</p>" > /var/www/html/index.html
""",
        1,
        "goes on without the package, as without a way to the internet, and cannot write the page: no package has made its folder",
        "/var/www/html/index.html: No such file or directory",
        installed=Installed(
            0, "runs, and serves its page", "<p>Made by a start-up script</p>", "curl -s http://127.0.0.1/"
        ),
    ),
    Sample(
        "nginx, by package, stopping at the first failure",
        """#! /bin/bash
set -e
apt-get update
apt-get -y install nginx
service nginx start
""",
        100,
        "ends at `apt-get` with its status 100, as without a way to the internet",
        "exit status 100",
        installed=Installed(0, "runs, and serves", "Welcome to nginx!", "curl -s http://127.0.0.1/"),
    ),
    Sample(
        "Python's own server, with the instance's name from the metadata server",
        """#! /bin/bash
NAME=$(curl -s -H "Metadata-Flavor: Google" http://metadata.google.internal/computeMetadata/v1/instance/name)
mkdir -p /var/www && cd /var/www
echo "Page served from: $NAME" > index.html
nohup python3 -m http.server 80 > /var/log/server.log 2>&1 &
""",
        0,
        "runs, and serves",
        "Page served from: web-x7k2",
        "until curl -sf http://127.0.0.1/; do sleep 0.1; done",
    ),
    Sample(
        "A Python server as a systemd unit",
        """#! /bin/bash
mkdir -p /opt/app
echo "Hello from a unit" > /opt/app/index.html
cat > /etc/systemd/system/app.service <<'UNIT'
[Unit]
Description=App
After=network-online.target
[Service]
WorkingDirectory=/opt/app
ExecStart=/usr/bin/python3 -m http.server 8080
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now app
""",
        0,
        "runs, and serves; the unit is restarted when it is killed",
        "Hello from a unit",
        "until curl -sf http://127.0.0.1:8080/; do sleep 0.1; done",
    ),
    Sample(
        "Node.js, from its own package source",
        """#! /bin/bash
set -e
curl -fsSL https://deb.nodesource.com/setup_20.x | bash -
apt-get install -y nodejs
""",
        100,
        "gets no set-up script (`curl` cannot find the host), goes on as pipes do, and ends at `apt-get install`",
        "Could not resolve host: deb.nodesource.com",
        installed=Installed(
            100,
            "as without the mirror: its own source cannot be reached, and it never asked for Debian's lists",
            "Unable to locate package nodejs",
            "journalctl --no-pager -u google-startup-scripts.service",
        ),
    ),
    Sample(
        "Apache with its TLS site and the instance's name, as the load balancing guides have it",
        """#! /bin/bash
apt-get update
apt-get install apache2 -y
a2ensite default-ssl
a2enmod ssl
vm_hostname="$(curl -H "Metadata-Flavor:Google" \\
http://metadata.google.internal/computeMetadata/v1/instance/name)"
echo "Page served from: $vm_hostname" | \\
tee /var/www/html/index.html
systemctl restart apache2
""",
        5,
        "goes on without the package, knows the instance's name, and ends at `systemctl`, which knows no such unit",
        "Unit apache2.service not found",
        installed=Installed(
            0,
            "runs, and serves its page, over TLS too",
            "Page served from: web-x7k2\nPage served from: web-x7k2",
            "for at in http https; do until curl -sfk $at://127.0.0.1/; do sleep 0.1; done; done",
        ),
    ),
    Sample(
        "nginx and jq, showing the instance's own metadata, as Google's Terraform examples have it",
        """#! /bin/bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y nginx-light jq
NAME=$(curl -H "Metadata-Flavor: Google" "http://metadata.google.internal/computeMetadata/v1/instance/hostname")
IP=$(curl -H "Metadata-Flavor: Google" "http://metadata.google.internal/computeMetadata/v1/instance/network-interfaces/0/ip")
METADATA=$(curl -f -H "Metadata-Flavor: Google" \\
  "http://metadata.google.internal/computeMetadata/v1/instance/attributes/?recursive=True" | jq 'del(.["startup-script"])')
cat <<PAGE > /var/www/html/index.html
<pre>
Name: $NAME
IP: $IP
Metadata: $METADATA
</pre>
PAGE
""",
        100,
        "ends at `apt-get` with its status 100, as without a way to the internet",
        "exit status 100",
        installed=Installed(
            0,
            "runs, and serves its page",
            "Name: web-x7k2.europe-west1-b.c.local.internal\nIP: 10.0.0.2\nMetadata: {}",
            "curl -s http://127.0.0.1/",
        ),
    ),
    Sample(
        "Node.js, by Debian's package, as a systemd unit",
        """#! /bin/bash
set -e
apt-get update
apt-get install -y nodejs
mkdir -p /opt/app
cat > /opt/app/server.js <<'JS'
const http = require("http");
http.createServer((request, response) => response.end(`Hello from Node ${process.version}\\n`)).listen(8080);
JS
cat > /etc/systemd/system/app.service <<'UNIT'
[Unit]
Description=App
After=network-online.target
[Service]
ExecStart=/usr/bin/node /opt/app/server.js
Restart=always
StartLimitIntervalSec=0
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now app
""",
        100,
        "ends at `apt-get` with its status 100, as without a way to the internet",
        "exit status 100",
        installed=Installed(
            0,
            "runs, and serves",
            "Hello from Node v18",
            "until curl -sf http://127.0.0.1:8080/; do sleep 0.1; done",
        ),
    ),
    Sample(
        "The Ops Agent, by its own installer",
        """#! /bin/bash
cd /root
curl -sSO https://dl.google.com/cloudagents/add-google-cloud-ops-agent-repo.sh
sudo bash add-google-cloud-ops-agent-repo.sh --also-install
""",
        127,
        "gets no installer (`curl` cannot find the host), and has none to run",
        "Could not resolve host: dl.google.com",
        installed=Installed(
            127,
            "as without the mirror: the installer is not among Debian's packages",
            "Could not resolve host: dl.google.com",
            "journalctl --no-pager -u google-startup-scripts.service",
        ),
    ),
    Sample(
        "A file from Cloud Storage with gcloud",
        """#! /bin/bash
set -e
gcloud storage cp gs://scripts/app.conf /etc/app.conf
echo "configured: $(cat /etc/app.conf)"
""",
        0,
        "runs, with the service account's permissions: 403 without `roles/storage.objectViewer`",
        "configured: colour=green",
    ),
    Sample(
        "A file from Cloud Storage with gsutil",
        """#! /bin/bash
cd /root
gsutil cp gs://scripts/app.conf .
gsutil cat gs://scripts/app.conf
""",
        0,
        "runs, with the service account's permissions",
        "startup-script: colour=green",
    ),
    Sample(
        "A file from Cloud Storage that is not there",
        """#! /bin/bash
set -e
gsutil cp gs://scripts/none /tmp/none
""",
        1,
        "fails as on Google Cloud",
        "No such object: scripts/none",
    ),
    Sample(
        "Own metadata and a guest attribute",
        """#! /bin/bash
METADATA="http://metadata.google.internal/computeMetadata/v1/instance"
FOO=$(curl -s -H "Metadata-Flavor: Google" "$METADATA/attributes/foo")
curl -s -X PUT --data ready -H "Metadata-Flavor: Google" "$METADATA/guest-attributes/boot/state"
echo "foo is $FOO"
""",
        0,
        "runs",
        "startup-script: foo is bar",
    ),
    Sample(
        "Another language: Python in the script's first line",
        """#! /usr/bin/python3
import platform
print("python", platform.python_implementation())
""",
        0,
        "runs",
        "startup-script: python CPython",
    ),
)


def table() -> str:
    """Return the page's table."""
    rows = [f"| {sample.title} | {sample.status} | {sample.outcome} |" for sample in SAMPLES]
    return "\n".join(["| script | exit status | what becomes of it |", "| --- | --- | --- |", *rows])


def installed_table() -> str:
    """Return the page's table of those that install packages."""
    rows = [
        f"| {sample.title} | {sample.installed.status} | {sample.installed.outcome} |"
        for sample in SAMPLES
        if sample.installed
    ]
    return "\n".join(["| script | exit status | what becomes of it |", "| --- | --- | --- |", *rows])
