-- Pictures are of the claimant's own works, and stay as they were measured. A work that is deleted leaves its copy in the
-- claim, without the way back to it.
CREATE OR REPLACE FUNCTION claims_check_picture() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'work_id' <> to_jsonb(OLD) - 'work_id' OR NEW.work_id IS NOT NULL THEN
            RAISE EXCEPTION 'claims_claimpicture_stays: a picture of a claim is not changed'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM claims_claim WHERE id = coalesce(NEW.claim_id, OLD.claim_id)
                   AND state IN ('draft', 'submitted')) THEN
        RAISE EXCEPTION 'claims_claimpicture_before_the_evidence: what was measured stays as it was'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.work_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM catalog_work w JOIN claims_claim c ON c.claimant_id = w.artist_id
        WHERE w.id = NEW.work_id AND c.id = NEW.claim_id AND (NEW.sort = 'control' OR w.concept_id = c.concept_id)
    ) THEN
        RAISE EXCEPTION 'claims_claimpicture_of_the_claimants_own_work: the work is not one of the claim''s concept'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER claims_claimpicture_is_checked BEFORE INSERT OR UPDATE OR DELETE ON claims_claimpicture
    FOR EACH ROW EXECUTE FUNCTION claims_check_picture();
