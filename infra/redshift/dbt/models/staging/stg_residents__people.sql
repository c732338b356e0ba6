-- One row per person and stretch of time; `place` is the authority, or why there is none.
select
    person_token,
    valid_from,
    valid_to,
    is_resident,
    sex,
    birth_year,
    authority_code,
    coalesce(authority_code, unplaced) as place
from {{ source('silver', 'residents_people') }}
