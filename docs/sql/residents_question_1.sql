-- Users by local authority and sex, newest date first. NULL is a count that is suppressed.
SELECT as_of_date, authority_code, authority_name, people, people_f, people_m, people_sex_unknown
FROM gold.residents_by_authority
WHERE as_of_date = (SELECT max(as_of_date) FROM gold.residents_by_authority)
ORDER BY people DESC NULLS LAST, authority_code
LIMIT 10
