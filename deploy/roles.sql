-- Run once by the database's image, as its superuser, when the volume is new: the market's two roles and its database.
-- market_owner owns the tables and migrates. market is what the application connects as: no superuser, owner of nothing, and
-- it writes the ledger through functions alone (manage.py ledger_role, which the service `prepare` runs).
\getenv owner_password DATABASE_OWNER_PASSWORD
\getenv password DATABASE_PASSWORD
CREATE ROLE market_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE market LOGIN PASSWORD :'password';
CREATE DATABASE market OWNER market_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE CONNECT ON DATABASE market FROM PUBLIC;
GRANT CONNECT ON DATABASE market TO market;
\connect market
ALTER SCHEMA public OWNER TO market_owner;
CREATE EXTENSION citext;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION vector;
