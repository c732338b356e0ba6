"""Source contracts are read strictly: every unknown key is a finding, and all are told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from strata.declare.layout import Field
from strata.declare.source_contract import load_layouts
from strata.errors import BadFile, DeclarationError
from strata.raw.look import look

from tests.corpus.readback import raw_file

GOOD = """
apiVersion: v3.1.0
kind: DataContract
id: soil_samples.points
version: 1.0.0
status: active
description: {purpose: Points.}
customProperties:
  - {property: table, value: bronze.soil_samples}
  - {property: format, value: csv}
  - {property: delimiter, value: ";"}
  - {property: constants, value: {soc_unit: g/kg}}
  - {property: order, value: delivery}
schema:
  - name: points
    properties:
      - {name: lon, physicalName: X, logicalType: string, required: true, description: x,
         customProperties: [{property: unit, value: deg}]}
      - {name: owner, physicalName: Owner, logicalType: string, description: x, classification: personal,
         customProperties: [{property: protect, value: drop}]}
"""


def write(folder: Path, text: str, name: str = "soil_samples.points.yaml") -> None:
    (folder / name).write_text(text, encoding="utf-8")


def findings(folder: Path) -> list[str]:
    with pytest.raises(DeclarationError) as error:
        load_layouts("soil", folder)
    return error.value.findings


def test_a_layout(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (layout,) = load_layouts("soil", tmp_path)
    assert (layout.name, layout.feed, layout.source, layout.table) == (
        "points",
        "soil",
        "samples",
        "bronze.soil_samples",
    )
    assert (layout.format, layout.options, layout.order) == ("csv", {"delimiter": ";"}, "delivery")
    assert layout.fields == (Field("lon", "X", True), Field("owner", "Owner", False, "drop"))
    assert layout.columns == ("lon", "owner", "soc_unit")
    assert layout.required == {"X"}


def test_a_layout_without_a_header(tmp_path: Path) -> None:
    text = GOOD.replace('property: delimiter, value: ";"', "property: header, value: none")
    write(
        tmp_path,
        text.replace("property: unit, value: deg", "property: pattern, value: '-?[0-9.]+'"),
    )
    (layout,) = load_layouts("soil", tmp_path)
    assert (layout.has_header, layout.fields[0]) == (
        False,
        Field("lon", "X", True, None, "-?[0-9.]+"),
    )


def test_where_people_are_told_of_a_refusal_tells_no_value(tmp_path: Path) -> None:
    """A file without the header that it should have: its first record is somebody's."""
    write(tmp_path, GOOD)
    for text in (
        GOOD,
        GOOD.replace('property: delimiter, value: ";"', "property: header, value: none"),
    ):
        write(
            tmp_path,
            text.replace("property: unit, value: deg", "property: pattern, value: '[0-9]'")
            if text != GOOD
            else text,
        )
        with pytest.raises(BadFile) as refusal:
            look(raw_file(tmp_path, b"kezia@example.org;Kezia\n"), load_layouts("soil", tmp_path))
        assert "ezia" not in f"{refusal.value} {refusal.value.facts}"


def test_other_feeds_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "commerce_orders.points.yaml")
    write(tmp_path, GOOD, "soil_order_items.points.yaml")
    assert [layout.source for layout in load_layouts("soil", tmp_path)] == ["order_items"]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("version: 1.0.0", "verison: 1.0.0", "verison"),
        ("property: order", "property: ordre", "ordre"),
        ("physicalName: X", "physicalNmae: X", "lon: unknown key physicalNmae"),
        ("property: unit", "property: units", "lon: unknown custom property units"),
        ("value: csv", "value: xlsx", "format must be csv, json, flatgeobuf, vector or overpass"),
        ("value: csv", "value: json", "delimiter is for csv"),
        ("bronze.soil_samples", "silver.soil_samples", "table must match"),
        ('";"', '";;"', "delimiter must be one ASCII character"),
        ('";"', '"\\""', "delimiter must be one ASCII character"),
        ("required: true", "required: yes please", "lon: required must be true or false"),
        ("required: true", "required: false", "at least one field must be required"),
        ("value: delivery", "value: nothing", "order must be delivery or a column"),
        ("soc_unit: g/kg", "lon: g/kg", "constants.lon is a field of the layout already"),
        ("soc_unit: g/kg", "soc_unit: 1", "constants: soc_unit must be text"),
        ("physicalName: Owner", "physicalName: X", "physicalName X stands twice"),
        ("name: owner", "name: lon", "name lon stands twice"),
        ("kind: DataContract", "kind: DataContract\nkind: DataContract", "stands twice"),
        (
            'property: delimiter, value: ";"',
            "property: header, value: first",
            "header must be none; found 'first'",
        ),
        (
            'property: delimiter, value: ";"',
            "property: header, value: none",
            "without a header some required column must have one",
        ),
        (
            "property: unit, value: deg",
            "property: pattern, value: '[0-9]+'",
            "lon.pattern is for layouts without a header",
        ),
        (
            "property: unit, value: deg",
            "property: pattern, value: '['",
            "lon.pattern must be a regular expression",
        ),
    ],
)
def test_what_breaks_the_rules_is_told(old: str, new: str, finding: str, tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace(old, new, 1))
    found = findings(tmp_path)
    assert any(finding in text and "soil_samples.points.yaml" in text for text in found), found


def test_all_findings_in_all_files_at_once(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("version:", "verison:").replace("value: csv", "value: xlsx"))
    write(tmp_path, GOOD.replace("status:", "sattus:"), "soil_samples.other.yaml")
    assert len(findings(tmp_path)) == 3
