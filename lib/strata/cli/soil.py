"""`strata soil …`: what concerns the soil feed alone."""

from __future__ import annotations

import argparse
import importlib
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.cli import common, soil_map
from strata.cli.output import Progress
from strata.cli.params import add_params, params_of
from strata.declare import feed as feeds
from strata.declare.layout import Layout
from strata.errors import BadFile, UsageError
from strata.fs import listing

if TYPE_CHECKING:
    from strata.raw.look import Look

_SENTENCES = ("refused", "repaired")
_MAX_FILE_BYTES = 256 << 20


def add_actions(actions: Any) -> None:
    """Adds the commands of the feed."""
    text = "fetch the boundaries of countries into the raw folder, for `strata run soil` to take"
    own = actions.add_parser("boundaries", help=text, description=f"{text.capitalize()}.")
    _add_boundaries(own)
    own.set_defaults(action=boundaries)
    text = "say what the columns of a file mean that no layout describes"
    own = actions.add_parser("map", help=text, description=f"{text.capitalize()}.")
    soil_map.add_options(own)
    own.set_defaults(action=map_columns)
    text = "sum up the published sites in areas of your own, in any format of features"
    own = actions.add_parser("areas", help=text, description=f"{text.capitalize()}.")
    _add_areas(own)
    own.set_defaults(action=areas)


def map_columns(options: argparse.Namespace) -> int:
    """Writes the map, and says what the next run will make of the file."""
    raw = common.settings_of(options).raw
    target, seen = soil_map.write_map(Path(options.file), options.columns, raw)
    print(f"{options.file}: {seen.records:,} records; their columns are described in {target}")
    where = f"{raw}/soil/samples"
    print(f"put it in {where}, or run: strata run soil --raw {raw} --from samples={options.file}")
    return 0


def _add_areas(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="GeoJSON, GeoPackage, Shapefile in a zip, …")
    parser.add_argument(
        "--name",
        metavar="PROPERTY",
        help="the property that names an area (default: name, NAME or id, else its number)",
    )
    parser.add_argument("--at", metavar="WHEN", help="an older publication, as in `strata sql`")
    add_params(parser, feeds.load_feed("soil"))
    common.add_format(parser)
    common.add_warehouse(parser)


def _add_boundaries(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="origin",
        choices=("overpass",),
        required=True,
        help="overpass: OpenStreetMap by the Overpass API, one question a country",
    )
    parser.add_argument(
        "--date",
        type=_day,
        metavar="YYYY-MM-DD",
        help="the map of that day, so that the same is fetched whenever (default: the newest)",
    )
    parser.add_argument(
        "--countries",
        metavar="LU,BE,…",
        help="ISO 3166-1 alpha-2 codes (default: the countries and territories of Europe)",
    )
    parser.add_argument(
        "--server",
        action="append",
        metavar="URL",
        help="ask this Overpass server; may be repeated, and the next is asked where one fails",
    )
    parser.add_argument(
        "--pause",
        type=float,
        metavar="SECONDS",
        help="rest between two questions (default: 2)",
    )
    parser.add_argument("--raw", metavar="DIR", help="folder or s3:// address of the raw files")
    parser.add_argument("--quiet", action="store_true", help="no progress; errors only")
    common.add_log(parser)
    common.add_warehouse(parser)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a day, YYYY-MM-DD; got {text!r}") from None


def boundaries(options: argparse.Namespace) -> int:
    """Fetches what is not there yet; the next run takes it."""
    from strata.raw.fetch import overpass

    settings = common.settings_of(options)
    if options.pause is not None and not 0 <= options.pause <= 3600:
        raise UsageError(f"--pause must be in [0, 3600] seconds; got {options.pause}")
    if options.date is not None and not date(2012, 9, 13) <= options.date <= date.today():
        raise UsageError(
            "--date must be in [2012-09-13, today], the days of which Overpass has the map; got "
            f"{options.date}"
        )
    given: dict[str, Any] = {
        "at": options.date,
        "servers": tuple(options.server or ()),
        "pause_seconds": options.pause,
        "countries": tuple(
            code.strip().upper() for code in (options.countries or "").split(",") if code.strip()
        ),
    }
    folder = f"{settings.raw.rstrip('/')}/soil/boundaries"
    asking = overpass.Asking(folder, **{key: value for key, value in given.items() if value})
    say = Progress(settings.log == "json", options.quiet)
    fetched = overpass.fetch(asking, say)
    there = f", {len(fetched.there)} lay there already" if fetched.there else ""
    count = len(fetched.files)
    print(f"{count} answer{'s' * (count != 1)} fetched{there}; they are in {folder}/overpass")
    return 0


# --- areas ----------------------------------------------------------------------------------------


def areas(options: argparse.Namespace) -> int:
    """Prints the statistics of each area; 5 where an area was refused."""
    # By name, as everywhere outside the feeds.
    shapes = importlib.import_module("strata.feeds.soil.areas")
    feed = feeds.load_feed("soil")
    assert feed.params_class, "soil has parameters"
    params = feed.params_class(**params_of(options, feed))
    checked = [
        shapes.check_area(_label(row, options.name), row["geometry"], row["epsg"])
        for row in _read_areas(options.file, shapes.MAX_AREAS)
    ]
    rows = _statistics(options, checked, params)
    if options.format == "table":
        _tell(checked)
        kept = [row for row in rows if row["refused"] is None]
        rows = [{k: v for k, v in row.items() if k not in _SENTENCES} for row in kept]
    columns = max((tuple(row) for row in rows), key=len, default=("area",))
    told = [[row.get(name) for name in columns] for row in rows]
    common.print_rows(columns, told, options.format)
    return BadFile.exit_code if any(area.refused for area in checked) else 0


def _tell(checked: list[Any]) -> None:
    """What became of areas that are not as they came: a table has no room for sentences."""
    for area in checked:
        if area.refused:
            print(f"strata: area {area.name} refused: {area.refused}", file=sys.stderr)
        elif area.repaired:
            print(f"strata: area {area.name} repaired: {area.repaired}", file=sys.stderr)


def _read_areas(place: str, most: int) -> list[dict[str, Any]]:
    """The records of a file of areas: `geometry` as GeoJSON, `epsg`, and what else it has."""
    from strata.raw.members import look_all

    file = next(iter(listing.list_place(place)[0]), None)
    if file is None:
        raise UsageError(f"a file of areas must be there; {place} is not")
    if file.size > _MAX_FILE_BYTES:
        raise BadFile(f"a file of areas has at most {_MAX_FILE_BYTES >> 20} MiB; {place} has more")
    layout = _layout_of_areas()
    found = look_all(file, [layout])
    for _, error in found.refused:
        raise error
    count = sum(seen.records for seen in found.looks)
    if not 0 < count <= most:
        raise BadFile(f"a file holds from 1 to {most:,} areas; {place} holds {count:,}")
    return [row for seen in found.looks for row in _records(seen, layout)]


def _layout_of_areas() -> Layout:
    """The one by which a run reads them too."""
    return next(own for own in feeds.load_feed("soil").layouts if own.source == "areas")


def _records(seen: Look, layout: Layout) -> list[dict[str, Any]]:
    from strata.raw.read import Part, read_part

    return [
        row
        for chunk in seen.chunks
        for batch in read_part(Part(seen, chunk, layout), layout.bronze_columns)
        for row in batch.to_pylist()
    ]


def _label(row: dict[str, Any], name: str | None) -> str:
    """What the area is called: by the property that is named, else by a usual one, else by its
    number.
    """
    shapes = importlib.import_module("strata.feeds.soil.areas")
    told = shapes.properties_of(row["_extra"])
    if name and not {name, f"properties.{name}"} & set(told):
        raise UsageError(f"--name is a property of every area; one has only {sorted(told)}")
    return shapes.name_of(told, (name,) if name else shapes.NAMES) or str(row["_record_number"])


def _statistics(
    options: argparse.Namespace, checked: list[Any], params: Any
) -> list[dict[str, Any]]:
    from strata.serve import duck
    from strata.serve.published import Published

    of_sites = importlib.import_module("strata.feeds.soil.area_stats")
    warehouse = common.settings_of(options).open_warehouse()
    with duck.Session(Published(warehouse, options.at)) as session:
        has_cells = "s2_cell" in session.query(of_sites.CELLS_SQL).column_names
        text = of_sites.SITES_SQL if has_cells else of_sites.OLDER_SITES_SQL
        places = session.query(text).to_pydict()
        layers = session.query(of_sites.LAYERS_SQL).to_pylist()
    sites = of_sites.sites_of(places, layers, params.depth)
    return [of_sites.statistics(area, sites, params) for area in checked]
