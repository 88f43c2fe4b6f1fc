-- What a concept is found by. Names are kept both whole ("simple") and as English words, so that "Foxes" is found by "fox" and
-- a made-up name by itself. They are also kept as they are, one beside the other, so that misspelt ones are found.
CREATE OR REPLACE FUNCTION catalog_concept_search_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_document :=
        setweight(to_tsvector('simple', NEW.name), 'A') ||
        setweight(to_tsvector('english', NEW.name), 'A') ||
        setweight(to_tsvector('simple', array_to_string(NEW.aliases, ' ')), 'B') ||
        setweight(to_tsvector('english', array_to_string(NEW.aliases, ' ')), 'B') ||
        setweight(to_tsvector('english', NEW.kind || ' ' || NEW.description), 'C');
    NEW.search_names := array_to_string(NEW.name || NEW.aliases, ' | ');
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER catalog_concept_keeps_its_search_document BEFORE INSERT OR UPDATE ON catalog_concept
    FOR EACH ROW EXECUTE FUNCTION catalog_concept_search_document();
