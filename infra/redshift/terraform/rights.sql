-- Who may see what in Redshift; run by the administrator after the first load, and again after a table was made anew.
-- Roles are given to people by the identity provider; no password is set here.
CREATE ROLE analysts;
CREATE ROLE checkers;

-- Analysts: what is made to be published, table by table, so that a new table is for nobody until it stands here.
GRANT USAGE ON SCHEMA published TO ROLE analysts;
GRANT USAGE ON SCHEMA dbt TO ROLE analysts;
GRANT SELECT ON published.strata_exports TO ROLE analysts;
GRANT SELECT ON published.launches_core_flights TO ROLE analysts;
GRANT SELECT ON published.launches_core_reuse TO ROLE analysts;
GRANT SELECT ON published.launches_core_turnarounds TO ROLE analysts;
GRANT SELECT ON published.launches_landing_years TO ROLE analysts;
GRANT SELECT ON published.launches_turnaround_years TO ROLE analysts;
GRANT SELECT ON published.commerce_order_lines TO ROLE analysts;
GRANT SELECT ON published.commerce_trends TO ROLE analysts;
GRANT SELECT ON published.residents_by_authority TO ROLE analysts;
GRANT SELECT ON published.residents_by_age_and_sex TO ROLE analysts;
GRANT SELECT ON published.residents_lookup_coverage TO ROLE analysts;
GRANT SELECT ON published.residents_moves TO ROLE analysts;
GRANT SELECT ON published.residents_moves_by_month TO ROLE analysts;

-- Columns: who checks figures sees neither pseudonyms nor years of birth.
GRANT USAGE ON SCHEMA published TO ROLE checkers;
GRANT SELECT (valid_from, valid_to, is_current, is_resident, sex, authority_code, authority_name, unplaced)
  ON published.residents_people TO ROLE checkers;

-- Rows: and sees residents of the present, never their history.
CREATE RLS POLICY only_current
  WITH (is_current BOOLEAN)
  USING (is_current);
ATTACH RLS POLICY only_current ON published.residents_people TO ROLE checkers;
ALTER TABLE published.residents_people ROW LEVEL SECURITY ON;
