"""What the report shows of soil."""

from __future__ import annotations

from strata.kit.chart import Chart, Mark

# One slice a country and method: the largest sample, then the smallest seed.
_ONE_SLICE = """
qualify row_number() over (
  partition by country_code, method
  order by n_asked desc, n_clusters_asked, seed, sampling_unit, depth_rule
) = 1"""

_CLUSTER_SLICES = """slices as (
  select country_code, method, seed, depth_rule, n_asked as asked, n_available as n,
    n_clusters as k, least(n_clusters_asked, n_clusters) as wanted
  from gold.soil_country_stats
  where method in ('cluster', 'cluster_exact') and n_clusters is not null
  qualify row_number() over (
    partition by country_code
    order by n_asked desc, method, n_clusters_asked, seed, sampling_unit, depth_rule) = 1)"""

# What `draw` does, step by step: available sites in the curve's order, lots by SHA-256 modulo the
# number of clusters, and the places of each drawn one.
_DRAWN_CLUSTERS = """available as (
  select distinct site_id, depth_rule from silver.soil_measurements, (select distinct depth_rule
  from slices) where property = 'soc' and case depth_rule
    when 'all' then coalesce(lower_depth_cm - upper_depth_cm > 0, true)
    else coalesce(least(lower_depth_cm, 30) - greatest(upper_depth_cm, 0) > 0
      and lower_depth_cm is not null and upper_depth_cm is not null, false) end),
places as (
  select country_code, r.site_id, row_number() over (
    partition by country_code order by r.curve_rank) - 1 as place
  from slices join silver.soil_curve_ranks r using (country_code)
  join available a on a.site_id = r.site_id and a.depth_rule = slices.depth_rule),
lots as (
  select country_code, k, n, asked, method, wanted, turn, list_reduce(
    list_prepend(0::bigint, list_transform(
      string_split(sha256(seed || '|' || country_code || '|' || turn), ''),
      lambda digit: (strpos('0123456789abcdef', digit) - 1)::bigint)),
    lambda found, digit: (found * 16 + digit) % k) as number
  from slices, unnest(range(0, 500)) as turns(turn)),
firsts as (
  select country_code, k, n, asked, method, wanted, number, min(turn) as turn from lots
  group by all),
numbers as (
  select * from firsts
  qualify row_number() over (partition by country_code order by turn) <= wanted),
bounds as (
  select *, number * n // k as low, (number + 1) * n // k as high, least(asked, n) as size
  from numbers),
windows as (
  select country_code, number, turn,
    case when method = 'cluster' then low else least(greatest(0, case when size >= high - low
      then low - (size - high + low) // 2 else low + (high - low - size) // 2 end), n - size)
    end as start,
    case when method = 'cluster' then high else start + size end as stop
  from bounds)"""

CHARTS = (
    Chart(
        "Soil organic carbon: each country's mean, and where the sites lie",
        f"""
with stats as (select * from gold.soil_country_stats {_ONE_SLICE}),
means as (
  select country_code, max(soc_mean_pct) filter (where method = 'random') as mean,
    max(n_available) as sites
  from stats group by country_code)
select c.boundary_wkb as "Boundary", c.country_name as "Country",
  round(m.mean, 3) as "Organic carbon, %", m.sites as "Sites with a value"
from silver.soil_countries c left join means m using (country_code)
order by m.mean desc nulls last, c.country_name""",
        Mark.MAP,
        "Organic carbon, %",
        points="""
select s.lon_deg, s.lat_deg, c.country_name
from silver.soil_sites s join silver.soil_site_countries c using (site_id)
order by s.site_id""",
        note="Five shades with about as many countries each; a country without a value is grey.",
    ),
    Chart(
        "Soil organic carbon in the areas that clients submitted, and where the sites lie",
        """
with stats as (
  select * from gold.soil_area_stats where method = 'random'
  qualify row_number() over (
    partition by area_id order by n_asked desc, seed, sampling_unit, depth_rule) = 1)
select a.area_wkb as "Boundary", a.area_id as "Area",
  round(s.soc_mean_pct, 3) as "Organic carbon, %", s.n_sites as "Sites",
  s.n_available as "Sites with a value", round(a.area_km2, 1) as "Size, km²"
from silver.soil_areas a left join stats s using (area_id)
order by s.soc_mean_pct desc nulls last, a.area_id""",
        Mark.MAP,
        "Organic carbon, %",
        points="select lon_deg, lat_deg, site_id from silver.soil_sites order by site_id",
        note="Areas may overlap: each has its own sites.",
    ),
    Chart(
        "Clusters that were drawn: the newest kind of each country's stored samples by cluster",
        f"""
with {_CLUSTER_SLICES}
select c.boundary_wkb as "Boundary", c.country_name as "Country",
  s.k as "Clusters", s.wanted as "Clusters drawn", s.asked as "Sites asked for",
  s.n as "Sites available", s.method as "Method", s.seed as "Seed"
from slices s join silver.soil_countries c using (country_code)
order by s.k desc, c.country_name""",
        Mark.MAP,
        "Clusters",
        points=f"""
with {_CLUSTER_SLICES}, {_DRAWN_CLUSTERS}
select s.lon_deg, s.lat_deg, p.country_code || ', site ' || (p.place + 1) as site,
  p.country_code || ' ' || (w.number + 1) as "one cluster"
from places p join windows w
  on p.country_code = w.country_code and p.place >= w.start and p.place < w.stop
join silver.soil_sites s using (site_id)
order by p.country_code, w.turn, p.place""",
        note="A line joins the sites of a drawn cluster in the curve's order. Run soil with "
        "--method cluster or cluster_exact to have others.",
    ),
    Chart(
        "Soil organic carbon by country, with 95 % limits of the mean",
        f"""
select country_name as "Country", round(soc_mean_pct, 3) as "Mean organic carbon, %",
  round(soc_ci95_lower_pct, 3) as "Lower limit", round(soc_ci95_upper_pct, 3) as "Upper limit",
  n_drawn as "Sites drawn", n_available as "Sites available", method as "Method"
from gold.soil_country_stats where soc_mean_pct is not null {_ONE_SLICE}
order by soc_mean_pct desc, country_name, method""",
        Mark.BARS,
        "Country",
        ("Mean organic carbon, %",),
        series="Method",
        low="Lower limit",
        high="Upper limit",
        note="Where every available site is drawn, the limits close on the mean: they speak of "
        "the sites there are, not of all the land.",
    ),
    Chart(
        "Clay in the soil by country",
        f"""
select country_name as "Country", round(clay_mean_fraction, 4) as "Mean clay fraction",
  n_clay as "Sites with clay", method as "Method"
from gold.soil_country_stats where clay_mean_fraction is not null {_ONE_SLICE}
order by clay_mean_fraction desc, country_name, method""",
        Mark.BARS,
        "Country",
        ("Mean clay fraction",),
        series="Method",
    ),
)
