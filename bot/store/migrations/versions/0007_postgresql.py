"""On PostgreSQL: constraints by which nobody can be promised what somebody else has.

gpubot's own lock and checks come first; these are what holds should they ever fail. Both look when
a transaction commits, because GPUs may pass from hand to hand within one.

1. `claim_fits`: no commit may leave more GPUs of a node promised at an instant than the node has.
   A booking holds a number of GPUs, not certain ones, so this cannot be an exclusion constraint;
   it is a constraint trigger that first locks the node's row, so that of two commits the second
   sees the first. What was promised before may stay: nodes shrink, and drains close what is booked.
2. `held_gpu`: GPU by GPU, which active booking has it and from when to when, under an exclusion
   constraint. A trigger keeps it in step with the bookings. Ranges of text stand in for "is equal",
   which gist indexes know for text only with an extension.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for statement in (*_CLAIMS_FIT, *_HELD_GPUS):
            op.execute(statement)


_CLAIMS_FIT = (
    """
    CREATE FUNCTION claim_fits() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        size integer;
        over record;
    BEGIN
        SELECT gpus INTO size FROM node WHERE name = NEW.node FOR UPDATE;
        -- It may have been given up since, in this very transaction.
        PERFORM 1 FROM claim WHERE id = NEW.id AND gone IS NULL;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        WITH near AS MATERIALIZED (
            SELECT start_s, end_s, gpus, born, gone FROM claim
            WHERE node = NEW.node AND end_s > NEW.start_s AND start_s < NEW.end_s
                AND (gone IS NULL OR gone >= NEW.born)
                -- A drain closes what is booked; it counts for what comes after it.
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
    """,
    """
    CREATE CONSTRAINT TRIGGER claim_fits AFTER INSERT ON claim
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind <> 'drain') EXECUTE FUNCTION claim_fits()
    """,
)

_HELD_GPUS = (
    "CREATE TYPE textrange AS RANGE (subtype = text)",
    """
    CREATE TABLE held_gpu (
        booking integer NOT NULL,
        node text NOT NULL,
        gpu integer NOT NULL,
        during tstzrange NOT NULL,
        PRIMARY KEY (booking, node, gpu),
        CONSTRAINT held_once EXCLUDE USING gist (
            textrange(node, node, '[]') WITH &&, int4range(gpu, gpu, '[]') WITH &&, during WITH &&
        ) DEFERRABLE INITIALLY DEFERRED
    )
    """,
    """
    CREATE FUNCTION hold_gpus() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM held_gpu WHERE booking = NEW.id;
        IF NEW.state = 'active' AND NEW.gpu_ids IS NOT NULL THEN
            INSERT INTO held_gpu
            SELECT NEW.id, share ->> 0, gpu::integer, tstzrange(NEW.start_at, NEW.end_at)
            FROM json_array_elements(NEW.gpu_ids::json) AS share,
                json_array_elements_text(share -> 1) AS gpu;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER hold_gpus_of_new AFTER INSERT ON booking FOR EACH ROW
    WHEN (NEW.state = 'active') EXECUTE FUNCTION hold_gpus()
    """,
    """
    CREATE TRIGGER hold_gpus AFTER UPDATE OF state, gpu_ids, start_at, end_at ON booking
    FOR EACH ROW
    WHEN (
        (OLD.state = 'active' OR NEW.state = 'active')
        AND (OLD.state, OLD.gpu_ids, OLD.start_at, OLD.end_at)
            IS DISTINCT FROM (NEW.state, NEW.gpu_ids, NEW.start_at, NEW.end_at)
    )
    EXECUTE FUNCTION hold_gpus()
    """,
    """
    INSERT INTO held_gpu
    SELECT id, share ->> 0, gpu::integer, tstzrange(start_at, end_at)
    FROM booking, json_array_elements(gpu_ids::json) AS share,
        json_array_elements_text(share -> 1) AS gpu
    WHERE state = 'active' AND gpu_ids IS NOT NULL
    """,
)
