-- The parts of a combination are never changed. The function is the catalogue's.
CREATE OR REPLACE TRIGGER combinations_part_is_immutable BEFORE UPDATE OR DELETE ON combinations_combinationpart
    FOR EACH ROW EXECUTE FUNCTION catalog_refuse_change();
