-- What a base model's fee was, and whether it was on offer, is noted when either changes.
CREATE OR REPLACE FUNCTION basemodels_note_past_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO basemodels_pastfee (base_id, micros, offered, until)
        VALUES (OLD.id, OLD.fee_micros, OLD.listed, clock_timestamp());
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER basemodels_basemodel_notes_past_fees AFTER UPDATE OF fee_micros, listed ON basemodels_basemodel
    FOR EACH ROW
    WHEN (OLD.fee_micros <> NEW.fee_micros OR OLD.listed <> NEW.listed)
    EXECUTE FUNCTION basemodels_note_past_fee();
