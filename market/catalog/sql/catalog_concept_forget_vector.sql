-- A vector says what a concept's names, kind and description mean. When one of those changes it goes, and the use case or the next
-- sweep makes another.
CREATE OR REPLACE FUNCTION catalog_concept_forget_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM catalog_conceptvector WHERE concept_id = NEW.id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER catalog_concept_forgets_its_vector AFTER UPDATE ON catalog_concept
    FOR EACH ROW WHEN ((OLD.name, OLD.aliases, OLD.kind, OLD.description) IS DISTINCT FROM (NEW.name, NEW.aliases, NEW.kind, NEW.description))
    EXECUTE FUNCTION catalog_concept_forget_vector();
