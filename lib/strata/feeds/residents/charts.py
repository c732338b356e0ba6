"""What the report shows of residents: suppressed counts only, never the internal tables."""

from __future__ import annotations

from strata.kit.chart import Chart, Mark

CHARTS = (
    Chart(
        "People by local authority and sex",
        """
select coalesce(authority_name, replace(authority_code, '_', ' ')) as "Authority",
  people as "People", people_f as "Women", people_m as "Men",
  people_sex_unknown as "Sex not known",
  -- Rounded parts may add up to more.
  greatest(people - coalesce(people_f, 0) - coalesce(people_m, 0)
    - coalesce(people_sex_unknown, 0), 0) as "Suppressed"
from gold.residents_by_authority where people is not null
qualify as_of_date = max(as_of_date) over ()
order by people desc, authority_code limit 20""",
        Mark.BARS,
        "Authority",
        ("Women", "Men", "Sex not known", "Suppressed"),
        note="The twenty largest. A count that is small, or would give a small one away, is "
        "suppressed: a dash in the table. The people whose sex is suppressed have a bar together.",
    ),
    Chart(
        "People by age",
        """
select band as "Age", sum(people) as "People"
from (
  select
    unnest(['0–15', '16–24', '25–34', '35–44', '45–54', '55–64', '65–74', '75 and over']) as band,
    unnest([people_0_15, people_16_24, people_25_34, people_35_44, people_45_54, people_55_64,
      people_65_74, people_75_plus]) as people
  from (
    select * from gold.residents_by_authority qualify as_of_date = max(as_of_date) over ()))
group by band having sum(people) > 0 order by band""",
        Mark.COLUMNS,
        "Age",
        ("People",),
        note="Sums of the counts that are not suppressed, so they are lower limits.",
    ),
)
