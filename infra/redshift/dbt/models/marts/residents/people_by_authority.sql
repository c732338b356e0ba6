-- One row per authority: people who lived there on the newest date in the data. Unsuppressed, so for checking alone.
with as_of as (select max(as_of_date) as as_of_date from {{ source('gold', 'residents_by_authority_internal') }})
select
    place as authority_code,
    count(*) as people,
    {{ count_where("sex = 'F'") }} as people_f,
    {{ count_where("sex = 'M'") }} as people_m,
    {{ count_where("sex = 'unknown'") }} as people_sex_unknown
from {{ ref('stg_residents__people') }}
cross join as_of
where is_resident and valid_from <= as_of_date and valid_to > as_of_date
group by place
