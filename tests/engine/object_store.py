"""An S3 on this machine: moto in a separate process, which checks credentials as the real one does."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from local.state import free_port

HOST, REGION, BUCKET = "127.0.0.1", "eu-central-1", "exchange"
START_SECONDS = 60.0
ALLOWED = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
SETTING_UP = 4  # requests before it checks credentials: a user, a permission, a key, a bucket

needs_an_object_store = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("s3fs", "moto")),
    reason="the extra is not installed: pip install 'daybreak[s3]'",
)


@dataclass(frozen=True)
class ObjectStore:
    """A running server with one bucket and an access key for it."""

    url: str
    key_id: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which Daybreak and the embedded engine find it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
        }

    def keys(self) -> list[str]:
        """Return the objects in the bucket."""
        found = self.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [each["Key"] for each in found]

    def buckets(self) -> list[str]:
        """Return all buckets."""
        return [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]]

    def client(self, service: str) -> Any:
        """Return Amazon's client."""
        import boto3

        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION,
            aws_access_key_id=self.key_id, aws_secret_access_key=self.secret,
        )  # fmt: skip


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run a server for the block."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "--host", HOST, "--port", str(port)]
    environment = os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": str(SETTING_UP)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        setup = ObjectStore(f"http://{HOST}:{port}", "any", "thing")
        _wait_for(setup.url, process)
        iam = setup.client("iam")
        iam.create_user(UserName="daybreak")
        iam.put_user_policy(UserName="daybreak", PolicyName="all", PolicyDocument=ALLOWED)
        key = iam.create_access_key(UserName="daybreak")["AccessKey"]
        setup.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield ObjectStore(setup.url, key["AccessKeyId"], key["SecretAccessKey"])
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    direct = build_opener(ProxyHandler({}))
    while True:
        try:
            direct.open(f"{url}/moto-api/", timeout=5).close()
        except URLError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
