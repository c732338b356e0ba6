"""Personal fields: protected in the reader, with the key from the environment, before anything is
written.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pyarrow as pa
import pytest
from strata.declare import protection as protect
from strata.declare import pseudonyms
from strata.declare.layout import Layout, match_layout
from strata.declare.source_contract import load_layouts
from strata.errors import BadFile, DeclarationError, UsageError
from strata.fs.listing import list_raw
from strata.raw.look import look
from strata.raw.read import Part, read_part

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
         customProperties: [{property: protect, value: email}]}
      - {name: family_name, logicalType: string, classification: personal, customProperties: [{property: protect, value: drop}]}
      - {name: born, logicalType: string, classification: personal, customProperties: [{property: protect, value: year}]}
      - {name: postcode, logicalType: string, classification: personal, customProperties: [{property: protect, value: postcode}]}
      - {name: joined, logicalType: string, classification: personal, customProperties: [{property: protect, value: date}]}
      - {name: sex, logicalType: string, classification: personal,
         customProperties: [{property: protect, value: listed}, {property: values, value: [f, m]}]}
      - {name: identity, logicalType: string, classification: personal,
         customProperties: [{property: protect, value: keyed_hash}, {property: of, value: [family_name, born]}]}
      - {name: form, logicalType: string, classification: personal,
         customProperties: [{property: protect, value: postcode_form}, {property: of, value: [postcode]}]}
      - {name: territory, logicalType: string, classification: personal,
         customProperties: [{property: protect, value: postcode_territory}, {property: of, value: [postcode]}]}
"""
ROWS = """email,family_name,born,postcode,joined,sex,sentinel_header@example.org
Ann@Example.org,Sentinel-Family,1970-05-06,eh13  9dj,2024-02-29T10:00,F,Sentinel-Nick
 ann@example.ORG ,SENTINEL-FAMILY ,1970-05-06,BT7 ,2023-02-29,Sentinel-Sex,
sentinel at no address,Other,not a date,Sentinel House,Sentinel-Date,,
broken,Sentinel-Broken
"""
COLUMNS = ("email", "born", "postcode", "joined", "sex", "identity", "form", "territory")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pseudonyms.KEY, SECRET)
    monkeypatch.setenv(pseudonyms.KEY_ID, "k1")


def read(folder: Path) -> tuple[Layout, pa.Table]:
    schemas = folder / "schemas"
    schemas.mkdir(parents=True)
    (schemas / "people_users.plain.yaml").write_text(CONTRACT)
    raw = folder / "raw" / "people" / "users"
    raw.mkdir(parents=True)
    (raw / "users.csv").write_text(ROWS)
    layouts = load_layouts("people", schemas)
    seen = look(list_raw(str(folder / "raw"), "people", "users")[0][0], layouts)
    batches = [
        b for chunk in seen.chunks for b in read_part(Part(seen, chunk, layouts[0]), COLUMNS)
    ]
    return layouts[0], pa.Table.from_batches(batches)


def expected(purpose: str, text: str) -> str:
    """The pseudonym, computed here from its definition."""

    def mac(key: bytes, message: str) -> str:
        return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()

    label = mac(SECRET.encode(), "check of the key")[:6]
    return f"k1.{label}:" + mac(bytes.fromhex(mac(SECRET.encode(), purpose)), text)


@pytest.mark.usefixtures("key")
def test_what_leaves_the_reader_is_protected_as_the_contract_says(tmp_path: Path) -> None:
    _, table = read(tmp_path)
    found = {name: table.column(name).to_pylist() for name in COLUMNS}

    assert found["email"] == [expected("email", "ann@example.org")] * 2 + [None, None]
    assert found["born"] == ["1970", "1970", "unreadable", None]
    assert found["postcode"] == [expected("postcode", "EH13 9DJ"), None, None, None]
    assert found["form"] == ["full", "outward", "malformed", None]
    assert found["territory"] == [None, "northern_ireland", None, None]
    assert found["joined"] == ["2024-02-29", "unreadable", "unreadable", None]
    assert found["sex"] == ["f", "unreadable", None, None]
    person = expected("identity", "15:sentinel-family10:1970-05-06")
    assert found["identity"] == [person, person, expected("identity", "5:other10:not a date"), None]


@pytest.mark.usefixtures("key")
def test_no_raw_identifier_leaves_the_reader(tmp_path: Path) -> None:
    _, table = read(tmp_path)
    assert table.column("_extra").to_pylist() == [None] * 4
    unread = table.column("_raw_record")[3].as_py()
    assert unread.startswith(expected("record", "broken,Sentinel-Broken"))
    assert unread.endswith(f" bytes {ROWS.index(chr(10)) + 1} to {len(ROWS)}")
    everything = repr(table.to_pylist()).lower()
    for sentinel in ("ann@", "sentinel", "1970-05", "broken", "9dj", SECRET):
        assert sentinel.lower() not in everything


@pytest.mark.usefixtures("key")
def test_a_file_that_is_refused_or_has_other_fields_tells_none_of_its_names(tmp_path: Path) -> None:
    layout, _ = read(tmp_path)
    with pytest.raises(BadFile, match="also needs 'email'; found 3 fields") as refused:
        match_layout(["sex", "ann@example.org", "Sentinel"], [layout])
    assert "ann@" not in f"{refused.value} {refused.value.facts}"
    seen = look(list_raw(str(tmp_path / "raw"), "people", "users")[0][0], [layout])
    assert (seen.extra_fields, seen.dropped_fields) == ((), 1)


@pytest.mark.parametrize("value", ["", "changeme", "x" * 64, SECRET[:31]])
def test_a_missing_short_or_plain_key_is_an_error_and_no_row_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(pseudonyms.KEY, value)
    monkeypatch.setenv(pseudonyms.KEY_ID, "k1")
    with pytest.raises(UsageError, match="needs a secret key of at least 32 bytes") as refused:
        read(tmp_path)
    assert value == "" or value not in str(refused.value)


def test_another_key_or_purpose_gives_other_pseudonyms_and_the_key_is_never_shown() -> None:
    one, other, same_id = (
        pseudonyms.Pseudonyms(key.encode(), key_id)
        for key, key_id in ((SECRET, "k1"), (SECRET[::-1], "k2"), (SECRET[::-1], "k1"))
    )
    assert (
        len(
            {
                one.of("a", "email"),
                one.of("a", "name"),
                other.of("a", "email"),
                same_id.of("a", "email"),
            }
        )
        == 4
    )
    assert one.label != same_id.label, "two keys by mistake under one id are told apart"
    assert SECRET not in repr(one)


def test_parts_of_a_pseudonym_do_not_run_together() -> None:
    make = protect._maker(
        protect.Protection("identity", "keyed_hash", ("a", "b")),
        pseudonyms.Pseudonyms(SECRET.encode(), "k1"),
    )
    assert (
        len(
            {
                make("ann", "b"),
                make("an", "nb"),
                make("annb", None),
                make(None, "annb"),
                make("", "annb"),
            }
        )
        == 4
    )
    assert make(None, " ") is None


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (
            "value: listed}, {property: values, value: [f, m]}",
            "value: listed}",
            "sex.values stands with protect: listed",
        ),
        (
            "value: date}",
            "value: date}, {property: values, value: [x]}",
            "joined.values stands with protect: listed",
        ),
        ("value: [f, m]", "value: f", "sex: values must be a list"),
        (
            "value: [family_name, born]",
            "value: [family_name, nobody]",
            "identity.of names personal fields of the layout; nobody is none",
        ),
        (
            "value: [postcode]",
            "value: [postcode, born]",
            "form.of: several fields give a keyed_hash, not 'postcode_form'",
        ),
        ("value: [family_name, born]", "value: []", "identity.of names the personal fields"),
    ],
)
def test_a_wrong_declaration_is_told(tmp_path: Path, old: str, new: str, finding: str) -> None:
    assert old in CONTRACT
    (tmp_path / "people_users.plain.yaml").write_text(CONTRACT.replace(old, new, 1))
    with pytest.raises(DeclarationError) as refused:
        load_layouts("people", tmp_path)
    assert any(
        found.startswith(f"people_users.plain.yaml: {finding}") for found in refused.value.findings
    ), refused.value.findings


def test_a_personal_field_must_say_how_it_is_protected(tmp_path: Path) -> None:
    (tmp_path / "people_users.plain.yaml").write_text(
        CONTRACT.replace("customProperties: [{property: protect, value: drop}]", "tags: []")
    )
    with pytest.raises(
        DeclarationError, match=r"family_name: a personal field is protected by one of"
    ):
        load_layouts("people", tmp_path)
