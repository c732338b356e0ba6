-- One row per authority: people who lived there on the newest date in the data. Unsuppressed, so for checking alone.
with as_of as (select max(as_of_date) as as_of_date from {{ source('published', 'residents_by_authority_internal') }})
select
    place as authority_code,
    count(*) as people,
    sum(case when sex = 'F' then 1 else 0 end)::bigint as people_f,
    sum(case when sex = 'M' then 1 else 0 end)::bigint as people_m,
    sum(case when sex = 'unknown' then 1 else 0 end)::bigint as people_sex_unknown
from {{ ref('stg_residents__people') }}
cross join as_of
where is_resident and valid_from <= as_of_date and (valid_to is null or valid_to > as_of_date)
group by place
