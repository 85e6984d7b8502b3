-- The user that Tocsin reads SigNoz's ClickHouse as. Run it as an administrator of that ClickHouse, with a password of
-- your own, and put the password into the file that sources.signoz.password_file names.
--
-- readonly = 2 lets a query set its own time limit and changes nothing else. With readonly = 1 every query with a deadline
-- is refused (code 164). Without access management the same goes into a file in users.d.

CREATE SETTINGS PROFILE IF NOT EXISTS tocsin_reader SETTINGS
    readonly = 2,
    max_execution_time = 20,
    max_memory_usage = 2000000000,
    max_threads = 4,
    max_bytes_to_read = 50000000000,
    max_result_rows = 1000000,
    result_overflow_mode = 'throw',
    priority = 10;

CREATE USER IF NOT EXISTS tocsin IDENTIFIED WITH sha256_password BY 'choose-a-password' SETTINGS PROFILE 'tocsin_reader';

GRANT SELECT ON signoz_traces.* TO tocsin;
GRANT SELECT ON system.columns TO tocsin;
GRANT SELECT ON system.settings TO tocsin;

-- Where spans are written by the contrib exporter instead of SigNoz's, grant its database:
-- GRANT SELECT ON otel.* TO tocsin;
