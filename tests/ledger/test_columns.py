"""What is tested: `quarterdeck.ledger.columns`: figures that come back as they went in, from either database."""

from decimal import Decimal

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, text

from quarterdeck.ledger.columns import Figure, Units, figure
from quarterdeck.ledger.database import Database

WHOLE = (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**255 + 1, 10**77)
DECIMALS = ("0", "-0.00000001", "1.10", "123456789012345678901234567890.123456789012345678", "1E+3", "0.1", "7")
SAMPLE = Table(
    "sample", MetaData(), Column("place", Integer, primary_key=True), Column("units", Units), Column("figure", Figure)
)


def test_figures_are_exact(ledger_url: str) -> None:
    database = Database(ledger_url)
    rows = [{"place": n, "units": w, "figure": Decimal(d)} for n, (w, d) in enumerate(zip(WHOLE, DECIMALS))]  # noqa: B905 - as far as both reach
    rows += [{"place": 100 + n, "units": whole, "figure": None} for n, whole in enumerate(WHOLE)]
    rows += [{"place": 200, "units": None, "figure": None}]
    with database.writing("sample") as line:
        SAMPLE.create(line)
        database.insert(line, SAMPLE, rows)
    with database.reading() as line:
        found = {row.place: (row.units, row.figure) for row in line.execute(SAMPLE.select())}
        total = line.execute(SAMPLE.select().with_only_columns(database.exact_sum(SAMPLE.c.units))).scalar()
    assert found == {row["place"]: (row["units"], row["figure"]) for row in rows}
    for decimal, (_, read) in zip(DECIMALS, found.values(), strict=False):
        assert f"{read:f}" == f"{Decimal(decimal):f}"  # trailing zeros too
    assert total == sum(row["units"] for row in rows if row["units"] is not None)


def test_sqlite_keeps_whole_numbers_whole(tmp_path: object) -> None:
    database = Database(f"sqlite:///{tmp_path}/sample.sqlite")
    with database.writing("sample") as line:
        SAMPLE.create(line)
        database.insert(line, SAMPLE, [{"place": 1, "units": 2**62, "figure": None}])
        database.insert(line, SAMPLE, [{"place": 2, "units": 2**64, "figure": None}])
    with database.reading() as line:
        kinds = line.execute(text("SELECT typeof(units) FROM sample ORDER BY place")).scalars().all()
    assert kinds == ["integer", "text"]


@pytest.mark.parametrize(
    ("units", "exponent", "shown"),
    [
        (5, -8, "0.00000005"),
        (-120, -2, "-1.20"),
        (7, 0, "7"),
        (7, 3, "7000"),
        (2**255, -18, f"{2**255}"[:-18] + "." + f"{2**255}"[-18:]),
    ],
)
def test_figure(units: int, exponent: int, shown: str) -> None:
    found = figure(units, exponent)
    assert f"{found:f}" == shown
