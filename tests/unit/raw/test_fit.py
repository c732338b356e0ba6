"""Files that fit a layout by their key alone, fields that change a number, and names that nearly
fit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from strata.declare.near import near_names
from strata.declare.source_contract import load_layouts
from strata.errors import BadFile
from strata.fs.listing import list_raw
from strata.raw.look import Look, look
from strata.run.arrivals import drift


def looked(folder: Path, feed: str, source: str, name: str, text: str) -> Look:
    path = folder / feed / source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    [file] = list_raw(str(folder), feed, source)[0]
    return look(file, [own for own in load_layouts(feed) if own.source == source])


_EVENT = "vehicle_id,timestamp,lat,lon,speed_kmh,engine_status,fuel_level"
_VEHICLE = {"vehicle_id": "1", "max_speed": 100, "depot_lat": 1, "depot_lon": 2}
_FLIGHT = {"id": "a", "name": "x", "date_utc": "2020-01-01T00:00:00Z", "date_precision": "hour",
           "upcoming": False, "cores": []}  # fmt: skip


def _feature(properties: dict[str, Any], geometry: Any = None, **members: Any) -> str:
    """A collection of one feature."""
    point = {"type": "Point", "coordinates": [14.6, 47.1]}
    feature = {
        "type": "Feature",
        "properties": properties,
        "geometry": geometry or point,
        **members,
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


_ITEM = "order_item_id,order_id,product_id,quantity,unit_price"

# Feed, source, the file's name and text, the layout that takes it.
TAKEN = [
    ("commerce", "sales", "a.csv",
     "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
     "489434,85048,GLASS BALL,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom\n", "online_retail_2"),
    ("commerce", "orders", "a.csv",
     "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at\n"
     "a,b,delivered,2017-10-02 10:56:33,\n", "olist"),
    ("commerce", "order_items", "a.csv",
     "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n"
     "a,1,p,s,2017-10-02,58.90,13.29\n", "olist"),
    ("commerce", "products", "a.csv",
     "product_id,product_category_name,product_name_lenght,product_weight_g\np,perfumaria,40,225\n", "olist"),
    ("commerce", "orders", "a.csv",
     "order_id,customer_id,order_date,status,business_unit,unit_id\n1,2,2024-01-01,shipped,a,b\n", "orders"),
    ("residents", "postcodes", "a.csv",
     "pcd,pcd2,pcds,dointr,doterm,oscty,oslaua\nZE10AE,ZE1 0AE,ZE1 0AE,198001,,S99999999,S12000027\n", "onspd"),
    ("residents", "postcodes", "a.csv",
     "PCD7,PCD8,PCDS,DOINTR,DOTERM,LAD25CD\nZE10AE,ZE1 0AE,ZE1 0AE,198001,,S12000027\n", "nspl_by_year_25"),
    ("residents", "postcodes", "a.csv",
     "pcd7,pcd8,pcds,dointr,doterm,lad24cd\nZE10AE,ZE1 0AE,ZE1 0AE,198001,,S12000027\n", "onspd_by_year_24"),
    # Code-Point Open of 2014 and of 2017, and Code-Point with its numbers of addresses.
    ("residents", "postcodes", "ab.csv",
     '"AB101AB",10,394235,806529,"S92000003","","S08000020","","S12000033","S13002842"\n', "code_point_open"),
    ("residents", "postcodes", "so.csv",
     '"SO160AS",10,"N",9,9,0,7,2,9,0,437292,115542,"E92000001","E19000002","E18000009","E10000014","E07000093","E05012936","L"\n',
     "code_point"),
    ("residents", "postcodes", "a.csv",
     "pcd,pcd2,pcds,dointr,doterm,usertype,oseast1m,osnrth1m,osgrdind,oa11,cty,ced,laua\n"
     "ZE10AE,ZE1 0AE,ZE1 0AE,198001,,0,1,1,1,S,S99999999,S99999999,S12000027\n", "nspl"),
    ("soil", "samples", "a.csv",
     "Depth,POINTID,pH_CaCl2,OC,TH_LAT,TH_LONG\n0-20 cm,47862690,4.1,12.4,47.15,14.67\n", "lucas_2018"),
    ("soil", "samples", "a.csv",
     "POINT_ID,coarse,clay,OC,GPS_LAT,GPS_LONG\n1,4,20,12.4,47.15,14.67\n", "lucas_2009"),
    ("residents", "users", "a.json",
     json.dumps([{"email": "a@example.org", "deleted": "true"}]), "people"),
    ("commerce", "customers", "a.csv",
     "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\na,b,01151,sao paulo,SP\n", "olist"),
    # What says nothing of a number: these stay beside the record, or are dropped of persons.
    ("commerce", "orders", "a.csv",
     "order_id,customer_id,order_date,status,customer_locale,status_type,sex,country\n1,2,2024-01-01,shipped,de,a,M,DEU\n", "orders"),
    ("commerce", "products", "a.csv", "product_id,product_name,category_id,price,pack_size\n1,P,1,2.0,6 x 1 kg\n", "products"),
    ("soil", "samples", "a.csv", "lon,lat,soc_pct,remark,sex\n1,2,3,see EPS 12,m\n", "points"),
    ("fleet", "events", "a.csv",
     f"{_EVENT},route\n1,2024-01-01 00:00:00,1,2,3,moving,4,5\n", "telemetry"),
    ("fleet", "vehicles", "a.json", json.dumps([{**_VEHICLE, "unit_id": "7", "make": "MAN"}]), "list"),
    ("launches", "launches", "a.json", json.dumps([{**_FLIGHT, "mission_type": "ISS"}]), "v5"),
    ("residents", "users", "a.json",
     json.dumps([{"email": "a@example.org", "address": {"postcode": "ZE1 0AE"}, "timezone": "Europe/London",
                  "currency": "GBP", "language": "en"}]), "people"),
]  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        # Kaggle, olist_order_items_dataset.csv and olist_products_dataset.csv
        ("commerce", "order_items", "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value"),
        ("commerce", "orders", "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
         "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date"),
        ("commerce", "products", "product_id,product_category_name,product_name_lenght,product_description_lenght,"
         "product_photos_qty,product_weight_g,product_length_cm,product_height_cm,product_width_cm"),
        # ESDAC, LUCAS topsoil of 2009 and of 2018
        ("soil", "samples", "POINT_ID,coarse,clay,silt,sand,pH_in_H2O,pH_in_CaCl2,OC,CaCO3,N,P,K,CEC,GPS_LAT,GPS_LONG"),
        ("soil", "samples", "Depth,POINTID,pH_CaCl2,pH_H2O,EC,OC,CaCO3,P,N,K,TH_LAT,TH_LONG,SURVEY_DATE,Elev,LC,LU"),
    ],
)  # fmt: skip
def test_contracts_of_common_files_know_all_their_fields(
    fields: tuple[str, str, str], tmp_path: Path
) -> None:
    feed, source, header = fields
    row = ",".join("1" for _ in header.split(","))
    assert looked(tmp_path, feed, source, "a.csv", f"{header}\n{row}\n").extra_fields == ()


@pytest.mark.parametrize(("feed", "source", "name", "text", "layout"), TAKEN)
def test_files_of_common_products_have_contracts_of_their_own(
    feed: str, source: str, name: str, text: str, layout: str, tmp_path: Path
) -> None:
    assert looked(tmp_path, feed, source, name, text).layout == layout


# Feed, source, name, text, and what the refusal says.
REFUSED = [
    # Measurements under other names: a file of samples that measures nothing.
    ("soil", "samples", "a.csv", "POINTID,Depth,lon,lat,OC,clay\n1,0-20 cm,14.6,47.1,12.4,20\n",
     ["must have one of 'clay_pct', 'soc_pct'", "perhaps 'clay' is 'clay_pct'"]),
    # Users of another API: nothing but the key fits.
    ("residents", "users", "a.json",
     json.dumps([{"id": 1, "firstName": "C", "email": "q@example.org", "birthDate": "1996-5-30",
                  "address": {"city": "Lerwick", "postalCode": "ZE1 0AE"}}]),
     ["must have one of 'address.postcode', 'deleted'", "perhaps 'address.postalCode'"]),
    ("commerce", "products", "a.csv", "product_id,product_names,category_id,Price\n1,P,1,2.00\n",
     ["perhaps 'Price' is 'price', 'product_names' is 'product_name'"]),
    ("commerce", "sales", "a.csv",
     "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,Price,CustomerID,Country\n",
     ["also needs 'UnitPrice'", "perhaps 'Price' is 'UnitPrice'"]),
    # What changes the meaning of a number.
    ("commerce", "sales", "a.csv",
     "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country,Currency\n",
     ["'Currency' may, and online_retail does not name it"]),
    ("soil", "samples", "a.csv", "lon,lat,soc_pct,soc_unit,crs\n1,2,3,g/kg,EPSG:3035\n",
     ["'crs', 'soc_unit' may, and points does not name them"]),
    ("commerce", "order_items", "a.csv",
     "order_item_id,order_id,product_id,quantity,unit_price,discount,price_unit\n1,1,1,1,2.0,0,cent\n",
     ["'price_unit' may"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},discount_percent\n1,1,1,1,2.0,10\n", ["'discount_percent' may"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},discount,discount_type\n1,1,1,1,2.0,10,percent\n", ["'discount_type' may"]),
    ("commerce", "products", "a.csv", "product_id,product_name,category_id,price,language\n1,P,1,2.0,fr\n", ["'language' may"]),
    # By what it holds, whatever its name.
    ("commerce", "order_items", "a.csv", f"{_ITEM},moeda\n1,1,1,1,2.0,BRL\n",
     ["'moeda' may"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},m\n1,1,1,1,2.0,BRL\n",
     ["'m', which holds codes of currencies, as BRL, may"]),
    ("commerce", "orders", "a.csv", "order_id,customer_id,order_date,status,rabatt\n1,2,2024-01-01,shipped,10 %\n",
     ["'rabatt', which holds percentages, as 10 %, may"]),
    ("soil", "samples", "a.csv", "lon,lat,soc_pct,angabe\n1,2,3,g/kg\n", ["'angabe', which holds a unit, as g/kg, may"]),
    ("soil", "samples", "a.csv", "lon,lat,soc_pct,note\n1,2,3,EPSG:3035\n",
     ["'note', which holds a coordinate system, as EPSG:3035, may"]),
    ("soil", "samples", "a.csv", "lon,lat,soc_pct,utm_zone\n1,2,3,33\n", ["'utm_zone' may"]),
    ("fleet", "events", "a.csv", f"{_EVENT},zone\n1,2024-01-01 00:00:00,1,2,3,moving,4,+02:00\n",
     ["'zone', which holds a time zone, as +02:00, may"]),
    ("fleet", "events", "a.csv", f"{_EVENT},speed_unit\n1,2024-01-01 00:00:00,1,2,3,moving,4,mph\n", ["'speed_unit' may"]),
    ("fleet", "vehicles", "a.json", json.dumps([{**_VEHICLE, "max_speed_unit": "mph"}]), ["'max_speed_unit' may"]),
    ("fleet", "vehicles", "a.json", json.dumps([{**_VEHICLE, "geschwindigkeit_in": "mph"}]),
     ["'geschwindigkeit_in', which holds a unit, as mph, may"]),
    ("launches", "launches", "a.json", json.dumps([{**_FLIGHT, "timezone": "America/New_York"}]), ["'timezone' may"]),
    # In other languages and signs, and within what the layout does not read.
    ("commerce", "order_items", "a.csv", f"{_ITEM},Währung\n1,1,1,1,2.0,x\n", ["'Währung' may"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},w\n1,1,1,1,2.0,€\n", ["codes of currencies, as €"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},w\n1,1,1,1,2.0,XOF\n", ["codes of currencies, as XOF"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},per\n1,1,1,1,2.0,EUR/100 pcs\n", ["amounts of a currency, as EUR/100 pcs"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},unit_of_measure\n1,1,1,1,2.0,x\n", ["'unit_of_measure' may"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},price_type\n1,1,1,1,2.0,x\n", ["'price_type' may"]),
    ("commerce", "order_items", "a.csv", f"{_ITEM},total_EUR\n1,1,1,1,2.0,2.0\n", ["'total_EUR' may"]),
    ("commerce", "sales", "a.csv",
     "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country,VAT\n1,2,D,1,2011-01-01,2.5,1,UK,20 %\n",
     ["'VAT', which holds percentages, as 20 %, may"]),
    ("soil", "samples", "a.csv", "lon,lat,soc_pct,reference\n1,2,3,NAD 27\n", ["a coordinate system, as NAD 27"]),
    ("soil", "samples", "a.csv", "lon,lat,soc_pct,geodeticDatum\n1,2,3,x\n", ["'geodeticDatum' may"]),
    ("soil", "samples", "a.geojson", _feature({"soc_pct": 1}, crs={"properties": {"name": "EPSG:3035"}}), ["'crs' may"]),
    ("soil", "samples", "a.geojson",
     _feature({"soc_pct": 1}, geometry={"type": "Point", "crs": "EPSG:3035", "coordinates": [4321000, 3210000]}),
     ["'geometry.crs' may"]),
    ("soil", "samples", "a.geojson", _feature({"soc_pct": 1, "lab": {"soc_unit": "g/kg"}}), ["'properties.lab.soc_unit' may"]),
    ("fleet", "vehicles", "a.json", json.dumps([{**_VEHICLE, "meta": {"unit": "mph"}}]), ["'meta.unit' may"]),
    ("fleet", "vehicles", "a.json", json.dumps([{**_VEHICLE, "depot": {"srid": 27700}}]), ["'depot.srid' may"]),
    ("fleet", "events", "a.csv", f"{_EVENT},clock\n1,2024-01-01 00:00:00,1,2,3,moving,4,CEST\n", ["a time zone, as CEST"]),
    ("launches", "launches", "a.json", json.dumps([{**_FLIGHT, "meta": {"timezone": "EST"}}]), ["'meta.timezone' may"]),
    ("launches", "launches", "a.json", json.dumps([{**_FLIGHT, "mass_is": "lb"}]), ["a unit, as lb"]),
    ("residents", "authorities", "a.csv", "code,name,language\nS12000027,X,cy\n", ["'language' may"]),
    # Names that nearly fit, and files of another shape.
    ("residents", "postcodes", "a.csv", "PCDS,LAUA,DOTERM\nZE1 0AE,S12000027,\n",
     ["the nearest, nspl,", "'LAUA' is 'laua'", "'PCDS' is 'pcds'"]),
    ("fleet", "events", "a.csv", f"{_EVENT.replace('lon', 'lng')}\n", ["perhaps 'lng' is 'lon'"]),
    ("fleet", "vehicles", "a.json", json.dumps([{"vehicleId": "1", "maxSpeed": 9, "depotLat": 1, "depotLon": 2}]),
     ["perhaps 'depotLat' is 'depot_lat'", "'maxSpeed' is 'max_speed'"]),
    ("launches", "launches", "a.json", json.dumps([{name.title(): value for name, value in _FLIGHT.items()}]),
     ["perhaps 'Cores' is 'cores'"]),
    ("launches", "launches", "a.json", json.dumps({"docs": [_FLIGHT], "totalDocs": 1}),
     ["perhaps stand in its array 'docs': give that array alone"]),
    ("residents", "users", "a.json", json.dumps({"users": [{"email": "a@example.org"}]}),
     ["perhaps stand in its array 'users'"]),
    # The name of an array may be a person's.
    ("residents", "users", "a.json", json.dumps({"a@example.org": [{"email": "a@example.org"}]}),
     ["perhaps stand in an array within that"]),
    ("residents", "users", "a.csv", "email,postcode\na@example.org,ZE1 0AE\n", ["this one is text that is not JSON"]),
    ("soil", "samples", "a.csv", "longitude,latitude,soc_pct\n1,2,3\n", ["'latitude' is 'lat'", "'longitude' is 'lon'"]),
    ("commerce", "orders", "a.csv", "order_id;customer_id;order_date;status\n1;2;2024-01-01;shipped\n",
     ["its fields are perhaps parted by ';'"]),
    ("residents", "postcodes", "a.csv", "pcds;laua;doterm\nZE1 0AE;S12000027;\n", ["perhaps parted by ';'"]),
]  # fmt: skip


@pytest.mark.parametrize(("feed", "source", "name", "text", "told"), REFUSED)
def test_a_file_that_would_be_misread_is_refused_and_told_what_it_looks_like(
    feed: str, source: str, name: str, text: str, told: list[str], tmp_path: Path
) -> None:
    with pytest.raises(BadFile) as refusal:
        looked(tmp_path, feed, source, name, text)
    for part in told:
        assert part in str(refusal.value)


# A field that says nothing of a number, whatever it looks like.
HARMLESS = [
    ("soil", "samples", "lon,lat,soc_pct,Datum\n1,2,3,2020-05-01\n"),  # A date, in German.
    ("soil", "samples", "lon,lat,soc_pct,texture\n1,2,3,Sandy/Loam\n"),
    ("soil", "samples", "lon,lat,soc_pct,elevation\n1,2,3,-1200\n4,5,6,-1233\n"),
    ("commerce", "orders", "order_id,customer_id,order_date,status,utm_source\n1,2,2024-01-01,shipped,x\n"),
    ("commerce", "orders", "order_id,customer_id,order_date,status,country\n1,2,2024-01-01,shipped,NAM\n"),
    ("commerce", "orders", "order_id,customer_id,order_date,status,size\n1,2,2024-01-01,shipped,M\n"),
    ("fleet", "events", f"{_EVENT},euro_norm\n1,2024-01-01 00:00:00,1,2,3,moving,4,EURO 6\n"),
]  # fmt: skip


@pytest.mark.parametrize(("feed", "source", "text"), HARMLESS)
def test_a_field_that_says_nothing_of_a_number_is_kept_beside(
    feed: str, source: str, text: str, tmp_path: Path
) -> None:
    assert len(looked(tmp_path, feed, source, "a.csv", text).extra_fields) == 1


def test_an_optional_field_under_a_near_name_is_told(tmp_path: Path) -> None:
    text = "lon,lat,soc_pct,Upper_Depth_cm,sampled_at\n1,2,3,0,2020-01-01\n"
    seen = looked(tmp_path, "soil", "samples", "a.csv", text)
    assert "not read: perhaps 'Upper_Depth_cm' is 'upper_depth_cm'" in drift(seen)


@pytest.mark.parametrize(
    "member",
    [
        {"crs": {"type": "link", "properties": {"href": "http://www.opengis.net/def/crs/EPSG/0/3035"}}},
        {"crs": {"type": "EPSG", "properties": {"code": 3035}}},
        {"crs": "EPSG:3035"},
        {"coordRefSys": "http://www.opengis.net/def/crs/EPSG/0/3035"},
    ],
)  # fmt: skip
def test_a_geojson_names_its_system_in_every_way_that_is_in_use(
    member: dict[str, Any], tmp_path: Path
) -> None:
    document = {**json.loads(_feature({"soc_pct": 1})), **member}
    assert looked(tmp_path, "soil", "samples", "a.geojson", json.dumps(document)).crs == "EPSG:3035"


@pytest.mark.parametrize(
    ("feed", "source"), [("commerce", "customers"), ("residents", "postcodes")]
)
def test_of_a_header_with_a_name_twice_no_value_of_a_person_is_told(
    feed: str, source: str, tmp_path: Path
) -> None:
    """It may be no header: what it says stays in the ledger for ever."""
    record = "7,ann@example.org,Ann@example.org ,DE\n"
    with pytest.raises(BadFile, match="that of fields 2, 3 stands more than once") as refusal:
        looked(tmp_path, feed, source, "a.csv", record)
    assert "example" not in repr(refusal.value.facts)
    with pytest.raises(BadFile, match="'b' stands more than once"):
        looked(tmp_path, "commerce", "orders", "a.csv", "a,b,B\n")


def test_advice_on_files_without_a_header_is_given_where_it_can_be_right(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as refusal:
        looked(tmp_path, "residents", "postcodes", "a.csv", "pcd,laua,doterm\nZE1 0AE,S12000027,\n")
    assert "without a header" not in str(refusal.value)
    ten = ",".join(["Postcode", *"BCDEFGHIJ"])
    with pytest.raises(BadFile, match="without a header"):
        looked(tmp_path, "residents", "postcodes", "a.csv", f"{ten}\n")


@pytest.mark.parametrize(
    ("wanted", "found", "near"),
    [
        ("UnitPrice", "Price", True),
        ("CustomerID", "Customer ID", True),
        ("soc_pct", "SOC_PCT", True),
        ("address.postcode", "address.postalCode", True),
        ("clay_pct", "clay", True),
        ("InvoiceNo", "Invoice", True),
        ("soc_pct", "OC", False),
        ("status", "country", False),
        ("lon", "lat", False),
        ("lon", "longitude", True),
        # Another unit is no other name.
        ("speed_kmh", "speed_mph", False),
        ("depth_cm", "depth_m", False),
        ("price", "price_cents", False),
        ("lon", "lng", True),
    ],
)
def test_names_that_nearly_fit(wanted: str, found: str, near: bool) -> None:
    assert near_names([wanted], [found]) == ({wanted: found} if near else {})
