-- The versions that may not be used: those of a plug-in that is taken down, and what was combined from them.
CREATE OR REPLACE VIEW catalog_barredversion AS
WITH RECURSIVE barred(version_id) AS (
    SELECT version.id FROM catalog_pluginversion version JOIN catalog_plugin plugin ON plugin.id = version.plugin_id
     WHERE plugin.taken_down_at IS NOT NULL
    UNION
    SELECT part.version_id FROM barred JOIN catalog_pluginpart part ON part.part_id = barred.version_id
)
SELECT version_id FROM barred;
