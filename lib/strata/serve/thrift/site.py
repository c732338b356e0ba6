"""`hive-site.xml`: who may come in, TLS and the metastore, in the words of Hive.

It lies in a folder that only its owner reads, since it holds passwords; command lines do not.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from strata.errors import UsageError

PASSWORDS_CLASS = "strata.thrift.Passwords"
KEYSTORE_PASSWORD = "STRATA_THRIFT_KEYSTORE_PASSWORD"
METASTORE_PASSWORD = "STRATA_METASTORE_PASSWORD"


@dataclass(frozen=True)
class Access:
    """Who may come in; nothing given lets everybody on this machine in."""

    passwords: str | None = None
    """A file of names and hashed passwords."""
    ldap: str | None = None
    """`ldap://` or `ldaps://` address of a server."""
    ldap_dn: str | None = None
    """How a name becomes one of the directory's, as `uid=%s,ou=people,dc=example,dc=org`."""
    keystore: str | None = None
    """Key and certificate for TLS, as PKCS12 or JKS; its password is in the environment."""

    @property
    def kind(self) -> str:
        """Hive's name for it."""
        return "LDAP" if self.ldap else "CUSTOM" if self.passwords else "NONE"


OPEN = Access()


@dataclass(frozen=True)
class Metastore:
    """A Hive metastore's database, which several Spark applications share."""

    url: str
    """JDBC address, as `jdbc:postgresql://127.0.0.1/metastore`."""
    user: str
    """Its password is in the environment."""

    def properties(self) -> dict[str, str]:
        """Hive's own settings for it."""
        return {
            "javax.jdo.option.ConnectionURL": self.url,
            "javax.jdo.option.ConnectionDriverName": "org.postgresql.Driver",
            "javax.jdo.option.ConnectionUserName": self.user,
            "javax.jdo.option.ConnectionPassword": os.environ.get(METASTORE_PASSWORD, ""),
            # The schema is made beforehand; made on the way it hangs on PostgreSQL.
            "datanucleus.schema.autoCreateAll": "false",
            "datanucleus.identifierFactory": "datanucleus1",
            "hive.metastore.schema.verification": "false",
        }


def values(
    host: str, port: int, access: Access, metastore: Metastore | None, folder: Path
) -> dict[str, str]:
    """Hive's settings; UsageError where a file or a password that they need is not there."""
    return {
        "hive.server2.thrift.bind.host": host,
        "hive.server2.thrift.port": str(port),
        "hive.server2.transport.mode": "binary",
        # Everybody reads the same tables; nobody acts as somebody else.
        "hive.server2.enable.doAs": "false",
        "hive.server2.logging.operation.enabled": "false",
        "hive.exec.scratchdir": f"{folder}/scratch",
        "hive.exec.local.scratchdir": f"{folder}/local",
        # Each session makes its own and removes it as it closes; shared, one that closes would take
        # it from one that opens, which Hive then refuses.
        "hive.downloaded.resources.dir": f"{folder}/${{hive.session.id}}_resources",
        **_access(access),
        **(metastore.properties() if metastore else {}),
    }


def new_folder() -> Path:
    """A folder of this process, which only its owner reads, removed when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="strata-thrift-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def write(folder: Path, hive: dict[str, str]) -> None:
    """Writes the settings as `hive-site.xml`."""
    path = folder / "hive-site.xml"
    path.touch(0o600)
    path.write_bytes(_xml(hive))


def _access(access: Access) -> dict[str, str]:
    if access.ldap and access.passwords:
        raise UsageError("who may come in is said by --passwords or by --ldap; both are given")
    values = {"hive.server2.authentication": access.kind}
    if access.passwords:
        if not Path(access.passwords).is_file():
            raise UsageError(
                f"--passwords is a file; {access.passwords} is not there: make it by "
                "`strata sql serve --passwords FILE --add NAME`"
            )
        values["hive.server2.custom.authentication.class"] = PASSWORDS_CLASS
    if access.ldap:
        values["hive.server2.authentication.ldap.url"] = access.ldap
        values["hive.server2.authentication.ldap.userDNPattern"] = access.ldap_dn or ""
    return values | _tls(access.keystore)


def _tls(keystore: str | None) -> dict[str, str]:
    if not keystore:
        return {}
    if not Path(keystore).is_file():
        raise UsageError(f"--keystore is a file, PKCS12 or JKS; {keystore} is not there")
    if KEYSTORE_PASSWORD not in os.environ:
        raise UsageError(f"a keystore has a password; set {KEYSTORE_PASSWORD}")
    return {
        "hive.server2.use.SSL": "true",
        "hive.server2.keystore.path": str(Path(keystore).resolve()),
        "hive.server2.keystore.password": os.environ[KEYSTORE_PASSWORD],
    }


def _xml(values: dict[str, str]) -> bytes:
    root = ElementTree.Element("configuration")
    for name, value in values.items():
        item = ElementTree.SubElement(root, "property")
        ElementTree.SubElement(item, "name").text = name
        ElementTree.SubElement(item, "value").text = value
    return ElementTree.tostring(root, "utf-8", xml_declaration=True)
