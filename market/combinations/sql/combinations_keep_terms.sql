-- What was agreed to stays as it was: a combination's terms are never changed, only its figures come later.
CREATE OR REPLACE FUNCTION combinations_keep_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'figures' <> to_jsonb(OLD) - 'figures' THEN
        RAISE EXCEPTION '%: the terms of a combination are never changed or deleted', TG_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER combinations_combination_keeps_its_terms BEFORE UPDATE OR DELETE ON combinations_combination
    FOR EACH ROW EXECUTE FUNCTION combinations_keep_terms();
