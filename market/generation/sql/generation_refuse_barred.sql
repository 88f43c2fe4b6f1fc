-- No request uses a version that is taken down, or was combined from one: also where somebody writes it by hand.
CREATE OR REPLACE FUNCTION generation_refuse_barred() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM catalog_barredversion WHERE version_id = NEW.version_id) THEN
        RAISE EXCEPTION 'generation_plugin_is_not_taken_down: version % may not be used', NEW.version_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'generation_plugin_is_not_taken_down';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER generation_plugin_is_not_taken_down BEFORE INSERT OR UPDATE ON generation_requestplugin
    FOR EACH ROW EXECUTE FUNCTION generation_refuse_barred();
