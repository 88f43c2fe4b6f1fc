-- A release that was built from extractions stays what it is.
CREATE OR REPLACE FUNCTION extractions_keep_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.base_id, OLD.number, OLD.fingerprint) IS DISTINCT FROM (NEW.base_id, NEW.number, NEW.fingerprint)
       AND EXISTS (SELECT FROM extractions_releasebuild WHERE release_id = OLD.id) THEN
        RAISE EXCEPTION 'release % was built from extractions: what it is never changes', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER extractions_built_release_is_kept BEFORE UPDATE ON basemodels_baserelease
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_release();
