-- A part of a build gets its plug-in's file once, and is otherwise never changed.
CREATE OR REPLACE FUNCTION extractions_keep_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.plugin_file = '' AND OLD.build_id = NEW.build_id AND OLD.extraction_id = NEW.extraction_id THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'part % of build %: never changed or deleted', OLD.position, OLD.build_id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER extractions_buildpart_is_kept BEFORE UPDATE OR DELETE ON extractions_buildpart
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_part();
