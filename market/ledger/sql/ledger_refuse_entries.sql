-- Say what is wrong with the entries of a transfer.
CREATE OR REPLACE FUNCTION ledger_refuse_entries(
    p_transfer bigint, p_found bigint, p_expected bigint, p_entries bigint, p_accounts bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    IF p_found IS NULL THEN
        RAISE EXCEPTION 'There is no transfer %', p_transfer USING ERRCODE = 'LG011';
    END IF;
    SELECT given.id AS asked, a.id, a.currency AS has, t.currency AS wants INTO wrong
      FROM unnest(p_accounts) AS given(id)
      JOIN ledger_transfer t ON t.id = p_transfer
      LEFT JOIN ledger_account a ON a.id = given.id
     WHERE a.currency IS DISTINCT FROM t.currency
     LIMIT 1;
    IF FOUND AND wrong.id IS NULL THEN
        RAISE EXCEPTION 'There is no account %', wrong.asked USING ERRCODE = 'LG013';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'Account % keeps %, the transfer is in %', wrong.asked, wrong.has, wrong.wants
            USING ERRCODE = 'LG009';
    END IF;
    RAISE EXCEPTION 'Transfer % has % entries, not these %', p_transfer, p_expected, p_entries USING ERRCODE = 'LG011';
END $$;
