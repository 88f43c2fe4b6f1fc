-- What a token is known by and may do never changes; one that was revoked stays so.
CREATE OR REPLACE FUNCTION accounts_guard_apitoken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION '%: a token is revoked, never deleted', TG_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.person_id, OLD.name, OLD.scopes, OLD.digest, OLD.ending, OLD.created_at, OLD.expires_at)
        IS DISTINCT FROM (NEW.person_id, NEW.name, NEW.scopes, NEW.digest, NEW.ending, NEW.created_at, NEW.expires_at)
    THEN
        RAISE EXCEPTION '%: what a token is and may do never changes', TG_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION '%: a revoked token stays revoked', TG_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER accounts_apitoken_guard BEFORE UPDATE OR DELETE ON accounts_apitoken
    FOR EACH ROW EXECUTE FUNCTION accounts_guard_apitoken();
