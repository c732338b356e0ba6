-- Who may see what in Redshift; run once by the administrator, after the first COPY.
-- Groups come from the identity provider; no password is set here.
CREATE ROLE analysts;
CREATE ROLE checkers;

GRANT USAGE ON SCHEMA published, dbt TO ROLE analysts;
GRANT SELECT ON ALL TABLES IN SCHEMA published TO ROLE analysts;

-- Columns: pseudonyms and years of birth are for nobody but who checks the figures.
REVOKE SELECT ON published.residents_people FROM ROLE analysts;
GRANT SELECT (valid_from, valid_to, is_current, is_resident, sex, authority_code, authority_name)
  ON published.residents_people TO ROLE checkers;

-- Rows: a checker sees residents of the present, never their history.
CREATE RLS POLICY only_current
  WITH (is_current BOOLEAN)
  USING (is_current);
ATTACH RLS POLICY only_current ON published.residents_people TO ROLE checkers;
ALTER TABLE published.residents_people ROW LEVEL SECURITY ON;

-- Unsuppressed counts are derived from persons, and kept as they are.
REVOKE ALL ON published.residents_by_authority_internal FROM ROLE analysts;
REVOKE ALL ON dbt.people_by_authority FROM ROLE analysts;
