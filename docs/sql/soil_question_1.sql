-- Statistics of each country's soils: what was asked, available and drawn, and the organic carbon and clay of the sample.
SELECT country_code, country_name, method, n_asked, seed, n_available, n_drawn,
  soc_mean_pct, soc_variance_pct2, clay_mean_fraction
FROM gold.soil_country_stats
ORDER BY country_code, method, n_asked, seed
