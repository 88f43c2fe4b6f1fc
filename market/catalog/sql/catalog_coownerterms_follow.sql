-- Each step of a co-owner follows the last, and the owner keeps a share. Terms of one plug-in are written one after the other,
-- because each looks at all the others: the plug-in's row is the lock.
CREATE OR REPLACE FUNCTION catalog_coownerterms_follow() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE TRIGGER catalog_coownerterms_follow BEFORE INSERT ON catalog_coownerterms
    FOR EACH ROW EXECUTE FUNCTION catalog_coownerterms_follow();
