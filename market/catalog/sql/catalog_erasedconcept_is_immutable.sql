-- The function is in catalog_refuse_change.sql.
CREATE OR REPLACE TRIGGER catalog_erasedconcept_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON catalog_erasedconcept
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_refuse_change();
