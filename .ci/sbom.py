"""Writes a software bill of materials, CycloneDX 1.6 in JSON: `python .ci/sbom.py FILE`, which `make sbom` runs.

It lists what requirements.lock installs, development tools included, with licences and hashes of the lock. Servers and
libraries in binary form inside wheels are components of their package.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
LOCKED = re.compile(r"^([\w.-]+)==(\S+)((?: \\\n    --hash=sha256:\w+)*)", re.MULTILINE)
BINARY = re.compile(r"/(postgres|valkey-server|sail|libpq-\w+\.so[.\d]*|libpq\.so\.\d+)$")


def components(lock: str) -> list[Component]:
    """Return a component per locked package."""
    return [
        _component(name, version, re.findall(r"sha256:(\w+)", hashes)) for name, version, hashes in LOCKED.findall(lock)
    ]


def _component(name: str, version: str, hashes: list[str]) -> Component:
    component = Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", None, name.lower(), version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in hashes],
    )
    try:
        installed = distribution(name)
    except PackageNotFoundError:  # of another platform or Python
        return component
    licence = installed.metadata.get("License-Expression") or installed.metadata.get("License") or ""
    if licence and len(licence) < 100:
        component.licenses.add(LicenseFactory().make_from_string(licence))
    for file in installed.files or ():
        if BINARY.search(f"/{file}"):
            component.components.add(Component(name=file.name, version=version, type=ComponentType.APPLICATION))
    return component


if __name__ == "__main__":
    bom = Bom(components=components((ROOT / "requirements.lock").read_text()))
    Path(sys.argv[1]).write_text(JsonV1Dot6(bom).output_as_string(indent=1), encoding="utf-8")
    sys.stdout.write(f"{sys.argv[1]}: {len(bom.components)} packages\n")
