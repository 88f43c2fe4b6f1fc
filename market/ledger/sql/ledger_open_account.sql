-- Give an owner's account of a kind and currency; open it if there is none.
CREATE OR REPLACE FUNCTION ledger_open_account(p_owner bigint, p_kind text, p_currency text) RETURNS SETOF ledger_account
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO ledger_account (owner_id, kind, currency) VALUES (p_owner, p_kind, p_currency)
        ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT * FROM ledger_account a
        WHERE a.owner_id IS NOT DISTINCT FROM p_owner AND a.kind = p_kind AND a.currency = p_currency;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_open_account FROM PUBLIC;
