"""Puts what jobs on EMR need into the artifacts bucket: jobs, environment, jars.

    python infra/emr/package.py s3://BUCKET            # build and upload
    python infra/emr/package.py DIR                    # build into a folder only

The environment holds the locked packages without Spark, which EMR brings; venv-pack packs it. It
must be built with EMR's own Python on EMR's own processor: run this in the release's image, e.g.
public.ecr.aws/emr-serverless/spark/emr-spark-8.0.0, or on a machine like it. Layout:

    jobs/<feed>.py  jobs/command.py   environment/environment.tar.gz   jars/<name>.jar   logs/
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))

from settings import PROJECT, jar_names


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, and uploads where the target is an s3:// address."""
    parser = argparse.ArgumentParser(description="Package Strata's jobs for EMR.")
    parser.add_argument("target", help="s3://BUCKET[/PREFIX], or a folder")
    parser.add_argument("--jars", type=Path, help="folder of the jars (default: pyspark's own)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        is_remote = options.target.startswith("s3://")
        folder = Path(name) if is_remote else Path(options.target)
        try:
            build(folder, options.jars or _pyspark_jars())
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            print(f"package: {error}", file=sys.stderr)
            return 1
        if is_remote:
            upload(folder, options.target)
    return 0


def build(folder: Path, jars: Path) -> None:
    """Lays out jobs, jars and the environment in a folder."""
    for part in ("jobs", "jars", "environment"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    scripts = sorted((PROJECT / "jobs").glob("*.py"))
    for script in [*scripts, PROJECT / "infra" / "emr" / "command.py"]:
        shutil.copy2(script, folder / "jobs")
    for name in jar_names():
        shutil.copy2(jars / name, folder / "jars")
    pack_environment(folder / "environment" / "environment.tar.gz")


def pack_environment(archive: Path) -> None:
    """Installs the locked packages into a new environment, and packs it for any folder."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "environment"
        python = home / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", "--copies", str(home)], check=True)
        lock = PROJECT / "requirements.lock"
        tools = ["uv", "venv-pack"]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *tools], check=True)
        # uv takes what the project names, at the lock's versions, and checks the hashes.
        uv = [str(home / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*uv, "--constraints", str(lock), str(PROJECT)], check=True)
        packer = [str(home / "bin" / "venv-pack"), "--quiet", "--force", "--prefix", str(home)]
        subprocess.run([*packer, "--output", str(archive)], check=True)


def upload(folder: Path, target: str) -> None:
    """Puts every file that differs from the one there; unchanged ones stay, and keep their date."""
    import boto3

    address, s3 = urlsplit(target), boto3.client("s3")
    for path in _files(folder):
        key = f"{address.path.strip('/')}/{path.relative_to(folder)}".lstrip("/")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if _digest_there(s3, address.netloc, key) != digest:
            extra = {"Metadata": {"sha256": digest}}
            s3.upload_file(str(path), address.netloc, key, ExtraArgs=extra)
            print(f"package: {key}", file=sys.stderr)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _digest_there(s3: object, bucket: str, key: str) -> str | None:
    from botocore.exceptions import ClientError

    try:
        return s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("sha256")  # type: ignore[attr-defined]
    except ClientError:
        return None


def _pyspark_jars() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent / "jars"


if __name__ == "__main__":
    sys.exit(main())
