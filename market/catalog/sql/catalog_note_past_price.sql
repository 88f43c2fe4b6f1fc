-- What a plug-in's own price was, and whether its artist offered it, is noted when either changes.
CREATE OR REPLACE FUNCTION catalog_note_past_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_pastpluginprice (plugin_id, micros, offered, until)
        VALUES (OLD.id, OLD.price_micros, OLD.state = 'published', clock_timestamp());
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER catalog_plugin_notes_past_prices AFTER UPDATE OF price_micros, state ON catalog_plugin
    FOR EACH ROW
    WHEN (OLD.price_micros <> NEW.price_micros OR OLD.state <> NEW.state)
    EXECUTE FUNCTION catalog_note_past_price();
