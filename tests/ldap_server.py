"""An LDAP directory on loopback with one person, by ldaptor: python -m tests.ldap_server.

Prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import sys
from io import BytesIO

from ldaptor.inmemory import fromLDIFFile
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet import reactor
from twisted.internet.protocol import ServerFactory
from twisted.python.components import registerAdapter

PEOPLE = "ou=people,dc=example,dc=org"
NAME, PASSWORD = "ada", "correct horse battery"
LDIF = f"""dn: dc=org
objectClass: dcObject
dc: org

dn: dc=example,dc=org
objectClass: dcObject
dc: example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: uid={NAME},{PEOPLE}
objectClass: inetOrgPerson
uid: {NAME}
cn: Ada
sn: L
userPassword: {PASSWORD}

"""


class Directory(ServerFactory):
    protocol = LDAPServer

    def __init__(self, root: object) -> None:
        self.root = root


def main() -> None:
    registerAdapter(lambda directory: directory.root, Directory, IConnectedLDAPEntry)

    def listen(root: object) -> None:
        port = reactor.listenTCP(0, Directory(root), interface="127.0.0.1")
        print(port.getHost().port, flush=True)

    fromLDIFFile(BytesIO(LDIF.encode())).addCallback(listen)
    reactor.callInThread(lambda: (sys.stdin.read(), reactor.callFromThread(reactor.stop)))
    reactor.run()


if __name__ == "__main__":
    main()
