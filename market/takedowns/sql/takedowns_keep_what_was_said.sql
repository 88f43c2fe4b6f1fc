-- What was said of a takedown stays.
CREATE OR REPLACE FUNCTION takedowns_keep_what_was_said() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE TRIGGER takedowns_what_was_said_stays BEFORE UPDATE ON takedowns_takedown
    FOR EACH ROW EXECUTE FUNCTION takedowns_keep_what_was_said();
