-- Pictures and retests stay as they were.
CREATE OR REPLACE FUNCTION extractions_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a row of % is never changed or deleted', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER extractions_extractionpicture_is_immutable BEFORE UPDATE OR DELETE ON extractions_extractionpicture
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();
CREATE OR REPLACE TRIGGER extractions_buildpicture_is_immutable BEFORE UPDATE OR DELETE ON extractions_buildpicture
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();
CREATE OR REPLACE TRIGGER extractions_retest_is_immutable BEFORE UPDATE OR DELETE ON extractions_retest
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();
CREATE OR REPLACE TRIGGER extractions_retestpicture_is_immutable BEFORE UPDATE OR DELETE ON extractions_retestpicture
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();
CREATE OR REPLACE TRIGGER extractions_retrainingpicture_is_immutable BEFORE UPDATE OR DELETE ON extractions_retrainingpicture
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();
