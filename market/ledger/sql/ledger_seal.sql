-- Add leaves to the tree of sealed transfers. This holds a batch to what the tree is: it follows on the last head without a
-- gap, each transfer once. That the hashes are right it cannot say; verify_ledger makes them again from the transfers.
CREATE OR REPLACE FUNCTION ledger_seal(
    p_before bigint, p_transfers bigint[], p_hashes bytea[], p_salts bytea[],
    p_levels smallint[], p_indices bigint[], p_subtrees bytea[],
    p_root bytea, p_checkpoint text, p_horizon bigint, p_cluster bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before bigint := (SELECT COALESCE(max(size), 0) FROM ledger_treehead);
    added bigint := cardinality(p_transfers);
BEGIN
    IF before <> p_before OR added = 0 OR added <> cardinality(p_hashes) OR added <> cardinality(p_salts) THEN
        RAISE EXCEPTION 'The tree has % leaves: these % do not follow on %', before, added, p_before
            USING ERRCODE = 'LG011';
    END IF;
    IF p_horizon > pg_snapshot_xmax(pg_current_snapshot())::text::bigint THEN
        RAISE EXCEPTION 'The horizon % is beyond every transaction there was', p_horizon USING ERRCODE = 'LG011';
    END IF;
    INSERT INTO ledger_leaf (index, transfer_id, hash, salt)
    SELECT p_before + l.n - 1, l.transfer, l.hash, l.salt
      FROM unnest(p_transfers, p_hashes, p_salts) WITH ORDINALITY AS l(transfer, hash, salt, n);
    INSERT INTO ledger_subtree (level, index, hash)
    SELECT s.level, s.index, s.hash FROM unnest(p_levels, p_indices, p_subtrees) AS s(level, index, hash);
    INSERT INTO ledger_treehead (size, root, checkpoint, horizon, cluster, created_at)
    VALUES (p_before + added, p_root, p_checkpoint, p_horizon, p_cluster, statement_timestamp());
END $$;
REVOKE EXECUTE ON FUNCTION ledger_seal FROM PUBLIC;
