"""Prints random passwords for docker/compose.yaml: python docker/env.py > docker/.env.

They protect development data on one machine. git and the images' context leave docker/.env out.
"""

from __future__ import annotations

import secrets

SECRETS = ("STRATA_S3_SECRET", "STRATA_POSTGRES_PASSWORD", "STRATA_PSEUDONYM_KEY")


def main() -> None:
    """Writes one NAME=value a line, as compose reads them."""
    print("STRATA_S3_KEY=strata")
    print(f"STRATA_PSEUDONYM_KEY_ID=dev-{secrets.token_hex(4)}")
    for name in SECRETS:
        print(f"{name}={secrets.token_urlsafe(32)}")


if __name__ == "__main__":
    main()
