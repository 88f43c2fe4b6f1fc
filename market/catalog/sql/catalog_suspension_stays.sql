-- A suspension is only ever lifted, once.
CREATE OR REPLACE FUNCTION catalog_suspension_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.lifted_at IS NULL
           AND to_jsonb(NEW) - '{lifted_at,lifted_by_id,lifted_because}'::text[]
             = to_jsonb(OLD) - '{lifted_at,lifted_by_id,lifted_because}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'catalog_suspension_is_only_lifted: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Lift it, or begin another.';
END $$;

CREATE OR REPLACE TRIGGER catalog_suspension_is_only_lifted BEFORE UPDATE OR DELETE ON catalog_suspension
    FOR EACH ROW EXECUTE FUNCTION catalog_suspension_stays();
CREATE OR REPLACE TRIGGER catalog_suspension_is_not_emptied BEFORE TRUNCATE ON catalog_suspension
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_suspension_stays();
