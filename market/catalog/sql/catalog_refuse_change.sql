-- What was made, sold or affirmed is never changed. A trigger of the app combinations uses this function, too.
CREATE OR REPLACE FUNCTION catalog_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: a row of % is never changed or deleted', TG_NAME, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER catalog_pluginversion_is_immutable BEFORE UPDATE OR DELETE ON catalog_pluginversion
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
CREATE OR REPLACE TRIGGER catalog_pluginsample_is_immutable BEFORE UPDATE OR DELETE ON catalog_pluginsample
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
CREATE OR REPLACE TRIGGER catalog_rightsaffirmation_is_immutable BEFORE UPDATE OR DELETE ON catalog_rightsaffirmation
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
CREATE OR REPLACE TRIGGER catalog_coownerterms_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON catalog_coownerterms
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();
CREATE OR REPLACE TRIGGER catalog_pluginpart_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON catalog_pluginpart
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();
