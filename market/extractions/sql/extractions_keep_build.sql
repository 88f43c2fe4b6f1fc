-- A build is written until it has ended, and then never changed.
CREATE OR REPLACE FUNCTION extractions_keep_build() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'building' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'build %: a build that has ended is never changed, and none is deleted', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER extractions_releasebuild_is_kept BEFORE UPDATE OR DELETE ON extractions_releasebuild
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_build();
