-- Looked at when the transaction commits: a takedown writes both the takedown and the plug-in.
CREATE OR REPLACE FUNCTION takedowns_check_takedown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM takedowns_check_plugin(NEW.plugin_id);
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS takedowns_plugin_is_down_while_one_is_open ON takedowns_takedown;
CREATE CONSTRAINT TRIGGER takedowns_plugin_is_down_while_one_is_open AFTER INSERT OR UPDATE OF state ON takedowns_takedown
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.plugin_id IS NOT NULL)
    EXECUTE FUNCTION takedowns_check_takedown();
