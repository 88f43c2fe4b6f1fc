-- A version that stands in for another on a release is of the same plug-in, and of the release's weights.
CREATE OR REPLACE FUNCTION catalog_keep_version_on_release() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a version on a release is never changed: delete it, and put another in its place'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (
        SELECT FROM catalog_pluginversion replaced
          JOIN catalog_pluginversion version ON version.plugin_id = replaced.plugin_id
          JOIN catalog_plugin plugin ON plugin.id = version.plugin_id
          JOIN basemodels_baserelease release ON release.base_id = plugin.base_id
         WHERE replaced.id = NEW.replaced_id AND version.id = NEW.version_id AND release.id = NEW.release_id
           AND version.base_fingerprint = release.fingerprint
    ) THEN
        RAISE EXCEPTION 'a version on a release has to be of the same plug-in, and made for the weights of the release'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER catalog_versiononrelease_is_of_its_plugin BEFORE INSERT OR UPDATE ON catalog_versiononrelease
    FOR EACH ROW EXECUTE FUNCTION catalog_keep_version_on_release();
