"""What takedowns promise across rows: what was said stays, steps are only added, and a plug-in is down exactly while one is open."""

from django.db import migrations

STAYS = """
CREATE FUNCTION takedowns_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: it is only added to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'What was done to a takedown stays to be read.';
END $$;
CREATE TRIGGER takedowns_step_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON takedowns_takedownstep
    FOR EACH STATEMENT EXECUTE FUNCTION takedowns_refuse_change();
CREATE TRIGGER takedowns_takedown_stays BEFORE DELETE OR TRUNCATE ON takedowns_takedown
    FOR EACH STATEMENT EXECUTE FUNCTION takedowns_refuse_change();

CREATE FUNCTION takedowns_keep_what_was_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'restored'
       OR (NEW.plugin_id, NEW.picture_id, NEW.person_id, NEW.ground, NEW.reason, NEW.complainant_id, NEW.claim_id,
           NEW.dispute_id, NEW.taken_down_at, NEW.taken_down_by_id)
          IS DISTINCT FROM
          (OLD.plugin_id, OLD.picture_id, OLD.person_id, OLD.ground, OLD.reason, OLD.complainant_id, OLD.claim_id,
           OLD.dispute_id, OLD.taken_down_at, OLD.taken_down_by_id)
       OR OLD.counter_notice_id IS NOT NULL AND NEW.counter_notice_id IS DISTINCT FROM OLD.counter_notice_id
       OR OLD.upheld_at IS NOT NULL AND NEW.upheld_at IS DISTINCT FROM OLD.upheld_at THEN
        RAISE EXCEPTION 'takedowns_what_was_said_stays: takedown % was to be changed', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER takedowns_what_was_said_stays BEFORE UPDATE ON takedowns_takedown
    FOR EACH ROW EXECUTE FUNCTION takedowns_keep_what_was_said();
"""

# Looked at when the transaction commits: a takedown writes both.
AGREE = """
CREATE FUNCTION takedowns_check_plugin(plugin bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT taken_down_at IS NOT NULL FROM catalog_plugin WHERE id = plugin)
       IS DISTINCT FROM EXISTS (SELECT FROM takedowns_takedown WHERE plugin_id = plugin AND state <> 'restored') THEN
        RAISE EXCEPTION 'takedowns_plugin_is_down_while_one_is_open: plug-in %', plugin
            USING ERRCODE = 'restrict_violation', HINT = 'Take it down, or restore it, with market.takedowns.taking_down.';
    END IF;
END $$;
CREATE FUNCTION takedowns_check_takedown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM takedowns_check_plugin(NEW.plugin_id);
    RETURN NULL;
END $$;
CREATE FUNCTION takedowns_check_flag() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM takedowns_check_plugin(NEW.id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER takedowns_plugin_is_down_while_one_is_open AFTER INSERT OR UPDATE OF state ON takedowns_takedown
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.plugin_id IS NOT NULL)
    EXECUTE FUNCTION takedowns_check_takedown();
CREATE CONSTRAINT TRIGGER takedowns_plugin_is_down_while_one_is_open AFTER UPDATE OF taken_down_at ON catalog_plugin
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.taken_down_at IS DISTINCT FROM OLD.taken_down_at)
    EXECUTE FUNCTION takedowns_check_flag();
"""
UNDO = """
DROP TRIGGER takedowns_plugin_is_down_while_one_is_open ON catalog_plugin;
DROP TRIGGER takedowns_plugin_is_down_while_one_is_open ON takedowns_takedown;
DROP TRIGGER takedowns_what_was_said_stays ON takedowns_takedown;
DROP TRIGGER takedowns_takedown_stays ON takedowns_takedown;
DROP TRIGGER takedowns_step_only_added ON takedowns_takedownstep;
DROP FUNCTION takedowns_check_flag, takedowns_check_takedown, takedowns_keep_what_was_said, takedowns_refuse_change;
DROP FUNCTION takedowns_check_plugin;
"""


class Migration(migrations.Migration):
    dependencies = [("takedowns", "0001_takedowns"), ("catalog", "0007_barred_versions")]

    operations = [migrations.RunSQL(STAYS + AGREE, UNDO)]
