"""The functions that move money. Each is one call, all or nothing, and idempotent by its key.

They run with the rights of the tables' owner (SECURITY DEFINER), so that the application's role needs no
right to write the tables: see `manage.py ledger_role`.
"""

from django.db import migrations

# Names inside the functions must not resolve to a caller's temporary tables: FROM CURRENT keeps this path.
BEFORE = "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);\n"
AFTER = "SELECT set_config('search_path', reset_val, true) FROM pg_settings WHERE name = 'search_path';\n"
RIGHTS = "SECURITY DEFINER SET search_path FROM CURRENT"

PARTS = f"""
CREATE FUNCTION ledger_request(VARIADIC parts text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(sha256(convert_to(array_to_json(parts)::text, 'UTF8')), 'hex')
$$;

-- The transfer made under the key; an error when something else was asked for under it.
CREATE FUNCTION ledger_done(p_key text, p_request text) RETURNS ledger_transfer
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

CREATE FUNCTION ledger_write_transfer(
    p_key text, p_request text, p_kind text, p_currency text, p_amount bigint, p_entries bigint,
    p_reference text, p_memo text, p_reverses bigint, p_actor bigint
) RETURNS ledger_transfer LANGUAGE sql AS $$
    INSERT INTO ledger_transfer (key, request_hash, kind, currency, amount, entry_count, reference, memo,
                                 reverses_id, actor_id, created_at)
    VALUES (p_key, p_request, p_kind, p_currency, p_amount, p_entries, p_reference, p_memo,
            p_reverses, p_actor, statement_timestamp())
    ON CONFLICT DO NOTHING
    RETURNING *
$$;

CREATE FUNCTION ledger_open_account(p_owner bigint, p_kind text, p_currency text) RETURNS SETOF ledger_account
LANGUAGE plpgsql {RIGHTS} AS $$
BEGIN
    INSERT INTO ledger_account (owner_id, kind, currency) VALUES (p_owner, p_kind, p_currency)
        ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT * FROM ledger_account a
        WHERE a.owner_id IS NOT DISTINCT FROM p_owner AND a.kind = p_kind AND a.currency = p_currency;
END $$;
"""

POST = f"""
CREATE FUNCTION ledger_post(
    p_key text, p_debit bigint, p_credit bigint, p_amount bigint, p_kind text, p_reference text,
    p_subject text, p_memo text, p_actor bigint
) RETURNS ledger_transfer LANGUAGE plpgsql {RIGHTS} AS $$
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
        PERFORM FROM ledger_account WHERE id = p_debit AND posted - held >= p_amount FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            SELECT posted - held INTO available FROM ledger_account WHERE id = p_debit;
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

CREATE FUNCTION ledger_reverse(p_transfer bigint, p_key text, p_reason text, p_actor bigint)
RETURNS ledger_transfer LANGUAGE plpgsql {RIGHTS} AS $$
DECLARE
    request text := ledger_request('reverse', p_transfer::text);
    original ledger_transfer;
    done ledger_transfer := ledger_done(p_key, request);
    short record;
BEGIN
    IF done.id IS NOT NULL THEN
        RETURN done;
    END IF;
    SELECT * INTO original FROM ledger_transfer WHERE id = p_transfer;
    IF original.id IS NULL THEN
        RAISE EXCEPTION 'There is no transfer %', p_transfer USING ERRCODE = 'LG006';
    ELSIF original.reverses_id IS NOT NULL THEN
        RAISE EXCEPTION 'Transfer % is itself a reversal', p_transfer USING ERRCODE = 'LG008';
    END IF;
    done := ledger_write_transfer(p_key, request, 'reversal', original.currency, original.amount,
                                  original.entry_count, original.reference, p_reason, original.id, p_actor);
    IF done.id IS NULL THEN
        done := ledger_done(p_key, request);
        IF done.id IS NULL THEN
            RAISE EXCEPTION 'Transfer % is already reversed', p_transfer USING ERRCODE = 'LG007';
        END IF;
        RETURN done;
    END IF;

    -- A payer cannot give back what is spent or held; an artist's earnings may go below zero and be earned back.
    PERFORM FROM ledger_account WHERE kind IN ('wallet', 'promotion')
        AND id IN (SELECT account_id FROM ledger_entry WHERE transfer_id = p_transfer)
        ORDER BY id FOR NO KEY UPDATE;
    SELECT a.posted - a.held AS available, e.amount AS needed INTO short
      FROM ledger_account a
      JOIN (SELECT account_id, sum(amount) AS amount FROM ledger_entry
             WHERE transfer_id = p_transfer GROUP BY account_id) e ON e.account_id = a.id
     WHERE a.kind IN ('wallet', 'promotion') AND e.amount > a.posted - a.held
     LIMIT 1;
    IF FOUND THEN
        PERFORM ledger_insufficient(short.available, short.needed);
    END IF;
    INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)
    SELECT done.id, position, account_id, -amount, line, subject, memo, done.created_at
      FROM ledger_entry WHERE transfer_id = p_transfer;
    RETURN done;
END $$;
"""

HOLDS = f"""
CREATE FUNCTION ledger_hold(
    p_key text, p_payer bigint, p_amount bigint, p_shares jsonb, p_reference text, p_expires_at timestamptz
) RETURNS ledger_hold LANGUAGE plpgsql {RIGHTS} AS $$
DECLARE
    -- Not the expiry: a repeated request would come with a later one.
    request text := ledger_request('hold', p_payer::text, p_amount::text, p_shares::text, p_reference);
    made ledger_hold;
BEGIN
    SELECT * INTO made FROM ledger_hold WHERE key = p_key;
    IF made.id IS NULL THEN
        INSERT INTO ledger_hold (key, request_hash, payer_id, currency, amount, shares, reference, expires_at,
                                 created_at)
        SELECT p_key, request, p_payer, currency, p_amount, p_shares, p_reference, p_expires_at,
               statement_timestamp()
          FROM ledger_account WHERE id = p_payer
        ON CONFLICT (key) DO NOTHING
        RETURNING * INTO made;
        IF made.id IS NOT NULL THEN
            RETURN made;
        END IF;
        SELECT * INTO made FROM ledger_hold WHERE key = p_key;
        IF made.id IS NULL THEN
            RAISE EXCEPTION 'There is no account %', p_payer USING ERRCODE = 'LG013';
        END IF;
    END IF;
    IF made.request_hash <> request THEN
        RAISE EXCEPTION 'The key % was used for another request', p_key USING ERRCODE = 'LG002';
    END IF;
    RETURN made;
END $$;

-- Take the pending hold for this transaction; whoever comes second waits, then finds it gone.
CREATE FUNCTION ledger_claim_hold(p_hold bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ledger_pendinghold WHERE hold_id = p_hold FOR UPDATE;
    RETURN FOUND;
END $$;

CREATE FUNCTION ledger_refuse_resolved(p_hold bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    resolution ledger_holdresolution;
BEGIN
    SELECT * INTO resolution FROM ledger_holdresolution WHERE hold_id = p_hold;
    IF resolution.outcome = 'posted' THEN
        RAISE EXCEPTION 'Hold % is already posted', p_hold USING ERRCODE = 'LG003';
    ELSIF resolution.outcome = 'voided' THEN
        RAISE EXCEPTION 'Hold % is already voided', p_hold USING ERRCODE = 'LG004', DETAIL = resolution.reason;
    END IF;
    RAISE EXCEPTION 'There is no hold %', p_hold USING ERRCODE = 'LG005';
END $$;

CREATE FUNCTION ledger_capture(p_hold bigint, p_key text) RETURNS ledger_transfer
LANGUAGE plpgsql {RIGHTS} AS $$
DECLARE
    request text := ledger_request('capture', p_hold::text);
    held ledger_hold;
    done ledger_transfer := ledger_done(p_key, request);
    lines bigint;
BEGIN
    IF done.id IS NOT NULL THEN
        RETURN done;
    END IF;
    IF NOT ledger_claim_hold(p_hold) THEN
        done := ledger_done(p_key, request);  -- the same capture may have won while this one waited
        IF done.id IS NULL THEN
            PERFORM ledger_refuse_resolved(p_hold);
        END IF;
        RETURN done;
    END IF;
    SELECT * INTO held FROM ledger_hold WHERE id = p_hold;
    SELECT count(*) + 1 INTO lines FROM jsonb_to_recordset(held.shares) AS s(amount bigint) WHERE s.amount > 0;

    done := ledger_write_transfer(p_key, request, 'capture', held.currency, held.amount, lines, held.reference,
                                  '', NULL, NULL);
    IF done.id IS NULL THEN
        RETURN ledger_done(p_key, request);
    END IF;
    -- First the resolution frees the hold, then the entries take the money: the balance never dips below.
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'posted', done.id, p_key, '', done.created_at);
    INSERT INTO ledger_entry (transfer_id, position, account_id, amount, line, subject, memo, created_at)
    SELECT done.id, 1, held.payer_id, -held.amount, 'charge', '', '', done.created_at
    UNION ALL
    SELECT done.id, 1 + row_number() OVER (ORDER BY s.n), (s.share->>'account')::bigint,
           (s.share->>'amount')::bigint, s.share->>'line', COALESCE(s.share->>'subject', ''),
           COALESCE(s.share->>'memo', ''), done.created_at
      FROM jsonb_array_elements(held.shares) WITH ORDINALITY AS s(share, n)
     WHERE (s.share->>'amount')::bigint > 0;
    RETURN done;
END $$;

CREATE FUNCTION ledger_void(p_hold bigint, p_key text, p_reason text) RETURNS void
LANGUAGE plpgsql {RIGHTS} AS $$
DECLARE
    before ledger_holdresolution;
BEGIN
    IF NOT ledger_claim_hold(p_hold) THEN
        SELECT * INTO before FROM ledger_holdresolution WHERE key = p_key;
        IF before.hold_id = p_hold AND before.outcome = 'voided' THEN
            RETURN;
        END IF;
        PERFORM ledger_refuse_resolved(p_hold);
    END IF;
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'voided', NULL, p_key, p_reason, statement_timestamp())
    ON CONFLICT (key) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The key % was used for another request', p_key USING ERRCODE = 'LG002';
    END IF;
END $$;

-- Void the hold if it is pending, past its time and nobody is resolving it now.
CREATE FUNCTION ledger_expire(p_hold bigint) RETURNS boolean LANGUAGE plpgsql {RIGHTS} AS $$
BEGIN
    PERFORM FROM ledger_pendinghold
      WHERE hold_id = p_hold AND expires_at <= statement_timestamp() FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'voided', NULL, 'expire:' || p_hold, 'expired', statement_timestamp());
    RETURN true;
END $$;

REVOKE EXECUTE ON FUNCTION ledger_open_account, ledger_post, ledger_reverse, ledger_hold, ledger_capture,
    ledger_void, ledger_expire FROM PUBLIC;
"""

UNDO = """
DROP FUNCTION ledger_expire, ledger_void, ledger_capture, ledger_refuse_resolved, ledger_claim_hold, ledger_hold,
    ledger_reverse, ledger_post, ledger_open_account, ledger_write_transfer, ledger_done, ledger_request;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_guards")]

    operations = [migrations.RunSQL(BEFORE + PARTS + POST + HOLDS + AFTER, UNDO)]
