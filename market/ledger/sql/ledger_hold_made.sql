-- Authorisation: one conditional statement on the payer's row.
CREATE OR REPLACE FUNCTION ledger_hold_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
    payer record;
    total numeric;
BEGIN
    SELECT s.account, s.amount, s.line, a.id, a.currency INTO wrong
      FROM jsonb_to_recordset(NEW.shares) AS s(account bigint, amount bigint, line text)
      LEFT JOIN ledger_account a ON a.id = s.account
     WHERE a.id IS NULL OR a.currency <> NEW.currency OR a.id = NEW.payer_id
        OR s.amount IS NULL OR s.amount < 0 OR COALESCE(s.line, '') = ''
     LIMIT 1;
    IF FOUND THEN
        IF wrong.id IS NULL THEN
            RAISE EXCEPTION 'There is no account %', wrong.account USING ERRCODE = 'LG013';
        ELSIF wrong.currency <> NEW.currency THEN
            RAISE EXCEPTION 'Account % keeps %, the hold is in %', wrong.account, wrong.currency, NEW.currency
                USING ERRCODE = 'LG009';
        END IF;
        RAISE EXCEPTION 'A share needs a line, an amount of zero or more, and a receiver other than the payer'
            USING ERRCODE = 'LG015';
    END IF;
    SELECT sum(amount) INTO total FROM jsonb_to_recordset(NEW.shares) AS s(amount bigint);
    IF total IS DISTINCT FROM NEW.amount THEN
        RAISE EXCEPTION 'The shares sum to %, the hold is over %', total, NEW.amount USING ERRCODE = 'LG015';
    END IF;

    UPDATE ledger_payerbalance b
       SET held = b.held + NEW.amount
      FROM ledger_account a
     WHERE b.account_id = NEW.payer_id AND a.id = b.account_id AND a.currency = NEW.currency
       AND b.posted - b.held >= NEW.amount;
    IF NOT FOUND THEN
        SELECT a.id, a.kind, a.currency, b.posted, b.held INTO payer
          FROM ledger_account a LEFT JOIN ledger_payerbalance b ON b.account_id = a.id WHERE a.id = NEW.payer_id;
        IF payer.id IS NULL THEN
            RAISE EXCEPTION 'There is no account %', NEW.payer_id USING ERRCODE = 'LG013';
        ELSIF payer.posted IS NULL THEN
            RAISE EXCEPTION 'Account % is not one that pays for queries', payer.id USING ERRCODE = 'LG014';
        ELSIF payer.currency <> NEW.currency THEN
            RAISE EXCEPTION 'Account % keeps %, the hold is in %', payer.id, payer.currency, NEW.currency
                USING ERRCODE = 'LG009';
        END IF;
        PERFORM ledger_insufficient(payer.posted - payer.held, NEW.amount);
    END IF;
    INSERT INTO ledger_pendinghold (hold_id, expires_at) VALUES (NEW.id, NEW.expires_at);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER ledger_hold_made AFTER INSERT ON ledger_hold
    FOR EACH ROW EXECUTE FUNCTION ledger_hold_made();
