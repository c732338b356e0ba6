"""What the DAGs of Strata's feeds are made of; `strata_dags.py` beside this package makes them."""
