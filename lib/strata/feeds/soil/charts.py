"""What the report shows of soil."""

from __future__ import annotations

from strata.kit.chart import Chart, Mark

# One slice a country and method: the largest sample, then the smallest seed.
_ONE_SLICE = """
qualify row_number() over (
  partition by country_code, method
  order by n_asked desc, n_clusters_asked, seed, sampling_unit, depth_rule
) = 1"""

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
        "Clusters of sites: each country's sites in runs of 20 along the space-filling curve",
        """
select c.boundary_wkb as "Boundary", c.country_name as "Country",
  cast(ceil(max(r.curve_rank) / 20) as bigint) as "Clusters of 20 sites",
  max(r.curve_rank) as "Sites"
from silver.soil_curve_ranks r join silver.soil_countries c using (country_code)
group by all
order by max(r.curve_rank) desc, c.country_name""",
        Mark.MAP,
        "Clusters of 20 sites",
        points="""
select s.lon_deg, s.lat_deg, r.country_code || ', site ' || r.curve_rank as site,
  r.country_code || ' ' || ((r.curve_rank - 1) // 20) as "one cluster"
from silver.soil_curve_ranks r join silver.soil_sites s using (site_id)
order by r.country_code, r.curve_rank""",
        note="A line joins the sites of a cluster in the curve's order. The methods cluster and "
        "cluster_exact draw such runs, of a length that fits the number of sites asked for.",
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
