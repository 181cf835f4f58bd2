"""On PostgreSQL: a commit checks its claims in the time that the claims of its window take.

`claim_fits` of 0007 read every claim that its node has ever had. The rule is the same: no commit
may leave more GPUs of a node promised at an instant than the node has, unless they were before.

1. Where all claims that touch the window fit beside one another, nothing else has to be looked at.
2. Else those that count, and those that counted until this transaction, are read by the index that
   has each.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(_CLAIMS_FIT)


_CLAIMS_FIT = """
    CREATE OR REPLACE FUNCTION claim_fits() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        size integer;
        touching bigint;
        over record;
    BEGIN
        SELECT gpus INTO size FROM node WHERE name = NEW.node FOR UPDATE;
        SELECT sum(gpus) INTO touching FROM claim
        WHERE node = NEW.node AND gone IS NULL
            AND end_s > NEW.start_s AND start_s < NEW.end_s;
        IF touching IS NULL OR touching <= size THEN
            RETURN NULL;
        END IF;
        -- It may have been given up since, in this very transaction.
        PERFORM 1 FROM claim WHERE id = NEW.id AND gone IS NULL;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        WITH near AS MATERIALIZED (
            SELECT start_s, end_s, gpus, born, gone FROM claim
            WHERE node = NEW.node AND end_s > NEW.start_s AND start_s < NEW.end_s
                AND gone IS NULL
                -- A drain closes what is booked; it counts for what comes after it.
                AND (kind <> 'drain' OR born < NEW.born)
            UNION ALL
            SELECT start_s, end_s, gpus, born, gone FROM claim
            WHERE node = NEW.node AND end_s > NEW.start_s AND start_s < NEW.end_s
                AND gone >= NEW.born
                AND (kind <> 'drain' OR born < NEW.born)
        ), instants AS (
            SELECT NEW.start_s AS at
            UNION SELECT start_s FROM near WHERE start_s > NEW.start_s
        )
        SELECT at,
            sum(gpus) FILTER (WHERE gone IS NULL) AS promised,
            coalesce(sum(gpus) FILTER (WHERE born < NEW.born), 0) AS before
        INTO over
        FROM instants JOIN near ON start_s <= at AND end_s > at
        GROUP BY at
        HAVING sum(gpus) FILTER (WHERE gone IS NULL) > greatest(
            size, coalesce(sum(gpus) FILTER (WHERE born < NEW.born), 0)
        )
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '% has % GPUs; % would be promised at %',
                NEW.node, size, over.promised, to_timestamp(over.at)
                USING ERRCODE = 'GB001', CONSTRAINT = 'claim_fits', TABLE = 'claim';
        END IF;
        RETURN NULL;
    END $$
"""
