"""What the claims' tables promise and Django's constraints cannot say: whose concept and works, and what is only added to."""

from django.db import migrations

OWNERSHIP = """
ALTER TABLE claims_claim
    ADD CONSTRAINT claims_claim_concept_is_the_claimants
    FOREIGN KEY (concept_id, claimant_id) REFERENCES catalog_concept (id, artist_id);
"""
UNDO_OWNERSHIP = "ALTER TABLE claims_claim DROP CONSTRAINT claims_claim_concept_is_the_claimants"

ONLY_ADDED_TO = ("claimstep", "claimmessage", "notice", "counternotice", "evidencereport", "evidencepair")

FUNCTION = """
CREATE FUNCTION claims_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: it is only added to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'What was said and measured in a claim stays as it was.';
END $$;
"""
GUARDS = FUNCTION + "".join(
    f"CREATE TRIGGER claims_{table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON claims_{table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION claims_refuse_change();\n"
    for table in ONLY_ADDED_TO
)
UNDO_GUARDS = (
    "".join(f"DROP TRIGGER claims_{table}_only_added ON claims_{table};\n" for table in ONLY_ADDED_TO)
    + "DROP FUNCTION claims_refuse_change();"
)

# A work that is deleted leaves its copy in the claim, without the way back to it.
PICTURES = """
CREATE FUNCTION claims_check_picture() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER claims_claimpicture_is_checked BEFORE INSERT OR UPDATE OR DELETE ON claims_claimpicture
    FOR EACH ROW EXECUTE FUNCTION claims_check_picture();
"""
UNDO_PICTURES = """
DROP TRIGGER claims_claimpicture_is_checked ON claims_claimpicture;
DROP FUNCTION claims_check_picture();
"""


class Migration(migrations.Migration):
    dependencies = [("claims", "0002_claims"), ("catalog", "0002_guards")]

    operations = [
        migrations.RunSQL(OWNERSHIP, UNDO_OWNERSHIP),
        migrations.RunSQL(GUARDS, UNDO_GUARDS),
        migrations.RunSQL(PICTURES, UNDO_PICTURES),
    ]
