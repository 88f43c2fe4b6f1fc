-- A release of an uploaded base stays with its upload.
CREATE OR REPLACE FUNCTION basemodels_keep_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.upload_id IS NOT NULL
       AND (OLD.upload_id, OLD.fingerprint, OLD.base_id) IS DISTINCT FROM (NEW.upload_id, NEW.fingerprint, NEW.base_id) THEN
        RAISE EXCEPTION 'release % stays with the upload that it was made of', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER basemodels_baserelease_stays_with_its_upload BEFORE UPDATE ON basemodels_baserelease
    FOR EACH ROW EXECUTE FUNCTION basemodels_keep_release();
