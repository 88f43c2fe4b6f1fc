-- A version says how many parts it has, so that none can be left out, or added once it was sold.
CREATE OR REPLACE FUNCTION catalog_check_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT v.id, v.parts_count, (SELECT count(*) FROM catalog_pluginpart p WHERE p.version_id = v.id) AS found INTO wrong
      FROM catalog_pluginversion v
     WHERE v.id = (to_jsonb(NEW) ->> TG_ARGV[0])::bigint;
    IF wrong.found <> wrong.parts_count THEN
        RAISE EXCEPTION 'catalog_part_is_counted_by_its_version: version % says % parts, there are %',
            wrong.id, wrong.parts_count, wrong.found
            USING ERRCODE = 'check_violation', CONSTRAINT = 'catalog_part_is_counted_by_its_version';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS catalog_pluginversion_counts_its_parts ON catalog_pluginversion;
CREATE CONSTRAINT TRIGGER catalog_pluginversion_counts_its_parts AFTER INSERT ON catalog_pluginversion
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalog_check_parts('id');
DROP TRIGGER IF EXISTS catalog_pluginpart_is_counted ON catalog_pluginpart;
CREATE CONSTRAINT TRIGGER catalog_pluginpart_is_counted AFTER INSERT ON catalog_pluginpart
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION catalog_check_parts('version_id');
