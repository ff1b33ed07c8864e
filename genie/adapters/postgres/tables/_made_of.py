"""What the tables are made of."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    Interval,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()


def words(values: Iterable[Enum]) -> str:
    """The values of an Enum as a list for SQL."""
    return ", ".join(f"'{value.value}'" for value in values)


def one_of(column: str, values: type[Enum], table: str) -> CheckConstraint:
    return CheckConstraint(f"{column} in ({words(values)})", name=f"{table}_{column}")


def key(table: str, *columns: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*columns, name=f"{table}_pkey")


def to(table: str, column: str, target: str) -> ForeignKeyConstraint:
    """Deferred: an agent, its session and its run point at each other."""
    circular = table == "agents" and column in ("session_id", "run_id")
    return ForeignKeyConstraint(
        [column],
        [target],
        name=f"{table}_{column}_fkey",
        deferrable=True,
        initially="DEFERRED",
        use_alter=circular,
    )


def need(name: str, kind: type[Text | Boolean | Integer | SmallInteger | BigInteger | Interval]) -> Column[object]:
    return Column(name, kind(), nullable=False)


def maybe(name: str, kind: type[Text | Integer | SmallInteger]) -> Column[object]:
    return Column(name, kind(), nullable=True)


def uuid(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Uuid(), nullable=null)


def time(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=null)


def texts(name: str) -> Column[object]:
    return Column(name, ARRAY(Text()), nullable=False)
