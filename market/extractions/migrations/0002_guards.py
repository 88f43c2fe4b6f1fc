"""What the tables promise and Django's constraints cannot say: what was made and decided is never changed."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION extractions_keep_extraction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an extraction is never deleted: discard it' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state <> 'making' AND
       (OLD.base_id, OLD.base_fingerprint, OLD.name, OLD.kind, OLD.method, OLD.erasure, OLD.figures, OLD.rank,
        OLD.eraser_file, OLD.eraser_file_sha256, OLD.eraser_tensors_sha256,
        OLD.plugin_file, OLD.plugin_file_sha256, OLD.plugin_tensors_sha256)
       IS DISTINCT FROM
       (NEW.base_id, NEW.base_fingerprint, NEW.name, NEW.kind, NEW.method, NEW.erasure, NEW.figures, NEW.rank,
        NEW.eraser_file, NEW.eraser_file_sha256, NEW.eraser_tensors_sha256,
        NEW.plugin_file, NEW.plugin_file_sha256, NEW.plugin_tensors_sha256) THEN
        RAISE EXCEPTION 'extraction %: what was made and measured is never changed', OLD.id
            USING ERRCODE = 'restrict_violation', HINT = 'Run it again beside this one.';
    END IF;
    IF OLD.state IN ('approved', 'discarded', 'failed') AND
       (OLD.state, OLD.decided_at, OLD.decided_by_id, OLD.reason, OLD.missed, OLD.concept_id)
       IS DISTINCT FROM (NEW.state, NEW.decided_at, NEW.decided_by_id, NEW.reason, NEW.missed, NEW.concept_id) THEN
        RAISE EXCEPTION 'extraction %: what was decided is never changed', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.version_id IS NOT NULL AND NEW.version_id IS DISTINCT FROM OLD.version_id THEN
        RAISE EXCEPTION 'extraction %: its plug-in version is never changed', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER extractions_extraction_is_kept BEFORE UPDATE OR DELETE ON extractions_extraction
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_extraction();

CREATE FUNCTION extractions_keep_build() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'building' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'build %: a build that has ended is never changed, and none is deleted', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER extractions_releasebuild_is_kept BEFORE UPDATE OR DELETE ON extractions_releasebuild
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_build();

CREATE FUNCTION extractions_keep_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.plugin_file = '' AND OLD.build_id = NEW.build_id AND OLD.extraction_id = NEW.extraction_id THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'part % of build %: never changed or deleted', OLD.position, OLD.build_id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER extractions_buildpart_is_kept BEFORE UPDATE OR DELETE ON extractions_buildpart
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_part();

CREATE FUNCTION extractions_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a row of % is never changed or deleted', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER extractions_extractionpicture_is_immutable BEFORE UPDATE OR DELETE ON extractions_extractionpicture
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();
CREATE TRIGGER extractions_buildpicture_is_immutable BEFORE UPDATE OR DELETE ON extractions_buildpicture
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();
CREATE TRIGGER extractions_retest_is_immutable BEFORE UPDATE OR DELETE ON extractions_retest
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();
CREATE TRIGGER extractions_retestpicture_is_immutable BEFORE UPDATE OR DELETE ON extractions_retestpicture
    FOR EACH ROW EXECUTE FUNCTION extractions_refuse_change();

CREATE FUNCTION extractions_keep_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.base_id, OLD.number, OLD.fingerprint) IS DISTINCT FROM (NEW.base_id, NEW.number, NEW.fingerprint)
       AND EXISTS (SELECT FROM extractions_releasebuild WHERE release_id = OLD.id) THEN
        RAISE EXCEPTION 'release % was built from extractions: what it is never changes', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER extractions_built_release_is_kept BEFORE UPDATE ON basemodels_baserelease
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_release();
"""

UNDO = """
DROP TRIGGER extractions_built_release_is_kept ON basemodels_baserelease;
DROP FUNCTION extractions_keep_release();
DROP TRIGGER extractions_retestpicture_is_immutable ON extractions_retestpicture;
DROP TRIGGER extractions_retest_is_immutable ON extractions_retest;
DROP TRIGGER extractions_buildpicture_is_immutable ON extractions_buildpicture;
DROP TRIGGER extractions_extractionpicture_is_immutable ON extractions_extractionpicture;
DROP FUNCTION extractions_refuse_change();
DROP TRIGGER extractions_buildpart_is_kept ON extractions_buildpart;
DROP FUNCTION extractions_keep_part();
DROP TRIGGER extractions_releasebuild_is_kept ON extractions_releasebuild;
DROP FUNCTION extractions_keep_build();
DROP TRIGGER extractions_extraction_is_kept ON extractions_extraction;
DROP FUNCTION extractions_keep_extraction();
"""


class Migration(migrations.Migration):
    dependencies = [("extractions", "0001_extractions")]

    operations = [migrations.RunSQL(GUARDS, UNDO)]
