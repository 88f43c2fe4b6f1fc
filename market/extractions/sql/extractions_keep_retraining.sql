-- What was trained again and paid is never changed.
CREATE OR REPLACE FUNCTION extractions_keep_retraining() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'retraining %: none is deleted', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.retest_id, OLD.job_id, OLD.fee_micros) IS DISTINCT FROM (NEW.retest_id, NEW.job_id, NEW.fee_micros)
       OR OLD.state <> 'training' AND
       (OLD.version_id, OLD.payment_id, OLD.figures, OLD.state IN ('failed', 'training'))
       IS DISTINCT FROM (NEW.version_id, NEW.payment_id, NEW.figures, NEW.state IN ('failed', 'training')) THEN
        RAISE EXCEPTION 'retraining %: what was trained and paid is never changed', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER extractions_retraining_is_kept BEFORE UPDATE OR DELETE ON extractions_retraining
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_retraining();
