DROP FUNCTION strata.restore_indexes;
DROP FUNCTION strata.drop_indexes;
DROP FUNCTION strata.make_partitions;
DROP TABLE strata.waiting;
