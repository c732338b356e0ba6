"""The SQL server's settings, its password file, and how tables are opened: all without a JVM."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from strata.errors import UsageError
from strata.lake.versions import Warehouse
from strata.serve.published import Published
from strata.serve.recipe import recipe
from strata.serve.thrift import Door, guard, passwords, settings_of, site
from strata.serve.thrift.connect import how_to

from tests.unit.serve import small
from tests.unit.serve.test_published import DAYS, OLD, days


@pytest.fixture(autouse=True)
def _compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compiling takes a JVM; here it looks done, and what it makes is tested where Spark runs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    guard.folder().mkdir(parents=True)
    (guard.folder() / "done").touch()


def hive_site(settings: dict[str, str]) -> dict[str | None, str | None]:
    folder = Path(settings["spark.driver.extraClassPath"].split(":")[1])
    path = folder / "hive-site.xml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    return {
        item.findtext("name"): item.findtext("value")
        for item in ElementTree.parse(path).iter("property")
    }


def test_beyond_loopback_it_asks_who_comes_in_and_speaks_tls(tmp_path: Path) -> None:
    people = tmp_path / "people"
    passwords.add(people, "ada", "correct horse")
    for access in (site.OPEN, site.Access(passwords=str(people)), site.Access(ldap="ldap://d")):
        with pytest.raises(UsageError, match=r"beyond loopback .* 0\.0\.0\.0"):
            settings_of(Door(host="0.0.0.0", access=access), "x")
    assert settings_of(Door(host="0.0.0.0", without_login=True), "x")
    assert settings_of(Door(host="127.0.0.1"), "x")


def test_secrets_stand_in_a_file_and_not_among_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "server.p12"
    store.touch()
    monkeypatch.setenv(site.KEYSTORE_PASSWORD, "first & hidden")
    monkeypatch.setenv(site.METASTORE_PASSWORD, "second <hidden>")
    access = site.Access(ldap="ldaps://d", ldap_dn="uid=%s,dc=d", keystore=str(store))
    shared = site.Metastore("jdbc:postgresql://h/m", "hive")
    settings = settings_of(Door(port=10000, access=access, metastore=shared), "a,b")
    assert "hidden" not in json.dumps(settings)
    assert settings["spark.sql.extensions"] == "a,b,strata.thrift.ReadOnly"
    assert settings["spark.sql.variable.substitute"] == "false"
    written = hive_site(settings)
    assert written["hive.server2.keystore.password"] == "first & hidden"
    assert written["javax.jdo.option.ConnectionPassword"] == "second <hidden>"
    assert written["hive.server2.authentication"] == "LDAP"
    assert written["hive.server2.thrift.port"] == "10000"
    # Hive removes a session's folder as it closes, so no two sessions may have the same.
    assert "${hive.session.id}" in (written["hive.downloaded.resources.dir"] or "")


@pytest.mark.parametrize(
    ("access", "says"),
    [
        (site.Access(passwords="none"), "--passwords is a file"),
        (site.Access(passwords="none", ldap="ldap://d"), "both are given"),
        (site.Access(keystore="none"), "--keystore is a file"),
    ],
)
def test_what_is_missing_is_told(access: site.Access, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        settings_of(Door(access=access), "x")


def test_a_guard_that_is_not_last_does_not_open() -> None:
    for extensions in (None, "", "strata.thrift.ReadOnly,io.delta.sql.DeltaSparkSessionExtension"):
        with pytest.raises(UsageError, match="stands last"):
            guard.check_extensions(extensions)
    guard.check_extensions("a,strata.thrift.ReadOnly")


def test_the_password_file_holds_hashes(tmp_path: Path) -> None:
    path = tmp_path / "people"
    passwords.add(path, "ada", "correct horse")
    passwords.add(path, "bob", "battery staple")
    passwords.add(path, "ada", "another horse")
    lines = [line.split(":") for line in path.read_text().splitlines()]
    assert [line[0] for line in lines] == ["bob", "ada"]
    name, kind, rounds, salt, made = lines[1]
    again = hashlib.pbkdf2_hmac("sha256", b"another horse", bytes.fromhex(salt), int(rounds))
    assert (name, kind, made) == ("ada", "pbkdf2_sha256", again.hex())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for wrong in [("a:b", "long enough"), ("", "long enough"), ("eve", "short")]:
        with pytest.raises(UsageError):
            passwords.add(path, *wrong)


def test_a_table_is_opened_by_its_own_files(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    small.publish(warehouse, {DAYS: days(OLD)})
    published = Published(warehouse)
    told: dict[str, Any] = json.loads(recipe(published, published.table(DAYS)))
    (path,) = (tmp_path / "gold" / "toy_days").glob("*.parquet")
    assert told["files"] == [str(path)]
    assert [field["name"] for field in json.loads(told["schema"])["fields"]] == [
        "sale_date",
        "amount_eur",
        "sales",
    ]
    of_files = json.loads(recipe(published, published.table("ops.files")))
    assert of_files["explode"] == "files"
    assert len(of_files["files"]) == 1


def test_a_path_that_spark_would_take_for_a_pattern_goes_by_delta(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "a{1,2}"))
    small.publish(warehouse, {DAYS: days(OLD)})
    published = Published(warehouse)
    told = json.loads(recipe(published, published.table(DAYS)))
    assert told == {"sql": f"SELECT * FROM delta.`{warehouse.spark_path(DAYS)}` VERSION AS OF 0"}


def test_clients_are_told_how_to_connect() -> None:
    said = how_to(Door(), 10000)
    assert "jdbc:hive2://127.0.0.1:10000/gold" in said
    assert "hive://127.0.0.1:10000/gold" in said
    assert "PASSWORD" not in said
    assert "NAME:PASSWORD@" in how_to(Door(access=site.Access(passwords="people")), 10000)
