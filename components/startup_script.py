"""What instances run when they boot, and where they get it from.

Files go into a bucket under fixed names: an instance fetches what is there *now*, so running the script again by hand runs the
newest one. A digest of all files goes into the instances' metadata, so that a changed file changes the template and rolls the
group. Content is uploaded in place (never replaced: deleting the old object would delete the new one of the same name).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_gcp as gcp

from components.invalid_argument import InvalidArgumentError
from components.kms_key import require_key_name
from components.resource_name import require_resource_name

MAX_INLINE = 256 * 1024  # bytes of one metadata value, by the API
_GS_URL = re.compile(r"gs://[a-z0-9][-a-z0-9._]{1,220}[a-z0-9]/.+")
_FOLDER = re.compile(r"([-A-Za-z0-9._]+/)*")
_CONTENT_TYPES = {".sh": "text/x-shellscript", ".py": "text/x-python"}


@dataclass(frozen=True, kw_only=True)
class ScriptFiles:
    """A script and the files beside it, uploaded to a bucket.

    Attributes:
        script: path of the script, from the project's folder; it begins with "#!".
        files: paths of what the script fetches from beside itself. Text in UTF-8.
        bucket: an existing bucket to upload to; one of this stack's own unless said.
        location: where a new bucket is ("EU", "EUROPE-WEST1"); the stack's region unless said.
        kms_key: a customer-managed key for what a new bucket holds; Cloud Storage's service agent must be allowed to use it.
    """

    script: str
    files: tuple[str, ...] = ()
    bucket: pulumi.Input[str] | None = None
    location: str | None = None
    kms_key: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        """Refuse files that cannot be uploaded, now rather than when instances look for them."""
        require_key_name("kms_key", self.kms_key)
        for key in ("location", "kms_key"):
            if self.bucket is not None and getattr(self, key) is not None:
                raise InvalidArgumentError(
                    key,
                    getattr(self, key),
                    "the bucket exists, and its keeper decides this",
                    "leave it out, or leave out bucket",
                )
        if not self.contents[Path(self.script).name].startswith("#!"):
            raise InvalidArgumentError(
                "script",
                self.script,
                'does not begin with "#!", so instances would not know what runs it',
                'add "#!/bin/bash"',
            )

    @property
    def contents(self) -> dict[str, str]:
        """Every file's content by the name it has in the bucket, script first."""
        found: dict[str, str] = {}
        for field, path in (("script", self.script), *(("files", path) for path in self.files)):
            name = Path(path).name
            if name in found:
                raise InvalidArgumentError(
                    field,
                    path,
                    f"a second file called {name}; in the bucket they stand side by side",
                    "rename one",
                )
            try:
                found[name] = Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = (error.strerror if isinstance(error, OSError) else None) or error
                raise InvalidArgumentError(
                    field, path, f"cannot be read as text ({reason})", "give a path from the project's folder"
                ) from error
        return found


@dataclass(frozen=True, kw_only=True)
class ScriptUrl:
    """A script that somebody else puts into a bucket.

    Attributes:
        url: gs://BUCKET/OBJECT.
        version: anything; change it to have instances replaced when the script has changed.
    """

    url: str
    version: str = ""

    def __post_init__(self) -> None:
        """Refuse what the guest agent could not fetch with the instance's identity."""
        if not _GS_URL.fullmatch(self.url):
            raise InvalidArgumentError(
                "url", self.url, "not the address of an object in Cloud Storage", "write gs://BUCKET/OBJECT"
            )


@dataclass(frozen=True, kw_only=True)
class InlineScript:
    """A script that stands in the metadata itself.

    Attributes:
        text: the script; readable by whoever may read the instance, so nothing secret.
    """

    text: str

    def __post_init__(self) -> None:
        """Refuse what the API refuses."""
        if not self.text.startswith("#!"):
            raise InvalidArgumentError(
                "text", self.text[:40], 'does not begin with "#!"', 'add "#!/bin/bash" as the first line'
            )
        if len(self.text.encode()) > MAX_INLINE:
            raise InvalidArgumentError(
                "text",
                f"{len(self.text.encode())} bytes",
                f"metadata takes {MAX_INLINE}",
                "use script (a file) instead",
            )


@dataclass(frozen=True, kw_only=True)
class StartupScriptArgs:
    """What the script is made from.

    Attributes:
        source: files to upload, a gs:// URL, or text.
        region: where a new bucket is made unless the files say otherwise.
        bucket: a bucket for files that name none, in place of a new one.
        folder: what the files' names in the bucket begin with, for instance "canary/".
    """

    source: ScriptFiles | ScriptUrl | InlineScript
    region: str
    bucket: pulumi.Input[str] | None = None
    folder: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no folder."""
        if not _FOLDER.fullmatch(self.folder):
            raise InvalidArgumentError(
                "folder",
                self.folder,
                "not the beginning of names in a bucket",
                'write for instance "canary/"',
            )


class StartupScript(pulumi.ComponentResource):
    """The script where instances find it.

    Attributes:
        url: gs:// address, or None for a script inline.
        bucket: name of the bucket the files are in, where this stack knows one.
        digest: SHA-256 over all files' names and contents (or the version of a script kept elsewhere).
        metadata: the instance metadata that has the script run.
        objects: the uploaded files, for instances to wait for.
    """

    url: pulumi.Output[str] | None
    bucket: pulumi.Output[str] | None
    digest: str
    metadata: dict[str, pulumi.Input[str]]
    objects: tuple[pulumi.Resource, ...]

    def __init__(
        self, name: str, args: StartupScriptArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        require_resource_name("service", name, suffix="-scripts", automatic=True)
        super().__init__("mig-nlb:compute:StartupScript", name, None, opts)
        self.url, self.bucket, self.objects = None, None, ()
        match args.source:
            case InlineScript(text=text):
                self.digest = _digest({"startup-script": text})
                self.metadata = {"startup-script": text}
            case ScriptUrl(url=url, version=version):
                self.digest = version
                self.url = pulumi.Output.from_input(url)
                self.bucket = pulumi.Output.from_input(url.removeprefix("gs://").split("/")[0])
                self.metadata = {
                    "startup-script-url": url,
                    **({"startup-script-digest": version} if version else {}),
                }
            case ScriptFiles() as files:
                self.digest = _digest(files.contents)
                self._upload(name, files, args)
                self.metadata = {
                    "startup-script-url": self._script_url(files, args.folder),
                    "startup-script-digest": self.digest,
                }
        self.register_outputs({"url": self.url, "bucket": self.bucket, "digest": self.digest})

    def _upload(self, name: str, files: ScriptFiles, args: StartupScriptArgs) -> None:
        opts = pulumi.ResourceOptions(parent=self)
        given = files.bucket if files.bucket is not None else args.bucket
        if given is not None:
            self.bucket = pulumi.Output.from_input(given)
        else:
            self.bucket = gcp.storage.Bucket(
                f"{name}-scripts",  # bucket names are the whole world's, so Pulumi's random suffix stays on
                location=files.location or args.region.upper(),
                uniform_bucket_level_access=True,
                public_access_prevention="enforced",
                versioning={"enabled": True},
                encryption={"default_kms_key_name": files.kms_key} if files.kms_key is not None else None,
                # Everything in it comes from this stack, so there is nothing to lose with it.
                force_destroy=True,
                opts=opts,
            ).name
        self.objects = tuple(
            gcp.storage.BucketObject(
                f"{name}-{file}",
                bucket=self.bucket,
                name=args.folder + file,
                content=content,
                content_type=_CONTENT_TYPES.get(Path(file).suffix, "text/plain; charset=utf-8"),
                opts=opts,
            )
            for file, content in files.contents.items()
        )

    def _script_url(self, files: ScriptFiles, folder: str) -> pulumi.Output[str]:
        bucket = self.bucket
        assert bucket is not None  # noqa: S101 - _upload has just set it
        self.url = pulumi.Output.concat("gs://", bucket, "/", folder + Path(files.script).name)
        return self.url


def _digest(contents: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        # Lengths keep "ab" + "c" apart from "a" + "bc".
        digest.update(f"{len(name)} {name} {len(content.encode())} ".encode() + content.encode())
    return digest.hexdigest()
