"""Prints random passwords for docker/compose.yaml: python docker/env.py > docker/.env.

They protect development data on one machine. git and the images' context leave docker/.env out.
"""

from __future__ import annotations

import hashlib
import json
import secrets

ROLES = ("OWNER", "LOADER", "READER", "EDITOR")
SECRETS = (
    "STRATA_S3_SECRET",
    "STRATA_POSTGRES_PASSWORD",
    "STRATA_PSEUDONYM_KEY",
    *(f"STRATA_{role}_PASSWORD" for role in ROLES),
)


def main() -> None:
    """Writes one NAME=value a line, as compose reads them."""
    print("STRATA_S3_KEY=strata")
    print(f"STRATA_PSEUDONYM_KEY_ID=dev-{secrets.token_hex(4)}")
    for name in SECRETS:
        print(f"{name}={secrets.token_urlsafe(32)}")
    # The API knows a token by its SHA-256; the token itself is for whoever asks it.
    token = secrets.token_urlsafe(32)
    known = {hashlib.sha256(token.encode()).hexdigest(): {"name": "dev", "role": "editor"}}
    print(f"STRATA_API_TOKEN={token}")
    print(f"STRATA_GRAPHQL_TOKENS='{json.dumps(known)}'")


if __name__ == "__main__":
    main()
