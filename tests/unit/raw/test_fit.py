"""Files that fit a layout by their key alone, fields that change a number, and names that nearly
fit.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from strata.declare.near import near_names
from strata.declare.source_contract import load_layouts
from strata.errors import BadFile
from strata.fs.files import list_raw
from strata.raw.look import Look, look


def looked(folder: Path, feed: str, source: str, name: str, text: str) -> Look:
    path = folder / feed / source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    [file] = list_raw(str(folder), feed, source)[0]
    return look(file, [own for own in load_layouts(feed) if own.source == source])


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
    ("soil", "samples", "a.csv",
     "Depth,POINTID,pH_CaCl2,OC,TH_LAT,TH_LONG\n0-20 cm,47862690,4.1,12.4,47.15,14.67\n", "lucas_2018"),
    ("soil", "samples", "a.csv",
     "POINT_ID,coarse,clay,OC,GPS_LAT,GPS_LONG\n1,4,20,12.4,47.15,14.67\n", "lucas_2009"),
    ("residents", "users", "a.json",
     json.dumps([{"email": "a@example.org", "deleted": "true"}]), "people"),
]  # fmt: skip


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
]  # fmt: skip


@pytest.mark.parametrize(("feed", "source", "name", "text", "told"), REFUSED)
def test_a_file_that_would_be_misread_is_refused_and_told_what_it_looks_like(
    feed: str, source: str, name: str, text: str, told: list[str], tmp_path: Path
) -> None:
    with pytest.raises(BadFile) as refusal:
        looked(tmp_path, feed, source, name, text)
    for part in told:
        assert part in str(refusal.value)


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
    ],
)
def test_names_that_nearly_fit(wanted: str, found: str, near: bool) -> None:
    assert near_names([wanted], [found]) == ({wanted: found} if near else {})
