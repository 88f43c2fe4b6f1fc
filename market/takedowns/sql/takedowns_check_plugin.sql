-- A plug-in is down exactly while a takedown of it is open.
CREATE OR REPLACE FUNCTION takedowns_check_plugin(plugin bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT taken_down_at IS NOT NULL FROM catalog_plugin WHERE id = plugin)
       IS DISTINCT FROM EXISTS (SELECT FROM takedowns_takedown WHERE plugin_id = plugin AND state <> 'restored') THEN
        RAISE EXCEPTION 'takedowns_plugin_is_down_while_one_is_open: plug-in %', plugin
            USING ERRCODE = 'restrict_violation', HINT = 'Take it down, or restore it, with market.takedowns.taking_down.';
    END IF;
END $$;
