"""Contracts: what each must say, and that every file says it, by Strata's rules and by the
standard's own schema.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from strata.cli import check as declarations
from strata.cli import settings as config
from strata.declare import feed as feeds
from strata.declare import resources
from strata.declare.contract import LAYERS, load_contract, parse_contract, split_name
from strata.declare.documents import read_yaml
from strata.declare.source_contract import load_layouts
from strata.errors import DeclarationError, UsageError

from tests.conftest import forget_declarations

# What the tests of the whole project look at: every table of every feed, the toy's too.
TABLES = tuple(name for feed in feeds.all_feeds() for name in feed.table_names)
FILES = tuple(
    path for layer in (*LAYERS, "source") for path in resources.search("schemas", f"{layer}/*.yaml")
)


# --- every contract that there is ----------------------------------------------------------------


@pytest.fixture(scope="module")
def standard() -> jsonschema.protocols.Validator:
    """The JSON schema of the Open Data Contract Standard, as its own package ships it."""
    text = (
        importlib.resources.files("open_data_contract_standard")
        .joinpath("schema.json")
        .read_text(encoding="utf-8")
    )
    schema = json.loads(text)
    kind = jsonschema.validators.validator_for(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_contract_is_valid_by_the_open_data_contract_standard(
    standard: jsonschema.protocols.Validator, path: Path
) -> None:
    # JSON has no dates: what YAML reads as one the standard must see as text.
    document = json.loads(json.dumps(read_yaml(path), default=str))
    assert [
        f"{'.'.join(map(str, e.path))}: {e.message}" for e in standard.iter_errors(document)
    ] == []


def test_the_standard_refuses_what_it_should(standard: jsonschema.protocols.Validator) -> None:
    for change in (
        {"kind": "Contract"},
        {"apiVersion": "v9.9.9"},
        {"colour": "blue"},
        {"schema": [{"name": 1}]},
    ):
        assert not standard.is_valid({**DOCUMENT, **change}), change


def test_every_table_has_a_contract_and_a_suite_and_none_is_orphaned() -> None:
    contracts = {
        f"{layer}.{p.stem}"
        for layer in LAYERS
        for p in resources.search("schemas", f"{layer}/*.yaml")
    }
    suites = {
        f"{layer}.{p.stem}"
        for layer in LAYERS
        for p in resources.search("expectations", f"{layer}/*.yaml")
    }
    assert contracts == set(TABLES)
    assert suites == set(TABLES)
    assert len(set(TABLES)) == len(TABLES)


def test_every_source_contract_belongs_to_a_source_of_its_feed() -> None:
    named = {
        # A contract with `years` gives a layout a year.
        (feed.name, layout.source, re.sub(r"_by_year_[0-9]{2}$", "_by_year", layout.name))
        for feed in feeds.all_feeds()
        for layout in feed.layouts
    }
    files = {
        tuple(re.split(r"[_.]", path.stem, maxsplit=1))
        for path in FILES
        if path.parent.name == "source"
    }
    assert {(feed, f"{source}.{name}") for feed, source, name in named} == files
    for feed in feeds.all_feeds():
        assert {layout.source for layout in feed.layouts} <= {
            source.name for source in feed.sources
        } or not feed.sources


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_named_layer_feed_noun_and_read_from_that_path(table: str) -> None:
    layer, feed, noun = split_name(table)
    assert layer in LAYERS
    assert feed in feeds.feed_names()
    document = read_yaml(resources.find("schemas", f"{layer}/{feed}_{noun}.yaml"))
    assert document["id"] == document["schema"][0]["physicalName"] == table
    assert document["schema"][0]["name"] == f"{feed}_{noun}"


@pytest.mark.parametrize("table", TABLES)
def test_contract_tells_purpose_grain_and_key(table: str) -> None:
    contract = load_contract(table)
    assert contract.purpose
    assert contract.grain.startswith("one row per ")
    assert all(own.description for own in contract.fields)
    positions = [
        item.get("primaryKeyPosition") for item in _properties(table) if item.get("primaryKey")
    ]
    assert positions == list(range(1, len(positions) + 1))


@pytest.mark.parametrize("table", [t for t in TABLES if not t.startswith("bronze.")])
def test_every_measure_has_a_unit(table: str) -> None:
    contract = load_contract(table)
    measures = [own for own in contract.fields if re.match(r"double|float|decimal", own.type)]
    # A column `value` of mixed kinds has its unit beside it, in a column that is always filled.
    beside = any(own.name == "unit" and own.required for own in contract.fields)
    assert [
        own.name for own in measures if not own.unit and not (beside and own.name == "value")
    ] == []


def _properties(table: str) -> list[dict[str, Any]]:
    layer, feed, noun = split_name(table)
    return read_yaml(resources.find("schemas", f"{layer}/{feed}_{noun}.yaml"))["schema"][0][
        "properties"
    ]


def test_all_declarations_hold() -> None:
    findings, counts = declarations.check_all()
    assert findings == []
    assert counts["contracts"] == counts["suites"] == len(TABLES)


# --- what a contract must not say ----------------------------------------------------------------

KEY = {
    "name": "pair_id",
    "logicalType": "string",
    "physicalType": "string",
    "required": True,
    "primaryKey": True,
    "description": "Id.",
}
SIZE = {"name": "size", "logicalType": "number", "physicalType": "double", "description": "Size."}
OBJECT = {
    "name": "toy_pairs",
    "physicalName": "silver.toy_pairs",
    "dataGranularityDescription": "one row per pair",
    "properties": [KEY, SIZE],
}
DOCUMENT = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "silver.toy_pairs",
    "version": "1.0.0",
    "status": "active",
    "description": {"purpose": "Pairs."},
    "schema": [OBJECT],
}


def with_field(**changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, "schema": [{**OBJECT, "properties": [KEY, {**SIZE, **changes}]}]}


def with_object(**changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, "schema": [{**OBJECT, **changes}]}


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another table's id": (
        {**DOCUMENT, "id": "silver.toy_other"},
        "id must be silver.toy_pairs; found 'silver.toy_other'",
    ),
    "unknown key": ({**DOCUMENT, "owner": "me"}, "unknown key owner"),
    "unknown key of the object": (with_object(grain="one row"), "schema: unknown key grain"),
    "unknown key of a column": (with_field(requierd=True), "size: unknown key requierd"),
    "unknown custom property": (
        with_object(customProperties=[{"property": "mayBeEmpty", "value": True}]),
        "unknown custom property mayBeEmpty",
    ),
    "unknown custom property of a column": (
        with_field(customProperties=[{"property": "units", "value": "m"}]),
        "size: unknown custom property units",
    ),
    "no purpose": (
        {**DOCUMENT, "description": {"purpose": ""}},
        "description: purpose is missing",
    ),
    "no grain": (
        {**DOCUMENT, "schema": [without(OBJECT, "dataGranularityDescription")]},
        "dataGranularityDescription is missing",
    ),
    "column without description": (with_field(description=""), "size: description is missing"),
    "unknown type": (
        with_field(physicalType="number"),
        "size: physicalType 'number' is not a Spark SQL type",
    ),
    "required is text": (
        with_field(required="false"),
        "size: required must be true or false; found 'false'",
    ),
    "allowEmpty is text": (
        with_object(customProperties=[{"property": "allowEmpty", "value": "no"}]),
        "allowEmpty must be true or false; found 'no'",
    ),
    "an order by a column that is not there": (
        with_object(customProperties=[{"property": "orderBy", "value": ["pair"]}]),
        "orderBy must list columns of dates, text or whole numbers, neither personal nor "
        "partitions; found ['pair']",
    ),
    "an order by something that is no name": (
        with_object(customProperties=[{"property": "orderBy", "value": [["pair_id"]]}]),
        "orderBy must be text; found ['pair_id']",
    ),
    "an order that is no list": (
        with_object(customProperties=[{"property": "orderBy", "value": "pair_id"}]),
        "orderBy must be a list; found str",
    ),
    "an order by a partition": (
        with_object(
            properties=[{**KEY, "partitioned": True, "partitionKeyPosition": 1}, SIZE],
            customProperties=[{"property": "orderBy", "value": ["pair_id"]}],
        ),
        "orderBy must list columns of dates, text or whole numbers, neither personal nor "
        "partitions; found ['pair_id']",
    ),
    "column twice": (with_object(properties=[KEY, SIZE, SIZE]), "column size stands twice"),
    "no key": (
        with_object(properties=[SIZE]),
        "a silver or gold table has a primary key; none is marked",
    ),
    "key that may be null": (
        with_object(properties=[{**KEY, "required": False}, SIZE]),
        "pair_id: a key must be required",
    ),
    "underscore without provenance": (
        with_field(name="_size"),
        "_size: a column that starts with _ must be tagged provenance",
    ),
}


def test_the_contract_from_which_the_refused_ones_are_made_holds() -> None:
    contract = parse_contract("silver.toy_pairs", DOCUMENT, Path("toy_pairs.yaml"))
    assert contract.columns == ("pair_id", "size")
    assert contract.key == ("pair_id",)
    assert not contract.allow_empty
    assert contract.order_by == ()
    ordered = with_object(customProperties=[{"property": "orderBy", "value": ["pair_id"]}])
    assert parse_contract("silver.toy_pairs", ordered, Path("toy_pairs.yaml")).order_by == (
        "pair_id",
    )


@pytest.mark.parametrize("what", REFUSED)
def test_contract_is_refused(what: str) -> None:
    document, finding = REFUSED[what]
    with pytest.raises(DeclarationError) as raised:
        parse_contract("silver.toy_pairs", document, Path("schemas/silver/toy_pairs.yaml"))
    assert raised.value.findings == [finding]
    assert "schemas/silver/toy_pairs.yaml" in str(raised.value)
    assert raised.value.exit_code == 2


def test_every_finding_is_told_at_once() -> None:
    document = with_object(
        properties=[{**KEY, "required": False}, {**SIZE, "physicalType": "number", "colour": 1}]
    )
    with pytest.raises(DeclarationError) as raised:
        parse_contract("silver.toy_pairs", document, Path("x.yaml"))
    assert len(raised.value.findings) == 3


@pytest.mark.parametrize("objects", [[], [OBJECT, OBJECT]])
def test_a_contract_holds_one_object(objects: Any) -> None:
    with pytest.raises(DeclarationError, match="schema must hold exactly one object"):
        parse_contract("silver.toy_pairs", {**DOCUMENT, "schema": objects}, Path("x.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "key a stands twice"),
        ("a: {b: 1, b: 1}\n", "key b stands twice"),
        ("a: [{b: 1, b: 2}]\n", "key b stands twice"),
        ("a: [1\n", "is not valid YAML"),
        ("- a\n", "must hold a mapping of keys; found list"),
        ("", "must hold a mapping of keys; found NoneType"),
    ],
)
def test_yaml_that_does_not_say_one_thing_once_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(DeclarationError, match=message) as raised:
        read_yaml(path)
    assert str(path) in str(raised.value)


def test_yaml_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(DeclarationError, match="is not valid YAML"):
        read_yaml(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    "name",
    [
        "sites",
        "silver.sites",
        "platinum.soil_sites",
        "silver.Soil_sites",
        "silver.soil_sites; drop",
        "",
    ],
)
def test_a_table_that_is_not_named_layer_feed_noun_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"a table is named layer\.feed_noun"):
        split_name(name)


# --- source contracts and settings ---------------------------------------------------------------

SOURCE = {
    **without(DOCUMENT, "schema"),
    "id": "toy_pairs.plain",
    "customProperties": [
        {"property": "table", "value": "bronze.toy_pairs"},
        {"property": "format", "value": "csv"},
    ],
    "schema": [
        {
            "name": "toy_pairs",
            "properties": [
                {"name": "size", "physicalName": "SIZE", "logicalType": "string", "required": True}
            ],
        }
    ],
}


def load_source(folder: Path, document: dict[str, Any]) -> Any:
    (folder / "toy_pairs.plain.yaml").write_text(yaml.safe_dump(document))
    return load_layouts("toy", folder)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"owner": "me"}, "toy_pairs.plain.yaml: unknown key owner"),
        (
            {
                "customProperties": [
                    *SOURCE["customProperties"],
                    {"property": "delimeter", "value": ";"},
                ]
            },
            "toy_pairs.plain.yaml: unknown custom property delimeter",
        ),
        (
            {
                "schema": [
                    {
                        "name": "t",
                        "properties": [{"name": "size", "required": True, "requierd": True}],
                    }
                ]
            },
            "toy_pairs.plain.yaml: size: unknown key requierd",
        ),
    ],
)
def test_source_contract_with_an_unknown_key_is_refused(
    tmp_path: Path, change: dict[str, Any], finding: str
) -> None:
    assert load_source(tmp_path, SOURCE)[0].table == "bronze.toy_pairs"
    with pytest.raises(DeclarationError) as raised:
        load_source(tmp_path, {**SOURCE, **change})
    assert raised.value.findings == [finding]


def test_source_contract_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "toy_pairs.plain.yaml").write_text(yaml.safe_dump(SOURCE) + "status: draft\n")
    with pytest.raises(DeclarationError, match="key status stands twice"):
        load_layouts("toy", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("warehose: x\n", "unknown key warehose; known are log, raw, spark, warehouse"),
        ("log: text\nlog: json\n", "key log stands twice"),
        ("spark: quick\n", "spark must be a mapping"),
    ],
)
def test_settings_that_are_not_known_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "local.yaml").write_text(text)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    with pytest.raises(DeclarationError, match=message) as raised:
        config.read_conf("local")
    assert str(tmp_path / "conf" / "local.yaml") in str(raised.value)


# --- what `strata validate` finds ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "old", "new", "finding"),
    [
        ("schemas/silver/toy_shops.yaml", "required: true, description: The shop's name.", "requierd: true, description: x", "requierd"),
        ("expectations/silver/toy_shops.yaml", "column: shop_name, min_value", "column: nome, min_value", "names column nome"),
        ("expectations/silver/toy_shops.yaml", "to_not_be_null, kwargs: {column: shop_name}", "to_be_null, kwargs: {column: shop_name}",
         "required column shop_name has no critical expect_column_values_to_not_be_null"),
        ("expectations/gold/toy_days.yaml", "be_unique, kwargs: {column: sale_date}, severity: critical",
         "be_unique, kwargs: {column: sale_date}, severity: warning", "primary key (sale_date) has no critical uniqueness expectation"),
        ("expectations/silver/toy_sales.yaml", "min_value: 0,", "min_valu: 0,", "min_valu"),
        ("schemas/source/toy_sales.plain.yaml", "name: amount, physicalName", "name: amount_eur, physicalName",
         "bronze.toy_sales has no column amount_eur"),
    ],
)  # fmt: skip
def test_validate_finds(toy_project: Path, path: str, old: str, new: str, finding: str) -> None:
    text = (toy_project / path).read_text()
    assert old in text
    (toy_project / path).write_text(text.replace(old, new))
    forget_declarations()
    findings, _ = declarations.check_all()
    assert any(finding in each for each in findings), findings


@pytest.mark.parametrize(
    ("path", "finding"),
    [
        ("schemas/silver/toy_shops.yaml", "every table has a contract; silver.toy_shops has none"),
        (
            "expectations/silver/toy_shops.yaml",
            "every table has a suite; silver.toy_shops has none",
        ),
        ("jobs/toy.py", "jobs/toy.py is missing"),
    ],
)
def test_validate_finds_what_is_missing(toy_project: Path, path: str, finding: str) -> None:
    (toy_project / path).unlink()
    forget_declarations()
    findings, _ = declarations.check_all()
    assert any(finding in each for each in findings), findings


def test_validate_finds_orphans(toy_project: Path) -> None:
    for kind in ("schemas", "expectations"):
        text = (toy_project / kind / "gold" / "toy_days.yaml").read_text()
        (toy_project / kind / "gold" / "toy_weeks.yaml").write_text(
            text.replace("toy_days", "toy_weeks")
        )
    forget_declarations()
    findings, _ = declarations.check_all()
    assert findings == [
        "schemas: gold.toy_weeks has a contract and no feed makes it",
        "expectations: gold.toy_weeks has a suite and no feed makes it",
    ]
