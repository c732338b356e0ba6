"""Builds, smoke-tests and measures the images: python docker/build.py [NAME…].

    python docker/build.py                 # all images, by docker or podman, whichever answers
    python docker/build.py spark           # one, and what it stands on
    python docker/build.py --list          # the commands only

podman also builds where a registry is out of reach, on a base made of Debian's packages
(debootstrap), and where no container starts: RUN steps then run in a chroot. Standard library only.
Exit codes: 0 built, 1 a build or smoke test failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
BASE = "docker.io/library/debian:bookworm-slim"
SUITE = "bookworm"
# Where podman's layers go if its own storage would hold a whole copy of each.
OWN_STORAGE = (
    Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "strata-images"
)
# Inside a builder, pip, uv and the jars' downloads ask for certificates by these names.
CERTIFICATES = "/run/certificates.crt"
CERTIFICATE_NAMES = ("PIP_CERT", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Image:
    """One image: its folder under docker/, and the images that must stand before it."""

    name: str
    after: tuple[str, ...] = ()
    smoke: bool = False
    """Whether its Dockerfile has a stage `smoke` that tries the image in a RUN step."""

    @property
    def tag(self) -> str:
        """The name that the built image is known by."""
        return f"strata/{self.name}"


IMAGES = (
    Image("spark", smoke=True),
    Image("doors", smoke=True),
    Image("thrift", after=("spark",), smoke=True),
)


class BuildError(Exception):
    """A build failed or cannot be made; the message is one sentence."""


@dataclass(frozen=True)
class Engine:
    """The program that builds, with the options that this machine needs."""

    program: tuple[str, ...]
    chroot: bool = False
    """Whether RUN steps run in a chroot, for want of containers (podman as root)."""

    def build(self, image: Image, target: str | None, tag: str) -> list[str]:
        """The command that builds one image, or one stage of it."""
        command = [
            *self.program,
            "build",
            "--tag",
            tag,
            "--file",
            f"docker/{image.name}/Dockerfile",
        ]
        if target:
            command += ["--target", target]
        if self.program[0] == "podman":
            # The OCI format has no health checks.
            command += ["--format", "docker"]
        if self.chroot:
            command += ["--isolation", "chroot", "--network", "host"]
        own = own_certificates()
        if own:
            command += ["--secret", f"id=certificates,src={own}"]
            command += [
                word
                for name in CERTIFICATE_NAMES
                for word in ("--build-arg", f"{name}={CERTIFICATES}")
            ]
        return [*command, "."]


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what the command line names; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        engine = find_engine(options.storage)
        wanted = in_order(options.names or [image.name for image in IMAGES])
        if options.list:
            for image in wanted:
                print(shlex.join(engine.build(image, None, image.tag)))
            return 0
        engine = prepare(engine)
        for image in wanted:
            make(engine, image)
        tidy(engine)
        print(report(engine, wanted))
    except BuildError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Build, smoke-test and measure Strata's images.")
    parser.add_argument(
        "names",
        nargs="*",
        choices=[*(image.name for image in IMAGES), []],
        help="only these, and what they stand on",
    )
    parser.add_argument(
        "--storage", metavar="DIR", help="podman's storage, in place of the machine's own"
    )
    parser.add_argument(
        "--list", action="store_true", help="print the build commands and do nothing"
    )
    return parser


def own_certificates() -> str | None:
    """Certificates that this machine names for pip; a network that looks into TLS has its own."""
    return next(
        (
            os.environ[name]
            for name in CERTIFICATE_NAMES
            if Path(os.environ.get(name, "")).is_file()
        ),
        None,
    )


def find_engine(storage: str | None) -> Engine:
    """docker if its daemon answers, else podman; a BuildError says that neither is there."""
    if storage is None and shutil.which("docker") and _answers(["docker", "version"]):
        return Engine(("docker",))
    if not shutil.which("podman"):
        raise BuildError(
            "images need docker with a running daemon, or podman; neither answers; install one"
        )
    if storage is None and _driver() == "vfs":
        # vfs copies the whole image at each step: 38 GB for half of them.
        storage = str(OWN_STORAGE)
        print(f"images: podman keeps whole copies here (vfs); using {storage}", file=sys.stderr)
    return Engine(("podman", "--root", storage) if storage else ("podman",))


def _driver() -> str:
    """How podman's own storage keeps layers."""
    return _ask(["podman", "info", "--format", "{{.Store.GraphDriverName}}"]).strip()


def prepare(engine: Engine) -> Engine:
    """Gets podman its base image, and finds out whether containers start; docker does as it is."""
    if engine.program[0] != "podman":
        return engine
    has_base = _answers([*engine.program, "image", "exists", BASE])
    if not (has_base or _answers([*engine.program, "pull", "--quiet", BASE])):
        bootstrap(engine)
    if _answers([*engine.program, "run", "--rm", "--network", "none", BASE, "true"]):
        return engine
    return Engine((*engine.program, "--cgroup-manager", "cgroupfs"), chroot=True)


def _answers(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def in_order(names: Sequence[str]) -> list[Image]:
    """The named images and those that they stand on, each after its base."""
    by_name = {image.name: image for image in IMAGES}
    needed = set(names) | {base for name in names for base in by_name[name].after}
    return [image for image in IMAGES if image.name in needed]


def bootstrap(engine: Engine) -> None:
    """Makes the base image of Debian's own packages."""
    if not shutil.which("debootstrap"):
        raise BuildError(
            f"{BASE} cannot be pulled, and debootstrap is not here to make it; install debootstrap"
        )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        _run(["debootstrap", "--variant=minbase", SUITE, str(root)], f"debootstrap of {SUITE}")
        archive = Path(folder) / "root.tar"
        _run(["tar", "-C", str(root), "-cf", str(archive), "."], "packing of the base image")
        _run([*engine.program, "import", str(archive), BASE], "import of the base image")


def make(engine: Engine, image: Image) -> None:
    """Builds one image; its smoke test first, on the very layers that the image then has."""
    tried = f"{image.tag}:smoke"
    if image.smoke:
        _run(engine.build(image, "smoke", tried), f"smoke test of {image.tag}")
    _run(engine.build(image, None, image.tag), f"build of {image.tag}")
    if image.smoke:
        # What the test itself wrote; the layers below are the image's own, and stay.
        _run([*engine.program, "rmi", tried], f"removal of {tried}")


def tidy(engine: Engine) -> None:
    """In a storage that has nothing but these images, removes what older builds left of a day ago:
    a new build uses the layers of the last one again, and leaves two gigabytes of it behind.
    """
    if "--root" in engine.program:
        _ask([*engine.program, "image", "prune", "--force", "--filter", "until=24h"])


def _run(command: Sequence[str], what: str) -> None:
    print(f"$ {shlex.join(command)}", file=sys.stderr, flush=True)
    result = subprocess.run(command, cwd=PROJECT, check=False, stdout=sys.stderr)
    if result.returncode:
        raise BuildError(
            f"the {what} failed with exit code {result.returncode}; its output stands above"
        )


def report(engine: Engine, images: Sequence[Image]) -> str:
    """Size and layers of each image, as lines for a person."""
    lines = []
    for image in images:
        lines.append(f"{image.tag}: {_inspect(engine, image)['Size'] / 1e6:,.0f} MB")
        history = ["history", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", image.tag]
        shown = _ask([*engine.program, *history]).splitlines()
        lines += [
            f"  {size:>10}  {made[:110]}"
            for size, _, made in (line.partition("\t") for line in shown)
            if size.replace(" ", "") != "0B"
        ]
    return "\n".join(lines)


def _inspect(engine: Engine, image: Image) -> dict[str, int]:
    return dict(json.loads(_ask([*engine.program, "image", "inspect", image.tag]))[0])


def _ask(command: Sequence[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        raise BuildError(f"{shlex.join(command)} failed: {said.stderr.strip()}")
    return said.stdout


if __name__ == "__main__":
    sys.exit(main())
