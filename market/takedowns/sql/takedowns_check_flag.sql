-- The other side of takedowns_check_takedown.
CREATE OR REPLACE FUNCTION takedowns_check_flag() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM takedowns_check_plugin(NEW.id);
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS takedowns_plugin_is_down_while_one_is_open ON catalog_plugin;
CREATE CONSTRAINT TRIGGER takedowns_plugin_is_down_while_one_is_open AFTER UPDATE OF taken_down_at ON catalog_plugin
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.taken_down_at IS DISTINCT FROM OLD.taken_down_at)
    EXECUTE FUNCTION takedowns_check_flag();
