"""A payer's balance in a row of its own, and captures that claim their hold by resolving it.

PostgreSQL reads all checks of a table anew for every update, and those of accounts are about columns that never change: so what
changes with every query moves to `ledger_payerbalance`, with its one check, and accounts become as append-only as the rest. A
capture writes the payer's row once: its resolution takes what was held from both sums, so its first entry, which the check at
the end holds to the hold, has nothing left to move.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

BEFORE = "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);\n"
AFTER = "SELECT set_config('search_path', reset_val, true) FROM pg_settings WHERE name = 'search_path';\n"
RIGHTS = "SECURITY DEFINER SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan"

BALANCES = """
DROP TRIGGER ledger_account_guard ON ledger_account;
DROP TRIGGER ledger_account_append_only ON ledger_account;
DROP FUNCTION ledger_guard_account;
INSERT INTO ledger_payerbalance (account_id, posted, held)
SELECT id, posted, held FROM ledger_account WHERE kind IN ('wallet', 'promotion');
SET CONSTRAINTS ALL IMMEDIATE;
-- Room on each page, so that a row's next version lands beside it and no index changes.
ALTER TABLE ledger_payerbalance SET (fillfactor = 50);

CREATE FUNCTION ledger_account_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind IN ('wallet', 'promotion') THEN
        INSERT INTO ledger_payerbalance (account_id) VALUES (NEW.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_account_opened AFTER INSERT ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_account_opened();
CREATE TRIGGER ledger_account_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_payerbalance_by_trigger BEFORE INSERT OR UPDATE OR DELETE ON ledger_payerbalance
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change_by_hand();
CREATE TRIGGER ledger_payerbalance_no_truncate BEFORE TRUNCATE ON ledger_payerbalance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""

ENTRIES = """
CREATE OR REPLACE FUNCTION ledger_entries_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved record;
    known record;
    payer record;
BEGIN
    FOR moved IN
        SELECT transfer_id, count(*) AS n, max(position) AS last, min(created_at) AS earliest, max(created_at) AS latest,
               array_agg(account_id) AS accounts, array_agg(amount) AS amounts, array_agg(position) AS positions
          FROM written GROUP BY transfer_id
    LOOP
        -- What a capture charges left the payer's balance with its resolution.
        SELECT t.id, t.entry_count, t.created_at, t.kind = 'capture' AS captures, accounts.fitting, accounts.keep_a_balance
          INTO known
          FROM ledger_transfer t,
               LATERAL (SELECT count(*) AS fitting,
                               bool_or(a.kind IN ('wallet', 'promotion') AND (given.position > 1 OR t.kind <> 'capture'))
                                   AS keep_a_balance
                          FROM unnest(moved.accounts, moved.positions) AS given(id, position)
                          JOIN ledger_account a ON a.id = given.id AND a.currency = t.currency) accounts
         WHERE t.id = moved.transfer_id;
        IF (moved.n, moved.last, moved.earliest, moved.latest, moved.n)
           IS DISTINCT FROM (known.entry_count, known.entry_count, known.created_at, known.created_at, known.fitting) THEN
            PERFORM ledger_refuse_entries(moved.transfer_id, known.id, known.entry_count, moved.n, moved.accounts);
        END IF;
        IF known.keep_a_balance THEN
            FOR payer IN
                SELECT given.account AS id, sum(given.amount)::bigint AS amount
                  FROM unnest(moved.accounts, moved.amounts, moved.positions) AS given(account, amount, position)
                 WHERE given.position > 1 OR NOT known.captures
                 GROUP BY given.account
                 ORDER BY given.account
            LOOP
                UPDATE ledger_payerbalance SET posted = posted + payer.amount WHERE account_id = payer.id;
            END LOOP;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
"""

HOLDS = """
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
"""

RESOLUTIONS = f"""
-- A capture, a void and an expiry each begin by writing the hold's one resolution: whoever comes second waits there, then finds
-- it written. The pending row goes after that, always in this order, so that no two of them can wait for each other.
CREATE FUNCTION ledger_refuse_resolution(p_hold bigint, p_key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ledger_holdresolution WHERE hold_id = p_hold;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The key % was used for another request', p_key USING ERRCODE = 'LG002';
    END IF;
    PERFORM ledger_refuse_resolved(p_hold);
END $$;

CREATE OR REPLACE FUNCTION ledger_void(p_hold bigint, p_key text, p_reason text) RETURNS void
LANGUAGE plpgsql {RIGHTS} AS $$
BEGIN
    PERFORM FROM ledger_hold WHERE id = p_hold;
    IF NOT FOUND THEN
        PERFORM ledger_refuse_resolved(p_hold);
    END IF;
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'voided', NULL, p_key, p_reason, statement_timestamp())
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN;
    END IF;
    PERFORM FROM ledger_holdresolution WHERE key = p_key AND hold_id = p_hold AND outcome = 'voided';
    IF NOT FOUND THEN
        PERFORM ledger_refuse_resolution(p_hold, p_key);
    END IF;
END $$;

-- Void the hold if it is pending and past its time.
CREATE OR REPLACE FUNCTION ledger_expire(p_hold bigint) RETURNS boolean LANGUAGE plpgsql {RIGHTS} AS $$
BEGIN
    PERFORM FROM ledger_pendinghold WHERE hold_id = p_hold AND expires_at <= statement_timestamp();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'voided', NULL, 'expire:' || p_hold, 'expired', statement_timestamp())
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION ledger_capture(p_hold bigint, p_key text) RETURNS ledger_transfer
LANGUAGE plpgsql {RIGHTS} AS $$
DECLARE
    request text := ledger_request('capture', p_hold::text);
    held ledger_hold;
    done ledger_transfer;
BEGIN
    SELECT * INTO held FROM ledger_hold WHERE id = p_hold;
    IF held.id IS NULL THEN
        PERFORM ledger_done(p_key, request);  -- which refuses a key of something else
        PERFORM ledger_refuse_resolved(p_hold);
    END IF;
    -- Of two captures with one key, the second waits here for the first; of two with different keys, at the resolution.
    INSERT INTO ledger_transfer (key, request_hash, kind, currency, amount, entry_count, reference, memo, created_at)
    VALUES (p_key, request, 'capture', held.currency, held.amount,
            1 + jsonb_array_length(jsonb_path_query_array(held.shares, '$[*] ? (@.amount > 0)')), held.reference, '',
            statement_timestamp())
    ON CONFLICT DO NOTHING
    RETURNING * INTO done;
    IF done.id IS NULL THEN
        RETURN ledger_done(p_key, request);
    END IF;
    INSERT INTO ledger_holdresolution (hold_id, outcome, transfer_id, key, reason, created_at)
    VALUES (p_hold, 'posted', done.id, p_key, '', done.created_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM ledger_refuse_resolution(p_hold, p_key);
    END IF;
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

DROP FUNCTION ledger_claim_hold;
"""

POST = f"""
CREATE OR REPLACE FUNCTION ledger_post(
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

CREATE OR REPLACE FUNCTION ledger_reverse(p_transfer bigint, p_key text, p_reason text, p_actor bigint)
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
    PERFORM FROM ledger_payerbalance
      WHERE account_id IN (SELECT account_id FROM ledger_entry WHERE transfer_id = p_transfer)
      ORDER BY account_id FOR NO KEY UPDATE;
    SELECT b.posted - b.held AS available, e.amount AS needed INTO short
      FROM ledger_payerbalance b
      JOIN (SELECT account_id, sum(amount) AS amount FROM ledger_entry
             WHERE transfer_id = p_transfer GROUP BY account_id) e ON e.account_id = b.account_id
     WHERE e.amount > b.posted - b.held
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


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0007_lean_captures_and_figures'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PayerBalance',
            fields=[
                ('account', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='kept', serialize=False, to='ledger.account')),
                ('posted', models.BigIntegerField(db_default=0, editable=False, help_text='The sum of the entries, in micro-units.')),
                ('held', models.BigIntegerField(db_default=0, editable=False, help_text='The sum of the pending holds, in micro-units.')),
            ],
        ),
        migrations.AddConstraint(
            model_name='payerbalance',
            constraint=models.CheckConstraint(condition=models.Q(('held__gte', 0), ('posted__gte', models.F('held'))), name='ledger_payerbalance_never_overspent'),
        ),
        migrations.RunSQL(BEFORE + BALANCES + ENTRIES + HOLDS + RESOLUTIONS + POST + AFTER),
        migrations.RemoveConstraint(
            model_name='account',
            name='ledger_account_only_payers_keep_a_balance',
        ),
        migrations.RemoveConstraint(
            model_name='account',
            name='ledger_account_never_overspent',
        ),
        migrations.RemoveField(
            model_name='account',
            name='held',
        ),
        migrations.RemoveField(
            model_name='account',
            name='posted',
        ),
        migrations.AlterField(
            model_name='hold',
            name='key',
            field=models.CharField(max_length=200),
        ),
        migrations.AlterField(
            model_name='holdresolution',
            name='key',
            field=models.CharField(max_length=200),
        ),
        migrations.AlterField(
            model_name='transfer',
            name='key',
            field=models.CharField(help_text="The caller's idempotency key.", max_length=200),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.UniqueConstraint(fields=('key',), name='ledger_hold_key_once'),
        ),
        migrations.AddConstraint(
            model_name='holdresolution',
            constraint=models.UniqueConstraint(fields=('key',), name='ledger_holdresolution_key_once'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.UniqueConstraint(fields=('key',), name='ledger_transfer_key_once'),
        ),
    ]
