-- The transfer made under the key; an error when something else was asked for under it.
CREATE OR REPLACE FUNCTION ledger_done(p_key text, p_request text) RETURNS ledger_transfer
LANGUAGE plpgsql AS $$
DECLARE
    done ledger_transfer;
BEGIN
    SELECT * INTO done FROM ledger_transfer WHERE key = p_key;
    IF done.id IS NOT NULL AND done.request_hash <> p_request THEN
        RAISE EXCEPTION 'The key % was used for another request', p_key USING ERRCODE = 'LG002';
    END IF;
    RETURN done;
END $$;
