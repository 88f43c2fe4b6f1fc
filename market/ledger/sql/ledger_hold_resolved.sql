-- A resolution ends the pending hold, and frees the money or takes it from the payer's balance.
CREATE OR REPLACE FUNCTION ledger_hold_resolved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    resolved ledger_hold;
    charged bigint := 0;
BEGIN
    SELECT * INTO resolved FROM ledger_hold WHERE id = NEW.hold_id;
    DELETE FROM ledger_pendinghold WHERE hold_id = NEW.hold_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Hold % is not pending', NEW.hold_id USING ERRCODE = 'LG011';
    END IF;
    IF NEW.outcome = 'posted' THEN
        charged := resolved.amount;
        IF NOT EXISTS (
            SELECT FROM ledger_transfer t
             WHERE t.id = NEW.transfer_id AND t.kind = 'capture'
               AND (t.amount, t.currency, t.reference) = (resolved.amount, resolved.currency, resolved.reference)
        ) OR EXISTS (SELECT FROM ledger_entry WHERE transfer_id = NEW.transfer_id) THEN
            -- Its entries come after the resolution: see ledger_entries_written.
            RAISE EXCEPTION 'Transfer % does not capture hold %', NEW.transfer_id, NEW.hold_id
                USING ERRCODE = 'LG011';
        END IF;
    END IF;
    UPDATE ledger_payerbalance SET posted = posted - charged, held = held - resolved.amount
     WHERE account_id = resolved.payer_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER ledger_holdresolution_resolves AFTER INSERT ON ledger_holdresolution
    FOR EACH ROW EXECUTE FUNCTION ledger_hold_resolved();
