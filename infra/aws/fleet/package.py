"""Makes the functions' package: the library and what it needs on Lambda, for ARM and Python 3.13.

    python infra/aws/fleet/package.py fleet.zip [--upload s3://BUCKET/KEY]

Neither Spark, Arrow, pandas nor Great Expectations is in it; boto3 comes with Lambda.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
NEEDED = ("certifi", "pydantic>=2.12", "pyproj", "pyyaml", "redis>=5", "urllib3>=2")
LAMBDA = ("--platform", "manylinux2014_aarch64", "--platform", "manylinux_2_28_aarch64",
          "--python-version", "3.13")  # fmt: skip
LEAST = ("light", "declare", "fs", "raw", "feeds", "schemas", "expectations")


def build(target: Path, machine: Sequence[str] = LAMBDA) -> int:
    """Writes the package; returns its size unpacked, in bytes, of which Lambda takes 250 MB.

    `machine` is what pip is told of the machine; nothing for this one, on which a test runs it.
    """
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder, "code")
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:")
        subprocess.run((*pip, "--target", str(code), *machine, *NEEDED), check=True)
        own = code / "strata"
        own.mkdir()
        for path in (PROJECT / "lib" / "strata").glob("*.py"):
            shutil.copy(path, own)
        for name in LEAST:
            skip = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT / "lib" / "strata" / name, own / name, ignore=skip)
        size = sum(path.stat().st_size for path in code.rglob("*") if path.is_file())
        made = shutil.make_archive(str(Path(folder, "package")), "zip", code)
        shutil.move(made, target)
    return size


def main(argv: list[str]) -> int:
    """Builds the package, and puts it where Terraform is told to take it from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--upload", help="s3://BUCKET/KEY")
    options = parser.parse_args(argv)
    size = build(options.target)
    packed = options.target.stat().st_size
    print(f"{options.target}: {packed / 1e6:.0f} MB, {size / 1e6:.0f} MB unpacked")
    if options.upload:
        import boto3

        bucket, _, key = options.upload.removeprefix("s3://").partition("/")
        boto3.client("s3").upload_file(str(options.target), bucket, key)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
