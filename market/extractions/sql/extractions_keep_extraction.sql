-- What was made and decided is never changed; what was approved may be taken back.
CREATE OR REPLACE FUNCTION extractions_keep_extraction() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF OLD.state IN ('approved', 'taken_back', 'discarded', 'failed') AND
       (OLD.decided_at, OLD.decided_by_id, OLD.reason, OLD.missed, OLD.concept_id)
       IS DISTINCT FROM (NEW.decided_at, NEW.decided_by_id, NEW.reason, NEW.missed, NEW.concept_id)
       OR OLD.state IN ('taken_back', 'discarded', 'failed') AND
       (OLD.state, OLD.taken_back_at, OLD.taken_back_by_id, OLD.taken_back_because)
       IS DISTINCT FROM (NEW.state, NEW.taken_back_at, NEW.taken_back_by_id, NEW.taken_back_because)
       OR OLD.state = 'approved' AND NEW.state NOT IN ('approved', 'taken_back') THEN
        RAISE EXCEPTION 'extraction %: what was decided is never changed', OLD.id
            USING ERRCODE = 'restrict_violation', HINT = 'What was approved can be taken back.';
    END IF;
    IF NEW.state = 'taken_back' AND OLD.state NOT IN ('approved', 'taken_back') THEN
        RAISE EXCEPTION 'extraction %: only what was approved is taken back', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.version_id IS NOT NULL AND NEW.version_id IS DISTINCT FROM OLD.version_id THEN
        RAISE EXCEPTION 'extraction %: its plug-in version is never changed', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER extractions_extraction_is_kept BEFORE UPDATE OR DELETE ON extractions_extraction
    FOR EACH ROW EXECUTE FUNCTION extractions_keep_extraction();
