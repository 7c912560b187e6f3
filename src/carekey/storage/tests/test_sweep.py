"""What a week leaves behind."""

import re

from carekey.storage.sql.dialect import SQLITE
from carekey.storage.sql.schema import metadata
from carekey.storage.sql.transaction import _SweepSql


def test_every_table_whose_rows_end_is_swept() -> None:
    ending = {table.name for table in metadata.sorted_tables if {"expires_at", "until"} & set(table.columns.keys())}
    swept = {name for sql in SQLITE.prepared(_SweepSql).expired for name in re.findall(r"DELETE FROM (\w+)", sql)}
    assert ending - swept == set()
