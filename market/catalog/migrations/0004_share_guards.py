"""What the tables of co-owners and parts promise across rows: each step follows the last, sums hold, nothing is changed."""

from django.db import migrations

# Terms of one plug-in are written one after the other, because each looks at all the others: the plug-in's row is the lock.
CO_OWNERS = """
CREATE FUNCTION catalog_coownerterms_follow() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner bigint;
    before record;
    others bigint;
BEGIN
    SELECT owner_id INTO owner FROM catalog_plugin WHERE id = NEW.plugin_id FOR NO KEY UPDATE;
    IF owner = NEW.person_id THEN
        RAISE EXCEPTION 'catalog_coowner_is_not_the_owner: the owner has what no co-owner has'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'catalog_coowner_is_not_the_owner';
    END IF;
    SELECT coalesce(max(number), 0) AS number, 0 AS share_bps, 0 AS offered_bps INTO before
      FROM catalog_coownerterms WHERE plugin_id = NEW.plugin_id AND person_id = NEW.person_id;
    IF NEW.number <> before.number + 1 THEN
        RAISE EXCEPTION 'catalog_coowner_one_step_after_the_other: expected step %, found %',
            before.number + 1, NEW.number
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'catalog_coowner_one_step_after_the_other';
    END IF;
    IF before.number > 0 THEN
        SELECT number, share_bps, offered_bps INTO before FROM catalog_coownerterms
         WHERE plugin_id = NEW.plugin_id AND person_id = NEW.person_id AND number = before.number;
    END IF;
    IF NOT (CASE NEW.step
        WHEN 'offered' THEN NEW.share_bps = before.share_bps AND NEW.made_by_id = owner
        WHEN 'accepted' THEN before.offered_bps > 0 AND NEW.share_bps = before.offered_bps
        WHEN 'declined' THEN before.offered_bps > 0 AND NEW.share_bps = before.share_bps
        WHEN 'withdrawn' THEN before.offered_bps > 0 AND NEW.share_bps = before.share_bps AND NEW.made_by_id = owner
        WHEN 'ended' THEN before.share_bps > 0 AND NEW.made_by_id = owner
        WHEN 'left' THEN before.share_bps > 0
        ELSE false
    END) THEN
        RAISE EXCEPTION 'catalog_coowner_step_follows_the_last: % of % after a share of % and an offer of %',
            NEW.step, NEW.share_bps, before.share_bps, before.offered_bps
            USING ERRCODE = 'check_violation', CONSTRAINT = 'catalog_coowner_step_follows_the_last';
    END IF;
    SELECT coalesce(sum(greatest(share_bps, offered_bps)), 0) INTO others FROM (
        SELECT DISTINCT ON (person_id) share_bps, offered_bps FROM catalog_coownerterms
         WHERE plugin_id = NEW.plugin_id AND person_id <> NEW.person_id ORDER BY person_id, number DESC) AS last;
    IF others + greatest(NEW.share_bps, NEW.offered_bps) > 9999 THEN
        RAISE EXCEPTION 'catalog_coowner_leaves_the_owner_a_share: % of 10000 would be given',
            others + greatest(NEW.share_bps, NEW.offered_bps)
            USING ERRCODE = 'check_violation', CONSTRAINT = 'catalog_coowner_leaves_the_owner_a_share';
    END IF;
    NEW.valid_from := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER catalog_coownerterms_follow BEFORE INSERT ON catalog_coownerterms
    FOR EACH ROW EXECUTE FUNCTION catalog_coownerterms_follow();
CREATE TRIGGER catalog_coownerterms_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON catalog_coownerterms
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();
"""

UNDO_CO_OWNERS = """
DROP TRIGGER catalog_coownerterms_only_added ON catalog_coownerterms;
DROP TRIGGER catalog_coownerterms_follow ON catalog_coownerterms;
DROP FUNCTION catalog_coownerterms_follow();
"""

# A version says how many parts it has, so that none can be left out, or added once it was sold.
PARTS = """
CREATE FUNCTION catalog_check_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT v.id, v.parts_count, (SELECT count(*) FROM catalog_pluginpart p WHERE p.version_id = v.id) AS found INTO wrong
      FROM catalog_pluginversion v
     WHERE v.id = (to_jsonb(NEW) ->> TG_ARGV[0])::bigint;
    IF wrong.found <> wrong.parts_count THEN
        RAISE EXCEPTION 'catalog_part_is_counted_by_its_version: version % says % parts, there are %',
            wrong.id, wrong.parts_count, wrong.found
            USING ERRCODE = 'check_violation', CONSTRAINT = 'catalog_part_is_counted_by_its_version';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER catalog_pluginversion_counts_its_parts AFTER INSERT ON catalog_pluginversion
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalog_check_parts('id');
CREATE CONSTRAINT TRIGGER catalog_pluginpart_is_counted AFTER INSERT ON catalog_pluginpart
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalog_check_parts('version_id');
CREATE TRIGGER catalog_pluginpart_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON catalog_pluginpart
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();
"""

UNDO_PARTS = """
DROP TRIGGER catalog_pluginpart_is_immutable ON catalog_pluginpart;
DROP TRIGGER catalog_pluginpart_is_counted ON catalog_pluginpart;
DROP TRIGGER catalog_pluginversion_counts_its_parts ON catalog_pluginversion;
DROP FUNCTION catalog_check_parts();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_shares")]

    operations = [
        migrations.RunSQL(CO_OWNERS, UNDO_CO_OWNERS),
        migrations.RunSQL(PARTS, UNDO_PARTS),
    ]
