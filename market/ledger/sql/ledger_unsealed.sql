-- The committed transfers without a leaf: the search begins where the sealer's does.
CREATE OR REPLACE FUNCTION ledger_unsealed() RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT COALESCE(array_agg(t.id), '{}')
      FROM ledger_transfer t
     WHERE t.transaction >= COALESCE((
            SELECT h.horizon
              FROM (SELECT * FROM ledger_treehead ORDER BY size DESC LIMIT 1) h, pg_control_system() c
             WHERE abs(h.cluster) = c.system_identifier
               AND h.horizon <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint), 0)
       AND NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.transfer_id = t.id)
$$;
