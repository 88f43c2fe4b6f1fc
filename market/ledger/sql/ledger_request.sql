-- What was asked for under a key, as a hash.
CREATE OR REPLACE FUNCTION ledger_request(VARIADIC parts text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(sha256(convert_to(array_to_json(parts)::text, 'UTF8')), 'hex')
$$;
