"""Databases in the distributed form: on a real Citus, or on a PostgreSQL that stands in for one.

HUTONG_TEST_CITUS_URL names a database on the coordinator of a real one, made for tests: its name begins with
"hutong_test", Citus and its nodes are in it, and everything else in it is removed. Where there is none, the stand-in
takes the same statements and refuses what Citus would of a schema. It distributes nothing: that a statement is for
one machine is checked of its text there, and by EXPLAIN on a real one.
"""

import os

import psycopg
from hutong_server.store.distributing import distribute
from hutong_server.store.distribution import tables
from hutong_server.store.migrations import migrate

CITUS_URL = os.environ.get("HUTONG_TEST_CITUS_URL", "")
NOT_RUN = "not run: HUTONG_TEST_CITUS_URL names no Citus"

_STAND_IN = """
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, placed_by text);

CREATE FUNCTION create_reference_table(name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pg_dist_partition VALUES (name, 'reference');
END $$;

CREATE FUNCTION create_distributed_table(name regclass, by text, colocate_with text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    number smallint := (SELECT attnum FROM pg_attribute WHERE attrelid = name AND attname = by);
    empty bigint;
BEGIN
    IF number IS NULL THEN
        RAISE EXCEPTION '% has no column %', name, by;
    END IF;
    IF EXISTS (SELECT FROM pg_index WHERE indrelid = name AND indisunique AND NOT number = ANY (indkey)) THEN
        RAISE EXCEPTION 'a unique key of % does not hold %', name, by;
    END IF;
    IF EXISTS (SELECT FROM pg_constraint c JOIN pg_dist_partition p ON p.logicalrelid = c.confrelid
               WHERE c.conrelid = name AND c.contype = 'f' AND p.placed_by <> 'reference')
       OR EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = name AND c.contype = 'f'
                  AND NOT EXISTS (SELECT FROM pg_dist_partition p WHERE p.logicalrelid = c.confrelid)) THEN
        RAISE EXCEPTION '% refers to rows on other machines', name;
    END IF;
    IF colocate_with <> 'none' AND NOT EXISTS (
        SELECT FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass AND placed_by = 'hash') THEN
        RAISE EXCEPTION '% is not distributed', colocate_with;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s WHERE %I IS NULL', name, by) INTO empty;
    IF empty > 0 THEN
        RAISE EXCEPTION '% of % is null', by, name;
    END IF;
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', name, by);
    INSERT INTO pg_dist_partition VALUES (name, 'hash');
END $$;

CREATE FUNCTION truncate_local_data_after_distributing_table(name regclass) RETURNS void LANGUAGE sql AS 'SELECT';
"""


def stand_in(conninfo: str) -> None:
    """Makes the functions that distribute, of a database on a PostgreSQL alone."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_STAND_IN.encode())


def emptied(url: str) -> str:
    """The real one with every table of ours empty, in the distributed form."""
    name = url.rpartition("/")[2].partition("?")[0]
    if not name.startswith("hutong_test"):
        raise RuntimeError("the database of HUTONG_TEST_CITUS_URL must be named hutong_test…: it is emptied")
    migrate(url)
    distribute(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(("TRUNCATE " + ", ".join(table.name for table in tables()) + " CASCADE").encode())
    return url
