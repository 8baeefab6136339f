"""Talks to the embedded endpoint with clickhouse-connect as it is used with a server. Run by clickhouse_connect.rs."""

import datetime
import os
import sys
import uuid

sys.path.pop(0)  # This file's folder, where this file would be found under the client's own name.
import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

access = dict(
    host=os.environ["PEAL_TEST_HOST"],
    port=int(os.environ["PEAL_TEST_PORT"]),
    username=os.environ["PEAL_TEST_USER"],
    password=os.environ["PEAL_TEST_PASSWORD"],
)
client = clickhouse_connect.get_client(**access)
assert client.server_version.startswith("26."), client.server_version

client.command(
    """CREATE TABLE thing (
        id UUID, number UInt64, text String, kind LowCardinality(String), at DateTime64(6, 'UTC'),
        maybe Nullable(UInt32), parts Array(Tuple(name String, size UInt16))
    ) ENGINE = MergeTree ORDER BY number"""
)
at = datetime.datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=datetime.timezone.utc)
rows = [
    [uuid.UUID(int=n), n, "a\n\nb\x00%d" % n, "even" if n % 2 == 0 else "odd", at, None if n % 3 else n, [("p", n % 7)]]
    for n in range(100_000)
]
names = ["id", "number", "text", "kind", "at", "maybe", "parts"]
summary = client.insert("thing", rows, column_names=names)
assert summary.written_rows == len(rows), summary.summary

result = client.query("SELECT * FROM thing ORDER BY number")
assert result.row_count == len(rows), result.row_count
assert result.column_names == tuple(names)
for got, sent in zip(result.result_rows, rows):
    assert got[0] == sent[0] and got[1] == sent[1] and got[2] == sent[2] and got[3] == sent[3], (got, sent)
    assert got[4].replace(tzinfo=datetime.timezone.utc) == at and got[5] == sent[5], (got, sent)

# Parameters are bound by the engine, not by text.
bound = client.query(
    "SELECT count() FROM thing WHERE kind = {kind:String} AND number < {n:UInt64}", parameters={"kind": "o'dd", "n": 10}
)
assert bound.first_row == (0,)
bound = client.query("SELECT count() FROM thing WHERE kind = %(kind)s AND number < 10", parameters={"kind": "odd"})
assert bound.first_row == (5,)

assert client.command("SELECT max(number) FROM thing") == 99_999
assert client.raw_query("SELECT 1 AS one", fmt="JSONCompact").count(b"one") == 1
assert client.query("SELECT number FROM thing", settings={"max_block_size": 1000}).row_count == 100_000
with client.query_row_block_stream("SELECT number FROM thing ORDER BY number") as stream:
    assert sum(row[0] for block in stream for row in block) == 99_999 * 50_000

try:
    client.query("SELECT nothing FROM thing")
    raise AssertionError("a wrong query passed")
except DatabaseError as error:
    assert "UNKNOWN_IDENTIFIER" in str(error) or "Code: 47" in str(error) or "code: 47" in str(error), error

try:
    clickhouse_connect.get_client(**{**access, "password": "wrong"})
    raise AssertionError("a wrong password passed")
except DatabaseError as error:
    assert "516" in str(error) or "AUTHENTICATION" in str(error).upper(), error

client.close()
print("all is well")
