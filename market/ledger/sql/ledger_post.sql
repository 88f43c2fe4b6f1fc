-- Move an amount from one account to another.
CREATE OR REPLACE FUNCTION ledger_post(
    p_key text, p_debit bigint, p_credit bigint, p_amount bigint, p_kind text, p_reference text,
    p_subject text, p_memo text, p_actor bigint
) RETURNS ledger_transfer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    request text := ledger_request('post', p_debit::text, p_credit::text, p_amount::text, p_kind,
                                   p_reference, p_subject, p_memo);
    payer ledger_account;
    payee ledger_account;
    done ledger_transfer := ledger_done(p_key, request);
    available numeric;
BEGIN
    IF done.id IS NOT NULL THEN
        RETURN done;
    END IF;
    SELECT * INTO payer FROM ledger_account WHERE id = p_debit;
    SELECT * INTO payee FROM ledger_account WHERE id = p_credit;
    IF payer.id IS NULL OR payee.id IS NULL THEN
        RAISE EXCEPTION 'There is no account % or no account %', p_debit, p_credit USING ERRCODE = 'LG013';
    ELSIF payer.currency <> payee.currency THEN
        RAISE EXCEPTION 'Account % keeps %, account % keeps %', payer.id, payer.currency, payee.id,
            payee.currency USING ERRCODE = 'LG009';
    ELSIF payer.id = payee.id OR p_amount <= 0 THEN
        RAISE EXCEPTION 'A posting needs two accounts and an amount above zero' USING ERRCODE = 'LG010';
    END IF;

    IF payer.kind IN ('wallet', 'promotion') THEN
        PERFORM FROM ledger_payerbalance WHERE account_id = p_debit AND posted - held >= p_amount FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            SELECT posted - held INTO available FROM ledger_payerbalance WHERE account_id = p_debit;
            PERFORM ledger_insufficient(available, p_amount);
        END IF;
    ELSIF payer.kind IN ('earnings', 'escrow') THEN
        -- Debits of these are rare (payouts, disputes): they queue up on the row, credits do not.
        PERFORM FROM ledger_account WHERE id = p_debit FOR NO KEY UPDATE;
        SELECT COALESCE(sum(amount), 0) INTO available FROM ledger_entry WHERE account_id = p_debit;
        IF available < p_amount THEN
            PERFORM ledger_insufficient(available, p_amount);
        END IF;
    END IF;

    done := ledger_write_transfer(p_key, request, p_kind, payer.currency, p_amount, 2, p_reference, p_memo,
                                  NULL, p_actor);
    IF done.id IS NULL THEN
        RETURN ledger_done(p_key, request);
    END IF;
    INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)
    VALUES (done.id, 1, p_debit, -p_amount, p_kind, p_subject, '', done.created_at),
           (done.id, 2, p_credit, p_amount, p_kind, p_subject, '', done.created_at);
    RETURN done;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_post FROM PUBLIC;
