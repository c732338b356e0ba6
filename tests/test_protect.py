"""Personal fields: protected in the reader, with the key from the environment, before anything is written."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pyarrow as pa
import pytest
from strata import protect
from strata.errors import DeclarationError, UsageError
from strata.files import list_raw
from strata.look import look
from strata.reader import Part, read_part
from strata.source import Layout, load_layouts

SECRET = "correct-horse-battery-staple-0123456789"
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: people_users.plain
version: 1.0.0
status: active
customProperties: [{property: table, value: bronze.people_users}, {property: format, value: csv}]
schema:
  - name: users
    properties:
      - {name: email, logicalType: string, required: true, classification: personal,
         customProperties: [{property: protect, value: keyed_hash}]}
      - {name: family_name, logicalType: string, classification: personal, customProperties: [{property: protect, value: drop}]}
      - {name: born, logicalType: string, classification: personal, customProperties: [{property: protect, value: year}]}
      - {name: sex, logicalType: string}
"""
ROWS = """email,family_name,born,sex,nickname
Ann@Example.org,Sentinel-Family,1970-05-06,F,Sentinel-Nick
 ann@example.ORG ,Other,not a date,F,
broken,Sentinel-Broken
"""


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(protect.KEY, SECRET)
    monkeypatch.setenv(protect.KEY_ID, "k1")


def read(folder: Path) -> tuple[Layout, pa.Table]:
    schemas = folder / "schemas"
    schemas.mkdir(parents=True)
    (schemas / "people_users.plain.yaml").write_text(CONTRACT)
    raw = folder / "raw" / "people" / "users"
    raw.mkdir(parents=True)
    (raw / "users.csv").write_text(ROWS)
    layouts = load_layouts("people", schemas)
    seen = look(list_raw(str(folder / "raw"), "people", "users")[0][0], layouts)
    batches = [b for chunk in seen.chunks for b in read_part(Part(seen, chunk, layouts[0]), ("email", "family_name", "born", "sex"))]
    return layouts[0], pa.Table.from_batches(batches)


@pytest.mark.usefixtures("key")
def test_what_leaves_the_reader_holds_no_raw_identifier(tmp_path: Path) -> None:
    _, table = read(tmp_path)

    token = "k1:" + hmac.new(SECRET.encode(), b"ann@example.org", hashlib.sha256).hexdigest()
    assert table.column("email").to_pylist() == [token, token, None]
    assert table.column("family_name").to_pylist() == [None, None, None]
    assert table.column("born").to_pylist() == ["1970", None, None]
    assert table.column("sex").to_pylist() == ["F", "F", None]
    assert table.column("_extra").to_pylist() == [None, None, None]
    unread = table.column("_raw_record")[2].as_py()
    assert unread.startswith("k1:")
    assert unread.endswith(f" bytes 36 to {len(ROWS)}")
    everything = repr(table.to_pylist()).lower()
    for sentinel in ("ann@", "sentinel", "1970-05", "broken", SECRET):
        assert sentinel.lower() not in everything


@pytest.mark.parametrize("value", ["", "changeme", "x" * 64, SECRET[:31]])
def test_a_missing_short_or_plain_key_is_an_error_and_no_row_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(protect.KEY, value)
    monkeypatch.setenv(protect.KEY_ID, "k1")
    with pytest.raises(UsageError, match="needs a secret key of at least 32 bytes") as refused:
        read(tmp_path)
    assert value == "" or value not in str(refused.value)


def test_another_key_gives_other_pseudonyms_and_the_key_is_never_shown() -> None:
    one, other = protect.Pseudonyms(SECRET.encode(), "k1"), protect.Pseudonyms(SECRET[::-1].encode(), "k2")
    assert one.of("a@b.c") != other.of("a@b.c")
    assert SECRET not in repr(one)


@pytest.mark.parametrize(
    "spelling", ["Ann@Example.org", " ann@example.org\t", "ANN@EXAMPLE.ORG", "ann\u200b@example.org", "\uff41nn@example.org"]
)
def test_spellings_of_one_address_have_one_pseudonym(spelling: str) -> None:
    assert protect.canonical(spelling) == "ann@example.org"


def test_composed_and_decomposed_letters_are_one() -> None:
    assert protect.canonical("Zoë@x.org") == protect.canonical("Zoe\u0308@x.org")


def test_a_personal_field_must_say_how_it_is_protected(tmp_path: Path) -> None:
    (tmp_path / "people_users.plain.yaml").write_text(CONTRACT.replace("customProperties: [{property: protect, value: drop}]", "tags: []"))
    with pytest.raises(DeclarationError, match=r"family_name\.protect: a personal field is protected by one of"):
        load_layouts("people", tmp_path)
