"""moto: an emulator of Amazon's APIs, in memory."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from benchmarks.emulators.emulator import Emulator, numbered, request
from benchmarks.emulators.process import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def moto(binaries: Path) -> Iterator[Emulator]:
    """Start moto's server."""
    port = free_port()
    template = {
        "InstanceType": "t3.small",
        "ImageId": "ami-12345678",
        "BlockDeviceMapping.1.DeviceName": "/dev/xvda",
        "BlockDeviceMapping.1.Ebs.DeleteOnTermination": "true",
        "NetworkInterface.1.DeviceIndex": "0",
        "NetworkInterface.1.SubnetId": "subnet-1",
        "UserData": base64.b64encode(b"gs://bench-scripts/startup.sh").decode(),
    }

    def action(region: str, name: str, **parameters: str) -> bytes:
        credential = f"Credential=bench/20260101/{region}/ec2/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=bench",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"Action": name, "Version": "2016-11-15", **parameters}).encode()
        return request(port, "POST", "/", body, headers)

    def inserting(region: str, prefix: str) -> Iterator[bytes]:
        fields = {f"LaunchTemplateData.{key}": value for key, value in template.items()}
        for name in numbered(prefix):
            yield action(region, "CreateLaunchTemplate", LaunchTemplateName=name, **fields)

    with serving([str(binaries / "moto_server"), "--port", str(port)], port) as pid:
        yield Emulator(
            "moto",
            port,
            pid,
            get=action("us-east-1", "DescribeLaunchTemplateVersions", LaunchTemplateName="seed-500"),
            pages=lambda: [action("us-east-1", "DescribeLaunchTemplates", MaxResults="1000")],
            seed=inserting("us-east-1", "seed"),
            more=inserting("eu-west-1", "more"),
        )
